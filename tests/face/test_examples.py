"""What is shown runs: the README's Python section, the scripts, the notebooks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from xl_smallcap.face import Data

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def test_there_are_five_scripts_and_two_notebooks() -> None:
    assert (len(SCRIPTS), len(NOTEBOOKS)) == (5, 2)


@pytest.fixture
def environment(data: Data, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(data.session.settings.home))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    return dict(os.environ)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_a_script(path: Path, environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)], env=environment, cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 5
    assert list(tmp_path.iterdir()) == []


def outputs_of(book: Any) -> list[list[str]]:
    """What each code cell shows, as text."""
    cells = [c for c in book.cells if c.cell_type == "code"]
    return [[o["data"].get("text/plain", "") for o in c.outputs if "data" in o] for c in cells]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook(path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MPLBACKEND")  # pictures stand in the notebook
    book: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat ships no types
    shown = outputs_of(book)
    NotebookClient(book, timeout=120, kernel_name="python3").execute()
    assert outputs_of(book) == shown, "run it anew and save its output"


def test_the_readmes_python_section_in_six_lines(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    monkeypatch.setenv("XL_SMALLCAP_HOME", str(data.session.settings.home))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    match = re.search(r"<!-- the Python section -->\n```python\n(.*?)```", text, re.S)
    assert match is not None
    lines = [line for line in match.group(1).splitlines() if line.strip()]
    assert len(lines) == 6
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)  # noqa: S102 - runs the README's six lines, a file of ours
    assert names["betas"].index.names == ["window", "factor"]
    assert 0.0 < names["odds"] < 1.0
    assert names["panel"].shape == (250, 6)
    pyplot.close("all")
