"""Many stocks with missing days on the same factors: who is solved with whom, and each one's betas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.inference import bartlett_sum, newey_west_lags
from xl_smallcap.models.kernels.many import fit_own
from xl_smallcap.models.rolling import last_window
from xl_smallcap.types import BoolArray, DayArray, FloatArray, IntArray

STATUS = ("ok", "no price by then", "too few observations", "no price of late", "a gap in the window", "does not move",
          "factors constant or collinear")  # fmt: skip
"""What became of a stock; the number a fit reports is the place in this tuple."""
_TAIL = 2
"""A window is first looked for in so many times its length of the latest levels."""
OK, NONE, SHORT, ENDED, GAP, STILL, UNFIT = range(7)


@dataclass(frozen=True)
class Sampling:
    """How levels become changes."""

    # from days to the positions of the levels that count (all of them, or the last of each week or month)
    ends: Callable[[DayArray], IntArray]
    longest_step: int  # days a change may span; a longer one is left out
    refused_gap: int  # days between two levels across which no window may reach
    grace: int  # days a stock's last price may lie before the last day


@dataclass(frozen=True)
class Pattern:
    """The changes of a window: from the level at each of `starts` to that at each of `ends`."""

    starts: IntArray
    ends: IntArray


@dataclass(frozen=True)
class Group:
    """Stocks, as columns, that share a pattern."""

    columns: IntArray
    pattern: Pattern


def last_pattern(observed: IntArray, days: DayArray, window: int, sampling: Sampling) -> Pattern | int:
    """Return the last window of changes between the levels observed, or why there is none.

    A status where there is no window.
    """
    # the tail is enough unless long steps are left out or periods are long; then all of it is looked at
    some = observed[-_TAIL * (window + 1) :]
    if some.size < observed.size:
        pattern = _in_tail(some, days, window, sampling)
        if pattern != SHORT:
            return pattern
    return _in_tail(observed, days, window, sampling)


def _in_tail(observed: IntArray, days: DayArray, window: int, sampling: Sampling) -> Pattern | int:
    positions = observed[sampling.ends(days[observed])]
    if positions.size < window + 1:
        return SHORT
    starts, ends = positions[:-1], positions[1:]
    steps = (days[ends] - days[starts]).astype(np.int64)
    keep = steps <= sampling.longest_step
    if not keep.all():
        before = np.cumsum(keep)[steps > sampling.refused_gap]
        starts, ends = starts[keep], ends[keep]
        if ends.size < window:
            return SHORT
        if (before > ends.size - window).any():
            return GAP
    return Pattern(starts[-window:], ends[-window:])


def group(
    observed: BoolArray, days: DayArray, window: int, sampling: Sampling, last: np.datetime64
) -> tuple[list[Group], IntArray]:
    """Sort stocks by the days of their last window.

    Parameters
    ----------
    observed : ndarray of bool of shape (n_levels, n_stocks)
        Which levels are there, up to the day of the question.
    days : ndarray of shape (n_levels,)
        Days of the levels: those on which every factor was observed.
    window : int
        Changes a window.
    sampling : Sampling
        Rules.
    last : numpy.datetime64
        The day of the question; a stock whose last price is older than the days of grace is left out.

    Returns
    -------
    groups : list of Group
        Most stocks are in the first: those without a missing day.
    status : ndarray of int of shape (n_stocks,)
        Of each stock.
    """
    n, stocks = observed.shape
    status = np.full(stocks, OK, dtype=np.int64)
    count = observed.sum(axis=0)
    newest = n - 1 - observed[::-1].argmax(axis=0)
    status[count < window + 1] = SHORT
    if n:
        status[(count > 0) & (days[newest] < last - np.timedelta64(sampling.grace, "D"))] = ENDED
    status[count == 0] = NONE
    open_ = status == OK
    groups: list[Group] = []
    whole = last_pattern(np.arange(n), days, window, sampling) if n else SHORT
    if isinstance(whole, Pattern):
        complete = open_ & observed[whole.starts[0] :].all(axis=0)
        if complete.any():
            groups.append(Group(np.flatnonzero(complete), whole))
        open_ = open_ & ~complete
    patterns: dict[bytes, tuple[Pattern, list[int]]] = {}
    for j in np.flatnonzero(open_):
        pattern = last_pattern(np.flatnonzero(observed[:, j]), days, window, sampling)
        if isinstance(pattern, int):
            status[j] = pattern
            continue
        key = pattern.starts.tobytes() + pattern.ends.tobytes()
        patterns.setdefault(key, (pattern, []))[1].append(int(j))
    groups += [Group(np.array(members, dtype=np.int64), pattern) for pattern, members in patterns.values()]
    return groups, status


# -- Factor betas of every stock of a universe on given days, exact with missing days, and moves factors don't explai


_STILL = 1e-12
_SHARED = 4
"""Stocks with the same days from which on they share one inverse of the factors; fewer go with those of their own."""
_BATCH_BYTES = 24_000_000
"""Of factors in a batch of stocks with days of their own."""


@dataclass(frozen=True)
class UniverseFit:
    """Fits of every stock on every day asked."""

    params: FloatArray  # % per +1 sd of each factor in the stock's own window
    bse: FloatArray  # Newey-West errors
    factor_sd: FloatArray  # that sd in the factor's unit
    const: FloatArray  # intercept at average factor changes in % an observation
    rsquared: FloatArray  # share of variance explained
    resid_sd: FloatArray  # sd of the residual in % an observation, n - k degrees of freedom
    status: IntArray  # place in ``patterns.STATUS``; the days the window spans, counted from 1970
    first: IntArray
    last: IntArray


@dataclass(frozen=True)
class _Solved:
    """Stocks solved together: columns, and per stock what a regression gives (params, bse and inverse per +1 sd).

    `starts` and `ends` are positions of the first and the last level of each window.
    """

    columns: IntArray
    params: FloatArray
    bse: FloatArray
    sd: FloatArray
    inverse: FloatArray
    const: FloatArray
    squares: FloatArray
    total: FloatArray
    long_run: FloatArray
    starts: IntArray
    ends: IntArray


def _long_run_variance(resid: FloatArray) -> FloatArray:
    """Bartlett's sum over lags, from residuals of shape (n_obs, n_stocks); Newey and West (1987)."""
    return bartlett_sum(resid, newey_west_lags(resid.shape[0]))


