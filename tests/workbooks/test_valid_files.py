"""Every workbook we write passes Microsoft's validator and the rules it does not have; planted faults are found."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hosts.test_excel_attach import hostile_book, plain_book, rich_book
from tests.workbooks.lifelike import LIFELIKE
from tests.workbooks.ooxml import broken_rules, require_validator, validator_says
from tests.workbooks.test_book import SHIPPED
from tests.workbooks.test_refresh import refresh
from xl_smallcap import cli
from xl_smallcap.config import load_settings
from xl_smallcap.hosts.excel.attach import attach
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session, use_session
from xl_smallcap.workbooks.book import build_workbook, install


@pytest.fixture(scope="module")
def written(book_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """One of each kind of workbook we write from nothing."""
    folder = tmp_path_factory.mktemp("written")
    use_session(Session(load_settings(book_home)))
    try:
        install(folder / "xl_smallcap.xlsm", profile=folder)
        shutil.copy(SHIPPED, folder / "book.xlsx")  # whose bytes are what the code builds: test_book.py
        build_workbook(folder / "demo.xlsx", cell_by_cell=True)
        for name, more in (("pitch", ()), ("frozen", ("--freeze",)), ("outgoing", ("--audience", "institutional"))):
            cli.main(["pitch", "--as-of", "2025-06-30", "--out", str(folder / f"{name}.xlsx"), *more])
        for make in (rich_book, plain_book, hostile_book):
            attach(make(folder / f"{make.__name__}.xlsx"))
        yield {p.name: p for p in sorted(folder.glob("*.xls?")) if p.name not in ("source.xlsx",)}
    finally:
        use_session(None)


FROM_NOTHING = ("xl_smallcap.xlsm", "book.xlsx", "demo.xlsx", "pitch.xlsx", "frozen.xlsx", "outgoing.xlsx")
ATTACHED = ("rich_book.xlsm",)


@pytest.mark.parametrize("name", [*FROM_NOTHING, *ATTACHED])
def test_what_we_write_is_valid(written: dict[str, Path], name: str) -> None:
    require_validator()
    assert validator_says(written[name]) == []
    assert broken_rules(written[name]) == []


@pytest.mark.parametrize("name", ["plain_book", "hostile_book"])
def test_attach_adds_no_fault_to_a_file_that_has_some(written: dict[str, Path], name: str) -> None:
    """openpyxl's files have faults of their own."""
    require_validator()
    before, after = (validator_says(written[f"{name}.{kind}"]) for kind in ("xlsx", "xlsm"))
    assert set(after) <= set(before)
    assert broken_rules(written[f"{name}.xlsm"]) == []


@pytest.mark.libreoffice
@pytest.mark.parametrize("name", list(LIFELIKE))
def test_a_refresh_adds_no_fault(office: Office, session: Session, tmp_path: Path, name: str) -> None:
    assert office
    require_validator()
    path = tmp_path / f"{name}.xlsx"
    path.write_bytes(LIFELIKE[name]())
    before = set(validator_says(path)), set(broken_rules(path))
    assert refresh(path).changed
    assert set(validator_says(path)) <= before[0]
    assert set(broken_rules(path)) <= before[1]


def _once(pattern: bytes, put: bytes) -> Callable[[bytes], bytes]:
    return lambda data: re.sub(pattern, put, data, count=1)


SHEET = "xl/worksheets/sheet3.xml"
FAULTS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "element out of order": (SHEET, _once(rb"<sheetData>", b'<pageMargins left="1" right="1" top="1" bottom="1" '
                             b'header="1" footer="1"/><sheetData>'), "validator"),
    "unknown attribute": (SHEET, _once(rb'<c r="', rb'<c bogus="1" r="'), "validator"),
    "style out of range": (SHEET, _once(rb'<c r="([A-Z]+\d+)" s="\d+"', rb'<c r="\1" s="99999"'), "rules"),
    "shared string out of range": (SHEET, _once(rb't="s"><v>\d+</v>', b't="s"><v>999999</v>'), "rules"),
    "a cell twice": (SHEET, _once(rb'(<c r="[A-Z]+\d+"[^>]*/>)', rb"\1\1"), "rules"),
    "a relation missing": ("xl/_rels/workbook.xml.rels", _once(rb"<Relationship [^>]*sheet3\.xml[^>]*/>", b""),
                           "validator"),
    "merged cells that meet": ("xl/worksheets/sheet1.xml", _once(rb'(<mergeCell ref="[^"]+"/>)', rb"\1\1"), "rules"),
    "metadata out of range": (SHEET, _once(rb'cm="1"', b'cm="7"'), "rules"),
    "a name twice": ("xl/workbook.xml", _once(rb"(<definedName [^>]*>[^<]*</definedName>)", rb"\1\1"), "rules"),
}  # fmt: skip


@pytest.mark.parametrize("fault", list(FAULTS))
def test_planted_faults_are_found(written: dict[str, Path], tmp_path: Path, fault: str) -> None:
    part, change, finder = FAULTS[fault]
    path = tmp_path / "planted.xlsx"
    with zipfile.ZipFile(written["book.xlsx"]) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == part:
                changed = change(content)
                assert changed != content
                content = changed
            new.writestr(name, content)
    if finder == "validator":
        require_validator()
    faults = validator_says(path) if finder == "validator" else broken_rules(path)
    assert faults, fault


def _own_formulas(path: Path) -> tuple[set[str], set[str], set[str]]:
    """Cells with a formula of ours: plain ones, arrays of one cell; and the first cells of merged blocks."""
    plain, arrays, merged = set(), set(), set()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.startswith("xl/worksheets/sheet"):
                continue
            text = archive.read(name).decode()
            merged |= {f"{name} {first}" for first in re.findall(r'<mergeCell ref="([A-Z]+\d+):', text)}
            for attributes, more in re.findall(r"<c ([^>]*)><f([^>]*)>[^<]*RUSSELL_", text):
                match = re.search(r'r="([A-Z]+\d+)"', attributes)
                assert match is not None
                assert ('t="array"' in more) == ('cm="1"' in attributes)
                if f'ref="{match[1]}"' in more:
                    arrays.add(f"{name} {match[1]}")
                elif not more:
                    plain.add(f"{name} {match[1]}")
    return plain, arrays, merged


def test_formulas_of_one_value_show_no_at_sign_in_the_macro_workbook(written: dict[str, Path]) -> None:
    """A plain formula is shown as =@RUSSELL_...; an array of one cell is not."""
    plain, arrays, merged = _own_formulas(written["xl_smallcap.xlsm"])
    assert len(arrays) > 1500
    assert plain <= merged, "a merged cell holds no array"
    plain, arrays, _ = _own_formulas(written["book.xlsx"])
    assert not arrays, "LibreOffice without the add-in would show #NAME? in them"
    assert len(plain) > 1500


def test_the_hidden_name_is_in_every_macro_workbook(written: dict[str, Path]) -> None:
    for name, path in written.items():
        with zipfile.ZipFile(path) as archive:
            main = archive.read("xl/workbook.xml")
        marks = re.findall(rb'<(?:\w+:)?definedName name="xl_smallcap_functions" hidden="1">', main)
        assert len(marks) == name.endswith(".xlsm"), name
    with zipfile.ZipFile(attach(written["rich_book.xlsm"])) as archive:
        assert archive.read("xl/workbook.xml").count(b"xl_smallcap_functions") == 1, "attached again, once all the same"
