"""Shared aliases: arrays, cells and the closed lists of words."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
DayArray = NDArray[np.datetime64]
"""Calendar days, dtype ``datetime64[D]``."""
DAY, MONTH, YEAR = (np.timedelta64(1, unit) for unit in ("D", "M", "Y"))
"""Steps of the calendar: newer numpy refuses to add a bare number to a day."""
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

Scalar = float | int | str | bool | dt.date | None
"""What one cell can hold; ``None`` is "not available" and shows as #N/A."""
Table = list[list[Scalar]]
"""A header row first, then native values; hosts spill it."""
Raw = Any
"""What a host hands over before coercion."""

Day = np.datetime64 | None
"""A day as a person gave it; None where blank."""
All = Literal["all"]
"""The word for every statistic at once."""

BetaStat = Literal[
    "beta",
    "se",
    "tstat",
    "pvalue",
    "pvalue_bh",
    "lower",
    "upper",
    "se_conditional",
    "se_nw",
    "sign_share",
    "agreement",
    "vif",
    "rsquared",
    "nobs",
    "first_date",
    "last_date",
    "next_window_coverage",
    "noise_share",
    "noise_share_long",
    "noise_lower",
    "noise_upper",
    "beyond_noise",
    "changes_equivalent",
    "beyond_changes",
    "percentile",
    "percentile_native",
    "percentile_nobs",
    "placebo_share",
    "placebo_tstat",
]
EventStat = Literal[
    "beta", "se", "tstat", "pvalue", "lower", "upper", "nobs", "shifted", "top5_share", "beta_without_top5",
    "rank_slope", "years_same_sign", "years", "beta_market_held", "tstat_market_held", "beta_growth_held",
    "tstat_growth_held", "nobs_growth_held", "beta_growth_days", "permutation_pvalue", "first_date", "last_date",
]  # fmt: skip
FitStat = Literal[
    "rsquared",
    "rsquared_adj",
    "rsquared_oos",
    "nobs",
    "first_date",
    "last_date",
    "condition_number",
    "components",
    "explained",
    "draws",
    "block",
    "seed",
]
FactorStat = Literal["level", "change", "z", "last_date"]
MethodName = Literal["ols", "univariate", "pcr", "pls"]
FairValueStat = Literal[
    "value",
    "actual",
    "gap",
    "gap_pct",
    "gap_sigma",
    "sigma",
    "drift",
    "rsquared",
    "noise_percentile",
    "cointegration_pvalue",
    "rsquared_oos",
    "half_life",
    "noise_half_life",
    "verdict",
    "nobs",
    "first_date",
    "last_date",
    "draws",
    "seed",
]
PositionStat = Literal[
    "net",
    "contract",
    "net_pct",
    "change",
    "percentile3y",
    "percentile5y",
    "z3y",
    "z5y",
    "reports3y",
    "reports5y",
    "last_date",
    "published",
]
Weighting = Literal["equal", "cap", "iqr", "winsor"]
DispersionIndex = Literal["russell", "sp500", "ratio"]
DispersionStat = Literal[
    "value",
    "annualised",
    "average",
    "mean",
    "nobs",
    "members",
    "coverage",
    "weight_covered",
    "gone",
    "flagged",
    "membership",
    "first_date",
    "last_date",
]
GaugeStat = Literal[
    "value",
    "change",
    "revision",
    "percentile3y",
    "percentile5y",
    "percentile",
    "z3y",
    "z5y",
    "z",
    "nobs",
    "last_date",
    "published",
]
FairValueModel = Literal["changes", "levels"]
BetaModel = FairValueModel
"""Whether betas are of changes on changes, or of the price level on factor levels."""
RegimeModel = Literal["pool", "chains", "chains_pce", "bands", "bands_pce", "hmm", "jump", "markov_switching", "market"]
ScenarioMethod = Literal["analytic", "simulation", "bootstrap", "pooling", "regimes"]
ScenarioStat = Literal[
    "mean",
    "median",
    "sd",
    "p5",
    "p25",
    "p50",
    "p75",
    "p95",
    "prob_positive",
    "prob_outperform",
    "base_rate",
    "base_rate_se",
    "base_rate_nobs",
    "base_rate_positive",
    "share_path",
    "share_beta",
    "share_residual",
    "plausibility",
    "distance",
    "worst_analogue",
    "worst_analogue_return",
    "effective_scenarios",
    "frequency_conflict",
    "warning",
    "nobs",
    "first_date",
    "last_date",
    "draws",
    "seed",
    "path",
]
ImpliedStat = Literal["multiple", "lower", "upper", "distance"]
NeedleStat = Literal[
    "joint",
    "window",
    "given_window",
    "outperform",
    "joint_se",
    "window_se",
    "given_window_se",
    "joint_base",
    "window_base",
    "given_window_base",
    "outperform_base",
    "effective",
    "nobs",
    "first_date",
    "last_date",
]
BetaUnit = Literal["sd", "native", "10bp", "1pct", "1pt"]
Frequency = Literal["daily", "weekly", "monthly"]
SeriesKind = Literal["price", "yield", "level"]
SeriesFrequency = Literal["daily", "weekly", "monthly"]


@dataclass(frozen=True)
class Window:
    """A number of observations at one frequency: 250 daily, 104 weekly ("104w"), 60 monthly ("60m")."""

    count: int
    frequency: Frequency

    def __str__(self) -> str:
        suffix = {"daily": "", "weekly": "w", "monthly": "m"}[self.frequency]
        return f"{self.count}{suffix}"


@dataclass(frozen=True)
class Method:
    """How betas are estimated.

    `name` is "ols", "univariate", "pcr" or "pls"; `components` a number, or None for the rule; `control` says that the
    last regressor (the market) is kept whole while the factors are cleaned of it. It makes no difference to "ols".
    """

    name: MethodName = "ols"
    components: int | None = None
    control: bool = False

    def __str__(self) -> str:
        return self.name if self.components is None else f"{self.name}:{self.components}"


OLS = Method("ols")
"""Joint ordinary least squares, the default."""
