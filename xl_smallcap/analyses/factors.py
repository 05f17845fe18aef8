"""Where does a factor stand, and what is it made of?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.question import allowed_days, beside_the_snapshot, coarsest, too_old
from xl_smallcap.data.catalogue import Factor
from xl_smallcap.data.panel import Column, Panel
from xl_smallcap.errors import NoDataError
from xl_smallcap.session import Session

Z_WINDOW = 250


@dataclass(frozen=True)
class FactorState:
    """One factor at a date.

    `level` is percent for rates (signed as the factor is), the price of a single series, or an index that starts at 100
    where there are several; `change` is the last change in bp or %; `z` is the level's distance from the mean of its
    last 250 observations in their standard deviations (of log levels for prices).
    """

    level: float
    change: float
    z: float
    last_date: np.datetime64
    used: tuple[str, ...]
    notes: tuple[str, ...]


def _at_the_end(panel: Panel, series_id: str) -> str:
    """The series behind the last level: before the day of a splice that is the one that stands in."""
    for original, given in panel.used.items():
        name, _, day = original.partition(" before ")
        if name == series_id and day and panel.level_dates[-1] < np.datetime64(day):
            return given
    return panel.used[series_id]


def factor_state(session: Session, factor: Factor, as_of: np.datetime64 | None) -> FactorState:
    """Describe a factor as of a day."""
    panel = session.panel((Column.of(factor.id, factor.quote, factor.legs),), as_of)
    days = allowed_days(session, coarsest(session, panel.used.values()))
    if as_of is None and panel.level_dates.size and too_old(session, panel.level_dates[-1], None, days):
        raise NoDataError(beside_the_snapshot(session, f"factor '{factor.id}' ends", panel.level_dates[-1], days))
    if panel.level_dates.size == 0 or too_old(session, panel.level_dates[-1], as_of, days):
        everything = session.panel((Column.of(factor.id, factor.quote, factor.legs),), None).level_dates
        reach = f"from {everything[0]} to {everything[-1]}" if everything.size else "never"
        raise NoDataError(f"No data for as_of {as_of}: factor '{factor.id}' is observed {reach}.")
    levels = panel.levels[:, 0]
    if factor.quote == "bp":
        level = levels[-1] / 100.0
    elif factor.quote == "pt":
        level = levels[-1]
    elif len(factor.legs) == 1 and factor.legs[0][1] == 1.0:
        level = np.exp(levels[-1] / 100.0)
    else:
        level = 100.0 * np.exp((levels[-1] - levels[0]) / 100.0)
    recent = levels[-Z_WINDOW:]
    spread = recent.std(ddof=1) if recent.size == Z_WINDOW else np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        z = float((recent[-1] - recent.mean()) / spread) if spread > 0 else float("nan")
    change = float(panel.changes[-1, 0]) if panel.changes.size else float("nan")
    return FactorState(
        level=float(level),
        change=change,
        z=z,
        last_date=panel.level_dates[-1],
        used=tuple(_at_the_end(panel, s) for s, _ in factor.legs),
        notes=panel.notes,
    )
