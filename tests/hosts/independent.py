"""The numbers again, from the sample's own CSV text by pandas, statsmodels, scikit-learn; our models take no part."""

from __future__ import annotations

import functools
import gzip
import io
import itertools
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats

from tests.models import twins
from tests.reference.hac import leverage_hac
from xl_smallcap.types import Method

CYCLICAL, DEFENSIVE = ["XLI_ADJ", "XLY_ADJ", "XLB_ADJ", "XLF_ADJ"], ["XLU_ADJ", "XLP_ADJ", "XLV_ADJ"]
SERIES = {
    "growth": [*CYCLICAL, *DEFENSIVE],
    "growth_metals": ["HG_F", "GOLD_LBMA_PM"],
    "inflation": ["T5YIE"],
    "easing": ["DGS2"],
    "real_yield": ["DFII10"],
    "credit": ["BAMLH0A0HYM2"],
    "dollar": ["DTWEXBGS"],
    "oil": ["DCOILWTICO"],
    "volatility": ["VIXCLS"],
    "market": ["GSPC"],
}
SPECS: dict[str, list[str]] = {
    "none": [],
    "macro": ["growth", "inflation", "easing", "dollar", "oil"],
    "macro_market": ["growth", "inflation", "easing", "dollar", "oil", "market"],
    "full": ["growth", "inflation", "easing", "real_yield", "credit", "dollar", "oil", "volatility"],
    "macro:growth_metals": ["growth_metals", "inflation", "easing", "dollar", "oil"],
}


@functools.lru_cache(maxsize=1)
def levels() -> Any:
    raw = resources.files("xl_smallcap.data.sample").joinpath("daily.csv.gz").read_bytes()
    return pd.read_csv(io.BytesIO(gzip.decompress(raw)), parse_dates=["date"], index_col="date")


def _factor(x: Any, name: str) -> Any:
    if name == "growth":
        logs = 100 * np.log(x[SERIES["growth"]])
        return logs[CYCLICAL].mean(axis=1) - logs[DEFENSIVE].mean(axis=1)
    if name == "growth_metals":
        return 100 * np.log(x["HG_F"]) - 100 * np.log(x["GOLD_LBMA_PM"])
    if name in ("inflation", "real_yield", "credit"):
        return 100 * x[SERIES[name][0]]
    if name == "easing":
        return -100 * x["DGS2"]
    return 100 * np.log(x[SERIES[name][0]])


def changes(target: str, spec: str, frequency: str, as_of: str | None) -> tuple[Any, Any]:
    names = list(SPECS[spec])
    if target == "hedged" and "market" not in names:
        names.append("market")
    legs = {"russell": ["RUT"], "hedged": ["RUT"], "sp500": ["GSPC"], "relative": ["RUT", "GSPC"]}[target]
    columns = list(dict.fromkeys([*legs, *(s for n in names for s in SERIES[n])]))
    x = levels().loc[:as_of, columns].dropna()
    if frequency != "D":
        ends = x.groupby(x.index.to_period("W-SUN" if frequency == "W" else "M")).tail(1)
        following = ends.index[-1] + pd.offsets.BDay(1)
        period = "W-SUN" if frequency == "W" else "M"
        x = ends if following.to_period(period) != ends.index[-1].to_period(period) else ends.iloc[:-1]
    y = 100 * np.log(x[legs[0]])
    if target == "relative":
        y = y - 100 * np.log(x["GSPC"])
    X = pd.DataFrame({n: _factor(x, n) for n in names})
    return y.diff().iloc[1:], X.diff().iloc[1:]


def fitted(target: str, spec: str, window: str, as_of: str | None) -> tuple[Any, Any]:
    frequency = {"w": "W", "m": "M"}.get(window[-1], "D")
    n = int(window.rstrip("wm"))
    y, X = changes(target, spec, frequency, as_of)
    y, X = y.iloc[-n:], X.iloc[-n:]
    Z = (X - X.mean()) / X.std(ddof=1)
    lags = int(4 * (n / 100) ** (2 / 9))
    fit = leverage_hac(y, sm.add_constant(Z), lags)
    return fit, X.std(ddof=1)


