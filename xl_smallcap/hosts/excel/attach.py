"""Give a workbook the functions: BOOK.xlsx -> BOOK.xlsm with our VBA inside, every other part byte-identical."""

from __future__ import annotations

import posixpath
import re
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from xl_smallcap.data.atomic import NOTHING, beside, digest_of, write_atomic
from xl_smallcap.data.sources.ooxml import DAMAGED_ARCHIVE
from xl_smallcap.errors import BadArgumentError, SavedMeanwhileError
from xl_smallcap.hosts.excel import loader, opc
from xl_smallcap.hosts.excel.project import replace_modules, vba_project
from xl_smallcap.hosts.excel.ribbon import with_ribbon
from xl_smallcap.hosts.excel.vba import CLOSING, MARK, MODULE, closing_class, udf_module

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"
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
    tag: opc.Tag | None
    root: opc.Tag


_MOST_BYTES = 2**31
"""Unpacked; a workbook of more is a bomb."""


class _Book:
    """The parts of an .xlsx that matter here, and the edits to make."""

    def __init__(self, source: Path) -> None:
        self.name = source.name
        if not self.name or not source.is_file():
            raise BadArgumentError(f"There is no workbook '{source}'.")
        if not zipfile.is_zipfile(source):
            raise BadArgumentError(
                f"{self.name} is not an .xlsx workbook, or it has a password; save it in Excel without one."
            )
        try:
            with zipfile.ZipFile(source) as archive:
                self.infos = archive.infolist()
                if sum(i.file_size for i in self.infos) > _MOST_BYTES:
                    raise BadArgumentError(f"{self.name} would unpack to more than 2 GB; it is damaged or no workbook.")
                self.parts = {i.filename: archive.read(i) for i in self.infos}
            for name, content in self.parts.items():
                if name.lower().endswith((".xml", ".rels")):
                    opc.refuse_dtd(content)
        except DAMAGED_ARCHIVE as exc:
            raise BadArgumentError(f"{self.name} is damaged or protected ({exc}).") from exc
        self._lower = {n.lower(): n for n in self.parts}
        self.main = self._find_main()
        self.folder, _, base = self.main.rpartition("/")
        self.relations_name = self.real(f"{self.folder}/_rels/{base}.rels")

    def real(self, name: str) -> str:
        """Return a part's name as stored; names are compared without case."""
        found = self._lower.get(name.lower().lstrip("/"))
        if found is None:
            raise BadArgumentError(f"{self.name} lacks its part '{name}'; open it in Excel and save it again.")
        return found

    def has(self, name: str) -> bool:
        return name.lower() in self._lower

    def _find_main(self) -> str:
        if any(n.startswith("_xmlsignatures/") for n in self._lower):
            raise BadArgumentError(f"{self.name} is digitally signed; a change would break the signature.")
        for tag in opc.tags(self.parts[self.real("_rels/.rels")]):
            kind = tag.attributes.get("Type", "")
            if kind.startswith(_STRICT):
                raise BadArgumentError(
                    f"{self.name} is a Strict Open XML workbook, which cannot hold macros; save it as Excel Workbook."
                )
            if kind == _OFFICE + "/officeDocument":
                return self.real(tag.attributes["Target"])
        raise BadArgumentError(f"{self.name} holds no workbook.")

    def sheets(self) -> list[_Sheet]:
        """Return the sheets in order, with a code name where they have one VBA can use."""
        goals = {
            t.attributes["Id"]: t.attributes
            for t in opc.tags(self.parts[self.relations_name])
            if t.name == "Relationship"
        }
        found: list[_Sheet] = []
        taken = set(_OUR_MODULES) | {"thisworkbook", self.code_name().lower()}
        for tag in opc.tags(self.parts[self.main]):
            if tag.name != "sheet" or tag.path[-2:] != ("workbook", "sheets"):
                continue
            key = next((v for k, v in tag.attributes.items() if k.endswith(":id")), "")
            goal = goals.get(key, {})
            kind = goal.get("Type", "").rpartition("/")[2]
            if kind not in ("worksheet", "chartsheet"):
                raise BadArgumentError(
                    f"Sheet '{tag.attributes.get('name')}' of {self.name} is a {kind or 'broken sheet'}, which has no "
                    "place beside our macros; move it to another workbook."
                )
            target = goal["Target"]
            path = self.real(target if target.startswith("/") else posixpath.normpath(f"{self.folder}/{target}"))
            head = opc.tags(self.parts[path], stop=_HEAD_OF_SHEET)
            own = next((t for t in head if t.name == "sheetPr" and len(t.path) == 1), None)
            code = own.attributes.get("codeName", "") if own else ""
            if not _usable(code) or code.lower() in taken:
                code = ""
            taken.add(code.lower())
            found.append(_Sheet(path, kind, code, own, head[0]))
        return found

    def code_name(self) -> str:
        """Return the workbook's code name, or an empty text."""
        own = self.properties()
        code = own.attributes.get("codeName", "") if own else ""
        return code if _usable(code) and code.lower() not in _OUR_MODULES else ""

    def properties(self) -> opc.Tag | None:
        """Return the tag workbookPr."""
        found = opc.tags(self.parts[self.main], stop=frozenset({"sheets"}))
        return next((t for t in found if t.name == "workbookPr" and t.path == ("workbook",)), None)


def _usable(code: str) -> bool:
    try:
        code.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return bool(re.fullmatch(r"[^\W\d_]\w{0,30}", code))


