"""From a path of factors to a distribution of the target: the weekly model, conditioning, the outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from xl_smallcap.errors import FitError
from xl_smallcap.models.estimation import solve_least_squares
from xl_smallcap.models.factor_fit import check_regression
from xl_smallcap.models.inference import bartlett_weights, by_leverage, newey_west_lags
from xl_smallcap.models.prior import monthly_ratios
from xl_smallcap.types import BoolArray, FloatArray

_BISECTIONS = 80


class Outcome(Protocol):
    """The distribution of a return in %."""

    @property
    def mean(self) -> float:
        """Expected return, %."""

    @property
    def sd(self) -> float:
        """Standard deviation, %."""

    def quantile(self, p: float) -> float:
        """Return below which it stays with probability p, in %."""

    def above_zero(self) -> float:
        """Probability of a return above zero, 0 to 1."""


@dataclass(frozen=True)
class StudentOutcome:
    """Student's t of `df` degrees of freedom, scaled so that its standard deviation is `sd`."""

    mean: float
    sd: float
    df: float

    @property
    def scale(self) -> float:
        """What a standard t is multiplied with: sd sqrt((df - 2)/df)."""
        return float(self.sd * np.sqrt((self.df - 2.0) / self.df))

    def quantile(self, p: float) -> float:
        """Return below which it stays with probability p. %."""
        from scipy.special import stdtrit

        return float(self.mean + self.scale * stdtrit(self.df, p))

    def above_zero(self) -> float:
        """Probability of a return above zero."""
        from scipy.special import stdtr

        return float(stdtr(self.df, self.mean / self.scale))


@dataclass(frozen=True)
class MixtureOutcome:
    """Several scaled Student distributions, weighted."""

    weights: FloatArray
    parts: tuple[StudentOutcome, ...]

    @property
    def mean(self) -> float:
        """Weighted mean of the parts' means, %."""
        return float(sum(w * p.mean for w, p in zip(self.weights, self.parts, strict=True)))

    @property
    def sd(self) -> float:
        """Root of the mean variance and the variance of the means, %."""
        second = sum(w * (p.sd**2 + p.mean**2) for w, p in zip(self.weights, self.parts, strict=True))
        return float(np.sqrt(max(second - self.mean**2, 0.0)))

    def _below(self, x: float) -> float:
        from scipy.special import stdtr

        return float(
            sum(w * stdtr(p.df, (x - p.mean) / p.scale) for w, p in zip(self.weights, self.parts, strict=True))
        )

    def quantile(self, p: float) -> float:
        """Return below which it stays with probability p, by bisection between the parts' own. %."""
        ends = [part.quantile(p) for part in self.parts]
        low, high = min(ends), max(ends)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            if self._below(middle) < p:
                low = middle
            else:
                high = middle
        return 0.5 * (low + high)

    def above_zero(self) -> float:
        """Probability of a return above zero."""
        return 1.0 - self._below(0.0)


@dataclass(frozen=True)
class SampledOutcome:
    """Returns drawn or remembered, each with a weight (they add up to one)."""

    values: FloatArray
    weights: FloatArray

    @classmethod
    def of(cls, values: FloatArray, weights: FloatArray | None = None) -> SampledOutcome:
        """Sort once, so that quantiles are look-ups."""
        order = np.argsort(values, kind="stable")
        given = np.full(values.size, 1.0 / values.size) if weights is None else weights
        return cls(values[order], given[order])

    @property
    def mean(self) -> float:
        """Weighted mean, %."""
        return float((self.weights * self.values).sum())

    @property
    def sd(self) -> float:
        """Weighted standard deviation, %."""
        return float(np.sqrt((self.weights * (self.values - self.mean) ** 2).sum()))

    def quantile(self, p: float) -> float:
        """Return the smallest return up to which the weights reach p. %."""
        reached = np.cumsum(self.weights)
        return float(self.values[min(int(np.searchsorted(reached, p * reached[-1])), self.values.size - 1)])

    def above_zero(self) -> float:
        """Weight of the returns above zero."""
        return float(self.weights[self.values > 0.0].sum())


# -- A covariance that can be inverted and trusted: correlations shrunk towards none, variances left alone.


