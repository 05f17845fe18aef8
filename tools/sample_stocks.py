"""The sample's small universe and gauges: synthetic stocks of two indices, their weights, and series of a user's own.

Sixty small and forty large stocks follow the sample's indices with betas and shocks of their own, drawn with a fixed
seed. A few have what real ones have: a listing and a delisting inside the window, missing days, a jump on news.
"""

from __future__ import annotations

import io

import numpy as np

from xl_smallcap.types import MONTH, DayArray, FloatArray

SMALL, LARGE = 60, 40
FIRST = np.datetime64("2020-12-31", "D")
JUMP = ("SML07", np.datetime64("2025-11-12", "D"), 70.0)
"""A stock, a day and a move in log % that no factor explains."""
LISTED, DELISTED = ("SML59", np.datetime64("2024-03-15", "D")), ("SML60", np.datetime64("2025-06-30", "D"))
GAPPY = "SML58"
_EVERY = 37
_SECTORS = ("Industrials", "Health Care", "Financials", "Technology", "Energy")


def prices(
    rng: np.random.Generator, days: DayArray, russell: FloatArray, sp500: FloatArray
) -> tuple[DayArray, dict[str, FloatArray]]:
    """Draw daily prices of all stocks. days: from the end of 2020; prices: by ticker, NaN where not traded."""
    keep = days >= FIRST
    days = days[keep]
    by_ticker: dict[str, FloatArray] = {}
    for prefix, number, index, own in (("SML", SMALL, russell[keep], 2.2), ("LRG", LARGE, sp500[keep], 1.1)):
        market = np.diff(100.0 * np.log(index), prepend=np.nan)
        market[0] = 0.0
        for k in range(1, number + 1):
            beta, scale = 1.0 + 0.25 * rng.standard_normal(), own * np.exp(0.25 * rng.standard_normal())
            heavy = np.sqrt(3.0 / rng.chisquare(5.0, size=days.size))
            moves = beta * market + scale * heavy * rng.standard_normal(days.size) - 0.5 * scale**2 / 100.0
            start = 20.0 * np.exp(0.6 * rng.standard_normal())
            name = f"{prefix}{k:02d}"
            if name == JUMP[0]:
                moves[days == JUMP[1]] += JUMP[2]
            level = start * np.exp(np.cumsum(moves) / 100.0)
            by_ticker[name] = np.maximum(np.round(level, 2), 0.05)
    by_ticker[LISTED[0]][days < LISTED[1]] = np.nan
    by_ticker[DELISTED[0]][days > DELISTED[1]] = np.nan
    by_ticker[GAPPY][_EVERY - 1 :: _EVERY] = np.nan
    return days, by_ticker


def weights(rng: np.random.Generator, days: DayArray, by_ticker: dict[str, FloatArray]) -> bytes:
    """Return the text of weights at every month end: of the stocks that have a price that day."""
    shares = {name: np.exp(0.8 * rng.standard_normal()) for name in by_ticker}
    months = days.astype("datetime64[M]")
    ends = np.flatnonzero(np.append(months[1:] != months[:-1], True))
    out = io.StringIO()
    out.write("date,index,ticker,weight\n")
    for i in ends:
        for index, prefix in (("russell", "SML"), ("sp500", "LRG")):
            value = {n: shares[n] * p[i] for n, p in by_ticker.items() if n.startswith(prefix) and np.isfinite(p[i])}
            total = sum(value.values())
            for name, size in value.items():
                out.write(f"{days[i]},{index},{name},{100.0 * size / total:.3f}\n")
    return out.getvalue().encode()


def members(prefix: str, number: int) -> bytes:
    """Return the text of a list of members with made-up names."""
    kind = "Small" if prefix == "SML" else "Large"
    rows = [f"{prefix}{k:02d},{kind} Sample {k},{_SECTORS[k % len(_SECTORS)]}" for k in range(1, number + 1)]
    return ("Symbol,Security,Sector\n" + "\n".join(rows) + "\n").encode()


def gauges(rng: np.random.Generator, months: DayArray) -> tuple[DayArray, dict[str, FloatArray]]:
    """Draw short interest (twice a month), two price/earnings ratios and expected earnings growth (at month ends).

    days: the 15th and the last day of each month.
    """
    middle = months.astype("datetime64[D]") + np.timedelta64(14, "D")
    end = (months.astype("datetime64[M]") + MONTH).astype("datetime64[D]") - np.timedelta64(1, "D")
    days = np.sort(np.concatenate([middle, end]))
    at_end = np.isin(days, end)

    def walk(mean: float, step: float, pull: float) -> FloatArray:
        levels, level = np.empty(days.size), mean
        for t, shock in enumerate(step * rng.standard_normal(days.size)):
            level += pull * (mean - level) + shock
            levels[t] = level
        return levels

    short = np.round(np.maximum(walk(5.0, 0.12, 0.02), 2.0), 2)
    positive = np.maximum(walk(17.5, 0.5, 0.03), 9.0)
    losses = np.maximum(walk(1.7, 0.05, 0.03), 1.15)
    growth = walk(12.0, 1.6, 0.05)
    series = {
        "SHORT_INTEREST": short,
        "PE_POSITIVE": np.where(at_end, np.round(positive, 1), np.nan),
        "PE_ALL": np.where(at_end, np.round(positive * losses, 1), np.nan),
        "EPS_GROWTH": np.where(at_end, np.round(growth, 1), np.nan),
    }
    return days, series
