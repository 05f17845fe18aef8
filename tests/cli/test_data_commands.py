"""``xl-smallcap data``: what it prints, what it leaves, and how it exits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from tests.cli.test_cli import program
from tests.live.loopback import Loopback, World
from xl_smallcap import cli
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.session import use_session

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def server() -> Iterator[Loopback]:
    made = Loopback(World())
    yield made
    made.close()


@pytest.fixture
def home(tmp_path: Path, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, value in server.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    use_session(None)
    yield tmp_path / "home"
    use_session(None)


def run(*arguments: str) -> int:
    use_session(None)
    return cli.main(["data", *arguments])


def test_refresh_says_what_came_and_exits_by_it(home: Path, server: Loopback, capsys: Capture) -> None:
    assert run("refresh", "--series", "DGS2", "--series", "CPIAUCSL") == 3, "the default model lacks series"
    output = capsys.readouterr()
    assert "DGS2" in output.out
    assert "now CURRENT" in output.out
    assert "default model cannot be computed" in output.err
    assert run("refresh", "--series", "DGS2") == 3
    assert "Nothing is new: snapshot fred" in capsys.readouterr().out
    server.faults["*"] = "500"
    assert run("refresh") == 1
    output = capsys.readouterr()
    assert "DGS2: FRED, series DGS2" in output.err
    assert "Kept: to 2025-12-31" in output.err
    assert "Nothing could be fetched; snapshot fred" in output.err
    assert "DGS10: FRED, series DGS10" in output.err
    assert "TFF_RUT_OI and 11 more: CFTC, RUT" in output.err, "one line a report"
    assert run("refresh", "--source", "fret") == 2
    assert "Unknown source 'fret'. Did you mean 'fred'?" in capsys.readouterr().err
    assert run("refresh", "--frobnicate") == 2
    capsys.readouterr()


def test_a_whole_refresh_exits_0_and_is_ready_for_the_cells(
    home: Path, server: Loopback, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for name in ("RUT", "GSPC", *(f"XL{c}_ADJ" for c in "IYBFUPV")):
        rows = "".join(f"{d},{v}\n" for d, v in server.world.rows(name) if d > "2023-06")
        (folder / f"{name}.csv").write_text("date,value\n" + rows)
    load(Store(home / "store"), str(folder), lambda *_: None)
    monkeypatch.setenv("XL_SMALLCAP_PRECOMPUTE", "1")
    monkeypatch.setenv("XL_SMALLCAP_NOISE_DRAWS", "100")
    wanted = ("T5YIE", "DGS2", "DTWEXBGS", "DCOILWTICO")
    assert run("refresh", *(a for s in wanted for a in ("--series", s))) == 0
    capsys.readouterr()
    assert cli.main(["call", 'RUSSELL_FAIR_VALUE_HISTORY("relative",,,"levels")', "--json"]) == 0
    table = json.loads(capsys.readouterr().out)["table"]
    column = table[0].index("noise_percentile")
    assert all(isinstance(row[column], float) for row in table[1:]), "computed by the refresh, not by the cell"
    assert run("refresh", "--series", "DGS2", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["changed"] is False
    assert report["series"] == [
        {"series": "DGS2", "source": "fred", "outcome": "unchanged", "added": 0, "revised": 0, "last": "2025-12-31",
         "told": "", "unreachable": []}
    ]  # fmt: skip
    assert run("status") == 0
    status = capsys.readouterr().out
    assert "Newest observation: 2025-12-31" in status
    assert "days ago" in status


def test_history_diff_use_prune_export(home: Path, server: Loopback, capsys: Capture, tmp_path: Path) -> None:
    run("refresh", "--series", "DGS2", "--series", "BAMLH0A0HYM2")
    first = Store(home / "store").current()
    assert first is not None
    server.world.changed["DGS2"] = {"2025-12-30": 9.99}
    run("refresh", "--series", "DGS2")
    second = Store(home / "store").current()
    assert second is not None
    capsys.readouterr()
    assert run("history", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["table"]
    assert {r[0] for r in rows[1:]} == {first, second}
    assert next(r for r in rows if r[0] == second)[-1] == "CURRENT"
    assert next(r for r in rows if r[0] == second)[2] == first
    assert next(r for r in rows if r[0] == second)[5] == "refresh: 1 updated, revised: DGS2"
    assert run("diff", first[:6], "--json") == 0
    table = json.loads(capsys.readouterr().out)["table"]
    assert [r[:6] for r in table[1:]] == [["DGS2", "revised", 0, 0, 1, "2025-12-30"]]
    assert run("use", first[:6]) == 0
    assert Store(home / "store").current() == first
    capsys.readouterr()
    assert run("export", str(tmp_path / "out")) == 3, "some were left out"
    said = capsys.readouterr()
    assert "Written: 1 series" in said.out
    assert "Left out: BAMLH0A0HYM2, restricted: ICE BofA, by way of fred." in said.err
    assert (tmp_path / "out" / "DGS2.csv").exists()
    assert run("export", str(tmp_path / "in"), "--inside", "--snapshot", second) == 0
    assert "9.99,2" in (tmp_path / "in" / "DGS2.csv").read_text(), "with the moment the revision was seen"
    capsys.readouterr()
    assert run("prune", "--keep", "0") == 0
    assert second in capsys.readouterr().out
    assert Store(home / "store").snapshots() == [first]


def test_load_a_sheet_beside_what_is_there(home: Path, server: Loopback, capsys: Capture, tmp_path: Path) -> None:
    run("refresh", "--series", "DGS2")
    book = openpyxl.Workbook()
    book.active.title = "Data"
    for row in (["date", "SHORT_INTEREST"], ["2025-12-30", 5.5], ["2025-12-31", 5.6]):
        book.active.append(row)
    book.save(tmp_path / "book.xlsx")
    capsys.readouterr()
    assert run("load", str(tmp_path / "book.xlsx"), "--sheet", "Data", "--range", "A1:B3", "--add") == 3
    assert "Snapshot fred+workbook" in capsys.readouterr().out
    assert Store(home / "store").open().ids == ("DGS2", "SHORT_INTEREST")


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX signal")
def test_ctrl_c_stops_at_once_and_keeps_what_came(home: Path, server: Loopback) -> None:
    server.latency = 0.3
    running = subprocess.Popen(
        [sys.executable, "-m", "xl_smallcap", "data", "refresh"], env=dict(os.environ), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    end = time.monotonic() + 20
    while not (home / "store" / "pending.json").exists() and time.monotonic() < end:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, err = running.communicate(timeout=20)
    assert running.returncode == 1
    assert err.strip() == "Stopped; what came is kept: refresh again to go on."
    assert out == ""
    assert time.monotonic() - began < 10
    assert Store(home / "store").current() is None


def test_a_fresh_home_without_a_network(tmp_path: Path) -> None:
    """What a user sees whose desk has no way out: sentences, exit 1, nothing written that is in the way."""
    closed = {"XL_SMALLCAP_FRED_URL": "http://127.0.0.1:9", "XL_SMALLCAP_SOURCES": "fred", "XL_SMALLCAP_RETRIES": "0"}
    before = {k: os.environ.get(k) for k in closed}
    os.environ.update(closed)
    try:
        done = program(tmp_path / "home", "data", "refresh")
    finally:
        for k, v in before.items():
            os.environ.pop(k) if v is None else os.environ.update({k: v})
    assert done.returncode == 1
    assert "nobody answers there (connection refused)" in done.stderr
    assert "Nothing could be fetched, and there was nothing before." in done.stderr
    assert "Traceback" not in done.stderr