def shrunk_covariance(X: FloatArray) -> tuple[FloatArray, float]:
    """Return the covariance of columns with correlations shrunk by the rule of Ledoit and Wolf.

    Ledoit and Wolf (2004), eqs. 9 to 14, of the standardised columns. Percent and basis points must not be averaged,
    so the columns are standardised first; the target, a multiple of the identity, is then the identity itself.
    covariance: in the columns' units; its diagonal is the sample's (ddof 1); shrinkage: 0 leaves the correlations as
    they are, 1 sets them to zero.
    """
    n, p = X.shape
    centred = X - X.mean(axis=0)
    sd = np.sqrt((centred * centred).mean(axis=0))
    Z = centred / sd
    R = Z.T @ Z / n
    distance = float(((R - np.eye(p)) ** 2).sum())
    # mean squared distance of one observation's outer product from R: sum_t |z_t|^4 / n - |R|^2
    noise = (float(((Z * Z).sum(axis=1) ** 2).mean()) - float((R * R).sum())) / n
    shrinkage = min(max(noise, 0.0), distance) / distance if distance > 0 else 1.0
    R = (1.0 - shrinkage) * R + shrinkage * np.eye(p)
    unit = sd * np.sqrt(n / (n - 1.0))
    return R * np.outer(unit, unit), shrinkage


# -- From a path of factors to a return: conditional propagation, mean, and variance by where it comes from.


WEEKS_A_MONTH = 4.2
"""A month is 21 days, a week 5."""
WEEKLY_DF = 5.0
"""Degrees of freedom of a week's return."""
SINGULAR_CONDITION = 1e10
"""Condition number of the named factors' correlations above which they cannot all be given."""


@dataclass(frozen=True)
class FactorModel:
    """A weekly factor regression in the factors' own units, with what a projection needs."""

    beta: FloatArray  # % of the target per unit (% or bp) of each regressor
    beta_covariance: FloatArray  # Newey-West, of those
    # `beta`, with zero where the position hedges the regressor away (the market of target ``hedged``)
    loading: FloatArray
    covariance: FloatArray  # of weekly factor changes, correlations shrunk
    drift: float  # mean of the target not explained at zero factor changes, % a week
    factor_mean: FloatArray  # mean weekly changes
    residual_variance: float  # % squared a week, degrees of freedom counted
    shrinkage: float  # of the correlations
    nobs: float  # weeks in the window
    # what the bundle adds: means about which factors count, the position's own drift (% a week), residual variance and
    # each regressor's over their usual size today, degrees of freedom of a week
    about: FloatArray
    own_drift: float
    residual_ratio: float
    regressor_ratio: FloatArray
    weekly_df: float


def fit_factor_model(y: FloatArray, X: FloatArray, names: tuple[str, ...], hedged: BoolArray) -> FactorModel:
    """Regress weekly changes of a target on those of the factors.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        %.
    X : ndarray of shape (n_obs, n_factors)
        Own units.
    names : tuple of str
        Of the factors, for errors.
    hedged : ndarray of bool of shape (n_factors,)
        Regressors the position hedges away.

    Returns
    -------
    FactorModel
        Newey and West (1987) with floor(4 (T/100)^(2/9)) lags, times n/(n - 1 - k), all elements of the sandwich.

    Raises
    ------
    FitError
        Constant or collinear factors, named.
    """
    check_regression(y, X, names)
    n, p = X.shape
    mean = X.mean(axis=0)
    design = np.column_stack([np.ones(n), X - mean])
    solved = solve_least_squares(design, y)
    maps = design @ solved.xtx_inverse
    influence = maps[:, 1:] * by_leverage(solved.resid, (maps * design).sum(axis=1))[:, None]
    sandwich = np.zeros((p, p))
    for lag, weight in enumerate(bartlett_weights(newey_west_lags(n))):
        cross = influence[lag:].T @ influence[: n - lag]
        sandwich += 0.5 * weight * (cross + cross.T)
    beta = solved.params[1:]
    covariance, shrinkage = shrunk_covariance(X)
    return FactorModel(
        beta=beta,
        beta_covariance=sandwich * (n / (n - 1.0 - p)),
        loading=np.where(hedged, 0.0, beta),
        covariance=covariance,
        drift=float(solved.params[0] - np.where(hedged, 0.0, beta) @ mean),
        factor_mean=mean,
        residual_variance=float(solved.resid @ solved.resid) / (n - 1.0 - p),
        shrinkage=shrinkage,
        nobs=float(n),
        about=np.zeros(p),
        own_drift=0.0,
        residual_ratio=1.0,
        regressor_ratio=np.ones(p),
        weekly_df=WEEKLY_DF,
    )


