"""News by signs: against plain loops and a search over rotations; what it recovers where the truth is known."""

from __future__ import annotations

import numpy as np

from xl_smallcap.models.news import DECAY, FIRST, FRACTIONS, signed_news, trailing_covariances
from xl_smallcap.types import FloatArray


def world(n: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Growth news moves both up, policy news shares up and the yield down; the truth and what is seen of it."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((n, 2)) * (1.0 + 0.5 * np.sin(np.arange(n) / 60.0))[:, None]
    return truth, truth @ np.array([[0.7, 3.0], [0.6, -2.5]])


def test_covariances_know_only_the_days_before() -> None:
    _, x = world(400, 1)
    moments = trailing_covariances(x)
    assert moments.shape == (400 - FIRST, 2, 2)
    current = sum(np.outer(v, v) for v in x[:FIRST]) / FIRST
    for t in range(400 - FIRST):
        np.testing.assert_allclose(moments[t], current, rtol=1e-10)
        current = DECAY * current + (1 - DECAY) * np.outer(x[FIRST + t], x[FIRST + t])
    later = x.copy()
    later[FIRST + 50 :] *= 9.0
    np.testing.assert_array_equal(trailing_covariances(later)[:51], moments[:51])


def test_every_rotation_against_a_search() -> None:
    """Admissible angles by trying ten thousand; shocks by inverting the loadings of each."""
    _, x = world(300, 2)
    moments, news = trailing_covariances(x), signed_news(x)
    grid = np.linspace(0.0, np.pi / 2, 10_001)[1:-1]
    for t in (0, 17, 49):
        C = np.linalg.cholesky(moments[t])
        good = []
        for angle in grid:
            R = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            loading = C @ R
            growth, policy = loading[:, 0], -loading[:, 1]
            if growth[0] > 0 and growth[1] > 0 and policy[0] > 0 and policy[1] < 0:
                good.append(angle)
        for k, share in enumerate(FRACTIONS):
            angle = good[0] + share * (good[-1] - good[0])
            R = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            shocks = np.linalg.solve(C @ R, x[FIRST + t])
            np.testing.assert_allclose(news[k, t], [shocks[0], -shocks[1]], atol=2e-3)


def test_what_it_recovers() -> None:
    truth, x = world(3000, 3)
    news = signed_news(x)[FRACTIONS.size // 2]
    for k in range(2):
        assert np.corrcoef(news[:, k], truth[FIRST:, k])[0, 1] > 0.9
        assert abs(np.corrcoef(news[:, k], truth[FIRST:, 1 - k])[0, 1]) < 0.35
    assert abs(np.corrcoef(news.T)[0, 1]) < 0.1
    np.testing.assert_allclose(news.std(axis=0), 1.0, atol=0.1)
