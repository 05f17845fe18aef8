"""Signs of many windows at once against one accurate fit a window, by every method, with and without a control."""

from __future__ import annotations

import numpy as np
import pytest

from xl_smallcap.models.estimation import point_fit, standardised, unfit
from xl_smallcap.models.factor_fit import METHODS, Windows, independent_signs
from xl_smallcap.types import FloatArray, IntArray, Method

ALL = [*METHODS, *(Method(m.name, control=True) for m in METHODS), Method("pcr", 2), Method("pls", 1)]


def one_by_one(y: FloatArray, X: FloatArray, window: int, gaps: IntArray, method: Method) -> FloatArray:
    signs = []
    for stop in range(y.size - window, window - 1, -window):
        start = stop - window
        if any(start < g < stop for g in gaps) or unfit(X[start:stop]):
            continue
        signs.append(np.sign(point_fit(y[start:stop], standardised(X[start:stop])[0], method).params))
    return np.array(signs).reshape(-1, X.shape[1])


@pytest.mark.parametrize("method", ALL, ids=str)
def test_the_same_signs_as_one_window_at_a_time(method: Method) -> None:
    rng = np.random.default_rng(11)
    X = rng.normal(size=(1_234, 4)) * [1.0, 5.0, 0.1, 30.0] + [0.0, 0.0, 2.0, 0.0]
    y = X @ [0.3, 0.02, -2.0, 0.0] + rng.normal(size=1_234)
    X[700:760, 1] = 7.0  # stands still in one window
    X[400:460, 3] = 3.0 * X[400:460, 0]  # collinear in another
    X[300:330, 2] = X[300:330, 1] + 1e-5 * X[300:330, 2]  # hardly apart for half a window
    gaps = np.array([0, 5, 1_000, 1_130], dtype=np.int64)
    for window in (25, 60, 250, 617, 618, 1_234):
        signs = independent_signs(y, X, window, gaps, method)
        wanted = one_by_one(y, X, window, gaps, method)
        assert signs.shape == wanted.shape
        assert (signs == wanted).all()
    assert len(independent_signs(y, X, 25, gaps, method)) == 48 - 6, "two gaps, two still, two collinear"


def test_a_sign_that_correlations_cannot_tell_is_asked_of_the_accurate_fit() -> None:
    """Two factors that differ by a fiftieth, and two that differ by a hundred-thousandth, which count as collinear."""
    rng = np.random.default_rng(3)
    a, e = rng.normal(size=(2, 1, 400))
    assert not Windows.fit(e, np.stack([a, a + 1e-5 * e], axis=2)).number.size
    X = np.stack([a, a + 2e-2 * e], axis=2)
    y = X[:, :, 1] - X[:, :, 0]
    windows = Windows.fit(y, X)
    assert windows.number[0] > 90
    assert windows.signs(METHODS[0]).tolist() == [[-1.0, 1.0]]
    assert (
        windows.signs(METHODS[0]).tolist() == np.sign(point_fit(y[0], windows.Z[0], METHODS[0]).params)[None].tolist()
    )
    assert Windows.fit(np.ones_like(y), X).signs(METHODS[0]).shape == (0, 2), "rounding of a constant has no sign"
    still = Windows.fit(y, np.zeros_like(X))
    assert still.signs(METHODS[0]).shape == (0, 2)
