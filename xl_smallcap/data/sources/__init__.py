"""One file a source; each gives the same :class:`Loaded`, and ``SOURCES`` is the one table of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xl_smallcap.data.sources import folder, sample
from xl_smallcap.data.sources._loaded import Loaded

SOURCES: dict[str, Callable[[Path | None, Callable[[str, int, int], None]], Loaded]] = {
    "folder": folder.read,
    "sample": sample.read,
}

__all__ = ["SOURCES", "Loaded"]
