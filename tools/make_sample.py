"""Make the embedded sample: 20 years of synthetic markets and macro data with known, moving betas.

Nothing here is market data. Regimes, volatility clusters, fat tails and correlations are drawn with a fixed seed; the
Russell's and the S&P's true betas are written down in :func:`true_betas`, and tests must find them again.

Run ``python -m tools.make_sample`` to write the files anew; a test compares them with this script.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools import sample_stocks as stocks
from xl_smallcap.types import BoolArray, DayArray, FloatArray, IntArray

SEED = 20060103
FIRST, LAST = dt.date(2006, 1, 3), dt.date(2025, 12, 31)
FACTORS = ("growth", "inflation", "easing", "dollar", "oil")
"""The factors that truly drive the sample's equity returns, in the order of the columns of :func:`true_betas`."""
REGIMES = ("goldilocks", "reflation", "slowdown")
_STAY = np.array([[0.93, 0.04, 0.03], [0.05, 0.92, 0.03], [0.06, 0.03, 0.91]])
_CYCLICAL = ("XLI_ADJ", "XLY_ADJ", "XLB_ADJ", "XLF_ADJ")
_DEFENSIVE = ("XLU_ADJ", "XLP_ADJ", "XLV_ADJ")
# growth %, inflation bp, easing bp, dollar %, oil %, real yield bp, credit bp, volatility %
_DAILY_SD = np.array([0.65, 3.6, 4.6, 0.32, 2.1, 4.8, 7.0, 6.0])
_CORRELATION = np.array(
    [
        [1.00, 0.30, -0.30, -0.15, 0.30, 0.10, -0.50, -0.55],
        [0.30, 1.00, -0.20, -0.20, 0.45, -0.25, -0.30, -0.20],
        [-0.30, -0.20, 1.00, -0.15, -0.15, -0.60, 0.20, 0.25],
        [-0.15, -0.20, -0.15, 1.00, -0.20, 0.25, 0.15, 0.15],
        [0.30, 0.45, -0.15, -0.20, 1.00, 0.00, -0.25, -0.20],
        [0.10, -0.25, -0.60, 0.25, 0.00, 1.00, -0.05, -0.05],
        [-0.50, -0.30, 0.20, 0.15, -0.25, -0.05, 1.00, 0.55],
        [-0.55, -0.20, 0.25, 0.15, -0.20, -0.05, 0.55, 1.00],
    ]
)


@dataclass(frozen=True)
class Sample:
    """Everything the script draws."""

    days: DayArray  # equity trading days
    daily: dict[str, FloatArray]  # levels, NaN where the bond market was closed
    weekly: tuple[DayArray, dict[str, FloatArray]]  # dates and levels
    monthly: tuple[DayArray, dict[str, FloatArray]]
    positions: tuple[DayArray, dict[str, FloatArray]]
    gauges: tuple[DayArray, dict[str, FloatArray]]
    stocks: tuple[DayArray, dict[str, FloatArray]]
    weights: bytes  # text of the stocks' weights by month end
    regime: IntArray  # index into ``REGIMES``


