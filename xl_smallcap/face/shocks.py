"""Shocks as a person writes them in Python, to rows of factor, shock, unit and month."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xl_smallcap.errors import BadArgumentError

_SHOCK = re.compile(r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*(%|[A-Za-z]*)")
_FORMS = (
    'a dict such as {"inflation": (25, "bp")}, a Series or DataFrame by factor, rows of factor, shock, unit, '
    "or the name of a path"
)


def rows_of(shocks: Any) -> list[list[Any]]:
    """Return shocks as rows of a sheet; what cannot be read that way is said in a sentence."""
    if isinstance(shocks, Mapping):
        return [[factor, *_pair(factor, given)] for factor, given in shocks.items()]
    if isinstance(shocks, pd.Series):
        unit = shocks.attrs.get("unit", "")
        return [[factor, *_pair(factor, given, unit)] for factor, given in shocks.items()]
    if isinstance(shocks, pd.DataFrame):
        if isinstance(shocks.index, pd.MultiIndex) or isinstance(shocks.columns, pd.MultiIndex):
            raise BadArgumentError("A DataFrame of shocks has one level of rows, the factors, and one of columns.")
        frame = shocks if "factor" in shocks.columns else shocks.rename_axis("factor").reset_index()
        named = {str(c).strip().lower(): c for c in frame.columns}
        if "factor" not in named or "shock" not in named:
            found = ", ".join(map(str, shocks.columns))
            raise BadArgumentError(f"A DataFrame of shocks has columns factor, shock, unit (and month); got {found}.")
        order = [named[n] for n in ("factor", "shock", "unit", "month") if n in named]
        return [[_cell(v) for v in row] for row in frame[order].itertuples(index=False)]
    if isinstance(shocks, (list, tuple)):
        rows = [shocks] if shocks and not isinstance(shocks[0], (list, tuple)) else shocks
        strange = next((row for row in rows if not isinstance(row, (list, tuple))), None)
        if len(shocks) and not all(isinstance(row, (list, tuple)) for row in rows):
            raise BadArgumentError(f"A row of shocks is factor, shock, unit (and month); got {strange!r}.")
        return [[_cell(v) for v in row] for row in rows]
    if isinstance(shocks, np.ndarray) and shocks.ndim == 2:
        return [[_cell(v) for v in row] for row in shocks.tolist()]
    raise BadArgumentError(f"Shocks are {_FORMS}; got {type(shocks).__name__}.")


def _pair(factor: Any, given: Any, unit: str = "") -> list[Any]:
    """A shock and its unit from (25, "bp"), "25 bp", "-10 %" or, where a unit is known, a number."""
    if isinstance(given, (list, tuple)):
        return [_cell(v) for v in given]
    if isinstance(given, str):
        match = _SHOCK.fullmatch(given.strip().replace("\N{MINUS SIGN}", "-"))
        if match is None:
            raise BadArgumentError(f"The shock to '{factor}' is '{given}'; write it as '25 bp' or (25, 'bp').")
        word = match.group(2).lower()
        return [float(match.group(1)), {"%": "pct", "bps": "bp"}.get(word, word) or unit]
    return [_cell(given), unit]


def _cell(value: Any) -> Any:
    """A plain value: numpy's and pandas' scalars as Python's, NaN as blank."""
    if isinstance(value, str) or value is None:
        return value
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
