"""Which code made a fitted number?"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from xl_smallcap.config import PACKAGE


def _files(folder: Path, prefix: str = "") -> Iterator[tuple[str, Path]]:
    """Walk the files of a folder and of those within, in the order of their names."""
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


def _scipy_version() -> str:
    """The version by the name of the folder pip writes: importing scipy, or importlib.metadata, would take longer."""
    place = importlib.util.find_spec("scipy")
    if place is not None and place.origin is not None:
        for folder in Path(place.origin).parents[1].glob("scipy-*.dist-info"):
            return folder.name
    from importlib.metadata import version

    return version("scipy")


@functools.lru_cache(maxsize=1)
def code_version() -> str:
    """Return a hash of everything a fitted number depends on in code: models, panel, releases, numpy's version.

    A fit on disk made by other code is never found.
    """
    scipy = _scipy_version()  # its Student t is in every interval
    sha = hashlib.sha256(f"{np.__version__} {scipy}".encode())
    for folder, names in (
        ("models", None),
        ("analyses", None),
        ("data", ("panel.py", "releases.py", "releases.csv", "series.py")),
    ):
        for name, entry in _files(PACKAGE / folder):
            wanted = name.endswith(".py") if names is None else name in names
            if wanted:
                sha.update(name.encode() + entry.read_bytes())
    return sha.hexdigest()[:16]