def beta(
    factor: str,
    stat: str = "beta",
    target: str = "russell",
    window: str = "250",
    as_of: str | None = None,
    spec: str = "macro",
    native: float | None = None,
) -> float:
    fit, sd = fitted(target, spec, window, as_of)
    scale = 1.0 if native is None else native / sd[factor]
    interval = fit.conf_int(0.10).loc[factor]
    return float(
        {
            "beta": fit.params[factor] * scale,
            "se": fit.bse[factor] * scale,
            "tstat": fit.tvalues[factor],
            "pvalue": fit.pvalues[factor],
            "lower": interval[0] * scale,
            "upper": interval[1] * scale,
        }[stat]
    )


def rsquared(stat: str, target: str = "russell", window: str = "250", as_of: str | None = None) -> float:
    fit, _ = fitted(target, "macro", window, as_of)
    return float({"rsquared": fit.rsquared, "rsquared_adj": fit.rsquared_adj}[stat])


def component_beta(factor: str, method: Method, target: str = "russell", window: str = "250") -> float:
    """A beta of pcr, pls or univariate, in % per +1 sd; cleaned of the market where the target is hedged."""
    _, X, y = window_of(target, window)
    method = Method(method.name, method.components, target == "hedged")
    native = dict(zip(X.columns, twins.betas(y.to_numpy(), X.to_numpy(), method), strict=True))
    return float(native[factor] * X[factor].std(ddof=1))


def window_of(target: str, window: str, as_of: str | None = None) -> tuple[Any, Any, Any]:
    """Levels, factor changes and target changes of one window."""
    n = int(window.rstrip("wm"))
    y, X = changes(target, "macro", {"w": "W", "m": "M"}.get(window[-1], "D"), as_of)
    return levels(), X.iloc[-n:], y.iloc[-n:]


def univariate_tstat(factor: str, target: str = "russell") -> float:
    _, X, y = window_of(target, "250")
    fit = leverage_hac(y, sm.add_constant(X[factor]), 4)
    return float(fit.tvalues[factor])


def levels_fit(window: int = 250) -> Any:
    """Log levels of the Russell on factor levels, the last days."""
    names = SPECS["macro"]
    x = levels()[["RUT", *dict.fromkeys(s for n in names for s in SERIES[n])]].dropna().iloc[-window:]
    X = pd.DataFrame({n: _factor(x, n) for n in names})
    return sm.OLS(100 * np.log(x["RUT"]), sm.add_constant((X - X.mean()) / X.std(ddof=1))).fit()


def levels_share(factor: str) -> float:
    """Share of random walks, of the steps the changes without this factor leave, with as large a levels beta."""
    fit = levels_fit()
    y, X = changes("russell", "macro", "D", None)
    rest = sm.OLS(y.iloc[-250:], sm.add_constant(X.iloc[-250:].drop(columns=factor))).fit()
    step = np.sqrt(rest.ssr / (250 - (X.shape[1] - 1) - 1))
    walks = np.random.default_rng(20251224).standard_normal((250, 1000)).cumsum(axis=0)
    betas = np.linalg.lstsq(fit.model.exog, walks, rcond=None)[0][list(fit.params.index).index(factor)]
    return float((1 + (np.abs(step * betas) >= abs(fit.params[factor])).sum()) / 1001)


def event_slope(kind: str, what: str) -> float:
    """Slope of easing on days of one kind, relative, per sd of all days, or its t; days with two kinds apart."""
    x = levels()[["RUT", "GSPC", "DGS2"]].dropna()
    frame = pd.DataFrame({"y": 100 * (np.log(x["RUT"]) - np.log(x["GSPC"])).diff(), "x": (-100 * x["DGS2"]).diff()})
    text = resources.files("xl_smallcap.data").joinpath("events.csv").read_text(encoding="utf-8")
    news = pd.read_csv(io.StringIO(text), parse_dates=["date"])
    place = frame.index.searchsorted(news["date"])
    inside = (place > 0) & (place < len(frame))
    inside[inside] &= frame.index[place[inside] - 1] < news["date"][inside]
    named = news[inside].assign(day=frame.index[place[inside]]).groupby("day")["kind"].agg(list)
    own = [d for d, kinds in named.items() if kinds == [kind]]
    part = frame.loc[own]
    fit = sm.OLS(part["y"], sm.add_constant(part["x"])).fit(cov_type="HC3")
    return float(fit.params["x"] * frame["x"].iloc[1:].std() if what == "sd" else fit.tvalues["x"])


