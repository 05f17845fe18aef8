"""The published example of a jump model, the Nasdaq 100: centres to 1e-5."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xl_smallcap.models.jump import fit_jump

FILE = Path(os.environ.get("XL_SMALLCAP_REAL_DATA", "")) / "ndx_jump_reference.csv"
BEAR = [-0.643127, 1.237157, -0.654906, -1.234891, 1.328281, -1.141952, -1.402793, 1.024153, -1.404137]
BULL = [0.154342, -0.296901, 0.157169, 0.296358, -0.318770, 0.274053, 0.336652, -0.245783, 0.336974]


@pytest.mark.skipif(not FILE.is_file(), reason="this folder of real data has no ndx_jump_reference.csv")
def test_the_centres_of_the_nasdaq_example() -> None:
    """From the repository jump-models (Apache-2.0): features for half-lives 5, 20, 60; 2007 to 2021; penalty 50."""
    returns = pd.read_csv(FILE, parse_dates=["date"]).set_index("date")["ret"].dropna()
    columns: dict[str, pd.Series] = {}
    for halflife in (5, 20, 60):
        mean = returns.ewm(halflife=halflife).mean()
        down = np.sqrt((np.minimum(returns, 0.0) ** 2).ewm(halflife=halflife).mean())
        columns |= {f"ret {halflife}": mean, f"dd {halflife}": np.log(down), f"sortino {halflife}": mean / down}
    x = pd.DataFrame(columns).loc["2007-01-01":"2021-12-31"].to_numpy()
    edge = 3.0 * x.std(axis=0)
    x = np.clip(x, x.mean(axis=0) - edge, x.mean(axis=0) + edge)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    fitted = fit_jump(x[:, :, None], np.array([len(x)]), 2, 50.0, 10, 1)
    np.testing.assert_allclose(fitted.centres[:, :, 0], [BEAR, BULL], atol=1e-5)
