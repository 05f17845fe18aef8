"""Benchmarks of cells and hosts: each checks the result it times and runs its peer in the same run; no gates.

Run ``python -m pytest benchmarks -s``; the ratios are printed and kept in docs/performance.md.
"""

from __future__ import annotations

import importlib.util
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.timing import median_cpu, median_time
from tests.conftest import started_office
from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.functions.cells import evaluate
from xl_smallcap.hosts.excel.lean import OPTIONAL
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
    cache: dict[Any, Any] = {("RUSSELL_BETA", "inflation", "relative", None): 1.0}
    n = 20_000

    def ours() -> None:
        for _ in range(n):
            evaluate("RUSSELL_BETA", ("inflation", "relative", None))

    def peer() -> None:
        for _ in range(n):
            cache[("RUSSELL_BETA", "inflation", "relative", None)]

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


_CELL = "from xl_smallcap.functions.cells import evaluate\nassert evaluate('RUSSELL_BETA', ('inflation',)).value == {}"


def test_cold_cell(home: Path) -> None:
    """Processor time of fresh processes: on a desk's machine the clock also waits for discs and scanners."""
    value = evaluate("RUSSELL_BETA", ("inflation",)).value

    def empty() -> None:
        shutil.rmtree(home / "cache", ignore_errors=True)

    cell = _CELL.format(value)
    cached = median_cpu(cell, home)
    fitted = median_cpu(cell, home, prepare=empty)
    numpy_only, special, face = (median_cpu(f"import {n}", home) for n in ("numpy", "scipy.special", "xl_smallcap"))
    print(
        f"\ncold cell: fit on disk {1e3 * cached:.0f} ms = numpy's import + {1e3 * (cached - numpy_only):.0f} ms; "
        f"empty cache {1e3 * fitted:.0f} ms = scipy.special's import + {1e3 * (fitted - special):.0f} ms "
        f"(numpy {1e3 * numpy_only:.0f} ms, scipy.special {1e3 * special:.0f} ms, "
        f"import xl_smallcap {1e3 * face:.0f} ms)"
    )


def test_first_cell_of_the_excel_process(home: Path) -> None:
    """Through xlwings' own server on stubs of pywin32, with whatever xlwings would import installed or not."""
    value = evaluate("RUSSELL_BETA", ("inflation",)).value
    evaluate("RUSSELL_BETA", ("inflation",))
    there = [name for name in OPTIONAL if importlib.util.find_spec(name)]
    served = f"""
import contextlib, io, json
from tests.hosts.fake_windows import main
with contextlib.redirect_stdout(io.StringIO()) as out:
    main()
assert json.loads(out.getvalue()) == {{"value": {value!r}}}, out.getvalue()
"""
    question = '["RUSSELL_BETA", ["inflation"]]\n'
    numpy_only = median_cpu("import numpy", home)
    plain = median_cpu("import numpy, xlwings", home)
    lean = median_cpu("from tests.hosts.fake_windows import install; install()", home)
    cell = median_cpu(_CELL.format(value), home)
    first = median_cpu(served, home, typed=question)
    print(
        f"\nfirst cell of the Excel process: {1e3 * first:.0f} ms = a cold cell + {1e3 * (first - cell):.0f} ms; "
        f"xlwings' lean import {1e3 * (lean - numpy_only):.0f} ms, its usual one {1e3 * (plain - numpy_only):.0f} ms "
        f"with {', '.join(there) or 'nothing'} installed"
    )


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
