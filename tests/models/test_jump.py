"""The statistical jump model: its sequence against every sequence there is, its fit against plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from xl_smallcap.models.jump import best_path, counted_transitions, fit_jump
from xl_smallcap.types import FloatArray, IntArray


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("states", [2, 3])
def test_no_sequence_is_better(seed: int, states: int) -> None:
    """Held against all sequences of seven times."""
    loss = np.random.default_rng(seed).exponential(size=(7, states, 3))
    path, total = best_path(loss, 0.7)
    for m in range(3):
        costs = {
            s: sum(loss[t, k, m] for t, k in enumerate(s)) + 0.7 * sum(a != b for a, b in itertools.pairwise(s))
            for s in itertools.product(range(states), repeat=7)
        }
        assert total[m] == pytest.approx(min(costs.values()))
        assert costs[tuple(path[:, m].tolist())] == pytest.approx(min(costs.values()))


def by_loops(x: FloatArray, centres: FloatArray, penalty: float) -> tuple[FloatArray, IntArray, float]:
    """Coordinate descent from given centres, a time and a state at a time."""
    n, states = len(x), len(centres)
    before: list[int] = []
    while True:
        loss = np.array([[0.5 * ((row - c) ** 2).sum() if np.isfinite(row[0]) else 0.0 for c in centres] for row in x])
        value, come = [list(loss[0])], []
        for t in range(1, n):
            now, back = [], []
            for k in range(states):
                ways = [value[-1][j] + penalty * (j != k) for j in range(states)]
                back.append(k if ways[k] <= min(ways) else int(np.argmin(ways)))
                now.append(min(ways) + loss[t][k])
            value.append(now)
            come.append(back)
        path = [int(np.argmin(value[-1]))]
        for back in reversed(come):
            path.insert(0, back[path[0]])
        if path == before:
            return centres, np.array(path), min(value[-1])
        before = path
        for k in range(states):
            rows = [row for row, s in zip(x, path, strict=True) if s == k and np.isfinite(row[0])]
            if rows:
                centres[k] = np.mean(rows, axis=0)


def two_states(seed: int, n: int = 160) -> tuple[FloatArray, IntArray]:
    rng = np.random.default_rng(seed)
    state = (np.arange(n) // 40) % 2
    x = rng.standard_normal((n, 2)) + np.where(state, 1.5, -1.5)[:, None]
    x[[3, 90]] = np.nan
    return x, state


def test_the_fit_is_a_plain_loops() -> None:
    """From the same first months, each start ends where loops do; the best is kept, states by their first centre."""
    x, _ = two_states(3)
    n = len(x)
    fitted = fit_jump(x[:, :, None], np.array([n]), 2, 4.0, 6, 11)
    uniform = np.random.default_rng(11).random((2, 6))
    there = x[np.isfinite(x[:, 0])]
    ends = [by_loops(x, there[(u * len(there)).astype(int)].copy(), 4.0) for u in uniform.T]
    centres, path, total = min(ends, key=lambda e: e[2])
    order = np.argsort(centres[:, 0])
    assert fitted.loss[0] == pytest.approx(total)
    np.testing.assert_allclose(fitted.centres[:, :, 0], centres[order], atol=1e-12)
    np.testing.assert_array_equal(fitted.path[:, 0], np.argsort(order)[path])
    assert fitted.reached[0] == np.mean([e[2] < total + 0.01 for e in ends])


def test_it_finds_spells_and_a_dear_change_finds_none() -> None:
    x, state = two_states(5)
    fitted = fit_jump(x[:, :, None], np.array([len(x)]), 2, 5.0, 10, 1)
    assert (fitted.path[:, 0] == state).mean() > 0.97
    assert fitted.usable[0]
    alone = fit_jump(x[:, :, None], np.array([len(x)]), 2, 1e6, 10, 1)
    assert np.unique(alone.path[:, 0]).size == 1
    assert not alone.usable[0], "a state without months is none"


def test_company_and_later_months_change_nothing() -> None:
    first, _ = two_states(1)
    second, _ = two_states(2)
    both = np.stack([first, second], axis=-1)
    both[120:, :, 1] = np.nan
    together = fit_jump(both, np.array([160, 120]), 2, 5.0, 8, 1)
    alone = fit_jump(second[:120, :, None], np.array([120]), 2, 5.0, 8, 1)
    np.testing.assert_array_equal(together.path[:120, 1], alone.path[:, 0])
    np.testing.assert_allclose(together.centres[..., 1], alone.centres[..., 0], atol=1e-12)
    assert (together.path[120:, 1] == -1).all()


def test_transitions_are_counted_once_more_than_seen() -> None:
    path = np.array([0, 0, 1, 1, 1, 0, -1, -1])[:, None]
    np.testing.assert_allclose(counted_transitions(path, 2)[..., 0], [[2 / 4, 2 / 4], [2 / 5, 3 / 5]])
