"""Which regression is asked for, in which unit, on data how old, and the panel it is fitted on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.data.catalogue import Catalogue, Spec, Target
from xl_smallcap.data.panel import Column, Panel, series_in
from xl_smallcap.data.releases import known_by
from xl_smallcap.errors import BadArgumentError, NoDataError
from xl_smallcap.session import Session
from xl_smallcap.types import OLS, BetaUnit, DayArray, Frequency, IntArray, Method, Window

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


# -- How old may data be beside the day asked about?


_ALLOWED_DAYS = {"daily": 0, "weekly": 21, "monthly": 110}
"""At least so many calendar days; a daily series has the days of grace. A month is dated by its first day and published
up to 40 days after its last."""


def newest_day(session: Session) -> np.datetime64 | None:
    """Return the day of the snapshot's last daily observation. None without a daily series."""
    days = [np.datetime64(e.last, "D") for e in session.snapshot.entries.values() if e.frequency == "daily"]
    return max(days) if days else None


def snapshot_day(session: Session) -> np.datetime64:
    """Return the snapshot's day: that of its last daily observation."""
    day = newest_day(session)
    if day is None:
        raise NoDataError("The snapshot has no daily series, so it is not clear which month is now; give an as_of.")
    return day


def allowed_days(session: Session, frequency: str) -> int:
    """Return how many calendar days the last observation of a series may lie before the day asked about."""
    return max(session.settings.grace_days, _ALLOWED_DAYS[frequency])


def coarsest(session: Session, series: Iterable[str]) -> str:
    """Return the frequency of those series that come least often."""
    ranks = list(_ALLOWED_DAYS)
    frequencies = {series_in(session.catalogue, session.snapshot, s).frequency for s in series}
    return max(frequencies, key=ranks.index, default="daily")


def too_old(session: Session, last: np.datetime64, as_of: np.datetime64 | None, days: int) -> bool:
    """Tell whether data end too long before the day asked about."""
    day = newest_day(session) if as_of is None else as_of
    return day is not None and bool(day > last + np.timedelta64(days, "D"))


def beside_the_snapshot(session: Session, what: str, last: np.datetime64, days: int) -> str:
    """Say that a blank as_of cannot be answered with data that old."""
    return (
        f"No data for now: {what} on {last}, and the snapshot's day is {newest_day(session)} (at most {days} days may "
        f"lie between). Give an as_of up to {last + np.timedelta64(days, 'D')}, or run 'xl-smallcap data refresh'."
    )


# -- Which regression is asked for, and the panel it is fitted on.


MARKET = "market"
NO_TARGET = Target(id="", label="", legs=())
"""Of a question about the factors alone."""
DRAWN_OBS = 5
"""Observations a regressor that a bootstrap needs."""
_AT_FAULT_DAYS = 20
"""More common days (weeks, months) without one series, so many that it is named."""
_PERIODS = {"daily": "days", "weekly": "weeks", "monthly": "months"}


@dataclass(frozen=True)
class Question:
    """Which regression: everything but the unit it is shown in."""

    target: Target
    spec: Spec
    window: Window
    as_of: np.datetime64 | None
    method: Method = OLS

    @property
    def market(self) -> bool:
        """Whether the market takes part as a regressor."""
        return self.spec.market or self.target.market

    @property
    def estimator(self) -> Method:
        """The method, with the market as its control where it takes part."""
        return replace(self.method, control=self.market)

    @property
    def regressors(self) -> int:
        """How many regressors the joint regression has besides the constant."""
        return len(self.spec.factors) + self.market


