"""Benchmarks of the kernels against their peers in the same run; ratios, never gates.

Run ``python -m pytest benchmarks -s``. Peers that would take an hour run on the stated share of at least 1 % of the job
and are extrapolated; the share of results they give is compared with ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import polars_ols  # noqa: F401 - registers the expressions
import pytest
import statsmodels.api as sm
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.regression.rolling import RollingOLS

from benchmarks.timing import median_time, once, report
from xl_smallcap.models.estimation import solve_least_squares
from xl_smallcap.models.factor_fit import Bootstrap, bootstrap_betas, fit_factors, moving_block_counts
from xl_smallcap.models.inference import newey_west_lags
from xl_smallcap.models.kernels.many import factor_inverse, many_newey_west
from xl_smallcap.models.rolling import last_window, rolling_fit, rolling_targets
from xl_smallcap.types import FloatArray, Method

N, P, WINDOW, TARGETS = 5000, 8, 252, 2000
WINDOWS = N - WINDOW + 1


def regression() -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(20251224)
    X = rng.standard_normal((N, P)) @ (np.eye(P) + 0.2 * rng.standard_normal((P, P)))
    return X @ rng.standard_normal(P) + rng.standard_normal(N), X


@pytest.fixture(scope="module")
def universe() -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((N, P))
    return X @ rng.standard_normal((P, TARGETS)) + rng.standard_normal((N, TARGETS)), X


def polars_rolling(y: FloatArray, X: FloatArray) -> Callable[[], Any]:
    frame = pl.DataFrame({"y": y, **{f"x{i}": X[:, i] for i in range(P)}})
    target: Any = pl.col("y")
    expression = target.least_squares.rolling_ols(
        *[pl.col(f"x{i}") for i in range(P)],
        window_size=WINDOW, min_periods=WINDOW, mode="coefficients", add_intercept=True,
    )  # fmt: skip
    return lambda: frame.select(expression.alias("b"))


def test_rolling_ols() -> None:
    y, X = regression()
    fit, _ = rolling_fit(y, X, WINDOW)
    design = sm.add_constant(X)
    theirs = RollingOLS(y, design, WINDOW).fit(params_only=True).params[WINDOW - 1 :]
    assert np.abs(fit.params - theirs[:, 1:]).max() < 1e-10
    polars = polars_rolling(y, X)
    assert np.abs(fit.params - polars().unnest("b").to_numpy()[WINDOW - 1 :, :P]).max() < 1e-8
    report(
        f"rolling OLS, {N} x {P}, window {WINDOW}",
        median_time(lambda: rolling_fit(y, X, WINDOW), 25),
        {
            "statsmodels": median_time(lambda: RollingOLS(y, design, WINDOW).fit(params_only=True), 7),
            "polars-ols": median_time(polars, 25),
        },
    )


def error_of(params: FloatArray, y: FloatArray, X: FloatArray) -> float:
    """Largest error of the slopes of some windows, relative to the largest slope of each."""
    worst = 0.0
    for i in range(0, WINDOWS, 97):
        rows = slice(i, i + WINDOW)
        design = np.column_stack([np.ones(WINDOW), X[rows] - X[rows].mean(axis=0)])
        exact = solve_least_squares(design, y[rows]).params[1:]
        worst = max(worst, float(np.abs(params[i] - exact).max() / np.abs(exact).max()))
    return worst


@pytest.mark.parametrize("what", ["trending levels", "a bad tick"])
def test_rolling_ols_on(what: str) -> None:
    y, X = regression()
    if what == "trending levels":
        X = np.cumsum(X, axis=0) + 0.5 * np.arange(N)[:, None]
        y = X @ np.ones(P) + np.cumsum(y) / 10
    else:
        y[2000], X[3000, 1] = -1e6, 1e6
    design, polars = sm.add_constant(X), polars_rolling(y, X)
    ours = error_of(rolling_fit(y, X, WINDOW)[0].params, y, X)
    assert ours < 1e-10
    theirs = error_of(RollingOLS(y, design, WINDOW).fit(params_only=True).params[WINDOW - 1 :, 1:], y, X)
    polar = error_of(polars().unnest("b").to_numpy()[WINDOW - 1 :, :P], y, X)
    report(
        f"rolling OLS on {what} (errors: ours {ours:.0e}, statsmodels {theirs:.0e}, polars-ols {polar:.0e})",
        median_time(lambda: rolling_fit(y, X, WINDOW), 25),
        {
            "statsmodels": median_time(lambda: RollingOLS(y, design, WINDOW).fit(params_only=True), 7),
            "polars-ols": median_time(polars, 25),
        },
    )


def test_newey_west_of_all_windows() -> None:
    y, X = regression()
    _, bse = rolling_fit(y, X, WINDOW, errors=True)
    assert bse is not None
    picked = range(0, WINDOWS, 95)
    options = {"maxlags": newey_west_lags(WINDOW), "use_correction": True}

    def theirs() -> list[Any]:
        return [
            sm.OLS(y[i : i + WINDOW], sm.add_constant(X[i : i + WINDOW])).fit(cov_type="HAC", cov_kwds=options).bse[1:]
            for i in picked
        ]

    np.testing.assert_allclose(bse[::95], theirs(), rtol=1e-8)
    share = len(picked) / WINDOWS
    report(
        f"betas and Newey-West errors of all {WINDOWS} windows (peer on {share:.1%}, extrapolated)",
        median_time(lambda: rolling_fit(y, X, WINDOW, errors=True), 7),
        {"statsmodels": median_time(theirs, 3) / share},
    )


def pcr_by_sklearn(y: FloatArray, X: FloatArray, k: int) -> FloatArray:
    model = make_pipeline(StandardScaler(), PCA(k, svd_solver="full"), LinearRegression()).fit(X, y)
    return np.asarray((model[1].components_.T @ model[2].coef_) / model[0].scale_)


def pls_by_sklearn(y: FloatArray, X: FloatArray, k: int) -> FloatArray:
    return np.asarray(PLSRegression(n_components=k, scale=True).fit(X, y).coef_).ravel()


@pytest.mark.parametrize(("name", "peer"), [("pls", pls_by_sklearn), ("pcr", pcr_by_sklearn)])
def test_rolling_components(name: Any, peer: Callable[[FloatArray, FloatArray, int], FloatArray]) -> None:
    y, X = regression()
    method = Method(name, 3)
    fit, _ = rolling_fit(y, X, WINDOW, method)
    picked = range(0, WINDOWS, 48)
    expected = np.array([peer(y[i : i + WINDOW], X[i : i + WINDOW], 3) for i in picked])
    # PCR's directions are known to about 1e-16 over the gap between the eigenvalues kept and dropped
    error = (np.abs(fit.params[::48] - expected).max(axis=1) / np.abs(expected).max(axis=1)).max()
    assert error < (1e-12 if name == "pls" else 1e-10)
    share = len(picked) / WINDOWS

    def theirs() -> None:
        for i in picked:
            peer(y[i : i + WINDOW], X[i : i + WINDOW], 3)

    ours = median_time(lambda: rolling_fit(y, X, WINDOW, method), 9)
    report(
        f"rolling {method}, {WINDOWS} windows, error {error:.0e} (peer on {share:.1%}, extrapolated)",
        ours,
        {"scikit-learn": median_time(theirs, 3) / share},
    )
    with_errors = median_time(lambda: rolling_fit(y, X, WINDOW, method, errors=True), 3)
    print(f"  with errors that count the components: {with_errors * 1e3:.0f} ms")


def test_bootstrap() -> None:
    y, X = (v[:250] for v in regression())
    X = X[:, :5]
    made = Bootstrap(1000)
    bse, _ = bootstrap_betas(y, X, Method("pls"), 5, made)
    counts = moving_block_counts(250, made.block_length(250), 1000, made.seed)
    sd = X.std(axis=0, ddof=1)

    def theirs() -> FloatArray:
        draws = [np.repeat(np.arange(250), row.astype(int)) for row in counts]
        return np.array([pls_by_sklearn(y[a], X[a], 2) * sd for a in draws])

    np.testing.assert_allclose(bse, theirs().std(axis=0, ddof=1) * np.sqrt(250 / 244), rtol=1e-8)
    report(
        "moving-block bootstrap of pls, 1,000 refits, 250 x 5",
        median_time(lambda: bootstrap_betas(y, X, Method("pls"), 5, made), 9),
        {"scikit-learn": once(theirs)},
    )
    whole = median_time(lambda: fit_factors(y, X, tuple("abcde"), Method("pls")), 9)
    print(f"  a whole pls fit with it: {whole * 1e3:.1f} ms")


def test_many_targets(universe: tuple[FloatArray, FloatArray]) -> None:
    Y, X = universe
    kept = {}
    picked = range(0, TARGETS, 80)

    def ours() -> None:
        for windows, coefficients in rolling_targets(Y, X, WINDOW):
            if windows.start % 1600 == 0:
                kept[windows.start] = coefficients[0].copy()

    seconds = median_time(ours, 3)
    design = sm.add_constant(X)
    share = len(picked) / TARGETS

    def statsmodels_subset() -> list[Any]:
        return [RollingOLS(Y[:, j], design, WINDOW).fit(params_only=True).params for j in picked]

    def polars_subset() -> list[Any]:
        return [polars_rolling(Y[:, j], X)() for j in picked]

    expected = statsmodels_subset()
    for start, coefficients in kept.items():
        for k, j in enumerate(picked):
            exact = np.linalg.lstsq(design[start : start + WINDOW], Y[start : start + WINDOW, j], rcond=None)[0]
            assert np.abs(coefficients[:, j] - exact).max() < 1e-12 * max(1.0, np.abs(exact).max())
            assert np.abs(coefficients[:, j] - expected[k][start + WINDOW - 1]).max() < 1e-9
    report(
        f"{TARGETS} targets x {N} x {P}, all windows (peers on {share:.2%}, extrapolated)",
        seconds,
        {"statsmodels": once(statsmodels_subset) / share, "polars-ols": once(polars_subset) / share},
    )
    report(
        f"last window of {TARGETS} targets with Newey-West errors",
        median_time(lambda: last_window(Y[-WINDOW:], X[-WINDOW:]), 9),
        {},
    )


def test_newey_west_of_many_targets(universe: tuple[FloatArray, FloatArray]) -> None:
    Y, X = universe
    windows = range(0, WINDOWS, 99)
    ready = factor_inverse(X, WINDOW)
    share = len(windows) / WINDOWS

    def ours() -> list[FloatArray]:
        errors = []
        for i in windows:
            rows = slice(i, i + WINDOW)
            level = ready.level[i]
            design = np.column_stack([np.ones(WINDOW), X[rows] - level])
            errors.append(many_newey_west(Y[rows], design, ready.about(slice(i, i + 1), level)[0])[1])
        return errors

    bse = ours()
    options = {"maxlags": newey_west_lags(WINDOW), "use_correction": True}

    def theirs() -> list[Any]:
        errors = []
        for i in windows:
            design = sm.add_constant(X[i : i + WINDOW])
            fits = [sm.OLS(Y[i : i + WINDOW, j], design).fit(cov_type="HAC", cov_kwds=options) for j in range(TARGETS)]
            errors.append([fit.bse[1:] for fit in fits])
        return errors

    began = time.perf_counter()
    expected = theirs()
    peer = time.perf_counter() - began
    for one, other in zip(bse, expected, strict=True):
        np.testing.assert_allclose(one.T, other, rtol=1e-8)
    report(
        f"Newey-West of {TARGETS} targets in all windows (both on {share:.2%} of the windows, "
        f"{len(windows) * TARGETS:,} fits; extrapolated)",
        median_time(ours, 3) / share,
        {"statsmodels": peer / share},
    )
