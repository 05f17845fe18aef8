"""A universe to a file: the same bits by threads and on a Dask cluster, stopped, killed and resumed."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from xl_smallcap.analyses import universe
from xl_smallcap.analyses.universe import UniverseQuestion, run_universe
from xl_smallcap.config import load_settings
from xl_smallcap.errors import BadArgumentError, EngineError
from xl_smallcap.functions import RUSSELL_BETAS
from xl_smallcap.models.universe import fit_universe
from xl_smallcap.session import Session
from xl_smallcap.types import Window


class StopError(Exception):
    pass


@pytest.fixture
def own(sample_home: Path, tmp_path: Path) -> Session:
    """The sample's store with a cache folder of the test's own."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "store").symlink_to(sample_home / "store")
    return Session(load_settings(tmp_path / "home"))


def question(opened: Session, **more: Any) -> UniverseQuestion:
    spec, window = opened.catalogue.spec("macro"), Window(250, "daily")
    defaults: dict[str, Any] = {"spec": spec, "window": window, "as_of": None, "monthly": False, "index": None}
    return UniverseQuestion(**{**defaults, **more})


def quiet(*_: Any) -> None:
    return None


def test_a_row_is_what_the_cell_says(own: Session, session: Session, tmp_path: Path) -> None:
    report = run_universe(own, question(own), tmp_path / "u.csv", quiet)
    assert (report.stocks, report.days, report.fits) == (100, 1, 99)
    assert report.statuses == {"ok": 99, "no price of late": 1}
    with (tmp_path / "u.csv").open(encoding="utf-8") as handle:
        rows = {r["ticker"]: r for r in csv.DictReader(handle)}
    for ticker in ("SML01", "SML58", "LRG40"):  # the second misses every 37th day
        table = RUSSELL_BETAS(ticker, as_of="2025-12-31")
        cells = {str(r[0]): dict(zip(table[0], r, strict=True)) for r in table[1:]}
        for name in ("growth", "inflation", "easing", "dollar", "oil"):
            assert float(rows[ticker][f"beta_{name}"]) == pytest.approx(cells[name]["beta"], rel=1e-10, abs=1e-13)
            assert float(rows[ticker][f"se_{name}"]) == pytest.approx(cells[name]["se"], rel=1e-9)
        assert float(rows[ticker]["rsquared"]) == pytest.approx(cells["growth"]["rsquared"], rel=1e-10)
        assert rows[ticker]["first_date"] == str(cells["growth"]["first_date"])
    assert rows["SML60"]["status"] == "no price of late"
    assert rows["SML60"]["beta_growth"] == ""
    assert rows["SML07"]["name"] == "Small Sample 7"


def test_monthly_history_in_parquet(own: Session, tmp_path: Path) -> None:
    report = run_universe(own, question(own, monthly=True, index="russell"), tmp_path / "u.parquet", quiet)
    frame = pl.read_parquet(tmp_path / "u.parquet")
    membership = "Russell 2000 members of 2025-11-28 applied to earlier month ends: survivors only"
    assert report.membership == membership, "the list of the day comes out the day after"
    assert set(frame["membership"]) == {membership}
    assert frame.height == report.stocks * report.days
    assert frame.filter(pl.col("status") == "ok").height == report.fits
    last = run_universe(own, question(own, index="russell"), tmp_path / "last.parquet", quiet)
    assert last.fits == 59
    day = frame.filter(pl.col("date") == pl.lit("2025-12-31").str.to_date()).drop("suspect_price", "membership")
    assert day.equals(pl.read_parquet(tmp_path / "last.parquet").drop("suspect_price", "membership"))
    listed = frame.filter(pl.col("ticker") == "SML59")
    assert set(listed["status"]) == {"no price by then", "too few observations", "ok"}
    jumped = frame.filter(pl.col("suspect_price"))
    assert set(jumped["ticker"]) == {"SML07"}, "70 log % is the factor 2 of a split, and nobody else's price is suspect"