@dataclass(frozen=True)
class Given:
    """What the named factors say about all: f | s has mean `matrix` s and covariance `covariance`."""

    named: BoolArray
    matrix: FloatArray
    covariance: FloatArray


def condition_on(covariance: FloatArray, named: BoolArray, names: tuple[str, ...]) -> Given:
    """Propagate given factors to the others: E[f2 | f1 = s] = S21 S11^-1 s.

    Parameters
    ----------
    covariance : ndarray of shape (n_factors, n_factors)
        Of the changes.
    named : ndarray of bool of shape (n_factors,)
        Which are given.
    names : tuple of str
        For errors.

    Returns
    -------
    Given
        Mean of a normal given some of its elements (Anderson 2003, theorem 2.5.1); given elements have none left.

    Raises
    ------
    FitError
        The given factors move together exactly.
    """
    k = int(named.sum())
    matrix, left = np.zeros((named.size, k)), covariance.copy()
    if k:
        one, other = np.flatnonzero(named), np.flatnonzero(~named)
        S11 = covariance[np.ix_(one, one)]
        sd = np.sqrt(np.diag(S11))
        R11 = S11 / np.outer(sd, sd)
        values = np.linalg.eigvalsh(R11)
        if values[0] * SINGULAR_CONDITION < values[-1]:
            tied = ", ".join(f"'{names[i]}'" for i in one)
            raise FitError(
                f"The factors {tied} move together exactly in this window, so a path cannot set each; give fewer."
            )
        across = np.linalg.solve(R11, (covariance[np.ix_(one, other)] / sd[:, None])).T / sd
        matrix[one, np.arange(k)] = 1.0
        matrix[other] = across
        left[:] = 0.0
        rest = covariance[np.ix_(other, other)] - across @ covariance[np.ix_(one, other)]
        left[np.ix_(other, other)] = 0.5 * (rest + rest.T)
    return Given(named, matrix, left)


@dataclass(frozen=True)
class Projection:
    """A path's return after each month, cumulated."""

    expected: FloatArray  # factor changes, given or propagated, own units
    deviations: FloatArray  # the same about the means that count
    contributions: FloatArray  # loading times deviations, %; with `drift` they add up to `mean`
    drift: FloatArray  # %
    mean: FloatArray
    path_variance: FloatArray  # % squared; they add up to the variance
    beta_variance: FloatArray
    residual_variance: FloatArray
    weekly_df: float

    @property
    def variance(self) -> FloatArray:
        """Of the return after each month, % squared."""
        return self.path_variance + self.beta_variance + self.residual_variance

    def outcome(self, month: int) -> StudentOutcome:
        """Return the distribution after a month."""
        i = month - 1
        return StudentOutcome(float(self.mean[i]), float(np.sqrt(self.variance[i])), tail_df(month, self.weekly_df))


def tail_df(months: float, weekly: float = WEEKLY_DF) -> float:
    """Return the degrees of freedom of a return over so many months.

    Parameters
    ----------
    months : float
        Horizon.
    weekly : float
        Degrees of freedom of a week, more than 4.

    Returns
    -------
    float
        4 + (weekly - 4) weeks: a sum of independent weeks that are each t with 5 has 6/weeks of excess kurtosis, which
        is that of t with 4 + weeks.
    """
    return 4.0 + (weekly - 4.0) * WEEKS_A_MONTH * months


