"""What a factor's move means on the days of one kind of news, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.fair_value import digest_of
from xl_smallcap.analyses.question import MARKET, Question, aligned
from xl_smallcap.data.catalogue import Spec, Target
from xl_smallcap.data.events import UNSCHEDULED
from xl_smallcap.data.panel import Panel
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError, unknown_word
from xl_smallcap.models.events import FEWEST_DAYS, EventSlope, event_slope, hc3, permutation_pvalue
from xl_smallcap.session import Session
from xl_smallcap.types import DAY, BoolArray, DayArray, FloatArray, IntArray, Window

DIFFERENCE = "cpi-payrolls"
TWO_DAYS = "fomc_2day"
SEVERAL, OTHER = "several", "other"
DRAWS = 5000
YEARS_A_WINDOW = 5
GROWTH = "growth"
_DAILY = Window(250, "daily")


@dataclass(frozen=True)
class NewsPanel:
    """Changes of target, factor, market and growth on every day, and the kind of each day."""

    factor: str
    quote: str
    dates: DayArray
    y: FloatArray
    x: FloatArray
    market: FloatArray  # NaN where it was not observed, or is the target itself
    growth: FloatArray  # NaN where it was not observed, or is the factor itself
    kinds: tuple[str, ...]  # of each day; "" never: a day without news is "other"
    shifted: BoolArray  # whether the day's news came on an earlier day, when a market was shut
    used: dict[str, str]

    @property
    def sd(self) -> float:
        """Standard deviation of the factor over all days."""
        return float(self.x.std(ddof=1))


@dataclass(frozen=True)
class Held:
    """The slope with another factor held, NaN where it cannot be had, and that of the same days without holding it."""

    slope: float = np.nan
    tvalue: float = np.nan
    nobs: int = 0
    slope_alone: float = np.nan


@dataclass(frozen=True)
class EventBeta:
    """One kind of day: its slope per unit of the factor, what it hangs on, and the slope with others held."""

    kind: str
    slope: EventSlope
    shifted: int
    market_held: Held
    growth_held: Held
    first_date: np.datetime64
    last_date: np.datetime64


@dataclass(frozen=True)
class KindDifference:
    """How much the slope of CPI days exceeds that of payroll days."""

    slope: float
    bse: float
    df: float
    permutation_pvalue: float
    nobs: int
    first_date: np.datetime64
    last_date: np.datetime64


def kinds_of(session: Session) -> tuple[str, ...]:
    """Return every kind of day that can be asked for."""
    return (*session.events.kinds, TWO_DAYS, SEVERAL, OTHER, DIFFERENCE)


def check_kind(session: Session, word: str) -> str:
    """Return the kind a word means, or say which there are."""
    kind = word.strip().lower()
    if kind not in kinds_of(session):
        raise BadArgumentError(unknown_word("kind of day", word.strip(), kinds_of(session)))
    return kind


def news_panel(
    session: Session, factor: str, target: Target, start: np.datetime64 | None, as_of: np.datetime64 | None
) -> NewsPanel:
    """Align target and factor, and say of each day which news it had; nothing after as_of.

    What is held beside comes from panels of its own, so that a series that began later takes no day away.
    """
    panel = _panel_of(session, (factor,), target, as_of, market=target.market)
    kinds, shifted = _kinds_of_days(session, panel.starts, panel.dates)
    first = 0 if start is None else int(np.searchsorted(panel.dates, start))
    if first == panel.dates.size:
        raise BadArgumentError(f"start, {start}, lies after the last day there is, {panel.dates[-1]}.")

    def beside(name: str, factors: tuple[str, ...], market: bool) -> FloatArray:
        """Return another column's changes over the same spans; NaN where it has none."""
        column = np.full(panel.dates.size, np.nan)
        try:
            wider = _panel_of(session, factors, target, as_of, market=market)
        except (BadArgumentError, NoDataError):  # the target is the market, or a series is not there
            return column[first:]
        _, here, there = np.intersect1d(panel.dates, wider.dates, assume_unique=True, return_indices=True)
        same = panel.starts[here] == wider.starts[there]
        column[here[same]] = wider.changes[there[same], wider.names.index(name)]
        return column[first:]

    none = np.full(panel.dates.size - first, np.nan)
    return NewsPanel(
        factor=factor,
        quote=panel.quotes[1],
        dates=panel.dates[first:],
        y=panel.changes[first:, 0],
        x=panel.changes[first:, 1],
        market=beside(MARKET, (factor,), True),
        growth=beside(GROWTH, (factor, GROWTH), False) if factor != GROWTH else none,
        kinds=kinds[first:],
        shifted=shifted[first:],
        used=panel.used,
    )


