"""How believable is a path, how often does the target win anyway, and were such projections right?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.question import MARKET, Question, aligned, check_gaps, check_window
from xl_smallcap.analyses.scenarios.bundle import bundled, past_of
from xl_smallcap.analyses.scenarios.projection import WINDOW, FittedModel, Path, Projected, fit, periods, stretches
from xl_smallcap.data.panel import Column, Panel, period_ends
from xl_smallcap.data.scenarios import SHEET
from xl_smallcap.errors import FitError, NoDataError, XlSmallcapError
from xl_smallcap.models import scores
from xl_smallcap.models.estimation import unfit
from xl_smallcap.models.inference import student_quantile
from xl_smallcap.models.projection import WEEKS_A_MONTH, StudentOutcome, condition_on, fit_factor_model, project
from xl_smallcap.models.scores import group_means
from xl_smallcap.session import Columns, Session
from xl_smallcap.types import BoolArray, FloatArray, Window

DAILY = Window(250, "daily")
NEAREST_SHARE = 0.05
"""Share of past stretches that count as times like the path."""
IMPLAUSIBLE = 0.01
"""p-value of a path's distance below which it is called implausible."""
FEWEST_PERIODS = 24


@dataclass(frozen=True)
class BaseRate:
    """How often a return over the horizon was above zero, without knowing any path; error for overlap."""

    share: float
    se: float
    nobs: int


def base_rate(session: Session, question: Question, months: int) -> BaseRate:
    """Return the share of past periods of the horizon in which a position gained.

    Overlapping stretches of months between month ends, of all history by as_of; Newey-West over the overlap.
    """
    hedge = 0.0
    columns = [Column.of("target", "pct", question.target.legs)]
    if question.target.market:
        fitted = fit(session, question)
        hedge = float((fitted.model.beta - fitted.model.loading)[fitted.names.index(MARKET)])
        columns.append(Column.of(MARKET, "pct", ((session.catalogue.market, 1.0),)))
    panel = aligned(session, replace(question, window=Window(1, "monthly")), tuple(columns))
    sums, _, _ = periods(panel, months)
    if sums.shape[0] < FEWEST_PERIODS:
        raise NoDataError(
            f"A base rate over {months} months needs {FEWEST_PERIODS} stretches of history; by {panel.level_dates[-1]} "
            f"there are {sums.shape[0]}."
        )
    gained = sums[:, 0] - (hedge * sums[:, 1] if question.target.market else 0.0) > 0.0
    group = np.zeros(gained.size, dtype=np.int64)
    means, errors = group_means(gained.astype(np.float64), group, 1, months - 1)
    return BaseRate(float(means[0]), float(errors[0]), gained.size)


def distance(fitted: FittedModel, path: Path, months: int) -> float:
    """Return how far a path lies from no change, in standard deviations of its factors together.

    Mahalanobis (1936), over the months in which the path gives factors; 0 where nothing is given.
    """
    return float(_distances(fitted, path, path.total(months)[None], months)[0])


def _distances(fitted: FittedModel, path: Path, totals: FloatArray, months: int) -> FloatArray:
    if not path.named.any():
        return np.zeros(totals.shape[0])
    given = path.given_months(months)
    S = fitted.model.covariance[np.ix_(path.named, path.named)] * WEEKS_A_MONTH * given
    sd = np.sqrt(np.diag(S))
    z = totals / sd
    return np.asarray(np.sqrt(np.maximum((z * np.linalg.solve(S / np.outer(sd, sd), z.T).T).sum(axis=1), 0.0)))


def plausibility(fitted: FittedModel, path: Path, months: int) -> float:
    """Return the probability of factor changes at least as far from none.

    Upper tail of chi-squared with as many degrees of freedom as factors are given.
    """
    from scipy.special import chdtrc

    count = int(path.named.sum())
    return 1.0 if not count else float(chdtrc(count, distance(fitted, path, months) ** 2))


@dataclass(frozen=True)
class Analogue:
    """The stretch of the past like the path in which the target did worst, and how far it lies from the path."""

    start: np.datetime64
    end: np.datetime64
    target_return: float
    distance: float
    among: int


