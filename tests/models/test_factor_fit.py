from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.outliers_influence import variance_inflation_factor

from tests.reference.hac import leverage_hac
from xl_smallcap.analyses.regimes.chain import Chain
from xl_smallcap.errors import FitError
from xl_smallcap.models.factor_fit import FactorFit, fit_factors
from xl_smallcap.models.inference import newey_west_lags
from xl_smallcap.models.kernels.hidden_markov import StateModel
from xl_smallcap.session.memory import columns_of, result_of
from xl_smallcap.types import FloatArray, Method

NAMES = ("growth", "inflation", "easing")


def data(n: int = 250, seed: int = 5) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3)) @ np.array([[1, 0.4, 0], [0, 1, -0.5], [0, 0, 1]]) * [0.8, 4.0, 5.0] + [0.1, -1, 2]
    noise = rng.standard_normal(n)
    noise[1:] += 0.4 * noise[:-1]
    return X @ [1.2, 0.02, -0.01] + 0.05 + noise, X


def test_every_field_against_statsmodels() -> None:
    y, X = data()
    ours = fit_factors(y, X, NAMES)
    Z = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    lags = newey_west_lags(250)
    assert lags == ours.hac_lags == 4
    theirs = leverage_hac(y, sm.add_constant(Z), lags)
    plain = sm.OLS(y, sm.add_constant(Z)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True})
    np.testing.assert_allclose(ours.bse_nw, plain.bse[1:], rtol=1e-10)
    np.testing.assert_allclose(ours.params, theirs.params[1:], rtol=1e-11)
    np.testing.assert_allclose(ours.bse, theirs.bse[1:], rtol=1e-10)
    np.testing.assert_allclose(ours.tvalues, theirs.tvalues[1:], rtol=1e-10)
    np.testing.assert_allclose(ours.pvalues, theirs.pvalues[1:], rtol=1e-8)
    np.testing.assert_allclose(np.column_stack([ours.lower, ours.upper]), theirs.conf_int(0.10)[1:], rtol=1e-10)
    np.testing.assert_allclose(ours.pvalues_bh, multipletests(theirs.pvalues[1:], method="fdr_bh")[1], rtol=1e-8)
    vif = [variance_inflation_factor(sm.add_constant(X), i) for i in (1, 2, 3)]
    np.testing.assert_allclose(ours.vif, vif, rtol=1e-10)
    assert ours.const == pytest.approx(theirs.params[0], rel=1e-10)
    assert ours.rsquared_each[0] == pytest.approx(theirs.rsquared, rel=1e-12)
    assert ours.rsquared_adj_each[0] == pytest.approx(theirs.rsquared_adj, rel=1e-12)
    assert ours.condition_number == pytest.approx(np.linalg.cond(Z), rel=1e-8)
    assert (ours.nobs, ours.df_resid) == (250, 246)


def test_scaling_a_factor_scales_nothing_but_its_native_beta() -> None:
    y, X = data()
    one, two = fit_factors(y, X, NAMES), fit_factors(y, X * [1.0, 100.0, 1.0], NAMES)
    for field in ("params", "bse", "tvalues", "pvalues", "vif", "lower", "upper"):
        np.testing.assert_allclose(getattr(one, field), getattr(two, field), rtol=1e-10)
    native = two.params / two.factor_sd
    np.testing.assert_allclose(native, one.params / one.factor_sd / [1.0, 100.0, 1.0], rtol=1e-10)


def test_survives_the_disk_bit_for_bit() -> None:
    one = fit_factors(*data(), NAMES)
    two = result_of(FactorFit, columns_of(one))
    for name, value in vars(one).items():
        assert np.array_equal(getattr(two, name), value), name
        assert type(getattr(two, name)) is type(value), name


def test_names_what_makes_a_fit_impossible() -> None:
    y, X = data()
    with pytest.raises(FitError, match="'inflation' does not change in this window of 250"):
        fit_factors(y, X * [1.0, 0.0, 1.0] + [0, 3.3, 0], NAMES)
    tied = X.copy()
    tied[:, 2] = -2 * X[:, 1] + 7
    with pytest.raises(FitError, match="'inflation' and 'easing' move together exactly"):
        fit_factors(y, tied, NAMES)
    with pytest.raises(FitError, match="target does not change"):
        fit_factors(0 * y, X, NAMES)
    X[7, 1] = np.nan
    with pytest.raises(FitError, match="not finite"):
        fit_factors(y, X, NAMES)


def test_newey_west_intervals_cover_as_often_as_expected() -> None:
    """Newey-West intervals of 90 %, T=250, AR(0.4) noise: they are known to fall a little short of their promise."""
    hits = 0
    draws = 600
    for seed in range(draws):
        y, X = data(seed=seed)
        fit = fit_factors(y, X, NAMES)
        truth = np.array([1.2, 0.02, -0.01]) * fit.factor_sd
        hits += int(((fit.lower <= truth) & (truth <= fit.upper)).sum())
    assert 0.865 < hits / (3 * draws) < 0.915


@pytest.mark.parametrize(("name", "components"), [("pls", 1), ("pls", 2), ("pcr", 1), ("pcr", 2)])
def test_explained_is_what_the_scores_account_for(name: str, components: int) -> None:
    """As R's pls::explvar has it, from scikit-learn's scores and loadings."""
    y, X = data()
    ours = fit_factors(y, X, NAMES, Method(name, components))  # type: ignore[arg-type]  # words of a parametrised test
    Z = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    if name == "pls":
        theirs = PLSRegression(n_components=components, scale=True).fit(X, y)
        T, loadings = theirs.x_scores_, theirs.x_loadings_
    else:
        pca = PCA(components).fit(Z)
        T, loadings = pca.transform(Z), pca.components_.T
    share = ((T**2).sum(axis=0) * (loadings**2).sum(axis=0)).sum() / (Z**2).sum()
    assert ours.explained == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize("control", [False, True])
def test_degrees_of_freedom_are_counted_alike_everywhere(control: bool) -> None:
    y, X = data()
    wanted = {"ols": 3, "pls": 3, "pcr:1": 1 + control, "univariate": 1 + control}
    for method in (Method("ols"), Method("pls", 1), Method("pls"), Method("pcr", 1), Method("univariate")):
        fit = fit_factors(y, X, NAMES, replace(method, control=control))
        k = wanted[str(method) if method.name == "pcr" else method.name]
        assert fit.df_resid == 249 - k
        adjusted = 1 - (1 - fit.rsquared_each[0]) * 249 / (249 - k)
        assert fit.rsquared_adj_each[0] == pytest.approx(adjusted, rel=1e-12)
        assert fit.components == {"ols": 3 - control, "pls": method.components or 2}.get(method.name, 1)


def test_results_inside_results_and_flags_survive_too() -> None:
    flags = np.array([True, False])
    model = StateModel(np.array([0.5, 0.5]), np.eye(2), np.ones((1, 2)), np.ones((1, 1, 2)))
    chain = Chain(np.array([[0.25], [0.75]]), model, np.array([3.0, 2.0]), np.array([1.0, 2.0]), flags)
    again = result_of(Chain, columns_of(chain))
    assert again.usable.dtype == bool
    assert again.usable.tolist() == [True, False]
    np.testing.assert_array_equal(again.model.mean, model.mean)
    np.testing.assert_array_equal(again.now, chain.now)
    table = {"table": np.arange(3.0)}
    assert result_of(dict, columns_of(table)) is table
