"""The folder of real history, loaded once a file of tests; nothing of it is in the repository."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import LoadReport, load
from xl_smallcap.data.store import Store
from xl_smallcap.session import Session, use_session

FOLDER = os.environ.get("XL_SMALLCAP_REAL_DATA")
AS_OF = "2025-12-24"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> LoadReport:
    if FOLDER is None:
        pytest.skip("XL_SMALLCAP_REAL_DATA is not set: no real data to check on")
    home = tmp_path_factory.mktemp("real")
    return load(Store(home / "store"), FOLDER, lambda *_: None)


@pytest.fixture(autouse=True)
def _real(report: LoadReport) -> Iterator[None]:
    use_session(Session(load_settings(report.snapshot.root.parent)))
    yield
    use_session(None)
