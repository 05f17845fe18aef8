"""The betas of every stock: which moves factors do not explain, and a whole universe to a file, stoppable."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from xl_smallcap.analyses.constituents import FEWEST, Index, Rosters, names_of
from xl_smallcap.analyses.engines import EngineName, run_blocks
from xl_smallcap.analyses.question import NO_TARGET, Question, beside_the_snapshot, check_model, columns_of, too_old
from xl_smallcap.data import columnar
from xl_smallcap.data.atomic import check_target, csv_bytes, write_atomic
from xl_smallcap.data.catalogue import Spec
from xl_smallcap.data.cross_section import jumps, plain_ticker
from xl_smallcap.data.panel import LONGEST_STEP_DAYS, REFUSED_GAP_DAYS, period_ends
from xl_smallcap.errors import BadArgumentError, NoDataError, StoreError
from xl_smallcap.models.inference import benjamini_hochberg, student_pvalues, student_quantile
from xl_smallcap.models.universe import (
    OK,
    STATUS,
    Sampling,
    UniverseFit,
    common_tstat,
    event_scale,
    fit_universe,
    residual_moves,
)
from xl_smallcap.session import Session
from xl_smallcap.session.version import code_version
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
    days, rows, there = np.intersect1d(panel.level_dates, data.dates, assume_unique=True, return_indices=True)
    lo = int(np.searchsorted(panel.level_dates, data.dates[0])) if data.dates.size else 0
    hi = int(np.searchsorted(panel.level_dates, end, side="right"))
    stocks = np.full((hi - lo, len(data.tickers)), np.nan)
    if days.size:
        stocks[rows - lo] = 100.0 * np.log(data.prices[there])
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
    se_event: float
    tstat: float
    pvalue_bh: float
    rsquared: float
    suspect: str


@dataclass(frozen=True)
class Winners:
    """The largest residual moves, with how many stocks were looked at.

    `scale` is what the move's own volatility multiplies errors with. `beyond` is the percentage of all stocks outside
    their own 90 % interval of no residual move, `beyond_unscaled` that by the errors of the window alone: 10 where
    errors are right. `common` is the median residual move in log %, `common_tstat` the t of the mean standardised one,
    stocks moving together: far from 0 where something moved all stocks that the factors do not have.
    """

    rows: tuple[Winner, ...]
    start: np.datetime64
    end: np.datetime64
    stocks: int
    members: int
    scale: float
    beyond: float
    beyond_unscaled: float
    common: float
    common_tstat: float
    membership: str


def _suspect(inside: bool, before: bool) -> str:
    where = [w for w, so in (("in the move", inside), ("in the window before", before)) if so]
    return f"price moved like a split {' and '.join(where)}" if where else ""


def _window_residuals(on: Ground, position: int, window: int, columns: IntArray) -> FloatArray:
    """Residuals before a move of the stocks observed on all days of its window."""
    rows = slice(position - window, position + 1)
    changes, factors = np.diff(on.stocks[rows, columns], axis=0), np.diff(on.factors[rows], axis=0)
    whole = np.isfinite(changes).all(axis=0)
    y, design = changes[:, whole], np.column_stack([np.ones(window), factors])
    coefficients, *_ = np.linalg.lstsq(design, y, rcond=None)
    residuals: FloatArray = y - design @ coefficients
    return residuals[:, residuals.std(axis=0) > 0.0]


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
    position = on.days.size - 1 - span.count
    begin = on.days[position]
    moves = residual_moves(on.days, on.factors, on.stocks, position, n, on.sampling)
    columns, members, membership = members_of(session, on.tickers, begin)
    own = columns[moves.status[columns] == OK]
    if own.size < FEWEST:
        raise NoDataError(
            f"Only {own.size} members of the Russell 2000 have the prices a move of {span} days and betas from the {n} "
            f"before need; at least {FEWEST} are needed."
        )
    alone = moves.residual[own] / moves.se[own]
    scale = event_scale(alone)
    tstat = alone / scale
    spare = n - len(on.names) - 1
    corrected = benjamini_hochberg(student_pvalues(tstat, spare))
    order = np.argsort(-moves.residual[own] if count > 0 else moves.residual[own], kind="stable")[: abs(count)]
    first = max(0, position - n)
    jumped = jumps(on.stocks[first:, own] / 100.0)
    inside = np.asarray(jumped[position - first + 1 :].any(axis=0))
    before = np.asarray(jumped[1 : position - first + 1].any(axis=0))
    names = names_of(session)
    limit = student_quantile(session.settings.confidence, spare)
    rows = []
    for k in order:
        j = int(own[k])
        name, sector = names.get(plain_ticker(on.tickers[j]), ("", ""))
        rows.append(
            Winner(
                ticker=on.tickers[j],
                name=name,
                sector=sector,
                move=float(moves.move[j]),
                macro=float(moves.macro[j]),
                residual=float(moves.residual[j]),
                se=float(moves.se[j]),
                se_event=float(scale * moves.se[j]),
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
        scale=scale,
        beyond=100.0 * float(np.mean(np.abs(tstat) > limit)),
        beyond_unscaled=100.0 * float(np.mean(np.abs(alone) > limit)),
        common=float(np.median(moves.residual[own])),
        common_tstat=common_tstat(alone, _window_residuals(on, position, n, own)),
        membership=membership,
    )


# -- The betas of a whole universe to a file: block by block, stoppable, and resumed where it stopped.


BLOCK = 256
"""Stocks a block. Every engine uses the same, so that every engine gives the same bits."""
SUFFIXES = (".parquet", ".csv")


@dataclass(frozen=True)
class UniverseQuestion:
    """Which regressions: factors, window, last day, whether of every month end, and of whose members (None: all)."""

    spec: Spec
    window: Window
    as_of: np.datetime64 | None
    monthly: bool
    index: Index | None


@dataclass(frozen=True)
class UniverseReport:
    """What was written: file, stocks, days, rows, fits, stocks by what became of them on the last day."""

    path: Path
    stocks: int
    days: int
    fits: int
    statuses: dict[str, int]
    resumed: int
    blocks: int
    membership: str


def _columns_in(session: Session, question: UniverseQuestion, on: Ground) -> tuple[IntArray, str]:
    if question.index is None:
        return np.arange(len(on.tickers)), "every stock with prices; of a stock without any nothing is known"
    # the holdings of a day are published the day after
    roster = Rosters(session, question.index, on.tickers).on(on.days[-1] - np.timedelta64(1, "D"))
    membership = roster.membership
    if question.monthly and roster.dated:
        membership += " applied to earlier month ends: survivors only"
    return np.unique(roster.columns[roster.columns >= 0]), membership


def run_universe(
    session: Session,
    question: UniverseQuestion,
    out: Path,
    progress: Callable[[str, int, int], None],
    engine: EngineName = "threads",
    scheduler: str = "",
) -> UniverseReport:
    """Fit every stock and write a row a stock and day."""
    _writable(out)
    blank = Question(NO_TARGET, question.spec, question.window, question.as_of)
    check_model(session, blank)
    on = ground(session, question.spec, question.window, question.as_of)
    columns, membership = _columns_in(session, question, on)
    if not columns.size:
        raise NoDataError(f"None of the {membership} has prices in the snapshot.")
    positions = np.array([on.days.size - 1], dtype=np.int64)
    if question.monthly:
        ends = period_ends(on.days, "monthly")
        positions = ends[ends >= question.window.count]
        if not positions.size:
            raise NoDataError(f"No month end has {question.window} changes before it.")
    count = -(-columns.size // BLOCK)
    check_target(out)
    key = _key(session, question, columns, on)
    folder = session.settings.cache_dir / "universe" / key
    shared = (on.days, on.factors)
    done: dict[int, UniverseFit] = {}
    for n in range(count):
        block = _read_block(folder / f"block-{n:05d}.fit", [key, n])
        if block is not None:
            done[n] = block
    resumed = len(done)
    todo = {
        n: (np.ascontiguousarray(on.stocks[:, _part(columns, n)]), positions, question.window.count, on.sampling)
        for n in range(count)
        if n not in done
    }
    progress("blocks", resumed, count)
    for n, fit in run_blocks(fit_universe, shared, todo, engine, scheduler):
        content = columnar.encode({f.name: getattr(fit, f.name) for f in fields(fit)}, {"block": [key, n]})
        with contextlib.suppress(StoreError):  # a cache that cannot be written costs a second start, not the answer
            write_atomic(folder / f"block-{n:05d}.fit", content, durable=False, private=True)
        done[n] = fit
        progress("blocks", len(done), count)
    whole = UniverseFit(
        **{
            f.name: np.concatenate([getattr(done[n], f.name) for n in range(count)], axis=1)
            for f in fields(UniverseFit)
        }
    )
    table = _table(session, on, columns, positions, whole, membership)
    _write(out, table)
    for n in range(count):
        with contextlib.suppress(OSError):
            (folder / f"block-{n:05d}.fit").unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()
    last = whole.status[-1]
    return UniverseReport(
        path=out,
        stocks=columns.size,
        days=positions.size,
        fits=int((whole.status == OK).sum()),
        statuses={STATUS[k]: int((last == k).sum()) for k in range(len(STATUS)) if (last == k).any()},
        resumed=resumed,
        blocks=count,
        membership=membership,
    )


def _part(columns: IntArray, block: int) -> IntArray:
    return columns[block * BLOCK : (block + 1) * BLOCK]


def _writable(out: Path) -> None:
    if out.suffix.lower() not in SUFFIXES:
        raise BadArgumentError(f"--out must end in {' or '.join(SUFFIXES)}; got '{out.name}'.")
    if not out.parent.is_dir():
        raise BadArgumentError(f"There is no folder '{out.parent}' to write '{out.name}' to.")
    if out.suffix.lower() == ".parquet":
        _polars()


def _polars() -> Any:
    try:
        import polars
    except ImportError:
        raise BadArgumentError(
            'A .parquet file needs the optional package polars: pip install "xl_smallcap[parquet]", or write a .csv.'
        ) from None
    return polars


def _key(session: Session, question: UniverseQuestion, columns: IntArray, on: Ground) -> str:
    """Everything the blocks depend on."""
    parts = [
        code_version(), session.snapshot.fingerprint, session.catalogue.fingerprint, question.spec.id,
        str(question.window), str(question.as_of), str(question.monthly), str(session.settings.grace_days), str(BLOCK),
        *(on.tickers[int(k)] for k in columns),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _read_block(path: Path, block: list[Any]) -> UniverseFit | None:
    try:
        columns, meta = columnar.decode(path.read_bytes(), str(path))
        if meta.get("block") != block:
            return None  # another job's, copied or renamed
        return UniverseFit(**columns)
    except (OSError, StoreError, TypeError):
        return None  # not there, or cut short when the job was killed: computed again


def _jumped(on: Ground, columns: IntArray, fit: UniverseFit) -> FloatArray:
    """Whether a stock's price changed by a factor of four in a day of its window."""
    days = on.days.astype(np.int64)
    before = np.cumsum(jumps(on.stocks[:, columns] / 100.0), axis=0)
    first, last = np.searchsorted(days, fit.first), np.searchsorted(days, fit.last)
    own = np.broadcast_to(np.arange(columns.size), fit.first.shape)
    return np.asarray(before[np.minimum(last, days.size - 1), own] > before[np.minimum(first, days.size - 1), own])


