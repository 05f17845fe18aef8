"""The regime of every month end as it could be told then, what that was worth, and what regimes paid."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.question import snapshot_day
from xl_smallcap.analyses.regimes.chain import SWITCHING_STARTS, Chain, window_of
from xl_smallcap.analyses.regimes.inputs import FEWEST_MONTHS, INFLATION, NOWCAST_MONTHS, PCE, Inputs, macro_inputs
from xl_smallcap.analyses.regimes.now import MEMBERS, REGIMES, Regimes, inputs_of, regimes_of
from xl_smallcap.analyses.regimes.nowcast import three_months
from xl_smallcap.data.catalogue import Target
from xl_smallcap.data.panel import Column, series_in
from xl_smallcap.data.releases import known_by
from xl_smallcap.errors import NoDataError, XlSmallcapError
from xl_smallcap.models import scores
from xl_smallcap.models.inference import student_quantile
from xl_smallcap.models.kernels.hidden_markov import filtered, log_emission
from xl_smallcap.session import Columns, Session
from xl_smallcap.types import DAY, MONTH, BoolArray, DayArray, FloatArray, IntArray, RegimeModel

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
    members: IntArray
    """How many models each month's mean is of."""
    lowest: FloatArray
    highest: FloatArray
    """Least and most of them, as `probabilities`; of one model its own."""

    @classmethod
    def of(cls, days: DayArray, tables: FloatArray) -> RegimeHistory:
        """Take the mean of the models there are at each month end. Tables of shape (n_models, 9, n_days)."""
        there: BoolArray = np.asarray(np.isfinite(tables[:, :3]).all(axis=1))
        count = there.sum(axis=0)

        def mean(rows: FloatArray) -> FloatArray:
            total = np.where(there[:, None], rows, 0.0).sum(axis=0)
            return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))

        now = tables[:, :4]
        words = []
        for column in mean(now)[:3].T:
            words.append(REGIMES[int(column.argmax())] if np.isfinite(column).all() else "")
        separation = np.where(np.isfinite(tables[:, 8]), tables[:, 8], np.inf).min(axis=0)
        return cls(
            days, mean(now), mean(tables[:, 4:8]), np.where(np.isfinite(separation), separation, np.nan), tuple(words),
            count, *(_end(now, there, pick) for pick in (np.min, np.max)),
        )  # fmt: skip


def _end(now: FloatArray, there: BoolArray, pick: Callable[..., FloatArray]) -> FloatArray:
    """Least or most of the models that are there; NaN where none is."""
    far = np.inf if pick is np.min else -np.inf
    ends = pick(np.where(there[:, None], now, far), axis=0)
    return np.asarray(np.where(np.isfinite(ends), ends, np.nan))


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
    if model == "pool":
        return _pooled(session, as_of, progress)
    days = month_ends(session, model, as_of)
    every = month_ends(session, model, None) if as_of is not None else days
    parts: list[FloatArray] = []
    for start in range(0, days.size, CHUNK):
        chunk, whole = days[start : start + CHUNK], every[start : start + CHUNK]
        common = min(chunk.size, whole.size)
        # each month is told by its own data alone, so the chunk that as_of cuts is the beginning of the whole one, and
        # a month that has ended by as_of alone (its last days were holidays) is put after the whole one
        if whole.size != chunk.size and common and np.array_equal(whole[:common], chunk[:common]):
            kept = session.find(_key(session, model, _inputs(session, model, whole)), dict)
            if kept is not None:
                parts.append(kept["table"][:, :common])
                if chunk.size > common:
                    parts.append(_chunk(session, model, chunk[common:], True))
                continue
        parts.append(_chunk(session, model, chunk, progress is not None))
        if progress is not None:
            progress("month", min(start + CHUNK, days.size), days.size)
    return RegimeHistory.of(days, np.concatenate(parts, axis=1)[None])