def sentence(factor: str, target: str, as_of: str | None = None) -> str:
    """Words for a factor without news of its own, from statsmodels' fits and its false discovery rates."""
    from statsmodels.stats.multitest import multipletests

    said = []
    for name, window in (("weeks", "104w"), ("days", "250"), ("months", "60m")):
        fit, _ = fitted(target, "macro", window, as_of)
        corrected = dict(
            zip(fit.params.index[1:], multipletests(fit.pvalues.iloc[1:], method="fdr_bh")[1], strict=True)
        )
        b, half = fit.params[factor], fit.conf_int(0.10)[1][factor] - fit.params[factor]
        word = "not clear" if corrected[factor] > 0.10 else "positive" if b > 0 else "negative"
        said.append((name, word, f"{round(b, 2) + 0.0:+.2f} ± {half:.2f}"))
    (lead, word, numbers), *others = said
    first = f"{factor.capitalize()}: {word} on {lead} ({numbers} % per sd), which lead because odds rest on them"
    groups: dict[str, list[str]] = {}
    for name, other, figures in others:
        groups.setdefault(other, []).append(f"{name} ({figures})")
    parts = [f"{'also ' if w == word else ''}{w} on {' and '.join(ones)}" for w, ones in groups.items()]
    return f"{first}; {', '.join(parts)}."


def placebo_share() -> float:
    """Share of the other splits of the seven sectors, four against three, whose growth has |t| above 1.65."""
    sectors = [*CYCLICAL, *DEFENSIVE]
    y, X = changes("relative", "macro", "D", None)
    x = levels()[list(dict.fromkeys(["RUT", "GSPC", *(s for n in X.columns for s in SERIES[n])]))].dropna()
    logs, clear = 100 * np.log(x[sectors]).diff().iloc[1:], []
    for chosen in itertools.combinations(sectors, 4):
        if set(chosen) == set(CYCLICAL):
            continue
        rest = [s for s in sectors if s not in chosen]
        other = X.assign(growth=logs[list(chosen)].mean(axis=1) - logs[rest].mean(axis=1)).iloc[-250:]
        fit = leverage_hac(y.iloc[-250:], sm.add_constant(other), 4)
        clear.append(abs(fit.tvalues["growth"]) > 1.65)
    return float(np.mean(clear))


def percentile(factor: str) -> float:
    """Rank of the beta of changes, in % per +1 own sd, among those of windows to earlier month ends."""
    y, X = changes("russell", "macro", "D", None)

    def beta_to(end: int) -> float:
        x = X.iloc[end - 250 : end]
        design = sm.add_constant((x - x.mean()) / x.std(ddof=1))
        return float(sm.OLS(y.iloc[end - 250 : end], design).fit().params[factor])

    months = y.index.to_period("M")
    last = np.flatnonzero(months[:-1] != months[1:]) + 1  # observations up to each month's end
    earlier = [beta_to(int(end)) for end in last if end >= 250 and months[end - 1] < months[-1]]
    today = beta_to(len(y))
    return (1 + sum(b <= today for b in earlier)) / (len(earlier) + 1)


def levels_gap(stat: str) -> float:
    fit = levels_fit()
    gap = float(fit.resid.iloc[-1])
    price = float(np.exp((fit.fittedvalues.iloc[-1] + gap) / 100))
    value = float(np.exp(fit.fittedvalues.iloc[-1] / 100))
    return {
        "value": value,
        "gap": price - value,
        "gap_pct": 100 * (price / value - 1),
        "gap_sigma": gap / float(np.sqrt(fit.mse_resid)),
        "rsquared": float(fit.rsquared),
    }[stat]


def changes_gap_pct(horizon: int = 21) -> float:
    """What yesterday's betas left unexplained over the last days, one regression a day."""
    y, X = changes("russell", "macro", "D", None)
    gap = 0.0
    for t in range(len(y) - horizon, len(y)):
        fit = sm.OLS(y.iloc[t - 250 : t], sm.add_constant(X.iloc[t - 250 : t])).fit()
        gap += float(y.iloc[t] - X.iloc[t] @ fit.params.iloc[1:])
    return float(100 * np.expm1(gap / 100))


