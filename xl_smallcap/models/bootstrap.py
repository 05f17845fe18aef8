"""Standard errors of betas whose components are estimated too: a moving-block bootstrap that refits everything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.errors import FitError
from xl_smallcap.models.kernels.estimators import eigen, estimate
from xl_smallcap.types import FloatArray, Method

_FEWEST_USABLE = 0.9
_STILL = 1e-10
"""Share of a factor's variance below which it stands still in a draw."""
_SINGULAR = 1e-8
"""Smallest over largest eigenvalue of the correlations below which factors cannot be told apart in a draw."""


@dataclass(frozen=True)
class Bootstrap:
    """Draws and seed; the same seed gives the same bits."""

    draws: int = 1000
    seed: int = 20251224

    def block_length(self, nobs: int) -> int:
        """Return the block length, the cube root of the observations rounded up (7 for 250).

        Hall, Horowitz and Jing (1995): n^(1/3) is the best rate for a variance.
        """
        return int(np.ceil(nobs ** (1.0 / 3.0) - 1e-9))


BOOTSTRAP = Bootstrap()


def moving_block_counts(nobs: int, block: int, draws: int, seed: int) -> FloatArray:
    """How often each observation is drawn when blocks of consecutive ones are drawn with replacement.

    Parameters
    ----------
    nobs, block, draws : int
        Observations, length of a block, number of draws.
    seed : int
        Of ``numpy.random.default_rng``.

    Returns
    -------
    ndarray of shape (draws, nobs)
        Each row sums to `nobs`; the last block is cut to fit. Künsch (1989), Liu and Singh (1992).
    """
    blocks = -(-nobs // block)
    starts = np.random.default_rng(seed).integers(0, nobs - block + 1, size=(draws, blocks))
    # A block adds one to a run of counts: +1 where it starts, -1 where it stops, summed along the row.
    lengths = np.full(blocks, block)
    lengths[-1] = nobs - block * (blocks - 1)
    edges = np.zeros((draws, nobs + 1))
    rows = np.arange(draws)[:, None]
    np.add.at(edges, (rows, starts), 1.0)
    np.add.at(edges, (rows, starts + lengths), -1.0)
    return np.asarray(np.cumsum(edges[:, :nobs], axis=1))


def draw_betas(y: FloatArray, X: FloatArray, counts: FloatArray, method: Method) -> FloatArray:
    """Refit scaling, components and betas on every draw.

    Per +1 standard deviation of the original window, so that draws differ by their betas and not by their units. NaN
    where a factor stands still in a draw or factors cannot be told apart.
    """
    n, p = X.shape
    sd = X.std(axis=0, ddof=1)
    data = np.column_stack([(X - X.mean(axis=0)) / sd, y - y.mean()])
    iu, ju = np.triu_indices(p + 1)
    sums = counts @ np.column_stack([data, data[:, iu] * data[:, ju]])
    mean = sums[:, : p + 1] / n
    cross = np.empty((p + 1, p + 1, counts.shape[0]))
    cross[iu, ju] = (sums[:, p + 1 :] - n * mean[:, iu] * mean[:, ju]).T
    cross[ju, iu] = cross[iu, ju]
    own = np.sqrt(np.maximum(cross[np.arange(p), np.arange(p)] / (n - 1), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        R = cross[:p, :p] / (own[:, None] * own[None] * (n - 1))
        r = cross[:p, p] / (own * (n - 1))
        beta = estimate(method, R, r).beta / own
    values = eigen(R)[0]
    garbage = ~(own**2 > _STILL).all(axis=0) | ~(values[:, -1] > _SINGULAR * values[:, 0])
    beta[:, garbage] = np.nan
    return np.ascontiguousarray(beta.T)


def bootstrap_betas(
    y: FloatArray, X: FloatArray, method: Method, regressors: int, bootstrap: Bootstrap
) -> tuple[FloatArray, int]:
    """Return the standard errors of betas, scaling and components refitted on every draw.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target in %.
    X : ndarray of shape (n_obs, n_factors)
        Factors.
    method : Method
        How.
    regressors : int
        For the small-sample correction, from :func:`xl_smallcap.models.inference.counted_regressors`.
    bootstrap : Bootstrap
        Draws and seed.

    Returns
    -------
    bse : ndarray of shape (n_factors,)
        % per +1 standard deviation of the factor.
    draws : int
        Draws used; those that cannot be fitted are left out.

    Raises
    ------
    FitError
        More than a tenth of the draws cannot be fitted.
    """
    counts = moving_block_counts(y.size, bootstrap.block_length(y.size), bootstrap.draws, bootstrap.seed)
    betas = draw_betas(y, X, counts, method)
    usable = np.isfinite(betas).all(axis=1)
    if usable.sum() < _FEWEST_USABLE * bootstrap.draws:
        raise FitError(
            f"In {int((~usable).sum())} of {bootstrap.draws} bootstrap draws a factor does not change or factors "
            f"cannot be told apart, so '{method}' has no standard error here; use a longer window or method 'ols'."
        )
    n = y.size
    # The same small-sample correction as of the Newey-West errors.
    scale = np.sqrt(n / (n - 1.0 - regressors))
    return np.asarray(betas[usable].std(axis=0, ddof=1) * scale), int(usable.sum())
