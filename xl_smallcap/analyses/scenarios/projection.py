"""A path of factors: the weekly model it is laid on, and what it means for a target, by each method."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.question import MARKET, SPELLED, Question, aligned, check_gaps, check_window, snapshot_day
from xl_smallcap.analyses.regimes.now import regimes_now
from xl_smallcap.analyses.regimes.record import regime_history
from xl_smallcap.analyses.scenarios.bundle import bundled, past_of
from xl_smallcap.data.catalogue import Target
from xl_smallcap.data.panel import Panel
from xl_smallcap.data.scenarios import Scenario, Shock
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError
from xl_smallcap.models.prior import monthly_ratios
from xl_smallcap.models.projection import (
    WEEKS_A_MONTH,
    FactorModel,
    Given,
    MixtureOutcome,
    Outcome,
    Projection,
    SampledOutcome,
    StudentOutcome,
    condition_on,
    fit_factor_model,
    project,
    tail_df,
)
from xl_smallcap.models.simulation import (
    FEWEST_EFFECTIVE,
    FEWEST_STRETCHES,
    Pooled,
    block_bootstrap,
    conditioned,
    pool,
    regime_moments,
    simulate,
)
from xl_smallcap.session import Session
from xl_smallcap.types import BoolArray, DayArray, FloatArray, RegimeModel, ScenarioMethod, Window

LONGEST_HORIZON = 12
REGIME_STATES: RegimeModel = "chains"
"""Whose states weigh history: the pool has none of its own."""
WINDOW = Window(104, "weekly")
"""Betas and covariances of a projection: two years of weeks."""


@dataclass(frozen=True)
class ScenarioQuestion:
    """Which path, for which regression, how far and by which method."""

    question: Question
    scenario: Scenario
    months: int
    method: ScenarioMethod = "analytic"

    @property
    def path_months(self) -> int:
        """Months in which the path gives factors."""
        return self.scenario.months or self.months


@dataclass(frozen=True)
class FittedModel:
    """The weekly model of a target with its panel."""

    panel: Panel
    model: FactorModel
    why_no_days: str = ""
    """Why today's volatility is not known, where the bundle asks for it."""

    @property
    def names(self) -> tuple[str, ...]:
        """Regressors."""
        return self.panel.names[1:]

    def position(self, changes: FloatArray) -> FloatArray:
        """Return of the position: the target, hedged where the model hedges. %."""
        hedge = self.model.beta - self.model.loading
        return np.asarray(changes[:, 0] - changes[:, 1:] @ hedge)


def fit(session: Session, question: Question) -> FittedModel:
    """Fit the weekly model of a projection, or return it from the cache."""
    panel = aligned(session, question)
    check_window(session, question, panel)
    check_gaps(question, panel)
    n = question.window.count
    hedged = np.array([question.target.market and name == MARKET for name in panel.names[1:]])

    def compute() -> FactorModel:
        return fit_factor_model(panel.changes[-n:, 0], panel.changes[-n:, 1:], panel.names[1:], hedged)

    key = ("projection", panel.digest, str(question.window), str(question.target.market))
    if not session.settings.scenario_bundle or question.window != WINDOW:
        return FittedModel(panel, session.get_or_compute(key, compute, FactorModel))
    past = past_of(session, question, panel)
    day = question.as_of if question.as_of is not None else snapshot_day(session)

    def add() -> FactorModel:
        return bundled(compute(), past, panel.dates.size, n, day)

    wider = ("projection bundle", *key[1:], *past.key)
    return FittedModel(panel, session.get_or_compute(wider, add, FactorModel), past.why_no_days)


@dataclass(frozen=True)
class Path:
    """A scenario in the factors' own units: which are given, and their change in each month."""

    named: BoolArray
    shocks: FloatArray

    def given_months(self, months: int) -> int:
        """Return in how many months of a horizon factors are given. At least 1, also where nothing is given."""
        return min(months, len(self.shocks))

    def total(self, months: int) -> FloatArray:
        """Change of each given factor within a horizon."""
        return np.asarray(self.shocks[:months].sum(axis=0))


def path_of(session: Session, question: ScenarioQuestion, fitted: FittedModel) -> Path:
    """Turn a scenario's shocks into factor changes a month."""
    months, names = question.path_months, fitted.names
    changes: dict[int, FloatArray] = {}
    for shock in question.scenario.shocks:
        k = _place(session, question.question, shock, names)
        if k in changes:
            raise BadArgumentError(
                f"Scenario '{question.scenario.id}' gives '{names[k]}' twice (once as '{shock.factor}'); give each "
                "factor one shock, or one a month."
            )
        quote = fitted.panel.quotes[1 + k]
        scale = 1.0
        if shock.unit == "sd":
            scale = float(np.sqrt(fitted.model.covariance[k, k] * WEEKS_A_MONTH * months))
        elif shock.unit != quote:
            raise BadArgumentError(
                f"'{names[k]}' is measured in {SPELLED[quote]}, so its shock needs the unit '{quote}' or 'sd'; got "
                f"'{shock.unit}'."
            )
        shape = shock.by_month if shock.by_month is not None else (shock.total / months,) * months
        changes[k] = scale * np.array(shape)
    named = np.isin(np.arange(len(names)), list(changes))
    shocks = np.column_stack([changes[k] for k in sorted(changes)]) if changes else np.zeros((months, 0))
    return Path(named, shocks)


