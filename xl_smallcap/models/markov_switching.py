"""Autoregressions about a mean that switches between states (Hamilton 1989), many at once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.kernels.hidden_markov import Room, backward, block_length, in_blocks, sweep
from xl_smallcap.models.regimes import first_moments
from xl_smallcap.types import BoolArray, FloatArray, IntArray

_ITERATIONS, _TOLERANCE = 500, 1e-5
_SAME_LIKELIHOOD = 0.01
_FLOOR_SHARE, _LEAST_SHARE = 0.01, 0.02
_LARGEST_ROOT = 0.99
_TINY = 1e-50


@dataclass(frozen=True)
class SwitchingModel:
    """y_t - mean(s_t) = sum_k phi_k (y_(t-k) - mean(s_(t-k))) + e_t, e normal of one variance; last axes are series."""

    start: FloatArray  # probability of each run of states (s_t, s_(t-1), ...) at the first time that has all lags
    transition: FloatArray  # (n_states, n_states, n_members), from row to column
    mean: FloatArray  # (n_states, n_members)
    phi: FloatArray  # (order, n_members)
    variance: FloatArray  # (n_members,)

    def take(self, members: IntArray | BoolArray) -> SwitchingModel:
        """Return some of the members."""
        parts = (self.start, self.transition, self.mean, self.phi, self.variance)
        return SwitchingModel(*(part[..., members] for part in parts))

    def put(self, members: IntArray, other: SwitchingModel) -> None:
        """Replace some of the members."""
        mine = (self.start, self.transition, self.mean, self.phi, self.variance)
        theirs = (other.start, other.transition, other.mean, other.phi, other.variance)
        for part, given in zip(mine, theirs, strict=True):
            part[..., members] = given

    @property
    def runs(self) -> IntArray:
        """Every run of states now, a period ago, ..., a row each."""
        return np.array(list(itertools.product(range(self.mean.shape[0]), repeat=self.phi.shape[0] + 1)))


def lagged(y: FloatArray, order: int) -> tuple[FloatArray, BoolArray]:
    """Return a series and its lags, (order + 1, n_times - order, n_members), and where all of them are there."""
    every = np.stack([y[order - k : y.shape[0] - k] for k in range(order + 1)])
    seen = np.isfinite(every).all(axis=0)
    return np.where(seen, every, 0.0), np.asarray(seen)


def _log_density(lags: FloatArray, seen: BoolArray, model: SwitchingModel) -> FloatArray:
    """Log density of each time in each run of states, (n_times, n_runs, n_members); zero where a value is missing."""
    runs, order = model.runs, model.phi.shape[0]
    about = lags[0] - sum(model.phi[k] * lags[k + 1] for k in range(order))
    centre = model.mean[runs[:, 0]] - sum(model.phi[k] * model.mean[runs[:, k + 1]] for k in range(order))
    e = about[:, None] - centre
    out = -0.5 * (np.log(2.0 * np.pi * model.variance) + e * e / model.variance)
    return np.asarray(out * seen[:, None])


def _wide(model: SwitchingModel) -> FloatArray:
    """Transition matrix of runs: the states before move one place back."""
    runs = model.runs
    follows = (runs[None, :, 1:] == runs[:, None, :-1]).all(axis=2)
    return np.asarray(np.where(follows[..., None], model.transition[runs[:, 0]][:, runs[:, 0]], 0.0))


def filtered(y: FloatArray, model: SwitchingModel) -> tuple[FloatArray, FloatArray]:
    """Return the probabilities of the states given all up to each time, and the log likelihood.

    Parameters
    ----------
    y : ndarray of shape (n_times, n_members)
        NaN where missing.
    model : SwitchingModel
        Of the members.

    Returns
    -------
    probabilities : ndarray of shape (n_times - order, n_states, n_members)
    log_likelihood : ndarray of shape (n_members,)
    """
    lags, seen = lagged(y, model.phi.shape[0])
    density = _log_density(lags, seen, model)
    times, runs, members = density.shape
    swept = sweep(in_blocks(density, block_length(times), 0.0), model.start, _wide(model), Room())
    length, _, width = swept.alpha.shape
    every = swept.alpha.reshape(length, runs, width // members, members).transpose(2, 0, 1, 3)
    states = model.mean.shape[0]
    p = every.reshape(-1, states, runs // states, members)[:times].sum(axis=2)
    return np.asarray(p), swept.log_likelihood()


def long_run(model: SwitchingModel) -> SwitchingModel:
    """Return the model with the long-run probabilities of runs as its start, as Hamilton (1989) has it."""
    wide = np.moveaxis(_wide(model), -1, 0)
    states = wide.shape[1]
    system = np.concatenate([np.eye(states) - wide.swapaxes(1, 2), np.ones((wide.shape[0], 1, states))], axis=1)
    wanted = np.zeros((states + 1, 1))
    wanted[-1] = 1.0
    start = np.ascontiguousarray((np.linalg.pinv(system) @ wanted)[..., 0].T)
    return SwitchingModel(np.maximum(start, 0.0), model.transition, model.mean, model.phi, model.variance)


def _starts(y: FloatArray, states: int, order: int, count: int, seed: int) -> SwitchingModel:
    """Random parameters to start from, the same in units of each series' own mean and deviation; starts together."""
    rng = np.random.default_rng(seed)
    middle, variance = first_moments(y)
    spread = np.sqrt(variance)
    means = np.sort(rng.standard_normal((states, count)), axis=0)
    stay = rng.uniform(0.8, 0.99, (states, count))
    phi = np.zeros((order, count))
    phi[0] = rng.uniform(0.0, 0.8, count)
    share = rng.uniform(0.1, 0.8, count)
    transition = np.repeat(((1.0 - stay) / (states - 1))[:, None], states, axis=1)
    transition[np.arange(states), np.arange(states)] = stay
    windows, runs = y.shape[1], states ** (order + 1)
    return SwitchingModel(
        np.full((runs, windows * count), 1.0 / runs),
        np.tile(transition, (1, 1, windows)),
        (middle[:, None] + spread[:, None] * means[:, None]).reshape(states, -1),
        np.tile(phi, (1, windows)),
        (spread[:, None] ** 2 * share).ravel(),
    )


