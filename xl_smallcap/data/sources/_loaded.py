"""What every source returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from xl_smallcap.data.series import SeriesData


@dataclass(frozen=True)
class Loaded:
    """Series read from one source, with where each came from and what was left out."""

    series: dict[str, SeriesData]
    origins: dict[str, str]
    synthetic: bool = False
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def frequencies(self) -> dict[str, str]:
        """Return each series' frequency as seen: median spacing up to 4 days daily, up to 10 weekly, else monthly.

        Returns
        -------
        dict of str to str
        """
        found = {}
        for name, data in self.series.items():
            days = np.unique(data.dates)
            gap = float(np.median(np.diff(days).astype(np.int64))) if days.size > 1 else 1.0
            found[name] = "daily" if gap <= 4 else "weekly" if gap <= 10 else "monthly"
        return found
