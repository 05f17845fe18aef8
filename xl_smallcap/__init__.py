"""Russell 2000 macro factor betas for a cell, a command line or Python, with standard errors and no look-ahead."""

from __future__ import annotations

from xl_smallcap.errors import (
    BadArgumentError,
    CatalogueError,
    FitError,
    NoDataError,
    SourceError,
    StoreError,
    XlSmallcapError,
)
from xl_smallcap.functions import (
    FUNCTIONS,
    RUSSELL_ASOF,
    RUSSELL_BETA,
    RUSSELL_BETA_HISTORY,
    RUSSELL_BETAS,
    RUSSELL_FACTOR,
    RUSSELL_FACTORS,
    RUSSELL_FIT,
    RUSSELL_SNAPSHOT,
    RUSSELL_SOURCE,
    RUSSELL_STATUS,
    RUSSELL_WHY,
)
from xl_smallcap.session import Session, current_session, use_session

__version__ = "0.1.0"

__all__ = [
    "FUNCTIONS",
    "RUSSELL_ASOF",
    "RUSSELL_BETA",
    "RUSSELL_BETAS",
    "RUSSELL_BETA_HISTORY",
    "RUSSELL_FACTOR",
    "RUSSELL_FACTORS",
    "RUSSELL_FIT",
    "RUSSELL_SNAPSHOT",
    "RUSSELL_SOURCE",
    "RUSSELL_STATUS",
    "RUSSELL_WHY",
    "BadArgumentError",
    "CatalogueError",
    "FitError",
    "NoDataError",
    "Session",
    "SourceError",
    "StoreError",
    "XlSmallcapError",
    "__version__",
    "current_session",
    "use_session",
]
