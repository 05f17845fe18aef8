"""Benchmarks of levels and of the days of news, against statsmodels and the permutation as one writes it first.

Run ``python -m pytest benchmarks/test_news.py -s``, with XL_SMALLCAP_HOME set for one's own data. Ratios, no gates.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm

from benchmarks.timing import median_time, once, report
from xl_smallcap.analyses import events
from xl_smallcap.config import home_dir, load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.functions.cells import evaluate
from xl_smallcap.models.events import permutation_pvalue
from xl_smallcap.models.fair_value import random_walks
from xl_smallcap.models.levels import walk_betas
from xl_smallcap.session import Session, use_session
from xl_smallcap.types import FloatArray, Method

REPEATS = 5
"""Runs of everything that is cold, a fresh session and an empty cache each; the worst is told."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    own = home_dir()
    if (own / "store" / "CURRENT").is_file():
        return own
    made = tmp_path_factory.mktemp("home")
    load(Store(made / "store"), "sample", lambda *_: None)
    return made


def cold(home: Path, tmp_path: Path, name: str, *arguments: object) -> float:
    """Seconds of a cell in a warm process with nothing cached: modules and code are there, no fit is."""
    import shutil

    folder = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    shutil.copytree(home / "store", folder / "store", ignore=shutil.ignore_patterns("cache"))
    use_session(Session(load_settings(folder)))
    evaluate("RUSSELL_SNAPSHOT", ())
    taken = once(lambda: evaluate(name, arguments))
    assert evaluate(name, arguments).code is None, evaluate(name, arguments).message
    return taken


@pytest.mark.parametrize(
    ("what", "name", "arguments", "limit"),
    [
        ("event betas of every kind but the permutation", "RUSSELL_EVENT_BETA", ("easing", "relative"), 0.05),
        ("permutation", "RUSSELL_EVENT_BETA",
         ("easing", "relative", "permutation_pvalue", "cpi-payrolls"), 1.5),
        ("table of event betas, permutation included", "RUSSELL_EVENT_BETAS", (), 1.55),
        ("levels with walks", "RUSSELL_BETA",
         ("growth", "russell", "noise_share", None, None, None, "levels"), 0.3),
        ("percentile, changes", "RUSSELL_BETA", ("growth", "russell", "percentile"), 2.0),
        ("history of percentiles, levels", "RUSSELL_BETA_HISTORY",
         ("growth", "russell", None, None, None, "levels"), 2.0),
        ("claims", "RUSSELL_CLAIMS", (), 9.0),
    ],
)  # fmt: skip
def test_cold_cells(
    home: Path, tmp_path: Path, what: str, name: str, arguments: tuple[object, ...], limit: float
) -> None:
    taken = [cold(home, tmp_path, name, *arguments) for _ in range(REPEATS + 1)][1:]  # the first imports modules
    print(f"\n{what}: worst {max(taken) * 1e3:.0f} ms, best {min(taken) * 1e3:.0f} ms (asked for: {limit * 1e3:.0f})")


def test_event_slopes_against_statsmodels(home: Path) -> None:
    session = Session(load_settings(home))
    panel = events.news_panel(session, "easing", session.catalogue.targets["relative"], None, None)
    kinds = ("cpi", "payrolls", "fomc", "other")
    rows = {k: np.array([kind == k for kind in panel.kinds]) for k in kinds}

    def fit(y: FloatArray, *columns: FloatArray) -> tuple[float, float]:
        done = sm.OLS(y, sm.add_constant(np.column_stack(columns))).fit(cov_type="HC3", use_t=True)
        return float(done.params[1]), float(done.bse[1])

    def theirs() -> dict[str, tuple[float, float]]:
        """The slope, what is held, and the slope without five days; not ranks and years, which ours has as well."""
        found = {}
        for kind, i in rows.items():
            y, x, market, growth = panel.y[i], panel.x[i], panel.market[i], panel.growth[i]
            there = np.isfinite(growth)
            fit(y, x, market)
            fit(y[there], x[there], growth[there])
            fit(y[there], x[there])
            rest = np.argsort(-np.abs((x - x.mean()) * (y - y.mean())))[5:]
            fit(y[rest], x[rest])
            found[kind] = fit(y, x)
        return found

    def ours() -> dict[str, tuple[float, float]]:
        found = {k: events.event_beta(panel, k, False).slope for k in kinds}
        return {k: (s.slope, s.bse) for k, s in found.items()}

    for kind, numbers in theirs().items():
        assert ours()[kind] == pytest.approx(numbers, rel=1e-9)
    report("slopes of four kinds, HC3", median_time(ours, 7), {"statsmodels": median_time(theirs, 7)})


def test_permutation_against_a_loop() -> None:
    rng = np.random.default_rng(3)
    n, draws = 470, 200
    x = rng.standard_normal(n)
    y, first, years = 0.3 * x + rng.standard_normal(n), rng.random(n) < 0.5, np.sort(rng.integers(1996, 2026, n))

    def t_of(labels: np.ndarray) -> float:
        fits = [
            sm.OLS(y[g], sm.add_constant(x[g])).fit(cov_type="HC3") for g in (labels, ~labels)
        ]  # fmt: skip
        return float((fits[0].params[1] - fits[1].params[1]) / np.hypot(fits[0].bse[1], fits[1].bse[1]))

    def plain() -> float:
        draw = np.random.default_rng(7)
        seen, as_large = abs(t_of(first)), 0
        for _ in range(draws):
            uniform, labels = draw.random(n), np.empty(n, dtype=bool)
            for year in np.unique(years):
                inside = np.flatnonzero(years == year)
                labels[inside] = first[inside][np.argsort(uniform[inside])]
            as_large += abs(t_of(labels)) >= seen
        return (1 + as_large) / (draws + 1)

    def ours() -> float:
        return permutation_pvalue(y, x, first, years, draws, 7)

    assert ours() == plain()
    report("200 exchanges of labels", median_time(ours, 5), {"statsmodels in a loop": once(plain)})


def test_walks_against_a_fit_each() -> None:
    rng = np.random.default_rng(5)
    Z = np.cumsum(rng.standard_normal((250, 5)), axis=0)
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0, ddof=1)
    walks = random_walks(250, 1000, 7)

    def theirs() -> np.ndarray:
        design = np.column_stack([np.ones(250), Z])
        return np.array([sm.OLS(walks[:, k], design).fit().params[1:] for k in range(1000)]).T

    def ours() -> np.ndarray:
        return walk_betas(Z, walks, Method("ols"))

    np.testing.assert_allclose(ours(), theirs(), rtol=1e-8, atol=1e-10)
    report("levels betas of 1,000 walks", median_time(ours, 7), {"statsmodels, a fit each": once(theirs)})
