"""What an adversarial review of the refresh found, held: strange XML, groups, spills, circles, names, files."""

from __future__ import annotations

import re
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from tests.conftest import num
from tests.workbooks.test_formulas import Sheet
from tests.workbooks.test_refresh import book, parts, refresh, value
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.formulas.calculator import Calculator, ask_engine
from xl_smallcap.formulas.values import CellError, UnsupportedError
from xl_smallcap.functions import RUSSELL_BETA, RUSSELL_BETAS, RUSSELL_FACTORS
from xl_smallcap.functions.cells import evaluate
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session
from xl_smallcap.workbooks.foreign.refresh import refresh_workbook

pytestmark = pytest.mark.filterwarnings("ignore:.*xtension is not supported")
SHEET = "xl/worksheets/sheet1.xml"


def edited(path: Path, change: Callable[[str], str], part: str = SHEET) -> Path:
    data = parts(path)
    data[part] = change(data[part].decode()).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in data.items():
            archive.writestr(name, content)
    return path


def spilling(path: Path, formulas: dict[str, str], **more: str) -> Path:
    made = xlsxwriter.Workbook(str(path))
    sheet = made.add_worksheet("S")
    for cell, text in formulas.items():
        sheet.write_dynamic_array_formula(f"{cell}:{cell}", text, None, "stale")
    for cell, text in more.items():
        sheet.write(cell, text)
    made.close()
    return path


def test_rows_and_cells_of_other_namespaces_are_none_of_ours(session: Session, tmp_path: Path) -> None:
    path = spilling(tmp_path / "b.xlsx", {"A1": "=RUSSELL_FACTORS()"})
    anchor = (
        "<controls><control><anchor><from><xdr:col>0</xdr:col><xdr:row>1</xdr:row></from></anchor></control></controls>"
    )
    space = 'xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"'
    edited(
        path,
        lambda s: s.replace("<worksheet ", f"<worksheet {space} ").replace("</worksheet>", anchor + "</worksheet>"),
    )
    edited(path, lambda s: s.replace("<sheetData>", "<sheetData><!-- </sheetData> -->"))
    refresh(path)
    xml = parts(path)[SHEET].decode()
    assert anchor in xml
    table = RUSSELL_FACTORS()
    assert [value(path, "S", f"A{i + 1}") for i in range(len(table))] == [row[0] for row in table]
    assert "<!-- </sheetData> -->" in xml


@pytest.mark.libreoffice
def test_shared_formulas_whose_first_cell_is_ours(office: Office, session: Session, tmp_path: Path) -> None:
    assert office
    path = book(tmp_path / "b.xlsx", {"A1": "oil", "A2": "zzz", "A3": "growth", "C1": '=B2&"!"'})
    shared = "IFERROR(RUSSELL_BETA(A1),PROPER(A1))"

    def group(xml: str) -> str:
        first = f'<c r="B1"><f t="shared" ref="B1:B3" si="0">{shared}</f><v>123.456</v></c>'
        xml = re.sub(r'(<c r="A1"[^>]*>.*?</c>)', lambda m: m[1] + first, xml, count=1)
        for row in (2, 3):
            cell = f'<c r="B{row}"><f t="shared" si="0"/><v>123.456</v></c>'
            end = xml.index("</c>", xml.index(f'<c r="A{row}"')) + 4
            xml = xml[:end] + cell + xml[end:]
        return xml

    refresh(edited(path, group))
    assert value(path, "S", "B1") == RUSSELL_BETA("oil")
    assert value(path, "S", "B2") == "Zzz"
    assert value(path, "S", "B3") == RUSSELL_BETA("growth")
    assert value(path, "S", "C1") == "Zzz!"
    assert b'<f t="shared" si="0"/>' in parts(path)[SHEET]


@pytest.mark.libreoffice
def test_a_spilled_formula_of_ordinary_functions_gets_its_size(
    office: Office, session: Session, tmp_path: Path
) -> None:
    assert office
    formulas = {"A1": "=SORT(H1:H3)", "C1": "=H1:H3*2", "E1": "=SUM(H1:H3*2)"}
    path = spilling(tmp_path / "b.xlsx", formulas, H1="x", H2="x", H3="x", J1="x")
    edited(
        path,
        lambda s: re.sub(r'<c r="H(\d)" t="s"><v>0</v></c>', lambda m: f'<c r="H{m[1]}"><v>{4 - int(m[1])}</v></c>', s),
    )
    done = refresh(path)
    assert not done.kept
    assert [value(path, "S", f"A{r}") for r in (1, 2, 3)] == [1, 2, 3]
    assert [value(path, "S", f"C{r}") for r in (1, 2, 3)] == [6, 4, 2]
    assert value(path, "S", "E1") == 12
    refs = re.findall(r'ref="([^"]*)"', parts(path)[SHEET].decode())
    assert {"A1:A3", "C1:C3", "E1"} <= set(refs)


