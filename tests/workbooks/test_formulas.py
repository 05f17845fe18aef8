"""The calculator of cells: against LibreOffice formula by formula, and what it leaves alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import num
from xl_smallcap.formulas.calculator import Calculator, Formula, NoFormats, ask_engine
from xl_smallcap.formulas.values import CellError, Grid, UnsupportedError, formatted
from xl_smallcap.functions import RUSSELL_BETA, RUSSELL_BETAS
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session
from xl_smallcap.xlsx.references import Block, address, column_letters, column_number, place, read_reference


class Sheet(NoFormats):
    """One sheet of cells, for the calculator."""

    names: Mapping[str, str]

    def __init__(self, cells: dict[str, Any], names: Mapping[str, str] | None = None, date1904: bool = False) -> None:
        self.cells = {place(a): v for a, v in cells.items()}
        self.names, self.date1904 = names or {}, date1904

    def content(self, sheet: str, row: int, column: int) -> Any:
        return self.cells.get((row, column))

    def extent(self, sheet: str) -> tuple[int, int]:
        if sheet != "S":
            raise KeyError(sheet)
        return max(r for r, _ in self.cells) + 1, max(c for _, c in self.cells) + 1

    def anchor(self, sheet: str, row: int, column: int) -> tuple[int, int] | None:
        spills = [k for k, v in self.cells.items() if isinstance(v, Formula) and v.spills]
        return next((k for k in spills if k[0] <= row and k[1] <= column), None)


GIVEN = {"A1": 3.5, "A2": -2.0, "A3": "text", "A4": True, "A6": 46015.0, "B1": "7", "B2": 0.005, "B3": "Text"}
PLAIN = [
    "=A1+A2*2-3^2", "=-2^2", "=-A1^2", "=2^-1", "=10/4/5", "=A1&A3&B1", "=A1%", "=50%+1", '="a"&1.50',
    "=A3=B3", '="a"<"B"', '=1<"a"', "=A5=0", '=A5=""', "=A1<>A2", "=A1>=3.5", "=B1+1", "=A5+1", "=A4+1",
    '=IF(A1>0,"up","down")', "=IF(A1<0,1)", "=IFERROR(1/0,9)", "=IFERROR(A1,9)", '=IFERROR("x"+1,"bad")',
    "=IFNA(NA(),2)",
    "=ISNUMBER(A1)", "=ISNUMBER(A3)", "=ISERROR(1/0)", "=ISNA(NA())", "=ISBLANK(A5)", "=ISTEXT(A3)", "=ISTEXT(A1)",
    "=SUM(A1:A3,A6)", "=SUM(A1,B1,TRUE)", "=MAX(A1:A2)", "=MIN(A1:A2,-7)", "=AVERAGE(A1:A2)", "=ABS(A2)", "=SQRT(16)",
    "=ROUND(2.5,0)", "=ROUND(-2.5,0)", "=ROUND(A1*1.01,2)", "=ROUND(1234.5678,-2)", "=INDEX(A1:B3,2,2)",
    "=INDEX(A1:A3,2)",
    "=INDEX({1,2;3,4},2,1)", '=INDEX({"a","b"},1,2)', '=MATCH("TEXT",A1:A3,0)', "=MATCH(-2,A1:A3,0)", "=ROWS(A1:A6)",
    "=COLUMNS(A1:B3)", "=EOMONTH(A6,-1)", "=EOMONTH(A6,2)", '=TEXT(A1,"0.00")', '=TEXT(A2,"+0.0;-0.0;0.0")',
    '=TEXT(0,"+0.0;-0.0;0.0")', '=TEXT(B2,"0%")', '=TEXT(B2,"0.0%")', '=TEXT(A6,"yyyy-mm-dd")',
    '=TEXT(1234567.891,"#,##0.0")',
    '=TEXT(0.285,"0.00")', '=TEXT(-0.001,"0.00")', '=TEXT(A3,"0")', "=UPPER(A3)", "=LOWER(B3)",
    "=LEFT(A3,2)", "=LEN(A3)",
    '=SUBSTITUTE("a_b_c","_"," ")', "=AND(A1>0,A2<0)", "=OR(A1<0,A2>0)", "=NOT(A4)", '=COUNTIF(A1:B3,"text")', "=1/0",
    "=SQRT(-1)", '="x"+1', "=MATCH(99,A1:A3,0)", "=INDEX(A1:B3,9,1)", "=A1*1E3",
    '=CONCATENATE(A1,"-",A3)',
    "=FIXED(A1,2,TRUE)", "=FIXED(-0.005,2,TRUE)", "=FIXED(1234567.891,1,FALSE)", "=FIXED(1234.5)", "=FIXED(2.5,0,TRUE)",
    "=FIXED(ROUND(-0.001,2)+0,2,TRUE)", "=DAY(A6)", "=MONTH(A6)", "=YEAR(A6)", "=DATE(2025,1,1)-1", "=EDATE(A6,-1)",
    "=EDATE(DATE(2025,5,1)-1,-2)", '=CHOOSE(2,"a","b")', '=CHOOSE(1,"a",1/0)', '=CHOOSE(3,"a","b")', "=LN(A1)",
    "=LN(0)",
    "=SMALL(A1:A2,2)", "=SMALL(A1:A2,3)", "=RIGHT(A3,2)", "=MOD(A6,7)", "=MOD(-3,2)", "=MOD(3,0)",
    '=RIGHT("0"&7,2)', '=DAY(A6)&" "&YEAR(A6)',
    '=EXACT(A3,B3)', "=IF(TRUE,,5)", '="quo""te"',
]  # fmt: skip


_EXCELS = {"=INDEX(A1:B3,9,1)": "#REF!", '=CHOOSE(3,"a","b")': "#VALUE!", "=SMALL(A1:A2,3)": "#NUM!"}
"""Where LibreOffice says Err:502, or another error than Excel, we give Excel's."""


