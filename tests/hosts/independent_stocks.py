"""Dispersion, winners, gauges and positions again, from the sample's own CSV text by pandas and statsmodels."""

from __future__ import annotations

import functools
import gzip
import io
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm

from tests.hosts import independent as check


@functools.lru_cache(maxsize=8)
def read(name: str) -> Any:
    raw = resources.files("xl_smallcap.data.sample").joinpath(f"{name}.csv.gz").read_bytes()
    return pd.read_csv(io.BytesIO(gzip.decompress(raw)), parse_dates=["date"])


def _prices() -> Any:
    return read("prices").set_index("date")


def _split_like(price: Any) -> bool:
    """A change to the next price within 6 % of a factor of 2 or 3 or beyond 4 less 6 %, or the inverse (in logs)."""
    for before, after in zip(price.iloc[:-1], price.iloc[1:], strict=True):
        size = abs(np.log(after / before))
        if size >= np.log(4) - 0.06 or min(abs(size - np.log(2)), abs(size - np.log(3))) <= 0.06:
            return True
    return False


def _returns(index: str, start: str, finish: str) -> tuple[Any, Any]:
    """Simple returns of the members listed last by the start, and their weights there."""
    prices, lists = _prices(), read("weights")
    own = lists[(lists["index"] == index) & (lists["date"] <= start)]
    own = own[own["date"] == own["date"].max()].set_index("ticker")["weight"]
    first, last = prices.loc[start, own.index], prices.loc[finish, own.index]
    drift = first / prices.loc[lists[lists["date"] <= start]["date"].max(), own.index]
    returns = (100 * (last / first - 1)).dropna()
    returns = returns[[not _split_like(prices.loc[start:finish, ticker].dropna()) for ticker in returns.index]]
    return returns, (own * drift)[returns.index]


def dispersion(index: str, weighting: str, start: str, finish: str) -> float:
    returns, weights = _returns(index, start, finish)
    if weighting == "iqr":
        return float((returns.quantile(0.75) - returns.quantile(0.25)) / 1.3489795003921634)
    if weighting == "winsor":
        returns = returns.clip(returns.quantile(0.01), returns.quantile(0.99))
    if weighting == "cap":
        share = weights / weights.sum()
        return float(np.sqrt((share * (returns - (share * returns).sum()) ** 2).sum()))
    return float(returns.std(ddof=0))


def ratio(weighting: str, start: str, finish: str) -> float:
    return dispersion("russell", weighting, start, finish) / dispersion("sp500", weighting, start, finish)


def covered(index: str, start: str, finish: str) -> float:
    lists = read("weights")
    listed = lists[(lists["index"] == index) & (lists["date"] == lists[lists["date"] <= start]["date"].max())]
    return 100.0 * len(_returns(index, start, finish)[0]) / len(listed)


def residual_t(ticker: str, finish: str, span: int = 63, window: int = 250) -> float:
    """t of a stock's residual move: OLS on the window before, long-run variance of the residuals by plain loops."""
    names = check.SPECS["macro_market"]
    needed = sorted({s for n in names for s in check.SERIES[n]})
    days = check.levels()[needed].dropna().loc[:finish]
    begin = days.index[-span - 1]
    moved = pd.DataFrame({n: check._factor(days, n) for n in names}).loc[[begin, days.index[-1]]].diff().iloc[1]
    price = _prices()[ticker].dropna()
    move = 100 * np.log(price[days.index[-1]] / price[begin])
    x = days.join(price, how="inner").loc[:begin]
    factors = pd.DataFrame({n: check._factor(x, n) for n in names}).diff().iloc[-window:]
    own = (100 * np.log(x[ticker])).diff().iloc[-window:]
    fit = sm.OLS(own, sm.add_constant(factors)).fit()
    residual = move - float(moved @ fit.params[names])
    e, n = fit.resid.to_numpy(), window
    lags = int(4 * (n / 100) ** (2 / 9))
    total = sum(v * v for v in e)
    for lag in range(1, lags + 1):
        total += 2 * (1 - lag / (lags + 1)) * sum(e[t] * e[t - lag] for t in range(lag, n))
    spare = n - len(names) - 1
    shape = fit.normalized_cov_params.loc[names, names].to_numpy()
    variance = span * total / spare + fit.scale * float(moved.to_numpy() @ shape @ moved.to_numpy())
    return float(residual / np.sqrt(variance))


def percentile3y(series: str, last: str) -> float:
    own = read("gauges").set_index("date")[series].dropna().loc[:last]
    window = own[own.index > pd.Timestamp(last) - pd.Timedelta(days=1096)]
    return float(100 * (window <= window.iloc[-1]).mean())


def revision(series: str, last: str, before: str) -> float:
    own = read("gauges").set_index("date")[series]
    return float(own[last] - own[before])


def share_of_four_weeks(category: str, report: str) -> float:
    frame = read("positions").set_index("date").loc[:report]
    net = frame[f"TFF_RUT_{category}_LONG"] - frame[f"TFF_RUT_{category}_SHORT"]
    return float(100 * net.iloc[-1] / frame["TFF_RUT_OI"].iloc[-4:].mean())