def worst_analogue(projected: Projected) -> Analogue:
    """Return the worst of the twentieth of past stretches whose factors lie nearest to the path's."""
    fitted, path, months = projected.fitted, projected.path, projected.asked.months
    # a path shorter than the horizon is compared with the beginning of each stretch
    sums, begun, starts, ends = stretches(fitted.panel, months, path.given_months(months))
    if sums.shape[0] < FEWEST_PERIODS:
        raise NoDataError(f"Only {sums.shape[0]} stretches of {months} months lie in the history; that is too few.")
    away = begun[:, 1:][:, path.named] - path.total(months)
    far = _distances(fitted, path, away, months)
    nearest = np.argsort(far, kind="stable")[: max(1, int(np.ceil(NEAREST_SHARE * far.size)))]
    returns = fitted.position(sums[nearest])
    worst = int(nearest[int(returns.argmin())])
    return Analogue(starts[worst], ends[worst], float(returns.min()), float(far[worst]), nearest.size)


def frequency_conflict(session: Session, fitted: FittedModel, question: Question) -> tuple[str, ...]:
    """Return the factors whose daily and weekly betas have opposite signs, and differ by more than their errors.

    By joint regression on the last 250 days, against the weekly model. The windows overlap; their errors are taken to
    be independent, which makes a conflict harder to find where they move together.
    """
    daily = replace(question, window=DAILY)
    panel: Panel = aligned(session, daily)
    check_window(session, daily, panel)
    check_gaps(daily, panel)
    y, X = panel.changes[-DAILY.count :, 0], panel.changes[-DAILY.count :, 1:]
    if unfit(X):
        return ()
    days = fit_factor_model(y, X, fitted.names, np.zeros(X.shape[1], dtype=bool))
    weeks = fitted.model
    df = min(days.nobs, weeks.nobs) - 1.0 - X.shape[1]
    error = np.sqrt(np.diag(days.beta_covariance) + np.diag(weeks.beta_covariance))
    apart = np.abs(days.beta - weeks.beta) > student_quantile(session.settings.confidence, df) * error
    crossed = (np.sign(days.beta) * np.sign(weeks.beta) < 0) & apart
    return tuple(n for n, s in zip(fitted.names, crossed, strict=True) if s)


def warning(projected: Projected, conflicts: tuple[str, ...]) -> str:
    """Say in a sentence what to be wary of. "none" where there is nothing."""
    said = []
    p = plausibility(projected.fitted, projected.path, projected.asked.months)
    if p < IMPLAUSIBLE:
        said.append(
            f"the path is implausible: {distance(projected.fitted, projected.path, projected.asked.months):.1f} "
            f"standard deviations from no change, p {p:.1g}"
        )
    given = [n for n, named in zip(projected.fitted.names, projected.path.named, strict=True) if named]
    crossed = [n for n in conflicts if n in given]
    if crossed:
        said.append(f"daily and weekly betas to {', '.join(crossed)} have opposite signs, and differ clearly")
    if projected.fitted.why_no_days:
        said.append(
            f"today's volatility is not known, so the range is that of two years: {projected.fitted.why_no_days}"
        )
    if projected.asked.scenario.months and projected.asked.months > projected.asked.scenario.months:
        said.append(f"the path ends after {projected.asked.scenario.months} months; later factors are free")
    for shock in projected.asked.scenario.shocks if projected.asked.scenario.id == SHEET else ():
        if shock.unit == "pct" and 0.0 < abs(shock.total) < 1.0:
            said.append(
                f"the shock to {shock.factor} is {shock.total:g} %; if {100.0 * shock.total:g} % is meant, write "
                f"{100.0 * shock.total:g}"
            )
    return "; ".join(said) or "none"


# -- Were such projections right? Each month of the past projected with what came, with part of it, and with nothing.


THESIS = ("growth", "inflation", "easing")
KNOWN = ("path", "thesis", "none")
"""What the projection was told of the months to come: every factor, those of the thesis, nothing."""
FEWEST = 36
"""Months a base rate needs before it forecasts, and forecasts a score needs."""
_RECENT = 40
"""Days looked back on for the last complete week."""
_BANDS = np.array([0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0])


@dataclass(frozen=True)
class ForecastCard:
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


