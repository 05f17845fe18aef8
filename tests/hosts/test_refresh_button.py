"""The button: new data beside the office, then everything calculated again; and a workbook that pins its snapshot."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import started_office
from tests.hosts.conftest import Excel
from tests.hosts.desk import workbook_with
from tests.hosts.excel_members import CALCULATED, TIMERS
from tests.live.loopback import Loopback, World
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.hosts.libreoffice.package import addons_xcu


@pytest.fixture
def server() -> Iterator[Loopback]:
    made = Loopback(World())
    yield made
    made.close()


@pytest.fixture
def home(tmp_path: Path, server: Loopback) -> Path:
    """A user's home with real-looking data to 30 December; the publishers have the 31st."""
    folder = tmp_path / "own"
    folder.mkdir()
    names = ("RUT", "GSPC", "XLI_ADJ", "XLY_ADJ", "XLB_ADJ", "XLF_ADJ", "XLU_ADJ", "XLP_ADJ", "XLV_ADJ", "T5YIE",
             "DGS2", "DTWEXBGS", "DCOILWTICO")  # fmt: skip
    for name in names:
        rows = [(d, v) for d, v in server.world.rows(name) if d <= "2025-12-30" and v is not None and not math.isnan(v)]
        (folder / f"{name}.csv").write_text("date,value\n" + "".join(f"{d},{v}\n" for d, v in rows))
    load(Store(tmp_path / "home" / "store"), str(folder), lambda *_: None)
    return tmp_path / "home"


def snapshot(home: Path) -> str:
    current = Store(home / "store").current()
    assert current is not None
    return current


def wait_for_another(home: Path, before: str, seconds: float = 30.0) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if snapshot(home) != before:
            return snapshot(home)
        time.sleep(0.05)
    raise AssertionError("no new snapshot")


def test_through_xlwings(server: Loopback, home: Path) -> None:
    excel = Excel(home, **server.environment(home))
    try:
        before = snapshot(home)
        old = excel.ask("RUSSELL_FACTOR", ["inflation"])
        last = excel.ask("RUSSELL_FACTOR", ["inflation", "last_date"])
        server.latency = 0.02
        running, text = excel.ask("refresh_start", [])
        assert running == 1.0
        assert text.startswith("Refreshing")
        assert excel.ask("RUSSELL_FACTOR", ["inflation"]) == old, "cells answer meanwhile"
        messages: list[Any] = []
        while running:
            running, text = excel.ask("refresh_state", [])
            messages.append(text)
            time.sleep(0.05)
        assert "series new or updated" in text
        assert "not to be had (GSPC" not in text, "GSPC is kept, not lost"
        assert "kept as they were (GSPC" in text
        assert any(" of " in t for t in messages), "it says how far it is"
        after = snapshot(home)
        assert after != before
        time.sleep(0.6)
        assert excel.ask("RUSSELL_FACTOR", ["inflation", "last_date"]) != last
        assert excel.ask("pinned", [before, "RUSSELL_FACTOR", "inflation"]) == old
        assert excel.ask("pinned", [after, "RUSSELL_FACTOR", "inflation"]) == excel.ask("RUSSELL_FACTOR", ["inflation"])
        assert excel.ask("pinned", ["fffff", "RUSSELL_FACTOR", "inflation"]) == "\x01#N/A"
        vba = excel.ask("import_udfs", [])["vba"]
        assert "refresh_start" not in vba, "no worksheet function for anybody"
    finally:
        excel.close()


STUBS = """Public steps As Long, calculated As Long, pins As Long
Public lastFunc As Variant, lastArgs As Variant
Function XLPy()
    Set XLPy = New XLPyClass
End Function
Sub KillPy()
End Sub
"""
SERVER_CLASS = """Public Function CallUDF(m, f, a, Optional wb, Optional caller)
    lastFunc = f
    lastArgs = a
    If f = "refresh_start" Then
        CallUDF = Array(1, "Refreshing ...")
    ElseIf f = "refresh_state" Then
        steps = steps + 1
        If steps < 3 Then
            CallUDF = Array(1, "Refreshing: " & steps & " of 3")
        Else
            CallUDF = Array(0, "Refreshed, snapshot 0123456789ab: 3 series new or updated.")
        End If
    Else
        CallUDF = 1.5
    End If
End Function
"""


@pytest.fixture
def app() -> Any:
    return workbook_with(SERVER_CLASS, STUBS)


def bar(app: Any) -> Any:
    return app.evaluate("Application.StatusBar")


