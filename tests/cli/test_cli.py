"""The command line as a user has it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from xl_smallcap import cli
from xl_smallcap.cli import terminal
from xl_smallcap.functions import FUNCTIONS, RUSSELL_BETA, RUSSELL_BETAS
from xl_smallcap.session import Session, use_session
from xl_smallcap.workbooks import book


def program(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xl_smallcap", *arguments], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "XL_SMALLCAP_HOME": str(home), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _fresh_session() -> None:
    use_session(None)


def test_demo_on_an_empty_home(tmp_path: Path) -> None:
    done = program(tmp_path / "home", "demo", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "SAMPLE (synthetic)" in done.stdout
    for factor in ("growth", "inflation", "easing", "dollar", "oil"):
        assert f"\n{factor} " in done.stdout
    written = tmp_path / "out" / "xl_smallcap_demo.xlsx"
    assert zipfile.is_zipfile(written)
    answered = program(tmp_path / "home", "call", 'RUSSELL_BETA("inflation")')
    assert float(answered.stdout) == pytest.approx(RUSSELL_BETA("inflation"), rel=1e-12)


def test_the_demo_leaves_own_data_current(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(tmp_path / "home"))
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "daily.csv").write_text("date,RUT\n2025-01-02,1\n2025-01-03,2\n")
    assert cli.main(["data", "load", str(folder)]) == 3, "loaded, but the default model lacks series"
    said = capsys.readouterr()
    mine = said.out
    assert "default model cannot be computed" in said.err
    assert "XLI" in said.err or "no series" in said.err
    assert "folder" in mine
    monkeypatch.setattr(book, "build_workbook", lambda path, **_: path)  # the page is the test's above
    assert cli.main(["demo", "--out", str(tmp_path / "out")]) == 0
    assert "Your own data stay CURRENT" in capsys.readouterr().out
    assert cli.main(["call", "RUSSELL_SNAPSHOT()"]) == 0
    assert capsys.readouterr().out.strip() in mine


def test_load_status_use_and_exit_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(tmp_path / "home"))
    assert cli.main(["call", "RUSSELL_ASOF()"]) == 1
    assert "No data are loaded yet" in capsys.readouterr().err
    assert cli.main(["data", "status"]) == 1
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "daily.csv").write_text("date,RUT\n2025-01-02,1\n2025-01-03,2\n")
    (folder / "other.csv").write_text("who,what\nme,this\n")
    assert cli.main(["data", "load", str(folder)]) == 3, "partial: a file was left out"
    said = capsys.readouterr()
    assert "Left out: other.csv" in said.err
    (folder / "daily.csv").write_text("date,RUT\n2025-01-02,1\n2025-01-03,x1\n")
    assert cli.main(["data", "load", str(folder)]) == 1
    assert "daily.csv, line 3, column 'RUT'" in capsys.readouterr().err
    assert cli.main(["data", "load", "sample"]) == 0
    capsys.readouterr()
    assert cli.main(["data", "status", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["table"]) == 54
    assert cli.main(["data", "status"]) == 0
    listed = capsys.readouterr().out
    assert "SAMPLE (synthetic)" in listed
    other = listed.split("Other snapshots: ")[1].split()[0]
    assert cli.main(["data", "use", other]) == 0
    assert cli.main(["data", "use", "nope"]) == 1
    assert "There is no snapshot 'nope'" in capsys.readouterr().err
    assert cli.main([]) == 2
    assert cli.main(["nonsense"]) == 2


def test_a_damaged_series_leaves_the_rest_and_says_partial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(tmp_path))
    assert cli.main(["data", "load", "sample"]) == 0
    manifest = json.loads(next((tmp_path / "store" / "snapshots").glob("*.json")).read_text())
    digest = manifest["series"]["DGS2"]["object"]
    path = tmp_path / "store" / "objects" / digest[:2] / f"{digest}.col"
    path.write_bytes(path.read_bytes()[:1000])
    use_session(None)
    assert cli.main(["data", "status"]) == 3
    capsys.readouterr()
    assert cli.main(["call", 'RUSSELL_BETA("easing")']) == 1
    assert "'DGS2'" in capsys.readouterr().err
    assert cli.main(["call", 'RUSSELL_FACTOR("oil")']) == 0
    assert cli.main(["data", "load", "sample"]) == 0
    use_session(None)
    assert cli.main(["call", 'RUSSELL_BETA("easing")']) == 0


def test_call_shows_tables_and_errors(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    use_session(session)
    assert cli.main(["call", "RUSSELL_BETAS()"]) == 0
    assert "growth_metals" in capsys.readouterr().out
    assert cli.main(["call", 'RUSSELL_BETA_HISTORY("growth")']) == 0
    assert "rows not shown" not in capsys.readouterr().out
    assert cli.main(["call", "2+2"]) == 1
    assert "Expected one call" in capsys.readouterr().err


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_table_on_a_terminal_is_whole(
    session: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Every column once, no number cut, no line wider than the terminal unless a single column is."""
    use_session(session)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    table = RUSSELL_BETAS()
    terminal.print_table(table)
    text = capsys.readouterr().out
    blocks = [b.splitlines() for b in text.strip().split("\n\n")]
    assert all(b[0].split()[0] == "factor" for b in blocks)
    assert sorted(h for b in blocks for h in b[0].split()[1:]) == sorted(str(h) for h in table[0][1:])
    for b in blocks:
        assert len(b) == len(table) + 1
        assert max(map(len, b)) <= width or len(b[0].split()) == 2
    assert f"{table[1][1]:.6g}" in text


