"""From a path of factors to a distribution of the target: the weekly model, conditioning, the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from xl_smallcap.errors import FitError
from xl_smallcap.models.estimation import solve_least_squares
from xl_smallcap.models.factor_fit import check_regression
from xl_smallcap.models.inference import bartlett_weights, by_leverage, newey_west_lags
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
    contributions: FloatArray  # loading times expected, %; with `drift` they add up to `mean`
    drift: FloatArray  # %
    mean: FloatArray
    path_variance: FloatArray  # % squared; they add up to the variance
    beta_variance: FloatArray
    residual_variance: FloatArray

    @property
    def variance(self) -> FloatArray:
        """Of the return after each month, % squared."""
        return self.path_variance + self.beta_variance + self.residual_variance

    def outcome(self, month: int) -> StudentOutcome:
        """Return the distribution after a month."""
        i = month - 1
        return StudentOutcome(float(self.mean[i]), float(np.sqrt(self.variance[i])), tail_df(month))


def tail_df(months: float) -> float:
    """Return the degrees of freedom of a return over so many months.

    Parameters
    ----------
    months : float
        Horizon.

    Returns
    -------
    float
        4 + weeks: a sum of independent weeks that are each t with 5 has 6/weeks of excess kurtosis, which is that of t
        with 4 + weeks.
    """
    return 4.0 + WEEKS_A_MONTH * months


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
    drift = np.zeros(months)
    expected = total @ given.matrix.T
    if means:
        mean = model.factor_mean
        unexplained = mean - given.matrix @ mean[given.named]
        expected = expected + np.outer(weeks_in, unexplained) + np.outer(weeks_free, mean)
        drift = model.drift * (weeks_in + weeks_free)
    contributions = expected * model.loading
    S_in, S_free = given.covariance, model.covariance
    V, b = model.beta_covariance, model.loading
    path = weeks_in * (b @ S_in @ b) + weeks_free * (b @ S_free @ b)
    trace = weeks_in * (V * S_in).sum() + weeks_free * (V * S_free).sum()
    betas = np.einsum("mi,ij,mj->m", expected, V, expected) + trace
    return Projection(
        expected=expected,
        contributions=contributions,
        drift=drift,
        mean=contributions.sum(axis=1) + drift,
        path_variance=np.asarray(path),
        beta_variance=np.asarray(betas),
        residual_variance=np.asarray((weeks_in + weeks_free) * model.residual_variance),
    )