def _place(session: Session, question: Question, shock: Shock, names: tuple[str, ...]) -> int:
    word = shock.factor.strip()
    if word.lower() == MARKET and MARKET in names:
        return names.index(MARKET)
    factor = session.catalogue.factor(word).id
    if factor not in names:
        others = session.catalogue.specs_with(factor)
        use = f" Use specification '{others[0]}'." if others else ""
        raise BadArgumentError(f"Factor '{factor}' of the path is not in specification '{question.spec.id}'.{use}")
    return names.index(factor)


def periods(panel: Panel, length: int) -> tuple[FloatArray, DayArray, DayArray]:
    """Return the changes over every so many consecutive periods, and when each begins and ends.

    sums: overlapping; those across a gap are left out.
    """
    n = panel.dates.size - length + 1
    if n < 1:
        return np.zeros((0, panel.changes.shape[1])), panel.starts[:0], panel.dates[:0]
    total = np.concatenate([np.zeros((1, panel.changes.shape[1])), np.cumsum(panel.changes, axis=0)])
    sums, starts, ends = total[length:] - total[:-length], panel.starts[:n], panel.dates[length - 1 :]
    whole = np.ones(n, dtype=bool)
    broken = np.flatnonzero(panel.starts[1:] != panel.dates[:-1]) + 1
    for gap in broken:
        whole[max(0, gap - length + 1) : gap] = False
    return sums[whole], starts[whole], ends[whole]


def weeks_in(months: int) -> int:
    """Whole weeks nearest to so many months."""
    return round(WEEKS_A_MONTH * months)


def stretches(panel: Panel, months: int, given: int) -> tuple[FloatArray, FloatArray, DayArray, DayArray]:
    """Return every past stretch of a horizon's length, and its first months: a path may be shorter than the horizon.

    sums, beginnings: changes over the whole of each stretch, and over its beginning.
    """
    sums, starts, ends = periods(panel, weeks_in(months))
    begun, at_start, _ = periods(panel, weeks_in(given))
    # what is whole has a whole beginning
    return sums, begun[np.searchsorted(at_start, starts)], starts, ends


def outperformance(session: Session, question: Question) -> Question:
    """Return the question of the target less the S&P 500; ``relative`` and ``hedged`` are that already."""
    target, market = question.target, session.catalogue.market
    if target.market or (market, -1.0) in target.legs:
        return question
    if target.legs == ((market, 1.0),):
        raise BadArgumentError(
            f"'{target.id}' is what outperformance is measured against; ask of 'russell', 'relative' or 'hedged'."
        )
    same = [t for t in session.catalogue.targets.values() if t.legs == (*target.legs, (market, -1.0)) and not t.market]
    return replace(
        question,
        target=same[0] if same else Target(f"{target.id} less {market}", target.label, (*target.legs, (market, -1.0))),
    )


# -- What does a path of factors mean for a target: expectation, range and odds, by each method?


@dataclass(frozen=True)
class Projected:
    """A projection with everything a cell may ask of it; `outcomes` are by month, or the last alone."""

    asked: ScenarioQuestion
    fitted: FittedModel
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


def project_path(session: Session, question: ScenarioQuestion, whole_fan: bool = False) -> Projected:
    """Project one path."""
    if session.settings.scenario_means and session.settings.scenario_bundle:
        raise BadArgumentError(
            "The settings scenario_means = 1 and scenario_bundle = 1 give a projection two drifts; set one to 0."
        )
    if session.settings.scenario_means and question.method in ("pooling", "regimes"):
        raise BadArgumentError(
            f"Method '{question.method}' looks at history about its mean, so the setting scenario_means = 1 has no "
            "place in it; use method 'analytic', 'simulation' or 'bootstrap', or set it to 0."
        )
    fitted = fit(session, question.question)
    path = path_of(session, question, fitted)
    given = condition_on(fitted.model.covariance, path.named, fitted.names)
    analytic = project(fitted.model, given, path.shocks, question.months, bool(session.settings.scenario_means))
    last = question.months
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
    if question.method == "analytic":
        fan = tuple(analytic.outcome(m) for m in months)
    elif question.method in ("simulation", "bootstrap"):
        settings = session.settings
        length = question.path_months if path.named.any() else 0
        draws, seed = settings.scenario_draws, settings.seed
        if question.method == "simulation":
            drawn = simulate(fitted.model, given, analytic, length, draws, seed)
        else:
            past = (fitted.panel.changes[:, 0], fitted.panel.changes[:, 1:])
            drawn = block_bootstrap(fitted.model, given, analytic, length, past, draws, seed)
        fan = tuple(SampledOutcome.of(drawn[m - 1]) for m in months)
    elif question.method == "pooling":
        made = [pooled_outcome(fitted, path, m) for m in months]
        fan = tuple(outcome for outcome, _, _ in made)
        _, pooled, factors = made[-1]
        contributions = (pooled.weights @ factors) * fitted.model.loading
        rest = fan[-1].mean - float(contributions.sum())
        shares, effective = None, pooled.effective
    else:
        mixed = [_mixture(session, question, fitted, path, m) for m in months]
        fan = tuple(outcome for outcome, *_ in mixed)
        _, weights, expected, shares, effective = mixed[-1]
        contributions, rest = expected * fitted.model.loading, float(analytic.drift[-1])
    return Projected(
        question, fitted, path, given, analytic, fan[-1], fan, contributions, rest, shares, weights, effective
    )  # fmt: skip


