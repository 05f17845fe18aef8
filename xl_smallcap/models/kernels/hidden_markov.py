"""Expectation and maximisation of many Gaussian hidden Markov models at once.

Baum, Petrie, Soules and Weiss (1970); the recursions as in Rabiner (1989). A member is one series with one set of
parameters: a window, a restart or both. Arrays end in the axis of members, so that every step in time is a few
operations on long rows. Members may end early; a missing observation skips its emission and keeps its transition. Long
series of few members are cut into blocks whose transfer matrices are multiplied side by side (a blocked scan), so that
Python takes about sqrt(T) steps instead of T.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.types import BoolArray, FloatArray, IntArray

_LOG_2PI = float(np.log(2.0 * np.pi))
_BLOCKED_BELOW = 512
"""Members fewer than this leave rows too short to be worth a step each."""


@dataclass(frozen=True)
class StateModel:
    """Of all members.

    Parameters
    ----------
    start : ndarray of shape (n_states, n_members)
        Probabilities of the first state.
    transition : ndarray of shape (n_states, n_states, n_members)
        From row to column.
    mean : ndarray of shape (n_states, n_dims, n_members)
        Of the observations in each state.
    covariance : ndarray of shape (n_states, n_dims, n_dims, n_members)
        Full.
    """

    start: FloatArray
    transition: FloatArray
    mean: FloatArray
    covariance: FloatArray

    def take(self, members: IntArray | BoolArray) -> StateModel:
        """Return some of the members.

        StateModel
        ----------
        members : ndarray
            Positions or a mask.

        Returns
        -------
        StateModel
        """
        return StateModel(
            self.start[..., members],
            self.transition[..., members],
            self.mean[..., members],
            self.covariance[..., members],
        )

    def put(self, members: IntArray, values: StateModel) -> None:
        """Overwrite some of the members.

        StateModel
        ----------
        members : ndarray of int
            Positions.
        values : StateModel
            As many.
        """
        for mine, theirs in (
            (self.start, values.start),
            (self.transition, values.transition),
            (self.mean, values.mean),
            (self.covariance, values.covariance),
        ):
            mine[..., members] = theirs


@dataclass(frozen=True)
class Moments:
    """Expected counts and sums under the present parameters, with the log likelihood of each member."""

    log_likelihood: FloatArray
    first: FloatArray
    jumps: FloatArray
    weight: FloatArray
    sums: FloatArray
    squares: FloatArray


def log_emission(x: FloatArray, parameters: StateModel) -> FloatArray:
    """Return the log density of every observation in every state; zero where it is missing.

    Parameters
    ----------
    x : ndarray of shape (n_times, n_dims, n_members)
        NaN in the first dimension where nothing was observed (all dimensions then count as missing).
    parameters : StateModel
        Of the members.

    Returns
    -------
    ndarray of shape (n_times, n_states, n_members)
    """
    states, dims = parameters.mean.shape[:2]
    out = np.empty((x.shape[0], states, x.shape[2]))
    missing = np.isnan(x[:, 0])
    for k in range(states):
        root = np.linalg.cholesky(np.moveaxis(parameters.covariance[k], -1, 0))
        scaled: list[FloatArray] = []
        total = np.zeros((x.shape[0], x.shape[2]))
        for i in range(dims):
            z = x[:, i] - parameters.mean[k, i]
            for j in range(i):
                z = z - root[:, i, j] * scaled[j]
            z = z / root[:, i, i]
            scaled.append(z)
            total -= 0.5 * z * z
            total -= np.log(root[:, i, i]) + 0.5 * _LOG_2PI
        total[missing] = 0.0
        out[:, k] = total
    return out


def _forward(
    start: FloatArray, opening: FloatArray, transition: FloatArray, emission: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Filtered probabilities after each step, and the scale of each; the first step's transition is `opening`."""
    steps, states, members = emission.shape
    alpha, scale = np.empty_like(emission), np.empty((steps, members))
    before = start
    for t in range(steps):
        now, move = alpha[t], transition if t else opening
        np.multiply(before[0], move[0], out=now)
        for i in range(1, states):
            now += before[i] * move[i]
        now *= emission[t]
        np.sum(now, axis=0, out=scale[t])
        now /= scale[t]
        before = now
    return alpha, scale


