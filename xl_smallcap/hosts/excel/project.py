"""What a workbook gets from us: VBA made from the table of functions, in a project from scratch, and a ribbon."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from xml.sax.saxutils import quoteattr

from xl_smallcap.functions import FUNCTIONS, HELP_LIMIT, WorksheetFunction
from xl_smallcap.xlsx import xml
from xl_smallcap.xlsx.package import Package

MODULE = "xl_smallcap_udfs"
CLOSING = "xl_smallcap_closing"
MARK = "xl_smallcap_functions"
"""A hidden name in each workbook that has our macros: VBA may not look for a module in another workbook."""
SERVER_MODULE = "xl_smallcap.hosts.excel.udfs"
CATEGORY = "Russell 2000"
_LONGEST_LINE, _MOST_CONTINUATIONS = 1023, 24
_WRAP = 118
_WORDS = """
addressof alias and any as base binary boolean byref byte byval call case cbool cbyte ccur cdate cdbl cdec cint
circle clng close const csng cstr currency cvar cverr date debug decimal declare dim do double each else elseif
empty end enum eqv erase error event exit explicit false fix for friend function get global gosub goto if imp
implements in input int integer is lbound let like line lock long loop lset me mid mod name new next not nothing
null object on open option optional or paramarray print private property public put raiseevent redim rem resume
return rset seek select set single static stop string sub tab then time timer to true type typeof ubound unlock
until variant wend while width with withevents write xor
"""
_RESERVED = frozenset(_WORDS.split())
_CALLED = ("plain", "moment", "asshown", "ask")
"""Our own procedures that a function calls: an argument of that name would be taken for them."""
_PLAIN = {"²": "2", "±": "+/-", "–": "-", "—": "-", "×": "x", "’": "'", "“": '"', "”": '"', "…": "...", "≥": ">="}


def _crlf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


def _literal(text: str) -> str:
    """A VBA string: plain ASCII reads the same in every code page; a character we did not foresee is an error."""
    for fancy, plain in _PLAIN.items():
        text = text.replace(fancy, plain)
    text = " ".join(text.split())
    text.encode("ascii")
    if len(text) > HELP_LIMIT:
        raise ValueError(f"help longer than {HELP_LIMIT}: {text[:40]}")
    return '"' + text.replace('"', '""') + '"'


def _statement(head: str, items: Sequence[str], tail: str) -> str:
    """``head a, b, c tail`` over continued lines, within VBA's limits."""
    lines, line = [], head
    for n, item in enumerate(items):
        piece = item + (", " if n < len(items) - 1 else tail)
        if len(line) + len(piece) > _WRAP and line.strip():
            lines.append(line.rstrip() + " _")
            line = " " * 8
        line += piece
    lines.append((line if items else head + tail).rstrip())
    if len(lines) - 1 > _MOST_CONTINUATIONS or max(map(len, lines)) > _LONGEST_LINE:
        raise ValueError(f"statement too long for VBA: {head[:60]}")
    return "\n".join(lines)


def _check_names(entry: WorksheetFunction) -> None:
    if not re.fullmatch(r"[A-Z][A-Z_]{3,200}", entry.name):
        raise ValueError(f"not a worksheet function name: {entry.name}")
    for p in entry.parameters:
        if not re.fullmatch(r"[a-z][a-z_]{0,39}", p.name) or p.name in {*_RESERVED, *_CALLED}:
            raise ValueError(f"VBA does not take '{p.name}' as an argument of {entry.name}")


def _filled(name: str) -> str:
    from xl_smallcap._version import __version__

    fills = {
        "module": MODULE, "version": __version__, "server": SERVER_MODULE, "category": CATEGORY, "closing": CLOSING,
        "mark": MARK,
    }  # fmt: skip
    template = resources.files("xl_smallcap.hosts.excel").joinpath(name).read_text(encoding="ascii")
    return re.sub(r"\{([a-z]+)\}", lambda m: fills[m.group(1)], template)


def closing_class() -> str:
    """Return our class, which takes a timer back when its workbook closes. ASCII, lines ended by CR LF."""
    return _crlf(_filled("closing.cls"))


