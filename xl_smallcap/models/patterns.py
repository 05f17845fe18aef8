"""Which stocks can share a regression: those with the same days observed in their last window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xl_smallcap.types import BoolArray, DayArray, IntArray

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
        found = _in_tail(some, days, window, sampling)
        if found != SHORT:
            return found
    return _in_tail(observed, days, window, sampling)


def _in_tail(observed: IntArray, days: DayArray, window: int, sampling: Sampling) -> Pattern | int:
    at = observed[sampling.ends(days[observed])]
    if at.size < window + 1:
        return SHORT
    starts, ends = at[:-1], at[1:]
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
    found: dict[bytes, tuple[Pattern, list[int]]] = {}
    for j in np.flatnonzero(open_):
        pattern = last_pattern(np.flatnonzero(observed[:, j]), days, window, sampling)
        if isinstance(pattern, int):
            status[j] = pattern
            continue
        key = pattern.starts.tobytes() + pattern.ends.tobytes()
        found.setdefault(key, (pattern, []))[1].append(int(j))
    groups += [Group(np.array(members, dtype=np.int64), pattern) for pattern, members in found.values()]
    return groups, status
