"""Growth and inflation, month by month, as they were known by a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.regimes.nowcast import nowcast
from xl_smallcap.data.panel import Column, series_in
from xl_smallcap.data.releases import known_by
from xl_smallcap.errors import NoDataError
from xl_smallcap.session import Session
from xl_smallcap.types import DayArray, FloatArray, IntArray

GROWTH, INFLATION, PCE = "CFNAI", "CPILFESL", "PCEPILFE"
FIRST_MONTH = np.datetime64("1980-01", "M")
"""Months before are left out: another monetary regime, and not in every source."""
SPAN_MONTHS = 6
MARKET_DAYS = 63
FEWEST_MONTHS = 60
GAP_MONTHS = 120
"""Months over which core CPI is held against core PCE."""
NOWCAST_MONTHS = 6
"""How many months without data a state is carried forward; the shutdown of 2025 left five without CFNAI."""
BIASED_INFLATION = (
    (
        np.datetime64("2025-10", "M"),
        np.datetime64("2026-04", "M"),
        "October 2025's prices were not collected and its rents count as unchanged, so six-month inflation is too low "
        "until March 2026",
    ),
)
"""First month, first month after, and what to know of six-month inflation (US Bureau of Labor Statistics, 2025)."""


@dataclass(frozen=True)
class Inputs:
    """Growth and inflation of every month to that of a day; NaN where not known by then."""

    months: DayArray
    growth: FloatArray
    inflation: FloatArray
    bound: float = np.nan
    """Most inflation, of the series at hand, that is contained: core CPI's limit, less its gap where it is another."""
    nowcast: FloatArray | None = None
    """Estimates of the three-month mean of growth after its last month, where the setting asks for them."""
    nowcast_variance: float = np.nan

    @property
    def last_growth(self) -> int:
        """Position of the last month with growth."""
        return int(np.flatnonzero(np.isfinite(self.growth))[-1])

    @property
    def last_both(self) -> int:
        """Position of the last month with both."""
        return int(np.flatnonzero(np.isfinite(self.growth) & np.isfinite(self.inflation))[-1])

    @property
    def last_inflation(self) -> int:
        """Position of the last month with inflation."""
        return int(np.flatnonzero(np.isfinite(self.inflation))[-1])


def _monthly(session: Session, series_id: str, day: np.datetime64 | None) -> tuple[IntArray, FloatArray]:
    """Months since 1970 and values of one series as known by a day."""
    snapshot = session.snapshot
    if series_id not in snapshot.entries:
        label = session.catalogue.series_of(series_id).label
        raise NoDataError(
            f"Regimes need the monthly series {series_id} ({label}), which the snapshot {snapshot.name} has not got. "
            "Run 'xl-smallcap data refresh', or load it."
        )
    visible = known_by(series_in(session.catalogue, snapshot, series_id), snapshot.series(series_id), day)
    return visible.dates.astype("datetime64[M]").astype(np.int64), visible.values


def _grid(months: IntArray, values: FloatArray, first: int, size: int) -> FloatArray:
    out = np.full(size, np.nan)
    inside = (months >= first) & (months < first + size)
    out[months[inside] - first] = values[inside]
    return out


def growth_of_cpi(levels: FloatArray) -> FloatArray:
    """Return the change over six months at an annual rate, % (log). NaN where either end is missing."""
    out = np.full(levels.size, np.nan)
    out[SPAN_MONTHS:] = 1200.0 / SPAN_MONTHS * np.log(levels[SPAN_MONTHS:] / levels[:-SPAN_MONTHS])
    return out