def true_betas(days: DayArray) -> tuple[FloatArray, FloatArray]:
    """Return the native betas that made the sample: % of return per 1 % or per 1 bp of each factor.

    Columns as in ``FACTORS``; slow waves of 6 to 11 years around their means.
    """
    years = (days - np.datetime64("2006-01-01", "D")).astype(np.float64) / 365.25

    def wave(mean: float, swing: float, period: float, phase: float) -> FloatArray:
        return mean + swing * np.sin(2.0 * np.pi * (years / period + phase))

    sp500 = np.column_stack(
        [
            wave(0.85, 0.15, 9.0, 0.1),
            wave(0.018, 0.006, 8.0, 0.4),
            wave(-0.020, 0.008, 10.0, 0.0),
            wave(-0.40, 0.10, 7.0, 0.3),
            wave(0.020, 0.010, 6.0, 0.6),
        ]
    )
    relative = np.column_stack(
        [
            wave(0.35, 0.12, 8.0, 0.0),
            wave(-0.020, 0.014, 9.0, 0.2),
            wave(0.016, 0.008, 7.0, 0.5),
            wave(0.05, 0.08, 11.0, 0.1),
            wave(0.004, 0.004, 6.0, 0.2),
        ]
    )
    return sp500 + relative, sp500


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> dt.date:
    first = dt.date(year, month, 1)
    return first + dt.timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _easter(year: int) -> dt.date:
    """Anonymous Gregorian computus (Meeus 1991, chapter 8)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = b // 4, b % 4
    g = (b - (b + 8) // 25 + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    k, m = c // 4, c % 4
    n = (32 + 2 * e + 2 * k - h - m) % 7
    p = (a + 11 * h + 22 * n) // 451
    month, day = divmod(h + n - 7 * p + 114, 31)
    return dt.date(year, month, day + 1)


def _observed(day: dt.date) -> dt.date:
    return day + dt.timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


def _calendar() -> tuple[DayArray, BoolArray]:
    """Equity trading days, and on which of them the bond market was open."""
    closed: set[dt.date] = set()
    bond_closed: set[dt.date] = set()
    for year in range(FIRST.year, LAST.year + 1):
        closed |= {
            _observed(dt.date(year, 1, 1)) if dt.date(year, 1, 1).weekday() != 5 else dt.date(year, 1, 1),
            _nth_weekday(year, 1, 0, 3),
            _nth_weekday(year, 2, 0, 3),
            _easter(year) - dt.timedelta(days=2),
            _nth_weekday(year, 6, 0, 1) - dt.timedelta(days=7),
            _observed(dt.date(year, 7, 4)),
            _nth_weekday(year, 9, 0, 1),
            _nth_weekday(year, 11, 3, 4),
            _observed(dt.date(year, 12, 25)),
        }
        bond_closed |= {_nth_weekday(year, 10, 0, 2), _observed(dt.date(year, 11, 11))}
    all_days = [FIRST + dt.timedelta(days=i) for i in range((LAST - FIRST).days + 1)]
    days = [d for d in all_days if d.weekday() < 5 and d not in closed]
    return np.array(days, dtype="datetime64[D]"), np.array([d not in bond_closed for d in days])


def _rounded(values: FloatArray, digits: int) -> FloatArray:
    return np.asarray(np.round(values, digits), dtype=np.float64)


def _reverting(shocks: FloatArray, start: float, mean: float, pull: float, floor: float = -np.inf) -> FloatArray:
    """Levels that take each shock and drift back to a mean, held above a floor."""
    levels = np.empty(shocks.size)
    level = start
    for t, shock in enumerate(shocks):
        level = max(level + pull * (mean - level) + shock, floor)
        levels[t] = level
    return levels


def _changes(level: FloatArray) -> FloatArray:
    return np.diff(level, prepend=level[0])


def _log_changes(price: FloatArray) -> FloatArray:
    return _changes(100.0 * np.log(price))


def _price(log_returns: FloatArray, start: float, digits: int) -> FloatArray:
    return _rounded(start * np.exp(np.cumsum(log_returns) / 100.0), digits)


def build(seed: int = SEED) -> Sample:
    """Draw the whole sample."""
    rng = np.random.default_rng(seed)
    days, bonds_open = _calendar()
    n = days.size
    months = np.unique(days.astype("datetime64[M]"))
    month_of = np.searchsorted(months, days.astype("datetime64[M]"))

    state = np.zeros(months.size, dtype=np.int64)
    for i in range(1, months.size):
        state[i] = rng.choice(3, p=_STAY[state[i - 1]])
    regime = state[month_of]

    # Volatility clusters (a slow log wave, higher in slowdowns) times Student-t shocks of five degrees of freedom.
    log_vol = _reverting(0.11 * rng.standard_normal(n), 0.0, 0.0, 0.02) + np.array([-0.15, 0.0, 0.45])[regime]
    heavy = np.sqrt(3.0 / rng.chisquare(5.0, size=n))
    root = np.linalg.cholesky(_CORRELATION)
    shocks = (rng.standard_normal((n, 8)) @ root.T) * (np.exp(log_vol) * heavy)[:, None] * _DAILY_SD
    own_heavy = np.sqrt(3.0 / rng.chisquare(5.0, size=(n, 2)))
    shocks[:, 0] += np.array([0.010, 0.012, -0.030])[regime]
    shocks[:, 1] += np.array([-0.03, 0.10, -0.06])[regime]
    shocks[:, [1, 2, 5]] *= bonds_open[:, None]

    def rate(column: int, scale: float, start: float, mean: float, floor: float) -> FloatArray:
        return _rounded(_reverting(scale * shocks[:, column] / 100.0, start, mean, 0.0015, floor), 2)

    rates = {
        "DGS2": rate(2, -1.0, 4.3, 2.6, 0.08),
        "T5YIE": rate(1, 1.0, 2.3, 2.1, 0.2),
        "DFII10": rate(5, 1.0, 2.0, 1.0, -1.3),
        "BAMLH0A0HYM2": rate(6, 1.0, 3.6, 4.8, 2.2),
    }
    noise = rng.standard_normal((n, 6))
    noise[:, :4] *= bonds_open[:, None]
    rates["T10YIE"] = _rounded(_reverting(0.007 * shocks[:, 1] + 0.012 * noise[:, 0], 2.4, 2.2, 0.002, 0.4), 2)
    rates["DGS10"] = _rounded(np.maximum(rates["DFII10"] + rates["T10YIE"] + 0.02 * noise[:, 1], 0.5), 2)
    rates["DGS3MO"] = _rounded(_reverting(-0.0035 * shocks[:, 2] + 0.008 * noise[:, 2], 4.2, 2.4, 0.002, 0.02), 2)
    rates["BAA10Y"] = _rounded(_reverting(0.0035 * shocks[:, 6] + 0.006 * noise[:, 3], 1.8, 2.4, 0.002, 1.3), 2)
    dollar = _rounded(100.0 * np.exp(_reverting(shocks[:, 3] / 100.0, 0.0, 0.1, 0.001)), 4)
    oil = _rounded(np.exp(_reverting(shocks[:, 4] / 100.0, 4.1, 4.2, 0.002)), 2)
    vix = _rounded(np.exp(_reverting(shocks[:, 7] / 100.0, 2.5, 2.85, 0.04, 2.2)), 2)

    factors = np.column_stack(
        [
            shocks[:, 0],
            100.0 * _changes(rates["T5YIE"]),
            -100.0 * _changes(rates["DGS2"]),
            _log_changes(dollar),
            _log_changes(oil),
        ]
    )
    russell_betas, sp500_betas = true_betas(days)
    market_own = 0.45 * np.exp(log_vol) * own_heavy[:, 0] * rng.standard_normal(n)
    market = 0.035 + (sp500_betas * factors).sum(axis=1) + market_own
    # Sectors: the market, half of growth with either sign, and noise that cancels inside each group.
    daily: dict[str, FloatArray] = {}
    for group, sign in ((_CYCLICAL, 0.5), (_DEFENSIVE, -0.5)):
        own = 0.35 * np.exp(log_vol)[:, None] * rng.standard_normal((n, len(group)))
        own -= own.mean(axis=1, keepdims=True)
        for j, name in enumerate(group):
            daily[name] = _price(market + sign * shocks[:, 0] + own[:, j], 20.0 + 3.0 * j, 4)
    # The Russell answers to growth as published: the rounded prices, not the shock behind them.
    growth = sum(_log_changes(daily[s]) / len(_CYCLICAL) for s in _CYCLICAL) - sum(
        _log_changes(daily[s]) / len(_DEFENSIVE) for s in _DEFENSIVE
    )
    factors[:, 0] = growth
    small_own = 0.40 * np.exp(log_vol) * own_heavy[:, 1] * rng.standard_normal(n)
    russell = 0.030 + (russell_betas * factors).sum(axis=1) + 1.05 * market_own + small_own
    metals = 0.9 * shocks[:, 0] + 1.25 * np.exp(log_vol) * noise[:, 4]
    gold = 0.02 + 0.9 * noise[:, 5] * np.exp(0.5 * log_vol) - 0.05 * shocks[:, 5]
    daily |= {
        "RUT": _price(russell, 680.0, 2),
        "GSPC": _price(market, 1270.0, 2),
        "DTWEXBGS": dollar,
        "DCOILWTICO": oil,
        "VIXCLS": vix,
        "GOLD_LBMA_PM": _price(gold, 530.0, 2),
        "HG_F": _price(gold + metals, 2.1, 4),
        # Shanghai closes before New York opens: it shows yesterday's move.
        "CU_SHFE_CNY": _price(np.concatenate([[0.0], (gold + metals)[:-1]]) + 0.3 * noise[:, 0], 41_000.0, 0),
    }
    closed = ~bonds_open
    for name, values in rates.items():
        daily[name] = np.where(closed, np.nan, values)
    monthly = _monthly(rng, months, state, rates["DGS3MO"], month_of)
    weekly = _weekly(rng, state, months)
    # Drawn from a generator of their own, so that what was there before them keeps its bits.
    positions = _positions(np.random.default_rng(seed + 1))
    drawn = np.random.default_rng(seed + 3)
    shares = stocks.prices(drawn, days, daily["RUT"], daily["GSPC"])
    return Sample(
        days=days,
        daily=daily,
        weekly=weekly,
        monthly=(months.astype("datetime64[D]"), monthly),
        positions=positions,
        gauges=stocks.gauges(np.random.default_rng(seed + 2), months),
        stocks=shares,
        weights=stocks.weights(drawn, *shares),
        regime=regime,
    )


def _monthly(
    rng: np.random.Generator, months: DayArray, state: IntArray, bill: FloatArray, month_of: IntArray
) -> dict[str, FloatArray]:
    n = months.size
    activity = np.array([0.15, 0.12, -0.55])[state] + _reverting(0.2 * rng.standard_normal(n), 0.0, 0.0, 0.4)
    prices = np.array([0.14, 0.38, 0.12])[state] + 0.12 * rng.standard_normal(n)
    core = np.array([0.16, 0.33, 0.15])[state] + 0.06 * rng.standard_normal(n)
    jobs = np.array([0.14, 0.13, -0.10])[state] + 0.05 * rng.standard_normal(n)
    unemployment = _reverting(-0.8 * (jobs - 0.10) + 0.05 * rng.standard_normal(n), 4.8, 5.0, 0.03, 3.4)
    return {
        "CFNAI": _rounded(activity, 2),
        "INDPRO": _price(0.15 + 0.8 * activity + 0.3 * rng.standard_normal(n), 98.0, 4),
        "PAYEMS": _price(jobs, 135_000.0, 0),
        "UNRATE": _rounded(unemployment, 1),
        "CPIAUCSL": _price(prices, 199.0, 3),
        "CPILFESL": _price(core, 202.0, 3),
        "PCEPILFE": _price(0.85 * core, 86.0, 3),
        "FEDFUNDS": _rounded(np.array([bill[month_of == i].mean() for i in range(n)]), 2),
        "USREC": (state == 2).astype(np.float64),
    }


def _weekly(rng: np.random.Generator, state: IntArray, months: DayArray) -> tuple[DayArray, dict[str, FloatArray]]:
    first = np.datetime64("2006-01-07", "D")
    saturdays = np.arange(first, np.datetime64(LAST, "D"), np.timedelta64(7, "D"))
    slow = (state[np.searchsorted(months, saturdays.astype("datetime64[M]"), side="right") - 1] == 2).astype(float)
    claims = _reverting(0.03 * rng.standard_normal(saturdays.size) + 0.012 * slow, 12.45, 12.35, 0.03)
    stress = _reverting(0.06 * rng.standard_normal(saturdays.size) + 0.03 * slow, -0.5, -0.5, 0.05)
    return saturdays, {"ICSA": _rounded(np.exp(claims), -3), "NFCI": _rounded(stress, 4)}


def _positions(rng: np.random.Generator) -> tuple[DayArray, dict[str, FloatArray]]:
    """Russell 2000 futures: the shares of five kinds of traders drift, small traders hold half of the rest."""
    days = np.arange("2006-06-13", np.datetime64(LAST, "D"), 7, dtype="datetime64[D]")
    # A report is dated Monday where Tuesday is a holiday, as in the week of 11 November 2025.
    days[days == np.datetime64("2025-11-11")] = np.datetime64("2025-11-10")
    n = days.size
    interest = np.round(450_000.0 * np.exp(_reverting(0.03 * rng.standard_normal(n), 0.0, 0.0, 0.05)))
    mean = {"DEALER": (0.14, 0.16), "AM": (0.30, 0.24), "LEV": (0.16, 0.26), "OTHER": (0.02, 0.02)}
    out: dict[str, FloatArray] = {"TFF_RUT_OI": interest, "TFF_RUT_OI_PRESENT": _moved(days, interest)}
    for name, sides in mean.items():
        for side, level in zip(("LONG", "SHORT"), sides, strict=True):
            share = level * np.exp(_reverting(0.05 * rng.standard_normal(n), 0.0, 0.0, 0.04))
            out[f"TFF_RUT_{name}_{side}"] = np.round(interest * np.minimum(share, 0.45))
    for side in ("LONG", "SHORT"):
        taken = sum(out[f"TFF_RUT_{name}_{side}"] for name in mean)
        out[f"TFF_RUT_NONREPT_{side}"] = np.maximum(np.round(0.5 * (interest - taken)), 1000.0)
    return days, out


def _moved(days: DayArray, interest: FloatArray) -> FloatArray:
    """Open interest of the present contract: none before August 2017, all of it from June 2018."""
    first, rolled, last = (np.datetime64(d, "D") for d in ("2017-08-15", "2017-09-19", "2018-06-12"))
    share = np.where(days < first, 0.0, np.where(days < rolled, 0.05, np.where(days < last, 0.9, 1.0)))
    return np.round(interest * share)


def _csv(days: DayArray, series: dict[str, FloatArray]) -> bytes:
    out = io.StringIO()
    names = sorted(series)
    out.write("date," + ",".join(names) + "\n")
    for i, day in enumerate(days.tolist()):
        cells = ("" if np.isnan(series[s][i]) else f"{series[s][i]:.10g}" for s in names)
        out.write(f"{day},{','.join(cells)}\n")
    return out.getvalue().encode()


def files(sample: Sample) -> dict[str, bytes]:
    """Return the sample as the text of its files."""
    return {
        "daily.csv": _csv(sample.days, sample.daily),
        "weekly.csv": _csv(*sample.weekly),
        "monthly.csv": _csv(*sample.monthly),
        "positions.csv": _csv(*sample.positions),
        "gauges.csv": _csv(*sample.gauges),
        "prices.csv": _csv(*sample.stocks),
        "weights.csv": sample.weights,
        "russell_members.csv": stocks.members("SML", stocks.SMALL),
        "sp500_members.csv": stocks.members("LRG", stocks.LARGE),
    }


def main() -> None:
    """Write the compressed files into the package."""
    folder = Path(__file__).parents[1] / "xl_smallcap" / "data" / "sample"
    for name, content in files(build()).items():
        path = folder / f"{name}.gz"
        path.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
