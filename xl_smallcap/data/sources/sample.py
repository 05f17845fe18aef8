"""The embedded sample: synthetic data from ``tools/make_sample.py``; whatever is computed from it says SAMPLE."""

from __future__ import annotations

import gzip
from dataclasses import replace
from importlib import resources

from xl_smallcap.data.sources import constituents
from xl_smallcap.data.sources.answer import Loaded, Progress
from xl_smallcap.data.sources.folder import parse

FILES = ("daily.csv", "weekly.csv", "monthly.csv", "positions.csv", "gauges.csv")
STOCKS = ("prices.csv", "weights.csv", "russell_members.csv", "sp500_members.csv")


def read(progress: Progress) -> Loaded:
    """Read the embedded sample with the same parser as a user's folder. With ``synthetic=True``."""
    folder = resources.files("xl_smallcap.data.sample")
    loaded = Loaded(series={}, origins={}, synthetic=True)
    total = len(FILES) + len(STOCKS)
    for done, name in enumerate(FILES):
        progress(name, done, total)
        raw = gzip.decompress(folder.joinpath(f"{name}.gz").read_bytes())
        for series_id, data in parse(raw, name).items():
            loaded.series[series_id] = data
            loaded.origins[series_id] = f"sample/{name}"
    many = constituents.Constituents()
    for done, name in enumerate(STOCKS, start=len(FILES)):
        progress(name, done, total)
        constituents.take(many, gzip.decompress(folder.joinpath(f"{name}.gz").read_bytes()), name)
    progress("", total, total)
    loaded.holdings.extend((held, f"sample/{file}") for held, file in many.holdings)
    return replace(loaded, prices=many.prices, prices_origin="sample/prices.csv")