def _pooled(session: Session, as_of: np.datetime64 | None, progress: Progress | None) -> RegimeHistory:
    """Join the members' histories. One without data is left out; one that is not computed yet is asked for."""
    histories: list[RegimeHistory] = []
    first: XlSmallcapError | None = None
    for model in MEMBERS:
        try:
            month_ends(session, model, as_of)
        except NoDataError as exc:
            first = first or exc
            continue
        histories.append(regime_history(session, model, as_of, progress))
    if not histories:
        assert first is not None
        raise first
    days = np.unique(np.concatenate([h.days for h in histories]))
    tables = np.full((len(histories), 9, days.size), np.nan)
    for k, h in enumerate(histories):
        rows = np.concatenate([h.probabilities, h.ahead3, h.separation[None]])
        tables[k][:, np.searchsorted(days, h.days)] = rows
    return RegimeHistory.of(days, tables)


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
        sha.update(b"-" if i is None else i.growth.tobytes() + i.inflation.tobytes() + np.float64(i.bound).tobytes())
        if i is not None and i.nowcast is not None:
            sha.update(i.nowcast.tobytes() + np.float64(i.nowcast_variance).tobytes())
    s = session.settings
    settings: list[float] = [s.regime_starts, s.seed]
    if model in ("bands", "bands_pce"):
        prices = s.regime_inflation_revision if model == "bands" else s.regime_pce_revision
        settings = [s.regime_growth_min, s.regime_growth_revision, prices]
    if model == "jump":
        settings.append(s.regime_jump_penalty)
    if model == "markov_switching":
        settings = [SWITCHING_STARTS, s.seed, s.regime_inflation_revision]
    return ("regime history", sha.hexdigest(), *map(repr, settings))


def _chunk(session: Session, model: RegimeModel, days: DayArray, compute: bool) -> FloatArray:
    """Of some month ends: probabilities now and three months ahead, and how far states stand apart: (9, n_days)."""
    inputs = _inputs(session, model, days)
    key = _key(session, model, inputs)

    def work() -> Columns:
        out = np.full((9, len(inputs)), np.nan)
        there = [k for k, i in enumerate(inputs) if i is not None]
        if there:
            regimes = regimes_of(session, model, [i for i in inputs if i is not None])
            out[:4, there], out[4:8, there] = regimes.probabilities(0), regimes.probabilities(3)
            if regimes.chains:
                out[8, there] = np.min([c.separation for c in regimes.chains], axis=0)
        return {"table": out}

    if not compute:
        kept = session.find(key, dict)
        if kept is None:
            raise NoDataError(
                f"The history of model '{model}' is not computed yet for these data and settings: run "
                f"'xl-smallcap regime history{_wanted(model)}."
            )
        return np.asarray(kept["table"])
    return np.asarray(session.get_or_compute(key, work, dict)["table"])


def _wanted(model: RegimeModel) -> str:
    """End the sentence about a history that is missing: a refresh computes the pool's and the market's."""
    if model in (*MEMBERS, "market"):
        return "' (a few seconds); 'xl-smallcap data refresh' does so too"
    return f" --model {model}' (a minute at most)"


