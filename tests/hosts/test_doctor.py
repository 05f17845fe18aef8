from __future__ import annotations

import ctypes
import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from xl_smallcap import cli
from xl_smallcap.hosts import doctor
from xl_smallcap.hosts.excel import loader
from xl_smallcap.hosts.excel.attach import attach
from xl_smallcap.session import Session
from xl_smallcap.workbooks.book import build_workbook

EXCEL = {
    ("HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\App Paths\\excel.exe", ""): "C:\\Office\\EXCEL.EXE",
    ("HKCR\\Excel.Application\\CurVer", ""): "Excel.Application.16",
    ("HKLM\\SOFTWARE\\Microsoft\\Office\\ClickToRun\\Configuration", "Platform"): "x64",
}
POLICY = "HKCU\\Software\\Policies\\Microsoft\\Office\\16.0\\Excel\\Security"


ASR = "HKLM\\SOFTWARE\\{}Microsoft\\Windows Defender\\Windows Defender Exploit Guard\\ASR\\Rules"
CHILDREN, WIN32 = "D4F940AB-401B-4EFC-AADC-AD5F3C50688A", "92E97FA1-2EDF-4476-BDD6-9DD0B4DDDC7B"


def by_name(
    values: dict[tuple[str, str], Any], book: Path | None = None, job: int | None = None
) -> dict[str, doctor.Finding]:
    return {f.what: f for f in doctor.examine(book, lambda key, name: values.get((key, name)), lambda: job)}


def test_here(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--json"]) in (0, 1)
    findings = {f["what"]: f for f in json.loads(capsys.readouterr().out)}
    assert findings["Python"]["mark"] == "ok"
    assert "SAMPLE (synthetic)" in findings["Data"]["found"]
    assert {"Excel", "LibreOffice", "Packages"} <= set(findings)
    cli.main(["doctor"])
    assert "Python:" in capsys.readouterr().out


def test_a_windows_desk(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    findings = by_name(EXCEL)
    assert findings["Excel"].found == "version 16, x64, C:\\Office\\EXCEL.EXE"
    assert findings["xlwings' DLL"].mark == "BAD"
    assert findings["Excel settings"].advice == "Run 'xl-smallcap excel install' once."
    assert findings["Macros"].mark == "ok"
    loader.write_settings(tmp_path)
    assert by_name(EXCEL)["Excel settings"].mark == "ok"
    loader.write_settings(tmp_path, "C:\\other\\python.exe")
    assert sys.executable in by_name(EXCEL)["Excel settings"].found


def test_blocked_macros(session: Session) -> None:
    findings = by_name({**EXCEL, (POLICY, "VBAWarnings"): 4, (POLICY, "blockcontentexecutionfrominternet"): 1})
    assert findings["Macros"] == doctor.Finding("BAD", "Macros", "all disabled by policy", findings["Macros"].advice)
    assert "trusted location" in findings["Macros"].advice
    assert findings["Macros of files from the internet"].mark == "note"


def test_a_workbook(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = attach(build_workbook(tmp_path / "book.xlsx"))
    assert by_name({}, book)["Workbook versions"].mark == "ok"
    monkeypatch.setattr("xl_smallcap._version.__version__", "9.9.9")
    assert "excel attach book.xlsm" in by_name({}, book)["Workbook versions"].advice
    assert by_name({}, tmp_path / "none.xlsm")["Workbook"].mark == "BAD"
    (tmp_path / "none.xlsm").write_text("x")
    assert "cannot be read" in by_name({}, tmp_path / "none.xlsm")["Workbook"].found


@pytest.mark.parametrize(
    ("where", "name", "value", "mark"),
    [
        (ASR.format("Policies\\"), CHILDREN, "1", "BAD"),
        (ASR.format(""), CHILDREN, 1, "BAD"),
        (ASR.format("Policies\\"), CHILDREN, "2", "note"),
        (ASR.format("Policies\\"), CHILDREN, "6", "note"),
        ("HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender\\Policy Manager", "ASRRules",
         f"{WIN32.lower()}=0|{CHILDREN.lower()}=1", "BAD"),
    ],
)  # fmt: skip
def test_defenders_rule_against_child_processes(
    session: Session, where: str, name: str, value: object, mark: str
) -> None:
    finding = by_name({**EXCEL, (where, name): value})[
        "Defender: Block all Office applications from creating child processes"
    ]
    assert finding.mark == mark
    assert "Python does not start" in finding.advice


def test_defender_without_a_rule_and_the_other_rule(session: Session) -> None:
    assert by_name(EXCEL)["Defender"].mark == "ok"
    assert by_name({**EXCEL, (ASR.format("Policies\\"), CHILDREN): "0"})["Defender"].mark == "ok"
    findings = by_name({**EXCEL, (ASR.format(""), WIN32): 1})
    assert findings["Defender: Block Win32 API calls from Office macros"].mark == "BAD"
    assert not [w for w in by_name({}) if w.startswith(("Defender", "Job"))], "no Excel, nothing to stop"


def test_a_job_object(session: Session) -> None:
    locked = by_name(EXCEL, job=0x2000)["Job object"]
    assert locked.mark == "note"
    assert "Access is denied" in locked.advice
    for flags in (None, 0x2800, 0x1000):
        assert by_name(EXCEL, job=flags)["Job object"].mark == "ok"


def test_what_is_asked_of_windows_about_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """kernel32 with the two calls as Microsoft documents them."""
    state = {"inside": 1, "flags": 0x2000}

    def is_process_in_job(process: Any, job: Any, result: Any) -> int:
        assert (ctypes.c_void_p(-1).value, None) == (process.value, job)
        result._obj.value = state["inside"]
        return 1

    def query(job: Any, kind: int, limits: Any, size: int, length: Any) -> int:
        assert (job, kind, size, length) == (None, 2, 64, None)
        ctypes.memmove(ctypes.addressof(limits._obj) + 16, state["flags"].to_bytes(4, "little"), 4)
        return 1

    kernel = types.SimpleNamespace(IsProcessInJob=is_process_in_job, QueryInformationJobObject=query)
    monkeypatch.setattr(ctypes, "windll", types.SimpleNamespace(kernel32=kernel), raising=False)
    assert doctor.windows_job() == 0x2000
    state["inside"] = 0
    assert doctor.windows_job() is None
    monkeypatch.undo()
    assert doctor.windows_job() is None or sys.platform == "win32"
