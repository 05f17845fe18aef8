"""Data nobody can fit, through every host: the same error in each, never a number, never a hang."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hosts.conftest import Excel
from xl_smallcap import cli
from xl_smallcap.data.atomic import write_atomic
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.store import Store
from xl_smallcap.office.office import Office
from xl_smallcap.session import use_session

Series = dict[str, SeriesData]


def constant(series: Series) -> Series:
    values = series["DGS2"].values.copy()
    values[-400:] = 3.5
    return {**series, "DGS2": SeriesData.build(series["DGS2"].dates, values)}


def collinear(series: Series) -> Series:
    days, values = series["T5YIE"].dates, series["T5YIE"].values
    return {**series, "DGS2": SeriesData.build(days, 10.0 - 2.0 * values)}


def gap(series: Series) -> Series:
    oil = series["DCOILWTICO"]
    keep = (oil.dates < np.datetime64("2025-03-03")) | (oil.dates > np.datetime64("2025-06-02"))
    return {**series, "DCOILWTICO": SeriesData.build(oil.dates[keep], oil.values[keep])}


def missing(series: Series) -> Series:
    return {k: v for k, v in series.items() if k != "DTWEXBGS"}


def slightly_other(series: Series) -> Series:
    """A series of content no other snapshot has, so that its file can be cut."""
    return {**series, "RUT": SeriesData.build(series["RUT"].dates, series["RUT"].values * 1.5)}


@contextmanager
def snapshot_of(store: Store, change: Callable[[Series], Series] | None, cut: bool = False) -> Iterator[None]:
    """Make changed data CURRENT for a while, in the home all hosts work in; None takes CURRENT away."""
    good = store.open()
    pointer = store.root / "CURRENT"
    try:
        if change is None:
            pointer.unlink()
        else:
            series = change({n: good.series(n) for n in good.ids})
            made = store.add(series, source="folder", synthetic=False, loaded_at="")
            store.use(made.fingerprint)
            if cut:
                path = next(store.root.glob(f"objects/*/{made.entries['RUT'].object}.col"))
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        time.sleep(0.6)  # hosts look twice a second whether CURRENT moved
        yield
    finally:
        write_atomic(pointer, good.fingerprint.encode())
        time.sleep(0.6)
        use_session(None)


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "constant factor": ({"change": constant}, "#NUM!", "'easing' does not change in this window"),
    "collinear factors": ({"change": collinear}, "#NUM!", "'inflation' and 'easing' move together exactly"),
    "window across a gap": ({"change": gap}, "#N/A", "reaches across a gap"),
    "missing series": ({"change": missing}, "#N/A", "no series 'DTWEXBGS'"),
    "series file cut in half": ({"change": slightly_other, "cut": True}, "#N/A", "load the data again to repair it"),
    "nothing loaded": ({"change": None}, "#N/A", "No data are loaded yet"),
}


HAVE_ROWS = {(change, "RUSSELL_FAIR_VALUE_HISTORY") for change in (constant, gap, collinear)}
"""A history answers where some of its windows can be fitted; the others are #N/A in it."""


@pytest.mark.libreoffice
@pytest.mark.parametrize("name", BAD)
def test_the_same_error_everywhere(
    office: Office, excel: Excel, sample_home: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    how, code, says = BAD[name]
    use_session(None)
    with snapshot_of(Store(sample_home / "store"), **how):
        assert cli.main(["call", 'RUSSELL_BETA("growth")', "--json"]) == 1
        error = json.loads(capsys.readouterr().out)["error"]
        assert error["code"] == code
        assert says in error["message"]
        assert excel.ask("RUSSELL_BETA", ["growth"]) == f"\x01{code}"
        assert excel.ask("RUSSELL_BETAS", []) == f"\x01{code}"
        for function in ("RUSSELL_ATTRIBUTION", "RUSSELL_FAIR_VALUE", "RUSSELL_FAIR_VALUE_HISTORY"):
            if (how.get("change"), function) not in HAVE_ROWS:
                assert excel.ask(function, []) == f"\x01{code}", function
        assert excel.ask("RUSSELL_METHODS", ["growth"]) == f"\x01{code}"
        assert says in excel.ask("RUSSELL_WHY", ['=RUSSELL_BETA("growth")'])
        sheet = office.do("new")
        typed = [['=RUSSELL_BETA("growth")'], ["=RUSSELL_BETAS()"], ['=RUSSELL_WHY("=RUSSELL_BETA(""growth"")")']]
        office.do("type", sheet, 0, "A1:A3", typed)
        shown = [row[0] for row in office.do("read", sheet, 0, "A1:A3")]
        assert shown[:2] == [{"error": code}] * 2
        assert says in shown[2]
    office.do("recalculate", sheet)
    again = [row[0] for row in office.do("read", sheet, 0, "A1:A3")]
    office.do("close", sheet)
    assert isinstance(again[0], float), "and the good snapshot answers again"
    assert isinstance(excel.ask("RUSSELL_BETA", ["growth"]), float)