def refit_path(
    session: Session, model: RegimeModel, as_of: np.datetime64 | None, month: np.datetime64
) -> tuple[DayArray, tuple[str, ...]]:
    """Return which regime today's parameters would have called each month, still filtered: to see how many they rename.

    likeliest: empty words where today's fit is none.
    """
    seen = inputs_of(session, model, as_of, None)
    heard = seen.months[min(seen.last_growth, seen.last_inflation)] + NOWCAST_MONTHS * MONTH
    inputs = inputs_of(session, model, as_of, min(month.astype("datetime64[M]"), heard))
    regimes = regimes_of(session, model, [inputs])
    if not all(chain.usable[0] for chain in regimes.chains):
        return inputs.months, ("",) * inputs.months.size
    sets = [[inputs.growth, inputs.inflation]] if model == "hmm" else [[inputs.growth], [inputs.inflation]]
    paths = []
    for chain, values in zip(regimes.chains, sets, strict=True):
        x, _ = window_of(values)
        p, _ = filtered(log_emission(x[:, :, None], chain.model), chain.model)
        paths.append(p[:, :, 0].T)
    spread = tuple(
        Chain(
            path,
            c.model.repeat(path.shape[1]),
            np.ones(path.shape[1]), np.ones(path.shape[1]), np.ones(path.shape[1], dtype=bool),
        )
        for path, c in zip(paths, regimes.chains, strict=True)
    )  # fmt: skip
    probabilities = Regimes(
        model=model, months=inputs.months, chains=spread, bands=(), growth_min=regimes.growth_min,
        bounds=np.repeat(regimes.bounds, inputs.months.size),
        last_growth=regimes.last_growth, last_inflation=regimes.last_inflation,
    ).probabilities()  # fmt: skip
    return inputs.months, tuple(REGIMES[int(c.argmax())] for c in probabilities[:3].T)


# -- What were the regimes' probabilities worth, and what did the regimes mean for returns?


