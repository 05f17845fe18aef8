"""Rows after as_of never change an answer."""

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from xl_smallcap.config import load_settings
from xl_smallcap.data.cross_section import CrossSection
from xl_smallcap.data.loading import load
from xl_smallcap.data.releases import known_by
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import PricesPart
from xl_smallcap.data.store import Store
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.functions import (
    RUSSELL_ATTRIBUTION,
    RUSSELL_BETA,
    RUSSELL_BETA_HISTORY,
    RUSSELL_BETAS,
    RUSSELL_CLAIMS,
    RUSSELL_DISPERSION,
    RUSSELL_DISPERSION_HISTORY,
    RUSSELL_EVENT_BETA_HISTORY,
    RUSSELL_EVENT_BETAS,
    RUSSELL_FACTORS,
    RUSSELL_FAIR_VALUE,
    RUSSELL_FAIR_VALUE_HISTORY,
    RUSSELL_FIT,
    RUSSELL_GAUGES,
    RUSSELL_METHODS,
    RUSSELL_NEWS_BETAS,
    RUSSELL_POSITIONING_HISTORY,
    RUSSELL_STATUS,
    RUSSELL_THESIS,
    RUSSELL_WINNERS,
)
from xl_smallcap.session import Session, use_session

DAYS = [dt.date(2014, 1, 2) + dt.timedelta(days=i) for i in range(4300)]


