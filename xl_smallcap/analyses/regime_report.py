"""What were the regimes' probabilities worth, and what did the regimes mean for returns?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.regime_history import RegimeHistory, regime_history
from xl_smallcap.analyses.regime_inputs import macro_inputs
from xl_smallcap.analyses.regimes import REGIMES, three_months
from xl_smallcap.data.catalogue import Target
from xl_smallcap.data.panel import Column, series_in
from xl_smallcap.data.releases import known_by
from xl_smallcap.errors import NoDataError
from xl_smallcap.models import scores
from xl_smallcap.models.inference import student_quantile
from xl_smallcap.session import Session
from xl_smallcap.types import MONTH, DayArray, FloatArray, IntArray, RegimeModel

HORIZONS = (0, 3)
LABEL_DELAY = 1
"""Months until both inputs of a month are published: at nearly every month end those of the month before are."""
_FEWEST_LABELS = 60
_BANDS = np.array([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
_LAGS = 12
NBER, CHAUVET_PIGER = "USREC", "RECPROUSM156N"
FEWEST_MONTHS, FEWEST_SPELLS, CLEAR_T = 24, 3, 2.0


@dataclass(frozen=True)
class Card:
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


def labels_of(session: Session, as_of: np.datetime64 | None) -> tuple[DayArray, IntArray]:
    """Return what each month turned out to be, by the thresholds on the data known by a day.

    labels: 0 goldilocks, 1 reflation, 2 slowdown; -1 where growth or inflation is missing.
    """
    inputs = macro_inputs(session, as_of)
    growth, inflation = three_months(inputs.growth), inputs.inflation
    settings = session.settings
    labels = np.where(growth < settings.regime_growth_min, 2, np.where(inflation > settings.regime_inflation_max, 1, 0))
    labels[~(np.isfinite(growth) & np.isfinite(inflation))] = -1
    return inputs.months, labels.astype(np.int64)


def report_card(session: Session, model: RegimeModel, as_of: np.datetime64 | None) -> list[Card]:
    """Score a model's filtered probabilities against what happened.

    Each regime at each horizon against the thresholds; slowdown against the NBER and Chauvet and Piger; then
    reliability.
    """
    history = regime_history(session, model, as_of)
    months, labels = labels_of(session, as_of)
    at = (history.days.astype("datetime64[M]") - months[0]).astype(np.int64)
    cards: list[Card] = []
    relied: list[Card] = []
    for horizon in HORIZONS:
        table = history.probabilities if horizon == 0 else history.ahead3
        base = scores.climatology(labels, 3, LABEL_DELAY, _FEWEST_LABELS)
        stay = scores.persistence(labels, 3, LABEL_DELAY, horizon, _FEWEST_LABELS)
        there = (at + horizon < labels.size) & (at >= 0)
        now = at[there]
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
            cards.append(_card(regime, horizon, "thresholds", p[good, k], truth, c[good, k], s[good, k]))
            for low, high, n, mean, share in scores.reliability(p[good, k], truth, _BANDS):
                nan = float("nan")
                said = f"forecasts of {low:.1f} to {high:.1f}"
                relied.append(Card(regime, horizon, said, n, mean, share, *[nan] * 9))
    return cards + _recessions(session, history, as_of) + relied


def _card(
    regime: str, horizon: int, truth_is: str, p: FloatArray, truth: FloatArray, base: FloatArray, stay: FloatArray
) -> Card:
    mine = scores.score(p, truth, base, _LAGS)
    climate, persist = scores.score(base, truth, base, _LAGS), scores.score(stay, truth, base, _LAGS)
    return Card(
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


def _recessions(session: Session, history: RegimeHistory, as_of: np.datetime64 | None) -> list[Card]:
    """Slowdown against recessions as the NBER dates them, and as Chauvet and Piger's model sees them."""
    out = []
    for series_id, name, scale in ((NBER, "NBER recession", 1.0), (CHAUVET_PIGER, "Chauvet and Piger", 100.0)):
        if series_id not in session.snapshot.entries:
            continue
        entry = series_in(session.catalogue, session.snapshot, series_id)
        known = known_by(entry, session.snapshot.series(series_id), as_of)
        months = known.dates.astype("datetime64[M]")
        if not months.size:
            continue
        place = np.searchsorted(months, history.days.astype("datetime64[M]"))
        place = np.minimum(place, months.size - 1)
        good = months[place] == history.days.astype("datetime64[M]")
        good &= np.isfinite(history.probabilities[2])
        if int(good.sum()) < _FEWEST_LABELS:
            continue
        truth = known.values[place[good]] / scale
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
    known = int((group >= 0).sum())
    if known < FEWEST_MONTHS:
        raise NoDataError(f"Only {known} months have both a regime and a return; {FEWEST_MONTHS} are needed.")
    lags = max(int(4 * (y.size / 100) ** (2 / 9)), int(np.ceil(1.5 * (overlap + 1))) if overlap else 0)
    means, errors = scores.group_means(y, group, len(REGIMES), lags)
    out = []
    for k, regime in enumerate(REGIMES):
        inside = group == k
        n = int(inside.sum())
        difference, tstat = scores.difference_tstat(y, inside, (group >= 0) & ~inside, lags)
        spells = int((inside & ~np.concatenate([[False], inside[:-1]])).sum())
        clear = n >= FEWEST_MONTHS and spells >= FEWEST_SPELLS and abs(tstat) >= CLEAR_T
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
    if panel.dates.size < FEWEST_MONTHS:
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