def calculated(formula: str, cells: dict[str, Any] | None = None) -> Any:
    result = Calculator(Sheet(cells or GIVEN), ask_engine()).calculate(formula, "S")
    return result.first if isinstance(result, Grid) else result


@pytest.mark.libreoffice
def test_every_formula_gives_what_libreoffice_gives(office: Office, session: Session, tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "empty.xlsx"))  # a new document of its own would compare texts by case
    book.add_worksheet("S")
    book.close()
    opened = office.do("open", str(tmp_path / "empty.xlsx"))
    for cell, value in GIVEN.items():
        typed = f"'{value}" if isinstance(value, str) else "=TRUE()" if value is True else str(value)
        office.do("type", opened, 0, f"{cell}:{cell}", [[typed]])
    office.do("type", opened, 0, f"D1:D{len(PLAIN)}", [[f] for f in PLAIN])
    for formula, (shown,) in zip(PLAIN, office.do("read", opened, 0, f"D1:D{len(PLAIN)}"), strict=True):
        ours = calculated(formula)
        if isinstance(shown, dict):
            wanted = {"Err:502": "#NUM!"}.get(shown["error"], shown["error"])
            wanted = _EXCELS.get(formula, wanted)
            assert isinstance(ours, CellError), formula
            assert ours.code == wanted, formula
        elif isinstance(shown, float):
            assert float(ours or 0.0) == pytest.approx(shown, rel=1e-14), formula
        else:
            assert (ours or "") == shown, formula
    office.do("close", opened)


