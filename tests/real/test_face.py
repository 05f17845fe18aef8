"""The Python face on real data: every method's frame is its function's table, estimators give the cells' numbers."""

from __future__ import annotations

import pytest

import xl_smallcap as xs
from tests.face.test_estimators import check_cells
from tests.face.test_questions import check_every_method
from tests.real.conftest import FOLDER
from xl_smallcap.data.loading import LoadReport
from xl_smallcap.face import Data

pytestmark = pytest.mark.skipif(not FOLDER, reason="XL_SMALLCAP_REAL_DATA is not set: no real data to check on")


@pytest.fixture
def real(report: LoadReport) -> Data:
    return xs.open(home=report.snapshot.root.parent)


def test_every_method_answers_as_its_function(real: Data) -> None:
    assert check_every_method(real, "2022-12-30") >= 20


def test_factor_regression_gives_the_cells_numbers(real: Data) -> None:
    check_cells(real)
