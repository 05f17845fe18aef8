"""Data nobody can fit, through every host: the same error in each, never a number, never a hang."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hosts.conftest import Excel
from xl_smallcap import cli
from xl_smallcap.data.loading import load
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.store import Store
from xl_smallcap.hosts.libreoffice.office import Office
from xl_smallcap.hosts.libreoffice.package import package_files
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


def build(home: Path, change: Callable[[Series], Series] | None, cut: bool = False, empty: bool = False) -> None:
    store = Store(home / "store")
    if empty:
        home.mkdir()
        return
    source = load(store, "sample", lambda *_: None).snapshot
    if change is not None:
        series = change({n: source.series(n) for n in source.ids})
        made = store.add(series, source="folder", origins={}, frequencies={}, synthetic=False, loaded_at="")
        store.use(made.fingerprint)
    if cut:
        path = next(home.glob(f"store/objects/*/{source.entries['RUT'].object}.col"))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


HOMES: dict[str, tuple[dict[str, Any], str, str]] = {
    "constant factor": ({"change": constant}, "#NUM!", "'easing' does not change in this window"),
    "collinear factors": ({"change": collinear}, "#NUM!", "'inflation' and 'easing' move together exactly"),
    "window across a gap": ({"change": gap}, "#N/A", "reaches across a gap"),
    "missing series": ({"change": missing}, "#N/A", "no series 'DTWEXBGS'"),
    "series file cut in half": ({"change": None, "cut": True}, "#N/A", "load the data again to repair it"),
    "nothing loaded": ({"change": None, "empty": True}, "#N/A", "No data are loaded yet"),
}


@pytest.mark.libreoffice
@pytest.mark.parametrize("name", HOMES)
def test_the_same_error_everywhere(
    office: Office, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert office, "where LibreOffice is missing this is skipped with its reason"
    how, code, says = HOMES[name]
    home = tmp_path / "home"
    build(home, **how)
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(home))
    use_session(None)
    try:
        assert cli.main(["call", 'RUSSELL_BETA("growth")', "--json"]) == 1
        error = json.loads(capsys.readouterr().out)["error"]
        assert error["code"] == code
        assert says in error["message"]
    finally:
        use_session(None)
    excel = Excel(home)
    try:
        assert excel.ask("RUSSELL_BETA", ["growth"]) == f"\x01{code}"
        assert excel.ask("RUSSELL_BETAS", []) == f"\x01{code}"
        assert says in excel.ask("RUSSELL_WHY", ['=RUSSELL_BETA("growth")'])
    finally:
        excel.close()
    environment = {"XL_SMALLCAP_HOME": str(home), "XL_SMALLCAP_SERVER_IDLE_MINUTES": "1"}
    with Office(extension=package_files(home), environment=environment) as calc:
        sheet = calc.do("new")
        typed = [['=RUSSELL_BETA("growth")'], ["=RUSSELL_BETAS()"], ['=RUSSELL_WHY("=RUSSELL_BETA(""growth"")")']]
        calc.do("type", sheet, 0, "A1:A3", typed)
        shown = [row[0] for row in calc.do("read", sheet, 0, "A1:A3")]
    assert shown[:2] == [{"error": code}] * 2
    assert says in shown[2]
    assert os.environ["XL_SMALLCAP_HOME"] == str(home)