def test_our_functions_with_references_names_arrays_and_spills(session: Session) -> None:
    cells = {
        "A1": "inflation",
        "A2": Formula('=RUSSELL_BETA(A1,"relative")'),
        "A3": Formula("=A2*2"),
        "A4": Formula('=RUSSELL_BETA("nonsense")'),
        "A5": Formula("=shocked"),
        "D1": Formula("=RUSSELL_BETAS()", spills=True),
        "B1": Formula("=E2"),
        "B2": Formula("=ROWS(_xlfn.ANCHORARRAY(D1))"),
        "B3": Formula("=RUSSELL_BETAS()"),
        "B4": Formula("=RUSSELL_ASOF()"),
        "B5": Formula("=_xldudf_RUSSELL_BETA(A1)"),
    }
    names = {"SHOCKED": '=INDEX(RUSSELL_PROJECTION({"growth",1,"sd";"inflation",-5,"bp"},,"all"),2,2)'}
    one = Calculator(Sheet(cells, names), ask_engine())
    beta = RUSSELL_BETA("inflation", "relative")
    assert one.value("S", 1, 0) == beta
    assert one.value("S", 2, 0) == 2 * num(beta)
    assert one.value("S", 3, 0) == CellError("#VALUE!")
    assert isinstance(one.value("S", 4, 0), float)
    table = RUSSELL_BETAS()
    assert one.value("S", 0, 1) == table[1][1]
    assert one.value("S", 1, 1) == len(table)
    assert one.value("S", 2, 1) == "factor", "a formula that does not spill shows its first cell"
    assert one.value("S", 3, 1) == (dt.date(2025, 12, 31) - dt.date(1899, 12, 30)).days
    assert one.value("S", 4, 1) == RUSSELL_BETA("inflation")
    assert one.value("S", 30, 4) is None, "below the spilled table"


def test_a_workbook_that_counts_from_1904(session: Session) -> None:
    cells = {
        "A1": Formula("=RUSSELL_ASOF()"),
        "A2": Formula('=RUSSELL_BETA("inflation",,,,A1)'),
        "A3": Formula('=RUSSELL_BETA("inflation",,,,RUSSELL_ASOF()-400)'),
    }
    old, new = (Calculator(Sheet(cells, date1904=flag), ask_engine()) for flag in (False, True))
    assert new.value("S", 0, 0) == old.value("S", 0, 0) - 1462
    for row in (1, 2):
        assert isinstance(old.value("S", row, 0), float)
        assert new.value("S", row, 0) == old.value("S", row, 0)


@pytest.mark.parametrize(
    "formula",
    [
        "=VLOOKUP(1,A1:B2,2)", "=SUM(A1:A3)*{1,2}", "=unknown_name", "=Other!A1", "=Table1[[#This Row],[x]]",
    "=A1:A2 A2:A3",
        "=LAMBDA(x,x)(1)", "=A7", '=TEXT(1,"dddd")', "=MATCH(1,A1:A3)", "=[1]Sheet!A1", "=IF(", "=A1:A3+1", '=1e-7&""',
    "=INDEX(A1:B3,0,1)", "=DATE(2025,13,1)", "=FIXED(A1,-1)",
    ],
)  # fmt: skip
def test_what_it_does_not_know_is_left_alone(session: Session, formula: str) -> None:
    cells = {**GIVEN, "A7": Formula("=A8"), "A8": Formula("=A7")}
    with pytest.raises(UnsupportedError):
        calculated(formula, cells)


@given(st.integers(0, 16_383), st.integers(0, 1_048_575))
def test_addresses_there_and_back(column: int, row: int) -> None:
    assert column_number(column_letters(column)) == column
    assert place(address(row, column)) == (row, column)
    assert read_reference("'My sheet'!" + address(row, column, fixed=True)) == Block(
        "My sheet", row, column, row, column
    )


def test_references() -> None:
    assert read_reference("A$1:$B2") == Block(None, 0, 0, 1, 1)
    assert read_reference("宏观!B2") == Block("宏观", 1, 1, 1, 1)
    assert read_reference("'It''s'!A1") == Block("It's", 0, 0, 0, 0)
    assert read_reference("B:A") == Block(None, 0, 0, 1_048_575, 1)
    for text in ("A0", "XFE1", "A1048577", "name", "R1C1", "Table1[x]", "A1.B2"):
        assert read_reference(text) is None, text


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_text_of_a_number_rounds_as_python_prints(value: float, places: int) -> None:
    shown = formatted(value, "0." + "0" * places if places else "0")
    assert abs(float(shown) - value) <= 0.5 * 10.0**-places + 1e-9
