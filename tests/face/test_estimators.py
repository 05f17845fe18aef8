"""scikit-learn's own checks, its tools on our estimators, and the cells' numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from xl_smallcap.analyses.regimes.now import inputs_now, regimes_now
from xl_smallcap.errors import BadArgumentError, FitError
from xl_smallcap.estimators import EntropyPooling, FactorRegression, RegimeChains
from xl_smallcap.face import Data

_TWO = "X has two columns, growth and inflation; the check brings another number"
_STATES = "the check brings random points, which have no two states that stand apart: a FitError, as in a cell"
_ORDER = "rows are months in order; another order is another history"
NOT_FOR_CHAINS = {
    **dict.fromkeys(
        ("check_fit_score_takes_y", "check_dont_overwrite_parameters", "check_n_features_in_after_fitting",
         "check_positive_only_tag_during_fit", "check_estimators_dtypes", "check_dtype_object",
         "check_pipeline_consistency", "check_estimators_pickle", "check_f_contiguous_array_estimator",
         "check_dict_unchanged", "check_fit2d_predict1d", "check_fit2d_1sample"),
        _TWO,
    ),
    **dict.fromkeys(
        ("check_estimators_overwrite_params", "check_estimators_fit_returns_self", "check_readonly_memmap_input",
         "check_fit_idempotent", "check_fit_check_is_fitted"),
        _STATES,
    ),
    **dict.fromkeys(("check_methods_sample_order_invariance", "check_methods_subset_invariance"), _ORDER),
}  # fmt: skip


def excepted(estimator: Any) -> dict[str, str]:
    return NOT_FOR_CHAINS if isinstance(estimator, RegimeChains) else {}


@parametrize_with_checks(  # type: ignore[untyped-decorator]  # scikit-learn has no types of its own
    [
        FactorRegression(),
        FactorRegression("univariate"),
        FactorRegression("pcr", n_draws=50),
        FactorRegression("pls", n_draws=50),
        RegimeChains(n_starts=3),
        EntropyPooling(),
    ],
    expected_failed_checks=excepted,
)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def check_cells(data: Data) -> None:
    """Betas, errors, t, p and intervals of every method are the cells', bit for bit."""
    for target in ("russell", "relative"):
        panel = data.panel(target)
        for method in ("ols", "univariate", "pcr", "pls"):
            model = FactorRegression(method).fit(panel.drop(columns=target), panel[target])
            cells = data.betas(target, method=method)
            cells = cells[cells["role"].eq("factor")]
            rows = cells.loc[list(model.feature_names_in_)]
            shown = model.summary()
            for column in ("beta", "se", "tstat", "pvalue", "lower", "upper", "vif"):
                np.testing.assert_array_equal(shown[column].to_numpy(), rows[column].to_numpy(), f"{method} {column}")


def test_factor_regression_gives_the_cells_numbers(data: Data) -> None:
    check_cells(data)


def test_regime_chains_give_the_cells_probabilities(data: Data) -> None:
    inputs = inputs_now(data.session, "chains", None)
    X = np.column_stack([inputs.growth, inputs.inflation])
    model = RegimeChains(inflation_max=3.0).fit(X)
    cell = regimes_now(data.session, "chains", None)
    np.testing.assert_array_equal(model.predict_proba(X)[-1], cell.probabilities(0)[:3, 0])
    np.testing.assert_array_equal(model.forecast(X, 3), cell.probabilities(3)[:3, 0])
    for month in (60, 150):
        np.testing.assert_array_equal(model.predict_proba(X[:month])[-1], model.predict_proba(X)[month - 1], "filtered")
    smoothed = model.smoothed_proba(X)
    np.testing.assert_allclose(smoothed.sum(axis=1), 1.0)
    np.testing.assert_allclose(smoothed[-1], model.predict_proba(X)[-1])
    assert np.abs(smoothed - model.predict_proba(X)).max() > 0.01, "later months change what an earlier one was"
    assert set(model.predict(X)) <= {"goldilocks", "reflation", "slowdown"}


