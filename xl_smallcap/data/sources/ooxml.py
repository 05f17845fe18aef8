"""A workbook's package before openpyxl reads it: passwords, Strict Open XML, formulas that were never calculated."""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree

from xl_smallcap.errors import SourceError

DAMAGED_ARCHIVE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, LookupError, ValueError,
    OverflowError,
)  # fmt: skip
"""What zipfile raises at an archive that is damaged or has a password, by where the damage is."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STRICT = b"http://purl.oclc.org/ooxml/"
_NAMESPACES = (
    (b"http://purl.oclc.org/ooxml/officeDocument/", b"http://schemas.openxmlformats.org/officeDocument/2006/"),
    (b"http://purl.oclc.org/ooxml/spreadsheetml/main", b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"),
    (b"http://purl.oclc.org/ooxml/drawingml/", b"http://schemas.openxmlformats.org/drawingml/2006/"),
)
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')


def whole(data: bytes, file: str) -> bytes:
    """Return a workbook as openpyxl reads it; a Strict one with the usual namespaces."""
    if data.startswith(_OLE):
        raise SourceError(f"{file} has a password, or is an old .xls; save it in Excel as .xlsx without a password.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            if _STRICT not in old.read("_rels/.rels"):
                return data
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
                for info in old.infolist():
                    part = old.read(info)
                    if info.filename.endswith((".xml", ".rels")):
                        for strict, usual in _NAMESPACES:
                            part = part.replace(strict, usual)
                        part = part.replace(b' conformance="strict"', b"")
                    new.writestr(info.filename, part)
            return out.getvalue()
    except DAMAGED_ARCHIVE as exc:
        raise SourceError(
            f"{file} is not a whole .xlsx or .xlsm workbook ({type(exc).__name__}); open it in Excel and save it again."
        ) from exc


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _part_of(package: zipfile.ZipFile, sheet: str) -> str | None:
    relations = {
        r.get("Id"): str(r.get("Target"))
        for r in ElementTree.fromstring(package.read("xl/_rels/workbook.xml.rels"))  # noqa: S314 - expat of Python 3.11 bounds entities
    }
    for element in ElementTree.fromstring(package.read("xl/workbook.xml")).iter():  # noqa: S314 - as above
        if _local(element.tag) == "sheet" and element.get("name") == sheet:
            key = next((v for k, v in element.attrib.items() if _local(k) == "id"), "")
            target = relations.get(key, "")
            return target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
    return None


def formulas(data: bytes, sheet: str) -> Iterator[tuple[str, str | None]]:
    """Go through the formulas of a sheet.

    Address, and the value stored beside the formula; None where none is, which an empty text is not.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        part = _part_of(package, sheet)
        if part is None or part not in package.namelist():
            return
        with package.open(part) as stream:
            for _, cell in ElementTree.iterparse(stream):  # noqa: S314 - as above
                if _local(cell.tag) == "row":
                    cell.clear()
                if _local(cell.tag) != "c" or not any(_local(e.tag) == "f" for e in cell):
                    continue
                value = next((e.text for e in cell if _local(e.tag) == "v"), None)
                yield str(cell.get("r")), value or ("" if cell.get("t") == "str" and value is not None else None)


def in_percent(number_format: str) -> bool:
    """Tell whether a cell's number format shows a percentage."""
    return "%" in _QUOTED.sub("", number_format)