@pytest.mark.libreoffice
def test_what_only_excel_sees_is_named_and_the_rest_is_not_taken_for_it(
    office: Office, session: Session, tmp_path: Path
) -> None:
    assert office
    made = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = made.add_worksheet("S")
    sheet.add_table(
        "A1:B3", {"name": "T", "columns": [{"header": "f"}, {"header": "2024"}], "data": [["oil", 5], ["growth", 7]]}
    )
    formulas = {
        "D1": "=SUM(T[2024])",
        "D2": "=RUSSELL_BETA(INDEX(T[f],1))+SUM(T[2024])",
        "D3": '="see [1] "&D1',
        "D4": "='[1]Ext'!A1",
        "D5": "=D4+1",
        "D6": '=CELL("filename")',
        "D7": "=FORMULATEXT(D2)",
        "D8": "=RUSSELL_WHY(FORMULATEXT(D9))",
        "D9": '=RUSSELL_BETA("oyl")',
        "D10": '=VLOOKUP("oil",RUSSELL_BETAS(),2,FALSE)',
        "D11": "=ISFORMULA(D2)",
    }
    for cell, text in formulas.items():
        sheet.write_formula(cell, text, None, 123.456)
    made.close()
    for word in range(session.errors.maxlen or 0):  # a full record of errors, as an hour of work leaves it
        evaluate("RUSSELL_BETA", (f"factor {word}",), session.snapshot.fingerprint)
    done = refresh(tmp_path / "b.xlsx")
    shown = {cell: value(tmp_path / "b.xlsx", "S", cell) for cell in formulas}
    assert shown["D1"] == 12
    assert shown["D2"] == pytest.approx(num(RUSSELL_BETA("oil")) + 12)
    assert shown["D3"] == "see [1] 12"
    assert shown["D4"] == shown["D6"] == shown["D10"] == 123.456
    assert shown["D5"] == 124.456
    assert shown["D7"] == formulas["D2"]
    assert "Did you mean 'oil'" in shown["D8"]
    assert shown["D11"] is True
    assert {k.split()[0] for k in done.kept if k.startswith("S!")} == {"S!D4", "S!D6", "S!D10"}
    assert done.worse == 1, "D9, whose factor does not exist"
    assert "1 cells that had numbers are errors now" in done.kept[-1]
    assert "Did you mean 'oil'" in done.kept[-1]


@pytest.mark.libreoffice
def test_numbers_stay_numbers_and_unknown_names_are_errors_everywhere(
    office: Office, session: Session, tmp_path: Path
) -> None:
    assert office
    chain = {f"C{k + 1}": f"=NOSUCH{k}(C{k})" if k else "=NOSUCH(1)" for k in range(6)}
    formulas = {
        "A1": "=IF(B1>0,B1,FALSE)", "A2": "=IFERROR(N(B2)/2,FALSE)", "A3": "=_xlfn.ISOWEEKNUM(DATE(2025,1,1))",
        "A4": "=ISNUMBER(B1)", "A5": '=IF(B1>0,TRUE,FALSE)', "A6": "=RUSSELL_NOPE(1)", "A7": "=A6+1",
        "A8": '=IF(ISERROR(A7),"err","ok")', "A9": "=C6+1", "A10": "=SUMPRODUCT(B1:B2)", **chain,
    }  # fmt: skip
    path = book(tmp_path / "b.xlsx", {**formulas, "B1": "x", "B2": "x"})
    edited(
        path,
        lambda s: s.replace('<c r="B1" t="s"><v>0</v>', '<c r="B1"><v>1</v>').replace(
            '<c r="B2" t="s"><v>0</v>', '<c r="B2"><v>0</v>'
        ),
    )
    done = refresh(path)
    shown = [value(path, "S", f"A{k}") for k in range(1, 9)]
    assert shown[:3] == [1, 0, 1]
    assert not any(isinstance(v, bool) for v in shown[:3])
    assert shown[3] is shown[4] is True
    assert shown[5:] == ["#NAME?", "#NAME?", "err"]
    kept = {k.split()[0] for k in done.kept}
    assert {f"S!C{k + 1}" for k in range(6)} <= kept
    assert value(path, "S", "A9") == 124.456, "from the kept value"


