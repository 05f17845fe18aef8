"""The shipped workbook: reproducible, whole, and every stored value is the engine's."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from xl_smallcap.functions import FUNCTIONS
from xl_smallcap.hosts.libreoffice.office import Office
from xl_smallcap.session import Session
from xl_smallcap.workbooks.book import build_workbook, workbook_bytes
from xl_smallcap.workbooks.examples import EXAMPLES

SHIPPED = Path(__file__).parents[2] / "workbook" / "xl_smallcap.xlsx"


def cells(path: Path) -> dict[str, dict[str, Any]]:
    """Formulas by sheet and address, and the values stored with them."""
    formulas = openpyxl.load_workbook(path)
    values = openpyxl.load_workbook(path, data_only=True)
    found: dict[str, dict[str, Any]] = {}
    for sheet in formulas.worksheets:
        stored = values[sheet.title]
        found[sheet.title] = {
            c.coordinate: stored[c.coordinate].value for row in sheet.iter_rows() for c in row if c.value is not None
        }
    return found


def test_the_same_inputs_give_the_same_bytes(session: Session) -> None:
    assert workbook_bytes() == workbook_bytes()


def test_the_committed_workbook_is_what_the_code_builds(session: Session, tmp_path: Path) -> None:
    built = build_workbook(tmp_path / "book.xlsx")
    with zipfile.ZipFile(built) as new, zipfile.ZipFile(SHIPPED) as old:
        assert new.namelist() == old.namelist()
        assert "xl/vbaProject.bin" not in old.namelist(), "none of xlwings' code is in our repository"
    one, two = cells(built), cells(SHIPPED)
    assert one.keys() == two.keys()
    for sheet in one:
        assert one[sheet].keys() == two[sheet].keys()
        for address, value in one[sheet].items():
            other = two[sheet][address]
            if isinstance(value, (int, float)) and isinstance(other, (int, float)):
                # numpy's linear algebra may differ in the last bits between machines
                assert value == pytest.approx(other, rel=1e-6, abs=1e-9), (sheet, address)
            else:
                assert value == other, f"run xl-smallcap workbook build on the sample ({sheet}!{address})"


def test_every_function_has_a_live_example(session: Session) -> None:
    assert set(EXAMPLES) == {f.name for f in FUNCTIONS}


@pytest.mark.libreoffice
def test_without_the_add_in_it_shows_its_stored_values(office: Office, session: Session, tmp_path: Path) -> None:
    assert office
    path = build_workbook(tmp_path / "book.xlsx")
    stored = cells(path)
    with Office() as bare:
        opened = bare.do("open", str(path))
        for sheet, block, first in (
            ("Betas", "A11:K23", "B11"),
            ("Table", "A1:U14", "B2"),
            ("History", "A1:D62", "B2"),
        ):
            shown = bare.do("read", opened, sheet, block)
            assert not any(isinstance(v, dict) and v["error"] != "#N/A" for row in shown for v in row), sheet
            assert any(v == stored[sheet][first] for row in shown for v in row)


@pytest.mark.libreoffice
def test_stored_values_are_what_a_recalculation_gives(office: Office, session: Session, tmp_path: Path) -> None:
    path = build_workbook(tmp_path / "book.xlsx")
    opened = office.do("open", str(path))
    assert office.do("sheets", opened) == ["Betas", "Table", "History", "Data", "Functions"]
    office.do("recalculate", opened)
    compared = 0
    sizes = {s.title: s.dimensions for s in openpyxl.load_workbook(path).worksheets}
    for sheet, found in cells(path).items():
        last = sizes[sheet]
        shown = office.do("read", opened, sheet, last)
        for address, value in found.items():
            column, row = openpyxl.utils.cell.coordinate_from_string(address)
            now = shown[row - 1][openpyxl.utils.cell.column_index_from_string(column) - 1]
            if isinstance(now, dict):
                assert value == now["error"], (sheet, address)
            elif isinstance(now, float) and not isinstance(value, str):
                stored = value if isinstance(value, (int, float)) else openpyxl.utils.datetime.to_excel(value)
                assert now == pytest.approx(float(stored), rel=1e-12, abs=1e-15), (sheet, address)
            else:
                assert (now or None) == (value or None), (sheet, address)
            compared += 1
    # a slip in an input is explained; a larger specification and another date fill in
    office.do("type", opened, "Betas", "B4:B4", [["realtive"]])
    assert "Did you mean 'relative'" in office.do("read", opened, "Betas", "A8:A8")[0][0]
    office.do("type", opened, "Betas", "B4:B7", [["hedged"], ["104w"], ["2020-06-30"], ["full"]])
    assert office.do("read", opened, "Betas", "A8:A8") == [[""]]
    rows = office.do("read", opened, "Betas", "A11:B23")
    assert [r[0] for r in rows[:9]][-1] == "market"
    assert isinstance(rows[8][1], float)
    assert office.do("read", opened, "History", "A62:B62")[0][0] == 44012.0
    office.do("close", opened)
    assert compared > 1_000
