import json
import multiprocessing
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_snapshot
from xl_smallcap.data.atomic import write_atomic
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.errors import NoDataError, SourceError, StoreError

DAYS = ["2025-01-02", "2025-01-03", "2025-01-06"]
LEVELS = {"RUT": (DAYS, [1.0, 2.0, 3.0]), "GSPC": (DAYS, [4.0, 5.0, 6.0])}


def test_round_trip_and_fingerprint_of_values_not_of_bytes(tmp_path: Path) -> None:
    one = make_snapshot(tmp_path / "a", LEVELS)
    two = make_snapshot(tmp_path / "b", dict(reversed(list(LEVELS.items()))))
    assert one.fingerprint == two.fingerprint
    assert one.series("RUT").values.tolist() == [1.0, 2.0, 3.0]
    changed = make_snapshot(tmp_path / "a", {**LEVELS, "RUT": (DAYS, [1.0, 2.0, np.nextafter(3.0, 4.0)])})
    assert changed.fingerprint != one.fingerprint


def test_current_moves_only_by_use_and_survives(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(NoDataError, match="xl-smallcap data load"):
        store.open()
    first = make_snapshot(tmp_path, LEVELS)
    store.use(first.fingerprint)
    second = make_snapshot(tmp_path, {"RUT": LEVELS["RUT"]})
    assert store.open().fingerprint == first.fingerprint
    with pytest.raises(StoreError, match="Known: "):
        store.use("0" * 12)
    store.use(second.fingerprint)
    assert store.open().fingerprint == second.fingerprint
    assert store.snapshots() == sorted([first.fingerprint, second.fingerprint])
    store.use(first.fingerprint[:5])
    assert store.current() == first.fingerprint
    with pytest.raises(StoreError, match="There is no snapshot ''"):
        store.use("")


@pytest.mark.parametrize("keep", [0, 3, 40, 150, -1])
def test_a_series_file_cut_short_is_named_and_loading_again_repairs_it(tmp_path: Path, keep: int) -> None:
    snapshot = make_snapshot(tmp_path, LEVELS)
    path = next(tmp_path.glob(f"objects/*/{snapshot.entries['RUT'].object}.col"))
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    with pytest.raises(StoreError, match="'RUT'.*load the data again"):
        Store(tmp_path).open(snapshot.fingerprint).series("RUT")
    make_snapshot(tmp_path, LEVELS)
    assert Store(tmp_path).open(snapshot.fingerprint).series("RUT").values.tolist() == [1.0, 2.0, 3.0]


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    snapshot = make_snapshot(tmp_path, LEVELS)
    path = next(tmp_path.glob(f"objects/*/{snapshot.entries['RUT'].object}.col"))
    raw = bytearray(path.read_bytes())
    raw[-30] ^= 1
    path.write_bytes(raw)
    with pytest.raises(StoreError, match="damaged"):
        Store(tmp_path).open(snapshot.fingerprint).series("RUT")


def test_swapped_content_of_valid_form_is_found(tmp_path: Path) -> None:
    snapshot = make_snapshot(tmp_path, LEVELS)
    paths = {s: next(tmp_path.glob(f"objects/*/{e.object}.col")) for s, e in snapshot.entries.items()}
    paths["RUT"].write_bytes(paths["GSPC"].read_bytes())
    with pytest.raises(StoreError, match="fingerprint"):
        Store(tmp_path).open(snapshot.fingerprint).series("RUT")


def test_a_manifest_cut_in_half_names_the_other_snapshots(tmp_path: Path) -> None:
    good = make_snapshot(tmp_path, LEVELS)
    bad = make_snapshot(tmp_path, {"RUT": LEVELS["RUT"]})
    Store(tmp_path).use(bad.fingerprint)
    path = tmp_path / "snapshots" / f"{bad.fingerprint}.json"
    path.write_text(path.read_text()[:50])
    with pytest.raises(StoreError, match=good.fingerprint):
        Store(tmp_path).open()
    Store(tmp_path).use(good.fingerprint)
    assert Store(tmp_path).open().series("RUT").values.size == 3


def test_a_bad_folder_leaves_current_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "daily.csv").write_text("date,RUT\n2025-01-02,1\n2025-01-03,2\n")
    first = load(store, str(folder), lambda *_: None).snapshot.fingerprint
    (folder / "daily.csv").write_text("date,RUT\n2025-01-02,1\n2025-01-03,oops 2\n")
    with pytest.raises(SourceError, match=r"daily\.csv, line 3, column 'RUT'"):
        load(store, str(folder), lambda *_: None)
    assert store.current() == first
    assert store.snapshots() == [first]


def test_other_files_are_left_out_by_name_and_twice_the_same_series_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "daily.csv").write_text("date,RUT\n2025-01-02,1\n2025-01-03,2\n")
    (folder / "notes.csv").write_text("who,what\nme,this\n")
    report = load(Store(tmp_path / "store"), str(folder), lambda *_: None)
    assert list(report.skipped) == ["notes.csv"]
    assert report.snapshot.ids == ("RUT",)
    (folder / "RUT.csv").write_text("date,value\n2025-01-02,1.5\n")
    with pytest.raises(SourceError, match=r"both RUT\.csv and daily\.csv|both daily\.csv and RUT\.csv"):
        load(Store(tmp_path / "store"), str(folder), lambda *_: None)
    for place in (tmp_path / "nowhere", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(SourceError):
            load(Store(tmp_path / "store"), str(place), lambda *_: None)


def _load_sample(root: str) -> str:
    return load(Store(Path(root)), "sample", lambda *_: None).snapshot.fingerprint


def test_processes_loading_at_once_end_with_one_whole_snapshot(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        prints = pool.map(_load_sample, [str(tmp_path)] * 4)
    assert len(set(prints)) == 1
    snapshot = Store(tmp_path).open()
    for name in snapshot.ids:
        assert snapshot.series(name).values.size > 100
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.skipif(sys.platform == "win32", reason="a file-size limit stands in for a full disk; POSIX only")
def test_a_full_disk_says_so_and_loses_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.use(make_snapshot(tmp_path, LEVELS).fingerprint)
    before = store.current()
    program = textwrap.dedent(
        """
        import resource, signal, sys
        from pathlib import Path
        from xl_smallcap.data.loading import load
        from xl_smallcap.data.store import Store
        from xl_smallcap.errors import StoreError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            load(Store(Path(sys.argv[1])), "sample", lambda *_: None)
        except StoreError as exc:
            print(exc); sys.exit(7)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 7, done.stderr
    assert "Could not write" in done.stdout
    assert "Nothing was changed" in done.stdout
    assert store.current() == before
    assert store.open().series("RUT").values.tolist() == [1.0, 2.0, 3.0]
    assert not list(tmp_path.rglob("*.tmp"))


def test_an_open_target_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to replace a file another program holds open; the same refusal, made by hand."""
    real, calls = Path.replace, []

    def busy(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) < 3:
            raise PermissionError(13, "in use")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", busy)
    monkeypatch.setattr("xl_smallcap.data.atomic.time.sleep", lambda _: None)
    write_atomic(tmp_path / "CURRENT", b"abc")
    assert (tmp_path / "CURRENT").read_bytes() == b"abc"
    assert len(calls) == 3


def test_no_machine_path_or_clock_in_the_fingerprint(tmp_path: Path) -> None:
    snapshot = make_snapshot(tmp_path, LEVELS)
    manifest = json.loads((tmp_path / "snapshots" / f"{snapshot.fingerprint}.json").read_text())
    assert str(tmp_path) not in json.dumps(manifest)
