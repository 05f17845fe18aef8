"""What is left of xlwings' loader, and the command that starts Python, run in a folder that shadows modules."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from oletools.mraptor import MacroRaptor
from oletools.olevba import VBA_Parser
from pyopenvba.apps.excel import ExcelApplication

from xl_smallcap.hosts.excel.attach import attach
from xl_smallcap.hosts.excel.lean import OPTIONAL, hidden
from xl_smallcap.hosts.excel.loader import LEAN_IMPORT, LoaderError, installed_source, loader, settings_text, trimmed

ENVIRONMENT = """Public Function Env(ByVal name As String) As String
    If name = "SystemRoot" Then Env = "C:\\Windows"
    If name = "DESK" Then Env = "D:\\desk"
End Function
Public Function FromSettings(ByVal key As String, ByVal default As String) As String
    FromSettings = default
{settings}
End Function
"""


def workbook(settings: str) -> Any:
    """The loader in an interpreter, with settings as the file has them; reading the file is Excel's own VBA."""
    rows = re.findall(r'"([^"]*)","([^"]*)"', settings)
    # the interpreter compares no text with a truth value, which VBA does
    body = "\n".join(f'    If key = "{key}" Then FromSettings = "{value.replace("False", "0")}"' for key, value in rows)
    text = loader().replace("\r\n", "\n").replace("Environ(", "Env(")
    whole = re.compile(r"^Function GetConfig\(.*?^End Function\n", re.M | re.S)
    short = 'Function GetConfig(configKey As String, Optional default As String = "") As Variant\n'
    text, made = whole.subn(short + "    GetConfig = ExpandEnvironmentStrings(FromSettings(configKey, default))\n"
                            "End Function\n", text)  # fmt: skip
    assert made == 1
    app = ExcelApplication()
    app.add_workbook()
    app.add_module(text, name="xlwings")
    app.add_module(ENVIRONMENT.replace("{settings}", body), name="environment")
    return app


def procedures(source: str) -> set[str]:
    return set(re.findall(r"^(?:Public |Private )?(?:Function|Sub) (\w+)", source, re.M))


def test_only_what_functions_need_is_left_and_the_licence() -> None:
    source, kept = installed_source(), trimmed(installed_source())
    assert {"XLPy", "KillPy", "XLPyCommand", "XLPyLoadDLL", "GetConfig"} <= procedures(kept) < procedures(source)
    assert len(procedures(source)) > 40
    assert len(procedures(kept)) <= 20
    assert "Redistribution and use in source and binary forms" in kept
    assert "Copyright (C) 2014-present, Zoomer Analytics LLC." in kept
    assert 'PROJECT_NAME As String = "xl_smallcap"' in kept
    assert re.search(r'XLWINGS_VERSION As String = "[\d.]+"', kept)
    assert kept.splitlines()[1] == "Option Private Module"
    for word in ("WScript", "MsgBox", "For Output", "Kill ", "MkDir", "FileCopy", "RunPython", "Mac ", "AppleScript"):
        assert word not in kept, word
    assert set(re.findall(r"Declare PtrSafe Function (\w+)", kept)) == {"XLPyDLLActivateAuto", "LoadLibrary"}
    assert "\r\n" in loader()


def test_another_layout_is_refused() -> None:
    for before, after in (("Function XLPy()", "Function XLPi()"), (" -B -c ", " -c "), (" /K ", " /S ")):
        with pytest.raises(LoaderError, match="installed xlwings"):
            trimmed(installed_source().replace(before, after))


def test_environment_variables_are_expanded_without_a_shell() -> None:
    app = workbook("")
    shown = 'ExpandEnvironmentStrings("{}")'
    assert app.evaluate(shown.format("%SystemRoot%\\x;%DESK%\\y")) == "C:\\Windows\\x;D:\\desk\\y"
    for text in ("100 % of 50 %", "%NOT_SET%\\z", "", "%%", "%", "C:\\a%b"):
        assert app.evaluate(shown.format(text)) == text


def test_one_command_for_all_workbooks_that_ends_with_python() -> None:
    app = workbook(settings_text("C:\\env & co\\Scripts\\python.exe"))
    command = app.evaluate("XLPyCommand()")
    assert command.startswith('C:\\Windows\\System32\\cmd.exe  /C ""C:\\env & co\\Scripts\\python.exe" -P -B -c "')
    assert "/K" not in command
    assert "Book1" not in command
    assert ".xlsm" not in command
    assert command.count("$(CLSID)") == 1
    assert (
        "ThisWorkbook.FullName"
        not in trimmed(installed_source())[: trimmed(installed_source()).index("GetConfigFilePath")]
    )


