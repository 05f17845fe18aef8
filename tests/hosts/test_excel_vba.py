"""Our VBA module, run in pyOpenVBA's interpreter against stubs of xlwings' XLPy and KillPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pyopenvba.apps.excel._model import Workbook
from pyopenvba.interpreter._values import NOTHING

from tests.hosts.desk import workbook_with
from tests.hosts.excel_members import HELP
from xl_smallcap.functions import FUNCTIONS, HELP_LIMIT, Parameter, WorksheetFunction
from xl_smallcap.hosts.excel.project import udf_module

SERVER_CLASS = """Public Function CallUDF(m, f, a, Optional wb, Optional caller)
    calls = calls + 1
    lastModule = m
    lastArgs = a
    If deadCalls > 0 Then
        deadCalls = deadCalls - 1
        Err.Raise -2147023174, , "The RPC server is unavailable."
    End If
    If f = "RUSSELL_BETAS" Then
        Dim t(0 To 1, 0 To 2) As Variant
        t(0, 0) = "factor": t(0, 1) = "beta": t(0, 2) = "#N/A plain text"
        t(1, 0) = "inflation": t(1, 1) = Chr(1) & "#N/A": t(1, 2) = Chr(1) & "#NUM!"
        CallUDF = t
    ElseIf f = "RUSSELL_FIT" Then
        CallUDF = Array("r2", Chr(1) & "#VALUE!", 3.5)
    ElseIf f = "RUSSELL_FACTOR" Then
        CallUDF = Chr(1) & a(0)
    ElseIf f = "RUSSELL_ASOF" Then
        CallUDF = UBound(a)
    ElseIf f = "RUSSELL_SOURCE" Then
        CallUDF = a(0)
    Else
        CallUDF = -0.42
    End If
End Function
"""
STUBS = """Public starts As Long, calls As Long, deadCalls As Long, deadStarts As Long, kills As Long
Public lastModule As Variant, lastArgs As Variant
Function XLPy()
    starts = starts + 1
    If deadStarts > 0 Then
        deadStarts = deadStarts - 1
        Err.Raise 1000, , "Could not load xlwings64.dll"
    End If
    Set XLPy = New XLPyClass
End Function
Sub KillPy()
    kills = kills + 1
End Sub
Public Sub Die(n)
    deadCalls = n
End Sub
Public Sub NoStart(n)
    deadStarts = n
End Sub
Public Function ArgKind(i) As String
    ArgKind = TypeName(lastArgs(i))
End Function
Public Function Sent(i)
    Sent = CDbl(lastArgs(i))
End Function
Public Function Kind(v) As String
    If IsError(v) Then
        Kind = CStr(v)
    Else
        Kind = TypeName(v)
    End If
End Function
Public Function At(v, i, j)
    At = v(i, j)
End Function
Public Function At1(v, i)
    At1 = v(i)
