"""Functions and names LibreOffice reads otherwise, or not at all: spilled references, newer functions, a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from tests.workbooks.test_refresh import refresh, value
from xl_smallcap.functions import RUSSELL_BETAS
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session

pytestmark = [pytest.mark.libreoffice, pytest.mark.filterwarnings("ignore:.*xtension is not supported")]
OLD = 777.0
KEPT = {
    "=IFERROR(SUM(_xlfn.TAKE(B1:B2,1))+C1,-1)": "TAKE",
    "=COUNT(_xlfn.VSTACK(B1,C1))": "VSTACK",
    "=IFERROR(SUM(top),-1)": "TAKE",
    "=ISERROR(FOOBAR(C1))": "FOOBAR",
}
KNOWN: dict[str, Any] = {
    '=IF(FALSE,"TAKE(",1)+PI()': 4.141592653589793,
    "=_xlfn.CEILING.MATH(1.5)+ERROR.TYPE(#N/A)+_xlfn.LET(_xlpm.x,1,_xlpm.x)": 10.0,
    "=_xlfn.XLOOKUP(2,B1:B2,B1:B2)": 2.0,
}


def written(path: Path, formulas: list[str], spilling: bool) -> Path:
    """A table of ours at D1, names for it and for a newer function, and formulas from A1 downwards."""
    made = xlsxwriter.Workbook(str(path))
    sheet = made.add_worksheet("S")
    sheet.write_dynamic_array_formula("D1:D1", '=RUSSELL_BETAS("relative")', None, 1.0)
    sheet.write_column("B1", [1.0, 2.0])
    sheet.write_formula("C1", '=RUSSELL_BETA("oil")', None, OLD)
    made.define_name("table", "=_xlfn.ANCHORARRAY(S!$D$1)")
    made.define_name("top", "=_xlfn.TAKE(S!$B$1:$B$2,1)")
    for row, text in enumerate(formulas):
        if spilling:
            sheet.write_dynamic_array_formula(row, 0, row, 0, text, None, OLD)
        else:
            sheet.write_formula(row, 0, text, None, OLD)
    made.close()
    return path


@pytest.mark.parametrize("spilling", [False, True])
def test_a_spilled_reference_is_the_table_of_now(
    office: Office, session: Session, tmp_path: Path, spilling: bool
) -> None:
    assert office
    table = RUSSELL_BETAS("relative")
    count = len(table) * len(table[0])
    formulas = {
        "=COUNTA(_xlfn.ANCHORARRAY(D1))": count,
        "=COUNTA(table)": count,
        "=IFERROR(ROWS(_xlfn.ANCHORARRAY($D$1))*1,-1)": len(table),
        '=IFERROR(COUNTA(TABLE)&" table","none")': f"{count} table",
        "=INDEX(_xlfn.ANCHORARRAY(D1),2,2)": table[1][1],
    }
    path = written(tmp_path / "b.xlsx", list(formulas), spilling)
    done = refresh(path)
    assert [value(path, "S", f"A{k + 1}") for k in range(len(formulas))] == pytest.approx(list(formulas.values()))
    assert done.kept == []


@pytest.mark.parametrize("spilling", [False, True])
def test_what_libreoffice_does_not_know_keeps_its_value_though_an_iferror_hides_it(
    office: Office, session: Session, tmp_path: Path, spilling: bool
) -> None:
    assert office
    path = written(tmp_path / "b.xlsx", [*KEPT, *KNOWN, "=IFERROR(A1+1,-1)"], spilling)
    done = refresh(path)
    shown = [value(path, "S", f"A{k + 1}") for k in range(len(KEPT) + len(KNOWN) + 1)]
    assert shown == pytest.approx([*[OLD] * len(KEPT), *KNOWN.values(), OLD + 1])
    assert done.kept == [
        f"S!A{k + 1} keeps its old value: LibreOffice does not know {name}." for k, name in enumerate(KEPT.values())
    ]


def test_words_in_texts_sheets_and_tables_are_no_functions_and_no_names(
    office: Office, session: Session, tmp_path: Path
) -> None:
    """A copy of a sheet is called "Data (2)", a column "Price (USD)", and a name may be a word of either."""
    assert office
    made = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet, other = made.add_worksheet("S"), made.add_worksheet("my table (2)")
    sheet.write_dynamic_array_formula("D1:D1", '=RUSSELL_BETAS("relative")', None, 1.0)
    made.define_name("table", "=_xlfn.ANCHORARRAY(S!$D$1)")
    other.write("A1", 5.0)
    other.add_table("C1:D3", {"columns": [{"header": "Price (USD)"}, {"header": "my table"}]})
    other.write_column("C2", [1.0, 2.0])
    formulas = {
        "='my table (2)'!A1*2": 10.0,
        '=SUMPRODUCT(1*("TAKE(1) table"<>""))': 1.0,
        "=SUM(Table1[Price (USD)])": 3.0,
        "=ROWS(table)+'my table (2)'!A1": len(RUSSELL_BETAS("relative")) + 5.0,
    }
    for row, text in enumerate(formulas):
        sheet.write_formula(row, 0, text, None, OLD)
    made.close()
    done = refresh(tmp_path / "b.xlsx")
    assert [value(tmp_path / "b.xlsx", "S", f"A{k + 1}") for k in range(len(formulas))] == list(formulas.values())
    assert done.kept == []


def test_a_range_sees_a_table_that_grew_beyond_the_used_cells(session: Session, tmp_path: Path) -> None:
    made = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = made.add_worksheet("S")
    sheet.write_formula("A2", '=IF(RUSSELL_BETA("oil")<9,ROWS(D1:D60),0)', None, OLD)
    sheet.write_formula("B1", "=IF(LEN(RUSSELL_ASOF())>0,INDEX(D1:D60,6,1),0)", None, OLD)
    sheet.write_dynamic_array_formula("D1:D1", "=RUSSELL_BETAS()", None, "stale")
    made.close()
    refresh(tmp_path / "b.xlsx")
    table = RUSSELL_BETAS()
    assert value(tmp_path / "b.xlsx", "S", "B1") == table[5][0]
    assert value(tmp_path / "b.xlsx", "S", "A2") == 60
