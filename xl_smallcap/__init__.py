"""Russell 2000 macro factor betas for a cell, a command line or Python, with standard errors and no look-ahead.

The functions are imported when first asked for: ``import xl_smallcap`` costs numpy and a few milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as _numpy  # noqa: F401 - whatever comes next needs it; the import-budget test counts from here

from xl_smallcap._version import __version__ as __version__
from xl_smallcap.errors import BadArgumentError as BadArgumentError
from xl_smallcap.errors import CatalogueError as CatalogueError
from xl_smallcap.errors import FitError as FitError
from xl_smallcap.errors import NoDataError as NoDataError
from xl_smallcap.errors import SourceError as SourceError
from xl_smallcap.errors import StoreError as StoreError
from xl_smallcap.errors import XlSmallcapError as XlSmallcapError

if TYPE_CHECKING:
    from xl_smallcap import estimators as estimators
    from xl_smallcap.face import Data as Data
    from xl_smallcap.face import Frame as Frame
    from xl_smallcap.face import load as load
    from xl_smallcap.face import open as open
    from xl_smallcap.functions import *  # noqa: F403
    from xl_smallcap.session import Session as Session
    from xl_smallcap.session import current_session as current_session
    from xl_smallcap.session import use_session as use_session

_FROM_FACE = ("open", "load", "Data", "Frame")
"""With pandas; `open` and `load` are left out of a star import, which would hide Python's own `open`."""
_FROM_SESSION = ("Session", "current_session", "use_session")
_ERRORS = (
    "BadArgumentError", "CatalogueError", "FitError", "NoDataError", "SourceError", "StoreError", "XlSmallcapError",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _FROM_SESSION:
        from xl_smallcap import session

        value = getattr(session, name)
    elif name in _FROM_FACE:
        from xl_smallcap import face

        value = getattr(face, name)
    elif name == "estimators":
        from importlib import import_module

        value = import_module("xl_smallcap.estimators")
    elif name == "__all__":  # the names of the functions are in one place
        from xl_smallcap.functions import NAMES

        value = [*NAMES, "FUNCTIONS", *_ERRORS, *_FROM_SESSION, "__version__"]
    elif name == "FUNCTIONS" or name.startswith("RUSSELL_"):
        from xl_smallcap import functions

        try:
            value = getattr(functions, name)
        except AttributeError:
            raise AttributeError(f"module 'xl_smallcap' has no attribute '{name}'") from None
    else:
        raise AttributeError(f"module 'xl_smallcap' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__getattr__("__all__"), *_FROM_FACE, "estimators"])
