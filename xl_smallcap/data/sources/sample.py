"""The embedded sample: synthetic data from ``data/sample/make.py``; whatever is computed from it says SAMPLE."""

from __future__ import annotations

import gzip
from importlib import resources

from xl_smallcap.data.sources._loaded import Loaded, Progress
from xl_smallcap.data.sources.folder import parse

FILES = ("daily.csv", "weekly.csv", "monthly.csv", "positions.csv")


def read(progress: Progress) -> Loaded:
    """Read the embedded sample with the same parser as a user's folder.

    Parameters
    ----------
    progress : callable
        Called with (file, done, total).

    Returns
    -------
    Loaded
        With ``synthetic=True``.
    """
    folder = resources.files("xl_smallcap.data.sample")
    loaded = Loaded(series={}, origins={}, synthetic=True)
    for done, name in enumerate(FILES):
        progress(name, done, len(FILES))
        raw = gzip.decompress(folder.joinpath(f"{name}.gz").read_bytes())
        for series_id, data in parse(raw, name).items():
            loaded.series[series_id] = data
            loaded.origins[series_id] = f"sample/{name}"
    progress("", len(FILES), len(FILES))
    return loaded