def growth_contribution(start: str, finish: str) -> float:
    """Contribution of growth to Russell minus S&P 500, one regression a day."""
    y, X = changes("relative", "macro", "D", finish)
    total = 0.0
    for t in np.flatnonzero(X.index > start):
        fit = sm.OLS(y.iloc[t - 250 : t], sm.add_constant(X.iloc[t - 250 : t])).fit()
        total += float(fit.params["growth"] * X["growth"].iloc[t])
    return total


def _positions() -> pd.DataFrame:
    with resources.files("xl_smallcap.data.sample").joinpath("positions.csv.gz").open("rb") as packed:
        return pd.read_csv(packed, compression="gzip", index_col="date", parse_dates=True)


def _net_share(category: str) -> pd.Series:
    p = _positions()
    return 100 * (p[f"TFF_RUT_{category}_LONG"] - p[f"TFF_RUT_{category}_SHORT"]) / p["TFF_RUT_OI"]


def positioning(category: str, report: str) -> float:
    return float(_net_share(category)[report])


def z3y(category: str, report: str) -> float:
    share = _net_share(category)[:report]
    window = share[share.index > pd.Timestamp(report) - pd.Timedelta(days=1096)]
    return float((window.iloc[-1] - window.mean()) / window.std())


def regime(growing: bool, low: bool, growth_to: str, inflation_to: str, month: str) -> float:
    """Probability of growth up or down and inflation below 3 % or above, by hmmlearn and a filter of plain loops.

    For days on which no month is missing inside the series: hmmlearn cannot skip one.
    """
    raw = resources.files("xl_smallcap.data.sample").joinpath("monthly.csv.gz").read_bytes()
    frame = pd.read_csv(io.BytesIO(gzip.decompress(raw)), parse_dates=["date"], index_col="date").to_period("M")
    growth = frame["CFNAI"].loc[:growth_to].to_numpy()
    inflation = (200 * np.log(frame["CPILFESL"]).diff(6)).dropna().loc[:inflation_to].to_numpy()
    up, _, _ = _state(tuple(growth), (pd.Period(month) - pd.Period(growth_to)).n)
    p, means, deviations = _state(tuple(inflation), (pd.Period(month) - pd.Period(inflation_to)).n)
    below = float(sum(q * stats.norm.cdf(3.0, m, d) for q, m, d in zip(p, means, deviations, strict=True)))
    return float(up[int(growing)]) * (below if low else 1.0 - below)


def pool_mean() -> float:
    """The pool by what each member says alone, on the sample, three months after May 2013."""
    from xl_smallcap.functions import RUSSELL_REGIME_PROB

    members = ("chains", "chains_pce", "bands", "bands_pce")
    return float(np.mean([RUSSELL_REGIME_PROB("goldilocks", 3, "2013-05-31", m) for m in members]))


@functools.lru_cache(maxsize=8)
def _state(values: tuple[float, ...], steps: int) -> Any:
    """Probabilities, means and deviations of the lower and the higher state so many steps after the last value."""
    from hmmlearn.hmm import GaussianHMM

    x = np.array(values)
    middle = np.median(x)
    edge = 3 * 1.4826 * np.median(np.abs(x - middle))
    x = np.clip(x, middle - edge, middle + edge)
    best, best_score = None, -np.inf
    for seed in range(10):
        model = GaussianHMM(2, n_iter=2000, tol=1e-9, random_state=seed, covars_prior=0.0, covars_weight=0.0)
        model.fit(x[:, None])
        if model.score(x[:, None]) > best_score:
            best, best_score = model, model.score(x[:, None])
    assert best is not None
    p = best.startprob_
    for t, value in enumerate(x):
        if t:
            p = p @ best.transmat_
        variance = best.covars_[:, 0, 0]
        p = p * np.exp(-0.5 * (value - best.means_[:, 0]) ** 2 / variance) / np.sqrt(variance)
        p = p / p.sum()
    p = p @ np.linalg.matrix_power(best.transmat_, steps)
    order = np.argsort(best.means_[:, 0])
    return p[order], best.means_[order, 0], np.sqrt(best.covars_[order, 0, 0])


