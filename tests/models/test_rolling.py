"""Rolling fits of every method against plain loops, on returns, on trending levels and after a bad tick."""

import numpy as np
import pytest

from tests.models import twins
from xl_smallcap.errors import FitError
from xl_smallcap.models.estimation import point_fit, standardised
from xl_smallcap.models.factor_fit import fit_factors
from xl_smallcap.models.inference import newey_west_lags
from xl_smallcap.models.rolling import rolling_fit
from xl_smallcap.types import FloatArray, Method

MAKERS = {"returns": twins.returns, "trending levels": twins.trending, "bad tick": twins.bad_tick}
NAMES = tuple("abcdefgh")


def loop(y: FloatArray, X: FloatArray, window: int, method: Method, every: int = 1) -> FloatArray:
    starts = range(0, y.size - window + 1, every)
    return np.array([twins.betas(y[i : i + window], X[i : i + window], method) for i in starts])


@pytest.mark.parametrize("method", twins.METHODS, ids=repr)
@pytest.mark.parametrize("kind", MAKERS)
def test_every_method_against_a_plain_loop(kind: str, method: Method) -> None:
    y, X = MAKERS[kind]()
    window = 120
    fit, _ = rolling_fit(y, X, window, method)
    expected = loop(y, X, window, method, every=3)
    error = np.abs(fit.params[::3] - expected) / np.abs(expected).max(axis=0)
    # scikit-learn and lstsq round too: where factors are nearly collinear they are no better than 1e-9
    limit = 2e-9 if kind == "trending levels" else 1e-10
    assert error.max() < limit
    parts = [(y[i : i + window], standardised(X[i : i + window])) for i in range(y.size - window + 1)]
    own = np.array([point_fit(v, Z, method).params / sd for v, (Z, _, sd) in parts])
    assert (np.abs(fit.params - own) / np.abs(own).max(axis=0)).max() < 1e-10, "to our accurate single fit, always"


