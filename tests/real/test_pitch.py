"""The pitch sheet on real history, run when XL_SMALLCAP_REAL_DATA names the folder."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import openpyxl
import pytest

from tests.real.conftest import AS_OF, FOLDER
from xl_smallcap.functions import RUSSELL_THESIS
from xl_smallcap.workbooks.book import prepare
from xl_smallcap.workbooks.pitch_sheet import Prints, make_pitch, pitch_bytes
from xl_smallcap.workbooks.sheets.inputs import PitchOptions

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
        made = make_pitch(PitchOptions(), AS_OF, tmp_path / "pitch.xlsx", Prints(), lambda *_: None)
        page = openpyxl.load_workbook(made.book, data_only=True)["Pitch"]
    shown = [str(c.value) for line in page.iter_rows() for c in line if c.value is not None]
    whole = " ".join(shown)
    assert shown[0] == "No call on small against large; no claim is decided."
    assert "growth +0.25 ± 0.38, inflation +0.47 ± 0.51, easing +0.48 ± 0.38; none clear after correction." in whole
    assert "Inflation: not clear on weeks (+0.47), days (-0.11) or months (+0.20); macro said +5.4%," in whole
    assert "59% (Growth without inflation), 58% (Rebound, then pause); base rate 50%; paths not told apart." in whole
    assert "Growth: even odds if cyclicals move -0.4% (-6.8 to +5.7)" in whole
    assert "5-year breakeven 2.24%: no level (beta uncertain)" in whole
    assert "All regime models agreeing on goldilocks (now 10% to 85%)" in whole
    assert "Scorecard: 6 of 10 tested" in whole
    assert "Untested, too few data: dispersion, shorts, valuation, estimates." in whole
    assert "payrolls 9 Jan -0.16 ± 0.07; CPI 13 Jan +0.18 ± 0.15; Fed 28 Jan 0.00 ± 0.15." in whole
    assert not any(cell.startswith("#") for cell in shown)
    assert "SAMPLE" not in whole


def test_what_has_no_number_of_its_day_is_not_tested() -> None:
    """Constituents end in 2022: a page without a day has no number from them."""
    prepare()
    data, _ = pitch_bytes(PitchOptions(), None, lambda *_: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page = openpyxl.load_workbook(io.BytesIO(data), data_only=True)["Pitch"]
    shown = [str(c.value) for line in page.iter_rows() for c in line if c.value is not None]
    assert any(cell.startswith("Untested, too few data: dispersion") for cell in shown)
    assert not any("Dispersion is above twice" in cell for cell in shown)
    assert not any("2022-12" in cell for cell in shown)
