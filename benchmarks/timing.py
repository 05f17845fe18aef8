"""Timing in the same process, one beside the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


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


def report(what: str, ours: float, peers: dict[str, float]) -> None:
    against = ", ".join(f"{name} {seconds * 1e3:.3g} ms = {seconds / ours:.2f} x" for name, seconds in peers.items())
    print(f"\n{what}: ours {ours * 1e3:.4g} ms; {against}")
