"""Regime models: hidden Markov chains of growth, inflation and volatility, and fixed thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.kernels.hidden_markov import (
    Room,
    StateModel,
    expectation,
    filtered,
    log_emission,
    maximisation,
    observations,
)
from xl_smallcap.types import BoolArray, FloatArray, IntArray

_ITERATIONS = 300
_TOLERANCE = 1e-6
_SAME_LIKELIHOOD = 0.01
_FLOOR_SHARE = 0.01
"""Least variance of a state, as a share of the whole series': a state must not shrink onto a few equal months."""
_LEAST_WEIGHT = 0.02
"""A state with fewer of the months, or at the floor of its variance, is degenerate."""
WINSOR_SD = 3.0


@dataclass(frozen=True)
class Fit:
    """The best fit of each window."""

    # states in order of their mean of the first dimension, lowest first; the last axis is the window
    parameters: StateModel
    log_likelihood: FloatArray
    reached: FloatArray  # share of the starts that came within 0.01 of the best log likelihood
    separation: FloatArray  # distance of the two outermost means in the wider of their standard deviations
    usable: BoolArray  # whether any start reached a fit without a degenerate state


def winsorised(x: FloatArray, sd: float = WINSOR_SD) -> FloatArray:
    """Pull values beyond so many robust standard deviations (1.4826 times the median absolute deviation) to that edge.

    Parameters
    ----------
    x : ndarray of shape (n,)
        NaN where missing; stays so.
    sd : float
        How many.

    Returns
    -------
    ndarray of shape (n,)
    """
    seen = x[np.isfinite(x)]
    middle = np.median(seen)
    spread = 1.4826 * np.median(np.abs(seen - middle))
    return np.asarray(np.clip(x, middle - sd * spread, middle + sd * spread)) if spread > 0 else x.copy()


