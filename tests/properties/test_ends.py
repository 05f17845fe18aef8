"""Where series end after as_of, early, late or not at all, changes no answer as of that day."""

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.properties.test_no_look_ahead import answers
from xl_smallcap.analyses.regimes.record import regime_history
from xl_smallcap.config import load_settings
from xl_smallcap.data.cross_section import CrossSection
from xl_smallcap.data.releases import known_by
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import PricesPart
from xl_smallcap.data.store import Store
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.functions import (
    RUSSELL_NEEDLE,
    RUSSELL_NEEDLE_MAP,
    RUSSELL_REGIME_HISTORY,
    RUSSELL_REGIME_RETURNS,
    RUSSELL_REGIME_SCORE,
    RUSSELL_REGIMES,
    RUSSELL_SCENARIO,
    RUSSELL_THESIS,
    RUSSELL_TIPPING,
    RUSSELL_TRANSITIONS,
)
from xl_smallcap.session import Session, use_session
from xl_smallcap.types import DAY, MONTH

WORLDS = int(os.environ.get("XL_SMALLCAP_WORLDS", "1"))
"""Random worlds tried; a longer look: XL_SMALLCAP_WORLDS=40."""
DAYS = [dt.date(2017, 9, 29) + dt.timedelta(days=i) for i in range(2900)]


def asked_of_regimes(home: Path, as_of: dt.date) -> list[object]:
    """Every answer that rests on monthly data."""
    use_session(Session(load_settings(home)))
    calls: list[Callable[[], Any]] = [
        lambda: RUSSELL_REGIMES(3, as_of),
        lambda: RUSSELL_REGIMES(0, as_of, "market"),
        lambda: RUSSELL_TRANSITIONS(as_of),
        lambda: RUSSELL_REGIME_HISTORY(as_of=as_of),
        lambda: RUSSELL_REGIME_HISTORY(as_of=as_of, model="bands"),
        lambda: RUSSELL_REGIME_RETURNS("hedged", as_of),
        lambda: RUSSELL_REGIME_SCORE(as_of),
        lambda: RUSSELL_REGIME_SCORE(as_of, "bands"),
        lambda: RUSSELL_NEEDLE("relative", "all", 6, as_of),
        lambda: RUSSELL_NEEDLE_MAP("relative", 6, as_of),
        lambda: RUSSELL_SCENARIO("goldman", "relative", "all", 6, as_of, method="regimes"),
        lambda: RUSSELL_SCENARIO("jpmorgan", "russell", "all", 12, as_of, method="entropy"),
        lambda: RUSSELL_TIPPING("inflation", "goldman", "relative", 6, as_of),
    ]
    results = []
    for ask in calls:
        try:
            results.append(ask())
        except XlSmallcapError as exc:
            results.append(exc.code)
    use_session(None)
    return results


def with_histories(home: Path) -> None:
    """What the command `regime history` computes of the default model, its four members."""
    regime_history(Session(load_settings(home)), "pool", None, lambda *_: None)


