"""Give a workbook the functions: BOOK.xlsx -> BOOK.xlsm with our VBA inside, every other part byte-identical."""

from __future__ import annotations

import re
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from xl_smallcap.data.atomic import NOTHING, beside, digest_of, write_atomic
from xl_smallcap.errors import BadArgumentError, SavedMeanwhileError
from xl_smallcap.hosts.excel import loader
from xl_smallcap.hosts.excel.project import (
    CLOSING,
    MARK,
    MODULE,
    closing_class,
    replace_modules,
    udf_module,
    vba_project,
    with_ribbon,
)
from xl_smallcap.xlsx import xml
from xl_smallcap.xlsx.package import Package

_STRICT = b"http://purl.oclc.org/ooxml/officeDocument/relationships"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_XLSM = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
_VBA_RELATION = "http://schemas.microsoft.com/office/2006/relationships/vbaProject"
_VBA_TYPE = "application/vnd.ms-office.vbaProject"
_OUR_MODULES = {loader.MODULE, "dictionary", MODULE, CLOSING}
"""In small letters; earlier versions brought xlwings' Dictionary too."""
_HEAD_OF_SHEET = frozenset({"dimension", "sheetViews", "sheetFormatPr", "cols", "sheetData"})


@dataclass
class _Sheet:
    """One sheet part and what is known of its code name."""

    path: str
    kind: str
    code: str
    tag: xml.Tag | None
    root: xml.Tag


class _Book(Package):
    """A workbook that gets macros: its sheets, its code names, and the edits to make."""

    @classmethod
    def of(cls, source: Path) -> _Book:
        """Open a workbook, or say why it cannot get macros."""
        if not source.name or not source.is_file():
            raise BadArgumentError(f"There is no workbook '{source}'.")
        if not zipfile.is_zipfile(source):
            raise BadArgumentError(
                f"{source.name} is not an .xlsx workbook, or it has a password; save it in Excel without one."
            )
        book = cls(source.name, source.read_bytes())
        for name in book.names():
            book.part(name)  # what cannot be read is told now, before anything is written
        book.refuse_signed()
        if b'"' + _STRICT in book.part(book.needed("_rels/.rels")).replace(b"'", b'"'):
            raise BadArgumentError(
                f"{book.name} is a Strict Open XML workbook, which cannot hold macros; save it as Excel Workbook."
            )
        return book

    def coded_sheets(self) -> list[_Sheet]:
        """Return the sheets in order, with a code name where they have one VBA can use."""
        coded: list[_Sheet] = []
        taken = set(_OUR_MODULES) | {"thisworkbook", self.code_name().lower()}
        for name, kind, path in self.sheets():
            if kind not in ("worksheet", "chartsheet"):
                raise BadArgumentError(
                    f"Sheet '{name}' of {self.name} is a {kind or 'broken sheet'}, which has no place beside our "
                    "macros; move it to another workbook."
                )
            head = xml.tags(self.part(path), stop=_HEAD_OF_SHEET)
            own = next((t for t in head if t.name == "sheetPr" and len(t.path) == 1), None)
            code = own.attributes.get("codeName", "") if own else ""
            if not _usable(code) or code.lower() in taken:
                code = ""
            taken.add(code.lower())
            coded.append(_Sheet(path, kind, code, own, head[0]))
        return coded

    def code_name(self) -> str:
        """Return the workbook's code name, or an empty text."""
        own = self.properties()
        code = own.attributes.get("codeName", "") if own else ""
        return code if _usable(code) and code.lower() not in _OUR_MODULES else ""

    def properties(self) -> xml.Tag | None:
        """Return the tag workbookPr."""
        tags = xml.tags(self.part(self.main), stop=frozenset({"sheets"}))
        return next((t for t in tags if t.name == "workbookPr" and t.path == ("workbook",)), None)


def _usable(code: str) -> bool:
    try:
        code.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return bool(re.fullmatch(r"[^\W\d_]\w{0,30}", code))


def _named_sheets(book: _Book) -> list[tuple[str, str]]:
    """Give every sheet a code name, writing it where there was none; return (code name, kind) in order."""
    sheets = book.coded_sheets()
    taken = set(_OUR_MODULES) | {"thisworkbook", book.code_name().lower()} | {s.code.lower() for s in sheets}
    for n, sheet in enumerate(sheets, 1):
        if sheet.code:
            continue
        prefix, k = "Sheet" if sheet.kind == "worksheet" else "Chart", n
        while f"{prefix}{k}".lower() in taken:
            k += 1
        sheet.code = f"{prefix}{k}"
        taken.add(sheet.code.lower())
        data = book.part(sheet.path)
        if sheet.tag is None:
            data = xml.after(data, sheet.root, f"<{sheet.root.prefix}sheetPr codeName={quoteattr(sheet.code)}/>")
        else:
            data = xml.with_attribute(data, sheet.tag, "codeName", sheet.code)
        book.changed[sheet.path] = data
    return [(s.code, s.kind) for s in sheets]


def _named_book(book: _Book) -> str:
    code = book.code_name()
    if code:
        return code
    code, data, own = "ThisWorkbook", book.part(book.main), book.properties()
    if own is not None:
        book.changed[book.main] = xml.with_attribute(data, own, "codeName", code)
        return code
    tags = xml.tags(data, stop=frozenset({"sheets"}))
    ahead = [t for t in tags if t.path == ("workbook",) and t.name in ("fileVersion", "fileSharing")]
    if ahead and data[ahead[-1].end - 2 : ahead[-1].end] != b"/>":
        raise BadArgumentError(f"The XML of {book.name} is unusual; open it in Excel and save it again.")
    place = ahead[-1] if ahead else tags[0]
    book.changed[book.main] = xml.after(data, place, f'<{tags[0].prefix}workbookPr codeName="{code}"/>')
    return code


