"""Your own series from a DataFrame: checked as every load is, then asked like any other.

Run it: python examples/own_series.py
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import xl_smallcap as xs

# a home of its own, so that this example touches nothing of yours; leave `home` out to load for good
home = Path(tempfile.mkdtemp())
days = pd.bdate_range("2022-01-03", "2025-12-24")
rng = np.random.default_rng(1)
market = rng.standard_normal(days.size)


def price(share_of_market: float, sd: float, start: float = 100.0) -> pd.Series:
    """A price that moves with the market, and by itself."""
    moves = 0.01 * (share_of_market * market + sd * rng.standard_normal(days.size))
    return pd.Series(start * np.exp(moves.cumsum()), index=days)


names = {"XLI": 1.1, "XLY": 1.2, "XLB": 1.1, "XLF": 1.0, "XLU": 0.5, "XLP": 0.5, "XLV": 0.7}
frame = pd.DataFrame({name: price(share, 0.4) for name, share in names.items()})
frame["RUT"], frame["GSPC"] = price(1.2, 0.4, 2000.0), price(1.0, 0.1, 5000.0)
frame["DGS2"] = 4.0 + 0.03 * rng.standard_normal(days.size).cumsum().clip(-60, 60)
frame["T5YIE"] = 2.4 + 0.02 * rng.standard_normal(days.size).cumsum().clip(-60, 60)
frame["DTWEXBGS"] = price(-0.1, 0.3)
frame["DCOILWTICO"] = price(0.3, 1.5)

report = xs.load(frame, home=home)
for sentence in report.suspects:
    print("Looks odd:", sentence)
print("In use:", report.in_use)

data = xs.open("2025-12-24", home=home)
print(data)
print(data.betas("relative")[["beta", "se", "tstat"]].head(5).round(2))