def columns_of(catalogue: Catalogue, question: Question) -> tuple[Column, ...]:
    """Return the panel's columns: target, factors, then the market where it takes part."""
    target = question.target
    columns = [Column.of("target", "pct", target.legs)]
    for name in question.spec.factors:
        factor = catalogue.factors[name]
        columns.append(Column.of(name, factor.quote, factor.legs))
    if question.market:
        columns.append(Column.of(MARKET, "pct", ((catalogue.market, 1.0),)))
    for column in columns[1:]:
        if column.legs == columns[0].legs:
            raise BadArgumentError(
                f"Target '{target.id}' is also the regressor '{column.name}' of specification "
                f"'{question.spec.id}', so its beta is 1 by construction; use another target or specification."
            )
    return tuple(columns)


def leg_columns_of(catalogue: Catalogue, question: Question) -> tuple[Column, ...]:
    """Return the panel's columns with each leg of the target apart, then the regressors.

    One a leg, unweighted, then as in :func:`columns_of`.
    """
    regressors = columns_of(catalogue, question)[1:]
    return (*(Column.of(f"leg {s}", "pct", ((s, 1.0),)) for s, _ in question.target.legs), *regressors)


def aligned(session: Session, question: Question, columns: tuple[Column, ...] | None = None) -> Panel:
    """Return the panel known by `as_of`, after checking that the date lies within reach of the data."""
    columns = columns or columns_of(session.catalogue, question)
    panel = session.panel(columns, question.as_of, question.window.frequency)
    _check_frequency(session, question, panel)
    days = allowed_days(session, coarsest(session, panel.used.values()))
    if question.as_of is not None:
        if panel.level_dates.size == 0 or too_old(session, panel.level_dates[-1], question.as_of, days):
            everything = session.panel(columns, None).level_dates
            if everything.size == 0:
                raise NoDataError(_no_common_date(session, question, panel))
            gap = ""
            if everything[0] <= question.as_of <= everything[-1]:
                after = everything[np.searchsorted(everything, question.as_of)]
                gap = f", but not between {panel.level_dates[-1]} and {after}"
            raise NoDataError(
                f"No data for as_of {question.as_of}: '{question.target.id}' with specification "
                f"'{question.spec.id}' is observed from {everything[0]} to {everything[-1]}{gap} "
                f"(an as_of may lie up to {days} days after an observation)."
            )
    elif panel.level_dates.size == 0:
        raise NoDataError(_no_common_date(session, question, panel))
    if question.as_of is None:
        _check_age(session, question, panel, days)
    return panel


def _check_age(session: Session, question: Question, panel: Panel, days: int) -> None:
    """Refuse data that ended long before the snapshot's day, the whole panel's or one series'."""
    ends = {s: dates[-1] for s, dates in _reaches(session, question, panel).items()}
    old = {
        s: last
        for s, last in ends.items()
        if too_old(session, last, None, allowed_days(session, coarsest(session, [s])))
    }
    if not old and not too_old(session, panel.level_dates[-1], None, days):
        return
    names = ", ".join(old) if old else f"the common days of the series of '{question.spec.id}'"
    last = min([panel.level_dates[-1], *old.values()])
    raise NoDataError(beside_the_snapshot(session, f"{names} end{'s' if len(old) == 1 else ''}", last, days))


def _check_frequency(session: Session, question: Question, panel: Panel) -> None:
    """Refuse a series that comes less often than the window counts: 250 of its observations are not 250 days."""
    ranks = ("daily", "weekly", "monthly")
    window = question.window
    for series_id in panel.used.values():
        series = series_in(session.catalogue, session.snapshot, series_id)
        if ranks.index(series.frequency) > ranks.index(window.frequency):
            works = {"weekly": "52w", "monthly": "60m"}[series.frequency]
            raise BadArgumentError(
                f"Window {window} counts {window.frequency} changes, but {series.id} of specification "
                f"'{question.spec.id}' is {series.frequency}; use a {series.frequency} window such as \"{works}\"."
            )


def _reaches(session: Session, question: Question, panel: Panel) -> dict[str, DayArray]:
    """The days of every series of a panel that were known."""
    return {
        s: known_by(
            series_in(session.catalogue, session.snapshot, s), session.snapshot.series(s), question.as_of
        ).dates
        for s in dict.fromkeys(panel.used.values())
    }  # fmt: skip