Shocks = dict[str, tuple[float | str, int]]
"""Factor -> change, and the months it is spread over; 0 for those asked for."""


@dataclass
class Weekly:
    """The weekly model of a projection, by other libraries."""

    X: Any
    beta: Any
    V: Any
    S: Any
    s2: float
    about: Any
    drift: float
    ratio: float
    df: float

    def usual(self, months: int) -> float:
        """How many months of usual residual variance these months have."""
        days = np.arange(1, 21 * months + 1)
        return float((1 + 0.5 * (self.ratio - 1) * 0.5 ** (days / 63)).sum() / 21)


def weekly_model(target: str, as_of: str | None) -> Weekly:
    """Ledoit and Wolf by scikit-learn, errors by statsmodels, Vasicek's shrinkage, weights by pandas, t by scipy."""
    from sklearn.covariance import ledoit_wolf

    y_all, X_all = changes(target, "macro", "W", as_of)
    y, X = y_all.iloc[-104:], X_all.iloc[-104:]

    def fit(y: Any, X: Any) -> tuple[Any, Any, Any]:
        hac = leverage_hac(y, sm.add_constant(X), int(4 * (len(y) / 100) ** (2 / 9)))
        return hac.params.to_numpy()[1:], hac.cov_params().to_numpy()[1:, 1:], hac

    last, V_last, hac = fit(y, X)
    every, V_all, _ = fit(y_all, X_all)
    ends = range(len(y_all) - 104, 103, -104)
    windows = [fit(y_all.iloc[e - 104 : e], X_all.iloc[e - 104 : e]) for e in ends]
    w = np.ones(len(last))
    if len(windows) >= 3:
        spread = np.mean([(b - every) ** 2 - np.diag(V) for b, V, _ in windows], axis=0)
        w = np.maximum(spread, 0) / (np.maximum(spread, 0) + np.diag(V_last))
    W, rest = np.diag(np.sqrt(w)), np.diag(1 - w)
    unsure = 2 / max(len(windows) - 3, 1) * np.diag((1 - w) ** 2 * (last - every) ** 2)
    shrunk, _ = ledoit_wolf(((X - X.mean()) / X.std(ddof=0)).to_numpy())
    sd = X.std(ddof=1).to_numpy()
    market, _ = changes("sp500", "none", "W", as_of)
    weight = {"russell": 1.0, "sp500": 1.0, "relative": 0.0}[target]
    y_days, X_days = changes(target, "macro", "D", as_of)
    resid = sm.OLS(y_days.iloc[-520:], sm.add_constant(X_days.iloc[-520:])).fit().resid ** 2
    weighted = pd.concat([pd.Series([resid.mean()]), resid]).ewm(halflife=21, adjust=False).mean().iloc[1:]
    ratios = pd.Series(weighted.to_numpy() / resid.mean(), index=resid.index)
    begun = y_all.index[-105:-1]
    before = ratios.reindex(ratios.index.union(begun)).ffill().loc[begun].fillna(1.0).to_numpy()
    faded = 1 + 0.5 * (before - 1) * (0.5 ** (np.arange(1, 6) / 63)).mean()
    unit = hac.resid.to_numpy() / np.sqrt(hac.mse_resid * faded)
    grid = (4.5, 5.0, 6.0, 8.0, 12.0, 20.0, 40.0)
    df = max(grid, key=lambda v: stats.t.logpdf(unit, v, scale=np.sqrt((v - 2) / v)).sum())
    return Weekly(
        X, w * last + (1 - w) * every, W @ V_last @ W + rest @ V_all @ rest + unsure, shrunk * np.outer(sd, sd),
        float(hac.mse_resid), X_all.mean().to_numpy(), weight * float(market.mean()), float(ratios.iloc[-1]), df,
    )  # fmt: skip