def test_stopped_and_resumed(own: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(universe, "BLOCK", 10)
    whole = run_universe(own, question(own), tmp_path / "whole.csv", quiet)
    assert (whole.blocks, whole.resumed) == (10, 0)
    seen: list[int] = []

    def stop(_: str, done: int, total: int) -> None:
        seen.append(done)
        if done == 4:
            raise StopError

    with pytest.raises(StopError):
        run_universe(own, question(own), tmp_path / "u.csv", stop)
    assert not (tmp_path / "u.csv").exists()
    kept = sorted(own.settings.cache_dir.rglob("block-*.fit"))
    assert len(kept) == 4
    kept[1].write_bytes(kept[1].read_bytes()[:-5])  # killed while writing
    report = run_universe(own, question(own), tmp_path / "u.csv", quiet)
    assert report.resumed == 3
    assert (tmp_path / "u.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not list(own.settings.cache_dir.rglob("block-*.fit"))
    with pytest.raises(StopError):
        run_universe(own, question(own), tmp_path / "v.csv", stop)
    other = run_universe(own, question(own, window=Window(120, "daily")), tmp_path / "w.csv", quiet)
    assert other.resumed == 0, "another question has blocks of its own"


def test_what_is_refused(own: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadArgumentError, match=r"--out must end in \.parquet or \.csv; got 'u\.xlsx'"):
        run_universe(own, question(own), tmp_path / "u.xlsx", quiet)
    with pytest.raises(BadArgumentError, match="There is no folder"):
        run_universe(own, question(own), tmp_path / "no" / "u.csv", quiet)
    with pytest.raises(BadArgumentError, match="Window 12 is too short"):
        run_universe(own, question(own, window=Window(12, "daily")), tmp_path / "u.csv", quiet)
    with pytest.raises(BadArgumentError, match="needs the address of a scheduler"):
        run_universe(own, question(own), tmp_path / "u.csv", quiet, "dask")
    with pytest.raises(BadArgumentError, match="--scheduler is for --engine dask"):
        run_universe(own, question(own), tmp_path / "u.csv", quiet, "threads", "tcp://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(BadArgumentError, match="or write a .csv"):
        run_universe(own, question(own), tmp_path / "u.parquet", quiet)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EngineError, match=r'pip install "xl_smallcap\[dask\]"'):
        run_universe(own, question(own), tmp_path / "u.csv", quiet, "dask", "tcp://127.0.0.1:1")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Cluster:
    """A real Dask cluster of this machine: a scheduler and workers, each a process."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.folder = folder
        port = self.address.rpartition(":")[2]
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        self.workers = [self._worker() for _ in range(workers)]

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *arguments]
        # the worker of the test below must find this module
        python_path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        return subprocess.Popen(
            command, cwd=self.folder, env={**os.environ, "PYTHONPATH": python_path}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny")

    def close(self) -> None:
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait(10)


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    made = Cluster(folder, workers)
    try:
        yield made
    finally:
        made.close()


def until_it_listens(address: str) -> None:
    host, port = address.removeprefix("tcp://").split(":")
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the scheduler did not come up")


def test_two_workers_give_the_same_bits(own: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(universe, "BLOCK", 20)
    query = question(own, monthly=True)
    run_universe(own, query, tmp_path / "threads.csv", quiet)
    with cluster(tmp_path) as made:
        until_it_listens(made.address)
        report = run_universe(own, query, tmp_path / "dask.csv", quiet, "dask", made.address)
    assert report.blocks == 5
    assert (tmp_path / "dask.csv").read_bytes() == (tmp_path / "threads.csv").read_bytes()


def test_a_cluster_that_dies_in_mid_run_loses_nothing(
    own: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(universe, "BLOCK", 5)
    monkeypatch.setattr(universe, "fit_universe", slow_fit)
    query = question(own, monthly=True)
    with cluster(tmp_path) as made:
        until_it_listens(made.address)

        def kill(_: str, done: int, total: int) -> None:
            if done >= 2:
                made.close()

        with pytest.raises(EngineError, match="went away .* after . of 20 blocks. What was done is kept"):
            run_universe(own, query, tmp_path / "u.csv", kill, "dask", made.address)
    assert not (tmp_path / "u.csv").exists()
    monkeypatch.setattr(universe, "fit_universe", fit_universe)
    report = run_universe(own, query, tmp_path / "u.csv", quiet)
    assert 2 <= report.resumed < 20
    run_universe(own, query, tmp_path / "whole.csv", quiet)
    assert (tmp_path / "u.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def slow_fit(*arguments: Any) -> Any:
    time.sleep(0.5)
    return fit_universe(*arguments)


def test_no_scheduler_and_no_worker(own: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xl_smallcap.analyses import engines

    monkeypatch.setattr(engines, "_CONNECT_SECONDS", 2.0)
    nobody = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(EngineError, match=f"There is no Dask scheduler at '{nobody}'"):
        run_universe(own, question(own), tmp_path / "u.csv", quiet, "dask", nobody)
    with cluster(tmp_path, workers=0) as made:
        until_it_listens(made.address)
        with pytest.raises(EngineError, match="has no worker. Start some: 'dask worker"):
            run_universe(own, question(own), tmp_path / "u.csv", quiet, "dask", made.address)


def test_the_command(sample_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from xl_smallcap.cli import main

    out = tmp_path / "u.parquet"
    assert main(["universe", "--out", str(out), "--index", "sp500", "--window", "104w", "--as-of", "2025-06-30"]) == 0
    output = capsys.readouterr().out
    assert "40 stocks x 1 day(s), 40 fits" in output
    assert "S&P 500 members of 2025-05-30" in output or "S&P 500 members of 2025-06-30" in output
    assert np.isfinite(pl.read_parquet(out)["beta_oil"].to_numpy()).all()
    assert main(["universe", "--out", str(tmp_path / "u.csv"), "--engine", "spark"]) == 1
    assert "Unknown engine 'spark'" in capsys.readouterr().err