def test_smoothing_against_hmmlearn(data: Data) -> None:
    from hmmlearn.hmm import GaussianHMM

    inputs = inputs_now(data.session, "chains", None)
    there = np.isfinite(inputs.growth) & np.isfinite(inputs.inflation)
    X = np.column_stack([inputs.growth, inputs.inflation])[there]
    model = RegimeChains(n_starts=5).fit(X)
    parts = []
    for j, chain in enumerate((model.growth_, model.inflation_)):
        peer = GaussianHMM(2, covariance_type="full")
        peer.startprob_, peer.transmat_ = chain.start[:, 0], chain.transition[..., 0]
        peer.means_, peer.covars_ = chain.mean[..., 0], chain.covariance[..., 0]
        parts.append(peer.predict_proba(np.clip(X[:, [j]], *model._edges[j])))
    growth, inflation = parts
    wanted = np.column_stack([growth[:, 1] * inflation[:, 0], growth[:, 1] * inflation[:, 1], growth[:, 0]])
    np.testing.assert_allclose(model.smoothed_proba(X), wanted, atol=1e-8)


def test_in_pipelines_grids_and_splits(data: Data) -> None:
    panel = data.panel("relative", window=1000)
    X, y = panel.drop(columns="relative"), panel["relative"]
    splits = TimeSeriesSplit(4)
    scores = cross_val_score(FactorRegression(), X, y, cv=splits)
    assert scores.shape == (4,)
    assert np.isfinite(scores).all()
    pipe = Pipeline([("scale", StandardScaler()), ("model", FactorRegression(n_draws=20))])
    grid = GridSearchCV(pipe, {"model__method": ["ols", "pcr", "pls"], "model__n_components": [None, 1, 2]}, cv=splits)
    search = grid.fit(X, y)
    assert search.best_params_["model__method"] in ("ols", "pcr", "pls")
    plain, scaled = FactorRegression().fit(X, y), pipe.set_params(model__method="ols").fit(X, y)
    np.testing.assert_allclose(scaled.predict(X), plain.predict(X), atol=1e-12)
    assert LedoitWolf().fit(X).covariance_.shape == (5, 5), "scikit-learn's own needs no coat of ours"


def test_entropy_pooling_meets_its_views_and_tilts_exponentially() -> None:
    X = pd.DataFrame(np.random.default_rng(3).standard_normal((400, 3)), columns=["growth", "inflation", "easing"])
    model = EntropyPooling({"growth": 0.4, "inflation": -0.2}).fit(X)
    assert model.expectation(X["growth"]) == pytest.approx(0.4, abs=1e-9)
    assert np.asarray(model.expectation(X))[1] == pytest.approx(-0.2, abs=1e-9)
    # of all weights that meet views, those of least relative entropy are exp of something linear in what is viewed
    seen = np.column_stack([np.ones(400), X["growth"], X["inflation"]])
    _, missed, *_ = np.linalg.lstsq(seen, np.log(model.weights_), rcond=None)
    assert missed[0] < 1e-12
    assert model.weights_.sum() == pytest.approx(1.0)
    assert 200 < model.effective_ < 400


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (FactorRegression("olz"), "Did you mean 'ols'"),
        (FactorRegression(confidence=2.0), "between 0 and 1"),
        (FactorRegression("pls", n_components=9), "n_components must be a whole number, 1 to 3"),
        (EntropyPooling({"grwth": 1.0}), "Did you mean 'growth'"),
        (EntropyPooling({"growth": "up"}), "must be a number"),  # type: ignore[dict-item]  # a text where a number belongs: what the test is about
    ],
)
def test_bad_parameters_are_sentences(model: Any, words: str) -> None:
    X = pd.DataFrame(np.random.default_rng(3).standard_normal((60, 3)), columns=["growth", "inflation", "easing"])
    with pytest.raises(BadArgumentError, match=words):
        model.fit(X, X["growth"] + X["easing"])
    with pytest.raises(ValueError, match=words):
        model.fit(X, X["growth"] + X["easing"])


def test_collinear_features_and_views_out_of_reach_are_fit_errors() -> None:
    X = pd.DataFrame({"a": np.arange(50.0), "b": 2 * np.arange(50.0)})
    with pytest.raises(FitError, match="'a' and 'b' move together"):
        FactorRegression().fit(X, np.random.default_rng(0).standard_normal(50))
    with pytest.raises(FitError, match="No reweighting of history"):
        EntropyPooling({"a": 100.0}).fit(X)
