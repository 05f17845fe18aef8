"""One server of publishers a test, closed after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.loopback import Loopback, World


@pytest.fixture(scope="session")
def published() -> World:
    return World()


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    server = Loopback(World())
    yield server
    server.close()


@pytest.fixture
def yahoo_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Loopback]:
    """The real yfinance with its address turned to a loopback server and its cookie left out."""
    yfinance = pytest.importorskip("yfinance")
    from yfinance import base, data
    from yfinance.scrapers import history

    made = Loopback(World())
    for module in (base, history):
        monkeypatch.setattr(module, "_BASE_URL_", made.url)
    monkeypatch.setattr(data.YfData, "_get_cookie_and_crumb", lambda self, *a, **k: ("", None))
    yfinance.set_tz_cache_location(str(tmp_path / "yfinance"))
    yield made
    made.close()
