"""How believable is a path, what happened in times like it, and how often does the target win anyway?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.question import MARKET, Question, aligned, check_gaps, check_window
from xl_smallcap.analyses.scenario_projection import Projected
from xl_smallcap.analyses.scenarios import Fitted, Path, fit, periods, stretches
from xl_smallcap.data.panel import Column, Panel
from xl_smallcap.data.scenarios import SHEET
from xl_smallcap.errors import NoDataError
from xl_smallcap.models.conditioning import unfit
from xl_smallcap.models.estimation import point_fit, standardised
from xl_smallcap.models.projection import WEEKS_A_MONTH
from xl_smallcap.models.scores import group_means
from xl_smallcap.session import Session
from xl_smallcap.types import FloatArray, Method, Window

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


def distance(fitted: Fitted, path: Path, months: int) -> float:
    """Return how far a path lies from no change, in standard deviations of its factors together.

    Mahalanobis (1936), over the months in which the path gives factors; 0 where nothing is given.
    """
    return float(_distances(fitted, path, path.total(months)[None], months)[0])


def _distances(fitted: Fitted, path: Path, totals: FloatArray, months: int) -> FloatArray:
    if not path.named.any():
        return np.zeros(totals.shape[0])
    given = path.given_months(months)
    S = fitted.model.covariance[np.ix_(path.named, path.named)] * WEEKS_A_MONTH * given
    sd = np.sqrt(np.diag(S))
    z = totals / sd
    return np.asarray(np.sqrt(np.maximum((z * np.linalg.solve(S / np.outer(sd, sd), z.T).T).sum(axis=1), 0.0)))


def plausibility(fitted: Fitted, path: Path, months: int) -> float:
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


def worst_analogue(found: Projected) -> Analogue:
    """Return the worst of the twentieth of past stretches whose factors lie nearest to the path's."""
    fitted, path, months = found.fitted, found.path, found.asked.months
    # a path shorter than the horizon is compared with the beginning of each stretch
    sums, begun, starts, ends = stretches(fitted.panel, months, path.given_months(months))
    if sums.shape[0] < FEWEST_PERIODS:
        raise NoDataError(f"Only {sums.shape[0]} stretches of {months} months lie in the history; that is too few.")
    away = begun[:, 1:][:, path.named] - path.total(months)
    far = _distances(fitted, path, away, months)
    nearest = np.argsort(far, kind="stable")[: max(1, int(np.ceil(NEAREST_SHARE * far.size)))]
    returns = fitted.position(sums[nearest])
    at = int(nearest[int(returns.argmin())])
    return Analogue(starts[at], ends[at], float(returns.min()), float(far[at]), nearest.size)


def frequency_conflict(session: Session, fitted: Fitted, question: Question) -> tuple[str, ...]:
    """Return the factors whose daily and weekly betas have opposite signs.

    By joint regression on the last 250 days and the weekly window.
    """
    daily = replace(question, window=DAILY)
    panel: Panel = aligned(session, daily)
    check_window(session, daily, panel)
    check_gaps(daily, panel)
    y, X = panel.changes[-DAILY.count :, 0], panel.changes[-DAILY.count :, 1:]
    if unfit(X):
        return ()
    betas = point_fit(y, standardised(X)[0], Method("ols")).params
    signs = np.sign(betas) * np.sign(fitted.model.beta)
    return tuple(n for n, s in zip(fitted.names, signs, strict=True) if s < 0)


def warning(found: Projected, conflicts: tuple[str, ...]) -> str:
    """Say in a sentence what to be wary of. "none" where there is nothing."""
    said = []
    p = plausibility(found.fitted, found.path, found.asked.months)
    if p < IMPLAUSIBLE:
        said.append(
            f"the path is implausible: {distance(found.fitted, found.path, found.asked.months):.1f} standard "
            f"deviations from no change, p {p:.1g}"
        )
    given = [n for n, named in zip(found.fitted.names, found.path.named, strict=True) if named]
    crossed = [n for n in conflicts if n in given]
    if crossed:
        said.append(f"daily and weekly betas to {', '.join(crossed)} have opposite signs")
    if found.asked.scenario.months and found.asked.months > found.asked.scenario.months:
        said.append(f"the path ends after {found.asked.scenario.months} months; later factors are free")
    for shock in found.asked.scenario.shocks if found.asked.scenario.id == SHEET else ():
        if shock.unit == "pct" and 0.0 < abs(shock.total) < 1.0:
            said.append(
                f"the shock to {shock.factor} is {shock.total:g} %; if {100.0 * shock.total:g} % is meant, write "
                f"{100.0 * shock.total:g}"
            )
    return "; ".join(said) or "none"