def first_moments(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of each column, with the same bits whatever its company."""
    columns = x.shape[-1]
    # numpy adds up a single column in another order than one of several
    beside = np.repeat(x, 2, axis=-1) if columns == 1 else x
    return np.nanmean(beside, axis=0)[..., :columns], np.nanvar(beside, axis=0)[..., :columns]


def starts(x: FloatArray, states: int, count: int, seed: int) -> StateModel:
    """Return random parameters to start from, the same in units of each window's own mean and deviation.

    Parameters
    ----------
    x : ndarray of shape (n_times, n_dims, n_windows)
        Observations, NaN where missing.
    states, count : int
        States, and starts a window.
    seed : int
        Of the generator.

    Returns
    -------
    StateModel
        Members are windows times starts, the starts of a window together.
    """
    rng = np.random.default_rng(seed)
    dims, windows = x.shape[1:]
    middle, variance = first_moments(x)
    spread = np.sqrt(variance)
    means = np.sort(rng.standard_normal((states, dims, count)), axis=0)
    scales = rng.uniform(0.3, 1.2, (states, dims, count))
    stay = rng.uniform(0.8, 0.99, (states, count))
    mean = middle[None, :, :, None] + spread[None, :, :, None] * means[:, :, None, :]
    sd = spread[None, :, :, None] * scales[:, :, None, :]
    covariance = np.zeros((states, dims, dims, windows, count))
    for i in range(dims):
        covariance[:, i, i] = sd[:, i] ** 2
    transition = np.repeat(((1.0 - stay) / (states - 1))[:, None], states, axis=1)
    for k in range(states):
        transition[k, k] = stay[k]
    members = windows * count
    return StateModel(
        np.full((states, members), 1.0 / states),
        np.array(np.broadcast_to(transition[:, :, None], (states, states, windows, count))).reshape(
            states, states, members
        ),
        mean.reshape(states, dims, members),
        covariance.reshape(states, dims, dims, members),
    )


def improve(
    x: FloatArray,
    lengths: IntArray,
    parameters: StateModel,
    iterations: int = _ITERATIONS,
    tolerance: float = _TOLERANCE,
) -> tuple[StateModel, FloatArray]:
    """Run EM on every member until its log likelihood gains less than the tolerance."""
    floor = _FLOOR_SHARE * first_moments(x)[1]
    members = lengths.size
    best, live = np.full(members, -np.inf), np.arange(members)
    part = every = observations(x, lengths)
    room = Room()
    for _ in range(iterations):
        if live.size < part.inside.shape[1]:
            part = every.take(live)
        # a start from which the data are impossible ends as 0 / 0: it is left, and has no likelihood
        with np.errstate(divide="ignore", invalid="ignore"):
            moments = expectation(part, parameters.take(live), room)
            better = maximisation(moments, floor[:, live])
        sound = np.isfinite(moments.log_likelihood) & np.isfinite(better.transition).all(axis=(0, 1))
        sound &= np.isfinite(better.covariance).all(axis=(0, 1, 2)) & np.isfinite(better.mean).all(axis=(0, 1))
        gain = moments.log_likelihood - best[live]
        best[live] = np.where(sound, moments.log_likelihood, -np.inf)
        parameters.put(live[sound], better.take(sound))
        live = live[sound & ~(gain < tolerance)]
        if not live.size:
            break
    return parameters, best


def _ordered(parameters: StateModel) -> StateModel:
    """States by their mean of the first dimension, lowest first: a name means the same in every window."""
    order = np.argsort(parameters.mean[:, 0], axis=0, kind="stable")
    lanes = np.arange(order.shape[1])
    return StateModel(
        parameters.start[order, lanes],
        parameters.transition[order[:, None], order[None], lanes],
        np.moveaxis(parameters.mean[order, :, lanes], -1, 1),
        np.moveaxis(parameters.covariance[order, :, :, lanes], (-2, -1), (1, 2)),
    )


def fit(x: FloatArray, lengths: IntArray, states: int, count: int, seed: int) -> Fit:
    """Fit every window from every start and keep the best of each.

    Parameters
    ----------
    x : ndarray of shape (n_times, n_dims, n_windows)
        NaN where missing and beyond each window's length.
    lengths : ndarray of int of shape (n_windows,)
        Times of each window.
    states, count : int
        States, and starts a window.
    seed : int
        Of the starts.

    Returns
    -------
    Fit
    """
    windows = lengths.size
    wide, long = np.repeat(x, count, axis=-1), np.repeat(lengths, count)
    models, likelihood = improve(wide, long, starts(x, states, count, seed))
    variance = np.diagonal(models.covariance, axis1=1, axis2=2)
    floor = _FLOOR_SHARE * first_moments(wide)[1]
    at_floor = (variance <= 1.0001 * np.moveaxis(floor[None], 1, -1)).any(axis=(0, 2))
    share = _stationary(models.transition).min(axis=0)
    good = np.isfinite(likelihood) & ~at_floor & (share >= _LEAST_WEIGHT)
    table = np.where(good, likelihood, -np.inf).reshape(windows, count)
    pick = table.argmax(axis=1)
    top = table[np.arange(windows), pick]
    with np.errstate(invalid="ignore"):
        reached = (table > top[:, None] - _SAME_LIKELIHOOD).mean(axis=1)
    kept = _ordered(models.take(np.arange(windows) * count + pick))
    sd = np.sqrt(np.maximum(kept.covariance[0, 0, 0], kept.covariance[-1, 0, 0]))
    separation = (kept.mean[-1, 0] - kept.mean[0, 0]) / sd
    return Fit(kept, top, reached, separation, np.isfinite(top))


def _stationary(transition: FloatArray) -> FloatArray:
    """Long-run shares of the states of each member."""
    states = transition.shape[0]
    moved = np.moveaxis(transition, -1, 0)
    system = np.concatenate([np.eye(states) - moved.swapaxes(1, 2), np.ones((moved.shape[0], 1, states))], axis=1)
    wanted = np.zeros((states + 1, 1))
    wanted[-1] = 1.0
    solved = np.linalg.pinv(system) @ wanted
    return np.ascontiguousarray(solved[..., 0].T)


def last_filtered(x: FloatArray, lengths: IntArray, parameters: StateModel) -> FloatArray:
    """Return each window's probabilities of the states at its last time, given nothing later.

    Parameters
    ----------
    x : ndarray of shape (n_times, n_dims, n_windows)
        Observations.
    lengths : ndarray of int of shape (n_windows,)
        Times of each window.
    parameters : StateModel
        Of each window.

    Returns
    -------
    ndarray of shape (n_states, n_windows)
    """
    probabilities, _ = filtered(log_emission(x, parameters), parameters)
    return np.ascontiguousarray(probabilities[lengths - 1, :, np.arange(lengths.size)].T)


def ahead(probabilities: FloatArray, transition: FloatArray, steps: int) -> FloatArray:
    """Return probabilities so many steps later: p P^h.

    Parameters
    ----------
    probabilities : ndarray of shape (n_states, n_windows)
        Now.
    transition : ndarray of shape (n_states, n_states, n_windows)
        Of one step.
    steps : int
        0 or more.

    Returns
    -------
    ndarray of shape (n_states, n_windows)
    """
    power = np.linalg.matrix_power(np.moveaxis(transition, -1, 0), steps)
    return np.ascontiguousarray(np.einsum("iw,wij->jw", probabilities, power))


def simulate(model: StateModel, seen: BoolArray, draws: int, seed: int) -> FloatArray:
    """Draw series from one fitted model, with the months of the data that are there.

    Parameters
    ----------
    model : StateModel
        Of one window.
    seen : ndarray of bool of shape (n_times,)
        Months with an observation.
    draws, seed : int
        How many, and the seed of the generator.

    Returns
    -------
    ndarray of shape (n_times, n_dims, n_draws)
        NaN where `seen` is false.
    """
    rng = np.random.default_rng(seed)
    dims = model.mean.shape[1]
    root = np.linalg.cholesky(model.covariance[..., 0])
    edges = np.cumsum(model.transition[..., 0], axis=1)[:, :-1]
    begin = np.cumsum(_stationary(model.transition)[:, 0])[:-1]
    state = (rng.random(draws)[:, None] > begin).sum(axis=1)
    out = np.empty((seen.size, dims, draws))
    for t in range(seen.size):
        if t:
            state = (rng.random(draws)[:, None] > edges[state]).sum(axis=1)
        noise = rng.standard_normal((draws, dims))
        out[t] = (model.mean[state, :, 0] + np.einsum("rij,rj->ri", root[state], noise)).T
    out[~seen] = np.nan
    return out


def bootstrap(x: FloatArray, fitted: int, model: StateModel, draws: int, seed: int) -> StateModel:
    """Return the models refitted to series drawn from a model: how much its parameters could differ by chance.

    Parameters
    ----------
    x : ndarray of shape (n_times, n_dims)
        The data, for which months are there.
    fitted : int
        Months up to the last observation.
    model : StateModel
        Of one window.
    draws, seed : int
        How many, and the seed of the generator.

    Returns
    -------
    StateModel
        A member a draw, states in order.

    Notes
    -----
    Parametric bootstrap (Efron and Tibshirani 1993); EM starts from the fitted model, so that names stay.
    """
    drawn = np.full((x.shape[0], x.shape[1], draws), np.nan)
    drawn[:fitted] = simulate(model, np.isfinite(x[:fitted, 0]), draws, seed)
    begin = model.repeat(draws)
    models, _ = improve(drawn, np.full(draws, fitted), begin, iterations=100, tolerance=1e-3)
    return _ordered(models)


# -- Regimes by thresholds: growth and inflation now and ahead as a bivariate normal, its mass beyond each threshold.


CELLS = ("up_low", "up_high", "down_low", "down_high")


@dataclass(frozen=True)
class Bands:
    """A VAR(1) of growth and inflation, and the last observation of each.

    `constant` (2,), `matrix` (2, 2) and `noise` (2, 2): y_t = constant + matrix y_{t-1} + e, e with covariance `noise`.
    """

    constant: FloatArray
    matrix: FloatArray
    noise: FloatArray


def fit_bands(y: FloatArray) -> Bands:
    """Fit the VAR(1) by least squares on the months in which both are there, and were the month before.

    Parameters
    ----------
    y : ndarray of shape (n_months, 2)
        Growth and inflation, NaN where missing.

    Returns
    -------
    Bands

    Notes
    -----
    A matrix with a root at or beyond one is pulled back to 0.99, so that forecasts settle.
    """
    both: BoolArray = np.asarray(np.isfinite(y).all(axis=1))
    use = np.flatnonzero(both[1:] & both[:-1])
    X = np.column_stack([np.ones(use.size), y[use]])
    coefficients, *_ = np.linalg.lstsq(X, y[use + 1], rcond=None)
    residuals = y[use + 1] - X @ coefficients
    matrix: FloatArray = np.asarray(coefficients[1:].T, dtype=np.float64)
    largest = float(np.abs(np.linalg.eigvals(matrix)).max())
    constant = np.asarray(coefficients[0], dtype=np.float64)
    if largest > 0.99:
        mean = y[use].mean(axis=0)
        matrix = matrix * (0.99 / largest)
        constant = mean - matrix @ mean
    noise: FloatArray = residuals.T @ residuals / max(use.size - 3, 1)
    return Bands(constant, matrix, noise)


def forecast(bands: Bands, y: FloatArray, steps: int, revision: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and covariance of growth and inflation so many months after the last row.

    Parameters
    ----------
    bands : Bands
        From :func:`fit_bands`.
    y : ndarray of shape (n_months, 2)
        What was known; the last rows may lack one or both.
    steps : int
        Months after the last row, 0 or more.
    revision : ndarray of shape (2,) or (n_months, 2)
        Variance by which a known value may still be revised; one for all months, or each month's own.

    Returns
    -------
    mean : ndarray of shape (2,)
    covariance : ndarray of shape (2, 2)

    Notes
    -----
    A Kalman filter over the last two years of rows, started at the stationary mean and covariance: a month that lacks
    one series is nowcast from the other and from the month before (Kalman 1960).
    """
    mean = np.asarray(np.linalg.solve(np.eye(2) - bands.matrix, bands.constant), dtype=np.float64)
    system = np.eye(4) - np.kron(bands.matrix, bands.matrix)
    covariance = np.linalg.solve(system, bands.noise.ravel()).reshape(2, 2)
    errors = np.broadcast_to(revision, y.shape)[-24:]
    for n, (row, error) in enumerate(zip(y[-24:], errors, strict=True)):
        if n:
            mean = bands.constant + bands.matrix @ mean
            covariance = bands.matrix @ covariance @ bands.matrix.T + bands.noise
        seen = np.flatnonzero(np.isfinite(row))
        if seen.size:
            pick = np.eye(2)[seen]
            gain = covariance @ pick.T @ np.linalg.inv(pick @ covariance @ pick.T + np.diag(error[seen]))
            mean = mean + gain @ (row[seen] - mean[seen])
            covariance = (np.eye(2) - gain @ pick) @ covariance
    for _ in range(steps):
        mean = bands.constant + bands.matrix @ mean
        covariance = bands.matrix @ covariance @ bands.matrix.T + bands.noise
    return mean, 0.5 * (covariance + covariance.T)


def _upper(h: float, k: float, rho: float) -> float:
    """P(X > h, Y > k) of standard normals with correlation rho, by Owen's T function (Owen 1956)."""
    from scipy.special import ndtr

    if abs(rho) > 1.0 - 1e-12:
        return float(min(ndtr(-h), ndtr(-k)) if rho > 0 else max(0.0, ndtr(-h) + ndtr(-k) - 1.0))
    root = np.sqrt(1.0 - rho * rho)

    # P(X < a, Y < b) = (Phi(a) + Phi(b)) / 2 - T(a, .) - T(b, .) - [1/2 where a and b lie on different sides]
    a, b = -h, -k
    if a == 0.0 and b == 0.0:
        return 0.25 + float(np.arcsin(rho)) / (2 * np.pi)
    below = 0.5 * (float(ndtr(a)) + float(ndtr(b)))
    below -= _owen(a, b, rho, root) + _owen(b, a, rho, root)
    if a * b < 0 or (a * b == 0 and a + b < 0):
        below -= 0.5
    return float(min(max(below, 0.0), 1.0))


def _owen(a: float, b: float, rho: float, root: float) -> float:
    from scipy.special import owens_t

    if a == 0.0:
        return 0.25 if b >= 0 else -0.25
    return float(owens_t(a, (b / a - rho) / root))


def cells(mean: FloatArray, covariance: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Return the mass of the four regions around the thresholds.

    Parameters
    ----------
    mean : ndarray of shape (2,)
        Growth and inflation.
    covariance : ndarray of shape (2, 2)
        Of both.
    thresholds : ndarray of shape (2,)
        Least growth, most inflation.

    Returns
    -------
    ndarray of shape (4,)
        up_low, up_high, down_low, down_high; they add up to one.
    """
    from scipy.special import ndtr

    sd = np.sqrt(np.diag(covariance))
    rho = float(np.clip(covariance[0, 1] / (sd[0] * sd[1]), -1.0, 1.0))
    h, k = (thresholds - mean) / sd
    up_high = _upper(float(h), float(k), rho)
    up, high = float(ndtr(-h)), float(ndtr(-k))
    out = np.array([up - up_high, up_high, 1.0 - up - high + up_high, high - up_high])
    out = np.clip(out, 0.0, 1.0)
    return np.asarray(out / out.sum())