def _named_sheets(book: _Book) -> list[tuple[str, str]]:
    """Give every sheet a code name, writing it where there was none; return (code name, kind) in order."""
    sheets = book.sheets()
    taken = set(_OUR_MODULES) | {"thisworkbook", book.code_name().lower()} | {s.code.lower() for s in sheets}
    for n, sheet in enumerate(sheets, 1):
        if sheet.code:
            continue
        prefix, k = "Sheet" if sheet.kind == "worksheet" else "Chart", n
        while f"{prefix}{k}".lower() in taken:
            k += 1
        sheet.code = f"{prefix}{k}"
        taken.add(sheet.code.lower())
        data = book.parts[sheet.path]
        if sheet.tag is None:
            data = opc.after(data, sheet.root, f"<{sheet.root.prefix}sheetPr codeName={quoteattr(sheet.code)}/>")
        else:
            data = opc.with_attribute(data, sheet.tag, "codeName", sheet.code)
        book.parts[sheet.path] = data
    return [(s.code, s.kind) for s in sheets]


def _named_book(book: _Book) -> str:
    code = book.code_name()
    if code:
        return code
    code, data, own = "ThisWorkbook", book.parts[book.main], book.properties()
    if own is not None:
        book.parts[book.main] = opc.with_attribute(data, own, "codeName", code)
        return code
    found = opc.tags(data, stop=frozenset({"sheets"}))
    ahead = [t for t in found if t.path == ("workbook",) and t.name in ("fileVersion", "fileSharing")]
    if ahead and data[ahead[-1].end - 2 : ahead[-1].end] != b"/>":
        raise BadArgumentError(f"The XML of {book.name} is unusual; open it in Excel and save it again.")
    place = ahead[-1] if ahead else found[0]
    book.parts[book.main] = opc.after(data, place, f'<{found[0].prefix}workbookPr codeName="{code}"/>')
    return code


def _declare(book: _Book, vba: str) -> None:
    """Make the package macro-enabled and announce the project."""
    name = book.real("[Content_Types].xml")
    types = book.parts[name]
    override = next(
        (
            t
            for t in opc.tags(types)
            if t.name == "Override" and t.attributes.get("PartName", "").lower() == f"/{book.main.lower()}"
        ),
        None,
    )
    if override is None or override.attributes["ContentType"] != _XLSX:
        kind = override.attributes["ContentType"] if override else "nothing"
        raise BadArgumentError(
            f"{book.name} is not a plain .xlsx workbook (it says {kind}); save it as Excel Workbook."
        )
    types = opc.with_attribute(types, override, "ContentType", _XLSM)
    prefix = opc.tags(types)[0].prefix
    book.parts[name] = opc.before_end(types, f'<{prefix}Override PartName="/{vba}" ContentType="{_VBA_TYPE}"/>')
    relations = book.parts[book.relations_name]
    found = opc.tags(relations)
    used = {t.attributes.get("Id") for t in found}
    free = next(f"rId{n}" for n in range(1, len(used) + 2) if f"rId{n}" not in used)
    book.parts[book.relations_name] = opc.before_end(
        relations,
        f'<{found[0].prefix}Relationship Id="{free}" Type="{_VBA_RELATION}" Target="vbaProject.bin"/>',
    )


_BEFORE_NAMES = ("sheets", "sheet", "functionGroups", "externalReferences")


def _marked(main: bytes) -> bytes:
    """Put the hidden name into the main part that tells our macros in other workbooks that this one has them, too."""
    found = opc.tags(main)
    if any(t.name == "definedName" and t.attributes.get("name", "").lower() == MARK.lower() for t in found):
        return main
    name = f'<{found[0].prefix}definedName name="{MARK}" hidden="1">"{MODULE}"</{found[0].prefix}definedName>'
    behind = found[next(n for n, t in enumerate(found) if t.name == "sheets" and t.path == ("workbook",)) :]
    names = next((t for t in behind if t.name == "definedNames" and t.path == ("workbook",)), None)
    block = f"<{found[0].prefix}definedNames>{name}</{found[0].prefix}definedNames>"
    if names is not None and main[names.end - 2 : names.end] == b"/>":
        return main[: names.start] + block.encode() + main[names.end :]
    if names is not None:
        return opc.after(main, names, name)
    following = next((t for t in behind if t.path == ("workbook",) and t.name not in _BEFORE_NAMES), None)
    if following is None:
        return opc.before_end(main, block)
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
    book = _Book(source)
    vba = f"{book.folder}/vbaProject.bin"
    if book.has(vba):
        raise BadArgumentError(f"{book.name} already holds a VBA project.")
    _declare(book, vba)
    documents = _named_sheets(book)
    binary = vba_project(_named_book(book), documents, modules, classes)
    book.parts[book.main] = _marked(book.parts[book.main])
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / out.name
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for info in book.infos:
                copy = zipfile.ZipInfo(info.filename, info.date_time)
                copy.compress_type, copy.external_attr = info.compress_type, info.external_attr
                archive.writestr(copy, book.parts[info.filename])
            archive.writestr(zipfile.ZipInfo(vba, (1980, 1, 1, 0, 0, 0)), binary, zipfile.ZIP_DEFLATED)
        write_atomic(out, with_ribbon(made.read_bytes()), read_as=NOTHING)
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
        book = _Book(copy)
        made = with_ribbon(opc.rewritten(copy.read_bytes(), {book.main: _marked(book.parts[book.main])}))
    try:
        write_atomic(path, made, read_as=digest_of(there))
        return path
    except SavedMeanwhileError:
        other = beside(path, "attached")
        write_atomic(other, made, read_as=NOTHING)
        return other
