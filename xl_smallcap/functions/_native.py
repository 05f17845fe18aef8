"""From numpy to what a cell can hold."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from xl_smallcap.types import Scalar, Table

T = TypeVar("T")


def number(value: float) -> float | None:
    """Return a float, or None (#N/A) where it is not finite."""
    return float(value) if np.isfinite(value) else None


def date(value: np.datetime64) -> dt.date:
    """Return a calendar day as a cell takes it."""
    found = value.astype("datetime64[D]").item()
    assert isinstance(found, dt.date)
    return found


def moment(text: str) -> dt.date | None:
    """Return a day or a moment noted as ISO text as a cell takes it."""
    try:
        return dt.date.fromisoformat(text) if len(text) == 10 else dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def names_of(kind: type[Any]) -> list[Scalar]:
    """Return the header of a kind of row: its fields, or what a field says of itself as "header"."""
    return [f.metadata.get("header", f.name) for f in dataclasses.fields(kind)]


def table_of(kind: type[Any], rows: Iterable[Any]) -> Table:
    """Return rows as a table whose header is their fields."""
    cells = attrgetter(*(f.name for f in dataclasses.fields(kind)))
    return [names_of(kind), *(list(cells(row)) for row in rows)]


def row_of(kind: type[T], *cells: Any) -> T:
    """Return a row from its cells in the order of its fields. An instance of it."""
    return kind(*cells)


def stats_of(row: Any) -> dict[str, Scalar]:
    """Return a row's cells by name."""
    return {f.name: getattr(row, f.name) for f in dataclasses.fields(row)}
