"""A fit once per key: memory, then disk; bounded; safe with several processes; errors at one boundary."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_snapshot
from xl_smallcap.analyses import betas as model
from xl_smallcap.config import PACKAGE, Settings, load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.functions import RUSSELL_BETA, RUSSELL_SNAPSHOT, RUSSELL_WHY, cells
from xl_smallcap.models.factor_fit import fit_factors
from xl_smallcap.session import Session, use_session, version
from xl_smallcap.session.memory import Lru


def test_a_fit_is_computed_once(own: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []

    def counted(*arguments: Any) -> Any:
        fits.append(1)
        return fit_factors(*arguments)

    monkeypatch.setattr(model, "fit_factors", counted)
    first = [RUSSELL_BETA(f, stat=s) for f in ("growth", "oil") for s in ("beta", "se", "vif")]
    assert len(fits) == 1
    assert RUSSELL_BETA("growth", as_of="2026-01-05") == first[0], "as_of is normalised to the last date"
    assert len(fits) == 1
    use_session(Session(own.settings))
    assert [RUSSELL_BETA(f, stat=s) for f in ("growth", "oil") for s in ("beta", "se", "vif")] == first
    assert len(fits) == 1, "from disk"


@pytest.mark.parametrize("damage", [b"", b"XLSC2\n", b"rubbish" * 100])
def test_a_damaged_cache_file_is_computed_anew(own: Session, damage: bytes) -> None:
    first = RUSSELL_BETA("growth")
    files = list(own.settings.cache_dir.rglob("*.fit"))
    assert files
    for path in files:
        path.write_bytes(damage or path.read_bytes()[:-7])
    use_session(Session(own.settings))
    assert RUSSELL_BETA("growth") == first


def test_without_a_writable_cache_the_answer_comes_all_the_same(own: Session) -> None:
    (own.settings.home / "cache").write_text("a file where the folder should be")
    assert isinstance(RUSSELL_BETA("growth"), float)


def test_memory_and_disk_are_bounded(tmp_path: Path) -> None:
    lru: Lru[int] = Lru(3)
    for i in range(5):
        lru.put(i, i)
    assert len(lru) == 3
    assert lru.get(0) is None
    lru.get(2)
    lru.put(9, 9)
    assert lru.get(2) == 2
    lru.clear()
    assert len(lru) == 0
    load(Store(tmp_path / "store"), "sample", lambda *_: None)
    small = dataclasses.replace(load_settings(tmp_path), disk_fits=5)
    use_session(Session(small))
    for window in range(40, 260):
        RUSSELL_BETA("growth", window=window)
    assert len(list(small.cache_dir.rglob("*.fit"))) <= 5 + 200, "pruned every 200 fits"


def test_it_follows_current_and_the_users_catalogue(own: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xl_smallcap.session._POINTER_CHECK_SECONDS", 0.0)
    before = cells.evaluate("RUSSELL_BETA", ("inflation",))
    (own.settings.home / "catalogue.toml").write_text("[factors.inflation]\nlegs = { T10YIE = 1 }\n")
    changed = cells.evaluate("RUSSELL_BETA", ("inflation",))
    assert changed.value != before.value
    (own.settings.home / "catalogue.toml").unlink()
    assert cells.evaluate("RUSSELL_BETA", ("inflation",)) == before
    store = Store(own.settings.store_dir)
    days = ["2025-01-02", "2025-01-03"]
    store.use(make_snapshot(own.settings.store_dir, {"RUT": (days, [1.0, 2.0])}).fingerprint)
    assert RUSSELL_SNAPSHOT().startswith("folder ")
    answer = cells.evaluate("RUSSELL_BETA", ("inflation",))
    assert answer.code == "#N/A"
    assert "has no series" in str(answer.message)


def _ask(home: str) -> Any:
    os.environ["XL_SMALLCAP_HOME"] = home
    return [RUSSELL_BETA("growth", window=w) for w in range(100, 120)]


def test_several_processes_and_threads_agree(own: Session) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        answers = pool.map(_ask, [str(own.settings.home)] * 3)
    assert answers[0] == answers[1] == answers[2]
    use_session(Session(own.settings))
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append([RUSSELL_BETA("growth", window=w) for w in range(100, 120)]))
        for _ in range(6)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [answers[0]] * 6


def test_an_unexpected_error_is_generic_in_the_cell_and_whole_in_the_log(
    own: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells.log, "handlers", [])

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(model, "fit_factors", broken)
    answer = cells.evaluate("RUSSELL_BETA", ("growth", None, None, 77.0))
    assert answer.code == "#VALUE!"
    assert "Unexpected error in RUSSELL_BETA (ZeroDivisionError)" in str(answer.message)
    text = own.settings.log_file.read_text()
    assert "Traceback" in text
    assert "a bug" in text
    for handler in cells.log.handlers:
        handler.close()


def test_why_lists_the_last_fifty_newest_first(own: Session) -> None:
    for i in range(60):
        cells.evaluate("RUSSELL_BETA", (f"x{i}",))
    table = RUSSELL_WHY()
    assert len(table) == 51
    assert table[1][:4] == [1, "RUSSELL_BETA", "'x59'", "#VALUE!"]
    assert "Unknown factor 'x59'" in str(table[1][4])
    assert "Unknown factor 'x33'" in str(RUSSELL_WHY('=RUSSELL_BETA("x33")'))
    assert "Unknown factor 'x59'" in str(RUSSELL_WHY("=RUSSELL_BETA(A1)*2"))
    assert "there is no such function" in str(RUSSELL_WHY("=RUSSELL_GAMMA(1)"))
    assert "is called RUSSELL_DIFF now" in str(RUSSELL_WHY("=RUSSELL_CHANGES()"))
    for text in ("=@RUSSELL_BETA", "=_xll.RUSSELL_BETA", "=_xldudf_RUSSELL_BETA", "=@_xll.RUSSELL_BETA"):
        assert "Unknown factor 'x33'" in str(RUSSELL_WHY(f'{text}("x33")')), text
        assert "Unknown factor 'x59'" in str(RUSSELL_WHY(f"{text}(A1)")), text


def test_true_is_not_one(own: Session) -> None:
    assert cells.evaluate("RUSSELL_BETA", ("growth", None, None, True)).code == "#VALUE!"
    assert "too short" in str(cells.evaluate("RUSSELL_BETA", ("growth", None, None, 1.0)).message)
    assert "takes 9 arguments" in str(cells.evaluate("RUSSELL_BETA", ("growth", *[None] * 9, 1)).message)


def test_settings_from_environment_file_and_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text("confidence = 0.95\nmemory_fits = 7\n")
    monkeypatch.setenv("XL_SMALLCAP_MEMORY_FITS", "9")
    settings = load_settings(tmp_path)
    assert (settings.confidence, settings.memory_fits, settings.grace_days) == (0.95, 9, 10)
    monkeypatch.setenv("XL_SMALLCAP_MEMORY_FITS", "many")
    with pytest.raises(BadArgumentError, match="XL_SMALLCAP_MEMORY_FITS.*must be a number"):
        load_settings(tmp_path)
    monkeypatch.delenv("XL_SMALLCAP_MEMORY_FITS")
    (tmp_path / "config.toml").write_text("confidense = 0.95\n")
    with pytest.raises(BadArgumentError, match="Did you mean 'confidence'"):
        load_settings(tmp_path)
    assert Settings(tmp_path).store_dir == tmp_path / "store"


@pytest.mark.parametrize(
    "room",
    ["models/estimation.py", "models/kernels/windows.py", "analyses/betas.py", "analyses/regimes/now.py",
     "analyses/scenarios/projection.py", "data/panel.py", "data/releases.py", "data/releases.csv", "data/series.py"],
)  # fmt: skip
def test_every_room_a_number_comes_from_is_in_the_cache_key(
    room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rooms that move, and rooms inside rooms: a change in any makes other keys, and a change elsewhere does not."""
    whole = tmp_path / "xl_smallcap"
    shutil.copytree(PACKAGE, whole, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(version, "PACKAGE", whole)
    before = version.code_version.__wrapped__()
    (whole / "hosts" / "server.py").write_text("# another\n")
    assert version.code_version.__wrapped__() == before
    (whole / room).write_bytes((whole / room).read_bytes() + b"\n")
    assert version.code_version.__wrapped__() != before
    (whole / room).unlink()
    assert version.code_version.__wrapped__() != before
