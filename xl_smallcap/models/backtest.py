"""Would trading the gap have paid? A rule, its profit marked to market, and how sure that is. Hypothetical."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.inference import bartlett_bse, newey_west_lags, student_quantile
from xl_smallcap.types import FloatArray


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
    side, found = 0.0, np.empty(gap_sigma.size)
    for i, gap in enumerate(gap_sigma.tolist()):
        if not np.isfinite(gap) or -side * gap <= leave:
            side = 0.0
        if side == 0.0 and abs(gap) >= entry:
            side = -1.0 if gap > 0 else 1.0
        found[i] = side
    return found


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