def _smoothed(
    lags: FloatArray, seen: BoolArray, lengths: IntArray, model: SwitchingModel
) -> tuple[FloatArray, FloatArray]:
    """Probabilities of the runs given everything, zero after a member's end, and the log likelihood."""
    density = _log_density(lags, seen, model)
    times, runs, members = density.shape
    length = block_length(times)
    blocks, room = -(-times // length), Room()
    inside = np.arange(blocks)[:, None] * length < lengths
    swept = sweep(in_blocks(density, length, 0.0), model.start, _wide(model), room, inside)
    gamma = backward(swept, room)[0] * swept.alpha
    gamma /= gamma.sum(axis=1, keepdims=True)
    every = gamma.reshape(length, runs, blocks, members).transpose(2, 0, 1, 3).reshape(-1, runs, members)[:times]
    return every * (np.arange(times)[:, None, None] < lengths), swept.log_likelihood()


def _maximised(
    lags: FloatArray, seen: BoolArray, gamma: FloatArray, model: SwitchingModel, floor: FloatArray
) -> SwitchingModel:
    """Means given phi, phi given means, variance given both; transitions and the first run as they are expected."""
    runs, states, order = model.runs, model.mean.shape[0], model.phi.shape[0]
    weighted = gamma * seen[:, None]
    weight = weighted.sum(axis=0)
    first = np.stack([np.einsum("tsm,tm->sm", weighted, lags[k]) for k in range(order + 1)])
    second = np.empty((order + 1, order + 1, *weight.shape))
    for k in range(order + 1):
        for j in range(k + 1):
            second[k, j] = second[j, k] = np.einsum("tsm,tm->sm", weighted, lags[k] * lags[j])
    is_state = np.stack([(runs == i).T for i in range(states)], axis=-1).astype(np.float64)  # (lag, run, state)
    design = is_state[0][:, :, None] - np.einsum("km,kri->rim", model.phi, is_state[1:])
    left = np.einsum("rim,rjm,rm->mij", design, design, weight)
    about = first[0] - np.einsum("km,krm->rm", model.phi, first[1:])
    right = np.einsum("rim,rm->mi", design, about)
    mean = np.linalg.solve(left, right[..., None])[..., 0].T
    at = mean[runs].swapaxes(0, 1)  # (lag, run, member)
    cross = second - at[:, None] * first[None] - at[None] * first[:, None] + weight * at[:, None] * at[None]
    products = cross.sum(axis=2)  # (lag, lag, member)
    phi = np.linalg.solve(np.moveaxis(products[1:, 1:], -1, 0), products[1:, 0].T[..., None])[..., 0].T
    if order == 1:
        phi = np.clip(phi, -_LARGEST_ROOT, _LARGEST_ROOT)
    full = np.concatenate([np.ones((1, phi.shape[1])), -phi])
    squares = np.einsum("km,lm,klm->m", full, full, products)
    variance = np.maximum(squares / np.maximum(weight.sum(axis=0), _TINY), floor)
    pairs = np.zeros_like(model.transition)
    later = gamma[1:].sum(axis=0)
    for j, run in enumerate(runs):
        pairs[run[1], run[0]] += later[j]
    transition = np.maximum(pairs / np.maximum(pairs.sum(axis=1, keepdims=True), _TINY), _TINY)
    return SwitchingModel(np.maximum(gamma[0], _TINY), transition, mean, phi, variance)


@dataclass(frozen=True)
class SwitchingFit:
    """The likeliest fit of each series, states in order of their mean, lowest first."""

    model: SwitchingModel
    log_likelihood: FloatArray
    reached: FloatArray  # share of the starts within 0.01 of the best log likelihood
    separation: FloatArray  # distance of the outer means in standard deviations about them
    usable: BoolArray  # whether any start ended without a degenerate state


def fit(y: FloatArray, lengths: IntArray, order: int, count: int, seed: int, states: int = 2) -> SwitchingFit:
    """Fit every series from every start by EM and keep the best of each.

    Parameters
    ----------
    y : ndarray of shape (n_times, n_series)
        NaN where missing and beyond each length.
    lengths : ndarray of int of shape (n_series,)
        Times up to the last observation.
    order, count, seed, states : int
        Lags, starts a series, the generator's seed, states.

    Returns
    -------
    SwitchingFit

    Notes
    -----
    Hamilton (1989) with the filter over runs of states; expectation-conditional maximisation (Meng and Rubin 1993). The
    first run's probabilities are free.
    """
    windows = y.shape[1]
    wide, long = np.repeat(y, count, axis=1), np.repeat(lengths, count) - order
    lags, seen = lagged(wide, order)
    floor = _FLOOR_SHARE * first_moments(wide)[1]
    model, best = _starts(y, states, order, count, seed), np.full(windows * count, -np.inf)
    live = np.arange(windows * count)
    for _ in range(_ITERATIONS):
        now = model.take(live)
        gamma, likelihood = _smoothed(lags[..., live], seen[:, live], long[live], now)
        sound = np.isfinite(likelihood)
        gain = np.where(sound, likelihood - best[live], 0.0)
        best[live] = np.where(sound, likelihood, -np.inf)
        go = sound & ~(gain < _TOLERANCE)
        live, gamma = live[go], gamma[..., go]
        if not live.size:
            break
        model.put(live, _maximised(lags[..., live], seen[:, live], gamma, now.take(go), floor[live]))
    share = _shares(model.transition)
    good = np.isfinite(best) & (model.variance > 1.0001 * floor) & (share.min(axis=0) >= _LEAST_SHARE)
    table = np.where(good, best, -np.inf).reshape(windows, count)
    top = table.max(axis=1)
    kept = _ordered(model.take(np.arange(windows) * count + table.argmax(axis=1)))
    with np.errstate(invalid="ignore"):
        reached = (table > top[:, None] - _SAME_LIKELIHOOD).mean(axis=1)
    spread = np.sqrt(kept.variance / np.maximum(1.0 - (kept.phi**2).sum(axis=0), 1.0 - _LARGEST_ROOT**2))
    return SwitchingFit(kept, top, reached, (kept.mean[-1] - kept.mean[0]) / spread, np.isfinite(top))


def _shares(transition: FloatArray) -> FloatArray:
    """Long-run shares of the states."""
    power = np.linalg.matrix_power(np.moveaxis(transition, -1, 0), 1 << 14)
    return np.ascontiguousarray(power[:, 0].T)


def _ordered(model: SwitchingModel) -> SwitchingModel:
    """States by their mean, lowest first."""
    states, order = model.mean.shape[0], model.phi.shape[0]
    place = np.argsort(model.mean, axis=0, kind="stable")
    lanes = np.arange(place.shape[1])
    weights = states ** np.arange(order, -1, -1)
    was = np.einsum("rkm,k->rm", place[model.runs], weights)
    return SwitchingModel(
        model.start[was, lanes],
        model.transition[place[:, None], place[None], lanes],
        model.mean[place, lanes],
        model.phi,
        model.variance,
    )
