"""What a sheet shows is what is asked, in every host: days counted from 1904, shocks in percent, whose error it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from tests.hosts.conftest import Excel
from tests.hosts.desk import desk
from xl_smallcap.functions import RUSSELL_ASOF, RUSSELL_BETA, RUSSELL_PROJECTION
from xl_smallcap.functions.cells import day_number, evaluate
from xl_smallcap.hosts import server
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session
from xl_smallcap.workbooks.foreign.refresh import refresh_workbook

EARLIER = "2021-03-31"


def written(path: Path, cells: dict[str, Any], formats: dict[str, str], **options: Any) -> Path:
    book = xlsxwriter.Workbook(str(path), options)
    sheet = book.add_worksheet("S")
    for cell, content in cells.items():
        made = book.add_format({"num_format": formats[cell]}) if cell in formats else None
        if isinstance(content, str) and content.startswith("="):
            sheet.write_formula(cell, content, made, -99.0)
        else:
            sheet.write(cell, content, made)
    book.close()
    return path


def refreshed(path: Path) -> Any:
    refresh_workbook(path, None, None, lambda *_: None)
    return openpyxl.load_workbook(path, data_only=True)["S"]


# Days counted from 1904.


DAYS = {
    "A1": '=RUSSELL_BETA("oil","relative",,,DATE(2021,3,31))',
    "A2": f'=RUSSELL_BETA("oil","relative",,,"{EARLIER}")',
    "A3": "=YEAR(RUSSELL_ASOF())*100+MONTH(RUSSELL_ASOF())",
    "A4": '=RUSSELL_BETA("oil","relative",,,EDATE(DATE(2021,4,30),-1)+1)',
    "A5": '=TEXT(RUSSELL_BETA("oil","relative","last_date",,WORKDAY(DATE(2021,3,30),1)),"yyyy-mm-dd")',
}


def right(shown: list[Any]) -> None:
    beta = RUSSELL_BETA("oil", "relative", None, None, EARLIER)
    day = RUSSELL_ASOF()
    assert shown[0] == pytest.approx(beta, rel=1e-12)
    assert shown[1] == shown[0]
    assert shown[2] == day.year * 100 + day.month
    assert shown[3] == shown[0], "EDATE gives 30 March, and one more"
    assert shown[4] == EARLIER


@pytest.mark.libreoffice
@pytest.mark.parametrize("date_1904", [False, True])
def test_a_refresh_asks_for_the_day_the_sheet_means(
    office: Office, session: Session, tmp_path: Path, date_1904: bool
) -> None:
    sheet = refreshed(written(tmp_path / "b.xlsx", DAYS, {}, date_1904=date_1904))
    right([sheet[f"A{n}"].value for n in range(1, 6)])


@pytest.mark.libreoffice
@pytest.mark.parametrize("date_1904", [False, True])
def test_libreoffice_asks_for_the_day_the_sheet_means(
    office: Office, session: Session, tmp_path: Path, date_1904: bool
) -> None:
    cells = {**DAYS, "B1": f"={'DATE(2021,3,31)'}", "A6": '=RUSSELL_BETA("oil","relative",,,B1)'}
    path = written(tmp_path / "b.xlsx", cells, {}, date_1904=date_1904)
    opened = office.do("open", str(path))
    office.do("recalculate", opened)
    shown = [row[0] for row in office.do("read", opened, 0, "A1:A6")]
    office.do("close", opened)
    right(shown[:5])
    assert shown[5] == shown[0], "a day in a cell, too"


def test_the_server_counts_from_the_first_day_it_is_told(session: Session) -> None:
    last: Any = RUSSELL_BETA("oil", "relative", "last_date", None, EARLIER)
    day = day_number(last)
    call = ["RUSSELL_BETA", ["oil", "relative", "last_date", None, day - 1462.0]]
    reply = server._answered({"calls": [call, ["RUSSELL_BETA", ["oil", None, None, 250.0, 0]]], "first_day": 1462})
    assert reply["answers"][0] == {"value": day - 1462.0}
    assert reply["answers"][1] == {"value": RUSSELL_BETA("oil", None, None, 250)}, "0 is an empty cell, 250 no day"
    in_range = ["RUSSELL_BETA", ["oil", "relative", "last_date", None, [[day - 1462.0]]]]
    assert server._answered({"calls": [in_range], "first_day": 1462})["answers"] == [{"value": day - 1462.0}]


# A shock in a cell of -7.5% is -7.5 %.


SHOCKS: dict[str, str | float] = {"A1": "oil", "B1": -0.075, "C1": "%", "A2": "dollar", "B2": 2.0, "C2": "pct"}
WANTED: list[list[Any]] = [["oil", -7.5, "pct"], ["dollar", 2.0, "pct"]]
PERCENT = ["0.0%", '0.00" of "%', "0%;[Red]-0%"]


@pytest.mark.parametrize("shown", PERCENT)
def test_a_refresh_takes_a_shock_as_it_is_shown(session: Session, tmp_path: Path, shown: str) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet("S")
    made = book.add_format({"num_format": shown})
    for row, (factor, shock, unit) in enumerate([("oil", -0.075, "%"), ("dollar", 2.0, "pct")]):
        sheet.write_row(row, 0, [factor, shock, unit])
    sheet.write_number("B1", -0.075, made)
    sheet.write_formula("A4", "=RUSSELL_PROJECTION(A1:C2)", None, -99.0)
    sheet.write_formula("A5", "=RUSSELL_SCENARIO(own)", None, -99.0)
    sheet.write_formula("A6", "=RUSSELL_TIPPING(\"growth\",'S'!A1:C2)", None, -99.0)
    book.define_name("own", "=S!$A$1:$C$2")
    book.close()
    cells = refreshed(tmp_path / "b.xlsx")
    assert cells["A4"].value == pytest.approx(RUSSELL_PROJECTION(WANTED), rel=1e-12)
    assert cells["A5"].value == cells["A4"].value, "by a name"
    assert cells["A6"].value == pytest.approx(evaluate("RUSSELL_TIPPING", ["growth", WANTED]).value, rel=1e-12)


@pytest.mark.parametrize("shown", ['0.0"%"', "0.00\\%", "General"])
def test_a_percent_sign_that_is_only_written_changes_nothing(session: Session, tmp_path: Path, shown: str) -> None:
    path = written(tmp_path / "b.xlsx", {**SHOCKS, "A4": "=RUSSELL_PROJECTION(A1:C2)"}, {"B1": shown})
    plain = [["oil", -0.075, "pct"], ["dollar", 2.0, "pct"]]
    assert refreshed(path)["A4"].value == pytest.approx(RUSSELL_PROJECTION(plain), rel=1e-12)


@pytest.mark.parametrize("shown", [*PERCENT, '0.0"%"'])
def test_excel_takes_a_shock_as_it_is_shown(excel: Excel, session: Session, shown: str) -> None:
    app = desk(excel)

    def told(content: str | float) -> str:
        return str(content) if isinstance(content, float) else '"' + content.replace('"', '""') + '"'

    lines = [f'    Spot("{cell}").Value = {told(content)}' for cell, content in SHOCKS.items()]
    lines.append(f'    Spot("B1").NumberFormat = {told(shown)}')
    app.add_module("Public Sub Fill()\n" + "\n".join(lines) + "\nEnd Sub", name="filled")
    app.run("Fill")
    plain = [["oil", -0.075, "pct"], ["dollar", 2.0, "pct"]]
    wanted = RUSSELL_PROJECTION(plain if shown == '0.0"%"' else WANTED)
    assert app.evaluate('RUSSELL_PROJECTION(Spot("A1:C2"))') == pytest.approx(wanted, rel=1e-12)


def test_a_small_shock_in_percent_is_remarked_in_every_host(session: Session) -> None:
    said = evaluate("RUSSELL_PROJECTION", [[["oil", -0.075, "%"]], None, "warning"]).value
    assert "the shock to oil is -0.075 %; if -7.5 % is meant, write -7.5" in str(said)
    for rows in ([["oil", -7.5, "%"]], [["oil", "-7.5%", "pct"]], [["inflation", 0.5, "bp"]]):
        assert "is meant" not in str(evaluate("RUSSELL_PROJECTION", [rows, None, "warning"]).value)
    assert RUSSELL_PROJECTION([["oil", " -7.5 % ", "pct"]]) == RUSSELL_PROJECTION([["oil", -7.5, "pct"]])


def test_a_percentage_beside_basis_points_is_refused(session: Session, tmp_path: Path) -> None:
    said = evaluate("RUSSELL_PROJECTION", [[["inflation", "0.25%", "bp"]]]).message
    assert said is not None
    assert "the shock to 'inflation' is written as 0.25% and its unit is bp" in said
    cells = {"A1": "inflation", "B1": 0.0025, "C1": "bp", "A3": "=RUSSELL_PROJECTION(A1:C1)"}
    assert refreshed(written(tmp_path / "b.xlsx", cells, {"B1": "0.00%"}))["A3"].value == "#VALUE!"


# RUSSELL_WHY tells of the cell it is asked about.


def test_the_reason_is_that_of_the_cell_asked_about(session: Session, tmp_path: Path) -> None:
    cells = {
        "D1": "2041-05-05", "D2": "2051-06-06",
        "A1": '=RUSSELL_BETA("oil",,,,D1)', "A2": '=RUSSELL_BETA("oil",,,,D2)',
        "A3": '=RUSSELL_BETA("oil",,,,TODAY()+9999)',
        "B1": "=RUSSELL_WHY(FORMULATEXT(A1))", "B2": "=RUSSELL_WHY(FORMULATEXT(A2))",
        "B3": "=RUSSELL_WHY(FORMULATEXT(A3))",
    }  # fmt: skip
    for order in (cells, dict(reversed(cells.items()))):
        sheet = refreshed(written(tmp_path / "b.xlsx", order, {}))
        assert "2041-05-05" in sheet["B1"].value
        assert "2051-06-06" in sheet["B2"].value
        assert "LibreOffice calculates this cell" in sheet["B3"].value
        assert "2041" not in sheet["B3"].value


def test_where_several_calls_fit_it_says_what_the_last_was_asked(session: Session) -> None:
    formula = '=RUSSELL_BETA("oil",,,,D1)'
    evaluate("RUSSELL_BETA", ["oil", None, None, None, "2041-05-05"])
    assert "fit" not in str(evaluate("RUSSELL_WHY", [formula]).value)
    evaluate("RUSSELL_BETA", ["oil", None, None, None, "2051-06-06"])
    said = str(evaluate("RUSSELL_WHY", [formula]).value)
    assert "the last error of several calls that fit" in said
    assert "2051-06-06" in said


# python -OO takes docstrings away.


def test_help_is_there_without_docstrings(session: Session) -> None:
    code = (
        "from xl_smallcap.functions import FUNCTIONS as F, RUSSELL_BETA as b\n"
        "assert b.__doc__ is None\n"
        "print(len(F), F[0].help, F[0].parameters[0].help)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-OO", "-c", code], capture_output=True, text=True, check=False, env={**os.environ}
    )
    from xl_smallcap.functions import FUNCTIONS

    assert done.stdout.strip() == f"{len(FUNCTIONS)} {FUNCTIONS[0].help} {FUNCTIONS[0].parameters[0].help}", done.stderr


def test_the_sentence_of_the_result_says_what_was_understood(session: Session) -> None:
    """Where a host cannot see the format, the reader can: -10% typed beside "%" arrives as -0.1."""
    assert evaluate("RUSSELL_SCENARIO", [[["oil", -0.1, "%"]], None, "path"]).value == "oil -0.1 % over 3 months"
    table = evaluate("RUSSELL_SCENARIO", [[["oil", -0.1, "%"], ["easing", 25.0, "bp"]], None, "all", 3.0]).table
    assert table is not None
    rows: dict[Any, Any] = {row[0]: row[1] for row in table}
    assert rows["path"] == "oil -0.1 %, easing +25 bp over 3 months"
    assert "0.1" in rows["warning"]
    assert evaluate("RUSSELL_SCENARIO", ["goldman", None, "path"]).value == (
        "growth +6 %, inflation -20 bp, easing +25 bp over 6 months"
    )
