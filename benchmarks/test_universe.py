"""A universe with holes in it against statsmodels stock by stock; what a Dask cluster costs and when it pays."""

from __future__ import annotations

import time
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

from benchmarks.timing import median_time, once, report
from tests.analyses.test_universe_run import cluster, until_it_listens
from xl_smallcap.analyses.engines import run_blocks
from xl_smallcap.data.panel import period_ends
from xl_smallcap.models.inference import newey_west_lags
from xl_smallcap.models.universe import OK, Sampling, fit_universe
from xl_smallcap.types import DayArray, FloatArray

STOCKS, DAYS, FACTORS, WINDOW, BLOCK = 2300, 4500, 5, 250, 256
DAILY = Sampling(partial(period_ends, frequency="daily"), 10, 31, 10)


def world(stocks: int = STOCKS, n: int = DAYS, p: int = FACTORS) -> tuple[DayArray, FloatArray, FloatArray]:
    """Stocks of which a third came later, a twentieth went, and a tenth miss days of their own."""
    rng = np.random.default_rng(7)
    days = np.busday_offset("2005-01-03", np.arange(n), roll="forward")
    moves = rng.standard_normal((n, p))
    levels = np.cumsum(moves @ rng.standard_normal((p, stocks)) + 2.0 * rng.standard_normal((n, stocks)), axis=0)
    for j in range(stocks):
        if j % 3 == 0:
            levels[: int(rng.integers(0, n)), j] = np.nan
        if j % 20 == 1:
            levels[int(rng.integers(n // 2, n)) :, j] = np.nan
        if j % 10 == 2:
            levels[rng.random(n) < 0.02, j] = np.nan
    return days, np.cumsum(moves, axis=0), levels


@pytest.fixture(scope="module")
def universe() -> tuple[DayArray, FloatArray, FloatArray]:
    return world()


def alone(days: DayArray, factors: FloatArray, stock: FloatArray) -> Any:
    seen = np.isfinite(stock)
    y, X = np.diff(stock[seen])[-WINDOW:], np.diff(factors[seen], axis=0)[-WINDOW:]
    options = {"maxlags": newey_west_lags(WINDOW), "use_correction": True}
    return sm.OLS(y, sm.add_constant(X)).fit(cov_type="HAC", cov_kwds=options)


def test_last_day_and_month_ends(universe: tuple[DayArray, FloatArray, FloatArray]) -> None:
    days, factors, stocks = universe
    last = np.array([DAYS - 1])
    fit = fit_universe(days, factors, stocks, last, WINDOW, DAILY)
    fitted = np.flatnonzero(fit.status[0] == OK)
    picked = fitted[::20]
    for j in picked:
        expected = alone(days, factors, stocks[:, j])
        sd = fit.factor_sd[0, j]
        np.testing.assert_allclose(fit.params[0, j], expected.params[1:] * sd, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(fit.bse[0, j], expected.bse[1:] * sd, rtol=1e-8)
    theirs = once(lambda: [alone(days, factors, stocks[:, j]) for j in picked]) / (picked.size / fitted.size)
    report(
        f"universe, last day: {fitted.size} of {STOCKS} stocks, a tenth with days missing (peer on 5 %, extrapolated)",
        median_time(lambda: fit_universe(days, factors, stocks, last, WINDOW, DAILY), 7),
        {"statsmodels": theirs},
    )
    ends = np.arange(WINDOW + 20, DAYS, 21)
    began = time.perf_counter()
    monthly = fit_universe(days, factors, stocks, ends, WINDOW, DAILY)
    ours = time.perf_counter() - began
    fits = int((monthly.status == OK).sum())
    report(f"universe, {ends.size} month ends: {fits:,} fits", ours, {"statsmodels": theirs / fitted.size * fits})


def test_peak_memory(universe: tuple[DayArray, FloatArray, FloatArray]) -> None:
    days, factors, stocks = universe
    ends = np.arange(WINDOW + 20, DAYS, 210)
    block = np.ascontiguousarray(stocks[:, :BLOCK])
    peaks = []
    for part, months in ((block, ends), (stocks, ends[-1:]), (stocks, ends)):
        tracemalloc.start()
        fit_universe(days, factors, part, months, WINDOW, DAILY)
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        tracemalloc.stop()
    print(f"  data {stocks.nbytes / 1e6:.0f} MB; beside it: {BLOCK} stocks, {ends.size} month ends {peaks[0]:.0f} MB;")
    print(f"  all {STOCKS} stocks: last day {peaks[1]:.0f} MB, {ends.size} month ends {peaks[2]:.0f} MB")
    assert peaks[2] < 4 * peaks[1], "a day after another, not all at once"


def nothing(shared: Any, number: int) -> int:
    return number


def test_what_dask_costs(universe: tuple[DayArray, FloatArray, FloatArray], tmp_path: Path) -> None:
    days, factors, stocks = universe
    ends = np.arange(WINDOW + 20, DAYS, 21)
    blocks = {
        n: (np.ascontiguousarray(stocks[:, k : k + BLOCK]), ends, WINDOW, DAILY)
        for n, k in enumerate(range(0, STOCKS, BLOCK))
    }
    with cluster(tmp_path) as made:
        until_it_listens(made.address)
        list(run_blocks(nothing, (0,), {0: (0,)}, "dask", made.address))
        connect = once(lambda: list(run_blocks(nothing, (0,), {0: (0,)}, "dask", made.address)))
        many = once(lambda: list(run_blocks(nothing, (0,), {k: (k,) for k in range(200)}, "dask", made.address)))
        once(lambda: list(run_blocks(fit_universe, (days, factors), blocks, "dask", made.address)))
        dask = once(lambda: dict(run_blocks(fit_universe, (days, factors), blocks, "dask", made.address)))
        theirs = dict(run_blocks(fit_universe, (days, factors), blocks, "dask", made.address))
    ours = dict(run_blocks(fit_universe, (days, factors), blocks, "threads"))
    threads = median_time(lambda: list(run_blocks(fit_universe, (days, factors), blocks, "threads")), 3)
    for n, fit in ours.items():
        np.testing.assert_array_equal(fit.params, theirs[n].params)
        np.testing.assert_array_equal(fit.bse, theirs[n].bse)
    each = (many - connect) / 199
    print(f"  connect and one empty block {connect * 1e3:.0f} ms; each further one {each * 1e3:.1f} ms")
    print(f"  {ends.size} month ends x {STOCKS} stocks: threads {threads:.2f} s, two local Dask workers {dask:.2f} s")


def test_towards_ten_thousand_assets() -> None:
    """One block of 256 stocks with 50 factors over 40 years of month ends; the rest is multiplication."""
    days, factors, stocks = world(BLOCK, 10_080, 50)
    ends = np.arange(520, 10_080, 21)
    seconds = once(lambda: fit_universe(days, factors, stocks, ends, 500, DAILY))
    whole = seconds * 10_000 / BLOCK
    print(f"  256 stocks x {ends.size} month ends x 50 factors: {seconds:.1f} s; 10,000 stocks {whole / 60:.1f} min")