def _declare(book: _Book, vba: str) -> None:
    """Make the package macro-enabled and announce the project."""
    name = book.needed("[Content_Types].xml")
    types = book.part(name)
    override = next(
        (
            t
            for t in xml.tags(types)
            if t.name == "Override" and t.attributes.get("PartName", "").lower() == f"/{book.main.lower()}"
        ),
        None,
    )
    if override is None or override.attributes["ContentType"] != _XLSX:
        kind = override.attributes["ContentType"] if override else "nothing"
        raise BadArgumentError(
            f"{book.name} is not a plain .xlsx workbook (it says {kind}); save it as Excel Workbook."
        )
    types = xml.with_attribute(types, override, "ContentType", _XLSM)
    prefix = xml.tags(types)[0].prefix
    book.changed[name] = xml.before_end(types, f'<{prefix}Override PartName="/{vba}" ContentType="{_VBA_TYPE}"/>')
    where = book.relations_name(book.main) or ""
    relations = book.part(where)
    tags = xml.tags(relations)
    used = {t.attributes.get("Id") for t in tags}
    free = next(f"rId{n}" for n in range(1, len(used) + 2) if f"rId{n}" not in used)
    book.changed[where] = xml.before_end(
        relations, f'<{tags[0].prefix}Relationship Id="{free}" Type="{_VBA_RELATION}" Target="vbaProject.bin"/>'
    )


_BEFORE_NAMES = ("sheets", "sheet", "functionGroups", "externalReferences")


def _marked(main: bytes) -> bytes:
    """Put the hidden name into the main part that tells our macros in other workbooks that this one has them, too."""
    tags = xml.tags(main)
    if any(t.name == "definedName" and t.attributes.get("name", "").lower() == MARK.lower() for t in tags):
        return main
    name = f'<{tags[0].prefix}definedName name="{MARK}" hidden="1">"{MODULE}"</{tags[0].prefix}definedName>'
    behind = tags[next(n for n, t in enumerate(tags) if t.name == "sheets" and t.path == ("workbook",)) :]
    names = next((t for t in behind if t.name == "definedNames" and t.path == ("workbook",)), None)
    block = f"<{tags[0].prefix}definedNames>{name}</{tags[0].prefix}definedNames>"
    if names is not None and main[names.end - 2 : names.end] == b"/>":
        return main[: names.start] + block.encode() + main[names.end :]
    if names is not None:
        return xml.after(main, names, name)
    following = next((t for t in behind if t.path == ("workbook",) and t.name not in _BEFORE_NAMES), None)
    if following is None:
        return xml.before_end(main, block)
    return main[: following.start] + block.encode() + main[following.start :]


def _sources() -> tuple[dict[str, str], dict[str, str]]:
    return {MODULE: udf_module(), loader.MODULE: loader.loader()}, {CLOSING: closing_class()}


def attach(source: Path, target: Path | None = None) -> Path:
    """Write a macro-enabled copy of a workbook that has the worksheet functions. The .xlsm."""
    modules, classes = _sources()
    if source.suffix.lower() == ".xlsm":
        return _refresh(source, modules, classes)
    if not source.name:
        raise BadArgumentError("Give the path of a workbook.")
    out = target or source.with_suffix(".xlsm")
    if out.exists():
        ours = "give it instead to bring its macros up to date" if _is_ours(out) else "its macros are not ours"
        raise BadArgumentError(f"{out.name} is there already ({ours}); move it away first to write a new one.")
    book = _Book.of(source)
    vba = f"{book.main.rpartition('/')[0]}/vbaProject.bin"
    if book.real(vba):
        raise BadArgumentError(f"{book.name} already holds a VBA project.")
    _declare(book, vba)
    documents = _named_sheets(book)
    binary = vba_project(_named_book(book), documents, modules, classes)
    book.changed[book.main] = _marked(book.part(book.main))
    book.changed[vba] = binary
    with_ribbon(book)
    write_atomic(out, book.to_bytes(), read_as=NOTHING)
    return out


def _is_ours(path: Path) -> bool:
    from pyopenvba import ExcelFile

    try:
        with ExcelFile(path) as opened:
            return MODULE in opened.module_names()
    except Exception:  # whatever is wrong with a stranger's file, it is not ours
        return False


def _refresh(path: Path, modules: dict[str, str], classes: dict[str, str]) -> Path:
    if not path.is_file() or not _is_ours(path):
        raise BadArgumentError(f"{path.name} is no workbook of ours; give an .xlsx, or an .xlsm that 'attach' made.")
    with zipfile.ZipFile(path) as archive:
        if any("vbaprojectsignature" in n.lower() for n in archive.namelist()):
            raise BadArgumentError(
                f"The macros of {path.name} are signed, and newer ones would break the signature. Attach to the .xlsx "
                "again, then sign the new .xlsm."
            )
    there = path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(there)
        replace_modules(copy, modules, classes)
        book = _Book.of(copy)
    book.changed[book.main] = _marked(book.part(book.main))
    with_ribbon(book)
    made = book.to_bytes()
    try:
        write_atomic(path, made, read_as=digest_of(there))
        return path
    except SavedMeanwhileError:
        other = beside(path, "attached")
        write_atomic(other, made, read_as=NOTHING)
        return other