def _panel_of(
    session: Session, factors: tuple[str, ...], target: Target, as_of: np.datetime64 | None, market: bool
) -> Panel:
    spec = Spec(id=f"{' and '.join(factors)} on days of news", factors=factors, market=market)
    return aligned(session, Question(replace(target, market=False), spec, _DAILY, as_of))


def _kinds_of_days(session: Session, starts: DayArray, dates: DayArray) -> tuple[tuple[str, ...], BoolArray]:
    """Give every change the news it spans: the first day of the panel on or after each event."""
    kinds = [OTHER] * dates.size
    shifted = np.zeros(dates.size, dtype=bool)
    for kind, days in session.events.days.items():
        place = np.searchsorted(dates, days)
        for day, k in zip(days, place, strict=True):
            if k < dates.size and starts[k] < day:
                shifted[k] |= dates[k] != day
                kinds[k] = kind if kinds[k] == OTHER else SEVERAL
    return tuple(kinds), shifted


def _rows(panel: NewsPanel, kind: str) -> IntArray:
    wanted = "fomc" if kind == TWO_DAYS else kind
    rows = np.flatnonzero(np.array([k == wanted for k in panel.kinds]))
    return rows[rows + 1 < panel.dates.size] if kind == TWO_DAYS else rows


def _over(values: FloatArray, rows: IntArray, kind: str) -> FloatArray:
    return np.asarray(values[rows] + values[rows + 1] if kind == TWO_DAYS else values[rows])


def _held(y: FloatArray, beside: list[FloatArray], other: FloatArray) -> Held:
    """Hold another factor as well, on the days that have it."""
    there = np.isfinite(other)
    if there.sum() < FEWEST_DAYS or other[there].std() == 0.0:
        return Held()
    slopes, errors = hc3(y[there], np.column_stack([*beside, other])[there])
    alone, _ = hc3(y[there], np.column_stack(beside)[there])
    return Held(float(slopes[0]), float(slopes[0] / errors[0]), int(there.sum()), float(alone[0]))


def event_beta(panel: NewsPanel, kind: str, hedged: bool) -> EventBeta:
    """Estimate the slope of one kind of day."""
    rows = _rows(panel, kind)
    y, x = _over(panel.y, rows, kind), _over(panel.x, rows, kind)
    market, growth = _over(panel.market, rows, kind), _over(panel.growth, rows, kind)
    beside = [x, market] if hedged else [x]
    years = panel.dates[rows].astype("datetime64[Y]").astype(np.int64) + 1970
    slope = event_slope(y, np.column_stack(beside), years, panel.factor, kind)
    return EventBeta(
        kind=kind,
        slope=slope,
        shifted=int(panel.shifted[rows].sum()),
        market_held=_held(y, [x], market),
        growth_held=_held(y, beside, growth),
        first_date=panel.dates[rows[0]],
        last_date=panel.dates[rows[-1]],
    )