def _products(opening: FloatArray, transition: FloatArray, emission: FloatArray) -> FloatArray:
    """Transfer matrix of each block up to a factor, from its first transition to its last emission."""
    states = transition.shape[0]
    carried: FloatArray = opening * emission[0]
    for t in range(1, emission.shape[0]):
        moved = carried[:, 0, None] * transition[0]
        for i in range(1, states):
            moved += carried[:, i, None] * transition[i]
        carried = moved * emission[t]
        carried /= carried.sum(axis=(0, 1))
    return carried


def _block_length(times: int, members: int) -> int:
    if members >= _BLOCKED_BELOW or times < 64:
        return times
    return int(np.ceil(np.sqrt(times)))


def filtered(log_density: FloatArray, parameters: StateModel) -> tuple[FloatArray, FloatArray]:
    """Return the probabilities of the states given all up to each time, and the log likelihood.

    Parameters
    ----------
    log_density : ndarray of shape (n_times, n_states, n_members)
        From :func:`log_emission`.
    parameters : StateModel
        Of the members.

    Returns
    -------
    probabilities : ndarray of shape (n_times, n_states, n_members)
    log_likelihood : ndarray of shape (n_members,)
    """
    shift = log_density.max(axis=1)
    emission = np.exp(log_density - shift[:, None])
    first = parameters.start * emission[0]
    size = first.sum(axis=0)
    out = np.empty_like(emission)
    out[0] = first / size
    total = np.log(size) + shift.sum(axis=0)
    if emission.shape[0] > 1:
        alpha, scale = _forward(out[0], parameters.transition, parameters.transition, emission[1:])
        out[1:] = alpha
        total = total + np.log(scale).sum(axis=0)
    return out, total


