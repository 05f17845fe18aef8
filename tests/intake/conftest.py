"""A home with an invented market in use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.intake.desk import LAST, Desk, days, market, write
from xl_smallcap.session import use_session


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one wide file."""
    folder, series = tmp_path_factory.mktemp("history"), market()
    write(folder / "daily.csv", ["date", *series], zip(map(str, days()), *series.values(), strict=True))
    return folder


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """A desk without data."""
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(tmp_path / "home"))
    yield Desk(tmp_path / "home", capsys)
    use_session(None)


@pytest.fixture
def desk(empty: Desk, history: Path) -> Desk:
    """A desk with the market of :func:`history` in use."""
    assert empty.load(history) == 0, empty.said
    assert "Look at" not in empty.said
    assert empty.last("RUT")[0] == LAST
    return empty
