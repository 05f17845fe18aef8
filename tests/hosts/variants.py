"""Values across COM as pywin32 carries them: the rules of its oleargs.cpp and PyTime.cpp, for any system.

On the wire (JSON) a VARIANT is text, a float or a boolean as it is; None is Null or Empty; ``{"date": n}`` an OLE
date, ``{"int": n}`` a whole number of 32 bits (``{"int64": n}``: one that Excel shows as #VALUE!); a list is a
SAFEARRAY of one dimension, a list of lists one of two.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from xl_smallcap.functions.cells import day_number

EPOCH = dt.datetime(1899, 12, 30)
_FIRST_LOCAL = dt.datetime(1970, 1, 2)
MISSING = -2147352572
"""DISP_E_PARAMNOTFOUND: an argument nobody passed arrives as this whole number."""


def ole_date(moment: dt.datetime) -> float:
    """PyWinObject_AsDATE: the wall clock of ``astimezone(UTC)``; a naive moment counts as local time.

    Windows cannot tell the local offset of early moments: OSError, as Python there gives it.
    """
    if moment.tzinfo is None and moment < _FIRST_LOCAL:
        raise OSError(22, "Invalid argument")
    clock = moment.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0)
    days, rest = divmod((clock - EPOCH) // dt.timedelta(seconds=1), 86400)
    return float(days) + rest / 86400.0 if days >= 0 else float(days) - rest / 86400.0


def from_ole_date(number: float) -> dt.datetime:
    """PyWinObject_FromDATE: the wall clock, in UTC."""
    return (EPOCH + dt.timedelta(seconds=round(number * 86400))).replace(tzinfo=dt.UTC)


def _dimensions(item: Any, level: int, sizes: dict[int, int]) -> int:
    """PyCom_CalculatePyObjectDimension: a level counts only where all its members are sequences of one length."""
    if not isinstance(item, (list, tuple)):
        return level
    if sizes.setdefault(level, len(item)) != len(item):
        return level
    if not item:
        return level + 1
    return min(_dimensions(part, level + 1, sizes) for part in item)


def _array(item: Any, level: int) -> Any:
    return to_variant(item) if level == 0 else [_array(part, level - 1) for part in item]


def to_variant(value: Any) -> Any:
    """PyCom_VariantFromPyObject: what a function of ours returned, as COM hands it to VBA."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        bits = value.bit_length()
        return {"int": value} if bits < 32 else {"int64": value} if bits <= 64 else float(value)
    if isinstance(value, float):
        return value
    if isinstance(value, dt.datetime):
        return {"date": ole_date(value)}
    if isinstance(value, dt.date):
        raise TypeError(f"must be a pywintypes time object (got {type(value).__name__})")
    if isinstance(value, (list, tuple)):
        levels = _dimensions(value, 0, {})
        if levels > 2:
            raise TypeError(f"{levels} dimensions")
        return _array(value, levels)
    raise TypeError(f"Objects of type '{type(value).__name__}' can not be converted to a COM VARIANT")


def from_variant(wire: Any) -> Any:
    """PyCom_PyObjectFromVariant: an argument as Python gets it; a SAFEARRAY of one dimension is a flat tuple."""
    if isinstance(wire, list):
        return tuple(from_variant(item) for item in wire)
    if isinstance(wire, dict):
        if "date" in wire:
            date = wire["date"]
            return from_ole_date(ole_date(dt.datetime.fromisoformat(date).replace(tzinfo=dt.UTC))
                                 if isinstance(date, str) else date)  # fmt: skip
        return int(wire["int"])
    return wire


def shown(answer: Any) -> Any:
    """What cells of Excel hold: dates as its day numbers, which agree with OLE's from 1 March 1900 on."""
    if isinstance(answer, list):
        return [shown(a) for a in answer]
    if isinstance(answer, dict):
        assert answer["date"] >= 61, "Excel counts a 29 February 1900"
        return answer["date"]
    return answer


def as_cells(answer: Any) -> Any:
    """What Python answers, as :func:`shown` would have it."""
    if isinstance(answer, list):
        return [as_cells(a) for a in answer]
    if isinstance(answer, dt.date):
        return day_number(answer)
    if isinstance(answer, int) and not isinstance(answer, bool):
        return float(answer)
    return "\x01#N/A" if answer is None else answer
