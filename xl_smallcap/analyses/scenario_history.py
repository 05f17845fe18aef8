"""Were such projections right? Each month of the past projected with what came, with part of it, and with nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.question import Question, aligned
from xl_smallcap.analyses.scenarios import WINDOW, periods
from xl_smallcap.data.panel import period_ends
from xl_smallcap.errors import FitError, NoDataError, XlSmallcapError
from xl_smallcap.models import scores
from xl_smallcap.models.outcome import StudentOutcome
from xl_smallcap.models.projection import condition_on, fit_factor_model, project, tail_df
from xl_smallcap.session import Columns, Session
from xl_smallcap.types import BoolArray, FloatArray, Window

THESIS = ("growth", "inflation", "easing")
KNOWN = ("path", "thesis", "none")
"""What the projection was told of the months to come: every factor, those of the thesis, nothing."""
FEWEST = 36
"""Months a base rate needs before it forecasts, and forecasts a score needs."""
_RECENT = 40
"""Days looked back on for the last complete week."""
_BANDS = np.array([0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0])


@dataclass(frozen=True)
class Card:
    """One forecast's score; NaN where it has none. `gain_tstat` compares Brier scores with the expanding base rate."""

    forecast: str
    measure: str
    n: int
    mean: float
    happened: float
    brier: float
    auc: float
    coverage50: float
    coverage90: float
    gain_tstat: float


def _forecasts(session: Session, question: Question, months: int) -> FloatArray:
    """Mean, sd and outcome of each month by what was known: rows of (mean, sd) x 3, outcome; (7, n), oldest first."""
    weekly = aligned(session, replace(question, window=WINDOW))
    monthly = aligned(session, replace(question, window=Window(1, "monthly")))
    key = ("scenario history", weekly.digest, monthly.digest, str(question.target.market), str(months))

    def compute() -> Columns:
        sums, starts, _ = periods(monthly, months)
        hedged = np.array([question.target.market and n == "market" for n in weekly.names[1:]])
        thesis = np.isin(np.array(weekly.names[1:]), THESIS)
        days, rows = weekly.level_dates, []
        for total, start in zip(sums, starts, strict=True):
            # the weeks that were complete on that day, not those that turned out to be
            known = days[max(0, np.searchsorted(days, start, side="right") - _RECENT) :]
            known = known[known <= start]
            last = known[period_ends(known, "weekly")][-1]
            stop = int(np.searchsorted(weekly.dates, last, side="right"))
            if stop < WINDOW.count or ((weekly.gaps > stop - WINDOW.count) & (weekly.gaps < stop)).any():
                continue
            past = weekly.changes[stop - WINDOW.count : stop]
            try:
                model = fit_factor_model(past[:, 0], past[:, 1:], weekly.names[1:], hedged)
                row: list[float] = []
                for named in (np.ones_like(thesis), thesis, np.zeros_like(thesis)):
                    given = condition_on(model.covariance, named, weekly.names[1:])
                    path = np.repeat(total[1:][named][None] / months, months, axis=0)
                    found = project(model, given, path, months).outcome(months)
                    row += [found.mean, found.sd]
            except FitError:
                continue
            rows.append(
                [*row, float(total[0] - total[1:] @ (model.beta - model.loading)), float(start.astype(np.int64))]
            )
        return {"table": np.array(rows).reshape(-1, 8).T}

    return session.get_or_compute(key, compute, lambda c: c, lambda c: c)["table"]


def _expanding(outcome: FloatArray, months: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Share above zero, mean and sd of the outcomes that had ended by each month; NaN before 36."""
    n = outcome.size
    share, mean, sd = (np.full(n, np.nan) for _ in range(3))
    for t in range(n):
        known = outcome[: max(0, t - months + 1)]
        if known.size >= FEWEST:
            share[t], mean[t], sd[t] = (known > 0).mean(), known.mean(), known.std(ddof=1)
    return share, mean, sd


def report_card(session: Session, question: Question, months: int) -> list[Card]:
    """Score projections of the past, and what a simpler forecaster would have said.

    At each month end the model of the 104 weeks before; outcomes overlap where months > 1; t-values allow for it.
    Then reliability by bands of forecasts. All forecasters are scored on the same months.
    """
    from scipy.special import ndtr

    table = _forecasts(session, question, months)
    outcome = table[6]
    share, mean, sd = _expanding(outcome, months)
    good = np.isfinite(share)
    if good.sum() < FEWEST:
        raise NoDataError(
            f"A report card needs {FEWEST} months after {FEWEST} known ones; for '{question.target.id}' over {months} "
            f"months there are {int(good.sum())}."
        )
    truth = (outcome[good] > 0).astype(np.float64)
    base, lags = share[good], months + 2
    cards, bands = [], []

    def card(name: str, p: FloatArray, half: BoolArray | None, ninety: BoolArray | None) -> None:
        scored = scores.score(p, truth, base, lags)
        skill = float("nan") if name == "base_rate" else scored.gain_tstat
        told, came, ranked = float(p.mean()), float(truth.mean()), scores.auc(p, truth)
        held = _share(half), _share(ninety)
        cards.append(Card(name, "all", truth.size, told, came, scored.brier, ranked, *held, skill))

    df = tail_df(months)
    unit = StudentOutcome(0.0, 1.0, df)
    for k, name in enumerate(KNOWN):
        m, s = table[2 * k, good], table[2 * k + 1, good]
        p = np.array([StudentOutcome(float(a), float(b), df).above_zero() for a, b in zip(m, s, strict=True)])
        z = np.abs(outcome[good] - m) / s
        card(name, p, z <= unit.quantile(0.75), z <= unit.quantile(0.95))
        for low, high, n, said, share_true in scores.reliability(p, truth, _BANDS):
            nan = float("nan")
            bands.append(Card(name, f"forecasts of {low:.1f} to {high:.1f}", n, said, share_true, *[nan] * 5))
    card("base_rate", base, None, None)
    z = np.abs(outcome[good] - mean[good]) / sd[good]
    card("naive_normal", np.asarray(ndtr(mean[good] / sd[good])), z <= 0.6744897501960817, z <= 1.6448536269514722)
    card("one_half", np.full(truth.size, 0.5), None, None)
    return cards + bands


def _share(inside: BoolArray | None) -> float:
    return float("nan") if inside is None else float(inside.mean())


def coverage(session: Session, question: Question, months: int) -> float | None:
    """Return how often the 90 % fan of the past held what came, told every factor; None with too little history."""
    try:
        return report_card(session, question, months)[0].coverage90
    except XlSmallcapError:
        return None
