"""attach and install: the VBA is inside, every other part is byte-identical, and nothing is lost."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import olefile
import openpyxl
import pytest
import xlsxwriter
from oletools.olevba import VBA_Parser

from xl_smallcap.errors import BadArgumentError
from xl_smallcap.hosts.excel.attach import attach
from xl_smallcap.hosts.excel.loader import dll_folder, dll_names, settings_text, write_settings
from xl_smallcap.hosts.excel.project import CLOSING, MODULE, udf_module
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session
from xl_smallcap.workbooks.book import install

CHANGED = {"[Content_Types].xml", "_rels/.rels", "xl/_rels/workbook.xml.rels", "xl/workbook.xml"}


def rich_book(path: Path) -> Path:
    """Table, chart, chart sheet, hidden sheet, colour scale, validation, comment, name, dynamic array."""
    book = xlsxwriter.Workbook(path)
    desk, other = book.add_worksheet("Desk & Co"), book.add_worksheet("Größe")
    desk.add_table(0, 0, 3, 1, {"data": [["a", 1], ["b", 2], ["c", 3]]})
    desk.conditional_format("B2:B4", {"type": "3_color_scale"})
    desk.data_validation("D1", {"validate": "list", "source": ["x", "y"]})
    desk.write_comment("D1", "a comment")
    desk.write_formula("E1", '=RUSSELL_BETA("inflation")', None, -0.42)
    desk.write_dynamic_array_formula("G1:H3", "=RUSSELL_BETAS()", None, "factor")
    book.define_name("MINE", "='Desk & Co'!$B$2")
    chart = book.add_chart({"type": "line"})
    chart.add_series({"values": "='Desk & Co'!$B$2:$B$4"})
    other.insert_chart("A1", chart)
    sheet = book.add_chartsheet("Chart")
    on_sheet = book.add_chart({"type": "bar"})
    on_sheet.add_series({"values": "='Desk & Co'!$B$2:$B$4"})
    sheet.set_chart(on_sheet)
    book.add_worksheet("hidden").hide()
    book.close()
    return path


def plain_book(path: Path) -> Path:
    book = openpyxl.Workbook()
    book.create_sheet("Two")["A1"] = 1
    book.save(path)
    return path


def hostile_book(path: Path) -> Path:
    """Prefixed XML, a code name VBA cannot write, one that is taken, and a Default for .bin."""
    made = plain_book(path.with_name("source.xlsx"))
    with zipfile.ZipFile(made) as archive:
        parts = {n: archive.read(n) for n in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    parts["xl/worksheets/sheet1.xml"] = sheet.replace("<sheetPr>", '<sheetPr codeName="Лист1">').encode()
    two = parts["xl/worksheets/sheet2.xml"].decode().replace("<", "<x:").replace("<x:/", "</x:").replace("<x:?", "<?")
    two = two.replace("xmlns=", "xmlns:x=").replace("<x:sheetPr>", '<x:sheetPr codeName="xlwings">')
    parts["xl/worksheets/sheet2.xml"] = two.encode()
    types = parts["[Content_Types].xml"].decode()
    parts["[Content_Types].xml"] = types.replace(
        "<Default", '<Default Extension="bin" ContentType="x/y"/><Default', 1
    ).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def modules(path: Path) -> dict[str, str]:
    parser = VBA_Parser(str(path))
    try:
        return {name.rpartition("/")[2].removesuffix(".bas").removesuffix(".cls"): code
                for _, name, _, code in parser.extract_macros()}  # fmt: skip
    finally:
        parser.close()


@pytest.mark.parametrize("make", [rich_book, plain_book, hostile_book])
def test_attach(tmp_path: Path, make: Any) -> None:
    source = make(tmp_path / "book.xlsx")
    before = source.read_bytes()
    made = attach(source)
    assert made == tmp_path / "book.xlsm"
    assert source.read_bytes() == before
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(made) as new:
        assert new.testzip() is None
        assert set(new.namelist()) == {*old.namelist(), "xl/vbaProject.bin", "customUI/customUI.xml"}
        sheets = {n for n in old.namelist() if "sheets/sheet" in n}
        for name in set(old.namelist()) - CHANGED - sheets:
            assert new.read(name) == old.read(name), name
        assert b"macroEnabled" in new.read("[Content_Types].xml")
        ole = olefile.OleFileIO(io.BytesIO(new.read("xl/vbaProject.bin")))
        project = ole.openstream("PROJECT").read().decode("cp1252")
    documents = [line[9:].split("/")[0] for line in project.splitlines() if line.startswith("Document=")]
    assert documents[0] == "ThisWorkbook"
    assert len(documents) == len(set(documents)) == len(sheets) + 1
    sources = modules(made)
    assert {MODULE, "xlwings", CLOSING} <= set(sources)
    assert "Public Function RUSSELL_BETA(" in sources[MODULE]
    opened = openpyxl.load_workbook(made, keep_vba=True)
    assert opened.sheetnames == openpyxl.load_workbook(source).sheetnames
    second = tmp_path / "again.xlsm"
    attach(source, second)
    assert second.read_bytes() == made.read_bytes(), "the same inputs give the same bytes"


def test_attach_again_brings_only_the_macros_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = attach(rich_book(tmp_path / "book.xlsx"))
    with zipfile.ZipFile(made) as archive:
        before = {n: archive.read(n) for n in archive.namelist()}
    monkeypatch.setattr("xl_smallcap._version.__version__", "9.9.9")
    assert attach(made) == made
    assert "Generated by xl-smallcap 9.9.9" in modules(made)[MODULE]
    with zipfile.ZipFile(made) as archive:
        after = {n: archive.read(n) for n in archive.namelist()}
    assert {n for n in before if before[n] != after[n]} == {"xl/vbaProject.bin"}
    assert set(before) == set(after)


def test_what_attach_refuses_and_keeps(tmp_path: Path) -> None:
    good = rich_book(tmp_path / "book.xlsx")
    text = tmp_path / "text.xlsx"
    text.write_text("no workbook")
    half = tmp_path / "half.xlsx"
    half.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    strict = tmp_path / "strict.xlsx"
    signed = tmp_path / "signed.xlsx"
    template = tmp_path / "template.xlsx"
    for path, name, old, new in (
        (strict, "_rels/.rels", b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
         b"http://purl.oclc.org/ooxml/officeDocument/relationships"),
        (template, "[Content_Types].xml", b"sheet.main+xml", b"template.main+xml"),
        (signed, None, b"", b""),
    ):  # fmt: skip
        with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w") as out:
            for part in source.namelist():
                content = source.read(part)
                out.writestr(part, content.replace(old, new) if part == name else content)
            if name is None:
                out.writestr("_xmlsignatures/origin.sigs", b"")
    for path, says in (
        (text, "is not an .xlsx workbook, or it has a password"),
        (half, "is not an .xlsx workbook"),
        (strict, "Strict Open XML"),
        (signed, "digitally signed"),
        (template, "not a plain .xlsx"),
        (tmp_path / "none.xlsx", "There is no workbook"),
        (tmp_path / "none.xlsm", "no workbook of ours"),
    ):
        with pytest.raises(BadArgumentError, match=says):
            attach(path)
        assert not path.with_suffix(".xlsm").exists()
    theirs = tmp_path / "book.xlsm"
    theirs.write_bytes(b"somebody else's")
    with pytest.raises(BadArgumentError, match="not ours"):
        attach(good)
    assert theirs.read_bytes() == b"somebody else's"
    theirs.unlink()
    edited = attach(good).read_bytes()
    with pytest.raises(BadArgumentError, match="is there already .give it instead"):
        attach(good)
    assert theirs.read_bytes() == edited, "a day of work in it is not overwritten"


def test_install_builds_the_macro_workbook_anywhere(session: Session, tmp_path: Path) -> None:
    lines = install(tmp_path / "desk", profile=tmp_path / "user")
    made = tmp_path / "desk" / "xl_smallcap.xlsm"
    assert made.is_file()
    assert any(str(made) in line for line in lines)
    assert set(modules(made)) >= {MODULE, "xlwings", CLOSING}
    settings = (tmp_path / "user" / ".xl_smallcap" / "xl_smallcap.conf").read_bytes().decode("cp1252")
    assert '"INTERPRETER_WIN","' in settings
    with zipfile.ZipFile(made) as archive:
        drawings = [archive.read(n).decode() for n in archive.namelist() if n.endswith(".vml")]
    assert len(drawings) == 1
    assert "Refresh data" in drawings[0]
    assert "RUSSELL_REFRESH</x:FmlaMacro>" in drawings[0]
    before = made.read_bytes()
    again = install(made, profile=tmp_path / "user")
    assert "there already" in again[0]
    with zipfile.ZipFile(made) as new, zipfile.ZipFile(io.BytesIO(before)) as old:
        assert new.read("xl/worksheets/sheet1.xml") == old.read("xl/worksheets/sheet1.xml")


def test_settings_for_the_loader(tmp_path: Path) -> None:
    assert '"INTERPRETER_WIN","C:\\Desk\\python.exe"\r\n' in settings_text("C:\\Desk\\python.exe")
    with pytest.raises(BadArgumentError, match="quotation mark"):
        settings_text('C:\\"x"\\python.exe')
    with pytest.raises(BadArgumentError, match="code page"):
        write_settings(tmp_path, "C:\\Büro\\Лист\\python.exe")
    scripts = tmp_path / "venv" / "Scripts"
    scripts.mkdir(parents=True)
    assert dll_folder(scripts / "python.exe", "0.37.8") is None
    for name in dll_names("0.37.8"):
        (tmp_path / "venv" / name).write_bytes(b"")
    assert dll_folder(scripts / "python.exe", "0.37.8") == tmp_path / "venv"


@pytest.mark.libreoffice
def test_libreoffice_opens_the_macro_workbook(office: Office, tmp_path: Path) -> None:
    made = attach(rich_book(tmp_path / "book.xlsx"))
    shutil.copyfile(made, tmp_path / "copy.xlsm")
    opened = office.do("open", str(tmp_path / "copy.xlsm"))
    assert office.do("sheets", opened)[:2] == ["Desk & Co", "Größe"]
    office.do("recalculate", opened)
    (row,) = office.do("read", opened, 0, "E1:E1")
    assert isinstance(row[0], float)
    office.do("close", opened)
    assert udf_module()
