"""Slopes on the days of one kind of news, their errors, how two kinds differ, and how few days they hang on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.errors import FitError
from xl_smallcap.models.estimation import solve_least_squares, still_target
from xl_smallcap.models.inference import student_pvalues
from xl_smallcap.types import BoolArray, FloatArray, IntArray

FEWEST_DAYS = 20
"""Days of a kind below which there is no slope."""
_TOP = 5
_FEWEST_A_YEAR = 4
_STILL = 1e-12
_DRAWS_AT_ONCE = 500


@dataclass(frozen=True)
class EventSlope:
    """The slope of one kind of day, in % of the target per unit of the factor, and how fragile it is."""

    slope: float
    bse: float  # HC3
    df: float
    nobs: int
    top_share: float  # of five days in the sum of |x y| about the means
    slope_without_top: float  # fitted anew, what is held included
    rank_slope: float  # Spearman's correlation, what is held taken off both
    years_same_sign: int
    years: int

    @property
    def tvalue(self) -> float:
        """The slope in standard errors."""
        return self.slope / self.bse

    @property
    def pvalue(self) -> float:
        """Two-sided, Student's t."""
        return float(student_pvalues(np.array([self.tvalue]), self.df)[0])


def hc3(y: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Regress on a constant and X; return slopes and their HC3 errors (MacKinnon and White 1985)."""
    design = np.column_stack([np.ones(y.size), X])
    solved = solve_least_squares(design, y)
    leverage = np.einsum("ij,jk,ik->i", design, solved.xtx_inverse, design)
    influence = (design @ solved.xtx_inverse) * (solved.resid / (1.0 - leverage))[:, None]
    return solved.params[1:], np.sqrt((influence**2).sum(axis=0))[1:]


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks from 0, equal values sharing their mean rank."""
    order = np.argsort(values, kind="stable")
    _, first, inverse, counts = np.unique(values[order], return_index=True, return_inverse=True, return_counts=True)
    ranks = np.empty(values.size)
    ranks[order] = (first + (counts - 1) / 2.0)[inverse]
    return ranks


def _slope(y: FloatArray, X: FloatArray) -> float:
    return float(np.linalg.lstsq(np.column_stack([np.ones(y.size), X]), y, rcond=None)[0][1])


def event_slope(y: FloatArray, X: FloatArray, years: IntArray, name: str, kind: str) -> EventSlope:
    """Estimate the slope on the first column of X over the days of one kind.

    Parameters
    ----------
    y : ndarray of shape (n_days,)
        Target changes in %.
    X : ndarray of shape (n_days, n_columns)
        Changes of the factor, then of what is held beside it.
    years : ndarray of int of shape (n_days,)
        Calendar year of each day.
    name, kind : str
        Of the factor and the days, for errors.

    Returns
    -------
    EventSlope

    Raises
    ------
    FitError
        Fewer than 20 days, or a factor or target that hardly moves on them.
    """
    n = y.size
    if n < FEWEST_DAYS:
        raise FitError(f"There are {n} days of kind '{kind}'; a slope needs at least {FEWEST_DAYS}.")
    x = X[:, 0]
    if x.std() <= _STILL * max(1.0, float(np.abs(x).max())) or np.unique(x).size < FEWEST_DAYS // 4:
        raise FitError(f"'{name}' hardly moves on days of kind '{kind}', so there is no slope.")
    if still_target(y):
        raise FitError(f"The target does not move on days of kind '{kind}', so there is no slope.")
    slopes, errors = hc3(y, X)
    whole = y, X
    if X.shape[1] > 1:  # what is held is taken off both first (Frisch and Waugh 1933)
        held = np.column_stack([np.ones(n), X[:, 1:]])
        x, y = (v - held @ np.linalg.lstsq(held, v, rcond=None)[0] for v in (x, y))
    products = np.abs((x - x.mean()) * (y - y.mean()))
    top = np.argsort(-products, kind="stable")[:_TOP]
    rest = np.setdiff1d(np.arange(n), top)
    counted = same = 0
    for year in np.unique(years):
        rows = years == year
        if rows.sum() >= _FEWEST_A_YEAR and x[rows].std() > 0:
            counted += 1
            same += int(np.sign(np.cov(x[rows], y[rows])[0, 1]) == np.sign(slopes[0]))
    return EventSlope(
        slope=float(slopes[0]),
        bse=float(errors[0]),
        df=float(n - X.shape[1] - 1),
        nobs=n,
        top_share=float(products[top].sum() / products.sum()),
        slope_without_top=_slope(whole[0][rest], whole[1][rest]),
        rank_slope=float(np.corrcoef(_ranks(x), _ranks(y))[0, 1]),
        years_same_sign=same,
        years=counted,
    )


def _studentised(y: FloatArray, x: FloatArray, first: BoolArray) -> FloatArray:
    """Studentised differences of two groups' slopes; `first` of shape (draws, n) says who is in the first group."""
    slopes, variances = [], []
    for group in (first, ~first):
        g = group.astype(np.float64)
        n = g.sum(axis=1)
        mean_x, mean_y = g @ x / n, g @ y / n
        dx, dy = (x - mean_x[:, None]) * g, (y - mean_y[:, None]) * g
        squares = (dx * dx).sum(axis=1)
        b = (dx * dy).sum(axis=1) / squares
        resid = dy - b[:, None] * dx
        leverage = g / n[:, None] + dx * dx / squares[:, None]
        scaled = dx * resid / (1.0 - leverage)
        slopes.append(b)
        variances.append((scaled * scaled).sum(axis=1) / squares**2)
    return np.asarray((slopes[0] - slopes[1]) / np.sqrt(variances[0] + variances[1]))


def permutation_pvalue(y: FloatArray, x: FloatArray, first: BoolArray, years: IntArray, draws: int, seed: int) -> float:
    """Share of exchanges of two labels within a year whose slopes differ by as many HC3 errors, two-sided.

    DiCiccio and Romano (2015): studentised, so that unequal variances of the two groups do no harm. The labels at hand
    count as one of the draws.
    """
    observed = abs(float(_studentised(y, x, first[None])[0]))
    rng = np.random.default_rng(seed)
    as_large = 0
    for start in range(0, draws, _DRAWS_AT_ONCE):
        count = min(_DRAWS_AT_ONCE, draws - start)
        # a year's labels in the order of uniforms: a permutation of them, all draws at once
        uniform = rng.random((count, y.size))
        labels = np.empty((count, y.size), dtype=bool)
        for year in np.unique(years):
            rows = np.flatnonzero(years == year)
            labels[:, rows] = first[rows][np.argsort(uniform[:, rows], axis=1)]
        with np.errstate(divide="ignore", invalid="ignore"):
            as_large += int((np.abs(_studentised(y, x, labels)) >= observed).sum())
    return (1 + as_large) / (draws + 1)
