"""What are the factor betas of every stock, and which moves do the factors not explain?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from xl_smallcap.analyses.constituents import FEWEST, Rosters, names_of
from xl_smallcap.analyses.freshness import beside_the_snapshot, too_old
from xl_smallcap.analyses.question import NO_TARGET, Question, columns_of
from xl_smallcap.data.catalogue import Spec
from xl_smallcap.data.cross_section import jumps, plain_ticker
from xl_smallcap.data.panel import LONGEST_STEP_DAYS, REFUSED_GAP_DAYS, period_ends
from xl_smallcap.errors import BadArgumentError, NoDataError
from xl_smallcap.models.inference import benjamini_hochberg, student_pvalues, student_quantile
from xl_smallcap.models.patterns import OK, Sampling
from xl_smallcap.models.universe import residual_moves
from xl_smallcap.session import Session
from xl_smallcap.types import DayArray, FloatArray, IntArray, Window

BETA_WINDOW = Window(250, "daily")
"""The window before a move from which its betas come."""
_CALENDAR_DAYS = {"daily": 1.5, "weekly": 7.0, "monthly": 31.0}
_LOOK_BACK = 2.0
"""A cell reads so many times the days its windows usually span; a stock that misses half of them has too few."""


@dataclass(frozen=True)
class Ground:
    """The factors' levels with every stock's log price laid on their days."""

    names: tuple[str, ...]  # of the factors, the market last where it takes part
    quotes: tuple[str, ...]
    days: DayArray  # on which every factor was observed, up to the day asked
    factors: FloatArray  # 100*log or bp
    tickers: tuple[str, ...]  # of the stocks
    stocks: FloatArray  # 100*log prices; NaN where not observed
    sampling: Sampling  # from levels to changes


def ground(
    session: Session, spec: Spec, window: Window, as_of: np.datetime64 | None, changes: int | None = None
) -> Ground:
    """Lay all stocks on the days of a specification's factors."""
    snapshot, catalogue = session.snapshot, session.catalogue
    columns = columns_of(catalogue, Question(NO_TARGET, spec, window, as_of))[1:]
    panel = session.panel(columns, as_of)
    priced = snapshot.prices_entry
    if priced is None:
        snapshot.prices()
    assert priced is not None
    if not panel.level_dates.size:
        raise NoDataError(f"The series of specification '{spec.id}' have no common date by {as_of or 'now'}.")
    end = np.minimum(panel.level_dates[-1], np.datetime64(priced.last, "D"))
    wanted, grace = end if as_of is None else as_of, session.settings.grace_days
    if as_of is None and too_old(session, end, None, grace):
        which = "prices of constituents" if end < panel.level_dates[-1] else f"the factors of '{spec.id}'"
        raise NoDataError(beside_the_snapshot(session, f"{which} end", end, grace))
    if too_old(session, end, wanted, grace) or wanted < np.datetime64(priced.first, "D"):
        raise NoDataError(
            f"No data for as_of {wanted}: prices of constituents reach from {priced.first} to {priced.last}, the "
            f"factors of '{spec.id}' to {panel.level_dates[-1]} (an as_of may lie up to {session.settings.grace_days} "
            "days after)."
        )
    first = None
    if changes is not None:
        first = end - np.timedelta64(round(_LOOK_BACK * _CALENDAR_DAYS[window.frequency] * (changes + 1)) + 31, "D")
    data = snapshot.prices(first, end)
    if not np.isin(panel.level_dates, data.dates).any():
        raise NoDataError(
            f"No day has both prices of constituents ({priced.first} to {priced.last}) and every factor of '{spec.id}'."
        )
    days, at, there = np.intersect1d(panel.level_dates, data.dates, assume_unique=True, return_indices=True)
    lo = int(np.searchsorted(panel.level_dates, data.dates[0])) if data.dates.size else 0
    hi = int(np.searchsorted(panel.level_dates, end, side="right"))
    stocks = np.full((hi - lo, len(data.tickers)), np.nan)
    if days.size:
        stocks[at - lo] = 100.0 * np.log(data.prices[there])
    sampling = Sampling(
        partial(period_ends, frequency=window.frequency),
        LONGEST_STEP_DAYS[window.frequency],
        REFUSED_GAP_DAYS[window.frequency],
        session.settings.grace_days,
    )
    return Ground(
        names=panel.names, quotes=panel.quotes, days=panel.level_dates[lo:hi], factors=panel.levels[lo:hi],
        tickers=data.tickers, stocks=stocks, sampling=sampling,
    )  # fmt: skip


