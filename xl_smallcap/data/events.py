"""The calendar of news: days of CPI, payrolls and FOMC statements as facts with two sources, and a person's own."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xl_smallcap.config import PACKAGE, own_text
from xl_smallcap.errors import CatalogueError
from xl_smallcap.types import DayArray

SCHEDULED = ("cpi", "payrolls", "fomc")
UNSCHEDULED = "unscheduled"
MADE_OF_KINDS = ("several", "other", "fomc_2day", "cpi-payrolls")
"""Kinds of day that follow from the others, so that no file can have them."""
_KIND = re.compile(r"[a-z][a-z0-9_]{1,19}$")


@dataclass(frozen=True)
class Events:
    """Days of news by kind, ascending, each once."""

    days: Mapping[str, DayArray]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Ours, then a person's."""
        return tuple(self.days)


@functools.lru_cache(maxsize=1)
def _shipped() -> dict[str, set[dt.date]]:
    days: dict[str, set[dt.date]] = {kind: set() for kind in (*SCHEDULED, UNSCHEDULED)}
    for row in csv.DictReader((PACKAGE / "data" / "events.csv").read_text(encoding="utf-8").splitlines()):
        days[row["kind"]].add(dt.date.fromisoformat(row["date"]))
    return days


def _own(text: str, file: str) -> dict[str, set[dt.date]]:
    """Read a person's events; every slip is told with its line."""
    rows = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not rows or [c.strip().lower() for c in rows[0][1].split(",")] != ["date", "kind"]:
        raise CatalogueError(f"{file} line 1: expected the columns date,kind.")
    days: dict[str, set[dt.date]] = {}
    for number, line in rows[1:]:
        where = f"{file} line {number}"
        cells = [c.strip() for c in line.split(",")]
        if len(cells) != 2:
            raise CatalogueError(f"{where}: expected a date and a kind; got '{line.strip()}'.")
        try:
            day = dt.date.fromisoformat(cells[0])
        except ValueError:
            raise CatalogueError(f"{where}: '{cells[0]}' is not a date like 2025-12-18.") from None
        kind = cells[1].lower()
        if not _KIND.match(kind) or kind in MADE_OF_KINDS:
            raise CatalogueError(
                f"{where}: '{cells[1]}' is no name of a kind; use letters and digits, such as 'pce', and none of "
                f"{', '.join(MADE_OF_KINDS)}, which follow from the others."
            )
        if day.weekday() > 4 and kind != UNSCHEDULED:
            raise CatalogueError(f"{where}: {day} is a {day:%A}, when nothing is published; is the date right?")
        if day in days.setdefault(kind, set()):
            raise CatalogueError(f"{where}: {day} is there twice as '{kind}'; keep one.")
        days[kind].add(day)
    return days


def later_days(kind: str, days: Iterable[dt.date]) -> list[dt.date]:
    """Return the weekdays after the last of a kind that ships: what a refresh may add.

    Days that ship are never changed by it, so no answer as of one of them is.
    """
    last = max(_shipped()[kind])
    return sorted({d for d in days if d > last and d.weekday() < 5})


def load_events(user_file: Path | None = None, fetched_file: Path | None = None) -> Events:
    """Read our calendar, add the later days a refresh brought, then a person's days and kinds."""
    days = {kind: set(ours) for kind, ours in _shipped().items()}
    fetched = None if fetched_file is None else own_text(fetched_file)
    if fetched is not None:
        for kind, added in _own(fetched, str(fetched_file)).items():
            days[kind] |= set(later_days(kind, added))
    text = None if user_file is None else own_text(user_file)
    if text is not None:
        for kind, added in _own(text, str(user_file)).items():
            days[kind] = days.get(kind, set()) | added
    return Events({kind: np.array(sorted(v), dtype="datetime64[D]") for kind, v in days.items()})
