"""Which code made a fitted number?"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

import numpy as np


def _files(place: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    """Walk the files of a folder and of those within, in the order of their names."""
    for entry in sorted(place.iterdir(), key=lambda e: e.name):
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


@functools.lru_cache(maxsize=1)
def code_version() -> str:
    """Return a hash of everything a fitted number depends on in code: models, panel, releases, numpy's version.

    Returns
    -------
    str
        A fit on disk made by other code is never found.
    """
    scipy = importlib.metadata.version("scipy")  # its Student t is in every interval
    sha = hashlib.sha256(f"{np.__version__} {scipy}".encode())
    root = resources.files("xl_smallcap")
    for folder, names in (
        ("models", None),
        ("analyses", None),
        ("data", ("panel.py", "releases.py", "releases.csv", "series.py")),
    ):
        for name, entry in _files(root.joinpath(folder)):
            wanted = name.endswith(".py") if names is None else name in names
            if wanted:
                sha.update(name.encode() + entry.read_bytes())
    return sha.hexdigest()[:16]
