"""One sample home for the whole run; each test gets a session of its own on it."""

from __future__ import annotations

import os

# before numpy: on matrices this small a second thread of BLAS only waits, at full speed
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from xl_smallcap.config import load_settings
from xl_smallcap.data.catalogue import Catalogue, load_catalogue
from xl_smallcap.data.loading import load
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import Snapshot
from xl_smallcap.data.store import Store
from xl_smallcap.hosts.libreoffice.package import package_files
from xl_smallcap.office.office import Office, OfficeMissingError
from xl_smallcap.session import Session, use_session

# The same examples in every run: a failure here is a failure there.
hypothesis.settings.register_profile("reproducible", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("reproducible")


@pytest.hookimpl(tryfirst=True)  # xdist names the groups in the same hook, and would find none
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one worker, and those that share an office with them in one more.

    A worker has session fixtures of its own; an office or a home with histories is made once.
    """
    for item in items:
        folder = Path(item.path).parent.name
        shared = {"office", "book_home"} & set(getattr(item, "fixturenames", ()))
        group = f"{folder} office" if shared else f"{folder}/{Path(item.path).stem}"
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds the sample and is never written to again; a test copies it."""
    store = tmp_path_factory.mktemp("sample") / "store"
    load(Store(store), "sample", lambda *_: None)
    return store


@pytest.fixture
def own(sample_store: Path, tmp_path: Path) -> Session:
    """A session in a home of the test's own, with the sample, which it may write to."""
    shutil.copytree(sample_store, tmp_path / "store")
    made = Session(load_settings(tmp_path))
    use_session(made)
    return made


@pytest.fixture(scope="session")
def sample_home(sample_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(sample_store, home / "store")
    return home


@pytest.fixture(scope="session", autouse=True)
def _environment(sample_home: Path) -> Iterator[None]:
    before = os.environ.get("XL_SMALLCAP_HOME")
    os.environ["XL_SMALLCAP_HOME"] = str(sample_home)
    yield
    if before is None:
        del os.environ["XL_SMALLCAP_HOME"]
    else:
        os.environ["XL_SMALLCAP_HOME"] = before


@pytest.fixture
def session(sample_home: Path) -> Iterator[Session]:
    opened = Session(load_settings(sample_home))
    use_session(opened)
    yield opened
    use_session(None)


@pytest.fixture
def own_session(sample_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A home of one's own with the sample, for what computes the regimes' history: other tests expect none."""
    home = tmp_path / "own home"
    shutil.copytree(sample_store, home / "store")
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(home))
    opened = Session(load_settings(home))
    use_session(opened)
    yield opened
    use_session(None)


@pytest.fixture
def catalogue() -> Catalogue:
    return load_catalogue()


def num(value: object) -> float:
    """A cell that must hold a number."""
    assert isinstance(value, (int, float)), value
    return float(value)


def make_snapshot(root: Path, series: dict[str, tuple[list[str], list[float]]], **available: list[str]) -> Snapshot:
    """A tiny snapshot written by hand."""
    built = {
        name: SeriesData.build(
            np.array(dates, dtype="datetime64[D]"),
            np.array(values),
            np.array(available[name], dtype="datetime64[m]") if name in available else None,
        )
        for name, (dates, values) in series.items()
    }
    return Store(root).add(built, source="folder", synthetic=False, loaded_at="2026-01-01T00:00:00")


def started_office(home: Path, **more: str) -> Office:
    """LibreOffice with the add-in on a home and a fresh profile; where it is not installed the test is skipped.

    A user without LibreOffice sees why; our own run sets XL_SMALLCAP_REQUIRE_HOSTS, which makes that a failure.
    """
    environment = {"XL_SMALLCAP_HOME": str(home), "XL_SMALLCAP_SERVER_IDLE_MINUTES": "5", **more}
    try:
        return Office(extension=package_files(home), environment=environment)
    except OfficeMissingError as exc:
        if os.environ.get("XL_SMALLCAP_REQUIRE_HOSTS") == "1":
            pytest.fail(f"XL_SMALLCAP_REQUIRE_HOSTS is set, but: {exc}")
        pytest.skip(str(exc))  # not installed or too old; one that is installed and does not start fails on entering


@pytest.fixture(scope="session")
def office(sample_home: Path) -> Iterator[Office]:
    """One LibreOffice for the whole run."""
    with started_office(sample_home) as opened:
        yield opened
