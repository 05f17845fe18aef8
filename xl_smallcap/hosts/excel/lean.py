"""Imported first in the Excel process: xlwings without the libraries it imports wherever they are installed.

xlwings imports pandas, polars, matplotlib and Pillow to convert values between them and cells. Our values pass raw, so
in a process that answers cells they cost more than half a second for nothing. They are hidden while xlwings is
imported, and only then: a refresh may need yfinance, and with it pandas, in the same process.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

OPTIONAL = ("pandas", "polars", "matplotlib", "PIL", "plotly")
"""What xlwings imports if it is there, beside numpy, which our functions need anyway."""


@contextmanager
def hidden(names: tuple[str, ...] = OPTIONAL) -> Iterator[None]:
    """Let imports of these modules fail inside the block; one that is imported already stays visible."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: documented to stop an import
    try:
        yield
    finally:
        for name in absent:
            if sys.modules.get(name, name) is None:
                del sys.modules[name]


def import_xlwings() -> None:
    """Import what of xlwings a server of functions needs; its COM part exists on Windows only."""
    with hidden():
        importlib.import_module("xlwings")
        if sys.platform == "win32":
            importlib.import_module("xlwings.com_server")
            importlib.import_module("xlwings.udfs")


import_xlwings()