def udf_module(functions: Sequence[WorksheetFunction] = FUNCTIONS) -> str:
    """Return our VBA module: a wrapper a function, one place for errors and retries, help for the function wizard.

    ASCII, lines ended by CR LF.
    """
    out = [_filled("template.bas")]
    for f in functions:
        _check_names(f)
        out.append(
            _statement(
                f"Public Function {f.name}(", [f"Optional {p.name} As Variant" for p in f.parameters], ") As Variant"
            )
        )
        out.append(f"Attribute {f.name}.VB_Description = {_literal(f.help)}")
        sent = [f"{'Moment' if p.is_date else 'AsShown' if p.is_shocks else 'Plain'}({p.name})" for p in f.parameters]
        out.append(_statement(f'    {f.name} = Ask("{f.name}", Array(', sent, "))"))
        out.append("End Function\n")
    out.append(
        "' Category and argument helps for the wizard; where a workbook has a ribbon of its own, a person may run it."
    )
    out.append("Public Sub RUSSELL_DESCRIBE()\n    Dim saved As Boolean\n    saved = ThisWorkbook.Saved")
    out.append("    On Error Resume Next")
    out += [f"    Help{n}" for n in range(1, len(functions) + 1)]
    out.append("    ThisWorkbook.Saved = saved\nEnd Sub\n")
    for n, f in enumerate(functions, 1):
        out.append(f"Private Sub Help{n}()")
        head = f'    Describe "{f.name}", {_literal(f.help)}, '
        if f.parameters:
            out.append(_statement(head + "Array(", [_literal(p.help) for p in f.parameters], ")"))
        else:
            out.append(head + "Empty")
        out.append("End Sub\n")
    text = "\n".join(out)
    text.encode("ascii")
    return _crlf(text)


# -- A VBA project (vbaProject.bin) made from scratch for any workbook, with one document module a sheet.


_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_FORMERLY = {"Dictionary": "Tim Hall"}
"""A class that xlwings' loader needed on macOS only, and a word of its text: taken out of workbooks that have it."""
_NO_CACHE = b"\xcc\x61\xff\xff\x00\x00\x00"
"""[MS-OVBA] 2.3.4.1: what a writer must put into _VBA_PROJECT, so that Office compiles from the source."""


def _stub(path: Path, book: str, sheets: Sequence[tuple[str, str]]) -> None:
    """Write a tiny package whose code names are the wanted ones: pyOpenVBA names document modules after them."""
    relations, tags = [], []
    with zipfile.ZipFile(path, "w") as archive:
        for n, (code, kind) in enumerate(sheets, 1):
            relations.append(f'<Relationship Id="rId{n}" Type="{_RELATIONS}/{kind}" Target="s{n}.xml"/>')
            tags.append(f'<sheet name="s{n}" sheetId="{n}" r:id="rId{n}"/>')
            archive.writestr(f"xl/s{n}.xml", f'<{kind} xmlns="{_MAIN}"><sheetPr codeName={quoteattr(code)}/></{kind}>')
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><workbookPr codeName={quoteattr(book)}/>'
            f"<sheets>{''.join(tags)}</sheets></workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(relations)}</Relationships>',
        )
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        )


def vba_project(
    book: str, sheets: Sequence[tuple[str, str]], modules: Mapping[str, str], classes: Mapping[str, str]
) -> bytes:
    """Build a VBA project. The same inputs give the same bytes."""
    from pyopenvba import ExcelFile, VBAModuleKind
    from pyopenvba.cfb import CFB

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stub.xlsm"
        _stub(path, book, sheets)
        with ExcelFile(path) as opened:
            project = opened.add_vba_project()
            for name, source in modules.items():
                project.add_module(name, source)
            for name, source in classes.items():
                project.add_module(name, source, kind=VBAModuleKind.other)
            for name in [book, *(code for code, _ in sheets)]:
                project.get_module(name).dirty = True  # written anew, without the template's compiled code
            opened.save()
        with zipfile.ZipFile(path) as archive:
            compound = CFB.from_bytes(archive.read("xl/vbaProject.bin"))
    compound.write_stream_in_storage("VBA", "_VBA_PROJECT", _NO_CACHE)
    return bytes(compound.to_bytes())


