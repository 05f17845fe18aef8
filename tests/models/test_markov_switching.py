"""Hamilton's switching autoregression: published values, statsmodels, plain loops."""

from __future__ import annotations

import ast
import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm

from xl_smallcap.models import markov_switching as switching
from xl_smallcap.models.markov_switching import SwitchingModel, filtered, fit, long_run
from xl_smallcap.types import FloatArray


def published(name: str) -> FloatArray:
    """A list of numbers in statsmodels' own tests, which are in its wheel; read and not imported, they bring marks."""
    file = Path(sm.__file__).parent / "tsa" / "regime_switching" / "tests" / "test_markov_autoregression.py"
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return np.array(ast.literal_eval(node.value), dtype=np.float64)
    raise AssertionError(f"{name} is not in {file.name}")


GNP = published("rgnp")


def of(stay: list[float], mean: list[float], phi: list[float], variance: float) -> SwitchingModel:
    """One model of two states, begun in the long run."""
    transition = np.array([[stay[0], 1 - stay[0]], [1 - stay[1], stay[1]]])[..., None]
    means, lags = (np.array(part)[:, None] for part in (mean, phi))
    runs = 2 ** (len(phi) + 1)
    return long_run(SwitchingModel(np.full((runs, 1), 1 / runs), transition, means, lags, np.array([variance])))


EVIEWS = of([0.754673, 1 - 0.095915], [-0.358811, 1.163516], [0.013486, -0.057521, -0.246983, -0.212923],
            float(np.exp(-0.262658) ** 2))  # fmt: skip
"""Hamilton's model of 1989 of US output as EViews estimates it; kept in statsmodels' tests."""


def test_hamiltons_probabilities_and_likelihood_are_the_published_ones() -> None:
    p, likelihood = filtered(GNP[:, None], EVIEWS)
    assert likelihood[0] == pytest.approx(-181.26339, abs=1e-4)
    np.testing.assert_allclose(p[:, 1, 0], published("hamilton_ar4_filtered"), atol=2e-5)


@pytest.mark.parametrize("order", [1, 2])
def test_the_filter_is_statsmodels(order: int) -> None:
    rng = np.random.default_rng(order)
    y = np.cumsum(rng.standard_normal(90)) * 0.2 + np.where(np.arange(90) % 40 < 20, 1.0, -1.0)
    phi = [0.4, -0.1][:order]
    model = of([0.9, 0.8], [-0.7, 0.9], phi, 0.6)
    theirs = sm.tsa.MarkovAutoregression(y, k_regimes=2, order=order, switching_ar=False)
    params = np.array([0.9, 0.2, -0.7, 0.9, 0.6, *phi])
    result = theirs.filter(params)
    p, likelihood = filtered(y[:, None], model)
    assert likelihood[0] == pytest.approx(result.llf, abs=1e-9)
    np.testing.assert_allclose(p[..., 0], result.filtered_marginal_probabilities, atol=1e-12)


def by_loops(y: FloatArray, model: SwitchingModel) -> FloatArray:
    """Filter one time, one run of states and one run before it at a time; a missing value says nothing."""
    order = model.phi.shape[0]
    runs = list(itertools.product(range(2), repeat=order + 1))
    p, out = {r: float(model.start[k, 0]) for k, r in enumerate(runs)}, []
    for t in range(order, y.size):
        if t > order:
            before = p
            p = {
                r: sum(v * model.transition[r[1], r[0], 0] for q, v in before.items() if q[:-1] == r[1:]) for r in runs
            }
        values = [y[t - k] for k in range(order + 1)]
        if np.isfinite(values).all():
            for r in runs:
                away = [v - model.mean[s, 0] for v, s in zip(values, r, strict=True)]
                e = away[0] - sum(model.phi[k, 0] * away[k + 1] for k in range(order))
                p[r] *= np.exp(-0.5 * e * e / model.variance[0]) / np.sqrt(2 * np.pi * model.variance[0])
        total = sum(p.values())
        p = {r: v / total for r, v in p.items()}
        out.append([sum(v for r, v in p.items() if r[0] == s) for s in range(2)])
    return np.array(out)


def test_missing_values_say_nothing_about_the_state() -> None:
    y = GNP[:60].copy()
    y[[20, 21, 40]] = np.nan
    model = of([0.8, 0.9], [-0.3, 1.1], [0.3], 0.7)
    np.testing.assert_allclose(filtered(y[:, None], model)[0][..., 0], by_loops(y, model), atol=1e-12)


def test_em_never_loses_likelihood_and_ends_where_statsmodels_does() -> None:
    """Held against statsmodels' own maximum; ours is free in its first states, so it may be a little likelier."""
    rng = np.random.default_rng(8)
    n, state = 400, 0
    y, before = np.zeros(n), 0.0
    for t in range(n):
        state = state if rng.random() < 0.95 else 1 - state
        mean = (-1.0, 1.5)[state]
        before = 0.5 * before + 0.5 * rng.standard_normal()
        y[t] = mean + before
    fitted = fit(y[:, None], np.array([n]), 1, 5, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sm.tsa.MarkovAutoregression(y, k_regimes=2, order=1, switching_ar=False).fit()
    assert fitted.usable[0]
    assert -0.1 < fitted.log_likelihood[0] - theirs.llf < 3.0
    model = fitted.model
    np.testing.assert_allclose(np.sort(theirs.params[2:4]), model.mean[:, 0], atol=0.05)
    assert model.phi[0, 0] == pytest.approx(theirs.params[5], abs=0.02)
    assert model.variance[0] == pytest.approx(theirs.params[4], abs=0.02)
    lags, seen = switching.lagged(y[:, None], 1)
    start, last = switching._starts(y[:, None], 2, 1, 1, 3), -np.inf
    for _ in range(60):
        gamma, likelihood = switching._smoothed(lags, seen, np.array([n - 1]), start)
        assert likelihood[0] >= last - 1e-9
        last = likelihood[0]
        start = switching._maximised(lags, seen, gamma, start, np.array([1e-3]))


def test_a_series_fits_the_same_in_company_and_when_more_months_are_laid_out() -> None:
    rng = np.random.default_rng(4)
    y = rng.standard_normal((300, 3)) + np.where(np.arange(300) % 120 < 60, 1.5, -1.5)[:, None]
    y[250:, 1] = np.nan
    y[30, 1] = np.nan
    together = fit(y, np.array([300, 250, 300]), 1, 3, 5)
    alone = fit(y[:250, [1]], np.array([250]), 1, 3, 5)
    np.testing.assert_allclose(together.model.mean[:, 1], alone.model.mean[:, 0], rtol=1e-9)
    np.testing.assert_allclose(together.model.transition[..., 1], alone.model.transition[..., 0], rtol=1e-9)
    assert (np.diff(together.model.mean, axis=0) > 0).all(), "states are in order of their mean"
