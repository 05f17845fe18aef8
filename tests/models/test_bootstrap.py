"""The moving-block bootstrap: its draws, its refits against a plain loop, and what its intervals cover."""

import numpy as np
import pytest

from tests.models import twins
from xl_smallcap.errors import FitError
from xl_smallcap.models.factor_fit import Bootstrap, bootstrap_betas, draw_betas, fit_factors, moving_block_counts
from xl_smallcap.models.kernels.estimators import estimate
from xl_smallcap.models.rolling import rolling_fit
from xl_smallcap.types import FloatArray, Method

CORRELATION = np.array(
    [
        [1.0, 0.3, -0.3, -0.15, 0.3],
        [0.3, 1.0, -0.2, -0.2, 0.45],
        [-0.3, -0.2, 1.0, -0.15, -0.15],
        [-0.15, -0.2, -0.15, 1.0, -0.2],
        [0.3, 0.45, -0.15, -0.2, 1.0],
    ]
)
BETA = np.array([1.0, 0.1, 0.05, -0.1, 0.1])


def test_counts_are_blocks_of_consecutive_observations() -> None:
    counts = moving_block_counts(23, 5, 400, seed=3)
    assert (counts.sum(axis=1) == 23).all()
    rng = np.random.default_rng(3)
    starts = rng.integers(0, 19, size=(400, 5))
    for row, begin in zip(counts, starts, strict=True):
        drawn = np.concatenate([np.arange(s, s + 5) for s in begin])[:23]
        assert (np.bincount(drawn, minlength=23) == row).all()
    assert (counts == moving_block_counts(23, 5, 400, seed=3)).all()
    assert not (counts == moving_block_counts(23, 5, 400, seed=4)).all()


@pytest.mark.parametrize(("nobs", "length"), [(8, 2), (27, 3), (60, 4), (64, 4), (83, 5), (104, 5), (250, 7)])
def test_block_length(nobs: int, length: int) -> None:
    assert Bootstrap().block_length(nobs) == length


@pytest.mark.parametrize(
    "method",
    [Method("pcr"), Method("pcr", 2), Method("pls"), Method("pls", 3), Method("pls", 2, control=True)],
    ids=repr,
)
def test_every_draw_is_a_refit_of_everything(method: Method) -> None:
    y, X = twins.returns(90)
    counts = moving_block_counts(90, 5, 25, seed=1)
    drawn = draw_betas(y, X, counts, method)
    for row, beta in zip(counts, drawn, strict=True):
        index = np.repeat(np.arange(90), row.astype(int))
        expected = twins.betas(y[index], X[index], method) * X.std(axis=0, ddof=1)
        np.testing.assert_allclose(beta, expected, rtol=1e-8, atol=1e-10)


def test_errors_are_the_spread_of_the_draws() -> None:
    y, X = twins.returns(120)
    made = Bootstrap(draws=300, seed=9)
    bse, draws = bootstrap_betas(y, X, Method("pls"), 4, made)
    drawn = draw_betas(y, X, moving_block_counts(120, 5, 300, 9), Method("pls"))
    np.testing.assert_allclose(bse, drawn.std(axis=0, ddof=1) * np.sqrt(120 / (119 - 4)), rtol=1e-12)
    assert draws == 300
    fit = fit_factors(y, X, ("a", "b", "c", "d"), Method("pls"), bootstrap=made)
    np.testing.assert_array_equal(fit.bse, bse)
    assert (fit.draws, fit.block, fit.seed) == (300, 5, 9)


def test_a_factor_that_moves_on_a_single_day_has_no_bootstrap() -> None:
    y, X = twins.returns(60)
    X[:, 1] = 0.0
    X[30, 1] = 1.0
    with pytest.raises(FitError, match="bootstrap draws a factor does not change or"):
        bootstrap_betas(y, X, Method("pcr"), 4, Bootstrap(draws=200))


def simulate(seed: int, n: int, persistence: float) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 5)) @ np.linalg.cholesky(CORRELATION).T
    noise = rng.standard_normal(n)
    for t in range(1, n):
        noise[t] += persistence * noise[t - 1]
    return X @ BETA + noise, X


@pytest.mark.parametrize(
    ("method", "persistence", "bootstrap", "delta", "conditional"),
    [
        (Method("ols"), 0.0, 0.885, 0.885, 0.885),
        (Method("ols"), 0.4, 0.885, 0.885, 0.885),
        (Method("pls"), 0.0, 0.885, 0.885, 0.50),
        (Method("pls"), 0.4, 0.89, 0.885, 0.53),
        (Method("pcr", 3), 0.0, 0.865, 0.855, 0.52),
    ],
    ids=str,
)
def test_what_intervals_cover(
    method: Method, persistence: float, bootstrap: float, delta: float, conditional: float
) -> None:
    """Coverage of 90 % intervals of 250 observations, as docs/methods.md states it, within Monte Carlo error."""
    truth = estimate(method, CORRELATION[:, :, None], (CORRELATION @ BETA)[:, None]).beta[:, 0]
    reps, hits = 300, np.zeros((3, 5))
    for seed in range(reps):
        y, X = simulate(1000 + seed, 250, persistence)
        fit = fit_factors(y, X, tuple("abcde"), method, bootstrap=Bootstrap(draws=300, seed=seed))
        wanted = truth * fit.factor_sd
        half = (fit.upper - fit.lower) / 2
        _, rolled = rolling_fit(y, X, 250, method, errors=True)
        assert rolled is not None
        errors = np.array([fit.bse, rolled[0] * fit.factor_sd, fit.bse_conditional])
        hits += np.abs(fit.params - wanted) <= half / fit.bse * errors
    # 5 x 300 intervals, neighbours correlated: a standard error of about 1.2 points
    np.testing.assert_allclose((hits / reps).mean(axis=1), [bootstrap, delta, conditional], atol=0.036)