def _no_common_date(session: Session, question: Question, panel: Panel) -> str:
    reach = ", ".join(
        f"{s} {f'{d[0]} to {d[-1]}' if d.size else 'not yet'}" for s, d in _reaches(session, question, panel).items()
    )
    return f"The series of specification '{question.spec.id}' have no common date: {reach}."


def _at_fault(session: Session, question: Question, panel: Panel) -> str:
    """The series that leaves the fewest common days, where without it there were clearly more; else nothing."""
    days = _reaches(session, question, panel)
    if len(days) < 2:
        return ""
    names, frequency = list(days), question.window.frequency
    spans = [_periods(d, frequency) for d in days.values()]
    unique, count = np.unique(np.concatenate(spans), return_counts=True)
    missing = unique[count == len(names) - 1]  # common periods of all but one
    gained = [int((~np.isin(missing, own, assume_unique=True)).sum()) for own in spans]
    worst = int(np.argmax(gained))
    if gained[worst] < max(_AT_FAULT_DAYS, panel.level_dates.size // 4):
        return ""
    own = days[names[worst]]
    return (
        f" The series at fault is {names[worst]}: it has {own.size} observations from {own[0]} to {own[-1]}, and on "
        f"{gained[worst]} more {_PERIODS[frequency]} it alone is missing."
    )


def _periods(days: DayArray, frequency: Frequency) -> IntArray:
    """The days, weeks or months that some days fall in, as numbers."""
    if frequency == "monthly":
        return np.unique(days.astype("datetime64[M]").view(np.int64))
    numbers = days.view(np.int64)
    return np.unique((numbers + 3) // 7) if frequency == "weekly" else numbers


def check_model(session: Session, question: Question) -> None:
    """Refuse a window too short for its regressors, and more components than factors."""
    k = question.regressors
    least = k + session.settings.min_spare_obs
    wanted = question.method.components
    factors = len(question.spec.factors)
    if wanted is not None and wanted > factors:
        raise BadArgumentError(
            f"Method '{question.method}' asks for {wanted} components; the {factors} factors of specification "
            f"'{question.spec.id}' have at most {factors}."
        )
    if question.window.count < least:
        raise BadArgumentError(
            f"Window {question.window} is too short: {k} regressors need at least {least} observations "
            f"({k} + {session.settings.min_spare_obs})."
        )
    if question.method.name in ("pcr", "pls") and question.window.count < DRAWN_OBS * k:
        raise BadArgumentError(
            f"Window {question.window} is too short for method '{question.method}': its errors come from refitting {k} "
            f"regressors on repeated observations, which needs at least {DRAWN_OBS * k} ({DRAWN_OBS} a regressor)."
        )


def check_window(session: Session, question: Question, panel: Panel) -> None:
    """Refuse what :func:`check_model` refuses, and a window longer than the history."""
    check_model(session, question)
    window = question.window
    if panel.dates.size < window.count:
        raise NoDataError(
            f"Window {window} needs {window.count} {window.frequency} changes; by {panel.level_dates[-1]} there are "
            f"{panel.dates.size} (since {panel.level_dates[0]})." + _at_fault(session, question, panel)
        )


def check_gaps(question: Question, panel: Panel, windows: int = 1) -> None:
    """Refuse a last window that reaches across a long gap."""
    window, size = question.window, panel.dates.size
    crossed = panel.gaps[panel.gaps > max(0, size - windows * window.count)]
    if crossed.size:
        gap = int(crossed[-1])
        after = panel.starts[gap] if gap < size else panel.level_dates[-1]
        what = f"Window {window} reaches" if windows == 1 else f"{windows} windows of {window} reach"
        raise NoDataError(
            f"{what} across a gap: not every series was observed between {panel.dates[gap - 1]} and {after}. There are "
            f"{size - gap} {window.frequency} changes since then; {windows * window.count} are needed."
        )
