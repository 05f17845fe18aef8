"""The betas of a whole universe to a file: block by block, stoppable, and resumed where it stopped."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from xl_smallcap.analyses.constituents import Index, Rosters, names_of
from xl_smallcap.analyses.engines import EngineName, run_blocks
from xl_smallcap.analyses.question import NO_TARGET, Question, check_model
from xl_smallcap.analyses.universe import Ground, ground
from xl_smallcap.data import columnar
from xl_smallcap.data.catalogue import Spec
from xl_smallcap.data.cross_section import jumps, plain_ticker
from xl_smallcap.data.panel import period_ends
from xl_smallcap.data.writing import check_target, csv_bytes, write_atomic
from xl_smallcap.errors import BadArgumentError, NoDataError, StoreError
from xl_smallcap.models.patterns import OK, STATUS
from xl_smallcap.models.universe import UniverseFit, fit_universe
from xl_smallcap.session import Session
from xl_smallcap.session.version import code_version
from xl_smallcap.types import FloatArray, IntArray, Window

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
    told = roster.membership
    if question.monthly and roster.dated:
        told += " applied to earlier month ends: survivors only"
    return np.unique(roster.columns[roster.columns >= 0]), told


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
    at = np.array([on.days.size - 1], dtype=np.int64)
    if question.monthly:
        ends = period_ends(on.days, "monthly")
        at = ends[ends >= question.window.count]
        if not at.size:
            raise NoDataError(f"No month end has {question.window} changes before it.")
    count = -(-columns.size // BLOCK)
    check_target(out)
    key = _key(session, question, columns, on)
    folder = session.settings.cache_dir / "universe" / key
    shared = (on.days, on.factors)
    done: dict[int, UniverseFit] = {}
    for n in range(count):
        found = _read_block(folder / f"block-{n:05d}.fit", [key, n])
        if found is not None:
            done[n] = found
    resumed = len(done)
    todo = {
        n: (np.ascontiguousarray(on.stocks[:, _part(columns, n)]), at, question.window.count, on.sampling)
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
    table = _table(session, on, columns, at, whole, membership)
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
        days=at.size,
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
    told = [
        code_version(), session.snapshot.fingerprint, session.catalogue.fingerprint, question.spec.id,
        str(question.window), str(question.as_of), str(question.monthly), str(session.settings.grace_days), str(BLOCK),
        *(on.tickers[int(k)] for k in columns),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]


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
    session: Session, on: Ground, columns: IntArray, at: IntArray, fit: UniverseFit, membership: str
) -> dict[str, Any]:
    """Columns of the file: a row a day and stock, days first."""
    known = names_of(session)
    tickers = [on.tickers[int(k)] for k in columns]
    words = [known.get(plain_ticker(t), ("", "")) for t in tickers]
    ok = (fit.status == OK).ravel()
    days, stocks = at.size, columns.size

    def of(values: FloatArray) -> FloatArray:
        return np.asarray(values.reshape(days * stocks))

    def dates(values: IntArray) -> Any:
        return np.where(ok, values.ravel(), np.iinfo(np.int64).min).astype("datetime64[D]")

    table: dict[str, Any] = {
        "date": np.repeat(on.days[at], stocks),
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