def test_functions_lists_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["functions"]) == 0
    text = capsys.readouterr().out
    assert cli.main(["functions", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [f["name"] for f in listed] == [f.name for f in FUNCTIONS]
    for f in FUNCTIONS:
        assert f.usage in text
        assert f.help in text


@pytest.mark.parametrize(("target", "spec", "columns"), [
    ("relative", "macro", ["target (%)", "growth (%)", "inflation (bp)", "easing (bp)", "dollar (%)", "oil (%)"]),
    ("hedged", "macro",
     ["target (%)", "market (%)", "growth (%)", "inflation (bp)", "easing (bp)", "dollar (%)", "oil (%)"]),
])  # fmt: skip
def test_panel_is_exactly_what_a_fit_used(
    session: Session, capsys: pytest.CaptureFixture[str], target: str, spec: str, columns: list[str]
) -> None:
    use_session(session)
    options = ["panel", "--target", target, "--spec", spec, "--window", "104w", "--as-of", "2025-12-24"]
    assert cli.main(options) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == ["date", *columns]
    assert len(rows) == 105
    assert rows[-1][0] == "2025-12-19"
    data = np.array([r[1:] for r in rows[1:]], dtype=float)
    assert cli.main([*options, "--transformed"]) == 0
    moved = np.array([r[1:] for r in list(csv.reader(io.StringIO(capsys.readouterr().out)))[1:]], dtype=float)
    np.testing.assert_array_equal(moved[:, 0], data[:, 0])
    np.testing.assert_allclose(moved[:, 1:].std(axis=0, ddof=1), 1.0, rtol=1e-12)
    design = np.column_stack([np.ones(104), moved[:, 1:]])
    beta = np.linalg.lstsq(design, moved[:, 0], rcond=None)[0]
    place = columns.index("inflation (bp)")
    assert RUSSELL_BETA("inflation", target, "beta", "104w", "2025-12-24") == pytest.approx(beta[place], rel=1e-9)


def test_panel_to_a_file_with_its_notes(tmp_path: Path, session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    use_session(session)
    assert cli.main(["panel", "--out", str(tmp_path / "p.csv")]) == 0
    assert (tmp_path / "p.csv").read_text().startswith("date,target (%),growth (%)")
    assert cli.main(["panel", "--window", "99999"]) == 1


def test_workbook_build_and_libreoffice_oxt(tmp_path: Path, session: Session) -> None:
    assert cli.main(["workbook", "build", "--out", str(tmp_path / "book.xlsx")]) == 0
    assert cli.main(["libreoffice", "install", "--oxt", str(tmp_path / "a.oxt")]) == 0
    assert cli.main(["excel", "attach", str(tmp_path / "book.xlsx")]) == 0
    for name in ("book.xlsx", "a.oxt", "book.xlsm"):
        assert zipfile.is_zipfile(tmp_path / name)
    assert cli.main(["excel", "attach", str(tmp_path / "none.xlsx")]) == 1
