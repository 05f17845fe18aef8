"""Each kernel beside its obvious twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_smallcap.models.inference import bartlett_bse, bartlett_sum
from xl_smallcap.models.kernels.estimators import components_by_share, estimate, invert_all, solve_all
from xl_smallcap.models.kernels.influence import derivatives, pairs
from xl_smallcap.models.kernels.windows import window_moments
from xl_smallcap.types import FloatArray, Method


@pytest.mark.parametrize(("n", "window"), [(60, 20), (60, 60), (61, 20), (79, 20), (60, 59)])
def test_window_moments(n: int, window: int) -> None:
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((n, 3)) * [1.0, 100.0, 1e-3] + [5.0, -40.0, 0.0], rng.standard_normal(n)
    moments = window_moments(y, X, window)
    R, r = moments.correlations()
    assert R.shape[2] == n - window + 1
    for i in range(n - window + 1):
        x, v = X[i : i + window], y[i : i + window]
        np.testing.assert_allclose(R[:, :, i], np.corrcoef(x, rowvar=False), rtol=1e-10, atol=1e-12)
        covariance = [np.cov(x[:, k], v)[0, 1] / x[:, k].std(ddof=1) for k in range(3)]
        np.testing.assert_allclose(r[:, i], covariance, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(moments.level[:, i], [*x.mean(axis=0), v.mean()], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(moments.factor_sd[:, i], x.std(axis=0, ddof=1), rtol=1e-12)


def spd(n: int, p: int, seed: int) -> FloatArray:
    A = np.random.default_rng(seed).standard_normal((n, p, 2 * p))
    return np.moveaxis(A @ np.swapaxes(A, 1, 2), 0, 2)


def test_solving_and_inverting_many() -> None:
    S = spd(40, 5, 1)
    inverse = invert_all(S)
    for i in range(40):
        np.testing.assert_allclose(inverse[:, :, i], np.linalg.inv(S[:, :, i]), rtol=1e-9)
    slopes, doubtful = solve_all(S.copy())
    assert not doubtful.any()
    for i in range(40):
        np.testing.assert_allclose(slopes[:, i], np.linalg.solve(S[:4, :4, i], S[:4, 4, i]), rtol=1e-10)
    S[3, :, 7] = S[:, 3, 7] = 0.0
    assert solve_all(S.copy())[1].tolist() == [i == 7 for i in range(40)]


def test_the_bartlett_sum_against_the_single_series() -> None:
    U = np.random.default_rng(2).standard_normal((3, 4, 50))
    sums = bartlett_sum(U, 4, -1)
    for i in range(3):
        for k in range(4):
            u = U[i, k].tolist()
            plain = sum(v * v for v in u)
            for lag in range(1, 5):
                plain += 2.0 * (1.0 - lag / 5.0) * sum(u[t] * u[t - lag] for t in range(lag, 50))
            assert sums[i, k] == pytest.approx(max(plain, 0.0), rel=1e-12)
        np.testing.assert_array_equal(np.sqrt(sums[i]), bartlett_bse(U[i].T, 4, 1.0))


def correlations(n: int, p: int, seed: int) -> tuple[FloatArray, FloatArray]:
    S = spd(n, p, seed)
    sd = np.sqrt(np.einsum("iin->in", S))
    r = np.random.default_rng(seed + 100).standard_normal((p, n))
    return S / (sd[:, None] * sd[None]), r


@pytest.mark.parametrize("method", [Method("pcr"), Method("pcr", 2), Method("pls"), Method("pls", 3)], ids=str)
def test_estimates_and_their_maps(method: Method) -> None:
    R, r = correlations(30, 5, 4)
    estimates = estimate(method, R, r, maps=True)
    assert estimates.maps is not None
    np.testing.assert_allclose(np.einsum("ijn,jn->in", estimates.maps, r), estimates.beta, rtol=1e-10)
    for i in range(30):
        values, V = np.linalg.eigh(R[:, :, i])
        if method.name == "pcr":
            k = int(estimates.components[i])
            assert k == (method.components or int(np.argmax(np.cumsum(values[::-1]) / 5 >= 0.9)) + 1)
            B = V[:, ::-1][:, :k]
        else:
            B = np.column_stack(
                [np.linalg.matrix_power(R[:, :, i], m) @ r[:, i] for m in range(method.components or 2)]
            )
        expected = B @ np.linalg.solve(B.T @ R[:, :, i] @ B, B.T @ r[:, i])
        np.testing.assert_allclose(estimates.beta[:, i], expected, rtol=1e-8)


@pytest.mark.parametrize(
    "method",
    [
        Method("pcr", 2), Method("pcr", 3), Method("pls", 1), Method("pls", 3),
        Method("pcr", 2, control=True), Method("pls", 2, control=True),
    ],
    ids=repr,
)  # fmt: skip
def test_derivatives_against_differences(method: Method) -> None:
    R, r = correlations(6, 4, 5)
    by_R, by_r = derivatives(method, R, r)
    step = 1e-6
    for m, (i, j) in enumerate(zip(*pairs(4), strict=True)):
        moved = []
        for sign in (1, -1):
            other = R.copy()
            other[i, j] += sign * step
            other[j, i] += sign * step
            moved.append(estimate(method, other, r).beta)
        np.testing.assert_allclose(by_R[:, m], (moved[0] - moved[1]) / (2 * step), rtol=1e-5, atol=1e-7)
    for j in range(4):
        moved = [estimate(method, R, r + sign * step * (np.arange(4) == j)[:, None]).beta for sign in (1, -1)]
        np.testing.assert_allclose(by_r[:, j], (moved[0] - moved[1]) / (2 * step), rtol=1e-5, atol=1e-7)


def test_components_by_share_at_its_edge() -> None:
    eigenvalues = np.array([[4.5, 0.25, 0.25], [9.0, 0.5, 0.5], [8.99, 0.51, 0.5], [1.0, 0.0, 0.0]])
    assert components_by_share(eigenvalues).tolist() == [1, 1, 2, 1]


def test_directions_that_are_hardly_told_apart_are_doubtful() -> None:
    R = np.eye(3)[:, :, None]
    assert estimate(Method("pcr", 2), R, np.ones((3, 1))).doubtful.all(), "equal eigenvalues at the cut"
    assert not estimate(Method("pcr", 3), R, np.ones((3, 1))).doubtful.any(), "no cut"
    assert estimate(Method("pls", 2), R, np.ones((3, 1))).doubtful.all(), "one direction says everything"
    assert not estimate(Method("pls", 1), R, np.ones((3, 1))).doubtful.any()


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), power=st.integers(-20, 20), components=st.integers(1, 4))
def test_scale_and_order_of_factors_do_not_matter(seed: int, power: int, components: int) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((80, 4)) @ (np.eye(4) + 0.4 * rng.standard_normal((4, 4))), rng.standard_normal(80)
    order = rng.permutation(4)
    for name in ("pcr", "pls", "univariate", "ols"):
        number = components if name in ("pcr", "pls") else None
        method = Method(name, number)
        one = estimate(method, *window_moments(y, X, 80).correlations())
        if one.doubtful.any():
            continue
        two = estimate(method, *window_moments(y, X[:, order] * 2.0**power, 80).correlations())
        np.testing.assert_allclose(two.beta, one.beta[order], rtol=1e-6, atol=1e-9)