def answers(home: Path, as_of: dt.date) -> list[object]:
    use_session(Session(load_settings(home)))
    calls: list[Callable[[], Any]] = [
        lambda: RUSSELL_BETAS("relative", 120, as_of),
        lambda: RUSSELL_BETAS("hedged", "52w", as_of, None, None, "full"),
        lambda: RUSSELL_BETA("inflation", "russell", "sign_share", "36m", as_of),
        lambda: RUSSELL_FIT("russell", "rsquared_oos", 83, as_of),
        lambda: RUSSELL_BETA_HISTORY("easing", "relative", 90, as_of, start=as_of - dt.timedelta(days=40)),
        lambda: RUSSELL_BETAS("russell", 100, as_of, "pls:3"),
        lambda: RUSSELL_METHODS("inflation", "hedged", 90, as_of),
        lambda: RUSSELL_BETA_HISTORY("oil", "russell", "40m", as_of, "pcr"),
        lambda: RUSSELL_ATTRIBUTION(as_of - dt.timedelta(days=90), as_of, "relative", 120, "pcr"),
        lambda: RUSSELL_FAIR_VALUE("relative", "all", 90, as_of, "levels"),
        lambda: RUSSELL_FAIR_VALUE("russell", "all", "60w", as_of),
        lambda: RUSSELL_FAIR_VALUE_HISTORY("hedged", 100, as_of, "levels", start=as_of - dt.timedelta(days=40)),
        lambda: RUSSELL_FAIR_VALUE_HISTORY("russell", 100, as_of, start=as_of - dt.timedelta(days=40)),
        lambda: RUSSELL_FACTORS(as_of),
        lambda: [row[4:10] for row in RUSSELL_STATUS(as_of)],
        lambda: RUSSELL_POSITIONING_HISTORY("leveraged", as_of, "oi4w"),
        lambda: RUSSELL_GAUGES(as_of),
        lambda: [row[:12] for row in RUSSELL_THESIS(as_of)],  # a note names what the snapshot has
        lambda: RUSSELL_BETAS("russell", 100, as_of, None, "levels"),
        lambda: RUSSELL_BETA("easing", "relative", "all", 250, as_of, "pls", "levels"),
        lambda: RUSSELL_BETA("growth", "relative", "all", 120, as_of),  # percentiles and the placebo
        lambda: RUSSELL_BETA_HISTORY(
            "growth", "russell", 90, as_of, None, "levels", start=as_of - dt.timedelta(days=40)
        ),
        lambda: RUSSELL_EVENT_BETAS("easing", "hedged", None, as_of),
        lambda: RUSSELL_EVENT_BETA_HISTORY("inflation", "relative", "cpi", as_of),
        lambda: RUSSELL_NEWS_BETAS("relative", 120, as_of),
        lambda: [row[:20] for row in RUSSELL_CLAIMS(as_of)] if as_of > dt.date(2016, 4, 18) else 0,
        lambda: RUSSELL_DISPERSION("ratio", "value", "cap", "3m", as_of),
        lambda: RUSSELL_DISPERSION_HISTORY("ratio", 21, as_of),
        lambda: RUSSELL_WINNERS(20, 21, as_of),
        lambda: RUSSELL_BETAS("SML58", 90, as_of) if as_of > dt.date(2021, 1, 4) else 0,
    ]
    results = []
    for ask in calls:
        try:
            results.append(ask())
        except XlSmallcapError as exc:
            results.append(exc.code)
    use_session(None)
    return results


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(as_of=st.sampled_from(DAYS), noise=st.integers(0, 2**32 - 1), cut=st.booleans())
def test_the_future_changes_nothing(sample_home: Path, tmp_path: Path, as_of: dt.date, noise: int, cut: bool) -> None:
    """Replace everything known after as_of by noise, or drop it: every answer stays, bit for bit."""
    other = tmp_path / "other"
    shutil.rmtree(other, ignore_errors=True)
    store, rng = Store(other / "store"), np.random.default_rng(noise)
    original = Store(sample_home / "store").open()
    session = Session(load_settings(sample_home))
    day = np.datetime64(as_of, "D")
    changed = {}
    for name in original.ids:
        data = original.series(name)
        kept = np.isin(data.dates, known_by(session.catalogue.series_of(name), data, day).dates)
        values = np.where(kept, data.values, data.values * rng.uniform(0.5, 2.0, data.values.size) + 0.01)
        select = kept if cut else np.ones(kept.size, dtype=bool)
        if select.any():
            changed[name] = SeriesData.build(data.dates[select], values[select])
    entries = original.entries
    stocks = original.prices()
    late = stocks.dates > day
    prices = stocks.prices.copy()
    prices[late] *= rng.uniform(0.5, 2.0, prices[late].shape)
    rest = CrossSection(stocks.dates[~late], stocks.tickers, prices[~late]) if cut else None
    noisy = rest or CrossSection(stocks.dates, stocks.tickers, prices)
    part = PricesPart("sample", "sample/prices.csv", "", noisy.tickers)
    priced = store.put_prices(noisy, part) if noisy.dates.size else None
    for held in original.holdings_entries:
        store.put(original.holdings_of(held))
    lists = [h for h in original.holdings_entries if h.as_of == "undated" or np.datetime64(h.as_of, "D") < day]
    made = store.add(
        changed, source="sample", provenance={n: e.provenance for n, e in entries.items()}, synthetic=True,
        holdings=lists, prices=priced,
    )  # fmt: skip
    store.use(made.fingerprint)
    expected = answers(sample_home, as_of)
    without_stocks = 6 if as_of < dt.date(2022, 6, 1) else 2
    assert sum(isinstance(a, str) for a in expected) <= without_stocks, "mostly answers, not errors"
    assert answers(other, as_of) == expected


def test_the_same_question_gives_the_same_bits_from_memory_disk_and_afresh(sample_home: Path, tmp_path: Path) -> None:
    load(Store(tmp_path / "store"), "sample", lambda *_: None)
    first = answers(tmp_path, dt.date(2024, 6, 28))
    assert list((tmp_path / "cache").rglob("*.fit")), "fits are kept on disk"
    assert answers(tmp_path, dt.date(2024, 6, 28)) == first
    shutil.rmtree(tmp_path / "cache")
    assert answers(tmp_path, dt.date(2024, 6, 28)) == first
