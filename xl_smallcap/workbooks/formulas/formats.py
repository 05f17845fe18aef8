"""TEXT(): the few number formats our own formulas use."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from xl_smallcap.workbooks.formulas.values import UnsupportedError, day_of

FIRST_DAY = 61
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DIGITS = re.compile(r'^(?P<head>(?:[+-]|"[^"]*")*)(?P<thousands>#,##)?0(?P<point>\.0+)?(?P<tail>(?:%|"[^"]*")*)$')


def formatted(value: float, pattern: str) -> str:
    """Write a number by a pattern."""
    if pattern.lower() in ("yyyy-mm-dd", "d mmm yyyy", "mmm yyyy"):
        if value < FIRST_DAY:
            raise UnsupportedError("a day before March 1900")  # Excel has a 29 February there
        day = day_of(value)
        month = _MONTHS[day.month - 1]
        shapes = {"yyyy-mm-dd": day.isoformat(), "d mmm yyyy": f"{day.day} {month} {day.year}"}
        return shapes.get(pattern.lower(), f"{month} {day.year}")
    sections = pattern.split(";")
    if len(sections) > 3:
        raise UnsupportedError(f"number format {pattern}")
    which = 0 if value > 0 or len(sections) == 1 else 1 if value < 0 else len(sections) - 1
    if value == 0 and len(sections) == 2:
        which = 0
    found = _DIGITS.match(sections[which])
    if found is None:
        raise UnsupportedError(f"number format {pattern}")
    own_sign = which == 1
    tail = found["tail"] or ""
    percents = re.sub(r'"[^"]*"', "", tail).count("%")
    places = len(found["point"] or ".") - 1
    # half away from zero on the 15 digits a sheet knows, as Excel rounds
    exact = Decimal(f"{abs(value):.15g}").scaleb(2 * percents)
    rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    digits = f"{rounded:{',' if found['thousands'] else ''}.{places}f}"
    minus = "-" if value < 0 and not own_sign and rounded != 0 else ""
    return minus + (found["head"] or "").replace('"', "") + digits + tail.replace('"', "")
