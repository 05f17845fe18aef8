"""A damaged or moving store: nothing in use is lost, nothing is believed without proof, every sentence has the cure."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from xl_smallcap import cli
from xl_smallcap.config import load_settings
from xl_smallcap.data import history
from xl_smallcap.data.atomic import changing
from xl_smallcap.data.history import prune, snapshots_of
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.store import Store
from xl_smallcap.errors import StoreError
from xl_smallcap.functions import RUSSELL_BETA, RUSSELL_FACTORS
from xl_smallcap.functions.cells import Answer, evaluate
from xl_smallcap.session import Session, current_session, one_snapshot, use_session
from xl_smallcap.session.memory import Lru

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def home(sample_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    made = tmp_path / "home"
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(made))
    shutil.copytree(sample_store, made / "store")
    use_session(Session(load_settings(made)))
    yield made
    use_session(None)


def another(store: Store, moved: float = 1.01, loaded_at: str = "") -> str:
    """A snapshot that differs in one series."""
    opened = store.open()
    series = {n: opened.series(n) for n in opened.ids}
    series["T5YIE"] = SeriesData.build(series["T5YIE"].dates, moved * series["T5YIE"].values)
    return store.add(
        series, source="sample", synthetic=True, parent=opened.fingerprint, loaded_at=loaded_at
    ).fingerprint


@pytest.mark.parametrize("content", [b"\x00" * 12, b"a3e22\xff66a459", b"", b"nonsense", b"A3E22166A459"])
def test_a_damaged_pointer_is_a_sentence_with_the_cure(home: Path, capsys: Capture, content: bytes) -> None:
    store = Store(home / "store")
    (fingerprint,) = store.snapshots()
    (home / "store" / "CURRENT").write_bytes(content)
    use_session(None)
    for arguments in (["call", "RUSSELL_ASOF()"], ["data", "load", "sample"], ["data", "prune", "--keep", "0"]):
        assert cli.main(arguments) == 1
        said = capsys.readouterr().err
        assert "CURRENT" in said
        assert f"'xl-smallcap data use FINGERPRINT' mends it, with one of: {fingerprint}" in said
        use_session(None)
    assert cli.main(["data", "use", fingerprint]) == 0
    use_session(None)
    assert cli.main(["call", "RUSSELL_ASOF()"]) == 0


def test_a_store_whose_pointer_is_gone_is_not_pruned(home: Path, capsys: Capture) -> None:
    store = Store(home / "store")
    files = sorted(p for p in (home / "store" / "objects").rglob("*") if p.is_file())
    long_ago = time.time() - 10_000
    for path in files:
        os.utime(path, (long_ago, long_ago))
    (home / "store" / "CURRENT").unlink()
    assert cli.main(["data", "prune", "--keep", "0"]) == 1
    assert "does not say which snapshot is in use" in capsys.readouterr().err
    assert sorted(p for p in (home / "store" / "objects").rglob("*") if p.is_file()) == files
    assert len(store.snapshots()) == 1


def test_prune_stops_where_a_program_that_knows_no_lock_moves_the_pointer(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(home / "store")
    first = store.current()
    second = another(store)
    real = Store.current
    calls = []

    def moving(self: Store) -> str | None:
        calls.append(1)
        if len(calls) == 3:  # after the list was made, before the first manifest goes
            (store.root / "CURRENT").write_text(second)
        return real(self)

    monkeypatch.setattr(Store, "current", moving)
    with pytest.raises(StoreError, match="became CURRENT meanwhile"):
        prune(store, 0)
    assert set(store.snapshots()) == {first, second}


def test_use_and_load_wait_for_a_change_under_way(home: Path) -> None:
    store = Store(home / "store")
    first, second = str(store.current()), another(store)
    done = threading.Event()

    def use() -> None:
        cli.main(["data", "use", second])
        done.set()

    with changing(store.root):
        thread = threading.Thread(target=use)
        thread.start()
        assert not done.wait(0.5)
        assert store.current() == first
    thread.join(30)
    assert store.current() == second


def test_snapshots_are_in_the_order_in_which_they_follow_each_other(home: Path) -> None:
    """A clock that was wrong for a day makes no old snapshot the newest."""
    store = Store(home / "store")
    fingerprints = [str(store.current())]
    for k, day in enumerate(("2030-01-01T00:00:00", "2026-11-30T10:00:00", "2026-11-30T10:00:00"), 1):
        fingerprints.append(another(store, 1.0 + k / 100, loaded_at=day))
        store.use(fingerprints[-1])
    assert [line.fingerprint for line in snapshots_of(store)] == fingerprints[::-1]
    assert set(prune(store, 1).snapshots) == set(fingerprints[:2])
    assert set(store.snapshots()) == set(fingerprints[2:])


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["holdings"][0].update(as_of="2020-01-31"),
        lambda m: m["series"]["DGS2"].update(object=m["series"]["DGS10"]["object"]),
        lambda m: m["series"].pop("DGS2"),
        lambda m: m.update(synthetic=False),
        lambda m: m["series"]["DGS2"].update(last="2024-01-01"),
        lambda m: m["series"]["DGS2"].update(source="bloomberg"),
        lambda m: m["prices"]["objects"].reverse(),
        lambda m: m.update(series=[]),
    ],
)
def test_a_manifest_is_held_against_its_fingerprint(
    home: Path, capsys: Capture, change: Callable[[Any], object]
) -> None:
    store = Store(home / "store")
    path = store.manifest(str(store.current()))
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match=r"The manifest of snapshot '\w+' is damaged\. Load the data again"):
        store.open()
    assert cli.main(["data", "load", "sample"]) == 0, "loading again repairs it"
    assert isinstance(RUSSELL_BETA("oil"), float)


def test_a_manifest_of_a_version_before_has_no_checksum_and_opens(home: Path) -> None:
    store = Store(home / "store")
    path = store.manifest(str(store.current()))
    manifest = json.loads(path.read_text())
    del manifest["checksum"]
    path.write_text(json.dumps(manifest))
    assert store.open().fingerprint == manifest["fingerprint"]


def test_a_fit_under_anothers_name_is_not_believed(home: Path) -> None:
    one = RUSSELL_BETA("inflation", target="relative")
    (kept,) = (home / "cache").rglob("*.fit")
    other = RUSSELL_BETA("inflation", target="sp500")
    (second,) = set((home / "cache").rglob("*.fit")) - {kept}
    assert one != other
    shutil.copyfile(second, kept)
    use_session(Session(load_settings(home)))
    assert RUSSELL_BETA("inflation", target="relative") == one
    use_session(Session(load_settings(home)))
    assert RUSSELL_BETA("inflation", target="relative") == one, "and the file is right again"


def test_one_snapshot_from_first_to_last(home: Path) -> None:
    store = Store(home / "store")
    first, second = str(store.current()), another(store)
    with one_snapshot() as session:
        before = RUSSELL_BETA("inflation")
        store.use(second)
        time.sleep(0.6)
        current_session().follow()
        assert RUSSELL_BETA("inflation") == before
        assert session.snapshot.fingerprint == first
        with one_snapshot():
            assert RUSSELL_BETA("inflation") == before
    time.sleep(0.6)
    current_session().follow()
    assert RUSSELL_BETA("inflation") != before


def test_answers_are_bounded_by_bytes(home: Path) -> None:
    kept: Lru[str] = Lru(10, 1000)
    for k in range(5):
        kept.put(k, "x", 300)
    assert [kept.get(k) for k in range(5)] == [None, None, "x", "x", "x"]
    kept.put(9, "huge", 2000)
    assert kept.get(9) is None
    assert kept.get(4) == "x"
    kept.put(4, "y", 900)
    assert [kept.get(k) for k in (2, 3, 4)] == [None, None, "y"]
    kept.clear()
    kept.put(1, "z", 1000)
    assert kept.get(1) == "z"
    assert isinstance(evaluate("RUSSELL_FACTORS", ()), Answer)
    assert RUSSELL_FACTORS() is not None


def test_what_no_cell_can_hold_is_a_sentence(home: Path) -> None:
    for value in (10**400, -(10**400), float("inf")):
        for arguments in (["inflation", None, None, value], [value], ["inflation", None, None, None, value]):
            answer = evaluate("RUSSELL_BETA", arguments)
            assert answer.code == "#VALUE!"
            assert "Unexpected" not in str(answer.message)
    assert history is not None
