"""One server of publishers a test, closed after it."""

from __future__ import annotations

from collections.abc import Iterator

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
