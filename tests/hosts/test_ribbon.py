"""The ribbon: its description, its buttons' macros in VBA's interpreter, and the pitch sheet behind one of them."""

from __future__ import annotations

import io
import re
import time
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from pyopenvba.interpreter._values import NOTHING

from tests.hosts.desk import workbook_with
from tests.hosts.excel_members import ASKED, CALCULATED
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.hosts.background import BackgroundPitch, PitchRequest
from xl_smallcap.hosts.excel.attach import attach
from xl_smallcap.hosts.excel.project import BUTTONS, PART, ribbon_xml, udf_module, with_ribbon
from xl_smallcap.session import Session
from xl_smallcap.xlsx.package import Package

SPACE = "{http://schemas.microsoft.com/office/2006/01/customui}"
STUBS = """Public lastFunc As Variant, lastArgs As Variant, looks As Long
Function XLPy()
    Set XLPy = New XLPyClass
End Function
Sub KillPy()
End Sub
Public Function Given(ByVal i As Long) As Variant
    Given = lastArgs(i)
    If IsDate(Given) Then Given = CDbl(Given)
End Function
Public Sub PressPitch()
    RUSSELL_RIBBON_PITCH Nothing
End Sub
Public Sub PressAsOf()
    RUSSELL_RIBBON_AS_OF Nothing
End Sub
Public Sub PressHelp()
    RUSSELL_RIBBON_HELP Nothing
End Sub
Public Sub Prepare()
    ActiveWorkbook.Worksheets(1).Range("B2").Value = 46015
    ActiveWorkbook.Worksheets(1).Range("B3").Value = "goldman"
    ActiveWorkbook.Names.Add "in_as_of", "=Sheet1!$B$2"
    ActiveWorkbook.Names.Add "in_path", "=Sheet1!$B$3"
End Sub
"""
SERVER = """Public Function CallUDF(m, f, a, Optional wb, Optional caller)
    lastFunc = f
    If f = "pitch_start" Then
        lastArgs = a
        CallUDF = Array(1, "Writing the pitch sheet ...", "")
    Else
        looks = looks + 1
        If looks < 2 Then
            CallUDF = Array(1, "Writing the pitch sheet ...", "")
        Else
            CallUDF = Array(0, "No pitch sheet: no data", "")
        End If
    End If
End Function
"""


@pytest.fixture
def app() -> Any:
    return workbook_with(SERVER, STUBS)


def plain_book(path: Path) -> Path:
    book = xlsxwriter.Workbook(str(path))
    book.add_worksheet("S")
    book.close()
    return path


def test_every_button_has_its_macro() -> None:
    root = ET.fromstring(ribbon_xml())  # noqa: S314 - parses what our own code writes, nobody else's file
    buttons = list(root.iter(f"{SPACE}button"))
    assert [b.attrib["label"] for b in buttons] == ["Refresh", "As of", "Pitch", "Help"]
    text = udf_module()
    for button in buttons:
        assert f"Public Sub {button.attrib['onAction']}(ByVal control As Object)" in text
        assert all(len(button.attrib[k]) > 10 for k in ("screentip", "supertip"))
    assert len(BUTTONS) == 4
    assert f"Public Sub {root.attrib['onLoad']}(ByVal ribbon As Object)" in text


def test_attach_puts_the_tab_into_the_package_and_leaves_an_own_ribbon(tmp_path: Path) -> None:
    made = attach(plain_book(tmp_path / "b.xlsx"))
    with zipfile.ZipFile(made) as archive:
        assert archive.read(PART) == ribbon_xml()
        assert b'Target="customUI/customUI.xml"' in archive.read("_rels/.rels")
        types = archive.read("[Content_Types].xml")
        parts = {n: archive.read(n) for n in archive.namelist()}
    assert b'Extension="xml"' in types or PART.encode() in types
    again = attach(made)
    with zipfile.ZipFile(again) as archive:
        assert archive.namelist().count(PART) == 1
        assert archive.read("_rels/.rels") == parts["_rels/.rels"]
    parts[PART] = b"<customUI/>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    book = Package("theirs.xlsm", out.getvalue())
    with_ribbon(book)
    assert not book.changed, "a ribbon of the user's own stays"


