"""A refresh or an addition that is killed, and a disk that is full: the store always opens at a complete snapshot."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.live.loopback import Loopback, World
from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.loading import load
from xl_smallcap.data.refresh import refresh
from xl_smallcap.data.store import Store
from xl_smallcap.errors import StoreError

ADDING = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from xl_smallcap.config import load_settings
    from xl_smallcap.data.loading import load
    from xl_smallcap.data.store import Store
    settings, folder = load_settings(), Path(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    for k in range(int(sys.argv[2]), 10_000):
        (folder / "OWN.csv").write_text(f"date,value\\n2025-12-30,{500 + k % 50}\\n2025-12-31,{500.5 + k % 50}\\n")
        load(Store(settings.store_dir), str(folder), lambda *_: None, add=True)
        print("added", k, flush=True)
    """
)
NOW = np.datetime64("2026-01-05T18:00", "m")
KILLS = 15
AGAIN_AND_AGAIN = textwrap.dedent(
    """
    import sys, numpy as np
    from pathlib import Path
    from xl_smallcap.config import load_settings
    from xl_smallcap.data.catalogue import load_catalogue
    from xl_smallcap.data.refresh import refresh
    from xl_smallcap.data.store import Store
    settings, catalogue = load_settings(), load_catalogue()
    from xl_smallcap.data.sources import http  # imported now, so that the kill meets the refresh, not an import
    print("ready", flush=True)
    sys.stdin.readline()
    for k in range(10_000):
        now = np.datetime64("2026-01-05T18:00") + np.timedelta64(k, "m")
        refresh(Store(settings.store_dir), catalogue, settings, lambda *told: print(*told, flush=True), now=now)
    """
)


class Changing(World):
    """Publishers that revise something at every request, so that every refresh has a snapshot to make."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        kept = ("DGS2", "DGS10", "T5YIE", "CPIAUCSL", "ICSA", "NFCI")
        self._series = {k: (d[-300:], v[-300:]) for k, (d, v) in self._series.items() if k in kept}

    def rows(self, series_id: str) -> list[tuple[str, float | None]]:
        self.asked += 1
        rows = super().rows(series_id)
        return [*rows[:-1], (rows[-1][0], round((rows[-1][1] or 1.0) * (1 + 1e-5 * self.asked), 6))]


@pytest.fixture
def server() -> Iterator[Loopback]:
    made = Loopback(Changing())
    yield made
    made.close()


def opens_whole(store: Store) -> str | None:
    """The CURRENT snapshot, every file of which reads and matches its hash."""
    current = store.current()
    if current is None:
        return None
    snapshot = Store(store.root).open()
    for name in snapshot.ids:
        assert snapshot.series(name).values.size
    for held in snapshot.holdings_entries:
        assert snapshot.holdings(held.fund).weight.size
    assert set(snapshot.ids) >= {"DGS2", "CPIAUCSL"}
    return current


def begin(environment: dict[str, str], code: str, *arguments: str) -> subprocess.Popen[str]:
    """A process that says when it is ready, and waits for its turn."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def killed(running: subprocess.Popen[str], lines: int, seconds: float) -> str:
    """What a process said that was let go and killed after so many lines and a moment, however busy the machine is."""
    assert running.stdout is not None
    assert running.stdout.readline().strip() == "ready"
    assert running.stdin is not None
    running.stdin.write("go\n")
    running.stdin.flush()
    output = "".join(running.stdout.readline() for _ in range(lines))
    time.sleep(seconds)
    running.kill()
    output += running.communicate()[0]
    assert "Traceback" not in output, output
    return output


@pytest.mark.parametrize("seed", [20251224, 20251225])
def test_killed_at_random_points(server: Loopback, tmp_path: Path, catalogue: Catalogue, seed: int) -> None:
    home = tmp_path / "home"
    store = Store(home / "store")
    first = refresh(store, catalogue, server.settings(home), lambda *_: None, now=NOW)
    assert first.snapshot is not None
    rng = np.random.default_rng(seed)
    environment = {**os.environ, **server.environment(home)}
    seen, inside = {first.snapshot.fingerprint}, 0

    # The next process starts up, and waits for its turn, while the last one is under way.
    waiting = begin(environment, AGAIN_AND_AGAIN)
    for k in range(KILLS):
        running, waiting = waiting, begin(environment, AGAIN_AND_AGAIN) if k < KILLS - 1 else waiting
        output = killed(running, int(rng.integers(0, 350)), float(rng.uniform(0.0, 0.05)))
        inside += bool(output.strip())
        current = opens_whole(store)
        assert current is not None
        seen.add(current)
    assert inside > KILLS // 2, "most were killed with a refresh under way"
    assert len(seen) > 3, "and many had made snapshots before"
    (store.root / "pending.json").unlink(missing_ok=True)
    last = refresh(store, catalogue, server.settings(home), lambda *_: None, now=NOW + np.timedelta64(1, "D"))
    assert last.changed
    assert opens_whole(store) not in seen