End Function
"""


@pytest.fixture
def app() -> Iterator[Any]:
    yield workbook_with(SERVER_CLASS, STUBS)
    if hasattr(Workbook, "is1904"):
        del Workbook.is1904


def test_one_server_for_many_calls(app: Any) -> None:
    assert app.evaluate('RUSSELL_BETA("inflation")') == -0.42
    assert app.evaluate('RUSSELL_BETA("inflation", "relative")') == -0.42
    assert (app.evaluate("starts"), app.evaluate("calls")) == (1, 2)
    assert app.evaluate("lastModule") == "xl_smallcap.hosts.excel.udfs"


def test_arguments(app: Any) -> None:
    app.evaluate('RUSSELL_BETA("inflation", "relative", , , "2026-01-02")')
    kinds = [app.evaluate(f"ArgKind({i})") for i in range(8)]
    assert kinds == ["String", "String", "Empty", "Empty", "String", "Empty", "Empty", "Empty"]
    app.evaluate('RUSSELL_BETA("inflation", , , , 46024#)')
    assert app.evaluate("ArgKind(4)") == "Date"
    app.evaluate('RUSSELL_BETA("inflation", , , , 0#)')
    assert app.evaluate("Sent(4)") == 0
    assert app.evaluate("RUSSELL_ASOF()") == -1


def test_dates_of_a_1904_workbook(app: Any) -> None:
    app.evaluate('RUSSELL_BETA("inflation", , , , 46024#)')
    assert app.evaluate("Sent(4)") == 46024
    Workbook.is1904 = True
    app.evaluate('RUSSELL_BETA("inflation", , , , 44562#)')
    assert app.evaluate("Sent(4)") == 46024
    assert app.evaluate('Kind(RUSSELL_BETA("inflation", , , , -5000#))') == "Error 2015"


@pytest.mark.parametrize(("code", "number"), [("#N/A", 2042), ("#VALUE!", 2015), ("#NUM!", 2036), ("#other", 2015)])
def test_real_errors(app: Any, code: str, number: int) -> None:
    assert app.evaluate(f'Kind(RUSSELL_FACTOR("{code}"))') == f"Error {number}"


def test_errors_inside_tables(app: Any) -> None:
    assert app.evaluate("Kind(At(RUSSELL_BETAS(), 1, 1))") == "Error 2042"
    assert app.evaluate("Kind(At(RUSSELL_BETAS(), 1, 2))") == "Error 2036"
    assert app.evaluate("At(RUSSELL_BETAS(), 0, 2)") == "#N/A plain text"
    assert app.evaluate("Kind(At1(RUSSELL_FIT(), 1))") == "Error 2015"
    assert app.evaluate("At1(RUSSELL_FIT(), 2)") == 3.5


def test_an_error_argument_is_the_answer_without_a_call(app: Any) -> None:
    assert app.evaluate("Kind(RUSSELL_BETA(CVErr(2007)))") == "Error 2007"
    assert app.evaluate('Kind(RUSSELL_BETA("inflation", , , , CVErr(2042)))') == "Error 2042"
    assert (app.evaluate("calls"), app.evaluate("starts")) == (0, 0)


def test_a_dead_server_is_replaced_once_then_rests(app: Any) -> None:
    app.evaluate('RUSSELL_BETA("inflation")')
    app.run("Die", 1)
    assert app.evaluate('RUSSELL_BETA("inflation")') == -0.42
    assert app.evaluate("starts") == 2
    app.run("Die", 2)
    assert app.evaluate('Kind(RUSSELL_BETA("inflation"))') == "Error 2042"
    calls = app.evaluate("calls")
    assert app.evaluate('Kind(RUSSELL_BETA("easing"))') == "Error 2042"
    assert app.evaluate("calls") == calls, "resting: thousands of cells must not each wait"
    assert "RPC server is unavailable" in app.evaluate("RUSSELL_WHY()")
    app.run("RUSSELL_RESTART")
    assert app.evaluate("kills") == 1
    assert app.evaluate('RUSSELL_BETA("inflation")') == -0.42


def test_a_server_that_never_starts(app: Any) -> None:
    app.run("NoStart", 99)
    for _ in range(2):
        assert app.evaluate('Kind(RUSSELL_BETA("inflation"))') == "Error 2042"
        assert app.evaluate("starts") == 1
    assert "Could not load" in app.evaluate("RUSSELL_WHY()")
    assert "xl-smallcap doctor" in app.evaluate("RUSSELL_STATUS()")


def test_ranges(app: Any) -> None:
    app.add_module(
        """Public Function Ranged() As String
    With ActiveWorkbook.Worksheets(1)
        .Range("A1").Value = "inflation": .Range("B1").Value = 25
        .Range("A2").Value = "growth": .Range("B2").Value = 1
        Dim v
        v = RUSSELL_SOURCE(.Range("A1:B2"))
        Ranged = TypeName(v) & " " & UBound(v, 1) & " " & UBound(v, 2) & " " & v(2, 1)
        v = RUSSELL_SOURCE(.Range("A1"))
        Ranged = Ranged & " | " & TypeName(v) & " " & v
        v = RUSSELL_SOURCE(.Range("A9"))
        Ranged = Ranged & " | " & TypeName(v)
        v = RUSSELL_SOURCE(.Range("A:B"))
        Ranged = Ranged & " | " & UBound(v, 1)
        .Range("B2").Value = CVErr(2042)
        v = RUSSELL_SOURCE(.Range("A1:B2"))
        Ranged = Ranged & " | " & CStr(v)
        v = RUSSELL_BETA("inflation", , , , .Range("B1"))
        Ranged = Ranged & " | " & ArgKind(4)
    End With
End Function""",
        name="ranges",
    )
    assert app.evaluate("Ranged()") == "Variant() 2 2 growth | String inflation | Empty | 2 | Error 2042 | Date"


def test_the_wizard_gets_every_text(app: Any) -> None:
    app.run("RUSSELL_RIBBON_LOADED", NOTHING)
    assert len(HELP) == len(FUNCTIONS)
    text = udf_module()
    for f in FUNCTIONS:
        assert f"Attribute {f.name}.VB_Description = " in text, "a help without running anything"


def test_the_module_keeps_within_vbas_limits() -> None:
    text = udf_module()
    text.encode("ascii")
    lines = text.split("\r\n")
    assert max(map(len, lines)) <= 1023
    assert not any("\n" in line for line in lines)
    for f in FUNCTIONS:
        assert f"Public Function {f.name}(" in text
        assert all(len(t) <= HELP_LIMIT for t in [f.help, *(p.help for p in f.parameters)])
    assert udf_module() == text
    end, moment = (Parameter(name, "help", lambda _, value: value) for name in ("end", "moment"))
    bad = WorksheetFunction("RUSSELL_X", print, "help", (end,), False, False)
    with pytest.raises(ValueError, match="VBA does not take 'end'"):
        udf_module([bad])
    shadows = WorksheetFunction("RUSSELL_X", print, "help", (moment,), False, False)
    with pytest.raises(ValueError, match="VBA does not take 'moment'"):
        udf_module([shadows])