def test_a_table_does_not_spill_over_merges_tables_or_another_table(session: Session, tmp_path: Path) -> None:
    made = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    merged, tabled, both = (made.add_worksheet(n) for n in ("Merged", "Tabled", "Both"))
    merged.write_dynamic_array_formula("A1:A1", "=RUSSELL_BETAS()", None, "stale")
    merged.merge_range("B4:C4", "")
    tabled.add_table("C3:D5", {"columns": [{"header": "a"}, {"header": "b"}]})
    tabled.write_dynamic_array_formula("A1:A1", "=RUSSELL_BETAS()", None, "stale")
    both.write_dynamic_array_formula("A3:A3", "=RUSSELL_BETAS()", None, "stale")
    both.write_dynamic_array_formula("C1:C1", "=RUSSELL_BETAS()", None, "stale")
    made.close()
    done = refresh(tmp_path / "b.xlsx")
    assert value(tmp_path / "b.xlsx", "Merged", "A1") == value(tmp_path / "b.xlsx", "Tabled", "A1") == "#VALUE!"
    assert {value(tmp_path / "b.xlsx", "Both", cell) for cell in ("A3", "C1")} == {"factor", "#VALUE!"}
    assert sum("has no room" in line for line in done.kept) == 3
    assert len(RUSSELL_BETAS()) > 5


def test_a_single_value_is_at_home_in_a_table_and_in_merged_cells(session: Session, tmp_path: Path) -> None:
    """Excel stores a function of an add-in as an array formula; where it gives one value nothing spills."""
    path = tmp_path / "b.xlsx"
    made = xlsxwriter.Workbook(str(path))
    sheet = made.add_worksheet("S")
    sheet.add_table("A1:B3", {"columns": [{"header": "factor"}, {"header": "beta"}]})
    sheet.write_dynamic_array_formula("B2:B2", '=RUSSELL_BETA("oil")', None, 1.0)
    sheet.write_dynamic_array_formula("B3:B3", "=RUSSELL_FACTORS()", None, "stale")
    sheet.merge_range("D5:E6", "")
    sheet.write_dynamic_array_formula("D5:D5", '=RUSSELL_BETA("dollar")', None, 1.0)
    made.close()
    done = refresh(path)
    assert value(path, "S", "B2") == RUSSELL_BETA("oil")
    assert value(path, "S", "D5") == RUSSELL_BETA("dollar")
    assert value(path, "S", "B3") == "#VALUE!"
    assert [line.split(":")[0] for line in done.kept] == ["S!B3"]


