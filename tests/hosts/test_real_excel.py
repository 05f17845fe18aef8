"""How Excel and pywin32 really behave, point by point: dates, arrays, uncalculated cells, COM errors, other workbooks.

The rules come from the sources of pywin32 (variants.py) and xlwings and from Microsoft's documentation; each test
failed on the code before it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyopenvba.apps.excel._model import Workbook

from tests.hosts.conftest import ComError, Excel
from tests.hosts.desk import desk, uncalculated, workbook_with
from tests.hosts.excel_members import ASKED, CALCULATED, CONNECTED, OPENED, TAKEN_BACK, TIMERS, WIZARD
from tests.hosts.variants import EPOCH, as_cells, from_ole_date, from_variant, ole_date, shown, to_variant
from xl_smallcap.functions import RUSSELL_ASOF, RUSSELL_BETA, RUSSELL_BETA_HISTORY, RUSSELL_PROJECTION, RUSSELL_STATUS
from xl_smallcap.functions.cells import day_number, evaluate
from xl_smallcap.hosts.excel.udfs import to_rows
from xl_smallcap.session import Session

ZONES = ("Asia/Hong_Kong", "Europe/Berlin", "America/New_York", "UTC")


# The stand-in itself behaves as the sources say.


def test_pywin32_takes_a_naive_moment_for_local_time_and_windows_refuses_early_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert EPOCH + dt.timedelta(days=ole_date(dt.datetime(2025, 12, 31))) == dt.datetime(2025, 12, 30, 23)
        assert EPOCH + dt.timedelta(days=ole_date(dt.datetime(2025, 12, 31, tzinfo=dt.UTC))) == dt.datetime(
            2025, 12, 31
        )
        with pytest.raises(OSError, match="Invalid argument"):
            ole_date(dt.datetime(1947, 1, 1))
        assert ole_date(dt.datetime(1919, 1, 1, tzinfo=dt.UTC)) == 6941
        assert from_ole_date(46022.5) == dt.datetime(2025, 12, 31, 12, tzinfo=dt.UTC)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_safearrays_have_as_many_dimensions_as_pywin32_counts() -> None:
    assert to_variant(["a", 1.0]) == ["a", 1.0]
    assert to_variant([["a", 1.0], ["b", 2.0]]) == [["a", 1.0], ["b", 2.0]]
    assert to_variant([["a"], ["b", "c"]]) == [["a"], ["b", "c"]], "ragged: one dimension of arrays"
    assert from_variant(["inflation", 25.0, "bp"]) == ("inflation", 25.0, "bp")
    assert from_variant([["inflation", 25.0, "bp"]]) == (("inflation", 25.0, "bp"),)
    assert to_variant(3) == {"int": 3}
    with pytest.raises(TypeError):
        to_variant(dt.date(2025, 1, 1))


def test_an_exception_that_leaves_the_server_is_a_com_error(excel: Excel) -> None:
    with pytest.raises(ComError) as caught:
        excel.ask("no_such_function", [])
    assert caught.value.args[0] == -2147467259


# 1. Dates leave as the same day in every time zone.


@pytest.fixture(scope="module", params=ZONES)
def zoned(request: pytest.FixtureRequest, sample_home: Path) -> Iterator[Excel]:
    started = Excel(sample_home, TZ=request.param)
    yield started
    started.close()


def test_dates_are_the_same_day_in_every_zone(zoned: Excel, session: Session) -> None:
    assert shown(zoned.ask("RUSSELL_ASOF", [])) == day_number(RUSSELL_ASOF())
    assert shown(zoned.ask("RUSSELL_STATUS", [])) == as_cells(RUSSELL_STATUS())
    answer = zoned.ask("RUSSELL_BETA", ["inflation", "relative", "last_date", 250.0, "2020-04-01"])
    assert shown(answer) == as_cells(RUSSELL_BETA("inflation", "relative", "last_date", 250, "2020-04-01"))
    table = zoned.ask("RUSSELL_BETA_HISTORY", ["inflation", "relative"])
    assert shown(table) == as_cells(RUSSELL_BETA_HISTORY("inflation", "relative"))


def test_a_date_handed_on_as_as_of_asks_for_that_day(zoned: Excel, session: Session) -> None:
    app = desk(zoned)
    for day in ("2019-07-01", "2020-01-31"):
        serial = int(day_number(dt.date.fromisoformat(day)))
        answer = app.evaluate(f'Number(RUSSELL_BETA("inflation", "relative", "last_date", , {serial}#))')
        assert answer == day_number(RUSSELL_BETA("inflation", "relative", "last_date", None, day))  # type: ignore[arg-type]  # a date
    handed = app.evaluate('RUSSELL_BETA("inflation", "relative", "beta", , RUSSELL_ASOF())')
    assert handed == RUSSELL_BETA("inflation", "relative", "beta", None, RUSSELL_ASOF())


def test_days_before_march_1900_are_texts() -> None:
    from xl_smallcap.functions.cells import Answer

    early, first = dt.date(1900, 2, 28), dt.date(1900, 3, 1)
    assert to_rows(Answer(value=early)) == [["1900-02-28"]]
    assert shown(to_variant(to_rows(Answer(value=first)))) == [[61.0]]
    rows: Any = [["date"], [dt.date(1871, 1, 31)], [dt.datetime(1919, 1, 1, 12, 30)]]
    assert shown(to_variant(to_rows(Answer(table=rows)))) == [["date"], ["1871-01-31"], [6941 + 12.5 / 24]]


# 2. A one-row array constant arrives with one dimension.


def test_a_row_of_an_array_constant_is_a_row(excel: Excel, session: Session) -> None:
    wanted = RUSSELL_PROJECTION([["inflation", 25.0, "bp"]])
    assert excel.ask("RUSSELL_PROJECTION", [["inflation", 25.0, "bp"]]) == wanted
    app = desk(excel)
    assert app.evaluate('RUSSELL_PROJECTION(Array("inflation", 25, "bp"))') == wanted


def test_a_flat_list_is_a_row_in_every_way_in(session: Session) -> None:
    wanted = evaluate("RUSSELL_PROJECTION", [[["inflation", 25.0, "bp"]]]).value
    assert isinstance(wanted, float)
    assert evaluate("RUSSELL_PROJECTION", [["inflation", 25.0, "bp"]]).value == wanted
    assert evaluate("RUSSELL_PROJECTION", [("inflation", 25.0, "bp")]).value == wanted
    assert RUSSELL_PROJECTION(["inflation", 25.0, "bp"]) == wanted
    assert RUSSELL_PROJECTION(("inflation", 25.0, "bp")) == wanted
    said = evaluate("RUSSELL_BETA", [["inflation", "oil"]]).message
    assert said is not None
    assert "1 x 2" in said


# 3. Only workbooks that are ours or link to ours are calculated.


OTHERS = '''Public Sub OpenOthers()
    Dim mine As Object
    Set mine = ActiveWorkbook
    Workbooks.Add
    ActiveWorkbook.Names.Add "xl_smallcap_functions", "=""xl_smallcap_udfs""", False
    Workbooks.Add
    Workbooks.Add
    mine.Activate
