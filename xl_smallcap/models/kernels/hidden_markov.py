"""The steps of all chains at once: passes over time in blocks, expectation, maximisation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xl_smallcap.types import BoolArray, FloatArray, IntArray

_MONTHLY, _BLOCK, _GROUP = 1024, 16, 8
"""Series up to so long are cut into blocks of one length whatever their company, so that it never changes a bit; groups
of so many blocks are multiplied side by side in turn."""


class Room:
    """Memory that one step of EM leaves to the next: asking for it anew would cost more than the arithmetic."""

    def __init__(self) -> None:
        self._kept: dict[str, FloatArray] = {}

    def of(self, name: str, *shape: int) -> FloatArray:
        """Return an array of some shape with anything in it; the last one of that name is lost."""
        size = math.prod(shape)
        kept = self._kept.get(name)
        if kept is None or kept.size < size:
            kept = self._kept[name] = np.empty(size)
        return kept[:size].reshape(shape)


def _advance(before: FloatArray, move: FloatArray, out: FloatArray, spare: FloatArray) -> None:
    """Put into `out` the sum over i of before[i] * move[i], without asking for memory."""
    np.multiply(before[0], move[0], out=out)
    for i in range(1, move.shape[0]):
        np.multiply(before[i], move[i], out=spare)
        np.add(out, spare, out=out)


def _forward(
    start: FloatArray, opening: FloatArray, transition: FloatArray, emission: FloatArray, room: Room
) -> tuple[FloatArray, FloatArray]:
    """Filtered probabilities after each step, and the scale of each; the first step's transition is `opening`."""
    alpha, scale = room.of("alpha", *emission.shape), room.of("scale", emission.shape[0], emission.shape[2])
    before, spare = start, np.empty_like(emission[0])
    for t in range(emission.shape[0]):
        now = alpha[t]
        _advance(before, transition if t else opening, now, spare)
        now *= emission[t]
        _add_states(now, scale[t])
        now /= scale[t]
        before = now
    return alpha, scale


def _add_states(values: FloatArray, out: FloatArray) -> None:
    """Sum over the first axis; of a handful of states this beats numpy's own sum."""
    np.add(values[0], values[1], out=out)
    for i in range(2, values.shape[0]):
        out += values[i]


def _products(opening: FloatArray, transition: FloatArray, emission: FloatArray, room: Room) -> FloatArray:
    """Transfer matrix of each block up to a factor, from its first transition to its last emission."""
    states, width = transition.shape[0], transition.shape[2]
    # laid out [step's state, block's first state]: so each step is the same work as a step of the filter
    carried, moved, spare = (room.of(name, *transition.shape) for name in ("carried", "moved", "product"))
    np.multiply(opening.swapaxes(0, 1), emission[0][:, None], out=carried)
    rows = transition[:, :, None]
    size = np.empty((states, width))
    for t in range(1, emission.shape[0]):
        _advance(carried, rows, moved, spare)
        moved *= emission[t][:, None]
        # the states' own sums are known to be positive only together
        _add_states(moved, size)
        moved /= size.sum(axis=0)
        carried, moved = moved, carried
    return carried.swapaxes(0, 1)


def block_length(times: int) -> int:
    """Return how many times a block of a series has."""
    return min(times, _BLOCK) if times <= _MONTHLY else int(np.ceil(0.6 * np.sqrt(times)))