def pooled_history(fitted: FittedModel, path: Path, months: int) -> tuple[Pooled, FloatArray]:
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
    pooled = pool(begun[:, 1:][:, path.named].T.copy(), _about(fitted, path, months), names)
    # neighbouring stretches share all weeks but one
    return replace(pooled, effective=pooled.effective / weeks_in(months)), sums


def _about(fitted: FittedModel, path: Path, months: int) -> FloatArray:
    """Change of each given factor within a horizon, about the means that count."""
    weeks = WEEKS_A_MONTH * path.given_months(months)
    return np.asarray(path.total(months) - weeks * fitted.model.about[path.named])


def pooled_outcome(fitted: FittedModel, path: Path, months: int) -> tuple[Outcome, Pooled, FloatArray]:
    """Return the reweighted past as a distribution. factors: of each stretch."""
    pooled, sums = pooled_history(fitted, path, months)
    if pooled.effective < FEWEST_STRETCHES:
        raise FitError(
            f"Meeting the path leaves {pooled.effective:.1f} effective stretches of {months} months that do not "
            f"overlap; fewer than {FEWEST_STRETCHES:.0f} are no distribution. Give a smaller shock, a shorter horizon, "
            "or use method 'analytic'."
        )
    drift = fitted.model.own_drift * WEEKS_A_MONTH * months
    return SampledOutcome.of(fitted.position(sums) + drift, pooled.weights), pooled, sums[:, 1:]


def regime_weights(
    session: Session, as_of: np.datetime64 | None, panel: Panel, months: int
) -> tuple[FloatArray, FloatArray, FloatArray, DayArray, DayArray]:
    """Return h-month changes after each month end with the regimes told then, and the regimes now.

    probability: filtered, at the month end before.
    """
    history = regime_history(session, REGIME_STATES, as_of)
    sums, starts, ends = periods(panel, months)
    month = history.days.astype("datetime64[M]")
    index = np.searchsorted(month, starts.astype("datetime64[M]"))
    there = (index < month.size) & (month[np.minimum(index, month.size - 1)] == starts.astype("datetime64[M]"))
    p = history.probabilities[:3, np.minimum(index, month.size - 1)]
    there &= np.isfinite(p).all(axis=0)
    if there.sum() < FEWEST_EFFECTIVE:
        raise NoDataError(f"Only {int(there.sum())} months have both a regime and what followed; 30 are needed.")
    now = regimes_now(session, REGIME_STATES, as_of).probabilities(0)[:3, 0]
    return sums[there], p[:, there], now, starts[there], ends[there]


def _mixture(
    session: Session, question: ScenarioQuestion, fitted: FittedModel, path: Path, months: int
) -> tuple[Outcome, FloatArray, FloatArray, tuple[float, float, float], float]:
    """Condition a mixture over regimes on the path: outcome, weights, expected factors, shares, effective months."""
    monthly = aligned(session, replace(question.question, window=Window(1, "monthly")))
    length = path.given_months(months) if path.named.any() else months
    sums, p, now, _, _ = regime_weights(session, question.question.as_of, monthly, length)
    moments = regime_moments(sums[:, 1:], p, length)
    model, b = fitted.model, fitted.model.loading
    weights, means, covariances = conditioned(moments, now, path.named, _about(fitted, path, length), fitted.names)
    # after the path's end factors are free again, as in the analytic projection
    covariances = covariances + WEEKS_A_MONTH * (months - length) * model.covariance
    weeks = WEEKS_A_MONTH * months
    residual = WEEKS_A_MONTH * model.residual_variance * float(monthly_ratios(model.residual_ratio, months).sum())
    parts, estimation = [], []
    for f, S in zip(means, covariances, strict=True):
        betas = float(f @ model.beta_covariance @ f + (model.beta_covariance * S).sum())
        estimation.append(betas)
        total = float(b @ S @ b) + betas + residual
        mean = float(b @ f) + model.own_drift * weeks
        parts.append(StudentOutcome(mean, float(np.sqrt(total)), tail_df(months, model.weekly_df)))
    outcome = MixtureOutcome(weights, tuple(parts))
    variance = outcome.sd**2
    shares = (float(weights @ np.array(estimation)) / variance, residual / variance)
    q = (now / p.sum(axis=1)) @ p
    effective = float(q.sum() ** 2 / (q * q).sum()) / length
    return outcome, weights, weights @ means, (1.0 - shares[0] - shares[1], *shares), effective