def members_of(session: Session, tickers: tuple[str, ...], day: np.datetime64) -> tuple[IntArray, int, str]:
    """Return the columns of the Russell's members that have prices, how many members there are, and whose they are.

    columns: all stocks where the snapshot has no list.
    """
    try:
        roster = Rosters(session, "russell", tickers).on(day)
    except NoDataError:
        return np.arange(len(tickers)), len(tickers), "no list of members: every stock with prices"
    return np.unique(roster.columns[roster.columns >= 0]), roster.columns.size, roster.membership


@dataclass(frozen=True)
class Winner:
    """A stock's move and what the factors leave of it: log %, its standard error, t and corrected p-value."""

    ticker: str
    name: str
    sector: str
    move: float
    macro: float
    residual: float
    se: float
    tstat: float
    pvalue_bh: float
    rsquared: float
    suspect: str


@dataclass(frozen=True)
class Winners:
    """The largest residual moves, with how many stocks were looked at.

    `beyond` is the percentage of all stocks outside their own 90 % interval of no residual move: 10 where the errors
    are right. `common` is the median residual move in log %: far from 0 where something moved all stocks that the
    factors do not have.
    """

    rows: tuple[Winner, ...]
    start: np.datetime64
    end: np.datetime64
    stocks: int
    members: int
    beyond: float
    common: float
    membership: str


def _suspect(inside: bool, before: bool) -> str:
    where = [w for w, so in (("in the move", inside), ("in the window before", before)) if so]
    return f"price moved like a split {' and '.join(where)}" if where else ""


def winners(session: Session, count: int, span: Window, as_of: np.datetime64 | None, spec: Spec) -> Winners:
    """Return the members of the Russell whose move the factors explain least."""
    if span.frequency != "daily":
        raise BadArgumentError(
            f"The window of RUSSELL_WINNERS is the move, in days: a quarter is 63; got '{span}'. Its betas come from "
            f"the {BETA_WINDOW} days before."
        )
    n = BETA_WINDOW.count
    on = ground(session, spec, BETA_WINDOW, as_of, span.count + n)
    if on.days.size < span.count + n + 1:
        raise NoDataError(
            f"A move of {span} days with betas from the {n} before needs {span.count + n + 1} days of prices and "
            f"factors; by {on.days[-1] if on.days.size else as_of} there are {on.days.size}."
        )
    at = on.days.size - 1 - span.count
    begin = on.days[at]
    moves = residual_moves(on.days, on.factors, on.stocks, at, n, on.sampling)
    columns, members, membership = members_of(session, on.tickers, begin)
    own = columns[moves.status[columns] == OK]
    if own.size < FEWEST:
        raise NoDataError(
            f"Only {own.size} members of the Russell 2000 have the prices a move of {span} days and betas from the {n} "
            f"before need; at least {FEWEST} are needed."
        )
    tstat = moves.residual[own] / moves.se[own]
    spare = n - len(on.names) - 1
    corrected = benjamini_hochberg(student_pvalues(tstat, spare))
    order = np.argsort(-moves.residual[own] if count > 0 else moves.residual[own], kind="stable")[: abs(count)]
    first = max(0, at - n)
    jumped = jumps(on.stocks[first:, own] / 100.0)
    inside = np.asarray(jumped[at - first + 1 :].any(axis=0))
    before = np.asarray(jumped[1 : at - first + 1].any(axis=0))
    known = names_of(session)
    rows = []
    for k in order:
        j = int(own[k])
        name, sector = known.get(plain_ticker(on.tickers[j]), ("", ""))
        rows.append(
            Winner(
                ticker=on.tickers[j],
                name=name,
                sector=sector,
                move=float(moves.move[j]),
                macro=float(moves.macro[j]),
                residual=float(moves.residual[j]),
                se=float(moves.se[j]),
                tstat=float(tstat[k]),
                pvalue_bh=float(corrected[k]),
                rsquared=float(moves.rsquared[j]),
                suspect=_suspect(bool(inside[k]), bool(before[k])),
            )
        )
    return Winners(
        rows=tuple(rows),
        start=begin,
        end=on.days[-1],
        stocks=own.size,
        members=members,
        beyond=100.0 * float(np.mean(np.abs(tstat) > student_quantile(session.settings.confidence, spare))),
        common=float(np.median(moves.residual[own])),
        membership=membership,
    )
