"""Which files of a folder may hold series."""

from __future__ import annotations

import contextlib
from pathlib import Path

from xl_smallcap.data.sources import cftc

_BOOK = "a workbook is loaded by its own name, such as 'xl-smallcap data load BOOK.xlsx --add'."
_OTHER_KINDS = {
    ".xlsx": _BOOK, ".xlsm": _BOOK, ".xls": "save it in Excel as .xlsx, then load that.",
    ".tsv": "rename it to .csv; tabs between the cells are read.", ".gz": "unpack it first.",
    ".zip": "unpack it first.",
    ".parquet": "Parquet is read of constituents only; save series as .csv.",
}  # fmt: skip
"""Files that hold data but are not read in a folder, and what to do."""


def _is_report(path: Path) -> bool:
    """Whether a .txt file is the CFTC's: its yearly archives hold such files."""
    with path.open("rb") as file:
        head = file.readline(20_000).decode("utf-8", "replace")
    return cftc.is_report(h.strip().strip('"') for h in head.split(","))


def files_of(place: Path) -> tuple[list[Path], dict[str, str]]:
    """Return the files that may hold series, and what to do with those of other kinds.

    What macOS and Excel leave beside them (``._daily.csv``, ``~$book.xlsx``) is none. list of pathlib.Path: CSV
    files, and the CFTC's .txt files; dict of str to str: file left out -> what to do.
    """
    found, unread = [], dict[str, str]()
    for path in sorted(place.iterdir()):
        kind = path.suffix.lower()
        if path.name.startswith((".", "~$")) or not path.is_file():
            continue
        if kind in _OTHER_KINDS:
            unread[path.name] = f"{path.name}: {_OTHER_KINDS[kind]}"
        if kind not in (".csv", ".txt"):
            continue
        with contextlib.suppress(OSError):
            if kind == ".txt" and not _is_report(path):
                continue
        found.append(path)
    return found, unread
