from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from xl_smallcap import cli
from xl_smallcap.hosts import doctor
from xl_smallcap.hosts.excel import settings
from xl_smallcap.hosts.excel.attach import attach
from xl_smallcap.session import Session
from xl_smallcap.workbooks.book import build_workbook

EXCEL = {
    ("HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\App Paths\\excel.exe", ""): "C:\\Office\\EXCEL.EXE",
    ("HKCR\\Excel.Application\\CurVer", ""): "Excel.Application.16",
    ("HKLM\\SOFTWARE\\Microsoft\\Office\\ClickToRun\\Configuration", "Platform"): "x64",
}
POLICY = "HKCU\\Software\\Policies\\Microsoft\\Office\\16.0\\Excel\\Security"


def by_name(values: dict[tuple[str, str], Any], book: Path | None = None) -> dict[str, doctor.Finding]:
    return {f.what: f for f in doctor.examine(book, lambda key, name: values.get((key, name)))}


def test_here(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--json"]) in (0, 1)
    found = {f["what"]: f for f in json.loads(capsys.readouterr().out)}
    assert found["Python"]["mark"] == "ok"
    assert "SAMPLE (synthetic)" in found["Data"]["found"]
    assert {"Excel", "LibreOffice", "Packages"} <= set(found)
    cli.main(["doctor"])
    assert "Python:" in capsys.readouterr().out


def test_a_windows_desk(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    found = by_name(EXCEL)
    assert found["Excel"].found == "version 16, x64, C:\\Office\\EXCEL.EXE"
    assert found["xlwings' DLL"].mark == "BAD"
    assert found["Excel settings"].advice == "Run 'xl-smallcap excel install' once."
    assert found["Macros"].mark == "ok"
    settings.write_settings(tmp_path)
    assert by_name(EXCEL)["Excel settings"].mark == "ok"
    settings.write_settings(tmp_path, "C:\\other\\python.exe")
    assert sys.executable in by_name(EXCEL)["Excel settings"].found


def test_blocked_macros(session: Session) -> None:
    found = by_name({**EXCEL, (POLICY, "VBAWarnings"): 4, (POLICY, "blockcontentexecutionfrominternet"): 1})
    assert found["Macros"] == doctor.Finding("BAD", "Macros", "all disabled by policy", found["Macros"].advice)
    assert "trusted location" in found["Macros"].advice
    assert found["Macros of files from the internet"].mark == "note"


def test_a_workbook(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = attach(build_workbook(tmp_path / "book.xlsx"))
    assert by_name({}, book)["Workbook versions"].mark == "ok"
    monkeypatch.setattr("xl_smallcap.__version__", "9.9.9")
    assert "excel attach book.xlsm" in by_name({}, book)["Workbook versions"].advice
    assert by_name({}, tmp_path / "none.xlsm")["Workbook"].mark == "BAD"
    (tmp_path / "none.xlsm").write_text("x")
    assert "cannot be read" in by_name({}, tmp_path / "none.xlsm")["Workbook"].found
