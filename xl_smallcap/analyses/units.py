"""In which unit is a beta shown?"""

from __future__ import annotations

from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.types import BetaUnit, Window

NATIVE_STEP = {"bp": 10.0, "pct": 1.0, "pt": 1.0}
NATIVE_NAME = {"bp": "10bp", "pct": "1pct", "pt": "1pt"}
CHANGE_UNIT = {"bp": "bp", "pct": "%", "pt": "pt"}
"""How a change is written: basis points of a rate, % of a price's log, points of an index that has no logarithm."""
SPELLED = {"bp": "basis points", "pct": "%", "pt": "points"}
_REFERENCE_SCALE = {"daily": 1.0, "weekly": 5.0**0.5, "monthly": 21.0**0.5}


def reference_sd(catalogue: Catalogue, factor: str, window: Window) -> float | None:
    """Return the fixed yardstick of a factor at a frequency, in % or bp; None for the market."""
    entry = catalogue.factors.get(factor)
    return None if entry is None else entry.reference_sd * _REFERENCE_SCALE[window.frequency]


def unit_factor(unit: BetaUnit, quote: str, sd: float, factor: str) -> float:
    """Return what turns a beta per own standard deviation into the unit asked for."""
    if unit == "sd":
        return 1.0
    if unit not in ("native", NATIVE_NAME[quote]):
        raise BadArgumentError(
            f"'{factor}' is measured in {SPELLED[quote]}; use unit '{NATIVE_NAME[quote]}', 'native' or 'sd'."
        )
    return NATIVE_STEP[quote] / sd


def unit_name(unit: BetaUnit, quote: str) -> str:
    """Return the unit as a table shows it."""
    if unit == "sd":
        return "% per +1 sd"
    return f"% per +{NATIVE_STEP[quote]:g} {CHANGE_UNIT[quote]}"
