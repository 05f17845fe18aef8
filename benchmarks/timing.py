"""Timing in the same process, one beside the other."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def median_time(job: Callable[[], object], repeats: int) -> float:
    job()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        job()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def once(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def median_cpu(
    code: str, home: Path, prepare: Callable[[], object] = lambda: None, typed: str = "", repeats: int = 9
) -> float:
    """Processor seconds of fresh Python processes that run a code: user and system, median."""
    taken = []
    for _ in range(repeats):
        prepare()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=typed,
            text=True,
            capture_output=True,
            env={**os.environ, "XL_SMALLCAP_HOME": str(home)},
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(taken)


def report(what: str, ours: float, peers: dict[str, float]) -> None:
    against = ", ".join(f"{name} {seconds * 1e3:.3g} ms = {seconds / ours:.2f} x" for name, seconds in peers.items())
    print(f"\n{what}: ours {ours * 1e3:.4g} ms; {against}")