End Sub
'''


@pytest.mark.parametrize("manual", [False, True])
def test_refresh_and_restart_leave_other_peoples_workbooks_alone(manual: bool) -> None:
    app = workbook_with()
    app.add_module(OTHERS, name="others")
    app.run("OpenOthers")
    mine, marked, linked, theirs = app.workbooks()
    linked.links_ = [marked.FullName(), "C:\\desk\\else.xlsx"]
    theirs.links_ = ["C:\\desk\\else.xlsx"]
    if manual:
        app.application.calculation = -4135
    app.run("RUSSELL_RESTART")
    touched = {entry.split("!")[0] for entry in CALCULATED}
    assert touched == {mine.Name(), marked.Name(), linked.Name()}
    by_hand = [entry for entry in CALCULATED if entry.endswith("by hand")]
    assert len(by_hand) == (6 if manual else 0), "twice each: a sheet calculated by itself takes others as they are"
    assert all(getattr(s, "enabled_", True) for b in app.workbooks() for s in b.sheets_)
    assert app.application.calculation == (-4135 if manual else -4105)


def test_a_sheet_somebody_has_switched_off_stays_off() -> None:
    app = workbook_with()
    sheet = app.workbooks()[0].sheets_[0]
    sheet.enabled_ = False
    app.run("RUSSELL_RESTART")
    assert sheet.enabled_ is False
    assert not CALCULATED


# 4. and 5. What is a Python that cannot start, what one that has vanished, what the error of one cell.


FAILING = """Public Function CallUDF(m, f, a, Optional wb, Optional caller)
    calls = calls + 1
    If failWith <> 0 And failures > 0 Then
        failures = failures - 1
        Err.Raise failWith, , "as COM says it"
    End If
    CallUDF = -0.42
End Function
"""
COUNTING = """Public starts As Long, calls As Long, failWith As Long, failures As Long, noStart As Boolean
Function XLPy()
    starts = starts + 1
    If noStart Then Err.Raise 1000, , "Python process exited before it was possible to create the interface object."
    Set XLPy = New XLPyClass
End Function
Sub KillPy()
End Sub
Public Sub Fail(ByVal number, ByVal times)
    failWith = number
    failures = times
End Sub
Public Sub NoStart_()
    noStart = True
End Sub
Public Function Kind(v) As String
    If IsError(v) Then
        Kind = CStr(v)
    Else
        Kind = TypeName(v)
    End If
End Function
"""


def test_a_python_that_cannot_start_is_tried_once() -> None:
    app = workbook_with(FAILING, COUNTING)
    app.run("NoStart_")
    for _ in range(3):
        assert app.evaluate('Kind(RUSSELL_BETA("inflation"))') == "Error 2042"
    assert app.evaluate("starts") == 1, "each try can cost minutes in which Excel does not answer"
    assert "exited before it was possible" in app.evaluate("RUSSELL_WHY()")
    assert "xl-smallcap doctor" in app.evaluate("RUSSELL_STATUS()")


@pytest.mark.parametrize("code", [-2147023174, -2147023170, -2147417848, -2147418105, 462])
def test_a_python_that_has_vanished_is_replaced(code: int) -> None:
    app = workbook_with(FAILING, COUNTING)
    app.run("Fail", code, 1)
    assert app.evaluate('RUSSELL_BETA("inflation")') == -0.42
    assert (app.evaluate("starts"), app.evaluate("calls")) == (2, 2)


@pytest.mark.parametrize("code", [-2147467259, -2147352567, -2147418111, -2147024891, 13, 438])
def test_any_other_error_is_that_cells_alone(code: int) -> None:
    app = workbook_with(FAILING, COUNTING)
    app.run("Fail", code, 1)
    assert app.evaluate('Kind(RUSSELL_BETA("inflation"))') == "Error 2015"
    assert app.evaluate('RUSSELL_BETA("easing")') == -0.42, "no rest for the others"
    assert (app.evaluate("starts"), app.evaluate("calls")) == (1, 2)
    app.run("Fail", code, 1)
    assert "as COM says it" in app.evaluate('RUSSELL_WHY("=RUSSELL_BETA()")')


# 6. Cells that are not calculated yet.


def test_a_cell_that_is_not_calculated_yet_is_waited_for(excel: Excel, session: Session) -> None:
    app = desk(excel)
    uncalculated(app, "B1", '="infla"&"tion"')
    errors = len(session.errors)
    assert app.evaluate('Kind(RUSSELL_BETA(Spot("B1")))') == "Error 2043"
    assert app.evaluate("starts") == 0, "Python is not asked for the default"
    assert len(session.errors) == errors
    app.workbooks()[0].sheets_[0].cell(1, 2).value = "inflation"
    assert app.evaluate('RUSSELL_BETA(Spot("B1"))') == RUSSELL_BETA("inflation")
    assert app.evaluate('RUSSELL_BETA(Spot("C9"))') is not None, "an empty cell without a formula is the default"


def test_a_range_with_a_cell_that_is_not_calculated_yet(excel: Excel, session: Session) -> None:
    app = desk(excel)
    app.add_module(
        """Public Sub Fill()
    Spot("A1").Value = "inflation": Spot("C1").Value = "bp": Spot("A2").Value = "": Spot("C2").Value = ""
End Sub""",
        name="filled",
    )
    app.run("Fill")
    uncalculated(app, "B1", "=20+5")
    assert app.evaluate('Kind(RUSSELL_PROJECTION(Spot("A1:C1")))') == "Error 2043"
    assert app.evaluate('Kind(RUSSELL_BETA("inflation", , , , Spot("B1")))') == "Error 2043", "dates, too"
    app.workbooks()[0].sheets_[0].cell(1, 2).value = 25.0
    assert app.evaluate('RUSSELL_PROJECTION(Spot("A1:C1"))') == RUSSELL_PROJECTION([["inflation", 25.0, "bp"]])
    assert app.evaluate('RUSSELL_PROJECTION(Spot("A1:C2"))') == RUSSELL_PROJECTION([["inflation", 25.0, "bp"]])


# 7. Workbooks that count from 1904.


@pytest.fixture
def of_1904() -> Iterator[Any]:
    app = workbook_with(PITCHING)
    Workbook.is1904 = True
    yield app
    del Workbook.is1904


PITCHING = """Public Function CallUDF(m, f, a, Optional wb, Optional caller)
    If f = "pitch_start" Then Application.Worksheets(1).Range("H1").Value2 = CDbl(a(1))
    CallUDF = Array(1, "Writing the pitch sheet ...", "")
End Function
"""
NAMED = """Public Sub NameIt()
    ActiveWorkbook.Names.Add "in_as_of", "=Sheet1!$B$2"
End Sub
"""


def test_as_of_and_pitch_in_a_1904_workbook(of_1904: Any) -> None:
    of_1904.add_module(NAMED, name="named")
    of_1904.run("NameIt")
    ASKED[:] = ["2025-12-24"]
    of_1904.run("RUSSELL_AS_OF")
    assert of_1904.evaluate('Spot("B2").Value2') == 46015 - 1462
    of_1904.run("RUSSELL_PITCH")
    assert of_1904.evaluate('Spot("H1").Value2') == 46015


# 9. and the timer: nothing runs by itself when a workbook opens.


def test_a_timer_ends_with_its_workbook_without_an_auto_macro() -> None:
    app = workbook_with(PITCHING)
    app.run("RUSSELL_PITCH")
    assert TIMERS
    assert app.evaluate("Application.StatusBar") == "Writing the pitch sheet ..."
    app.add_module(
        """Public Sub CloseIt(ByVal other As Boolean)
    Dim w As New xl_smallcap_closing, book As Object
    Set book = ThisWorkbook
    If other Then
        Workbooks.Add
        Set book = ActiveWorkbook
    End If
    w.mExcel_WorkbookBeforeClose book, False
End Sub""",
        name="closes",
    )
    app.run("CloseIt", True)
    assert not TAKEN_BACK
    app.run("CloseIt", False)
    assert TAKEN_BACK == TIMERS
    assert app.evaluate("Application.StatusBar") is False
    assert not OPENED


# 12. The function wizard.


def test_the_function_wizard_starts_nothing() -> None:
    app = workbook_with(FAILING, COUNTING)
    WIZARD["open"] = True
    assert app.evaluate('Kind(RUSSELL_BETA("infl"))') == "Error 2042"
    assert (app.evaluate("starts"), app.evaluate("calls")) == (0, 0)
    WIZARD["open"] = False
    assert app.evaluate('RUSSELL_BETA("inflation")') == -0.42


def test_a_workbook_pinned_to_a_snapshot_is_answered_through_com(excel: Excel, session: Session) -> None:
    app = desk(excel)
    app.add_module(
        f'''Public Sub PinIt()
    ActiveWorkbook.Names.Add "RUSSELL_PIN", "=""{session.snapshot.fingerprint}"""
End Sub''',
        name="pins",
    )
    app.run("PinIt")
    assert app.evaluate('RUSSELL_BETA("inflation")') == RUSSELL_BETA("inflation")
    assert CONNECTED["excel"] is excel