def project(model: FactorModel, given: Given, shocks: FloatArray, months: int, means: bool = False) -> Projection:
    """Project a path.

    Parameters
    ----------
    model : FactorModel
        Betas and covariances.
    given : Given
        Propagation from the named factors.
    shocks : ndarray of shape (n_path_months, n_named)
        Change of each named factor in each month. After the path's last month nothing is given.
    months : int
        Horizon.
    means : bool
        Whether factors that are not given drift by the window's mean, and the target by its own.

    Returns
    -------
    Projection
        Var(y) = b'S b + E[f]'V E[f] + tr(V S) + h s2: the path's, the betas' (both middle terms), and the residual's.
    """
    steps = min(months, shocks.shape[0]) if given.named.any() else 0
    number = np.arange(1, months + 1)
    inside = np.minimum(number, steps)
    free = number - inside
    total = np.zeros((months, shocks.shape[1]))
    if steps:
        total = np.cumsum(shocks[:steps], axis=0)[np.maximum(inside, 1) - 1]
    weeks_in, weeks_free = WEEKS_A_MONTH * inside, WEEKS_A_MONTH * free
    weeks = weeks_in + weeks_free
    mean = model.factor_mean if means else model.about
    unexplained = mean - given.matrix @ mean[given.named]
    expected = total @ given.matrix.T + np.outer(weeks_in, unexplained) + np.outer(weeks_free, mean)
    deviations = expected if means else expected - np.outer(weeks, mean)
    contributions = deviations * model.loading
    drift = (model.drift if means else model.own_drift) * weeks
    V = model.beta_covariance
    # month by month, since what is unusual of today's volatility fades
    ratios = np.array([monthly_ratios(float(r), months) for r in model.regressor_ratio]).T
    path, trace = np.empty(months), np.empty(months)
    for m in range(months):
        S = scaled_covariance(given.covariance if m < steps else model.covariance, ratios[m])
        path[m] = WEEKS_A_MONTH * float(model.loading @ S @ model.loading)
        trace[m] = WEEKS_A_MONTH * float((V * S).sum())
    residual = monthly_ratios(model.residual_ratio, months)
    return Projection(
        expected=expected,
        deviations=deviations,
        contributions=contributions,
        drift=drift,
        mean=contributions.sum(axis=1) + drift,
        path_variance=np.cumsum(path),
        beta_variance=np.einsum("mi,ij,mj->m", deviations, V, deviations) + np.cumsum(trace),
        residual_variance=WEEKS_A_MONTH * model.residual_variance * np.cumsum(residual),
        weekly_df=model.weekly_df,
    )


def scaled_covariance(covariance: FloatArray, ratios: FloatArray) -> FloatArray:
    """Multiply variances by what they are over their usual size, correlations as they are."""
    if (ratios == 1.0).all():
        return covariance
    root = np.sqrt(ratios)
    return np.asarray(covariance * np.outer(root, root))


MOST_SHAPLEY = 8
"""Factors named together at most: 2^8 sets of them are told."""


def shapley(model: FactorModel, named: BoolArray, total: FloatArray, weeks: float, names: tuple[str, ...],
            means: bool = False) -> FloatArray:  # fmt: skip
    """Return what telling each named factor of a path is worth, % of the projected mean.

    Parameters
    ----------
    model : FactorModel
        Betas and covariances.
    named : ndarray of bool of shape (n_factors,)
        Which factors the path gives.
    total : ndarray of shape (n_named,)
        Their change within the horizon.
    weeks : float
        Weeks in which they are given.
    names : tuple of str
        Of the factors, for errors.
    means : bool
        Whether factors count about the window's means instead of the model's.

    Returns
    -------
    ndarray of shape (n_named,)
        Mean over all orders of telling; those not told yet follow by conditional mean. They add up to the path's mean
        less that of no path.

    Raises
    ------
    FitError
        Factors that move together exactly.

    Notes
    -----
    Shapley (1953), exact over the 2^k sets.
    """
    place = np.flatnonzero(named)
    k = place.size
    about = model.factor_mean if means else model.about
    away = total - weeks * about[place]
    worth = np.zeros(1 << k)
    for chosen in range(1, 1 << k):
        told = np.array([bool(chosen >> i & 1) for i in range(k)])
        part = np.zeros_like(named)
        part[place[told]] = True
        worth[chosen] = model.loading @ (condition_on(model.covariance, part, names).matrix @ away[told])
    out = np.zeros(k)
    size = np.array([chosen.bit_count() for chosen in range(1 << k)])
    weight = np.array([math.factorial(s) * math.factorial(k - s - 1) / math.factorial(k) for s in range(k)])
    for i in range(k):
        without = np.flatnonzero((np.arange(1 << k) >> i & 1) == 0)
        out[i] = (weight[size[without]] * (worth[without | (1 << i)] - worth[without])).sum()
    return out