def test_opening_starts_nothing(app: Any) -> None:
    app.run("RUSSELL_RIBBON_LOADED", NOTHING)
    assert app.evaluate("lastFunc") is None or app.evaluate("IsEmpty(lastFunc)") is True


def test_pitch_sends_day_and_paths_and_says_how_far_it_is(app: Any) -> None:
    app.run("Prepare")
    app.run("PressPitch")
    assert app.evaluate("lastFunc") == "pitch_start"
    assert [app.evaluate(f"Given({i})") for i in (1, 2, 3)] == [46015, "goldman", ""]
    assert app.evaluate("UBound(lastArgs)") == 6, "previous page, risk and weights too"
    assert app.evaluate("Application.StatusBar") == "Writing the pitch sheet ..."
    app.run("RUSSELL_PITCH_LOOK")
    app.run("RUSSELL_PITCH_LOOK")
    assert app.evaluate("Application.StatusBar") == "No pitch sheet: no data"


def test_as_of_sets_the_day_and_refuses_what_is_none(app: Any) -> None:
    app.run("Prepare")
    shown = 'ActiveWorkbook.Worksheets(1).Range("B2").Value2'
    ASKED[:] = ["2025-12-24", "tomorrow", False, " "]
    app.run("PressAsOf")
    assert app.evaluate(shown) == 46015
    app.run("PressAsOf")
    assert "not a date" in app.evaluate("Application.StatusBar")
    app.run("PressAsOf")
    assert app.evaluate(shown) == 46015, "cancelled"
    app.run("PressAsOf")
    assert app.evaluate(f"IsEmpty({shown})") is True
    assert not CALCULATED, "the sheet calculates by its own mode"


def test_no_macro_touches_calculation_mode_or_selection() -> None:
    text = udf_module()
    for word in (r"^\s*Application\.Calculation\b", r"\.Select\b", "ScreenUpdating", "EnableEvents", "CalculateFull$"):
        assert not re.search(word, text, re.M), word


def test_as_of_and_help_without_their_cells_say_what_to_do(app: Any) -> None:
    app.run("PressAsOf")
    assert "no cell named in_as_of" in app.evaluate("Application.StatusBar")
    app.run("PressHelp")
    assert "RUSSELL_WHY(FORMULATEXT(A1))" in app.evaluate("Application.StatusBar")


def test_what_is_typed_on_inputs_becomes_the_commands_flags() -> None:
    assert PitchRequest().flags() == {
        "--as-of": "", "--previous": "", "--scenario": "", "--against": "", "--risk": "",
    }  # fmt: skip
    table = (("goldman", 0.6), (None, None), ("stagflation", 0.4), ("no_change", None), (None, None))
    said = PitchRequest("", 46015.0, "goldman", "", 45985.0, 2e6, table).flags()
    assert said == {
        "--as-of": "2025-12-24", "--previous": "2025-11-24", "--scenario": "goldman", "--against": "none",
        "--risk": "2000000", "--also": "stagflation,no_change", "--weights": "goldman=0.6,stagflation=0.4",
    }  # fmt: skip


def test_a_pitch_sheet_written_beside_the_answers(
    own_session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "pitch 2025-06-30.xlsx").write_bytes(b"theirs")
    work = BackgroundPitch()
    assert work.start(PitchRequest(str(folder), 45838.0, "goldman")).running
    assert work.start(PitchRequest(str(folder))).running, "one at a time"
    end = time.monotonic() + 120
    while work.state().running and time.monotonic() < end:
        time.sleep(0.1)
    state = work.state()
    assert state.path == str(folder / "pitch 2025-06-30 (2).xlsx"), state
    assert zipfile.is_zipfile(state.path)
    assert (folder / "pitch 2025-06-30.xlsx").read_bytes() == b"theirs"
    monkeypatch.setattr("platformdirs.user_documents_dir", lambda: str(tmp_path))
    work.start(PitchRequest("https://somewhere/else", "", "goldmann"))
    while work.state().running and time.monotonic() < end:
        time.sleep(0.1)
    assert "Did you mean" in work.state().text
    with pytest.raises(BadArgumentError):
        work._work(PitchRequest(str(folder), "tomorrow"))