def kind_difference(session: Session, panel: NewsPanel, hedged: bool) -> KindDifference:
    """Compare the slopes of CPI and payroll days, with a permutation within years; kept once computed."""
    kinds = [event_beta(panel, kind, hedged) for kind in ("cpi", "payrolls")]
    both = [one.slope for one in kinds]
    rows = np.flatnonzero(np.array([k in ("cpi", "payrolls") for k in panel.kinds]))
    first = np.array([panel.kinds[k] == "cpi" for k in rows])
    y, x = panel.y[rows], panel.x[rows]
    if hedged:  # the market taken off both in each group, so that labels say nothing of it
        market = panel.market[rows]
        y, x = y.copy(), x.copy()
        for group in (first, ~first):
            for series in (y, x):
                slopes, _ = hc3(series[group], market[group][:, None])
                series[group] -= slopes[0] * market[group]
    years = panel.dates[rows].astype("datetime64[Y]").astype(np.int64)
    seed = session.settings.seed

    def compute() -> dict[str, FloatArray]:
        return {"pvalue": np.array([permutation_pvalue(y, x, first, years, DRAWS, seed)])}

    digest = digest_of(y, x, first.astype(np.float64), years.astype(np.float64))
    key = ("event permutation", digest, str(DRAWS), str(seed))
    pvalue = float(session.get_or_compute(key, compute, dict)["pvalue"][0])
    return KindDifference(
        slope=both[0].slope - both[1].slope,
        bse=float(np.hypot(both[0].bse, both[1].bse)),
        df=min(both[0].df, both[1].df),
        permutation_pvalue=pvalue,
        nobs=both[0].nobs + both[1].nobs,
        first_date=min(one.first_date for one in kinds),
        last_date=max(one.last_date for one in kinds),
    )


def five_years(
    panel: NewsPanel, kind: str, hedged: bool
) -> list[tuple[np.datetime64, NewsPanel, EventBeta | FitError]]:
    """Estimate the slope over the five calendar years to each year's end, the last to the last day."""
    years = panel.dates.astype("datetime64[Y]")
    windows: list[tuple[np.datetime64, NewsPanel, EventBeta | FitError]] = []
    for last in np.unique(years)[YEARS_A_WINDOW - 1 :]:
        inside = (years > last - np.timedelta64(YEARS_A_WINDOW, "Y")) & (years <= last)
        part = _part(panel, inside)
        try:
            windows.append((part.dates[-1], part, event_beta(part, kind, hedged)))
        except FitError as exc:
            windows.append((part.dates[-1], part, exc))
    while windows and isinstance(windows[0][2], FitError):  # years before there were such days
        windows.pop(0)
    if not windows:
        there = np.unique(years).size
        if there < YEARS_A_WINDOW:
            raise NoDataError(f"A history needs {YEARS_A_WINDOW} calendar years of days; there are {there}.")
        raise NoDataError(f"No {YEARS_A_WINDOW} calendar years have {FEWEST_DAYS} days of kind '{kind}'.")
    return windows


def _part(panel: NewsPanel, inside: BoolArray) -> NewsPanel:
    return NewsPanel(
        factor=panel.factor, quote=panel.quote, dates=panel.dates[inside], y=panel.y[inside], x=panel.x[inside],
        market=panel.market[inside], growth=panel.growth[inside],
        kinds=tuple(k for k, i in zip(panel.kinds, inside, strict=True) if i), shifted=panel.shifted[inside],
        used=panel.used,
    )  # fmt: skip


def without_days(session: Session, panel: NewsPanel, kind: str) -> str:
    """Say where the calendar begins and ends, for a kind that has no day among a panel's; else nothing."""
    days = session.events.days.get("fomc" if kind == TWO_DAYS else kind)
    if days is None or _rows(panel, kind).size:
        return ""
    span = f"from {days[0]} to {days[-1]}" if days.size else "on no day"
    return f" The calendar has '{kind}' {span}; the days asked for are {panel.dates[0]} to {panel.dates[-1]}."


def coming(session: Session, day: np.datetime64, days: int) -> list[tuple[np.datetime64, str]]:
    """Return what the calendar has after a day, soonest first; what is unscheduled is never in the future."""
    upcoming = [
        (event, kind)
        for kind, dates in session.events.days.items()
        if kind != UNSCHEDULED
        for event in dates[(dates > day) & (dates <= day + days * DAY)]
    ]
    return sorted(upcoming)
