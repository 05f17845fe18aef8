"""A gap between price and macro, what random walks on the same factors would show, and trades on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from xl_smallcap.errors import FitError
from xl_smallcap.models.estimation import solve_least_squares, standardised
from xl_smallcap.models.factor_fit import check_regression
from xl_smallcap.models.inference import bartlett_bse, newey_west_lags, student_quantile
from xl_smallcap.models.rolling import rolling_fit, rolling_targets
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
    return _reversion(aa, ab, bb, ay, by, yy, y.shape[0])


def _reversion(
    aa: FloatArray, ab: FloatArray, bb: FloatArray, ay: FloatArray, by: FloatArray, yy: FloatArray, n: int
) -> FloatArray:
    """T of the level (a) in a regression of n changes (y) on it and on the change before (b), from their products."""
    with np.errstate(divide="ignore", invalid="ignore"):
        det = aa * bb - ab * ab
        rho, g = (bb * ay - ab * by) / det, (aa * by - ab * ay) / det
        sigma2 = (yy - rho * ay - g * by) / (n - 2)
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
        return _half_life(np.einsum("tj,tj->j", past, now) / np.einsum("tj,tj->j", past, past))


def _half_life(phi: FloatArray) -> FloatArray:
    """Steps after which half is gone, by the coefficient of a first-order autoregression."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.log(0.5) / np.log(np.clip(phi, 1e-300, 1.0))
    return np.where(phi >= 1.0, np.inf, np.where(phi <= 0.0, 0.0, steps))


# -- How good would noise look? Random walks regressed on the factors' actual paths.


@dataclass(frozen=True)
class Noise:
    """What random-walk targets look like on some factor paths; arrays of shape (draws,)."""

    rsquared: FloatArray
    dickey_fuller: FloatArray
    half_life: FloatArray


@dataclass(frozen=True)
class Evidence:
    """A fit seen against noise."""

    noise_percentile: float  # share of random walks with a lower R², 0 to 1
    cointegration_pvalue: float  # share of random walks whose residuals come back at least as strongly
    half_life: float  # observations after which half of a gap is gone
    noise_half_life: float  # of the fit, and the median of the random walks


def random_walks(nobs: int, draws: int, seed: int) -> FloatArray:
    """Draw Gaussian random walks; the same seed gives the same walks for every factor path.

    Parameters
    ----------
    nobs, draws, seed : int
        Length, number, seed of ``numpy.random.default_rng``.

    Returns
    -------
    ndarray of shape (nobs, draws)
    """
    return np.asarray(np.cumsum(np.random.default_rng(seed).standard_normal((nobs, draws)), axis=0))


def noise_on_levels(X: FloatArray, walks: FloatArray) -> Noise:
    """Regress random walks on factor levels.

    Parameters
    ----------
    X : ndarray of shape (n_obs, n_factors)
        Factor levels of the window, neither constant nor collinear.
    walks : ndarray of shape (n_obs, draws)
        From :func:`random_walks`. Their scale does not matter.

    Returns
    -------
    Noise
    """
    Z = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    Q, _ = np.linalg.qr(Z)
    centred = walks - walks.mean(axis=0)
    resid = centred - Q @ (Q.T @ centred)
    sse = np.einsum("tj,tj->j", resid, resid)
    rsquared = 1.0 - sse / np.einsum("tj,tj->j", centred, centred)
    return Noise(rsquared, dickey_fuller(resid), half_life(resid))


_PANEL = 50
"""Walks at a time. A second thread for a fifth of a millisecond costs as much processor time as it saves."""


@dataclass(frozen=True)
class WalkProducts:
    """Random walks about their means, and their products with themselves none, one and two steps before."""

    centred: FloatArray  # (n_obs, draws)
    products: FloatArray  # (3, draws)
    panels: tuple[FloatArray, ...]  # the walks, a few columns each: products too small to be worth a second thread

    @classmethod
    def of(cls, walks: FloatArray) -> WalkProducts:
        """Prepare walks that are regressed on many windows' factors."""
        centred, n = walks - walks.mean(axis=0), walks.shape[0]
        products = [np.einsum("tj,tj->j", centred[lag:], centred[: n - lag]) for lag in range(3)]
        draws = centred.shape[1]
        panels = tuple(np.ascontiguousarray(centred[:, j : j + _PANEL]) for j in range(0, draws, _PANEL))
        return cls(centred, np.array(products), panels)