@pytest.fixture(scope="module")
def computed(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("ends") / "home"
    shutil.copytree(sample_home / "store", home / "store")
    with_histories(home)
    return home


def other_ends(computed: Path, home: Path, as_of: dt.date, seed: int, stopped: frozenset[str]) -> None:
    """A store whose series all end elsewhere: some at once, some later, some with years that never were."""
    shutil.rmtree(home, ignore_errors=True)
    store, rng = Store(home / "store"), np.random.default_rng(seed)
    original = Store(computed / "store").open()
    catalogue = Session(load_settings(computed)).catalogue
    day, changed = np.datetime64(as_of, "D"), {}
    for name in original.ids:
        data, series = original.series(name), catalogue.series_of(name)
        published = np.isin(data.dates, known_by(series, data, day).dates)
        end = day + int(rng.choice([0, 3, 40, 200, 900, 4000])) * DAY if name not in stopped else day
        keep = published | (data.dates <= end)
        dates, values = data.dates[keep], data.values[keep]
        if name not in stopped and end > data.dates[-1]:
            step = int(np.median(np.diff(data.dates[-60:]).astype(np.int64)))
            if series.frequency == "monthly":
                more = (data.dates[-1].astype("datetime64[M]") + (1 + np.arange(30)) * MONTH).astype("datetime64[D]")
            else:
                more = data.dates[-1] + step * (1 + np.arange(600 // step))
            more = more[np.is_busday(more)] if series.frequency == "daily" else more
            dates = np.concatenate([dates, more])
            values = np.concatenate([values, data.values[-1] * np.exp(rng.normal(0.0, 0.01, more.size).cumsum())])
        changed[name] = SeriesData.build(dates, values)
    stocks = original.prices()
    early = stocks.dates <= day + int(rng.choice([0, 5, 300])) * DAY
    part = PricesPart("sample", "sample/prices.csv", "", stocks.tickers)
    priced = (
        store.put_prices(CrossSection(stocks.dates[early], stocks.tickers, stocks.prices[early]), part)
        if early.any()
        else None
    )
    for held in original.holdings_entries:
        store.put(original.holdings_of(held))
    lists = [h for h in original.holdings_entries if h.as_of == "undated" or np.datetime64(h.as_of, "D") < day]
    made = store.add(
        changed, source="sample", provenance={n: e.provenance for n, e in original.entries.items()}, synthetic=True,
        holdings=lists, prices=priced,
    )  # fmt: skip
    store.use(made.fingerprint)
    with_histories(home)


def worlds() -> list[tuple[dt.date, int, frozenset[str]]]:
    """Two of which each was wrong once, and some at random."""
    rng = np.random.default_rng(20251224)
    kinds: list[frozenset[str]] = [frozenset(), frozenset({"CFNAI"}), frozenset({"CPILFESL"})]
    return [
        (dt.date(2020, 6, 30), 1, frozenset({"CFNAI", "USREC", "CPILFESL"})),
        (dt.date(2021, 5, 31), 2, frozenset({"RUT", "SPX", "T5YIE"})),
        *((DAYS[rng.integers(len(DAYS))], int(rng.integers(2**32)), kinds[k % 3]) for k in range(WORLDS)),
    ]


@pytest.mark.parametrize(
    ("as_of", "seed", "stopped"), worlds(), ids=lambda v: "+".join(sorted(v)) if isinstance(v, frozenset) else str(v)
)
def test_where_series_end_changes_nothing_before(
    computed: Path, tmp_path: Path, as_of: dt.date, seed: int, stopped: frozenset[str]
) -> None:
    home = tmp_path / "other"
    other_ends(computed, home, as_of, seed, stopped)
    want, got = asked_of_regimes(computed, as_of), asked_of_regimes(home, as_of)
    assert sum(isinstance(a, str) for a in want) <= 1, "answers, not errors"
    assert got == want
    assert answers(home, as_of) == answers(computed, as_of)


def test_only_what_is_asked_of_today_is_refused_for_a_series_that_has_stopped(computed: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(computed / "store", home / "store")
    original = Store(home / "store").open()
    series = {n: original.series(n) for n in original.ids}
    short = series["CFNAI"].dates < np.datetime64("2025-01-01")
    series["CFNAI"] = SeriesData.build(series["CFNAI"].dates[short], series["CFNAI"].values[short])
    made = Store(home / "store").add(series, source="sample", synthetic=True, loaded_at="")
    Store(home / "store").use(made.fingerprint)
    with_histories(home)
    use_session(Session(load_settings(home)))
    blank = [str(r[0]) for r in RUSSELL_REGIME_HISTORY()[1:] if r[1] is None]
    assert blank == [f"2025-{end}" for end in ("07-31", "08-31", "09-30", "10-31", "11-30", "12-31")], "six are bridged"
    calls: list[Callable[[], object]] = [RUSSELL_REGIMES, RUSSELL_NEEDLE]
    for ask in calls:
        with pytest.raises(XlSmallcapError, match="No growth data for as_of now: the last month known by then is 2024"):
            ask()
    assert isinstance(RUSSELL_REGIME_SCORE()[1][6], float)
    assert len(RUSSELL_REGIME_RETURNS()) == 10
    assert any("growth" in str(r) and "2024-12" in str(r) for r in RUSSELL_THESIS()), (
        "the row says why it has no answer"
    )
    use_session(None)
