"""Does a gap close again? Statistics of residual paths, many at once."""

from __future__ import annotations

import numpy as np

from xl_smallcap.types import FloatArray


def dickey_fuller(paths: FloatArray) -> FloatArray:
    """t-statistic of the augmented Dickey-Fuller regression with one lag and no constant, for many paths.

    Of rho in du_t = rho u_(t-1) + g du_(t-1) + e (Engle and Granger 1987, eq. 5.2, with one lag). Strongly negative:
    the path comes back. Its distribution is not Student's; compare with paths of the same making.
    """
    change = np.diff(paths, axis=0)
    y, level, lagged = change[1:], paths[1:-1], change[:-1]
    aa = np.einsum("tj,tj->j", level, level)
    ab = np.einsum("tj,tj->j", level, lagged)
    bb = np.einsum("tj,tj->j", lagged, lagged)
    ay = np.einsum("tj,tj->j", level, y)
    by = np.einsum("tj,tj->j", lagged, y)
    yy = np.einsum("tj,tj->j", y, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        det = aa * bb - ab * ab
        rho, g = (bb * ay - ab * by) / det, (aa * by - ab * ay) / det
        sigma2 = (yy - rho * ay - g * by) / (y.shape[0] - 2)
        return np.asarray(rho / np.sqrt(sigma2 * bb / det))


def half_life(paths: FloatArray) -> FloatArray:
    """Observations after which half of a gap is gone, from a first-order autoregression; infinite where it never is.

    Parameters
    ----------
    paths : ndarray of shape (n_obs, n_paths)
        Residuals with mean zero.

    Returns
    -------
    ndarray of shape (n_paths,)
        log(1/2)/log(phi); 0 where phi is not positive. Least squares makes phi too small in short samples, so read it
        beside the same number of random walks.
    """
    past, now = paths[:-1], paths[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = np.einsum("tj,tj->j", past, now) / np.einsum("tj,tj->j", past, past)
        found = np.log(0.5) / np.log(np.clip(phi, 1e-300, 1.0))
    return np.where(phi >= 1.0, np.inf, np.where(phi <= 0.0, 0.0, found))