def test_the_macro_shows_how_far_it_is_and_then_calculates(app: Any) -> None:
    app.run("RUSSELL_REFRESH")
    assert bar(app) == "Refreshing ..."
    assert TIMERS[0].endswith("!RUSSELL_REFRESH_LOOK")
    assert TIMERS[0].startswith("'")
    for _ in range(3):
        assert not CALCULATED
        app.run("RUSSELL_REFRESH_LOOK")
    assert CALCULATED == ["Book1!Sheet1"]
    assert bar(app) == "Refreshed, snapshot 0123456789ab: 3 series new or updated."
    assert [t.rpartition("!")[2] for t in TIMERS] == [*["RUSSELL_REFRESH_LOOK"] * 3, "RUSSELL_REFRESH_OVER"]
    app.run("RUSSELL_REFRESH_OVER")
    assert bar(app) is False, "the bar is Excel's again"


def test_a_pinned_workbook_says_so_with_every_call(app: Any) -> None:
    assert app.evaluate('RUSSELL_BETA("inflation")') == 1.5
    assert app.evaluate("lastFunc") == "RUSSELL_BETA"
    app.add_module(
        '''Public Sub PinIt()
    ActiveWorkbook.Names.Add "RUSSELL_PIN", "=""0123456789ab"""
End Sub
Public Function Sent() As String
    Dim i As Long
    For i = LBound(lastArgs) To UBound(lastArgs)
        Sent = Sent & TypeName(lastArgs(i)) & " "
    Next i
    Sent = Sent & lastArgs(0) & " " & lastArgs(1) & " " & lastArgs(2)
End Function
Public Sub PinCell()
    ActiveWorkbook.Worksheets(1).Range("B2").Value = "ffff"
    ActiveWorkbook.Names("RUSSELL_PIN").Delete
    ActiveWorkbook.Names.Add "RUSSELL_PIN", "=Sheet1!$B$2"
End Sub''',
        name="pins",
    )
    app.run("PinIt")
    assert app.evaluate('RUSSELL_FACTOR("inflation")') == 1.5
    assert app.evaluate("lastFunc") == "pinned"
    assert app.evaluate("Sent()").startswith("String String String Empty Empty 0123456789ab RUSSELL_FACTOR inflation")
    app.run("PinCell")
    app.evaluate('RUSSELL_FACTOR("oil")')
    assert app.evaluate("Sent()").endswith("ffff RUSSELL_FACTOR oil")
    assert app.evaluate("RUSSELL_ASOF()") == 1.5, "a function without arguments"
    assert app.evaluate("UBound(lastArgs)") == 1


@pytest.mark.libreoffice
def test_in_libreoffice(server: Loopback, home: Path) -> None:
    before = snapshot(home)
    with started_office(home, **server.environment(home)) as office:
        free, bound, cell = office.do("new"), office.do("new"), office.do("new")
        office.do("pin", bound, f'"{before}"')
        office.do("type", cell, 0, "C9:C9", [[before]])
        office.do("pin", cell, "$Sheet1.$C$9")
        formulas = [['=RUSSELL_FACTOR("inflation","last_date")'], ["=RUSSELL_SNAPSHOT()"]]
        for sheet in (free, bound, cell):
            office.do("type", sheet, 0, "A1:A2", formulas)
        old = [row[0] for row in office.do("read", free, 0, "A1:A2")]
        assert old[1] == f"folder {before}"
        assert [r[0] for r in office.do("read", bound, 0, "A1:A2")] == old
        office.do("trigger", "org.xlsmallcap.Refresh", "refresh")
        after = wait_for_another(home, before)
        end = time.monotonic() + 30
        while (shown := [r[0] for r in office.do("read", free, 0, "A1:A2")])[1] == old[1] and time.monotonic() < end:
            time.sleep(0.1)
        assert shown[1].endswith(after), "the sheet was calculated again by itself"
        assert shown[0] != old[0]
        for sheet in (bound, cell):
            office.do("recalculate", sheet)
            assert [r[0] for r in office.do("read", sheet, 0, "A1:A2")] == old, "a pinned document stays"
        office.do("pin", bound, '"fffff"')
        office.do("recalculate", bound)
        assert [r[0] for r in office.do("read", bound, 0, "A1:A2")] == [{"error": "#N/A"}] * 2
        office.do("type", bound, 0, "A1:A1", [['=RUSSELL_WHY("=RUSSELL_ASOF()")']])
        message = office.do("read", bound, 0, "A1:A1")[0][0]
        assert message.startswith("The snapshot this workbook pins (name RUSSELL_PIN) cannot be used")


def test_the_menu() -> None:
    text = addons_xcu()
    assert "service:org.xlsmallcap.Refresh?refresh" in text
    assert "Refresh data" in text
