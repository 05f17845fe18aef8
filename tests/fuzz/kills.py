"""``python -m tests.fuzz.kills --count 200``: commands killed at random moments lose nothing and leave no process."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xlsxwriter

from tests.live.loopback import Loopback, World
from xl_smallcap.data.catalogue import load_catalogue
from xl_smallcap.data.loading import load
from xl_smallcap.data.refresh import refresh
from xl_smallcap.data.store import Store

_SECONDS_TO_END = 10.0
"""A process that was started by a killed one has so long to notice."""
Check = Callable[[Path], None]


def _own_rows(folder: Path, value: float) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "OWN.csv").write_text(f"date,value\n2025-12-30,{value}\n2025-12-31,{value + 0.5}\n")


def store_is_whole(home: Path) -> None:
    """CURRENT opens, every file of every snapshot that is kept reads and matches its hash."""
    store = Store(home / "store")
    for fingerprint in store.snapshots():
        snapshot = store.open(fingerprint)
        for name in snapshot.ids:
            assert snapshot.series(name).values.size
        for held in snapshot.holdings_entries:
            assert snapshot.holdings_of(held).weight.size
        if snapshot.prices_entry is not None:
            assert snapshot.prices(None, None).prices.size
    assert store.current() in store.snapshots()


def file_is_whole(path: Path) -> None:
    """A file is not there, or is the whole of one."""
    if not path.exists():
        return
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
    elif path.suffix == ".pdf":
        assert path.read_bytes().rstrip().endswith(b"%%EOF")
    else:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines
        assert len({line.count(",") for line in lines}) == 1
        assert path.read_bytes().endswith(b"\n")


def left_running(mark: str) -> list[str]:
    """Command lines of processes that have a mark in their environment (Linux)."""
    commands = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                commands.append((entry / "cmdline").read_bytes().replace(b"\x00", b" ").decode(errors="replace")[:150])
        except OSError:
            continue  # gone meanwhile
    return [f for f in commands if f]


class Kills:
    """Commands, what each writes, and what must hold whenever one is killed."""

    def __init__(self, root: Path, server: Loopback, seed: int) -> None:
        self.root, self.rng, self.counts = root, np.random.default_rng(seed), Counter[str]()
        self.inside, self.litter = 0, 0
        self.server = server
        self.sample, self.live = root / "sample home", root / "live home"
        load(Store(self.sample / "store"), "sample", lambda *_: None)
        base = root / "base"
        base.mkdir()
        for name in ("DGS2", "T5YIE", "CPIAUCSL"):
            (base / f"{name}.csv").write_text("date,value\n2025-10-01,4.1\n2025-11-03,4.2\n")
        load(Store(self.live / "store"), str(base), lambda *_: None)
        refresh(Store(self.live / "store"), load_catalogue(), server.settings(self.live), lambda *_: None)
        self.book = root / "book.xlsx"
        with xlsxwriter.Workbook(self.book) as made:
            sheet = made.add_worksheet("S")
            for row in range(40):
                sheet.write_formula(row, 0, '=RUSSELL_BETA("oil")', None, 0.5)
                sheet.write_formula(row, 1, f"=DOLLAR(A{row + 1})", None, "old")
        self.original = self.book.read_bytes()
        self.own = root / "own"
        _own_rows(self.own, 500.0)
        out = root / "out"
        out.mkdir()
        self.commands: dict[str, tuple[list[str], Path, list[Path]]] = {
            "load": (["data", "load", str(base)], self.live, []),
            "add": (["data", "load", str(self.own), "--add"], self.live, []),
            "prune": (["data", "prune", "--keep", "1"], self.live, []),
            "universe": (["universe", "--out", str(out / "u.csv")], self.sample, [out / "u.csv"]),
            "data refresh": (["data", "refresh"], self.live, []),
            "workbook refresh": (["workbook", "refresh", str(self.book)], self.sample, [self.book]),
            "pitch": (
                ["pitch", "--out", str(out / "p.xlsx"), "--pdf", str(out / "p.pdf")], self.sample,
                [out / "p.xlsx", out / "p.pdf"],
            ),
        }  # fmt: skip

    def start(self, name: str, mark: str) -> subprocess.Popen[str]:
        """Start a command; the mark in its environment is inherited by whatever it starts."""
        arguments, home, _ = self.commands[name]
        environment = {**os.environ, **self.server.environment(home), "XL_SMALLCAP_HOME": str(home), "KILLS_MARK": mark}
        return subprocess.Popen(
            [sys.executable, "-m", "xl_smallcap", *arguments], env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, cwd=self.root,
        )  # fmt: skip

    def once(self, name: str, seconds: float, k: int) -> None:
        """Kill a command after some seconds, and look at what it left."""
        mark = f"kills-{os.getpid()}-{k}"
        if name == "add":
            _own_rows(self.own, 500.0 + k % 50)
        if name == "universe":
            shutil.rmtree(self.sample / "cache", ignore_errors=True)
        running = self.start(name, mark)
        time.sleep(seconds)
        self.inside += running.poll() is None
        running.send_signal(signal.SIGKILL if k % 2 else signal.SIGTERM)
        said = running.communicate(timeout=120)[0]
        assert "Traceback" not in said, said
        end = time.monotonic() + _SECONDS_TO_END
        while (left := left_running(mark)) and time.monotonic() < end:
            time.sleep(0.1)
        assert not left, f"{name}: left running: {left}"
        _, home, targets = self.commands[name]
        store_is_whole(home)
        for target in targets:
            file_is_whole(target)
        assert set(Store(home / "store").open().ids) >= ({"RUT"} if home == self.sample else {"DGS2", "CPIAUCSL"})
        self.litter += sum(len(list(t.parent.glob(f".{t.name}.*.tmp"))) for t in targets)
        self.counts[name] += 1

    def run(self, count: int) -> None:
        """Measure each command's time, then kill it at random moments of it."""
        took = {}
        for name in self.commands:
            began = time.monotonic()
            said = self.start(name, "whole").communicate(timeout=300)[0]
            took[name] = time.monotonic() - began
            print(f"{name}: {took[name]:.1f} s undisturbed: {said.strip().splitlines()[-1:]}", flush=True)
        names = list(self.commands)
        for k in range(count):
            name = names[(k // 2) % len(names)]
            self.book.write_bytes(self.original)
            self.once(name, float(self.rng.uniform(0.15, 1.0)) * took[name], k)


def main() -> int:
    """Kill, print the counts; an assertion where something was lost or left."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    server = Loopback(World())
    try:
        with tempfile.TemporaryDirectory() as folder:
            kills = Kills(Path(folder), server, args.seed)
            kills.run(args.count)
    finally:
        server.close()
    print(dict(kills.counts))
    print(f"{args.count} kills, {kills.inside} of a running command: nothing lost, no process left.")
    print(f"Temporary files beside their targets: {kills.litter}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
