"""Expectation and maximisation of many Gaussian hidden Markov models at once.

Baum, Petrie, Soules and Weiss (1970); the recursions as in Rabiner (1989). A member is one series with one set of
parameters: a window, a restart or both. Arrays end in the axis of members, so that every step in time is a few
operations on long rows. Members may end early; a missing observation skips its emission and keeps its transition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.kernels.markov_scan import Room, backward, block_length, in_blocks, over_blocks, sweep
from xl_smallcap.types import BoolArray, FloatArray, IntArray

_LOG_2PI = float(np.log(2.0 * np.pi))
_HIGHEST_CORRELATION, _LEAST_TRANSITION = 0.98, 1e-50


@dataclass(frozen=True)
class StateModel:
    """Of all members."""

    start: FloatArray  # probabilities of the first state
    transition: FloatArray  # from row to column
    mean: FloatArray  # of the observations in each state
    covariance: FloatArray  # full

    def take(self, members: IntArray | BoolArray) -> StateModel:
        """Return some of the members."""
        return StateModel(
            self.start[..., members],
            self.transition[..., members],
            self.mean[..., members],
            self.covariance[..., members],
        )

    def repeat(self, count: int) -> StateModel:
        """Return each member so many times."""
        return StateModel(
            np.repeat(self.start, count, axis=-1),
            np.repeat(self.transition, count, axis=-1),
            np.repeat(self.mean, count, axis=-1),
            np.repeat(self.covariance, count, axis=-1),
        )

    def put(self, members: IntArray, values: StateModel) -> None:
        """Overwrite some of the members."""
        for mine, theirs in (
            (self.start, values.start),
            (self.transition, values.transition),
            (self.mean, values.mean),
            (self.covariance, values.covariance),
        ):
            mine[..., members] = theirs


@dataclass(frozen=True)
class Observations:
    """What all steps of EM read, cut into blocks once: times of a block first, blocks of all members last."""

    values: FloatArray  # zero where nothing was observed
    seen: FloatArray  # one where something was, zero elsewhere
    counted: BoolArray  # whether a transition leads to this time: inside the member, and not its first
    inside: BoolArray  # whether the block begins before the member ends

    def take(self, members: IntArray) -> Observations:
        """Return some of the members."""
        blocks, every = self.inside.shape
        columns = (np.arange(blocks)[:, None] * every + members).ravel()
        return Observations(
            np.ascontiguousarray(self.values[..., columns]), self.seen[:, columns], self.counted[:, columns],
            self.inside[:, members],
        )  # fmt: skip


def observations(x: FloatArray, lengths: IntArray) -> Observations:
    """Cut series into blocks, so that a step in time is one operation on the same time of all blocks.

    Parameters
    ----------
    x : ndarray of shape (n_times, n_dims, n_members)
        NaN in the first dimension where nothing was observed; rows at and after a member's length must be NaN.
    lengths : ndarray of int of shape (n_members,)
        Times of each member.

    Returns
    -------
    Observations
    """
    times, _, members = x.shape
    length = block_length(times)
    blocks = -(-times // length)
    seen = ~np.isnan(x[:, :1])
    values = in_blocks(np.where(seen, x, 0.0), length, 0.0)
    time = np.arange(blocks * length).reshape(blocks, length).T[:, :, None]
    counted = ((time > 0) & (time < lengths)).reshape(length, blocks * members)
    return Observations(
        np.ascontiguousarray(values.swapaxes(0, 1)),
        np.ascontiguousarray(in_blocks(seen.astype(np.float64), length, 0.0)[:, 0]),
        counted,
        np.arange(blocks)[:, None] * length < lengths,
    )


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
    seen = ~np.isnan(x[:, 0])
    values = np.ascontiguousarray(np.where(seen[:, None], x, 0.0).swapaxes(0, 1))
    return _density(values, seen.astype(np.float64), parameters, 1, Room())


def _density(values: FloatArray, seen: FloatArray, parameters: StateModel, blocks: int, room: Room) -> FloatArray:
    """Log densities of (n_dims, n_times, n_blocks * n_members) values in every state, (n_times, n_states, the same)."""
    states, dims = parameters.mean.shape[:2]
    out = room.of("density", seen.shape[0], states, seen.shape[1])
    z = room.of("z", dims, *seen.shape)
    spare = room.of("square", *seen.shape)
    for k in range(states):
        root = np.linalg.cholesky(np.moveaxis(parameters.covariance[k], -1, 0))
        total = out[:, k]
        for i in range(dims):
            np.subtract(values[i], np.tile(parameters.mean[k, i], blocks), out=z[i])
            for j in range(i):
                np.multiply(z[j], np.tile(root[:, i, j], blocks), out=spare)
                z[i] -= spare
            z[i] *= np.tile(1.0 / root[:, i, i], blocks)
            np.multiply(z[i], z[i], out=spare)
            if i:
                total += spare
            else:
                total[:] = spare
        total *= -0.5
        constant = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1) + 0.5 * dims * _LOG_2PI
        total -= np.tile(constant, blocks)
        total *= seen
    return out


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
    times, states, members = log_density.shape
    swept = sweep(in_blocks(log_density, block_length(times), 0.0), parameters.start, parameters.transition, Room())
    length, _, width = swept.alpha.shape
    moved = swept.alpha.reshape(length, states, width // members, members).transpose(2, 0, 1, 3)
    return moved.reshape(-1, states, members)[:times], swept.log_likelihood()


def expectation(observed: Observations, parameters: StateModel, room: Room | None = None) -> Moments:
    """Run forward and backward over all members and collect what a maximisation needs.

    Parameters
    ----------
    observed : Observations
        From :func:`observations`.
    parameters : StateModel
        Of the members.
    room : Room, optional
        Memory of the step before, to be used again.

    Returns
    -------
    Moments
    """
    states, members = parameters.start.shape
    dims, length, width = observed.values.shape
    blocks = width // members
    room = room or Room()
    density = _density(observed.values, observed.seen, parameters, blocks, room)
    swept = sweep(density, parameters.start, parameters.transition, room, observed.inside)
    beta, ahead = backward(swept, room)
    # alpha * beta is known up to a factor a time, and so is what a transition into that time weighs
    beta *= swept.alpha
    gamma, size = beta, room.of("size", length, width)
    np.einsum("tkw->tw", gamma, out=size)
    gamma /= size[:, None]
    first = gamma[0].reshape(states, blocks, members)[:, 0].copy()
    size *= swept.scale
    np.divide(observed.counted, size, out=size)
    ahead *= size[:, None]
    jumps = np.einsum("tiw,tjw->ijw", swept.alpha[:-1], ahead[1:])
    jumps += swept.entry[:, None] * ahead[0]
    jumps *= swept.transition
    gamma *= observed.seen[:, None]
    sums, squares = np.empty((states, dims, width)), np.zeros((states, dims, dims, width))
    weighted = room.of("weighted", *gamma.shape)
    for i in range(dims):
        np.multiply(gamma, observed.values[i][:, None], out=weighted)
        sums[:, i] = weighted.sum(axis=0)
        for j in range(i + 1):
            np.einsum("tkw,tw->kw", weighted, observed.values[j], out=squares[:, i, j])

    return Moments(
        log_likelihood=swept.log_likelihood(),
        first=first,
        jumps=over_blocks(jumps, blocks),
        weight=over_blocks(gamma.sum(axis=0), blocks),
        sums=over_blocks(sums, blocks),
        squares=over_blocks(squares, blocks),
    )


def _variance(moments: Moments, mean: FloatArray, weight: FloatArray, i: int) -> FloatArray:
    return np.asarray(moments.squares[:, i, i] / weight - mean[:, i] ** 2)


def maximisation(moments: Moments, floor: FloatArray) -> StateModel:
    """Return the parameters that make the expected moments likeliest.

    Of two dimensions at most: correlations within a state are kept below 0.98, so that its covariance stays positive.
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
            else:
                edge = _HIGHEST_CORRELATION * np.sqrt(
                    covariance[:, j, j] * np.maximum(_variance(moments, mean, weight, i), floor[i])
                )
                value = np.clip(value, -edge, edge)
            covariance[:, i, j] = covariance[:, j, i] = value
    rows = moments.jumps.sum(axis=1, keepdims=True)
    states = mean.shape[0]
    transition = np.where(rows > tiny, moments.jumps / np.maximum(rows, tiny), 1.0 / states)
    # never quite zero: a state once left for good would divide nothing by nothing when the data come back to it
    return StateModel(
        np.maximum(moments.first, _LEAST_TRANSITION), np.maximum(transition, _LEAST_TRANSITION), mean, covariance
    )