def _together(cohort: Group, factors: FloatArray, stocks: FloatArray) -> _Solved:
    """Solve stocks with the same days: one inverse serves all."""
    starts, ends = cohort.pattern.starts, cohort.pattern.ends
    X = factors[ends] - factors[starts]
    Y = stocks[np.ix_(ends, cohort.columns)] - stocks[np.ix_(starts, cohort.columns)]
    m = cohort.columns.size
    coefficients, bse = last_window(Y, X)
    sd = X.std(axis=0, ddof=1)
    resid = Y - coefficients[0] - X @ coefficients[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.linalg.qr((X - X.mean(axis=0)) / sd)[1] if np.isfinite(coefficients).all() else np.eye(sd.size)
    inverse = np.linalg.inv(root)
    return _Solved(
        columns=cohort.columns,
        params=(coefficients[1:] * sd[:, None]).T,
        bse=(bse * sd[:, None]).T,
        sd=np.broadcast_to(sd, (m, sd.size)),
        inverse=np.broadcast_to(inverse @ inverse.T, (m, sd.size, sd.size)),
        const=Y.mean(axis=0),
        squares=(resid * resid).sum(axis=0),
        total=((Y - Y.mean(axis=0)) ** 2).sum(axis=0),
        long_run=_long_run_variance(resid),
        starts=np.full(m, starts[0]),
        ends=np.full(m, ends[-1]),
    )


def _apart(groups: list[Group], factors: FloatArray, stocks: FloatArray, window: int) -> Iterator[_Solved]:
    """Solve stocks with days of their own, a batch at a time; whoever is doubtful alone."""
    single = [(int(j), g.pattern) for g in groups for j in g.columns]
    size = max(1, _BATCH_BYTES // (8 * window * factors.shape[1]))
    for k in range(0, len(single), size):
        batch = single[k : k + size]
        columns = np.array([j for j, _ in batch], dtype=np.int64)
        starts, ends = np.array([p.starts for _, p in batch]), np.array([p.ends for _, p in batch])
        Y = stocks[ends, columns[:, None]] - stocks[starts, columns[:, None]]
        fits = fit_own(Y, factors[ends] - factors[starts])
        sure = ~fits.doubtful
        yield _Solved(
            columns=columns[sure],
            params=fits.params[sure],
            bse=fits.bse[sure],
            sd=fits.sd[sure],
            inverse=fits.inverse[sure],
            const=fits.const[sure],
            squares=(fits.resid * fits.resid).sum(axis=1)[sure],
            total=((Y - fits.const[:, None]) ** 2).sum(axis=1)[sure],
            long_run=_long_run_variance(fits.resid.T)[sure],
            starts=starts[sure, 0],
            ends=ends[sure, -1],
        )
        for i in np.flatnonzero(fits.doubtful):
            yield _together(Group(columns[i : i + 1], batch[i][1]), factors, stocks)


def _solve(
    groups: list[Group], factors: FloatArray, stocks: FloatArray, window: int, status: IntArray
) -> Iterator[_Solved]:
    """Solve all groups; stocks that do not move, or whose factors cannot be told apart, get their status."""
    shared = [g for g in groups if g.columns.size >= _SHARED]
    rest = [g for g in groups if g.columns.size < _SHARED]
    for part in (*(_together(g, factors, stocks) for g in shared), *_apart(rest, factors, stocks, window)):
        highest = np.abs(part.const) + np.sqrt(part.total)
        still = part.total <= (_STILL * highest) ** 2 * window
        status[part.columns[~np.isfinite(part.params).all(axis=1)]] = UNFIT
        status[part.columns[still]] = STILL
        yield part


def fit_universe(
    days: DayArray, factors: FloatArray, stocks: FloatArray, positions: IntArray, window: int, sampling: Sampling
) -> UniverseFit:
    """Fit every stock on its last window before each day.

    Parameters
    ----------
    days : ndarray of shape (n_levels,)
        Days on which every factor was observed.
    factors : ndarray of shape (n_levels, n_factors)
        Levels, as 100*log or in bp.
    stocks : ndarray of shape (n_levels, n_stocks)
        100*log prices; NaN where not observed.
    positions : ndarray of int of shape (n_days,)
        Positions in `days` of the days asked; nothing after each is used.
    window : int
        Changes a window.
    sampling : Sampling
        From levels to changes.

    Returns
    -------
    UniverseFit

    Notes
    -----
    Joint least squares as for a single target; stocks whose windows have the same days share one inverse of the
    factors, those with days of their own are solved side by side, each with its own inverse.
    """
    k, m, p = positions.size, stocks.shape[1], factors.shape[1]
    observed = np.isfinite(stocks)
    cube, flat = np.full((3, k, m, p), np.nan), np.full((3, k, m), np.nan)
    whole = np.zeros((3, k, m), dtype=np.int64)
    numbered = days.astype(np.int64)
    for i, position in enumerate(positions):
        upto = slice(0, int(position) + 1)
        groups, status = group(observed[upto], days[upto], window, sampling, days[position])
        for part in _solve(groups, factors, stocks, window, status):
            c = part.columns
            cube[0, i, c], cube[1, i, c], cube[2, i, c] = part.params, part.bse, part.sd
            with np.errstate(divide="ignore", invalid="ignore"):
                flat[1, i, c] = 1.0 - part.squares / part.total
            flat[0, i, c] = part.const
            flat[2, i, c] = np.sqrt(part.squares / (window - p - 1))
            whole[1, i, c], whole[2, i, c] = numbered[part.starts], numbered[part.ends]
        lost = np.flatnonzero(status != OK)
        cube[:, i, lost], flat[:, i, lost], whole[1:, i, lost] = np.nan, np.nan, 0
        whole[0, i] = status
    return UniverseFit(*cube, *flat, *whole)


@dataclass(frozen=True)
class Moves:
    """What each stock did after its window, and how much of it the factors explain; NaN where it has none."""

    move: FloatArray  # in log %: the whole move, native betas times the factors' changes, the rest
    macro: FloatArray
    residual: FloatArray
    se: FloatArray  # standard error of the residual move in log %
    rsquared: FloatArray  # of the window before the move
    status: IntArray  # place in ``patterns.STATUS``


def residual_moves(
    days: DayArray, factors: FloatArray, stocks: FloatArray, begin: int, window: int, sampling: Sampling
) -> Moves:
    """Split each stock's move since a day into what the factors explain, with betas known before, and the rest.

    Parameters
    ----------
    days, factors, stocks : ndarray
        As in :func:`fit_universe`; the move ends with the last level.
    begin : int
        Position of the level the move starts from; a stock without a price there, or at the end, has none.
    window : int
        Changes of the window the betas come from, which ends where the move begins.
    sampling : Sampling
        From levels to changes.

    Returns
    -------
    Moves

    Notes
    -----
    residual = y - b'F with y the stock's move and F the factors' between the two days; the intercept of the window
    explains nothing and stays in it. Its variance is h LRV + s2 F'(X'X)^-1 F: h days of the long-run variance LRV of
    the window's residuals (Bartlett), and what is not known of b (X about its mean; n - k degrees of freedom in both).
    """
    m, p = stocks.shape[1], factors.shape[1]
    out = np.full((5, m), np.nan)
    spare, span = window - p - 1, days.size - 1 - begin
    F = factors[-1] - factors[begin]
    moved = stocks[-1] - stocks[begin]
    upto = slice(0, begin + 1)
    groups, status = group(np.isfinite(stocks[upto]), days[upto], window, sampling, days[begin])
    for part in _solve(groups, factors, stocks, window, status):
        y = moved[part.columns]
        with np.errstate(divide="ignore", invalid="ignore"):
            Z = F / part.sd
            unsure = np.einsum("mi,mij,mj->m", Z, part.inverse, Z)
            macro = (part.params * Z).sum(axis=1)
            variance = (span * part.long_run + part.squares * unsure) / spare
            rsquared = 1.0 - part.squares / part.total
        out[:, part.columns] = y, macro, y - macro, np.sqrt(variance), rsquared
    status[(status == OK) & ~np.isfinite(moved)] = ENDED
    out[:, status != OK] = np.nan
    return Moves(out[0], out[1], out[2], out[3], out[4], status)


_TRIMMED = (0.02, 0.98)


def event_scale(standardised: FloatArray) -> float:
    """Return by how much a move's own volatility makes errors from before it too small; at least 1.

    Parameters
    ----------
    standardised : ndarray of shape (n_stocks,)
        Residual moves over their standard errors.

    Returns
    -------
    float
        Cross-sectional standard deviation after bringing values to the 2nd and 98th percentile, so that the largest
        moves do not hide themselves (Boehmer, Musumeci and Poulsen 1991).
    """
    low, high = np.quantile(standardised, _TRIMMED)
    return max(1.0, float(np.clip(standardised, low, high).std(ddof=1)))


def common_tstat(standardised: FloatArray, residuals: FloatArray) -> float:
    """Return the t-value of the mean standardised residual move, stocks moving together.

    Parameters
    ----------
    standardised : ndarray of shape (n_stocks,)
        Residual moves over their standard errors.
    residuals : ndarray of shape (n_days, n_other_stocks)
        Of the window before, of stocks observed on all of its days.

    Returns
    -------
    float

    Notes
    -----
    Values beyond the 2nd and 98th percentile are brought to them, so that a few stocks do not speak for all. Boehmer,
    Musumeci and Poulsen (1991), times sqrt((1 - r)/(1 + (n - 1) r)), r the mean correlation (Kolari and
    Pynnönen 2010, eq. 12).
    """
    n, m = standardised.size, residuals.shape[1]
    standardised = np.clip(standardised, *np.quantile(standardised, _TRIMMED))
    unit = residuals / residuals.std(axis=0)
    r = max(float((m * unit.mean(axis=1).var() - 1.0) / (m - 1.0)), 0.0)
    alone = float(standardised.mean() * np.sqrt(n) / standardised.std(ddof=1))
    return alone * float(np.sqrt((1.0 - r) / (1.0 + (n - 1.0) * r)))
