"""A home of the workbooks' own: with the regimes' history, which other tests expect not to be there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import started_office
from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session, use_session
from xl_smallcap.workbooks.book import prepare


@pytest.fixture(scope="session")
def book_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("book_home")
    load(Store(home / "store"), "sample", lambda *_: None)
    use_session(Session(load_settings(home)))
    prepare()
    use_session(None)
    return home


@pytest.fixture
def session(book_home: Path) -> Iterator[Session]:
    opened = Session(load_settings(book_home))
    use_session(opened)
    yield opened
    use_session(None)


@pytest.fixture(scope="session")
def office(book_home: Path) -> Iterator[Office]:
    """LibreOffice with the add-in on this home."""
    with started_office(book_home) as opened:
        yield opened