def replace_modules(path: Path, modules: Mapping[str, str], classes: Mapping[str, str]) -> bool:
    """Put newer modules into a workbook that has ours already; nothing else in it changes.

    False, and nothing written, where the workbook's project does not hold our first module.
    """
    from pyopenvba import ExcelFile, VBAModuleKind

    with ExcelFile(path) as opened:
        present = set(opened.module_names())
        if next(iter(modules)) not in present:
            return False
        for name, word in _FORMERLY.items():
            if name in present and word in opened.get_module(name):
                opened.vba_project().delete_module(name)
        for kind, sources in ((VBAModuleKind.standard, modules), (VBAModuleKind.other, classes)):
            for name, source in sources.items():
                if name in present:
                    opened.set_module(name, source)
                else:
                    opened.vba_project().add_module(name, source, kind=kind)
        opened.save()
    return True


# -- The ribbon's tab: Refresh, As of, Pitch, Help, whose buttons call macros of our module.


PART = "customUI/customUI.xml"
_RELATION = "http://schemas.microsoft.com/office/2006/relationships/ui/extensibility"
_NEWER = "http://schemas.microsoft.com/office/2007/relationships/ui/extensibility"
_NAMESPACE = "http://schemas.microsoft.com/office/2006/01/customui"
BUTTONS = (
    ("refresh", "Refresh", "RefreshAll", "Fetch new data and calculate again",
     "Runs beside Excel, the status bar says how far it is. Calculation mode and selection stay as they are."),
    ("as_of", "As of", "CalendarInsert", "Set the day of the workbook",
     "Everything is calculated from what was known by then. Empty: the last date of the data."),
    ("pitch", "Pitch", "FileSaveAsPdfOrXps", "Write a pitch sheet",
     "One page with the numbers of the day, as a workbook beside this one."),
    ("help", "Help", "Help", "Every function with a live example",
     "Shows the sheet Functions, or says how to find why a cell is in error."),
)  # fmt: skip
"""Id, label, picture of Office's own, tip, longer tip; the macro is RUSSELL_RIBBON_ and the id in capitals."""


def ribbon_xml() -> bytes:
    """Return the ribbon's description. Custom UI of Office 2007 and later."""
    buttons = "".join(
        f'<button id="xlsc_{name}" label={quoteattr(label)} imageMso="{picture}" size="large" '
        f'onAction="RUSSELL_RIBBON_{name.upper()}" screentip={quoteattr(tip)} supertip={quoteattr(more)}/>'
        for name, label, picture, tip, more in BUTTONS
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n'
        f'<customUI xmlns="{_NAMESPACE}" onLoad="RUSSELL_RIBBON_LOADED"><ribbon><tabs>'
        f'<tab id="xlsc_tab" label="Russell 2000"><group id="xlsc_group" label="xl_smallcap">{buttons}</group></tab>'
        "</tabs></ribbon></customUI>"
    ).encode()


def with_ribbon(book: Package) -> None:
    """Bring our tab up to date in a macro workbook, or put it there where the workbook has none of its own."""
    if book.real(PART) is not None and b"xlsc_tab" in book.part(PART):
        book.changed[PART] = ribbon_xml()
        return
    where, types_part = book.needed("_rels/.rels"), book.needed("[Content_Types].xml")
    relations, types = book.part(where), book.part(types_part)
    there = xml.tags(relations)
    if any(t.attributes.get("Type", "") in (_RELATION, _NEWER) for t in there):
        return
    used = {t.attributes.get("Id") for t in there}
    free = next(f"rId{n}" for n in range(1, len(used) + 2) if f"rId{n}" not in used)
    relation = f'<{there[0].prefix}Relationship Id="{free}" Type="{_RELATION}" Target="{PART}"/>'
    listed = xml.tags(types)
    if not any(t.name == "Default" and t.attributes.get("Extension", "").lower() == "xml" for t in listed):
        entry = f'<{listed[0].prefix}Override PartName="/{PART}" ContentType="application/xml"/>'
        book.changed[types_part] = xml.before_end(types, entry)
    book.changed[where] = xml.before_end(relations, relation)
    book.changed[PART] = ribbon_xml()
