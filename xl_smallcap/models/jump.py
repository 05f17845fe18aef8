"""Statistical jump models: states that are few, close to their months, and that change seldom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.types import BoolArray, FloatArray, IntArray

_ITERATIONS = 60
_SAME_LOSS = 0.01
LEAST_SHARE = 0.02
"""Share of the times below which a state is degenerate."""


@dataclass(frozen=True)
class JumpFit:
    """The best sequence of states of each window."""

    # states in order of the first column's centre, lowest first; the last axis is the window
    centres: FloatArray
    path: IntArray  # (n_times, n_windows); times without observation keep a state, those after the end are -1
    loss: FloatArray
    reached: FloatArray  # share of the starts within 0.01 of the least loss
    usable: BoolArray  # whether each state has at least two in a hundred of the observed times


def best_path(loss: FloatArray, penalty: float) -> tuple[IntArray, FloatArray]:
    """Find the sequence of states of least total loss and penalties, by dynamic programming (Bellman 1957).

    Parameters
    ----------
    loss : ndarray of shape (n_times, n_states, n_members)
        Of being in a state at a time; zeros where nothing was observed.
    penalty : float
        Of each change of state.

    Returns
    -------
    path : ndarray of int of shape (n_times, n_members)
    total : ndarray of shape (n_members,)
    """
    times, states, members = loss.shape
    come = np.empty((times, states, members), dtype=np.int64)
    value, own = loss[0].copy(), np.arange(states)[:, None]
    for t in range(1, times):
        cheapest = value.argmin(axis=0)
        other = np.take_along_axis(value, cheapest[None], 0) + penalty
        stay = value <= other
        come[t] = np.where(stay, own, cheapest)
        value = np.where(stay, value, other) + loss[t]
    path = np.empty((times, members), dtype=np.int64)
    path[-1] = value.argmin(axis=0)
    for t in range(times - 1, 0, -1):
        path[t - 1] = np.take_along_axis(come[t], path[t][None], 0)[0]
    return path, value.min(axis=0)


def fit_jump(x: FloatArray, lengths: IntArray, states: int, penalty: float, starts: int, seed: int) -> JumpFit:
    """Fit every window: centres and sequence in turn, from random months, until the sequence stays.

    Parameters
    ----------
    x : ndarray of shape (n_times, n_dims, n_windows)
        Standardised observations; NaN in the first dimension where there is none, and beyond each window's length.
    lengths : ndarray of int of shape (n_windows,)
        Times of each window; the last one is observed.
    states : int
        How many.
    penalty : float
        Of each change, in halves of squared distances.
    starts, seed : int
        Random starts a window, of which the one of least loss is kept, and the generator's seed.

    Returns
    -------
    JumpFit

    Notes
    -----
    Least sum of |x_t - centre(s_t)|²/2 + penalty [s_t != s_(t-1)] (Bemporad, Breschi, Piga and Boyd 2018; Nystrup,
    Lindström and Madsen 2020), by coordinate descent.
    """
    times, dims, windows = x.shape
    seen = ~np.isnan(x[:, 0])
    values = np.where(seen[:, None], x, 0.0)
    wide, there = np.repeat(values, starts, axis=-1), np.repeat(seen, starts, axis=-1)
    members = windows * starts
    # the same uniforms for every window, so that a window's starts do not depend on its company
    uniform = np.random.default_rng(seed).random((states, starts))
    count = seen.sum(axis=0)
    pick = np.minimum((uniform[:, None] * count[:, None]).astype(np.int64), count[:, None] - 1).reshape(states, members)
    rank = np.cumsum(there, axis=0) - 1
    centres = np.empty((states, dims, members))
    for k in range(states):
        row = ((rank == pick[k]) & there).argmax(axis=0)
        centres[k] = wide[row, :, np.arange(members)].T
    path, total = np.full((times, members), -1), np.full(members, np.inf)
    live = np.arange(members)
    for _ in range(_ITERATIONS):
        part, on = wide[..., live], there[:, live]
        loss = 0.5 * ((part[:, None] - centres[None, ..., live]) ** 2).sum(axis=2) * on[:, None]
        new, total[live] = best_path(loss, penalty)
        same = (new == path[:, live]).all(axis=0)
        path[:, live] = new
        live, new, on, part = live[~same], new[:, ~same], on[:, ~same], part[..., ~same]
        if not live.size:
            break
        for k in range(states):
            inside = (new == k) & on
            size = inside.sum(axis=0)
            mean = (part * inside[:, None]).sum(axis=0) / np.maximum(size, 1)
            centres[k][:, live] = np.where(size > 0, mean, centres[k][:, live])
    table = total.reshape(windows, starts)
    best = np.arange(windows) * starts + table.argmin(axis=1)
    order = centres[:, 0, best].argsort(axis=0, kind="stable")
    lanes = np.arange(windows)
    named = order.argsort(axis=0)
    kept = named[path[:, best], lanes]
    kept[np.arange(times)[:, None] >= lengths] = -1
    share = np.stack([((kept == k) & seen).sum(axis=0) for k in range(states)]) / np.maximum(count, 1)
    return JumpFit(
        np.moveaxis(centres[:, :, best][order, :, lanes], -1, 1),
        kept,
        table.min(axis=1),
        (table < table.min(axis=1)[:, None] + _SAME_LOSS).mean(axis=1),
        np.asarray((share >= LEAST_SHARE).all(axis=0)),
    )


def counted_transitions(path: IntArray, states: int) -> FloatArray:
    """Return the transition matrices of sequences, each change counted once more than seen (Laplace's rule).

    Parameters
    ----------
    path : ndarray of int of shape (n_times, n_windows)
        -1 after a window's end.
    states : int
        How many.

    Returns
    -------
    ndarray of shape (n_states, n_states, n_windows)
        From row to column.
    """
    out = np.ones((states, states, path.shape[1]))
    for i in range(states):
        for j in range(states):
            out[i, j] += ((path[:-1] == i) & (path[1:] == j)).sum(axis=0)
    return np.asarray(out / out.sum(axis=1, keepdims=True))
