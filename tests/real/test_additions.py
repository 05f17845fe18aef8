"""Real history added in two pieces raises no doubt that keeps it out of use: the limits are not too tight."""

from __future__ import annotations

import numpy as np

from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.doubts import of_join, of_series
from xl_smallcap.data.loading import LoadReport
from xl_smallcap.data.revisions import over
from xl_smallcap.data.series import SeriesData

CUTS = 12


def test_history_cut_at_random_places_goes_together_again(report: LoadReport, catalogue: Catalogue) -> None:
    assert report.in_use
    rng = np.random.default_rng(3)
    tried, named = 0, []
    for name in report.snapshot.ids:
        data = report.snapshot.series(name)
        if name not in catalogue.series or data.has_vintages or data.dates.size < 300:
            continue
        entry = catalogue.series[name]
        for _ in range(CUTS):
            cut = int(rng.integers(data.dates.size // 2, data.dates.size - 30))
            rows, common = int(rng.choice([1, 3, 5, 20])), int(rng.choice([0, 0, 1, 5]))
            before = SeriesData.build(data.dates[:cut], data.values[:cut])
            came = SeriesData.build(data.dates[cut - common : cut + rows], data.values[cut - common : cut + rows])
            joined = over(entry, before, came).data
            assert (joined.values == data.values[: cut + rows]).all()
            old = of_series(entry, before)
            doubts = of_join(entry, before, came) + [d for d in of_series(entry, joined) if d not in old]
            assert not [d for d in doubts if d.grave]
            named += doubts
            tried += 1
    assert tried > 900
    assert len(named) <= 5, "two of 948: the high-yield spread of March 2020, industrial production of July 2020"
