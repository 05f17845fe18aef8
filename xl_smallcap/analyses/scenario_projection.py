"""What does a path of factors mean for a target: expectation, range and odds, by each method?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.question import aligned
from xl_smallcap.analyses.regime_history import regime_history
from xl_smallcap.analyses.regimes import regimes_now
from xl_smallcap.analyses.scenarios import Fitted, Path, ScenarioQuestion, fit, path_of, periods, stretches
from xl_smallcap.data.panel import Panel
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError
from xl_smallcap.models.entropy_pooling import FEWEST_EFFECTIVE, Pooled, pool
from xl_smallcap.models.outcome import MixtureOutcome, Outcome, SampledOutcome, StudentOutcome
from xl_smallcap.models.projection import WEEKS_A_MONTH, Given, Projection, condition_on, project, tail_df
from xl_smallcap.models.regime_mixture import conditioned, regime_moments
from xl_smallcap.models.simulation import block_bootstrap, simulate
from xl_smallcap.session import Session
from xl_smallcap.types import DayArray, FloatArray, Window


@dataclass(frozen=True)
class Projected:
    """A projection with everything a cell may ask of it; `outcomes` are by month, or the last alone."""

    asked: ScenarioQuestion
    fitted: Fitted
    path: Path
    given: Given
    analytic: Projection
    outcome: Outcome
    fan: tuple[Outcome, ...]
    contributions: FloatArray
    rest: float
    shares: tuple[float, float, float] | None
    weights: FloatArray | None = None
    effective: float | None = None


def project_path(session: Session, asked: ScenarioQuestion, whole_fan: bool = False) -> Projected:
    """Project one path."""
    if session.settings.scenario_means and asked.method in ("pooling", "regimes"):
        raise BadArgumentError(
            f"Method '{asked.method}' looks at history about its mean, so the setting scenario_means = 1 has no place "
            "in it; use method 'analytic', 'simulation' or 'bootstrap', or set it to 0."
        )
    fitted = fit(session, asked.question)
    path = path_of(session, asked, fitted)
    given = condition_on(fitted.model.covariance, path.named, fitted.names)
    analytic = project(fitted.model, given, path.shocks, asked.months, bool(session.settings.scenario_means))
    last = asked.months
    months = range(1, last + 1) if whole_fan else range(last, last + 1)
    variance = float(analytic.variance[-1])
    parts = (analytic.path_variance[-1], analytic.beta_variance[-1], analytic.residual_variance[-1])
    shares: tuple[float, float, float] | None = (
        float(parts[0] / variance),
        float(parts[1] / variance),
        float(parts[2] / variance),
    )
    contributions, rest = analytic.contributions[-1], float(analytic.drift[-1])
    weights: FloatArray | None = None
    effective: float | None = None
    fan: tuple[Outcome, ...]
    if asked.method == "analytic":
        fan = tuple(analytic.outcome(m) for m in months)
    elif asked.method in ("simulation", "bootstrap"):
        settings = session.settings
        length = asked.path_months if path.named.any() else 0
        draws, seed = settings.scenario_draws, settings.seed
        if asked.method == "simulation":
            drawn = simulate(fitted.model, given, analytic, length, draws, seed)
        else:
            past = (fitted.panel.changes[:, 0], fitted.panel.changes[:, 1:])
            drawn = block_bootstrap(fitted.model, given, analytic, length, past, draws, seed)
        fan = tuple(SampledOutcome.of(drawn[m - 1]) for m in months)
    elif asked.method == "pooling":
        made = [pooled_outcome(fitted, path, m) for m in months]
        fan = tuple(outcome for outcome, _, _ in made)
        _, pooled, factors = made[-1]
        contributions = (pooled.weights @ factors) * fitted.model.loading
        rest = fan[-1].mean - float(contributions.sum())
        shares, effective = None, pooled.effective
    else:
        mixed = [_mixture(session, asked, fitted, path, m) for m in months]
        fan = tuple(outcome for outcome, *_ in mixed)
        _, weights, expected, shares, effective = mixed[-1]
        contributions, rest = expected * fitted.model.loading, 0.0
    return Projected(
        asked, fitted, path, given, analytic, fan[-1], fan, contributions, rest, shares, weights, effective
    )  # fmt: skip


def pooled_history(fitted: Fitted, path: Path, months: int) -> tuple[Pooled, FloatArray]:
    """Reweight the past so that it meets the path.

    sums: of target and regressors over every stretch of the horizon's length, about their mean.
    """
    sums, begun, _, _ = stretches(fitted.panel, months, path.given_months(months))
    if sums.shape[0] < 2 * FEWEST_EFFECTIVE:
        raise NoDataError(f"Only {sums.shape[0]} stretches of {months} months lie in the history; that is too few.")
    sums, begun = sums - sums.mean(axis=0), begun - begun.mean(axis=0)
    quotes = np.array(fitted.panel.quotes[1:])[path.named]
    names = tuple(
        f"'{n}' ({'%' if q == 'pct' else 'bp'}, about its mean)"
        for n, q in zip(np.array(fitted.names)[path.named], quotes, strict=True)
    )
    return pool(begun[:, 1:][:, path.named].T.copy(), path.total(months), names), sums


def pooled_outcome(fitted: Fitted, path: Path, months: int) -> tuple[Outcome, Pooled, FloatArray]:
    """Return the reweighted past as a distribution. factors: of each stretch."""
    pooled, sums = pooled_history(fitted, path, months)
    if pooled.effective < FEWEST_EFFECTIVE:
        raise FitError(
            f"Meeting the path leaves {pooled.effective:.0f} effective scenarios of {sums.shape[0]}; fewer than "
            f"{FEWEST_EFFECTIVE:.0f} are no distribution. Give a smaller shock, or use method 'analytic'."
        )
    return SampledOutcome.of(fitted.position(sums), pooled.weights), pooled, sums[:, 1:]


def regime_weights(
    session: Session, as_of: np.datetime64 | None, panel: Panel, months: int
) -> tuple[FloatArray, FloatArray, FloatArray, DayArray, DayArray]:
    """Return h-month changes after each month end with the regimes told then, and the regimes now.

    probability: filtered, at the month end before.
    """
    history = regime_history(session, "chains", as_of)
    sums, starts, ends = periods(panel, months)
    month = history.days.astype("datetime64[M]")
    at = np.searchsorted(month, starts.astype("datetime64[M]"))
    there = (at < month.size) & (month[np.minimum(at, month.size - 1)] == starts.astype("datetime64[M]"))
    p = history.probabilities[:3, np.minimum(at, month.size - 1)]
    there &= np.isfinite(p).all(axis=0)
    if there.sum() < FEWEST_EFFECTIVE:
        raise NoDataError(f"Only {int(there.sum())} months have both a regime and what followed; 30 are needed.")
    now = regimes_now(session, "chains", as_of).probabilities(0)[:3, 0]
    return sums[there], p[:, there], now, starts[there], ends[there]


def _mixture(
    session: Session, asked: ScenarioQuestion, fitted: Fitted, path: Path, months: int
) -> tuple[Outcome, FloatArray, FloatArray, tuple[float, float, float], float]:
    """Condition a mixture over regimes on the path: outcome, weights, expected factors, shares, effective months."""
    monthly = aligned(session, replace(asked.question, window=Window(1, "monthly")))
    told = path.given_months(months) if path.named.any() else months
    sums, p, now, _, _ = regime_weights(session, asked.question.as_of, monthly, told)
    moments = regime_moments(sums[:, 1:], p, told)
    model, b = fitted.model, fitted.model.loading
    weights, means, covariances = conditioned(moments, now, path.named, path.total(told), fitted.names)
    # after the path's end factors are free again, as in the analytic projection
    covariances = covariances + WEEKS_A_MONTH * (months - told) * model.covariance
    residual = WEEKS_A_MONTH * months * model.residual_variance
    parts, estimation = [], []
    for f, S in zip(means, covariances, strict=True):
        betas = float(f @ model.beta_covariance @ f + (model.beta_covariance * S).sum())
        estimation.append(betas)
        total = float(b @ S @ b) + betas + residual
        parts.append(StudentOutcome(float(b @ f), float(np.sqrt(total)), tail_df(months)))
    outcome = MixtureOutcome(weights, tuple(parts))
    variance = outcome.sd**2
    shares = (float(weights @ np.array(estimation)) / variance, residual / variance)
    q = (now / p.sum(axis=1)) @ p
    effective = float(q.sum() ** 2 / (q * q).sum()) / told
    return outcome, weights, weights @ means, (1.0 - shares[0] - shares[1], *shares), effective
