"""The pitch sheet on real history, run when XL_SMALLCAP_REAL_DATA names the folder."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import openpyxl
import pytest

from tests.conftest import num
from tests.real.conftest import AS_OF, FOLDER
from xl_smallcap.functions import RUSSELL_FAIR_VALUE, RUSSELL_THESIS
from xl_smallcap.workbooks.book import prepare
from xl_smallcap.workbooks.pitch_sheet import make_pitch, pitch_bytes
from xl_smallcap.workbooks.sheets.pitch import PitchOptions

pytestmark = pytest.mark.skipif(not FOLDER, reason="XL_SMALLCAP_REAL_DATA is not set: no real data to check on")


def test_the_pitch_sheet_of_christmas_eve_says_what_the_numbers_say(tmp_path: Path) -> None:
    """By rules fixed beforehand no claim is supported or contradicted as a whole; the page says so, and no error."""
    table = RUSSELL_THESIS(AS_OF)
    row = {(r[0], r[1], r[3]): r for r in table[1:]}
    assert row["Growth is positive", "daily", "beta growth"][8] == "supported"
    assert row["Easing is positive", "daily", "beta easing"][8] == "unclear"
    assert row["Inflation is negative", "monthly", "beta inflation"][8] == "unclear"
    prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = make_pitch(PitchOptions(), AS_OF, tmp_path / "pitch.xlsx", None, lambda *_: None)
        page = openpyxl.load_workbook(made.book, data_only=True)["Pitch"]
    shown = [str(c.value) for line in page.iter_rows() for c in line if c.value is not None]
    whole = " ".join(shown)
    assert "Of 10 claims of the thesis the data decide none." in whole
    assert "Daily and weekly betas do not clearly differ in sign." in whole, (
        "or do not differ by more than their errors"
    )
    assert not any(cell.startswith("#") for cell in shown)
    beaten = 1.0 - num(RUSSELL_FAIR_VALUE("relative", "noise_percentile", 250, AS_OF, "levels"))
    assert 0.3 < beaten < 0.5
    assert f"is beaten by {beaten:.0%} of random walks" in whole
    assert "Goldilocks in three months: 48%, four models from 10% to 85%" in whole
    assert "For the month itself it scored 0.09 (Brier), last month's regime alone 0.05." in whole
    assert "SAMPLE" not in whole


def test_numbers_much_older_than_the_page_say_so() -> None:
    """Constituents end in 2022: a page without a day has no number from them, one of that year has."""
    prepare()
    data, _ = pitch_bytes(PitchOptions(), None, lambda *_: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page = openpyxl.load_workbook(io.BytesIO(data), data_only=True)["Pitch"]
    shown = [str(c.value) for line in page.iter_rows() for c in line if c.value is not None]
    k = next(k for k, cell in enumerate(shown) if cell.startswith("Dispersion is more than twice"))
    assert shown[k + 1] == "no data"
    assert not any("2022-12" in cell for cell in shown)
    assert not any(cell.endswith(", of 2025-12-16") for cell in shown), "a fortnight is no age"