def past_forecasts(session: Session, question: Question, months: int) -> FloatArray:
    """Project every month of the past by what was known then; columns oldest first.

    Rows: mean and sd told everything, the thesis, nothing; degrees of freedom, what came, day.
    """
    weekly = aligned(session, replace(question, window=WINDOW))
    monthly = aligned(session, replace(question, window=Window(1, "monthly")))
    bundle = bool(session.settings.scenario_bundle)
    past = past_of(session, replace(question, window=WINDOW), weekly) if bundle else None
    key: tuple[str, ...] = ("scenario history", weekly.digest, monthly.digest, str(question.target.market), str(months))
    if past is not None:
        key += past.key

    def compute() -> Columns:
        sums, starts, _ = periods(monthly, months)
        hedged = np.array([question.target.market and n == "market" for n in weekly.names[1:]])
        thesis = np.isin(np.array(weekly.names[1:]), THESIS)
        days, rows = weekly.level_dates, []
        for total, start in zip(sums, starts, strict=True):
            # the weeks that were complete on that day, not those that turned out to be
            visible = days[max(0, np.searchsorted(days, start, side="right") - _RECENT) :]
            visible = visible[visible <= start]
            last = visible[period_ends(visible, "weekly")][-1]
            stop = int(np.searchsorted(weekly.dates, last, side="right"))
            if stop < WINDOW.count or ((weekly.gaps > stop - WINDOW.count) & (weekly.gaps < stop)).any():
                continue
            part = weekly.changes[stop - WINDOW.count : stop]
            try:
                model = fit_factor_model(part[:, 0], part[:, 1:], weekly.names[1:], hedged)
                if past is not None:
                    model = bundled(model, past, stop, WINDOW.count, start)
                row: list[float] = []
                for named in (np.ones_like(thesis), thesis, np.zeros_like(thesis)):
                    given = condition_on(model.covariance, named, weekly.names[1:])
                    path = np.repeat(total[1:][named][None] / months, months, axis=0)
                    forecast = project(model, given, path, months).outcome(months)
                    row += [forecast.mean, forecast.sd]
                row.append(forecast.df)
            except FitError:
                continue
            came = float(total[0] - total[1:] @ (model.beta - model.loading))
            rows.append([*row, came, float(start.astype(np.int64))])
        return {"table": np.array(rows).reshape(-1, 9).T}

    return np.asarray(session.get_or_compute(key, compute, dict)["table"])


def _expanding(outcome: FloatArray, months: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Share above zero, mean and sd of the outcomes that had ended by each month; NaN before 36."""
    n = outcome.size
    share, mean, sd = (np.full(n, np.nan) for _ in range(3))
    for t in range(n):
        past = outcome[: max(0, t - months + 1)]
        if past.size >= FEWEST:
            share[t], mean[t], sd[t] = (past > 0).mean(), past.mean(), past.std(ddof=1)
    return share, mean, sd


def report_card(session: Session, question: Question, months: int) -> list[ForecastCard]:
    """Score projections of the past, and what a simpler forecaster would have said.

    At each month end the model of the 104 weeks before; outcomes overlap where months > 1; t-values allow for it.
    Then reliability by bands of forecasts. All forecasters are scored on the same months.
    """
    from scipy.special import ndtr

    table = past_forecasts(session, question, months)
    df, outcome = table[6], table[7]
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
        forecast, came, ranked = float(p.mean()), float(truth.mean()), scores.auc(p, truth)
        held = _share(half), _share(ninety)
        cards.append(ForecastCard(name, "all", truth.size, forecast, came, scored.brier, ranked, *held, skill))

    for k, name in enumerate(KNOWN):
        m, s = table[2 * k, good], table[2 * k + 1, good]
        each = [StudentOutcome(float(a), float(b), float(d)) for a, b, d in zip(m, s, df[good], strict=True)]
        p = np.array([one.above_zero() for one in each])
        inside = [
            np.array(
                [abs(y - one.mean) <= one.quantile(q) - one.mean for y, one in zip(outcome[good], each, strict=True)]
            )
            for q in (0.75, 0.95)
        ]
        card(name, p, *inside)
        for low, high, n, said, share_true in scores.reliability(p, truth, _BANDS):
            nan = float("nan")
            bands.append(ForecastCard(name, f"forecasts of {low:.1f} to {high:.1f}", n, said, share_true, *[nan] * 5))
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
