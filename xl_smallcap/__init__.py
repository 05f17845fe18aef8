"""Russell 2000 macro factor betas for a cell, a command line or Python, with standard errors and no look-ahead.

The functions are imported when first asked for: ``import xl_smallcap`` costs numpy and a few milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as _numpy  # noqa: F401 - whatever comes next needs it; the import-budget test counts from here

from xl_smallcap._version import __version__
from xl_smallcap.errors import (
    BadArgumentError,
    CatalogueError,
    FitError,
    NoDataError,
    SourceError,
    StoreError,
    XlSmallcapError,
)

if TYPE_CHECKING:
    from xl_smallcap.functions import (
        FUNCTIONS,
        RUSSELL_ASOF,
        RUSSELL_ATTRIBUTION,
        RUSSELL_BETA,
        RUSSELL_BETA_HISTORY,
        RUSSELL_BETAS,
        RUSSELL_DIFF,
        RUSSELL_DISPERSION,
        RUSSELL_DISPERSION_HISTORY,
        RUSSELL_FACTOR,
        RUSSELL_FACTORS,
        RUSSELL_FAIR_VALUE,
        RUSSELL_FAIR_VALUE_HISTORY,
        RUSSELL_FAN,
        RUSSELL_FIT,
        RUSSELL_GAUGE,
        RUSSELL_GAUGES,
        RUSSELL_METHODS,
        RUSSELL_NEEDLE,
        RUSSELL_NEEDLE_MAP,
        RUSSELL_POSITIONING,
        RUSSELL_POSITIONING_HISTORY,
        RUSSELL_PROJECTION,
        RUSSELL_REGIME,
        RUSSELL_REGIME_HISTORY,
        RUSSELL_REGIME_PROB,
        RUSSELL_REGIME_RETURNS,
        RUSSELL_REGIME_SCORE,
        RUSSELL_REGIMES,
        RUSSELL_SCENARIO,
        RUSSELL_SCENARIO_SCORE,
        RUSSELL_SCENARIOS,
        RUSSELL_SNAPSHOT,
        RUSSELL_SOURCE,
        RUSSELL_STATUS,
        RUSSELL_THESIS,
        RUSSELL_TIPPING,
        RUSSELL_TRANSITIONS,
        RUSSELL_WHY,
        RUSSELL_WINNERS,
    )
    from xl_smallcap.session import Session, current_session, use_session

__all__ = [
    "FUNCTIONS",
    "RUSSELL_ASOF",
    "RUSSELL_ATTRIBUTION",
    "RUSSELL_BETA",
    "RUSSELL_BETAS",
    "RUSSELL_BETA_HISTORY",
    "RUSSELL_DIFF",
    "RUSSELL_DISPERSION",
    "RUSSELL_DISPERSION_HISTORY",
    "RUSSELL_FACTOR",
    "RUSSELL_FACTORS",
    "RUSSELL_FAIR_VALUE",
    "RUSSELL_FAIR_VALUE_HISTORY",
    "RUSSELL_FAN",
    "RUSSELL_FIT",
    "RUSSELL_GAUGE",
    "RUSSELL_GAUGES",
    "RUSSELL_METHODS",
    "RUSSELL_NEEDLE",
    "RUSSELL_NEEDLE_MAP",
    "RUSSELL_POSITIONING",
    "RUSSELL_POSITIONING_HISTORY",
    "RUSSELL_PROJECTION",
    "RUSSELL_REGIME",
    "RUSSELL_REGIMES",
    "RUSSELL_REGIME_HISTORY",
    "RUSSELL_REGIME_PROB",
    "RUSSELL_REGIME_RETURNS",
    "RUSSELL_REGIME_SCORE",
    "RUSSELL_SCENARIO",
    "RUSSELL_SCENARIOS",
    "RUSSELL_SCENARIO_SCORE",
    "RUSSELL_SNAPSHOT",
    "RUSSELL_SOURCE",
    "RUSSELL_STATUS",
    "RUSSELL_THESIS",
    "RUSSELL_TIPPING",
    "RUSSELL_TRANSITIONS",
    "RUSSELL_WHY",
    "RUSSELL_WINNERS",
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
_FROM_SESSION = ("Session", "current_session", "use_session")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'xl_smallcap' has no attribute '{name}'")
    from xl_smallcap import functions, session

    found = getattr(session if name in _FROM_SESSION else functions, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