def conflict(target: str, named: tuple[str, ...]) -> str:
    """Which named factors' daily and weekly betas differ in sign and clearly."""
    weekly = weekly_model(target, None)
    y, X = changes(target, "macro", "D", None)
    days = leverage_hac(y.iloc[-250:], sm.add_constant(X.iloc[-250:]), 4)
    b, se = days.params.to_numpy()[1:], days.bse.to_numpy()[1:]
    clear = np.abs(b - weekly.beta) > stats.t.ppf(0.95, 104 - 6) * np.sqrt(se**2 + np.diag(weekly.V))
    names = [n for n, c, o in zip(X.columns, clear, b * weekly.beta < 0, strict=True) if c and o and n in named]
    said = f"daily and weekly betas to {', '.join(names)} have opposite signs, and differ clearly"
    return said if names else "none"


def expected(model: Weekly, given: dict[int, float], h: float) -> Any:
    """Factor changes over h weeks, others following about their means."""
    one = list(given)
    two = [k for k in range(len(model.about)) if k not in one]
    f = np.zeros(len(model.about))
    f[one] = list(given.values())
    away = f[one] - h * model.about[one]
    follow = model.S[np.ix_(two, one)] @ np.linalg.inv(model.S[np.ix_(one, one)]) @ away if one else 0.0
    f[two] = h * model.about[two] + follow
    return f


def projection(shocks: Shocks, what: str, target: str, months: int, as_of: str | None = None) -> float:
    """A projection from other libraries' regression, covariance and Student t."""
    m = weekly_model(target, as_of)
    names, S = list(m.X.columns), m.S
    h = 4.2 * months
    given = {}
    for f, (change, spread) in shocks.items():
        k = names.index(f)
        given[k] = np.sqrt(S[k, k] * h) if isinstance(change, str) else change * (months / spread if spread else 1.0)
    one = list(given)
    two = [k for k in range(len(names)) if k not in one]
    away = expected(m, given, h) - h * m.about
    left = np.zeros_like(S)
    inverse = np.linalg.inv(S[np.ix_(one, one)])
    left[np.ix_(two, two)] = S[np.ix_(two, two)] - S[np.ix_(two, one)] @ inverse @ S[np.ix_(one, two)]
    left *= h
    mean = float(m.beta @ away) + m.drift * h
    residual = 4.2 * m.s2 * m.usual(months)
    sd = float(np.sqrt(m.beta @ left @ m.beta + away @ m.V @ away + np.trace(m.V @ left) + residual))
    if what in names:
        return float(m.beta[names.index(what)] * away[names.index(what)])
    df = 4 + (m.df - 4) * h
    law = stats.t(df, mean, sd * np.sqrt((df - 2) / df))
    return {"mean": mean, "sd": sd, "odds": float(law.sf(0.0)), "p95": float(law.ppf(0.95))}[what]


def shapley(shocks: Shocks, factor: str, months: int) -> float:
    """Mean over every order of telling, of the change in the mean when the factor is told."""
    total = 0.0
    orders = list(itertools.permutations(shocks))
    for order in orders:
        before = order[: order.index(factor)]
        told = [{f: shocks[f] for f in names} for names in (before, (*before, factor))]
        means = [projection(t, "mean", "relative", months) if t else _untold(months) for t in told]
        total += means[1] - means[0]
    return total / len(orders)


def _untold(months: int) -> float:
    """The mean of a path that names nothing: the drift, of which relative has none."""
    return weekly_model("relative", None).drift * 4.2 * months


def implied(probability: float, shocks: Shocks, months: int) -> float:
    """By bisection between no path and twenty times it."""
    low, high = 0.0, 20.0

    def odds(m: float) -> float:
        scaled: Shocks = {f: (float(c) * m, s) for f, (c, s) in shocks.items()}
        return projection(scaled, "odds", "relative", months)

    assert odds(low) < probability < odds(high)
    for _ in range(60):
        middle = (low + high) / 2
        if odds(middle) < probability:
            low = middle
        else:
            high = middle
    return low


def tipping(shocks: Shocks, factor: str, months: int) -> float:
    """Where the mean crosses zero, by bisection."""
    low, high = -1e4, 1e4

    def mean(s: float) -> float:
        return projection({**shocks, factor: (s, 0)}, "mean", "relative", months)

    falling = mean(low) > 0
    for _ in range(90):
        middle = (low + high) / 2
        if (mean(middle) > 0) == falling:
            low = middle
        else:
            high = middle
    return low