HORIZONS = (0, 3)
LABEL_DELAY = 1
"""Months until both inputs of a month are published: at nearly every month end those of the month before are."""
_FEWEST_LABELS = 60
_BANDS = np.array([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
_LAGS = 12
NBER, CHAUVET_PIGER = "USREC", "RECPROUSM156N"
FEWEST_RETURNS, FEWEST_SPELLS, CLEAR_T = 24, 3, 2.0


@dataclass(frozen=True)
class RegimeCard:
    """One line of the report card; NaN where it does not apply."""

    regime: str
    horizon: int
    truth: str
    n: int
    forecast: float
    happened: float
    brier: float
    brier_climatology: float
    brier_persistence: float
    brier_half: float
    log_loss: float
    log_loss_climatology: float
    log_loss_persistence: float
    skill: float
    tstat: float


def labels_of(session: Session, as_of: np.datetime64 | None, prices: str = INFLATION) -> tuple[DayArray, IntArray]:
    """Return what each month turned out to be, by the thresholds on the data known by a day.

    labels: 0 goldilocks, 1 reflation, 2 slowdown; -1 where growth or inflation is missing.
    """
    inputs = macro_inputs(session, as_of, prices=prices)
    growth, inflation = three_months(inputs.growth), inputs.inflation
    labels = np.where(growth < session.settings.regime_growth_min, 2, np.where(inflation > inputs.bound, 1, 0))
    labels[~(np.isfinite(growth) & np.isfinite(inflation))] = -1
    return inputs.months, labels.astype(np.int64)


def report_card(session: Session, model: RegimeModel, as_of: np.datetime64 | None) -> list[RegimeCard]:
    """Score a model's filtered probabilities against what happened.

    Each regime at each horizon against the thresholds; slowdown against the NBER and Chauvet and Piger; then
    reliability.
    """
    history = regime_history(session, model, as_of)
    cards, relied = _against(history, *labels_of(session, as_of), "thresholds", as_of)
    if model in ("pool", *MEMBERS) and PCE in session.snapshot.entries:
        with contextlib.suppress(NoDataError):  # too short a history of it: the other truths stand
            cards += _against(history, *labels_of(session, as_of, PCE), "thresholds on core PCE", as_of)[0]
    return cards + _recessions(session, history, as_of) + relied


def _against(
    history: RegimeHistory, months: DayArray, labels: IntArray, truth_is: str, as_of: np.datetime64 | None
) -> tuple[list[RegimeCard], list[RegimeCard]]:
    """Score every regime and horizon against what the months turned out to be, and how forecasts came true by bands."""
    index = (history.days.astype("datetime64[M]") - months[0]).astype(np.int64)
    cards: list[RegimeCard] = []
    relied: list[RegimeCard] = []
    for horizon in HORIZONS:
        table = history.probabilities if horizon == 0 else history.ahead3
        base = scores.climatology(labels, 3, LABEL_DELAY, _FEWEST_LABELS)
        stay = scores.persistence(labels, 3, LABEL_DELAY, horizon, _FEWEST_LABELS)
        there = (index + horizon < labels.size) & (index >= 0)
        now = index[there]
        happened = labels[now + horizon]
        p, c, s = table[:3, there].T, base[now], stay[now]
        good = (happened >= 0) & np.isfinite(p).all(axis=1) & np.isfinite(c).all(axis=1) & np.isfinite(s).all(axis=1)
        if good.sum() < _FEWEST_LABELS:
            raise NoDataError(
                f"The report card needs {_FEWEST_LABELS} months with a forecast and what came of it; by "
                f"{as_of or 'now'} there are {int(good.sum())}."
            )
        for k, regime in enumerate(REGIMES):
            truth = (happened[good] == k).astype(np.float64)
            cards.append(_card(regime, horizon, truth_is, p[good, k], truth, c[good, k], s[good, k]))
            for low, high, n, mean, share in scores.reliability(p[good, k], truth, _BANDS):
                nan = float("nan")
                said = f"forecasts of {low:.1f} to {high:.1f}"
                relied.append(RegimeCard(regime, horizon, said, n, mean, share, *[nan] * 9))
    return cards, relied


def _card(
    regime: str, horizon: int, truth_is: str, p: FloatArray, truth: FloatArray, base: FloatArray, stay: FloatArray
) -> RegimeCard:
    mine = scores.score(p, truth, base, _LAGS)
    climate, persist = scores.score(base, truth, base, _LAGS), scores.score(stay, truth, base, _LAGS)
    return RegimeCard(
        regime=regime,
        horizon=horizon,
        truth=truth_is,
        n=truth.size,
        forecast=float(p.mean()),
        happened=float(truth.mean()),
        brier=mine.brier,
        brier_climatology=climate.brier,
        brier_persistence=persist.brier,
        brier_half=float(scores.brier(np.full(truth.size, 0.5), truth).mean()),
        log_loss=mine.log_loss,
        log_loss_climatology=climate.log_loss,
        log_loss_persistence=persist.log_loss,
        skill=1.0 - mine.brier / climate.brier if climate.brier > 0 else float("nan"),
        tstat=mine.gain_tstat,
    )


def _recessions(session: Session, history: RegimeHistory, as_of: np.datetime64 | None) -> list[RegimeCard]:
    """Slowdown against recessions as the NBER dates them, and as Chauvet and Piger's model sees them."""
    out = []
    for series_id, name, scale in ((NBER, "NBER recession", 1.0), (CHAUVET_PIGER, "Chauvet and Piger", 100.0)):
        if series_id not in session.snapshot.entries:
            continue
        entry = series_in(session.catalogue, session.snapshot, series_id)
        visible = known_by(entry, session.snapshot.series(series_id), as_of)
        months = visible.dates.astype("datetime64[M]")
        if not months.size:
            continue
        place = np.searchsorted(months, history.days.astype("datetime64[M]"))
        place = np.minimum(place, months.size - 1)
        good = months[place] == history.days.astype("datetime64[M]")
        good &= np.isfinite(history.probabilities[2])
        if int(good.sum()) < _FEWEST_LABELS:
            continue
        truth = visible.values[place[good]] / scale
        base = np.full(truth.size, truth.mean())
        p = history.probabilities[2, good]
        # the last recession month known is a year back for certain: the month before stands in for persistence
        stay = np.concatenate([[truth.mean()], truth[:-1]])
        out.append(_card("slowdown", 0, name, p, truth, base, stay))
    return out


@dataclass(frozen=True)
class Paid:
    """Mean return of a target in one regime, % a month (log), Newey-West errors; `difference` from other months.

    `spells` is how many separate stretches the months are in; sixty months of two are nearly two observations.
    """

    regime: str
    months: str
    n: int
    spells: int
    mean: float
    sd: float
    hit: float
    se: float
    lower: float
    upper: float
    difference: float
    tstat: float
    verdict: str


def regime_returns(session: Session, target: Target, model: RegimeModel, as_of: np.datetime64 | None) -> list[Paid]:
    """Say what a target returned in the months of each regime, and in the months after.

    Per regime: the same month (known only at its end), the next month, and the next three.
    """
    history = regime_history(session, model, as_of)
    months, returns = _monthly_returns(session, target, as_of)
    code = np.array([REGIMES.index(w) if w else -1 for w in history.likeliest], dtype=np.int64)
    when = history.days.astype("datetime64[M]")
    out: list[Paid] = []
    for said, first, last in (("same month", 0, 0), ("next month", 1, 1), ("next 3 months", 1, 3)):
        y, group = [], []
        for month, c in zip(when, code, strict=True):
            start = int(np.searchsorted(months, month + first * MONTH))
            stop = start + (last - first) + 1
            whole = (
                stop <= months.size
                and months[start] == month + first * MONTH
                and months[stop - 1] == month + last * MONTH
            )
            if whole:  # a month without a fit keeps its place in time
                y.append(returns[start:stop].sum() / (stop - start))
                group.append(c)
        out += _paid(np.array(y), np.array(group, dtype=np.int64), said, last - first, session.settings.confidence)
    return out


def _paid(y: FloatArray, group: IntArray, said: str, overlap: int, confidence: float) -> list[Paid]:
    count = int((group >= 0).sum())
    if count < FEWEST_RETURNS:
        raise NoDataError(f"Only {count} months have both a regime and a return; {FEWEST_RETURNS} are needed.")
    lags = max(int(4 * (y.size / 100) ** (2 / 9)), int(np.ceil(1.5 * (overlap + 1))) if overlap else 0)
    means, errors = scores.group_means(y, group, len(REGIMES), lags)
    out = []
    for k, regime in enumerate(REGIMES):
        inside = group == k
        n = int(inside.sum())
        difference, tstat = scores.difference_tstat(y, inside, (group >= 0) & ~inside, lags)
        spells = int((inside & ~np.concatenate([[False], inside[:-1]])).sum())
        clear = n >= FEWEST_RETURNS and spells >= FEWEST_SPELLS and abs(tstat) >= CLEAR_T
        half = student_quantile(confidence, max(n - 1, 1)) * errors[k]
        out.append(
            Paid(
                regime=regime,
                months=said,
                n=n,
                spells=spells,
                mean=float(means[k]),
                sd=float(y[inside].std(ddof=1)) if n > 1 else float("nan"),
                hit=float((y[inside] > 0).mean()) if n else float("nan"),
                se=float(errors[k]),
                lower=float(means[k] - half),
                upper=float(means[k] + half),
                difference=difference,
                tstat=tstat,
                verdict=("higher" if tstat > 0 else "lower") + " than in other months"
                if clear
                else "not enough evidence",
            )
        )
    return out


def _monthly_returns(session: Session, target: Target, as_of: np.datetime64 | None) -> tuple[DayArray, FloatArray]:
    """Months and log returns in %; with the market in the target, less beta times market."""
    columns = [Column.of(target.id, "pct", target.legs)]
    if target.market:
        market = session.catalogue.market
        columns.append(Column.of("market", "pct", ((market, 1.0),)))
    panel = session.panel(tuple(columns), as_of, "monthly")
    if panel.dates.size < FEWEST_RETURNS:
        raise NoDataError(f"'{target.id}' has only {panel.dates.size} monthly returns by {as_of or 'now'}.")
    months, y = panel.dates.astype("datetime64[M]"), panel.changes[:, 0]
    if not target.market:
        return months, y
    x, span = panel.changes[:, 1], 60
    hedged = np.full(y.size, np.nan)
    for t in range(span, y.size):
        past = slice(t - span, t)
        hedged[t] = y[t] - float(np.cov(x[past], y[past])[0, 1] / x[past].var(ddof=1)) * x[t]
    return months[span:], hedged[span:]
