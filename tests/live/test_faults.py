"""Every way a publisher can fail, at each publisher: the last good series stays, and a sentence says what happened.

docs/reliability.md shows this table; tests/live/test_reliability_page.py holds the page to it.
"""

from __future__ import annotations

import dataclasses
import logging
import ssl
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trustme

from tests.live.faults import FAULTS, SYMBOLS, Fault
from tests.live.loopback import Loopback, World, bomb
from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.refresh import RefreshReport, SeriesOutcome, refresh
from xl_smallcap.data.store import Store

NOW = np.datetime64("2026-01-05T18:00", "m")
CASES = [(source, fault) for source in SYMBOLS for fault in FAULTS if source in fault.says]


def run(server: Loopback, home: Path, catalogue: Catalogue, source: str, **more: Any) -> RefreshReport:
    symbol, series = SYMBOLS[source]
    now = more.pop("now", NOW)
    settings = more.pop("settings", None) or server.settings(home, **more)
    names = [symbol] if source == "ishares" else [series]
    return refresh(
        Store(home / "store"), catalogue, settings, lambda *_: None, only_sources=[source], only_series=names, now=now
    )


def content(home: Path, source: str) -> bytes:
    snapshot = Store(home / "store").open()
    if source == "ishares":
        return snapshot.holdings("IWM").encode()
    data = snapshot.series(SYMBOLS[source][1])
    return data.values.tobytes() + data.dates.tobytes() + data.available_at.tobytes()


def only(report: RefreshReport) -> SeriesOutcome:
    assert len(report.outcomes) == 1
    return report.outcomes[0]


@pytest.fixture(scope="module")
def world() -> World:
    bomb()  # made beforehand: it takes a second
    return World()


@pytest.mark.parametrize(("source", "fault"), CASES, ids=[f"{s}-{f.name}" for s, f in CASES])
def test_the_last_good_series_stays_and_a_sentence_says_why(
    source: str, fault: Fault, world: World, tmp_path: Path, catalogue: Catalogue
) -> None:
    server = Loopback(world)
    symbol = SYMBOLS[source][0]
    try:
        first = run(server, tmp_path, catalogue, source)
        assert only(first).outcome == "new"
        before = content(tmp_path, source)
        server.faults[symbol] = fault.name
        began = time.monotonic()
        # iShares sends another day's file every day; the others answer with their whole history
        report = run(server, tmp_path, catalogue, source, timeout_seconds=0.3, now=NOW + np.timedelta64(1, "m"))
        outcome = only(report)
        assert outcome.outcome == "kept", outcome
        assert fault.says[source] in outcome.told, outcome.told
        assert "Kept: " in outcome.told
        assert "last fetched 2026-01-05T18:00" in outcome.told or source == "ishares"
        assert outcome.told.count("http") == 0, "no address, so no key"
        assert content(tmp_path, source) == before
        assert report.snapshot is not None
        assert not report.changed
        assert report.nothing
        assert time.monotonic() - began < 20
        if source != "ishares":
            assert report.snapshot.entries[SYMBOLS[source][1]].problem, "RUSSELL_STATUS says it too"
        server.faults.clear()
        well = run(server, tmp_path, catalogue, source, now=NOW + np.timedelta64(2, "m"))
        assert only(well).outcome == "unchanged"
        assert content(tmp_path, source) == before
        if source != "ishares":
            assert well.snapshot is not None
            assert not well.snapshot.entries[SYMBOLS[source][1]].problem, "and forgets it when it is over"
    finally:
        server.close()


@pytest.mark.parametrize("source", list(SYMBOLS))
@pytest.mark.parametrize("fault", ["429", "500", "reset", "timeout"])
def test_a_passing_failure_is_tried_again(
    source: str, fault: str, world: World, tmp_path: Path, catalogue: Catalogue
) -> None:
    server = Loopback(world)
    symbol = SYMBOLS[source][0]
    server.faults[symbol] = fault
    server.once.add(symbol)
    try:
        assert only(run(server, tmp_path, catalogue, source)).outcome == "new"
        assert server.times[symbol] == 2
    finally:
        server.close()


def test_retry_after_is_waited_for(world: World, tmp_path: Path, catalogue: Catalogue) -> None:
    server = Loopback(world)
    server.faults["DGS2"] = "429"
    server.once.add("DGS2")
    try:
        began = time.monotonic()
        assert only(run(server, tmp_path, catalogue, "fred")).outcome == "new"
        assert time.monotonic() - began >= 1.0, "the server asked for one second"
    finally:
        server.close()


@pytest.mark.parametrize("source", list(SYMBOLS))
def test_missing_values_are_missing(source: str, world: World, tmp_path: Path, catalogue: Catalogue) -> None:
    server = Loopback(world)
    server.faults[SYMBOLS[source][0]] = "missing"
    try:
        report = run(server, tmp_path, catalogue, source)
        assert only(report).outcome == "new"
        assert report.snapshot is not None
        if source == "ishares":
            price = report.snapshot.holdings("IWM").price
            assert np.isnan(price[1::3]).all()
            assert np.isfinite(price[::3]).all()
        else:
            whole = len(world.rows("DGS2")) if source == "fred" else len(world.tuesdays())
            had = report.snapshot.series(SYMBOLS[source][1])
            assert 0.6 * whole < had.dates.size < 0.7 * whole
            assert np.isfinite(had.values).all()
    finally:
        server.close()