def in_blocks(values: FloatArray, length: int, fill: float) -> FloatArray:
    """Cut the first axis into blocks and put them beside each other on the last."""
    times, states, members = values.shape
    count = -(-times // length)
    padded = np.full((count * length, states, members), fill)
    padded[:times] = values
    moved: FloatArray = padded.reshape(count, length, states, members).transpose(1, 2, 0, 3)
    return np.ascontiguousarray(moved).reshape(length, states, count * members)


def over_blocks(values: FloatArray, blocks: int) -> FloatArray:
    """Add up the blocks of each member, always in the same order."""
    members = values.shape[-1] // blocks
    parts = values.reshape(*values.shape[:-1], blocks, members)
    if members == 1:
        # numpy adds a single column pairwise, and several one after another
        parts = np.repeat(parts, 2, axis=-1)
    return np.asarray(parts.sum(axis=-2)[..., :members])


@dataclass(frozen=True)
class Sweep:
    """The filter over all blocks at once: each block is entered with what all before it say."""

    alpha: FloatArray  # filtered probabilities
    scale: FloatArray  # what each time's observation was given, over `shift`
    emission: FloatArray  # densities over their largest
    transition: FloatArray  # from row to column
    entry: FloatArray  # what all before a block, and all after it, say, up to a factor
    leave: FloatArray
    shift: FloatArray  # log of the largest density of a time
    members: int  # how many

    def log_likelihood(self) -> FloatArray:
        """Log likelihood of each member."""
        width = self.scale.shape[1]
        logs = np.log(self.scale).sum(axis=0) + self.shift.sum(axis=0)
        return over_blocks(logs, width // self.members)


def _chained(start: FloatArray, product: FloatArray) -> FloatArray:
    """With what each block is entered, up to a factor; groups of blocks are first multiplied side by side."""
    states, _, blocks, members = product.shape
    groups = product.reshape(states, states, blocks // _GROUP, _GROUP, members)
    whole = groups[:, :, :, 0]
    for t in range(1, _GROUP):
        moved = whole[:, 0, None] * groups[0, :, :, t]
        for i in range(1, states):
            moved += whole[:, i, None] * groups[i, :, :, t]
        whole = moved / moved.sum(axis=(0, 1))
    out = np.empty((states, blocks // _GROUP, _GROUP, members))
    vector = start
    for g in range(blocks // _GROUP):
        out[:, g, 0] = vector
        vector = (vector[:, None] * whole[:, :, g]).sum(axis=0)
        vector = vector / vector.sum(axis=0)
    within = out[:, :, 0]
    for t in range(1, _GROUP):
        within = (within[:, None] * groups[:, :, :, t - 1]).sum(axis=0)
        within = within / within.sum(axis=0)
        out[:, :, t] = within
    return out.reshape(states, blocks, members)


def sweep(
    density: FloatArray, start: FloatArray, transition: FloatArray, room: Room, inside: BoolArray | None = None
) -> Sweep:
    """Filter densities that are cut into blocks; they are turned into emissions in place."""
    states, members = start.shape
    blocks = density.shape[2] // members
    shift = density.max(axis=1)
    density -= shift[:, None]
    cut = np.exp(density, out=density)
    wide, opening = (room.of(name, states, states, blocks * members) for name in ("transition", "opening"))
    wide.reshape(states, states, blocks, members)[:] = transition[:, :, None, :]
    # The first time of all is reached from the start probabilities without a transition.
    opening[:] = wide
    opening.reshape(states, states, blocks, members)[:, :, 0] = np.eye(states)[:, :, None]
    if blocks == 1:
        entry, leave = start, np.full((states, members), 1.0 / states)
    else:
        product = _products(opening, wide, cut, room).reshape(states, states, blocks, members)
        padded = np.zeros((states, states, -(-blocks // _GROUP) * _GROUP, members))
        padded[:, :, :blocks] = product
        padded[:, :, blocks:] = np.eye(states)[:, :, None, None]
        entry = _chained(start, padded)[:, :blocks].reshape(states, -1)
        if inside is None:
            leave = np.full((states, blocks * members), 1.0 / states)
        else:
            # blocks after a member's end say nothing, and must not say it in rounding errors either
            after = np.ones((padded.shape[2], members), dtype=bool)
            after[:blocks] = ~inside
            np.copyto(padded, np.eye(states)[:, :, None, None], where=after)
            back = _chained(np.full((states, members), 1.0 / states), padded.swapaxes(0, 1)[:, :, ::-1])
            leave = np.ascontiguousarray(back[:, ::-1][:, :blocks]).reshape(states, -1)
    alpha, scale = _forward(entry, opening, wide, cut, room)
    return Sweep(alpha, scale, cut, wide, entry, leave, shift, members)


def backward(swept: Sweep, room: Room) -> tuple[FloatArray, FloatArray]:
    """Return what all later observations say of each state, up to a factor a time.

    Parameters
    ----------
    swept : Sweep
        With `leave`.
    room : Room
        Memory to work in.

    Returns
    -------
    beta, ahead : ndarray of shape (length, n_states, n_blocks * n_members)
        What those after a time say, and those from it on.
    """
    beta, ahead = (room.of(name, *swept.alpha.shape) for name in ("beta", "ahead"))
    columns = room.of("columns", *swept.transition.shape)
    columns[:] = swept.transition.swapaxes(0, 1)
    now, size, spare = swept.leave, np.empty(swept.leave.shape[1]), np.empty_like(swept.leave)
    for t in range(beta.shape[0] - 1, -1, -1):
        beta[t] = now
        np.multiply(swept.emission[t], now, out=ahead[t])
        if t:
            now = beta[t - 1]
            _advance(ahead[t], columns, now, spare)
            _add_states(now, size)
            now /= size
    return beta, ahead


# -- Expectation and maximisation of many Gaussian hidden Markov models at once.


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
class StateMoments:
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


def expectation(observed: Observations, parameters: StateModel, room: Room | None = None) -> StateMoments:
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
    StateMoments
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

    return StateMoments(
        log_likelihood=swept.log_likelihood(),
        first=first,
        jumps=over_blocks(jumps, blocks),
        weight=over_blocks(gamma.sum(axis=0), blocks),
        sums=over_blocks(sums, blocks),
        squares=over_blocks(squares, blocks),
    )


def _variance(moments: StateMoments, mean: FloatArray, weight: FloatArray, i: int) -> FloatArray:
    return np.asarray(moments.squares[:, i, i] / weight - mean[:, i] ** 2)


def maximisation(moments: StateMoments, floor: FloatArray) -> StateModel:
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
