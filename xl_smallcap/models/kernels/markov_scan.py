"""Forward and backward through many Markov chains at once, in blocks of time that run side by side.

The recursions as in Rabiner (1989). A series is cut into blocks; the transfer matrices of all blocks are multiplied
side by side, then their products chained, so that every block knows with what it is entered and left (a blocked scan):
Python takes about sqrt(T) steps of long rows instead of T of short ones. The last axis is blocks times members.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xl_smallcap.types import BoolArray, FloatArray

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
    """Return how many times a block of a series has.

    Parameters
    ----------
    times : int
        Of the series.

    Returns
    -------
    int
    """
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
