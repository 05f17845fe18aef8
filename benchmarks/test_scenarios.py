"""Benchmarks of scenarios: cells, Monte Carlo against plain numpy, entropy pooling against fortitudo.tech and skfolio.

Run ``python -m pytest benchmarks/test_scenarios.py -s``; the libraries come with the extra ``bench``. Ratios, no gates.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.timing import median_time, report
from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.functions.cells import evaluate
from xl_smallcap.models.projection import WEEKS_A_MONTH, condition_on, fit_factor_model, project, tail_df
from xl_smallcap.models.simulation import pool, simulate
from xl_smallcap.session import Session, use_session
from xl_smallcap.types import FloatArray

DRAWS, MONTHS, FACTORS = 100_000, 12, 8


def test_monte_carlo_against_plain_numpy() -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((104, FACTORS)) @ (np.eye(FACTORS) + 0.2)
    y = X @ rng.standard_normal(FACTORS) + rng.standard_normal(104)
    names = tuple("abcdefgh")
    model = fit_factor_model(y, X, names, np.zeros(FACTORS, dtype=bool))
    given = condition_on(model.covariance, np.zeros(FACTORS, dtype=bool), names)
    exact = project(model, given, np.zeros((MONTHS, 0)), MONTHS)

    def plain() -> FloatArray:
        """The same job as one writes it first: PCG64, whole arrays, one thread."""
        draw = np.random.Generator(np.random.PCG64(7))
        df = tail_df(1)
        betas = model.loading + draw.standard_normal((DRAWS, FACTORS)) @ np.linalg.cholesky(model.beta_covariance).T
        root = np.linalg.cholesky(WEEKS_A_MONTH * model.covariance).T
        scale = np.sqrt((df - 2) / draw.chisquare(df, (MONTHS, DRAWS)))
        factors = draw.standard_normal((MONTHS, DRAWS, FACTORS)) @ root * scale[:, :, None]
        noise = np.sqrt(WEEKS_A_MONTH * model.residual_variance) * scale * draw.standard_normal((MONTHS, DRAWS))
        return np.cumsum((factors * betas).sum(axis=2) + noise, axis=0)

    def normals() -> FloatArray:
        """Nothing but the 9.6 million normals, one thread."""
        return np.random.Generator(np.random.PCG64(7)).standard_normal((MONTHS, DRAWS, FACTORS))

    drawn = simulate(model, given, exact, 0, DRAWS, 7)
    for other in (drawn, plain()):
        assert np.allclose(other.var(axis=1), exact.variance, rtol=0.05)
    assert np.array_equal(drawn, simulate(model, given, exact, 0, DRAWS, 7, threads=1))
    ours = median_time(lambda: simulate(model, given, exact, 0, DRAWS, 7), 7)
    alone = median_time(lambda: simulate(model, given, exact, 0, DRAWS, 7, threads=1), 5)
    report(
        "1e5 x 12 x 8 Monte Carlo",
        ours,
        {"plain numpy": median_time(plain, 5), "its normals alone": median_time(normals, 5), "ours, one thread": alone},
    )


def test_entropy_pooling_against_libraries() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((DRAWS, 3)) @ (np.eye(3) + 0.2)
    A = np.vstack([X[:, 0], X[:, 1], X[:, 2] ** 2])
    views = A.mean(axis=1) + np.array([0.5, -0.3, 0.2]) * A.std(axis=1)
    sd = A.std(axis=1)

    def missed(q: FloatArray) -> float:
        return float(np.abs((A @ q - views) / sd).max())

    pooled = pool(A, views, ("a", "b", "c"))
    assert missed(pooled.weights) < 1e-9
    ours = median_time(lambda: pool(A, views, ("a", "b", "c")), 9)
    peers: dict[str, float] = {}
    try:
        from fortitudo.tech import entropy_pooling
    except ImportError:
        print("\nfortitudo.tech is not installed (extra bench)")
    else:
        prior = np.full((DRAWS, 1), 1.0 / DRAWS)
        left, right = np.vstack([np.ones(DRAWS), A]), np.concatenate([[1.0], views])[:, None]
        theirs = entropy_pooling(prior, left, right)[:, 0]
        assert np.abs(theirs - pooled.weights).max() < 1e-6 / 10
        print(f"\nmiss of a view in sd: ours {missed(pooled.weights):.1e}, fortitudo.tech {missed(theirs):.1e}")
        peers["fortitudo.tech"] = median_time(lambda: entropy_pooling(prior, left, right), 7)
    try:
        from skfolio.prior import EntropyPooling
    except ImportError:
        print("skfolio is not installed (extra bench)")
    else:
        # it knows views on moments of assets: three means, on fewer scenarios, and ours on the same
        few = X[:20_000]
        wanted = few.mean(axis=0) + np.array([0.5, -0.3, 0.2]) * few.std(axis=0)
        words = [f"{n} == {v!r}" for n, v in zip("abc", wanted.tolist(), strict=True)]
        import pandas as pd

        frame = pd.DataFrame(few, columns=list("abc"))

        def skfolio() -> Any:
            return EntropyPooling(mean_views=words).fit(frame)

        weights = skfolio().return_distribution_.sample_weight
        same = pool(few.T.copy(), wanted, ("a", "b", "c"))
        miss = float(np.abs((few.T @ weights - wanted) / few.std(axis=0)).max())
        print(f"skfolio misses a view by {miss:.1e} sd, weights differ by {np.abs(weights - same.weights).max():.1e}")
        assert np.abs(weights - same.weights).max() < 1e-5
        mine = median_time(lambda: pool(few.T.copy(), wanted, ("a", "b", "c")), 9)
        report("entropy pooling, 20,000 scenarios, 3 means", mine, {"skfolio": median_time(skfolio, 3)})
    if peers:
        report("entropy pooling, 1e5 scenarios, 3 views", ours, peers)
    else:
        print(f"entropy pooling, 1e5 scenarios, 3 views: ours {ours * 1e3:.3g} ms")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home")
    load(Store(path / "store"), "sample", lambda *_: None)
    return path


def test_cells(home: Path) -> None:
    session = Session(load_settings(home))
    use_session(session)
    arguments = ["goldman", "relative", "prob_outperform"]
    first = evaluate("RUSSELL_SCENARIO", arguments)
    assert first.code is None
    n = 20_000
    began = time.perf_counter()
    for _ in range(n):
        evaluate("RUSSELL_SCENARIO", arguments)
    warm = (time.perf_counter() - began) / n
    cold = []
    cache = session.settings.cache_dir
    for stat in ("mean", "prob_outperform", "all"):
        taken = []
        for _ in range(9):
            session.clear()
            for file in cache.glob("*/*.fit"):
                file.unlink()
            began = time.perf_counter()
            answer = evaluate("RUSSELL_SCENARIO", ["goldman", "relative", stat, 3])
            taken.append(time.perf_counter() - began)
            assert answer.code is None
        cold.append(f"{stat} {sorted(taken)[4] * 1e3:.2f} ms")
    shocks = [["inflation", 25.0, "bp"], ["growth", 1.0, "sd"]]
    evaluate("RUSSELL_PROJECTION", [shocks])
    began = time.perf_counter()
    for _ in range(1000):
        evaluate("RUSSELL_PROJECTION", [shocks])
    ranged = (time.perf_counter() - began) / 1000
    print(f"\nscenario cell warm {warm * 1e6:.2f} us; of a range {ranged * 1e6:.1f} us; cold {', '.join(cold)}")
    use_session(None)
