"""Yahoo through the real yfinance, its address turned to the loopback server and its cookie left out."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.live.loopback import Loopback
from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.refresh import RefreshReport, refresh
from xl_smallcap.data.sources import REMOTE, Request, yahoo
from xl_smallcap.data.store import Store
from xl_smallcap.errors import SourceError

NOW = np.datetime64("2026-01-05T18:00", "m")


@pytest.fixture
def server(yahoo_server: Loopback) -> Loopback:
    return yahoo_server


def run(server: Loopback, home: Path, catalogue: Catalogue, **more: Any) -> RefreshReport:
    now = more.pop("now", NOW)
    settings = server.settings(home, sources=more.pop("sources", "yahoo"), timeout_seconds=5.0)
    return refresh(Store(home / "store"), catalogue, settings, lambda *_: None, now=now, **more)


def test_prices_and_adjusted_prices(server: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    report = run(server, tmp_path, catalogue, only_series=["RUT", "XLI_ADJ", "GSPC"])
    assert {o.outcome for o in report.outcomes} == {"new"}, report.outcomes
    assert report.snapshot is not None
    for name in ("RUT", "XLI_ADJ", "GSPC"):
        had = report.snapshot.series(name)
        assert had.values.tolist() == [v for _, v in server.world.rows(name)]
        assert [str(d) for d in had.dates] == [d for d, _ in server.world.rows(name)]
    assert report.snapshot.entries["XLI_ADJ"].origin == "XLI#Adj Close"
    assert report.snapshot.source == "yahoo"


def test_a_day_that_has_not_closed_is_left_out(server: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    early = run(server, tmp_path, catalogue, only_series=["RUT"], now=np.datetime64("2025-12-31T11:00"))
    assert early.outcomes[0].last == "2025-12-30"
    late = run(server, tmp_path, catalogue, only_series=["RUT"], now=np.datetime64("2025-12-31T17:00"))
    assert (late.outcomes[0].last, late.outcomes[0].added) == ("2025-12-31", 1)


@pytest.mark.parametrize(
    ("fault", "says"),
    [("404", "something else came instead of prices"), ("html", "something else came"), ("429", "too many requests"),
     ("empty", "the answer holds no price"), ("unit", "times what they were"), ("jump", "beyond anything plausible")],
)  # fmt: skip
def test_failures_are_sentences(server: Loopback, tmp_path: Path, catalogue: Catalogue, fault: str, says: str) -> None:
    run(server, tmp_path, catalogue, only_series=["GLD"])
    good = run(server, tmp_path, catalogue, only_series=["GSPC"])
    server.faults["^GSPC"] = fault
    if fault == "unit":
        server.world.scale["GSPC"] = 0.02
    report = run(server, tmp_path, catalogue, only_series=["GSPC"])
    assert report.outcomes[0].outcome == "kept"
    assert says in report.outcomes[0].told
    assert report.snapshot is not None
    assert good.snapshot is not None
    assert report.snapshot.fingerprint == good.snapshot.fingerprint


def test_the_next_source_is_asked_and_extends_without_revising(
    server: Loopback, tmp_path: Path, catalogue: Catalogue
) -> None:
    server.world.last = "2025-12-30"
    run(server, tmp_path, catalogue, only_series=["GSPC"])
    server.world._series["SP500"] = (server.world._series["GSPC"][0], np.round(server.world._series["GSPC"][1], 1))
    server.world.last, server.world.first["SP500"] = "2025-12-31", "2016-01-04"
    server.faults["^GSPC"] = "429"
    report = run(server, tmp_path, catalogue, only_series=["GSPC"], sources="fred,yahoo")
    outcome = report.outcomes[0]
    assert (outcome.outcome, outcome.source, outcome.added, outcome.revised) == ("updated", "fred", 1, 0)
    assert "Yahoo, ^GSPC: too many requests" in outcome.told
    assert report.snapshot is not None
    assert report.snapshot.entries["GSPC"].origin == "SP500"
    assert str(report.snapshot.series("GSPC").dates[0]) == "2006-01-03"


def test_without_yfinance_it_is_said_and_not_asked(
    tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, loopback: Loopback
) -> None:
    monkeypatch.setattr(yahoo, "find_spec", lambda name: None)
    settings = loopback.settings(tmp_path, sources="fred,yahoo")
    report = refresh(
        Store(tmp_path / "store"), catalogue, settings, lambda *_: None, only_series=["DGS2", "RUT"], now=NOW
    )
    assert [o.series for o in report.outcomes] == ["DGS2"]
    assert report.notes == (
        'Yahoo needs the optional package yfinance: pip install "xl_smallcap[yahoo]". It was not asked.',
    )


def test_the_first_request_of_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It opens yfinance's cache, a SQLite file; several at once were told "database is locked"."""
    monkeypatch.setattr(yahoo, "_cache_opened", threading.Event())
    under_way, most = [0], []
    both = threading.Barrier(2, timeout=10)

    def ask(first: bool) -> None:
        under_way[0] += 1
        most.append(under_way[0])
        if first:
            entered.set()
            release.wait(10)
        else:
            both.wait()
        under_way[0] -= 1

    entered, release = threading.Event(), threading.Event()
    with ThreadPoolExecutor(3) as pool:
        one = pool.submit(yahoo._first_alone, lambda: ask(True))
        assert entered.wait(10)
        others = [pool.submit(yahoo._first_alone, lambda: ask(False)) for _ in range(2)]
        time.sleep(0.1)
        assert most == [1], "the others wait for the first"
        release.set()
        for future in (one, *others):
            future.result(10)
    assert len(most) == 3, "and then go together: the barrier lets through only two at once"


def test_parse_alone(catalogue: Catalogue) -> None:
    import pandas as pd

    request = Request("yahoo", "XLI", ("Adj Close",), (catalogue.series["XLI_ADJ"],))
    frame = pd.DataFrame(
        {"Close": [1.0, 2.0, 3.0], "Adj Close": [0.9, np.nan, 2.9]},
        index=pd.DatetimeIndex(["2025-12-29", "2025-12-30", "2025-12-31"], tz="America/New_York"),
    )
    data = REMOTE["yahoo"].parse(frame, request).series["Adj Close"]
    assert data.values.tolist() == [0.9, 2.9]
    assert [str(d) for d in data.dates] == ["2025-12-29", "2025-12-31"]
    with pytest.raises(SourceError, match="column 'Adj Close' is not there"):
        REMOTE["yahoo"].parse(frame[["Close"]], request)