def test_the_original_cannot_be_lost(session: Session, tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": "=RUSSELL_ASOF()"})
    before = path.read_bytes()
    for pdf in (path, tmp_path / "o.xlsx"):
        with pytest.raises(BadArgumentError, match="would overwrite"):
            refresh_workbook(path, tmp_path / "o.xlsx", pdf, lambda *_: None)
    with pytest.raises(BadArgumentError, match="is a folder"):
        refresh_workbook(path, None, tmp_path, lambda *_: None)
    with pytest.raises(BadArgumentError, match="is a folder"):
        refresh_workbook(path, tmp_path, None, lambda *_: None)
    assert path.read_bytes() == before
    if sys.platform != "win32":
        path.chmod(0o600)
        (tmp_path / "link.xlsx").symlink_to(path)
        refresh(tmp_path / "link.xlsx")
        assert (tmp_path / "link.xlsx").is_symlink()
        assert path.read_bytes() != before
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_formula_ends_in_a_traceback(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XL_SMALLCAP_SOFFICE", str(tmp_path / "none"))
    made = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = made.add_worksheet("S")
    for row in range(1500):
        sheet.write_formula(row, 1, f"=B{row + 2}+1", None, 0)
    formulas = [
        '=RUSSELL_BETA("oil")*1E308*1E308', '=RUSSELL_BETA("oil")+1E999',
        "=" + "(" * 400 + '1+RUSSELL_BETA("oil")' + ")" * 400,
        '=CIRC+RUSSELL_BETA("oil")', '=ROUND(RUSSELL_BETA("oil"),-400)', '=RUSSELL_BETA("oil")+B1',
        '=A9&RUSSELL_BETA("oil")',
    ]  # fmt: skip
    for row, text in enumerate(formulas):
        sheet.write_formula(row, 0, text, None, 0)
    sheet.write_string("A9", "_xD83D_")
    made.define_name("CIRC", "=CIRCB+1")
    made.define_name("CIRCB", "=CIRC+1")
    made.close()
    refresh(tmp_path / "b.xlsx")
    assert value(tmp_path / "b.xlsx", "S", "A1") == "#NUM!"
    pinned = xlsxwriter.Workbook(str(tmp_path / "p.xlsx"))
    pinned.add_worksheet("S").write_formula("A1", "=RUSSELL_ASOF()", None, 0)
    pinned.define_name("RUSSELL_PIN", "=OFFSET(S!$B$1,0,0)")
    pinned.close()
    with pytest.raises(BadArgumentError, match="RUSSELL_PIN cannot be read"):
        refresh(tmp_path / "p.xlsx")
    data = parts(tmp_path / "b.xlsx")
    data[SHEET] = data[SHEET].replace(b'encoding="UTF-8"', b'encoding="windows-1252"')
    with zipfile.ZipFile(tmp_path / "c.xlsx", "w") as archive:
        for name, content in data.items():
            archive.writestr(name, content)
    with pytest.raises(BadArgumentError, match="not written in UTF-8"):
        refresh(tmp_path / "c.xlsx")
    with zipfile.ZipFile(tmp_path / "c.xlsx", "w") as archive:
        for name, content in parts(tmp_path / "b.xlsx").items():
            archive.writestr(name, content)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(SHEET, b"")
    with pytest.raises(BadArgumentError, match="two parts of one name"):
        refresh(tmp_path / "c.xlsx")
    assert openpyxl.load_workbook(tmp_path / "b.xlsx").sheetnames == ["S"]


CELLS = {"A1": "oil", "A2": "growth", "A3": 3.0, "B1": "5", "G2": "é"}
EXCEL: dict[str, float | str | bool] = {
    "=ROWS(D1:D100)": 100.0, "=COLUMNS(A:Z)": 26.0, '=SUBSTITUTE("abc","","x")': "abc", "=MAX(-5,)": 0.0,
    "=AVERAGE(4,)": 2.0, "=AND(TRUE,)": False, "=MIN(,5)": 0.0, "=IF(0.1+0.2=0.3,1,2)": 1.0, '="ß"="ss"': False,
    '=TEXT(TRUE,"0")': "TRUE", '=TEXT(5,"0""%""")': "5%", '=TEXT(2.4999999999,"0")': "2", '=TEXT(2.5,"0")': "3",
    '=TEXT(-0.4,"0")': "0", "=INDEX(D1:D100,50)&\"\"": "", "=SUM(A1:B3)": 3.0, '=COUNTIF(A1:A3,"OIL")': 1.0,
}  # fmt: skip
ERRORS = {"=0^0": "#NUM!", "=0^-1": "#DIV/0!", "=AND(D1:D3)": "#VALUE!", '=LEFT("abc",-1)': "#VALUE!",
'="nan"+1': "#VALUE!",
          '="inf"+1': "#VALUE!", "=MATCH(3,A1:B3,0)": "#N/A", "=1E308*10": "#NUM!"}  # fmt: skip
LEFT_ALONE = [
    "=A$1:A$3", "=ABS(A1:A3)", "=RelativeName", "=[1]!Rate", "=SUM(A1:B2 B1:C2)", '=SUBSTITUTE("a-b","-","+",1)',
    "=SUM(INDEX(A1:B3,2))", "=MATCH(G1,G1:G5,0)", '=COUNTIF(A1:A3,"3")', "=COUNTIF(A1:B1,5)", '=COUNTIF(A1:A3,"")',
    '="2024-12-31"+0', '="5%"+0', '="1,000"+0', '=LEN("😀")', '=UPPER("ß")', '="é"<"f"', '=TEXT("0.5","0%")',
    '=TEXT(G1,"yyyy-mm-dd")', "=EOMONTH(59,0)", "=SUM(IF(TRUE,B1))", "=IFERROR(A1:A3,0)", '="1_0"+1',
]  # fmt: skip


def calculated(formula: str) -> object:
    names = {"RELATIVENAME": "=S!$A1", "RATE": "=S!$A$3"}
    made = Sheet(dict(CELLS), names)
    one = Calculator(made, ask_engine())
    result = one.calculate(formula, "S")
    return result.first if hasattr(result, "rows") else result


@pytest.mark.parametrize("formula", list(EXCEL))
def test_as_excel_has_it(session: Session, formula: str) -> None:
    result = calculated(formula)
    assert result == EXCEL[formula]
    assert type(result) is type(EXCEL[formula])


@pytest.mark.parametrize("formula", list(ERRORS))
def test_errors_as_excel_has_them(session: Session, formula: str) -> None:
    assert calculated(formula) == CellError(ERRORS[formula])


@pytest.mark.parametrize("formula", LEFT_ALONE)
def test_where_it_is_not_sure_it_leaves_the_cell_to_others(session: Session, formula: str) -> None:
    with pytest.raises(UnsupportedError):
        calculated(formula)
