"""A VBA project (vbaProject.bin) made from scratch for any workbook, with one document module a sheet."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

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