def _table(
    session: Session, on: Ground, columns: IntArray, positions: IntArray, fit: UniverseFit, membership: str
) -> dict[str, Any]:
    """Columns of the file: a row a day and stock, days first."""
    names = names_of(session)
    tickers = [on.tickers[int(k)] for k in columns]
    words = [names.get(plain_ticker(t), ("", "")) for t in tickers]
    ok = (fit.status == OK).ravel()
    days, stocks = positions.size, columns.size

    def of(values: FloatArray) -> FloatArray:
        return np.asarray(values.reshape(days * stocks))

    def dates(values: IntArray) -> Any:
        return np.where(ok, values.ravel(), np.iinfo(np.int64).min).astype("datetime64[D]")

    table: dict[str, Any] = {
        "date": np.repeat(on.days[positions], stocks),
        "ticker": tickers * days,
        "name": [w[0] for w in words] * days,
        "sector": [w[1] for w in words] * days,
        "status": [STATUS[int(s)] for s in fit.status.ravel()],
        "first_date": dates(fit.first),
        "last_date": dates(fit.last),
    }
    for j, name in enumerate(on.names):
        table[f"beta_{name}"] = of(fit.params[:, :, j])
        table[f"se_{name}"] = of(fit.bse[:, :, j])
        table[f"sd_{name}"] = of(fit.factor_sd[:, :, j])
    table["const"], table["rsquared"] = of(fit.const), of(fit.rsquared)
    table["resid_sd"] = of(fit.resid_sd)
    table["suspect_price"] = (_jumped(on, columns, fit).ravel() & ok).tolist()
    table["membership"] = [membership] * (days * stocks)
    return table


def _write(out: Path, table: dict[str, Any]) -> None:
    """Write the whole file at once, beside the old one and then over it; NaN and NaT are empty."""
    if out.suffix.lower() == ".parquet":
        buffer = io.BytesIO()
        frame = _polars().DataFrame(table, nan_to_null=True)
        frame.write_parquet(buffer)
        write_atomic(out, buffer.getvalue())
        return
    columns = [_cells(values) for values in table.values()]
    write_atomic(out, csv_bytes(list(table), zip(*columns, strict=True)))


def _cells(values: Any) -> list[Any]:
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return ["" if math.isnan(v) else v for v in values.tolist()]
    if isinstance(values, np.ndarray):
        return ["" if v is None else str(v) for v in values.tolist()]
    return list(values)