@pytest.mark.parametrize("window", [15, 83, 250, 700])
def test_windows_of_any_length(window: int) -> None:
    y, X = twins.returns()
    fit, _ = rolling_fit(y, X, window)
    np.testing.assert_allclose(fit.params, loop(y, X, window, Method()), rtol=1e-10, atol=1e-10)
    sd = np.array([X[i : i + window].std(axis=0, ddof=1) for i in range(y.size - window + 1)])
    np.testing.assert_allclose(fit.factor_sd, sd, rtol=1e-10)
    const = [y[i : i + window].mean() - X[i : i + window].mean(axis=0) @ b for i, b in enumerate(fit.params)]
    np.testing.assert_allclose(fit.const, const, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("method", twins.METHODS, ids=repr)
def test_a_bad_tick_leaves_no_trace_once_out_of_the_window(method: Method) -> None:
    clean, _ = rolling_fit(*twins.returns(), 100, method, errors=True)
    dirty, bse = rolling_fit(*twins.bad_tick(), 100, method, errors=True)
    assert bse is not None
    for part in (slice(0, 101), slice(301, None)):
        np.testing.assert_allclose(dirty.params[part], clean.params[part], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("place", [118, 120, 122, 130, 180, 239])
def test_a_step_in_the_level_costs_the_windows_beside_it_no_digits(place: int) -> None:
    """Sums are taken about a centre near the end of a block; a step there leaves some windows far from it."""
    y, X = twins.returns(500)
    X[place:, 0] += 1e7
    window = 120
    fit, _ = rolling_fit(y, X, window)
    whole = [i for i in range(381) if not i < place < i + window]
    flat = X.copy()
    flat[place:, 0] -= 1e7
    expected = rolling_fit(y, flat, window)[0].params
    error = np.abs(fit.params - expected)[whole] / np.abs(expected).max(axis=0)
    # the step itself has taken digits from the data: 1e7 leaves 2e-9 of a factor that moves by one
    assert error.max() < 1e-8
    assert fit.alone.sum() < 381


def test_near_singular_windows_are_flagged_and_solved_alone() -> None:
    y, X = twins.returns()
    own = np.random.default_rng(4).standard_normal(200) * X[300:500, 0].std()
    X[300:500, 3] = X[300:500, 0] * 2.0 + 5e-2 * own
    for method in twins.METHODS:
        fit, bse = rolling_fit(y, X, 100, method, errors=True)
        assert bse is not None
        assert fit.alone[300:401].all()
        assert np.isfinite(bse[300:401]).all()
    fit, _ = rolling_fit(y, X, 100)
    assert not fit.alone[:200].any()
    single = fit_factors(y[350:450], X[350:450], NAMES[:4])
    np.testing.assert_allclose(fit.params[350] * fit.factor_sd[350], single.params, rtol=1e-10)
    for share in (1e-9, 1e-5, 5e-3):
        X[300:500, 3] = X[300:500, 0] * 2.0 + share * own
        with pytest.raises(FitError, match="move together"):
            fit_factors(y[350:450], X[350:450], NAMES[:4])
        for method in twins.METHODS:
            fit, bse = rolling_fit(y, X, 100, method, errors=True)
            assert bse is not None
            assert np.isnan(fit.params[300:401]).all(), "refused where a single fit is"
            assert np.isnan(bse[300:401]).all()
            assert np.isfinite(fit.params[:200]).all()
    X[300:500, 3] = 0.0
    assert np.isnan(rolling_fit(y, X, 100)[0].params[350]).all()


def test_a_value_that_is_not_finite_spoils_its_own_windows_only() -> None:
    y, X = twins.returns()
    clean, _ = rolling_fit(y, X, 100)
    for bad in (np.nan, np.inf):
        broken = X.copy()
        broken[400, 2] = bad
        for method in (Method(), Method("pcr"), Method("pls"), Method("univariate")):
            with np.errstate(invalid="ignore"):
                fit, _ = rolling_fit(y, broken, 100, method)
            assert np.isnan(fit.params[301:401]).all()
        with np.errstate(invalid="ignore"):
            fit, _ = rolling_fit(y, broken, 100)
        np.testing.assert_allclose(fit.params[:301], clean.params[:301], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(fit.params[401:], clean.params[401:], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", MAKERS)
def test_newey_west_of_every_window_against_statsmodels(kind: str) -> None:
    y, X = MAKERS[kind]()
    window = 90
    fit, bse = rolling_fit(y, X, window, errors=True)
    _, own_bse = rolling_fit(y, X, window, Method("univariate"), errors=True)
    assert bse is not None
    assert own_bse is not None
    lags = newey_west_lags(window)
    for i in range(0, y.size - window + 1, 13):
        rows = slice(i, i + window)
        # statsmodels' own inverse loses digits where columns differ by a million
        limit = {"returns": 1e-9, "bad tick": 1e-5}.get(kind, 1e-6)
        np.testing.assert_allclose(bse[i], twins.newey_west(y[rows], X[rows], lags), rtol=limit)
        single = fit_factors(y[rows], X[rows], NAMES[: X.shape[1]])
        # an observation with a leverage of 1 - 1e-9 has six digits of 1 - h
        same = 1e-9 if kind != "bad tick" else 2e-6
        np.testing.assert_allclose(bse[i] * fit.factor_sd[i], single.bse, rtol=same)
        alone = [float(twins.newey_west(y[rows], X[rows, k : k + 1], lags)[0]) for k in range(X.shape[1])]
        np.testing.assert_allclose(own_bse[i], alone, rtol=limit)


def test_newey_west_of_single_factors_beside_a_control() -> None:
    y, X = twins.returns()
    method = Method("univariate", control=True)
    _, bse = rolling_fit(y, X, 90, method, errors=True)
    assert bse is not None
    lags = newey_west_lags(90)
    for i in (0, 200, 555):
        rows = slice(i, i + 90)
        expected = [twins.newey_west(y[rows], X[rows][:, [k, 3]], lags)[0] for k in range(3)]
        expected.append(twins.newey_west(y[rows], X[rows][:, [3]], lags)[0])
        np.testing.assert_allclose(bse[i], expected, rtol=1e-9)
        single = fit_factors(y[rows], X[rows], NAMES[:4], method)
        np.testing.assert_allclose(single.bse / single.factor_sd, expected, rtol=1e-9)


@pytest.mark.parametrize(
    "method",
    [Method("pcr", 2), Method("pls"), Method("pls", 3), Method("pcr", 2, control=True), Method("pls", 2, control=True)],
    ids=repr,
)
def test_delta_errors_are_the_jackknife_of_infinitely_small_weights(method: Method) -> None:
    """An observation's influence is what its weight adds to the betas: weights moved by hand, everything refitted."""
    y, X = twins.returns(150)
    n = y.size
    _, bse = rolling_fit(y, X, n, method, errors=True)
    assert bse is not None
    step = 1e-5

    def weighted(weight: FloatArray) -> FloatArray:
        weight = weight / weight.sum()
        mean, level = weight @ X, weight @ y
        sd = np.sqrt(weight @ (X - mean) ** 2)
        Z, v = (X - mean) / sd, y - level
        if method.control:
            m = Z[:, -1]
            loading, share = (weight * m) @ Z[:, :-1], (weight * m) @ v
            rest = Z[:, :-1] - np.outer(m, loading)
            left = np.sqrt(weight @ rest**2)
            inner = component_betas(rest / left, v - share * m, weight) / left
            return np.append(inner, share - loading @ inner) / sd
        return component_betas(Z, v, weight) / sd

    def component_betas(Z: FloatArray, v: FloatArray, weight: FloatArray) -> FloatArray:
        R, r = Z.T @ (Z * weight[:, None]), Z.T @ (v * weight)
        if method.name == "pcr":
            values, V = np.linalg.eigh(R)
            V, values = V[:, ::-1][:, : method.components], values[::-1][: method.components]
            return np.asarray(V @ ((V.T @ r) / values))
        K = np.column_stack([np.linalg.matrix_power(R, k) @ r for k in range(method.components or 2)])
        return np.asarray(K @ np.linalg.solve(K.T @ R @ K, K.T @ r))

    influence = []
    for t in range(n):
        up, down = np.ones(n), np.ones(n)
        up[t] += step
        down[t] -= step
        influence.append((weighted(up) - weighted(down)) / (2 * step))
    U = np.array(influence)
    lags = newey_west_lags(n)
    variance = (U * U).sum(axis=0)
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * (U[lag:] * U[:-lag]).sum(axis=0)
    k = 4 if method.name == "pls" else (method.components or 2) + method.control
    expected = np.sqrt(variance * n / (n - 1 - k))
    np.testing.assert_allclose(bse[0], expected, rtol=1e-6)


def test_all_components_are_ols() -> None:
    y, X = twins.returns()
    plain, _ = rolling_fit(y, X, 200, errors=True)
    lags = newey_west_lags(200)
    for full_method in (
        Method("pcr", 4),
        Method("pls", 4),
        Method("pcr", 3, control=True),
        Method("pls", 3, control=True),
    ):
        full, errors = rolling_fit(y, X, 200, full_method, errors=True)
        assert errors is not None
        np.testing.assert_allclose(full.params, plain.params, rtol=1e-9)
        np.testing.assert_allclose(full.const, plain.const, rtol=1e-8, atol=1e-10)
        for i in range(0, errors.shape[0], 50):
            rows = slice(i, i + 200)
            single = fit_factors(y[rows], X[rows], NAMES[:4])
            assert single.hac_lags == lags
            np.testing.assert_allclose(errors[i] * plain.factor_sd[i], single.bse_nw, rtol=1e-9)