def python_part(command: str) -> str:
    """What cmd.exe hands to Python behind -c."""
    inside = re.fullmatch(r'.*? -P -B -c "(.*)""', command, re.S)
    assert inside is not None
    return inside.group(1).replace('\\"', '"').replace("^&", "&")


def test_xlwings_is_imported_without_what_a_cell_does_not_need(tmp_path: Path) -> None:
    """Installed as at a desk with every extra: hidden while xlwings is imported, there for a refresh afterwards."""
    for name in ("matplotlib", "PIL", "plotly"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("", encoding="utf-8")
    command = python_part(workbook(settings_text("C:\\env\\Scripts\\python.exe")).evaluate("XLPyCommand()"))
    first, rest = command.split(";", 2)[:2], command
    assert first == ["import sys, os", f"import {LEAN_IMPORT}"], "before xlwings, and with it pandas"
    assert OPTIONAL == ("pandas", "polars", "matplotlib", "PIL", "plotly")
    serve = rest.replace("xlwings.serve(", "print(")
    code = f"""
{serve}
assert not set({OPTIONAL}) & set(sys.modules), sys.modules.keys() & set({OPTIONAL})
import xl_smallcap.hosts.excel.udfs as udfs
assert udfs.RUSSELL_BETA.__name__ == "RUSSELL_BETA"
assert "xl_smallcap.functions.betas" in sys.modules
assert not {{"xl_smallcap.functions.dispersion", "xl_smallcap.functions.needle"}} & set(sys.modules)
from xl_smallcap.functions.cells import evaluate
assert evaluate("RUSSELL_BETA", ["inflation"]).value
assert not {{*{OPTIONAL}, "sklearn", "xl_smallcap.face"}} & set(sys.modules), "a cell imports none of them"
sys.path.insert(0, {str(tmp_path)!r})
import yfinance, polars, matplotlib, PIL, plotly, sklearn, xl_smallcap.face
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_imported_already_stays_visible_and_what_is_not_there_stays_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import json

    monkeypatch.delitem(sys.modules, "nowhere_to_be_found", raising=False)
    with hidden(("json", "nowhere_to_be_found", "this")):
        import json as again

        assert again is json
        with pytest.raises(ImportError):
            importlib.import_module("this")
    assert "this" not in sys.modules
    assert "nowhere_to_be_found" not in sys.modules
    assert importlib.util.find_spec("this") is not None


@pytest.mark.parametrize("named", ["as written by install", "blank, from an older settings file"])
def test_no_module_of_the_current_folder_shadows_ours(tmp_path: Path, named: str) -> None:
    settings = settings_text("C:\\env\\Scripts\\python.exe")
    if "blank" in named:
        settings = re.sub(r'"PYTHONPATH","[^"]*"', '"PYTHONPATH",""', settings)
    command = workbook(settings).evaluate("XLPyCommand()")
    code = f"import xlwings; xlwings.serve = print; {python_part(command)}; " + (
        "import xl_smallcap, wave; print(xl_smallcap.__file__, wave.__file__, repr(sys.path))"
    )
    planted = tmp_path / "current folder"
    planted.mkdir()
    for name in ("xl_smallcap", "xlwings", "wave", "numpy", "json"):
        (planted / f"{name}.py").write_text("raise SystemExit('shadowed')", encoding="utf-8")
    flags = shlex.split(re.search(r"-P -B", command).group(0))  # type: ignore[union-attr]  # a test: None is its failure
    done = subprocess.run(
        [sys.executable, *flags, "-c", code],
        cwd=planted, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    assert "shadowed" not in done.stderr
    assert "current folder" not in done.stdout
    assert "''" not in done.stdout.rpartition("[")[2], "no entry for the current folder"


def test_what_the_file_looks_like_to_a_scanner(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    book = xlsxwriter.Workbook(str(path))
    book.add_worksheet("S")
    book.close()
    made = attach(path)
    parser = VBA_Parser(str(made))
    try:
        raptor = MacroRaptor(parser.get_vba_code_all_modules())
        raptor.scan()
        keywords = [(kind, word) for kind, word, _ in parser.analyze_macros()]
    finally:
        parser.close()
    assert not raptor.suspicious, raptor.matches
    assert raptor.get_flags() == "--X", "it starts Python, and only when asked"
    assert not any(kind == "AutoExec" for kind, _ in keywords), keywords
    with zipfile.ZipFile(made) as archive:
        assert b'onLoad="RUSSELL_RIBBON_LOADED"' in archive.read("customUI/customUI.xml")