def test_additions_killed_at_random_points(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "own"
    folder.mkdir()
    store = Store(home / "store")
    base = tmp_path / "base"
    base.mkdir()
    for name in ("DGS2", "T5YIE", "CPIAUCSL"):
        (base / f"{name}.csv").write_text("date,value\n2025-10-01,4.1\n2025-11-03,4.2\n")
    load(store, str(base), lambda *_: None)
    names = set(store.open().ids)
    rng = np.random.default_rng(20261130)
    environment = {**os.environ, "XL_SMALLCAP_HOME": str(home)}

    waiting, added, seen = begin(environment, ADDING, str(folder), "0"), 0, set()
    for k in range(2 * KILLS):
        after = begin(environment, ADDING, str(folder), str(k + 1)) if k < 2 * KILLS - 1 else waiting
        running, waiting = waiting, after
        output = killed(running, int(rng.integers(0, 4)), float(rng.uniform(0.0, 0.05)))
        added += output.count("added")
        snapshot = Store(store.root).open()
        assert set(snapshot.ids) >= names
        for name in snapshot.ids:
            assert snapshot.series(name).values.size
        if "OWN" in snapshot.ids:
            low, high = snapshot.series("OWN").values[-2:]
            assert high == low + 0.5, "both values are of one load"
        seen.add(snapshot.fingerprint)
    assert added > KILLS
    assert len(seen) > KILLS // 2
    (folder / "OWN.csv").write_text("date,value\n2025-12-31,507\n")
    done = load(store, str(folder), lambda *_: None, add=True)
    assert done.in_use
    assert store.open().series("OWN").values[-1] == 507.0


def test_a_full_disk_changes_nothing_while_adding(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="no limit on file sizes here")
    (tmp_path / "own").mkdir()
    rows = "".join(f"{d},{k}\n" for k, d in enumerate(np.arange("2015-01-01", "2025-12-31", dtype="M8[D]")))
    (tmp_path / "own" / "OWN.csv").write_text("date,value\n" + rows)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "DGS2.csv").write_text("date,value\n2025-12-30,4.1\n2025-12-31,4.2\n")
    code = textwrap.dedent(
        """
        import resource, signal, sys
        from xl_smallcap.config import load_settings
        from xl_smallcap.data.loading import load
        from xl_smallcap.data.store import Store
        from xl_smallcap.errors import StoreError
        store, quiet = Store(load_settings().store_dir), lambda *_: None
        load(store, sys.argv[2], quiet)
        before = store.open().fingerprint
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        for limit in (0, 100, 3000, 6000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                load(store, sys.argv[1], quiet, add=True)
            except StoreError as exc:
                print(exc)
            else:
                sys.exit("no error at " + str(limit))
            assert store.open().fingerprint == before
            for name in store.open().ids:
                store.open().series(name)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert load(store, sys.argv[1], quiet, add=True).in_use
        assert "OWN" in store.open().ids
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "own"), str(tmp_path / "base")],
        env={**os.environ, "XL_SMALLCAP_HOME": str(tmp_path / "home")},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Could not write") == 4
    assert "the disk full" in done.stdout


def test_a_full_disk_changes_nothing(server: Loopback, tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="no limit on file sizes here")
    code = textwrap.dedent(
        """
        import resource, signal, sys
        import numpy as np
        from xl_smallcap.config import load_settings
        from xl_smallcap.data.catalogue import load_catalogue
        from xl_smallcap.data.refresh import refresh
        from xl_smallcap.data.store import Store
        from xl_smallcap.errors import StoreError
        settings, catalogue = load_settings(), load_catalogue()
        store = Store(settings.store_dir)
        now = np.datetime64("2026-01-05T18:00")
        refresh(store, catalogue, settings, lambda *_: None, now=now, only_sources=["fred"])
        before = store.open().fingerprint
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        for limit in (0, 100, 3000, 8000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                refresh(store, catalogue, settings, lambda *_: None, now=now + np.timedelta64(limit + 1, "m"))
            except StoreError as exc:
                print(exc)
            else:
                sys.exit("no error at " + str(limit))
            assert store.open().fingerprint == before
            for name in store.open().ids:
                store.open().series(name)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        done = refresh(store, catalogue, settings, lambda *_: None, now=now + np.timedelta64(2, "D").astype("m8[m]"))
        assert done.changed and store.open().fingerprint != before
        """
    )
    environment = {**os.environ, **server.environment(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Could not write") == 4
    assert "the disk full" in done.stdout


def test_a_folder_that_cannot_be_written(server: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="cannot be written"):
        refresh(Store(tmp_path / "store"), catalogue, server.settings(tmp_path), lambda *_: None, now=NOW)
