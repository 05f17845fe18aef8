"""Benchmarks of the hidden Markov kernels against hmmlearn in the same run; ratios, never gates.

Run ``python -m pytest benchmarks/test_regimes.py -s``. At equal starts both run until a step gains less than 1e-6 in
log likelihood (hmmlearn also stops when a step loses, which ours never do), and the likelihoods are compared.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM

from benchmarks.timing import median_time, report
from xl_smallcap.analyses.regimes.record import regime_history
from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.models import regimes as hidden
from xl_smallcap.models.kernels.hidden_markov import filtered, log_emission
from xl_smallcap.session import Session
from xl_smallcap.types import FloatArray

ITERATIONS, TOLERANCE = 300, 1e-6


def series(times: int, states: int, dims: int) -> FloatArray:
    rng = np.random.default_rng(3)
    mean, z = 2.0 * rng.standard_normal((states, dims)), 0
    out = np.empty((times, dims))
    for t in range(times):
        z = z if rng.random() < 0.95 else int(rng.integers(states))
        out[t] = mean[z] + (0.5 + 0.3 * z) * rng.standard_normal(dims)
    return out


def by_hmmlearn(x: FloatArray, begin: Any, k: int) -> float:
    states = begin.mean.shape[0]
    model = GaussianHMM(
        states, "full", n_iter=ITERATIONS, tol=TOLERANCE, init_params="", covars_prior=0, covars_weight=0, min_covar=0
    )
    model.startprob_, model.transmat_ = begin.start[:, k], begin.transition[..., k]
    model.means_, model.covars_ = begin.mean[..., k], begin.covariance[..., k]
    model.fit(x)
    return float(model.monitor_.history[-1])


@pytest.mark.parametrize(("times", "states", "dims"), [(300, 2, 1), (1000, 3, 2), (5000, 3, 2)])
def test_em_from_equal_starts(times: int, states: int, dims: int) -> None:
    x, count = series(times, states, dims), 10
    lengths = np.array([times])
    wide, long = np.repeat(x[..., None], count, axis=-1), np.repeat(lengths, count)

    def ours() -> FloatArray:
        begin = hidden.starts(x[..., None], states, count, 7)
        return hidden.improve(wide, long, begin, ITERATIONS, TOLERANCE)[1]

    def peer() -> FloatArray:
        begin = hidden.starts(x[..., None], states, count, 7)
        return np.array([by_hmmlearn(x, begin, k) for k in range(count)])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine, theirs = ours(), peer()
        same = np.abs(mine - theirs) < 1e-3
        assert abs(mine.max() - theirs.max()) < 1e-5 * abs(theirs.max())
        assert same.mean() >= 0.8, "the same optimum from the same start"
        began = time.perf_counter()
        peer()
        taken = time.perf_counter() - began
    report(
        f"EM of T={times:,}, {states} states, {dims} dimensions, {count} equal starts ({same.mean():.0%} end at the "
        f"same likelihood to 1e-3, best differs by {abs(mine.max() - theirs.max()):.0e})",
        median_time(ours, 3), {"hmmlearn": taken},
    )  # fmt: skip


def test_against_the_starts_of_hmmlearn() -> None:
    """Ten starts as hmmlearn makes them (k-means, a seed each), once to convergence and once with its 10 steps."""
    x, count = series(5000, 3, 2), 10

    def ours() -> hidden.Fit:
        return hidden.fit(x[..., None], np.array([5000]), 3, count, 7)

    def peer(**more: Any) -> tuple[float, float]:
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            best = max(float(GaussianHMM(3, random_state=seed, **more).fit(x).score(x)) for seed in range(count))
        return best, time.perf_counter() - began

    best = float(ours().log_likelihood[0])
    whole, taken = peer(covariance_type="full", n_iter=ITERATIONS, tol=TOLERANCE)
    plain, short = peer()
    assert best >= max(whole, plain) - 1e-3, "never a worse fit"
    report(
        f"T=5,000, {count} starts to convergence, log likelihood {best:.2f}; hmmlearn's own starts to convergence "
        f"{whole:.2f}, and as it comes (diagonal, 10 steps) {plain:.2f}",
        median_time(ours, 3), {"its own starts": taken, "as it comes": short},
    )  # fmt: skip


def test_filter() -> None:
    x = series(5000, 2, 1)
    model = hidden.fit(x[..., None], np.array([5000]), 2, 5, 7).parameters

    def ours() -> Any:
        return filtered(log_emission(x[..., None], model), model)

    peer = GaussianHMM(2, "full")
    peer.startprob_, peer.transmat_ = model.start[:, 0], model.transition[..., 0]
    peer.means_, peer.covars_ = model.mean[..., 0], model.covariance[..., 0]
    assert ours()[1][0] == pytest.approx(peer.score(x), rel=1e-9)
    report("filter of T=5,000", median_time(ours, 5), {"hmmlearn's score": median_time(lambda: peer.score(x), 5)})


@pytest.mark.parametrize("model", ["chains", "hmm"])
def test_whole_history(model: Any, tmp_path: Path) -> None:
    """Every month end of the sample refitted: no peer does this; seconds, and what a cell then takes."""
    load(Store(tmp_path / "store"), "sample", lambda *_: None)
    session = Session(load_settings(tmp_path))
    began = time.perf_counter()
    history = regime_history(session, model, None, lambda *_: None)
    taken = time.perf_counter() - began
    again = median_time(lambda: regime_history(session, model, None), 3)
    print(
        f"\nhistory of '{model}': {history.days.size} months, 20 starts: {taken:.2f} s; looked up {again * 1e3:.0f} ms"
    )
