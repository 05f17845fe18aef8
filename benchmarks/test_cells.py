"""Benchmarks of cells and hosts: each checks the result it times and runs its peer in the same run; no gates.

Run ``python -m pytest benchmarks -s``; the ratios are printed and kept in docs/performance.md.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.timing import median_time
from tests.conftest import started_office
from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.hosts._cells import evaluate
from xl_smallcap.session import Session, use_session


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    load(Store(folder / "store"), "sample", lambda *_: None)
    use_session(Session(load_settings(folder)))
    yield folder
    use_session(None)


def test_warm_cell(home: Path) -> None:
    assert evaluate("RUSSELL_BETA", ("inflation", "relative", None)).value is not None
    known: dict[Any, Any] = {("RUSSELL_BETA", "inflation", "relative", None): 1.0}
    n = 20_000

    def ours() -> None:
        for _ in range(n):
            evaluate("RUSSELL_BETA", ("inflation", "relative", None))

    def peer() -> None:
        for _ in range(n):
            known[("RUSSELL_BETA", "inflation", "relative", None)]

    a, b = median_time(ours, 5) / n, median_time(peer, 5) / n
    print(f"\nwarm cell: ours {a * 1e6:.2f} us; a bare dict {b * 1e6:.2f} us")


def test_disk_hit(home: Path) -> None:
    session = Session(load_settings(home))
    use_session(session)
    evaluate("RUSSELL_BETA", ("inflation",))

    def job() -> None:
        session._fits.clear()
        session.answers.clear()
        evaluate("RUSSELL_BETA", ("inflation",))

    print(f"\nfit from disk, whole cell: {median_time(job, 50) * 1e3:.3f} ms")


def test_cold_import_of_the_face() -> None:
    def fresh(code: str) -> float:
        return median_time(lambda: subprocess.run([sys.executable, "-c", code], check=True), 9)

    bare, numpy_only, face = fresh("pass"), fresh("import numpy"), fresh("import xl_smallcap")
    others = {name: fresh(f"import {name}") for name in ("pandas", "statsmodels.api", "xlwings")}
    print(
        f"\ncold import: numpy {1e3 * (numpy_only - bare):.0f} ms, face {1e3 * (face - bare):.0f} ms "
        f"(numpy + {1e3 * (face - numpy_only):.0f} ms); "
        + ", ".join(f"{n} {1e3 * (s - bare):.0f} ms" for n, s in others.items())
    )


def test_first_cell_of_a_fresh_process(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(home))
    code = (
        "from xl_smallcap.hosts._cells import evaluate\n"
        "assert evaluate('RUSSELL_BETA', ('growth', None, None, {})).value is not None"
    )
    windows = iter(range(100, 200))

    def first(window: int) -> None:
        subprocess.run([sys.executable, "-c", code.format(window)], check=True)

    fitted, kept = median_time(lambda: first(next(windows)), 9), median_time(lambda: first(100), 9)
    print(f"\nfresh process to first cell: fitted {fitted * 1e3:.0f} ms, from disk {kept * 1e3:.0f} ms")


def test_1000_cells_in_libreoffice(home: Path) -> None:

    formulas = [
        [
            f'=RUSSELL_BETA("{f}","{t}","{s}",{w})'
            for f in ("growth", "inflation")
            for s in ("beta", "se", "tstat", "lower", "upper")
        ]
        for t in ("russell", "relative")
        for w in range(100, 150)
    ]
    with started_office(home) as office:
        sheet = office.do("new")
        office.do("type", sheet, 0, "L1:L1", [['=RUSSELL_BETA("oil")']])
        start = time.perf_counter()
        office.do("type", sheet, 0, "A1:J100", formulas)
        cold = time.perf_counter() - start
        warm = statistics.median(office.do("recalculate", sheet) for _ in range(9))
        shown = office.do("read", sheet, 0, "A1:A100")
        assert all(isinstance(row[0], float) for row in shown)
    print(f"\n1,000 cells in LibreOffice: typed and fitted (100 fits) {cold:.2f} s, full recalculation {warm:.3f} s")