def noise_by_products(X: FloatArray, walks: WalkProducts) -> Noise:
    """Regress random walks on factor levels without forming their residuals.

    Parameters
    ----------
    X : ndarray of shape (n_obs, n_factors)
        Factor levels of the window, neither constant nor collinear.
    walks : WalkProducts
        Of the same length.

    Returns
    -------
    Noise
        As :func:`noise_on_levels` has it, to rounding. The regression of a residual path's changes needs no more than
        its products with itself up to two steps apart; with residuals r = c - q'G, G = Q'C, those are
        c c_d - G'(Q_d'C) + G'(q q_d)G, where Q_d is Q moved forward plus Q moved back by d: three matrix products.
    """
    Z = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    Q, _ = np.linalg.qr(Z)
    C, (n, k) = walks.centred, Q.shape
    wide = np.zeros((n + 4, k))
    wide[2:-2] = Q
    moved = [Q, wide[1:-3] + wide[3:-1], wide[:-4] + wide[4:]]
    rows = np.concatenate(moved, axis=1).T
    crossed = np.concatenate([rows @ panel for panel in walks.panels], axis=1).reshape(3, k, -1)
    G = crossed[0]
    explained = np.einsum("kj,kj->j", G, G)
    f0 = walks.products[0] - explained
    f1, f2 = (
        walks.products[d] - np.einsum("kj,kj->j", G, crossed[d] - Q[d:].T @ Q[: n - d] @ G) for d in (1, 2)
    )  # fmt: skip
    r0, r1, r2, r3 = C[[0, 1, n - 2, n - 1]] - Q[[0, 1, n - 2, n - 1]] @ G
    # products of now (0), before (1) and the one before that (2), over the steps that have all three
    s00, s11, s22 = f0 - r0 * r0 - r1 * r1, f0 - r0 * r0 - r3 * r3, f0 - r2 * r2 - r3 * r3
    s01, s12, s02 = f1 - r0 * r1, f1 - r2 * r3, f2
    tstat = _reversion(
        s11, s11 - s12, s11 - 2.0 * s12 + s22, s01 - s11, s01 - s11 - s02 + s12, s00 - 2.0 * s01 + s11, n - 2
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return Noise(explained / walks.products[0], tstat, _half_life(f1 / (f0 - r3 * r3)))


def noise_on_changes(X: FloatArray, window: int, walks: FloatArray) -> Noise:
    """Regress the steps of random walks on factor changes, day by day as the model does, and sum what is left.

    Parameters
    ----------
    X : ndarray of shape (2 x window, n_factors)
        Factor changes of the last two windows.
    window : int
        Observations a window.
    walks : ndarray of shape (2 x window, draws)
        From :func:`random_walks`.

    Returns
    -------
    Noise
    """
    steps = np.diff(walks, axis=0, prepend=0.0)
    left = steps[window:].copy()
    for block, coefficients in rolling_targets(steps[:-1], X[:-1], window):
        moved = X[window + block.start : window + block.stop]
        left[block] -= np.einsum("np,npj->nj", moved, coefficients[:, 1:])
    path = np.cumsum(left, axis=0)
    path -= path.mean(axis=0)
    last, x = steps[window:], X[window:]
    Q, _ = np.linalg.qr((x - x.mean(axis=0)) / x.std(axis=0, ddof=1))
    centred = last - last.mean(axis=0)
    explained = ((Q.T @ centred) ** 2).sum(axis=0)
    return Noise(explained / (centred**2).sum(axis=0), dickey_fuller(path), half_life(path))


def compare_with_noise(rsquared: float, path: FloatArray, noise: Noise) -> Evidence:
    """Place a fit among random walks.

    Parameters
    ----------
    rsquared : float
        Of the fit.
    path : ndarray of shape (n_obs,)
        Its residual path, mean zero.
    noise : Noise
        Random walks on the same factors.

    Returns
    -------
    Evidence
        NaN where a path or a walk has no statistic. The p-value counts the fit itself as one of the draws (Davison and
        Hinkley 1997, eq. 4.11).
    """
    ours = float(dickey_fuller(path[:, None])[0])
    if not (np.isfinite(ours) and np.isfinite(noise.dickey_fuller).all()):
        return Evidence(*[float("nan")] * 4)
    draws = noise.rsquared.size
    return Evidence(
        noise_percentile=float((noise.rsquared < rsquared).mean()),
        cointegration_pvalue=float((1 + (noise.dickey_fuller <= ours).sum()) / (draws + 1)),
        half_life=float(half_life(path[:, None])[0]),
        noise_half_life=float(np.median(noise.half_life)),
    )


# -- Where macro says a price should be, two ways: levels on levels, and yesterday's betas summed up.


_BLOCK = 256


@dataclass(frozen=True)
class Gap:
    """The gap of one date and the path it comes from."""

    gap: float  # actual less model, in log %
    # what a gap is measured in: `levels`, the residual's standard deviation in the window (n - k - 1 degrees of
    # freedom); `changes`, that of the regression of changes times the root of the horizon
    sigma: float
    # part of the gap that the windows' intercepts add (`changes`); 0 for `levels`, whose residuals have mean zero
    drift: float
    rsquared: float  # of the regression of the window, in sample
    # `levels`: residuals of the window; `changes`: the summed one-day-ahead residuals of the last `window` days, less
    # their mean
    path: FloatArray


def _regression(y: FloatArray, X: FloatArray, names: tuple[str, ...]) -> tuple[FloatArray, float, float]:
    """Residuals, their standard deviation (n - k - 1) and R² of one window."""
    check_regression(y, X, names)
    n, p = X.shape
    resid = solve_least_squares(np.column_stack([np.ones(n), standardised(X)[0]]), y).resid
    sse = float((resid**2).sum())
    return resid, float(np.sqrt(sse / (n - p - 1))), 1.0 - sse / float(((y - y.mean()) ** 2).sum())


def levels_gap(y: FloatArray, X: FloatArray, names: tuple[str, ...]) -> Gap:
    """Regress z-scored levels on z-scored factor levels in one window; the gap is the last residual.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target, 100 x log level.
    X : ndarray of shape (n_obs, n_factors)
        Factor levels (100 x log, or bp).
    names : tuple of str
        For errors.

    Returns
    -------
    Gap

    Raises
    ------
    FitError
        A factor is constant, or factors are collinear.
    """
    resid, sigma, rsquared = _regression(y, X, names)
    return Gap(gap=float(resid[-1]), sigma=sigma, drift=0.0, rsquared=rsquared, path=resid)


def one_day_ahead(y: FloatArray, X: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Return what yesterday's betas leave unexplained each day, and yesterday's intercepts.

    y_t - b_(t-1)'f_t, the intercept not subtracted, and that intercept.
    """
    fit, _ = rolling_fit(y[:-1], X[:-1], window)
    return y[window:] - (X[window:] * fit.params).sum(axis=1), fit.const


def changes_gap(y: FloatArray, X: FloatArray, names: tuple[str, ...], window: int, horizon: int) -> Gap:
    """Sum what yesterday's betas left unexplained over the last days.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target changes in %: a window and at least a horizon; two windows for the whole path.
    X : ndarray of shape (n_obs, n_factors)
        Factor changes.
    names : tuple of str
        For errors.
    window : int
        Observations a window.
    horizon : int
        Days summed, at most `window`.

    Returns
    -------
    Gap

    Raises
    ------
    FitError
        A factor is constant, or factors are collinear.
    """
    _, sigma, rsquared = _regression(y[-window:], X[-window:], names)
    unexplained, drift = one_day_ahead(y[-2 * window :], X[-2 * window :], window)
    if not np.isfinite(unexplained).all():
        raise FitError(
            "In a window of the two that lead to this date a factor or the target does not change, or factors move "
            "together exactly, so yesterday's betas are not there for every day; use another date or window."
        )
    path = np.cumsum(unexplained)
    return Gap(
        gap=float(unexplained[-horizon:].sum()),
        sigma=sigma * float(np.sqrt(horizon)),
        drift=float(drift[-horizon:].sum()),
        rsquared=rsquared,
        path=path - path.mean(),
    )


@dataclass(frozen=True)
class Gaps:
    """Gaps of every date of a history; arrays of shape (n_dates,), in log % but for rsquared."""

    gap: FloatArray
    sigma: FloatArray
    drift: FloatArray
    rsquared: FloatArray


def _blocks(y: FloatArray, X: FloatArray, window: int) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
    """Window views of target (n, window) and factors (n, n_factors, window), some windows at a time."""
    ys, xs = sliding_window_view(y, window), sliding_window_view(X, window, axis=0)
    for start in range(0, ys.shape[0], _BLOCK):
        block = slice(start, min(start + _BLOCK, ys.shape[0]))
        yield block, ys[block], xs[block]


def _in_sample(y: FloatArray, X: FloatArray, window: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Last residual, residual variance and R² of the regression of every window."""
    fit, _ = rolling_fit(y, X, window)
    last, variance, rsquared = (np.empty(fit.const.size) for _ in range(3))
    for block, ys, xs in _blocks(y, X, window):
        resid = ys - fit.const[block][:, None] - np.einsum("np,npw->nw", fit.params[block], xs)
        sse = np.einsum("nw,nw->n", resid, resid)
        centred = ys - ys.mean(axis=1, keepdims=True)
        last[block], variance[block] = resid[:, -1], sse / (window - X.shape[1] - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            rsquared[block] = 1.0 - sse / np.einsum("nw,nw->n", centred, centred)
    return last, variance, rsquared


def levels_gaps(y: FloatArray, X: FloatArray, window: int) -> Gaps:
    """Gaps of model ``levels`` at the end of every window.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target levels.
    X : ndarray of shape (n_obs, n_factors)
        Factor levels.
    window : int
        Observations a window.

    Returns
    -------
    Gaps
        NaN where a window has no betas.
    """
    last, variance, rsquared = _in_sample(y, X, window)
    return Gaps(last, np.sqrt(variance), np.zeros(last.size), rsquared)


def changes_gaps(y: FloatArray, X: FloatArray, window: int, horizon: int) -> Gaps:
    """Gaps of model ``changes`` at every date with `horizon` one-day-ahead residuals.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target changes in %.
    X : ndarray of shape (n_obs, n_factors)
        Factor changes.
    window, horizon : int
        Observations a window, and days summed.

    Returns
    -------
    Gaps
        The first is of observation window + horizon - 1.
    """
    unexplained, drift = one_day_ahead(y, X, window)
    _, variance, rsquared = _in_sample(y, X, window)
    return Gaps(
        gap=sliding_window_view(unexplained, horizon).sum(axis=1),
        sigma=np.sqrt(variance[horizon:] * horizon),
        drift=sliding_window_view(drift, horizon).sum(axis=1),
        rsquared=rsquared[horizon:],
    )


def levels_rsquared_oos(y: FloatArray, X: FloatArray, window: int, horizon: int) -> FloatArray:
    """Share of the squared error of "no change" that the model of `horizon` days ago saves, given today's factors.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target levels, at least 2 x window + horizon - 1 of them.
    X : ndarray of shape (n_obs, n_factors)
        Factor levels.
    window, horizon : int
        Observations a window, and how far ahead.

    Returns
    -------
    ndarray of shape (n_obs - 2 x window - horizon + 2,)
        1 - sum (y_t - yhat_t)² / sum (y_t - y_(t-h))² over each `window` observations, yhat_t by the window that
        ended at t - h with the factor levels of t. Below zero: assuming that nothing changes is better.
    """
    fit, _ = rolling_fit(y[:-horizon], X[:-horizon], window)
    first = window + horizon - 1
    missed = (y[first:] - fit.const - (X[first:] * fit.params).sum(axis=1)) ** 2
    still = (y[first:] - y[first - horizon : -horizon]) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        saved = sliding_window_view(missed, window).sum(axis=1) / sliding_window_view(still, window).sum(axis=1)
    return np.asarray(1.0 - saved)


# -- Would trading the gap have paid? A rule, its profit marked to market, and how sure that is. Hypothetical.


@dataclass(frozen=True)
class Backtest:
    """Hypothetical result of trading against a gap, before costs."""

    position: FloatArray  # -1, 0 or 1 held over each return
    profit: FloatArray  # position times return, in log %; an open trade is in it, marked to market
    mean_year: float  # mean profit in % a year, its Newey-West error and interval
    se_year: float
    lower_year: float
    upper_year: float
    tstat: float  # mean over its error
    ratio: float  # mean over standard deviation, a year
    trades: int  # trades opened
    closed: int  # of them closed
    won: int  # of the closed, those with a profit
    open_profit: float  # profit so far of the trade still open at the end, in log %; 0 where none is
    share_long: float  # of the time
    share_short: float
    worst_fall: float  # largest fall of the summed profit from an earlier high, in log %


def positions(gap_sigma: FloatArray, entry: float, leave: float) -> FloatArray:
    """Return the side a rule is on after each gap: against it beyond `entry`, until it is back within `leave`.

    Parameters
    ----------
    gap_sigma : ndarray of shape (n_obs,)
        Gap in standard deviations; NaN closes the trade.
    entry, leave : float
        In standard deviations; leave 0 waits until the gap has closed.

    Returns
    -------
    ndarray of shape (n_obs,)
        -1, 0 or 1.
    """
    side, sides = 0.0, np.empty(gap_sigma.size)
    for i, gap in enumerate(gap_sigma.tolist()):
        if not np.isfinite(gap) or -side * gap <= leave:
            side = 0.0
        if side == 0.0 and abs(gap) >= entry:
            side = -1.0 if gap > 0 else 1.0
        sides[i] = side
    return sides


def _trades(position: FloatArray, profit: FloatArray) -> tuple[FloatArray, float, int]:
    """Profit of each closed trade, of the open one, and the number of trades."""
    changes = np.flatnonzero(np.diff(position, prepend=0.0))
    starts = [int(i) for i in changes if position[i] != 0.0]
    ends = [int(i) for i in changes] + [position.size]
    total = np.concatenate([[0.0], np.cumsum(profit)])
    closed, still_open = [], 0.0
    for start in starts:
        end = next(e for e in ends if e > start)
        if end == position.size:
            still_open = float(total[end] - total[start])
        else:
            closed.append(float(total[end] - total[start]))
    return np.array(closed), still_open, len(starts)


def backtest(
    gap_sigma: FloatArray,
    returns: FloatArray,
    entry: float,
    leave: float,
    delay: int,
    periods_a_year: float,
    confidence: float = 0.90,
) -> Backtest:
    """Trade against the gap and mark every day to market.

    Parameters
    ----------
    gap_sigma, returns : ndarray of shape (n_obs,)
        Gap known at the close of each day in standard deviations, and the day's log return in %.
    entry, leave : float
        As in :func:`positions`.
    delay : int
        Whole periods between the close that gives the signal and the close traded at, at least 0.
    periods_a_year : float
        252, 52 or 12.
    confidence : float
        Coverage of the interval of the mean.

    Returns
    -------
    Backtest
    """
    wait = delay + 1
    held = positions(gap_sigma, entry, leave)[:-wait]
    earned = returns[wait:]
    profit = held * earned
    n = profit.size
    mean = float(profit.mean())
    error = float(bartlett_bse((profit - mean)[:, None] / n, newey_west_lags(n), n / (n - 1.0))[0])
    half = student_quantile(confidence, n - 1.0) * error
    closed, still_open, trades = _trades(held, profit)
    high = np.maximum.accumulate(np.concatenate([[0.0], np.cumsum(profit)]))[1:]
    spread = float(profit.std(ddof=1))
    return Backtest(
        position=held,
        profit=profit,
        mean_year=mean * periods_a_year,
        se_year=error * periods_a_year,
        lower_year=(mean - half) * periods_a_year,
        upper_year=(mean + half) * periods_a_year,
        tstat=mean / error if error > 0 else float("nan"),
        ratio=mean / spread * periods_a_year**0.5 if spread > 0 else float("nan"),
        trades=trades,
        closed=closed.size,
        won=int((closed > 0).sum()),
        open_profit=still_open,
        share_long=float((held > 0).mean()),
        share_short=float((held < 0).mean()),
        worst_fall=float((high - np.cumsum(profit)).max()),
    )