def macro_inputs(
    session: Session, day: np.datetime64 | None, month: np.datetime64 | None = None, prices: str = INFLATION
) -> Inputs:
    """Return growth and inflation, of core CPI or core PCE, as known by the end of a day."""
    g_months, g = _monthly(session, GROWTH, day)
    p_months, p = _monthly(session, prices, day)
    first = int(FIRST_MONTH.astype(np.int64))
    if not g_months.size or not p_months.size:
        raise NoDataError(f"No monthly data for as_of {day}: {GROWTH} and {prices} are not published by then.")
    last = max(int(g_months[-1]), int(p_months[-1]))
    end = int(month.astype("datetime64[M]").astype(np.int64)) if month is not None else last
    first = max(first, min(int(g_months[0]), int(p_months[0])))
    size = max(end - first + 1, 0)
    months, growth = (first + np.arange(size)).astype("datetime64[M]"), _grid(g_months, g, first, size)
    estimates, variance = None, np.nan
    if session.settings.regime_growth_nowcast and np.isfinite(growth).any():
        estimates, variance = nowcast(session, day, months, growth)
    inputs = Inputs(
        months=months,
        growth=growth,
        inflation=growth_of_cpi(_grid(p_months, p, first, size)),
        nowcast=estimates,
        nowcast_variance=variance,
        bound=session.settings.regime_inflation_max - (_gap(session, day, p_months, p) if prices != INFLATION else 0.0),
    )
    return _enough(inputs, day, month_given=month is not None)


def _gap(session: Session, day: np.datetime64 | None, p_months: IntArray, p: FloatArray) -> float:
    """How much higher six-month core CPI has been than another price index, over the last ten years that have both."""
    c_months, c = _monthly(session, INFLATION, day)
    if not c_months.size or not p_months.size:
        raise NoDataError(f"No monthly data for as_of {day}: {INFLATION} is not published by then.")
    first = max(int(c_months[0]), int(p_months[0]), int(FIRST_MONTH.astype(np.int64)))
    size = max(min(int(c_months[-1]), int(p_months[-1])) - first + 1, 0)
    difference = growth_of_cpi(_grid(c_months, c, first, size)) - growth_of_cpi(_grid(p_months, p, first, size))
    seen = difference[np.isfinite(difference)][-GAP_MONTHS:]
    if seen.size < FEWEST_MONTHS:
        raise NoDataError(
            f"The gap of core CPI and core PCE needs {FEWEST_MONTHS} months of both; by {day or 'now'} there are "
            f"{seen.size}."
        )
    return float(seen.mean())


def market_inputs(session: Session, day: np.datetime64 | None, month: np.datetime64 | None = None) -> Inputs:
    """Return the market's growth and inflation: changes of the factors over 63 trading days, month by month."""
    series = []
    for name in ("growth", "inflation"):
        factor = session.catalogue.factors[name]
        panel = session.panel((Column.of(factor.id, factor.quote, factor.legs),), day)
        levels, days = panel.levels[:, 0], panel.level_dates
        if days.size <= MARKET_DAYS:
            raise NoDataError(f"No data for as_of {day}: factor '{name}' has too few days by then.")
        moves = levels[MARKET_DAYS:] - levels[:-MARKET_DAYS]
        months = days[MARKET_DAYS:].astype("datetime64[M]").astype(np.int64)
        last = np.append(np.flatnonzero(np.diff(months)), months.size - 1)
        series.append((months[last], moves[last]))
    first = max(int(m[0]) for m, _ in series)
    end = max(int(m[-1]) for m, _ in series)
    end = int(month.astype("datetime64[M]").astype(np.int64)) if month is not None else end
    size = max(end - first + 1, 0)
    inputs = Inputs(
        months=(first + np.arange(size)).astype("datetime64[M]"),
        growth=_grid(*series[0], first, size),
        inflation=_grid(*series[1], first, size),
    )
    return _enough(inputs, day, month_given=month is not None)


def _enough(inputs: Inputs, day: np.datetime64 | None, month_given: bool) -> Inputs:
    for name, values in (("growth", inputs.growth), ("inflation", inputs.inflation)):
        seen = np.flatnonzero(np.isfinite(values))
        if seen.size < FEWEST_MONTHS:
            raise NoDataError(
                f"Regimes need at least {FEWEST_MONTHS} months of {name}; by {day or 'now'} there are {seen.size}. "
                "Give a later as_of, or load a longer history."
            )
        if month_given and values.size - 1 - seen[-1] > NOWCAST_MONTHS:
            raise NoDataError(
                f"No {name} data for as_of {day or 'now'}: the last month known by then is {inputs.months[seen[-1]]}, "
                f"more than {NOWCAST_MONTHS} months before. Give an earlier as_of, or run 'xl-smallcap data refresh'."
            )
        if np.ptp(values[seen]) <= 1e-9 * max(1.0, float(np.abs(values[seen]).max())):
            raise NoDataError(f"The {name} series is constant up to {day or 'now'}; it has no regimes.")
    return inputs