def _blocks(values: FloatArray, length: int, fill: float) -> FloatArray:
    """(times, states, members) -> (length, states, blocks * members), padded at the end."""
    times, states, members = values.shape
    count = -(-times // length)
    padded = np.full((count * length, states, members), fill)
    padded[:times] = values
    moved: FloatArray = padded.reshape(count, length, states, members).transpose(1, 2, 0, 3)
    return np.ascontiguousarray(moved).reshape(length, states, count * members)


def expectation(x: FloatArray, parameters: StateModel, lengths: IntArray) -> Moments:
    """Run forward and backward over all members and collect what a maximisation needs.

    Parameters
    ----------
    x : ndarray of shape (n_times, n_dims, n_members)
        NaN where not observed; rows at and after a member's length must be NaN.
    parameters : StateModel
        Of the members.
    lengths : ndarray of int of shape (n_members,)
        Times of each member.

    Returns
    -------
    Moments
    """
    density = log_emission(x, parameters)
    times, states, members = density.shape
    dims = x.shape[1]
    shift = density.max(axis=1)
    emission = np.exp(density - shift[:, None])
    length = _block_length(times, members)
    blocks = -(-times // length)
    cut = _blocks(emission, length, 1.0)
    wide = np.ascontiguousarray(
        np.broadcast_to(parameters.transition[:, :, None, :], (states, states, blocks, members))
    ).reshape(states, states, blocks * members)
    # The first time of all is reached from the start probabilities without a transition.
    opening = wide.copy()
    opening.reshape(states, states, blocks, members)[:, :, 0] = np.eye(states)[:, :, None]
    entry = np.empty((states, blocks, members))
    leave = np.ones((states, blocks, members))
    vector = parameters.start
    entry[:, 0] = vector
    if blocks > 1:
        product = _products(opening, wide, cut).reshape(states, states, blocks, members)
        for b in range(blocks):
            entry[:, b] = vector
            vector = (vector[:, None] * product[:, :, b]).sum(axis=0)
            vector = vector / vector.sum(axis=0)
        after = np.ones((states, members))
        for b in range(blocks - 1, -1, -1):
            leave[:, b] = after
            after = (product[:, :, b] * after[None]).sum(axis=1)
            after = after / after.sum(axis=0)
    alpha, scale = _forward(entry.reshape(states, -1), opening, wide, cut)
    log_likelihood = np.log(scale).reshape(length, blocks, members).sum(axis=(0, 1)) + shift.sum(axis=0)
    return _backward(x, parameters, lengths, alpha, cut, wide, entry, leave, log_likelihood, dims)


def _backward(
    x: FloatArray,
    parameters: StateModel,
    lengths: IntArray,
    alpha: FloatArray,
    cut: FloatArray,
    wide: FloatArray,
    entry: FloatArray,
    leave: FloatArray,
    log_likelihood: FloatArray,
    dims: int,
) -> Moments:
    """Walk back through all blocks, adding up the moments on the way, so that no smoothed path is ever stored."""
    length, states, width = alpha.shape
    members = lengths.size
    blocks = width // members
    seen = np.where(np.isnan(x), 0.0, x)
    values = _blocks(seen, length, 0.0)
    observed = _blocks((~np.isnan(x[:, :1])).astype(np.float64), length, 0.0)[:, 0]
    # a transition counts where it leads to a time inside the member, and never into the first
    time = np.arange(blocks * length).reshape(blocks, length).T[:, :, None]
    counted = ((time > 0) & (time < lengths)).astype(np.float64).reshape(length, width)
    beta = leave.reshape(states, width).copy()
    weight, sums = np.zeros((states, width)), np.zeros((states, dims, width))
    squares, jumps = np.zeros((states, dims, dims, width)), np.zeros((states, states, width))
    first = np.empty((states, width))
    for t in range(length - 1, -1, -1):
        gamma = alpha[t] * beta
        gamma /= gamma.sum(axis=0)
        first = gamma
        seen_gamma = gamma * observed[t]
        weight += seen_gamma
        for i in range(dims):
            weighted = seen_gamma * values[t, i]
            sums[:, i] += weighted
            for j in range(i + 1):
                squares[:, i, j] += weighted * values[t, j]
        ahead = cut[t] * beta
        before = alpha[t - 1] if t > 0 else entry.reshape(states, width)
        moved = wide * ahead
        joint = moved * before[:, None]
        total = joint.sum(axis=(0, 1))
        jumps += joint * (counted[t] / total)
        beta = moved.sum(axis=1)
        beta /= beta.sum(axis=0)

    def gathered(values: FloatArray) -> FloatArray:
        return np.asarray(values.reshape(*values.shape[:-1], blocks, members).sum(axis=-2))

    return Moments(
        log_likelihood=log_likelihood,
        first=first.reshape(states, blocks, members)[:, 0],
        jumps=gathered(jumps),
        weight=gathered(weight),
        sums=gathered(sums),
        squares=gathered(squares),
    )


def maximisation(moments: Moments, floor: FloatArray) -> StateModel:
    """Return the parameters that make the expected moments likeliest.

    Parameters
    ----------
    moments : Moments
        From :func:`expectation`.
    floor : ndarray of shape (n_dims, n_members)
        Least variance of each dimension: a state must not shrink onto a point.

    Returns
    -------
    StateModel
    """
    tiny = np.finfo(np.float64).tiny
    weight = np.maximum(moments.weight, tiny)
    mean = moments.sums / weight[:, None]
    dims = mean.shape[1]
    covariance = np.empty_like(moments.squares)
    for i in range(dims):
        for j in range(i + 1):
            value = moments.squares[:, i, j] / weight - mean[:, i] * mean[:, j]
            if i == j:
                value = np.maximum(value, floor[i])
            covariance[:, i, j] = covariance[:, j, i] = value
    rows = moments.jumps.sum(axis=1, keepdims=True)
    states = mean.shape[0]
    transition = np.where(rows > tiny, moments.jumps / np.maximum(rows, tiny), 1.0 / states)
    return StateModel(moments.first, transition, mean, covariance)
