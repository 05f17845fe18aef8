"""Refresh without Excel: values and chart caches change, every other byte stays; bad input is refused, nothing lost."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from tests.conftest import num
from tests.workbooks.lifelike import EXPECTED_PARTS, LIFELIKE, RESULTS
from xl_smallcap import cli
from xl_smallcap.errors import StoreError
from xl_smallcap.functions import RUSSELL_BETA, RUSSELL_BETAS, RUSSELL_SNAPSHOT
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session
from xl_smallcap.workbooks.foreign.refresh import RefreshedBook, refresh_workbook

pytestmark = pytest.mark.filterwarnings("ignore:.*xtension is not supported")
STALE = (123.456, "stale", 45000)
OTHERWISE = {("Checks", "B3"), ("Betas", "A21")}
"""A pivot table nobody renewed; LibreOffice does not find a text in a spilled add-in table (docs/verification.md)."""


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def refresh(path: Path, out: Path | None = None) -> RefreshedBook:
    return refresh_workbook(path, out, None, quiet)


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {i.filename: archive.read(i) for i in archive.infolist()}


def value(path: Path, sheet: str, cell: str) -> Any:
    return openpyxl.load_workbook(path, data_only=True)[sheet][cell].value


def kind(shown: Any) -> str:
    if shown in (None, ""):
        return "blank"
    if isinstance(shown, bool):
        return "boolean"
    if isinstance(shown, str):
        return "error" if shown.startswith("#") else "text"
    return "number"


def book(path: Path, formulas: dict[str, str], stale: Any = 123.456, **options: Any) -> Path:
    made = xlsxwriter.Workbook(str(path), options)
    sheet = made.add_worksheet("S")
    for cell, text in formulas.items():
        if text.startswith("="):
            sheet.write_formula(cell, text, None, stale)
        else:
            sheet.write(cell, text)
    made.close()
    return path


@pytest.fixture
def no_office(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XL_SMALLCAP_SOFFICE", str(tmp_path / "nowhere" / "soffice"))


@pytest.mark.libreoffice
@pytest.mark.parametrize("name", list(LIFELIKE))
def test_real_life_like_workbooks(office: Office, session: Session, tmp_path: Path, name: str) -> None:
    assert office
    path = tmp_path / f"{name}.xlsx"
    path.write_bytes(LIFELIKE[name]())
    old, comment = parts(path), zipfile.ZipFile(path).comment
    extras = {i.filename: (i.extra, i.compress_type, i.date_time) for i in zipfile.ZipFile(path).infolist()}
    done = refresh(path)
    new = parts(path)
    assert done.office
    reasons = ("a pivot table", "has no room", "cells that had numbers are errors now")
    assert all(any(k in line for k in reasons) for line in done.kept), done.kept
    assert list(new) == list(old)
    assert all(new[n] == old[n] for n in EXPECTED_PARTS[name])
    with zipfile.ZipFile(path) as archive:
        assert archive.comment == comment
        assert {i.filename: (i.extra, i.compress_type, i.date_time) for i in archive.infolist()} == extras
    wb = openpyxl.load_workbook(path, data_only=True)
    for sheet, cell, wanted in RESULTS[name]:
        shown = wb[sheet][cell].value
        assert kind(shown) == wanted, (sheet, cell, shown)
        assert isinstance(shown, bool) or shown not in STALE, (sheet, cell)
    # refreshed again, nothing changes: not a byte
    again = path.read_bytes()
    done = refresh(path)
    assert done.changed == done.charts == 0
    assert path.read_bytes() == again


def stripped(xml: bytes) -> bytes:
    """A sheet without stored values, new cells, and the ranges of arrays: what a refresh may not change."""
    xml = re.sub(rb"<(\w+:)?(?:v|is)\b[^>]*?>.*?</(?:\w+:)?(?:v|is)>", b"", xml, flags=re.DOTALL)
    xml = re.sub(rb'(<(?:\w+:)?c\b[^>]*?)\s+(?:t|vm)="[^"]*"', rb"\1", xml)
    xml = re.sub(rb'(<(?:\w+:)?c\b[^>]*?)\s+(?:t|vm)="[^"]*"', rb"\1", xml)
    xml = re.sub(rb"<((?:\w+:)?c)\b([^>/]*?)></\1>", rb"<\1\2/>", xml)
    xml = re.sub(rb"<(?:\w+:)?c\b[^>]*?/>", b"", xml)
    xml = re.sub(rb"<((?:\w+:)?row)\b[^>]*?></\1>", b"", xml)
    xml = re.sub(rb'(<(?:\w+:)?f\b[^>]*?)\s+ref="[^"]*"', rb"\1", xml)
    return re.sub(rb"<(?:\w+:)?dimension[^>]*/>", b"", xml)


@pytest.mark.libreoffice
@pytest.mark.parametrize("name", list(LIFELIKE))
def test_in_a_changed_sheet_only_values_change(office: Office, session: Session, tmp_path: Path, name: str) -> None:
    assert office
    path = tmp_path / f"{name}.xlsx"
    path.write_bytes(LIFELIKE[name]())
    old = parts(path)
    refresh(path)
    sheets = [n for n, data in parts(path).items() if "/worksheets/sheet" in n and data != old[n]]
    assert sheets
    for n in sheets:
        assert stripped(parts(path)[n]) == stripped(old[n]), n


@pytest.mark.libreoffice
@pytest.mark.parametrize("name", list(LIFELIKE))
def test_what_is_stored_is_what_libreoffice_calculates(
    office: Office, session: Session, tmp_path: Path, name: str
) -> None:
    path = tmp_path / f"{name}.xlsx"
    path.write_bytes(LIFELIKE[name]())
    refresh(path)
    shutil.copy(path, tmp_path / "copy.xlsx")
    opened = office.do("open", str(tmp_path / "copy.xlsx"))
    office.do("recalculate", opened)
    office.do("recalculate", opened)
    results = office.do("results", opened)
    office.do("close", opened)
    wb = openpyxl.load_workbook(path, data_only=True)
    compared = 0
    for sheet, blocks in results.items():
        for top, left, rows in blocks:
            for i, row in enumerate(rows):
                for j, shown in enumerate(row):
                    cell = wb[sheet].cell(top + i + 1, left + j + 1)
                    if sheet in ("Spill", "Blocked", "Pivot") or (sheet, cell.coordinate) in OTHERWISE:
                        continue  # LibreOffice has no #SPILL!
                    stored = cell.value
                    if isinstance(shown, dict):
                        assert stored == shown["error"], (sheet, cell.coordinate)
                    elif isinstance(shown, str):
                        assert (stored or "").replace("_x000D_", "\r") == shown, (sheet, cell.coordinate)
                    elif not hasattr(stored, "year"):
                        assert float(stored or 0) == pytest.approx(shown, rel=1e-12), (sheet, cell.coordinate)
                    compared += 1
    assert compared > 60


@pytest.mark.libreoffice
def test_chart_caches_follow_their_cells(office: Office, session: Session, tmp_path: Path) -> None:
    assert office
    path = tmp_path / "book.xlsx"
    path.write_bytes(LIFELIKE["pitch_book"]())
    done = refresh(path)
    assert done.charts == 2
    chart = parts(path)["xl/charts/chart1.xml"].decode()
    points = re.findall(r"Charts!\$B\$3:\$B\$7</c:f><c:numCache>.*?</c:numCache>", chart)[0]
    shown = [float(v) for v in re.findall(r"<c:v>([^<]*)</c:v>", points)]
    assert shown == [value(path, "Charts", f"B{r}") for r in range(3, 8)]
    assert "123.456" not in chart


def test_our_functions_alone_need_no_libreoffice(no_office: None, session: Session, tmp_path: Path) -> None:
    path = book(
        tmp_path / "b.xlsx",
        {
            "A1": "inflation",
            "A2": '=RUSSELL_BETA(A1,,"tstat")',
            "A3": "=IF(A2>0,A2*2,-A2)",
            "A4": '=IFERROR(RUSSELL_BETA("x"),"none")',
            "A5": '=VLOOKUP("a",A1:B3,2)',
            "A6": "=RUSSELL_BETA(A5)",
        },
    )
    done = refresh(path)
    assert not done.office
    beta = RUSSELL_BETA("inflation", stat="tstat")
    assert value(path, "S", "A2") == beta
    assert value(path, "S", "A3") in (2 * num(beta), -num(beta))
    assert value(path, "S", "A4") == "none"
    assert value(path, "S", "A5") == 123.456
    assert "need LibreOffice and keep their old values" in done.kept[0]
    assert "XL_SMALLCAP_SOFFICE" in done.told[0]


def test_a_table_grows_and_shrinks_and_finds_its_way_blocked(no_office: None, session: Session, tmp_path: Path) -> None:
    table = RUSSELL_BETAS()
    made = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    for name, rows, columns in (("Small", 2, 2), ("Large", 30, 40), ("Blocked", 2, 2)):
        sheet = made.add_worksheet(name)
        sheet.write_dynamic_array_formula(1, 1, rows, columns, "=RUSSELL_BETAS()", None, "stale")
        for r in range(1, rows + 1):
            for c in range(1, columns + 1):
                if (r, c) != (1, 1):
                    sheet.write(r, c, "stale")
        sheet.write_formula("A1", "=ROWS(_xlfn.ANCHORARRAY(B2))", None, 0)
    sheet.write("F6", "in the way")
    made.close()
    done = refresh(tmp_path / "b.xlsx")
    wb = openpyxl.load_workbook(tmp_path / "b.xlsx", data_only=True)
    for name in ("Small", "Large"):
        shown = [[wb[name].cell(2 + i, 2 + j).value for j in range(len(table[0]))] for i in range(len(table))]
        wanted = [["#N/A" if v is None else v for v in row] for row in table]
        for one, two in zip(shown, wanted, strict=True):
            for a, b in zip(one, two, strict=True):
                assert a == b or (a is None and b == "") or (isinstance(a, (int, float)) and hasattr(b, "year")), (a, b)
        assert wb[name].cell(2 + len(table), 2).value is None
        assert wb[name].cell(2, 2 + len(table[0])).value is None
        assert wb[name]["A1"].value == len(table)
    assert wb["Blocked"]["B2"].value == "#VALUE!"
    assert wb["Blocked"]["C3"].value is None
    assert wb["Blocked"]["F6"].value == "in the way"
    assert any("has no room" in line for line in done.kept)
    refs = re.findall(rb'ref="(B2[^"]*)"', b"".join(parts(tmp_path / "b.xlsx").values()))
    assert refs == [b"B2:AB12", b"B2:AB12", b"B2"]


def test_prefixes_of_add_ins_pins_and_days_from_1904(no_office: None, session: Session, tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": '=_xldudf_RUSSELL_BETA("inflation")', "A2": "=RUSSELL_SNAPSHOT()"})
    refresh(path)
    assert value(path, "S", "A1") == RUSSELL_BETA("inflation")
    assert value(path, "S", "A2") == RUSSELL_SNAPSHOT()
    old = book(tmp_path / "c.xlsx", {"A1": "=RUSSELL_ASOF()"}, date_1904=True)
    refresh(old)
    assert b"<v>44560</v>" in parts(old)["xl/worksheets/sheet1.xml"], "46022 less 1462"
    pinned = xlsxwriter.Workbook(str(tmp_path / "d.xlsx"))
    pinned.add_worksheet("S").write_formula("A1", "=RUSSELL_SNAPSHOT()", None, "stale")
    pinned.define_name("RUSSELL_PIN", '="000000000000"')
    pinned.close()
    with pytest.raises(StoreError, match=r"RUSSELL_PIN: There is no snapshot '000000000000'.* Nothing was written\."):
        refresh(tmp_path / "d.xlsx")
    assert value(tmp_path / "d.xlsx", "S", "A1") == "stale", (
        "a pinned snapshot that is gone is no reason to follow another, nor to lose what was there"
    )


@pytest.mark.libreoffice
def test_circles_unknown_functions_texts_links_and_what_libreoffice_lacks(
    office: Office, session: Session, tmp_path: Path
) -> None:
    assert office
    path = book(
        tmp_path / "b.xlsx",
        {
            "A1": "=A2+1",
            "A2": "=A1+1",
            "A3": '=RUSSELL_BETTA("inflation")',
            "A4": "=ISERROR(A3)",
            "A5": "=[1]Other!A1*2",
            "A6": "=A5+1",
            "A7": '=STOCKHISTORY("RUT",1)',
            "A8": "=SUMPRODUCT(B1:B2)+RUSSELL_BETA(B3)",
            "A9": "=NOSUCH(1)",
            "A10": "=A9*1",
            "B1": "3",
            "B3": "inflation",
        },
    )
    done = refresh(path)
    assert value(path, "S", "A1") == value(path, "S", "A2") == 123.456
    assert value(path, "S", "A3") == "#NAME?"
    assert value(path, "S", "A4") is True
    assert value(path, "S", "A5") == value(path, "S", "A7") == value(path, "S", "A9") == 123.456
    assert value(path, "S", "A6") == 124.456, "what hangs on a kept value is calculated from it"
    assert value(path, "S", "A10") == 123.456
    assert value(path, "S", "A8") == pytest.approx(RUSSELL_BETA("inflation"))
    text = " ".join([*done.told, *done.kept])
    assert "Did you mean 'RUSSELL_BETA'" in text
    assert "circular" in text
    assert "S!A9 keeps its old value" in text


def test_formulas_that_are_text_are_told(no_office: None, session: Session, tmp_path: Path) -> None:
    made = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    made.add_worksheet("S").write_string("A1", '=RUSSELL_BETA("inflation")')
    made.close()
    before = (tmp_path / "b.xlsx").read_bytes()
    done = refresh(tmp_path / "b.xlsx")
    assert any("are text and are not calculated: S!A1" in line for line in done.told)
    assert any("no RUSSELL_ formula" in line for line in done.told)
    assert (tmp_path / "b.xlsx").read_bytes() == before


def test_macros_stay_as_they_are(session: Session, tmp_path: Path) -> None:
    from xl_smallcap.hosts.excel.attach import attach

    path = attach(book(tmp_path / "b.xlsx", {"A1": '=RUSSELL_BETA("oil")'}))
    vba = parts(path)["xl/vbaProject.bin"]
    refresh(path)
    assert value(path, "S", "A1") == RUSSELL_BETA("oil")
    assert parts(path)["xl/vbaProject.bin"] == vba


def test_a_million_rows(no_office: None, session: Session, tmp_path: Path) -> None:
    path = tmp_path / "b.xlsx"
    made = xlsxwriter.Workbook(str(path))
    sheet = made.add_worksheet("Long")
    sheet.write_formula(1_048_575, 0, '=RUSSELL_BETA("oil")', None, 0)
    made.add_worksheet("S").write_formula("A1", "=Long!A1048576*2", None, 0)
    made.close()
    data = parts(path)
    rows = "".join(f'<row r="{i}"><c r="A{i}"><v>{i}</v></c></row>' for i in range(1, 1_048_576, 4)).encode()
    name = "xl/worksheets/sheet1.xml"
    data[name] = data[name].replace(b"<sheetData>", b"<sheetData>" + rows)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for part, content in data.items():
            archive.writestr(part, content)
    refresh(path)
    long = parts(path)["xl/worksheets/sheet1.xml"]
    assert f"<v>{RUSSELL_BETA('oil')!r}</v>" in long[-2000:].decode()
    assert repr(2 * num(RUSSELL_BETA("oil"))) in parts(path)["xl/worksheets/sheet2.xml"].decode()


@pytest.mark.libreoffice
def test_from_the_command_line_with_a_pdf(
    office: Office,
    session: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert office
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(session.settings.home))
    path = book(tmp_path / "b.xlsx", {"A1": '=RUSSELL_BETA("oil")', "A2": "=NOSUCH(1)"})
    assert cli.main(["workbook", "refresh", str(path), "--pdf"]) == 3
    said = capsys.readouterr()
    assert "1 cells with RUSSELL_ functions, 1 cells changed" in said.out
    assert "S!A2 keeps its old value" in said.err
    assert path.with_suffix(".pdf").read_bytes()[:5] == b"%PDF-"
    path.with_suffix(".pdf").unlink()
    assert cli.main(["workbook", "refresh", str(path), "--out", str(tmp_path / "n.xlsx"), "--pdf"]) == 3
    assert (tmp_path / "n.pdf").read_bytes()[:5] == b"%PDF-"
    assert not path.with_suffix(".pdf").exists()
    assert cli.main(["workbook", "refresh", str(tmp_path / "x.xls")]) == 1