@pytest.mark.parametrize("source", list(SYMBOLS))
def test_an_invalid_certificate(
    source: str, world: World, tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = Loopback(world, context)
    try:
        refused = only(run(server, tmp_path, catalogue, source))
        assert refused.outcome == "failed"
        assert "the certificate is not trusted by this system" in refused.told
        assert server.queries == [], "nothing was asked over a line that is not trusted"
        pem = tmp_path / "desk-authority.pem"
        authority.cert_pem.write_to_path(str(pem))
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))  # as the system's store: where OpenSSL looks for authorities
        assert only(run(server, tmp_path, catalogue, source)).outcome == "new", "a desk's own authority counts"
    finally:
        server.close()


def test_nobody_there_and_no_such_name(tmp_path: Path, catalogue: Catalogue, world: World) -> None:
    server = Loopback(world)
    settings = server.settings(tmp_path, retries=0)
    server.close()
    assert "nobody answers there" in only(run(server, tmp_path, catalogue, "fred", settings=settings)).told
    nowhere = dataclasses.replace(settings, fred_url="http://nowhere.invalid")
    message = only(run(server, tmp_path, catalogue, "fred", settings=nowhere)).told
    assert "the name is not known" in message, message


def test_a_proxy_from_the_environment_is_used(
    tmp_path: Path, catalogue: Catalogue, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Loopback(world)
    try:
        monkeypatch.setenv("http_proxy", server.url)
        monkeypatch.delenv("no_proxy", raising=False)
        settings = dataclasses.replace(server.settings(tmp_path), fred_url="http://fred.example")
        assert only(run(server, tmp_path, catalogue, "fred", settings=settings)).outcome == "new"
        assert server.queries[0].startswith("http://fred.example/graph/fredgraph.csv"), "asked as a proxy is"
    finally:
        server.close()


def test_a_key_reaches_the_api_and_nothing_else(
    tmp_path: Path, catalogue: Catalogue, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = Loopback(world)
    key = "secret-key-0123456789"
    try:
        report = run(server, tmp_path, catalogue, "fred", fred_api_key=key)
        assert only(report).outcome == "new"
        assert any(key in q for q in server.queries)
        assert any("/fred/series/observations" in r.getMessage() for r in caplog.records), "requests are logged"
        for fault in ("500", "timeout", "reset", "redirect", "html", "404"):
            server.faults["DGS2"] = fault
            message = only(run(server, tmp_path, catalogue, "fred", fred_api_key=key, timeout_seconds=0.2)).told
            assert key not in message
        wrong = only(run(server, tmp_path, catalogue, "fred", fred_api_key="wrong-key-000000000")).told
        assert "wrong-key" not in wrong
        assert key not in caplog.text
        assert "wrong-key" not in caplog.text
        for path in (tmp_path / "store").rglob("*"):
            if path.is_file():
                assert key.encode() not in path.read_bytes(), path
    finally:
        server.close()


def test_true_vintages_with_a_key(tmp_path: Path, catalogue: Catalogue) -> None:
    world = World()
    world.vintages["CFNAI"] = [
        ("2025-07-01", "-0.19", "2025-08-25"),
        ("2025-07-01", "-0.28", "2025-09-22"),
        ("2025-08-01", "-0.12", "2025-09-22"),
        ("2025-08-01", "-0.31", "2025-12-22"),
        ("2025-09-01", "-0.21", "2025-12-22"),
        ("2025-09-01", ".", "2025-12-23"),
    ]
    server = Loopback(world)
    try:
        settings = server.settings(tmp_path, fred_api_key="secret-key-0123456789")
        report = refresh(
            Store(tmp_path / "store"), catalogue, settings, lambda *_: None, only_series=["CFNAI"], now=NOW
        )
        assert report.snapshot is not None
        data = report.snapshot.series("CFNAI")
        assert [str(m) for m in data.available_at] == [
            "NaT", "2025-09-22T08:30", "2025-09-22T08:30", "2025-12-22T08:30", "2025-12-22T08:30"
        ]  # fmt: skip
        from xl_smallcap.data.releases import known_by

        series = catalogue.series["CFNAI"]
        assert known_by(series, data, np.datetime64("2025-09-21")).values.tolist() == [-0.19]
        assert known_by(series, data, np.datetime64("2025-12-21")).values.tolist() == [-0.28, -0.12]
        assert known_by(series, data, None).values.tolist() == [-0.28, -0.31, -0.21]
        query = next(q for q in server.queries if "CFNAI" in q)
        assert "realtime_start=1776-07-04" in query
        assert "realtime_end=9999-12-31" in query
    finally:
        server.close()
