"""One stored series with vintages: (date, value, available_at), and its canonical hash."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from xl_smallcap.data import columnar
from xl_smallcap.types import BoolArray, DayArray, FloatArray

MinuteArray = NDArray[np.datetime64]
"""Moments to the minute, New York wall clock, dtype ``datetime64[m]``."""


@dataclass(frozen=True)
class SeriesData:
    """Observations of one series, sorted by date, then by `available_at`."""

    dates: DayArray  # reference days, ``datetime64[D]``; a date returns for each vintage
    values: FloatArray  # in the unit of the catalogue; finite
    # when the row became known (New York), ``datetime64[m]``; NaT means "by release calendar or usual lag"
    available_at: MinuteArray

    @classmethod
    def build(cls, dates: DayArray, values: FloatArray, available_at: MinuteArray | None = None) -> SeriesData:
        """Sort rows and fill in an unknown `available_at`."""
        days = np.asarray(dates, dtype="datetime64[D]")
        moments = (
            np.full(days.size, np.datetime64("NaT", "m"), dtype="datetime64[m]")
            if available_at is None
            else np.asarray(available_at, dtype="datetime64[m]")
        )
        order = np.lexsort((moments.view(np.int64), days.view(np.int64)))
        return cls(days[order], np.asarray(values, dtype=np.float64)[order] + 0.0, moments[order])

    SUFFIX: ClassVar[str] = "col"

    def encode(self) -> bytes:
        """Return the bytes of the stored file."""
        days, moments = self.dates.view(np.int64), self.available_at.view(np.int64)
        return columnar.encode({"dates": days, "values": self.values, "available_at": moments}, {})

    @classmethod
    def decode(cls, raw: bytes, where: str) -> SeriesData:
        """Read back what :meth:`encode` wrote."""
        columns, _ = columnar.decode(raw, where)
        days, moments = columns["dates"].view("datetime64[D]"), columns["available_at"].view("datetime64[m]")
        return cls(days, columns["values"], moments)

    @cached_property
    def has_vintages(self) -> bool:
        """Whether any row carries its own moment of publication."""
        return not bool(np.isnat(self.available_at).all())

    @cached_property
    def moments(self) -> dict[Hashable, tuple[MinuteArray, BoolArray]]:
        """When each row became known, by the rule of its release: kept by releases.py for the life of the data."""
        return {}

    def digest(self) -> str:
        """Return the sha-256 of the canonical values (not of file bytes). 64 hexadecimal digits."""
        sha = hashlib.sha256()
        for column, dtype in (
            (self.dates.view(np.int64), "<i8"),
            (self.values, "<f8"),
            (self.available_at.view(np.int64), "<i8"),
        ):
            sha.update(np.ascontiguousarray(column).astype(dtype).tobytes())
        return sha.hexdigest()


def frequency_of(data: SeriesData) -> str:
    """Return a series' frequency as seen: median spacing up to 4 days daily, up to 10 weekly, else monthly."""
    days = np.unique(data.dates)
    gap = float(np.median(np.diff(days).astype(np.int64))) if days.size > 1 else 1.0
    return "daily" if gap <= 4 else "weekly" if gap <= 10 else "monthly"
