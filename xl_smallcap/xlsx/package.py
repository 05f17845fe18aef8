"""A workbook file as a package of parts: opened, checked, changed, written with every other part as it was."""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from xl_smallcap.errors import BadArgumentError, BusyError, NoDataError
from xl_smallcap.xlsx import xml

DAMAGED_ARCHIVE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, LookupError, ValueError,
    OverflowError,
)  # fmt: skip
"""What zipfile raises at an archive that is damaged or has a password, by where the damage is."""

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')


def in_percent(number_format: str) -> bool:
    """Tell whether a cell's number format shows a percentage."""
    return "%" in _QUOTED.sub("", number_format)


_KINDS = {".xlsx", ".xlsm", ".xltx", ".xltm"}
_ELSE = {
    ".xls": "an old .xls workbook; open it in Excel and save it as .xlsx",
    ".xlsb": "a binary .xlsb workbook; open it in Excel and save it as .xlsx",
    ".ods": "an OpenDocument sheet; open it in LibreOffice, where the add-in calculates it, or save it as .xlsx",
    ".csv": "plain text, which holds no formulas",
}
_MOST_BYTES = 2_000_000_000
"""Unpacked; more is a damaged or hostile file."""


@dataclass
class Package:
    """A workbook's parts as stored, and the changed ones to write instead."""

    name: str  # of the file, for sentences
    data: bytes  # the whole file
    changed: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open the archive and look for the workbook part."""
        if self.data[:8] == OLE:
            raise BadArgumentError(
                f"{self.name} has a password, or is an old .xls by another name; save it as .xlsx without one."
            )
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(self.data))
            self.infos = self._archive.infolist()
            if sum(i.file_size for i in self.infos) > _MOST_BYTES:
                raise BadArgumentError(f"{self.name} would unpack to more than 2 GB; it is damaged or not a workbook.")
            if len({i.filename for i in self.infos}) < len(self.infos):
                raise BadArgumentError(f"{self.name} is damaged (two parts of one name); save it again in Excel.")
            self._lower = {i.filename.lower(): i.filename for i in self.infos}
            self.main = self._main()
        except DAMAGED_ARCHIVE as exc:
            raise BadArgumentError(f"{self.name} is damaged ({exc}); open it in Excel and save it again.") from exc

    def part(self, name: str) -> bytes:
        """Return a part, changed or as stored."""
        if name in self.changed:
            return self.changed[name]
        try:
            content = self._archive.read(name)
            return xml.refuse_dtd(content) if name.lower().endswith((".xml", ".rels")) else content
        except DAMAGED_ARCHIVE as exc:
            raise BadArgumentError(f"{self.name} is damaged in '{name}' ({exc}).") from exc

    def real(self, name: str) -> str | None:
        """Return a part's name as stored, or None; names are compared without case."""
        return self._lower.get(name.lower().lstrip("/"))

    def needed(self, name: str) -> str:
        """Return the name as stored of a part no workbook can do without."""
        real = self.real(name)
        if real is None:
            raise BadArgumentError(f"{self.name} lacks its part '{name}'; open it in Excel and save it again.")
        return real

    def relations_name(self, part: str) -> str | None:
        """Return the name of the part that holds another's relationships."""
        folder, _, base = part.rpartition("/")
        return self.real(f"{folder}/_rels/{base}.rels")

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Return a part's relationships inside the package.

        Id -> (last word of the type, name of the target as stored).
        """
        folder, name = part.rpartition("/")[0], self.relations_name(part)
        if name is None:
            return {}
        relations = {}
        for tag in xml.tags(self.part(name)):
            a = tag.attributes
            if tag.name != "Relationship" or a.get("TargetMode") == "External":
                continue
            target = a.get("Target", "")
            path = target if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
            real = self.real(path)
            if real is not None:
                relations[a.get("Id", "")] = (a.get("Type", "").rpartition("/")[2], real)
        return relations

    def sheets(self) -> list[tuple[str, str, str]]:
        """Return name, kind and part of every sheet in order; kind and part empty where the file has none."""
        relations, listed = self.relations(self.main), []
        for tag in xml.tags(self.part(self.main)):
            if tag.name == "sheet" and tag.path[-1:] == ("sheets",):
                key = next((v for k, v in tag.attributes.items() if k.endswith(":id")), "")
                listed.append((tag.attributes.get("name", ""), *relations.get(key, ("", ""))))
        return listed

    def refuse_signed(self) -> None:
        """Raise where a change would break a signature."""
        if any(n.startswith("_xmlsignatures/") for n in self._lower):
            raise BadArgumentError(
                f"{self.name} is digitally signed; new values would break the signature. Remove it, or take a copy."
            )

    def names(self) -> list[str]:
        """Return every part's name in the order of the archive."""
        return [i.filename for i in self.infos]

    def _main(self) -> str:
        root = self.real("_rels/.rels")
        for tag in xml.tags(self.part(root)) if root else []:
            if tag.attributes.get("Type", "").endswith("/officeDocument"):
                real = self.real(tag.attributes.get("Target", ""))
                if real is not None and b"preadsheet" in self.part(real)[:4000]:
                    return real
        raise BadArgumentError(f"{self.name} holds no workbook; it may be another kind of document.")

    def to_bytes(self) -> bytes:
        """Return the package with its changed and new parts; every other has the bytes it had, order and comment too.

        The same inputs give the same bytes.
        """
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as new:
            new.comment = self._archive.comment
            for info in self.infos:
                copy = zipfile.ZipInfo(info.filename, info.date_time)
                copy.compress_type, copy.external_attr = info.compress_type, info.external_attr
                copy.create_system, copy.comment = info.create_system, info.comment
                # old extra fields may hold sizes of zip64; those of other programs are kept
                copy.extra = _extra(info.extra)
                new.writestr(copy, self.part(info.filename))
            for name in sorted(self.changed.keys() - {i.filename for i in self.infos}):
                new.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), self.changed[name], zipfile.ZIP_DEFLATED)
        return out.getvalue()


def _extra(raw: bytes) -> bytes:
    kept, offset = b"", 0
    while offset + 4 <= len(raw):
        kind, size = (
            int.from_bytes(raw[offset : offset + 2], "little"),
            int.from_bytes(raw[offset + 2 : offset + 4], "little"),
        )
        if kind != 1:
            kept += raw[offset : offset + 4 + size]
        offset += 4 + size
    return kept


def open_package(path: Path) -> Package:
    """Open a workbook file to write new values into it, or say in a sentence why not."""
    suffix = path.suffix.lower()
    if not path.is_file():
        raise NoDataError(f"There is no workbook '{path}'.")
    if suffix in _ELSE:
        raise BadArgumentError(f"{path.name} is {_ELSE[suffix]}.")
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise NoDataError(f"{path.name} cannot be read ({exc.strerror}); close it and try again.") from exc
    if data[:8] != OLE and (suffix not in _KINDS or data[:2] != b"PK"):
        raise BadArgumentError(f"{path.name} is no .xlsx or .xlsm workbook, or its beginning is damaged.")
    package = Package(path.name, data)
    package.refuse_signed()
    return package


def refuse_if_open(path: Path) -> None:
    """Raise where a program has the file open, told by the file it leaves beside it."""
    for mark, program in ((f"~${path.name}", "Excel"), (f".~lock.{path.name}#", "LibreOffice")):
        if path.with_name(mark).exists():
            raise BusyError(
                f"{path.name} is open in {program} ('{mark}' lies beside it). Close it there, or give another file "
                "with --out; if nobody has it open, delete that file."
            )
