"""The house rules, enforced: layers, style, types, cold start, no licence-bound or heavy imports."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "xl_smallcap"


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_layers() -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_ruff() -> None:
    run("ruff", "check", ".")
    run("ruff", "format", "--check", ".")


def test_mypy_strict() -> None:
    run("mypy")


def imports_of(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return modules


FILES = sorted(PACKAGE.rglob("*.py"))


def test_there_are_files() -> None:
    assert len(FILES) > 30


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(PACKAGE)) for p in FILES])
def test_what_may_be_imported_where(path: Path) -> None:
    names = {n.split(".")[0] for n in imports_of(path)}
    room = path.relative_to(PACKAGE).parts[0]
    assert not any(n.startswith(("xlwings.pro", "xlwings.server")) for n in imports_of(path))
    assert "pickle" not in names
    if room != "hosts":
        assert "pyopenvba" not in names
    if path.name not in ("addin.py", "driver.py"):
        assert not names & {"uno", "unohelper"}, "these two run in LibreOffice's own Python"
    if "xlwings" in names:
        assert room == "hosts"
    if "xlsxwriter" in names:
        assert room == "workbooks"
    only = {"requests": "http.py", "urllib3": "http.py", "truststore": "http.py", "yfinance": "yahoo.py",
            "blpapi": "bloomberg.py", "filelock": "atomic.py"}  # fmt: skip
    for name, file in only.items():
        assert name not in names or path.name == file, f"{name} is imported in {file} alone"
    for name, rooms in {
        "pandas": ("face", "estimators.py"),
        "sklearn": ("estimators.py",),
        "matplotlib": ("face",),
    }.items():
        assert name not in names or room in rooms, f"{name} is for {rooms}, never on a cell's way"
    if "openpyxl" in names:
        assert room in ("formulas", "workbooks") or path.name == "workbook.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 800, "what second thing does this file do?"


def test_the_face_imports_numpy_and_little_else() -> None:
    code = "import sys, xl_smallcap; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    heavy = {
        "scipy",
        "pandas",
        "sklearn",
        "statsmodels",
        "xlwings",
        "xlsxwriter",
        "rich",
        "pyopenvba",
        "openpyxl",
        "requests",
    }
    assert not loaded & heavy


def test_groups_of_tests_reach_xdist(request: pytest.FixtureRequest) -> None:
    """What shares an office or a home runs in one worker; a silent failure of that costs minutes."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@tests/test_architecture")


def _after_one_cell() -> set[str]:
    """Modules of a fresh process that has answered one cell."""
    code = (
        "import sys\nfrom xl_smallcap.functions.cells import evaluate\n"
        "assert evaluate('RUSSELL_BETA', ('growth',)).value\n"
        "print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_a_cold_cell_stays_light() -> None:
    """The first cell needs scipy.special for Student's t and nothing else that is heavy, and few modules of ours."""
    loaded = _after_one_cell()
    assert "numpy" in loaded
    ours = {name for name in loaded if name.partition(".")[0] == "xl_smallcap"}
    assert len(ours) <= 45, sorted(ours)
    heavy = "scipy.stats pandas sklearn xlwings xlsxwriter rich requests urllib3 openpyxl filelock"
    assert not loaded & set(heavy.split())
    assert not _after_one_cell() & {"scipy", "numpy.ma", "importlib.metadata"}, "with the fit on disk"
