"""The regime of every month end as it could be told then, refitted at each, and what today's refit would rename."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.freshness import snapshot_day
from xl_smallcap.analyses.regime_inputs import FEWEST_MONTHS, NOWCAST_MONTHS, Inputs
from xl_smallcap.analyses.regimes import REGIMES, Chain, Regimes, inputs_of, regimes_of, window_of
from xl_smallcap.errors import NoDataError, XlSmallcapError
from xl_smallcap.models.kernels.hidden_markov import filtered, log_emission
from xl_smallcap.session import Columns, Session
from xl_smallcap.types import DAY, MONTH, DayArray, FloatArray, RegimeModel

CHUNK = 24
"""Month ends fitted together, and kept together: a new month leaves the chunks before it as they are."""
Progress = Callable[[str, int, int], None]


def month_ends(session: Session, model: RegimeModel, as_of: np.datetime64 | None) -> DayArray:
    """Return the last days of the months whose regime can be told, from the first with 60 months of data."""
    inputs = inputs_of(session, model, as_of, None)
    enough = max(int(np.flatnonzero(np.isfinite(v))[FEWEST_MONTHS - 1]) for v in (inputs.growth, inputs.inflation))
    # two months later the sixtieth is published for certain
    first = inputs.months[0] + (enough + 2) * MONTH
    newest = snapshot_day(session)
    if as_of is None:
        # the month of the newest day has ended where no business day of it is left
        ended = np.busday_offset(newest, 1, roll="backward").astype("datetime64[M]") - MONTH
    else:
        # by the day itself: rows after it, or their absence, tell nothing about which months have ended by then
        ended = min((as_of + DAY).astype("datetime64[M]") - MONTH, newest.astype("datetime64[M]"))
    months = np.arange(first, max(first, ended + MONTH))
    days = (months + MONTH).astype("datetime64[D]") - DAY
    if not days.size:
        raise NoDataError(f"No month ends by {as_of} have {FEWEST_MONTHS} months of data behind them.")
    return np.asarray(days, dtype="datetime64[D]")


@dataclass(frozen=True)
class RegimeHistory:
    """Regimes of many month ends, each by what was known then; NaN where nothing could be fitted.

    `separation` is how many standard deviations the states of each fit stand apart, of two chains the smaller.
    """

    days: DayArray
    probabilities: FloatArray
    ahead3: FloatArray
    separation: FloatArray
    likeliest: tuple[str, ...]


def regime_history(
    session: Session, model: RegimeModel, as_of: np.datetime64 | None, progress: Progress | None = None
) -> RegimeHistory:
    """Return the filtered regimes of every month end, refitted at each."""
    if progress is not None:
        return _regime_history(session, model, as_of, progress)
    return session.once(("regime history", model, as_of), lambda: _regime_history(session, model, as_of, None))


def _regime_history(
    session: Session, model: RegimeModel, as_of: np.datetime64 | None, progress: Progress | None
) -> RegimeHistory:
    days = month_ends(session, model, as_of)
    every = month_ends(session, model, None) if as_of is not None else days
    parts: list[FloatArray] = []
    for start in range(0, days.size, CHUNK):
        chunk, whole = days[start : start + CHUNK], every[start : start + CHUNK]
        common = min(chunk.size, whole.size)
        # each month is told by its own data alone, so the chunk that as_of cuts is the beginning of the whole one, and
        # a month that has ended by as_of alone (its last days were holidays) is put after the whole one
        if whole.size != chunk.size and common and np.array_equal(whole[:common], chunk[:common]):
            kept = session.find(_key(session, model, _inputs(session, model, whole)), lambda c: c)
            if kept is not None:
                parts.append(kept["table"][:, :common])
                if chunk.size > common:
                    parts.append(_chunk(session, model, chunk[common:], True))
                continue
        parts.append(_chunk(session, model, chunk, progress is not None))
        if progress is not None:
            progress("month", min(start + CHUNK, days.size), days.size)
    table = np.concatenate(parts, axis=1)
    probabilities, later, separation = table[:4], table[4:8], table[8]
    words = []
    for column in probabilities[:3].T:
        words.append(REGIMES[int(column.argmax())] if np.isfinite(column).all() else "")
    return RegimeHistory(days, probabilities, later, separation, tuple(words))


def _inputs(session: Session, model: RegimeModel, days: DayArray) -> list[Inputs | None]:
    inputs: list[Inputs | None] = []
    for day in days:
        try:
            inputs.append(inputs_of(session, model, day, day.astype("datetime64[M]")))
        except XlSmallcapError:
            inputs.append(None)  # a month of a long silence has no regime
    return inputs


def _key(session: Session, model: RegimeModel, inputs: list[Inputs | None]) -> tuple[str, ...]:
    sha = hashlib.sha256(repr(model).encode())
    for i in inputs:
        sha.update(b"-" if i is None else i.growth.tobytes() + i.inflation.tobytes())
    s = session.settings
    told: list[float] = [s.regime_starts, s.seed]
    if model == "bands":
        told = [s.regime_growth_min, s.regime_inflation_max, s.regime_growth_revision, s.regime_inflation_revision]
    return ("regime history", sha.hexdigest(), *map(repr, told))


def _chunk(session: Session, model: RegimeModel, days: DayArray, compute: bool) -> FloatArray:
    """Of some month ends: probabilities now and three months ahead, and how far states stand apart: (9, n_days)."""
    inputs = _inputs(session, model, days)
    key = _key(session, model, inputs)

    def work() -> Columns:
        out = np.full((9, len(inputs)), np.nan)
        there = [k for k, i in enumerate(inputs) if i is not None]
        if there:
            found = regimes_of(session, model, [i for i in inputs if i is not None])
            out[:4, there], out[4:8, there] = found.probabilities(0), found.probabilities(3)
            if found.chains:
                out[8, there] = np.min([c.separation for c in found.chains], axis=0)
        return {"table": out}

    if not compute:
        kept = session.find(key, lambda c: c)
        if kept is None:
            raise NoDataError(
                f"The history of model '{model}' is not computed yet for these data and settings: run "
                "'xl-smallcap regime history' (a few seconds); 'xl-smallcap data refresh' does so too."
            )
        return kept["table"]
    return session.get_or_compute(key, work, lambda c: c, lambda c: c)["table"]


def refit_path(
    session: Session, model: RegimeModel, as_of: np.datetime64 | None, month: np.datetime64
) -> tuple[DayArray, tuple[str, ...]]:
    """Return which regime today's parameters would have called each month, still filtered: to see how many they rename.

    likeliest: empty words where today's fit is none.
    """
    seen = inputs_of(session, model, as_of, None)
    heard = seen.months[min(seen.last_growth, seen.last_inflation)] + NOWCAST_MONTHS * MONTH
    inputs = inputs_of(session, model, as_of, min(month.astype("datetime64[M]"), heard))
    found = regimes_of(session, model, [inputs])
    if not all(chain.usable[0] for chain in found.chains):
        return inputs.months, ("",) * inputs.months.size
    sets = [[inputs.growth, inputs.inflation]] if model == "hmm" else [[inputs.growth], [inputs.inflation]]
    paths = []
    for chain, values in zip(found.chains, sets, strict=True):
        x, _ = window_of(values)
        p, _ = filtered(log_emission(x[:, :, None], chain.model), chain.model)
        paths.append(p[:, :, 0].T)
    spread = tuple(
        Chain(
            path,
            c.model.repeat(path.shape[1]),
            np.ones(path.shape[1]), np.ones(path.shape[1]), np.ones(path.shape[1], dtype=bool),
        )
        for path, c in zip(paths, found.chains, strict=True)
    )  # fmt: skip
    told = Regimes(
        model=model, months=inputs.months, chains=spread, bands=(), thresholds=found.thresholds,
        last_growth=found.last_growth, last_inflation=found.last_inflation,
    ).probabilities()  # fmt: skip
    return inputs.months, tuple(REGIMES[int(c.argmax())] for c in told[:3].T)
