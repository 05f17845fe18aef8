"""The regime engine: against enumeration of all paths, hmmlearn, statsmodels on Hamilton's series."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_smallcap.models import regimes as hidden
from xl_smallcap.models.kernels import hidden_markov as kernel
from xl_smallcap.models.kernels.hidden_markov import (
    StateModel,
    expectation,
    filtered,
    log_emission,
    maximisation,
    observations,
)


def random_model(states: int, dims: int, members: int, seed: int) -> StateModel:
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.ones(states), (members, states)).transpose(1, 2, 0)
    root = np.tril(0.3 * rng.standard_normal((states, members, dims, dims))) + np.eye(dims)
    covariance = np.einsum("smij,smkj->sikm", root, root)
    start = rng.dirichlet(np.ones(states), members).T
    return StateModel(start, np.ascontiguousarray(transition), rng.standard_normal((states, dims, members)), covariance)


def by_hand(x: Any, model: StateModel, m: int) -> tuple[float, Any, Any, Any]:
    """Log likelihood, filtered, smoothed and expected jumps of one member, by adding up every path."""
    from scipy.stats import multivariate_normal

    states, times = model.start.shape[0], x.shape[0]
    density = np.ones((times, states))
    for t in range(times):
        if np.isfinite(x[t]).all():
            for k in range(states):
                density[t, k] = multivariate_normal(model.mean[k, :, m], model.covariance[k, :, :, m]).pdf(x[t])
    weight = {}
    for path in itertools.product(range(states), repeat=times):
        p = model.start[path[0], m] * density[0, path[0]]
        for t in range(1, times):
            p *= model.transition[path[t - 1], path[t], m] * density[t, path[t]]
        weight[path] = p
    total = sum(weight.values())
    smooth, jumps = np.zeros((times, states)), np.zeros((states, states))
    for path, p in weight.items():
        for t in range(times):
            smooth[t, path[t]] += p / total
        for a, b in itertools.pairwise(path):
            jumps[a, b] += p / total
    filt = np.zeros((times, states))
    for t in range(times):
        for path in itertools.product(range(states), repeat=t + 1):
            p = model.start[path[0], m] * density[0, path[0]]
            for u in range(1, t + 1):
                p *= model.transition[path[u - 1], path[u], m] * density[u, path[u]]
            filt[t, path[t]] += p
        filt[t] /= filt[t].sum()
    return float(np.log(total)), filt, smooth, jumps


@pytest.mark.parametrize("length", [8, 3])
@pytest.mark.parametrize(("states", "dims"), [(2, 1), (3, 2)])
def test_against_every_path(states: int, dims: int, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """T = 8, a missing month, one member that ends early; in one block and in three."""
    monkeypatch.setattr(kernel, "block_length", lambda times: length)
    rng = np.random.default_rng(5)
    members, times = 3, 8
    model = random_model(states, dims, members, 1)
    x = rng.standard_normal((times, dims, members))
    x[4, :, 1] = np.nan
    lengths = np.array([8, 8, 6])
    x[6:, :, 2] = np.nan
    moments = expectation(observations(x, lengths), model)
    probabilities, likelihood = filtered(log_emission(x, model), model)
    for m in range(members):
        own = x[: lengths[m], :, m]
        total, filt, smooth, jumps = by_hand(own, model, m)
        assert moments.log_likelihood[m] == pytest.approx(total, abs=1e-11)
        assert likelihood[m] == pytest.approx(total, abs=1e-11)
        np.testing.assert_allclose(probabilities[: lengths[m], :, m], filt, atol=1e-12)
        np.testing.assert_allclose(moments.jumps[:, :, m], jumps, atol=1e-12)
        np.testing.assert_allclose(moments.first[:, m], smooth[0], atol=1e-12)
        seen = np.isfinite(own).all(axis=1)
        np.testing.assert_allclose(moments.weight[:, m], smooth[seen].sum(axis=0), atol=1e-12)
        np.testing.assert_allclose(moments.sums[:, :, m], smooth[seen].T @ own[seen], atol=1e-11)


def series(times: int, states: int, dims: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    mean, z = 2.0 * rng.standard_normal((states, dims)), 0
    out = np.empty((times, dims))
    for t in range(times):
        z = z if rng.random() < 0.95 else int(rng.integers(states))
        out[t] = mean[z] + (0.5 + 0.3 * z) * rng.standard_normal(dims)
    return out


@pytest.mark.parametrize(("times", "states", "dims"), [(300, 2, 1), (400, 3, 2), (1000, 3, 1)])
def test_em_is_hmmlearns_from_the_same_start(times: int, states: int, dims: int) -> None:
    from hmmlearn.hmm import GaussianHMM

    x = series(times, states, dims, 3)
    rng = np.random.default_rng(0)
    mean = x[rng.choice(times, states, replace=False)]
    wide = np.cov(x.T).reshape(dims, dims)
    transition = np.full((states, states), 0.05 / (states - 1))
    np.fill_diagonal(transition, 0.95)
    model = StateModel(
        np.full((states, 1), 1 / states), transition[..., None].copy(), mean[..., None].copy(),
        np.repeat(wide[None], states, axis=0)[..., None].copy(),
    )  # fmt: skip
    lengths, likelihoods = np.array([times]), []
    for _ in range(25):
        moments = expectation(observations(x[..., None], lengths), model)
        likelihoods.append(float(moments.log_likelihood[0]))
        model = maximisation(moments, np.zeros((dims, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = GaussianHMM(
            states, "full", n_iter=25, tol=-np.inf, init_params="", covars_prior=0, covars_weight=0, min_covar=0
        )
        peer.startprob_, peer.transmat_ = np.full(states, 1 / states), transition
        peer.means_, peer.covars_ = mean, np.repeat(wide[None], states, axis=0)
        peer.fit(x)
    np.testing.assert_allclose(likelihoods[-3:], list(peer.monitor_.history)[-3:], rtol=1e-9)
    np.testing.assert_allclose(model.mean[..., 0], peer.means_, atol=1e-7)
    np.testing.assert_allclose(model.covariance[..., 0], peer.covars_, atol=1e-7)
    np.testing.assert_allclose(model.transition[..., 0], peer.transmat_, atol=1e-8)
    assert np.all(np.diff(likelihoods) > -1e-8), "no step makes the data less likely"


def hamiltons_series() -> Any:
    """The 135 numbers as statsmodels' own test has them; read as text, since importing it needs its markers."""
    spec = importlib.util.find_spec("statsmodels.tsa.regime_switching")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).with_name("tests") / "test_markov_autoregression.py"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "rgnp":
            return np.array(ast.literal_eval(node.value), dtype=np.float64)
    raise AssertionError("statsmodels' test has lost Hamilton's series")


def test_hamiltons_series_as_statsmodels_sees_it() -> None:
    """Growth of US real GNP 1951 to 1984 (Hamilton 1989): switching mean and variance, at statsmodels' own estimate."""
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    y = hamiltons_series()
    assert y.size == 135
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = MarkovRegression(y, k_regimes=2, switching_variance=True).fit(disp=False)
    transition = peer.regime_transition[..., 0].T
    start = peer.filtered_marginal_probabilities[0] * 0 + np.asarray(peer.initial_probabilities)
    names = dict(zip(peer.model.param_names, peer.params, strict=True))
    mean = np.array([names["const[0]"], names["const[1]"]])
    variance = np.array([names["sigma2[0]"], names["sigma2[1]"]])
    model = StateModel(
        start[:, None], transition[..., None], mean[:, None, None], variance[:, None, None, None]
    )  # fmt: skip
    probabilities, likelihood = filtered(log_emission(y[:, None, None], model), model)
    assert likelihood[0] == pytest.approx(peer.llf, abs=1e-8)
    np.testing.assert_allclose(probabilities[..., 0], peer.filtered_marginal_probabilities, atol=1e-8)
    fit = hidden.fit(y[:, None, None], np.array([y.size]), 2, 20, 1)
    assert fit.log_likelihood[0] >= peer.llf - 1e-6, "free start probabilities can only make it likelier"
    assert fit.log_likelihood[0] - peer.llf < 2.0
    np.testing.assert_allclose(fit.parameters.mean[:, 0, 0], np.sort(mean), atol=0.1)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 3), st.integers(1, 2))
def test_probabilities_add_up_and_names_do_not_matter(seed: int, states: int, dims: int) -> None:
    model = random_model(states, dims, 4, seed)
    x = np.random.default_rng(seed).standard_normal((40, dims, 4))
    x[7] = np.nan
    p, likelihood = filtered(log_emission(x, model), model)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
    order = np.random.default_rng(seed + 1).permutation(states)
    other = StateModel(
        model.start[order], model.transition[order][:, order], model.mean[order], model.covariance[order]
    )
    q, same = filtered(log_emission(x, other), other)
    np.testing.assert_allclose(q, p[:, order], atol=1e-12)
    np.testing.assert_allclose(same, likelihood, rtol=1e-12)
    now = p[-1]
    step = now
    for h in range(6):
        np.testing.assert_allclose(hidden.ahead(now, model.transition, h), step, atol=1e-12)
        step = np.einsum("im,ijm->jm", step, model.transition)


def test_states_of_a_fit_are_in_order_and_windows_do_not_touch_each_other() -> None:
    x = series(260, 2, 1, 8)
    ends = np.array([150, 200, 260])
    wide = np.full((260, 1, 3), np.nan)
    for k, end in enumerate(ends):
        wide[:end, :, k] = x[:end]
    together = hidden.fit(wide, ends, 2, 10, 3)
    assert np.all(together.parameters.mean[1, 0] > together.parameters.mean[0, 0])
    assert together.usable.all()
    assert np.all(together.reached > 0)
    for k, end in enumerate(ends):
        alone = hidden.fit(x[:end, :, None], np.array([end]), 2, 10, 3)
        assert alone.log_likelihood[0] == pytest.approx(together.log_likelihood[k], abs=1e-6)
        np.testing.assert_allclose(alone.parameters.mean[..., 0], together.parameters.mean[..., k], atol=1e-3)


def test_a_series_without_states_is_told_by_its_separation_or_refused() -> None:
    noise = np.random.default_rng(2).standard_normal((200, 1, 1))
    fit = hidden.fit(noise, np.array([200]), 2, 20, 1)
    rng = np.random.default_rng(3)
    clear = np.where(np.arange(200) // 25 % 2, 2.0, -2.0) + 0.5 * rng.standard_normal(200)
    apart = hidden.fit(clear[:, None, None], np.array([200]), 2, 20, 1)
    assert apart.separation[0] > 5.0
    assert apart.reached[0] > 0.5
    assert not fit.usable[0] or fit.separation[0] < apart.separation[0]


def test_refitting_drawn_series_finds_the_model_again() -> None:
    model = StateModel(
        np.full((2, 1), 0.5), np.array([[0.95, 0.05], [0.03, 0.97]])[..., None], np.array([[-1.5], [1.0]])[..., None],
        np.array([0.6, 0.4]).reshape(2, 1, 1, 1),
    )  # fmt: skip
    x = hidden.simulate(model, np.ones(400, dtype=bool), 1, 5)[..., 0]
    drawn = hidden.bootstrap(x, 400, model, 100, 9)
    np.testing.assert_allclose(np.median(drawn.mean[:, 0], axis=1), [-1.5, 1.0], atol=0.05)
    np.testing.assert_allclose(np.median(drawn.transition[0, 0]), 0.95, atol=0.02)
    again = hidden.bootstrap(x, 400, model, 100, 9)
    assert again.mean.tobytes() == drawn.mean.tobytes(), "the same seed, the same bits"


def test_winsorised() -> None:
    x = np.array([0.0, 1.0, -1.0, 0.5, -0.5, 100.0, np.nan])
    seen = hidden.winsorised(x)
    assert np.isnan(seen[-1])
    edge = 0.25 + 3 * 1.4826 * np.median(np.abs(x[:-1] - 0.25))
    assert seen[5] == pytest.approx(edge)
    assert seen[:5].tolist() == x[:5].tolist()
    assert hidden.winsorised(np.array([1.0, 1.0, 1.0, 5.0])).tolist() == [1.0, 1.0, 1.0, 5.0], "no spread, no edge"


def test_a_start_from_which_the_data_are_impossible_is_left_and_harms_no_other() -> None:
    """A spike only the second state could make, which nothing leads to: 0 / 0 in that member alone."""
    x = np.random.default_rng(1).standard_normal((200, 1, 1))
    x[50], x[51] = 40.0, -40.0
    dead = StateModel(
        np.array([[1.0], [0.0]]), np.array([[[1.0], [0.0]], [[0.0], [1.0]]]), np.array([[[0.0]], [[40.0]]]),
        np.full((2, 1, 1, 1), 0.01),
    )  # fmt: skip
    alive = hidden.starts(x, 2, 1, 3)
    both = StateModel(
        np.concatenate([dead.start, alive.start], axis=-1),
        np.concatenate([dead.transition, alive.transition], axis=-1),
        np.concatenate([dead.mean, alive.mean], axis=-1),
        np.concatenate([dead.covariance, alive.covariance], axis=-1),
    )
    lengths = np.array([200, 200])
    _, alone = hidden.improve(x, lengths[:1], hidden.starts(x, 2, 1, 3))
    _, likelihood = hidden.improve(np.repeat(x, 2, axis=-1), lengths, both)
    assert likelihood[0] == -np.inf
    assert likelihood[1] == alone[0]


@pytest.mark.parametrize(("states", "dims", "count"), [(2, 1, 5), (3, 2, 5), (2, 1, 1)])
def test_company_never_changes_a_bit(states: int, dims: int, count: int) -> None:
    """A window fitted alone, beside longer ones, and as one of many has the same bits."""
    x = series(700, states, dims, 4)
    alone = hidden.fit(x[:200, :, None], np.array([200]), states, count, 1)
    for ends in ([200, 201], [200, 217, 333], [200, 700], [*range(200, 224)]):
        wide = np.full((max(ends), dims, len(ends)), np.nan)
        for k, end in enumerate(ends):
            wide[:end, :, k] = x[:end]
        fit = hidden.fit(wide, np.array(ends), states, count, 1)
        for name in ("start", "transition", "mean", "covariance"):
            mine, theirs = getattr(alone.parameters, name), getattr(fit.parameters, name)
            assert mine[..., 0].tobytes() == theirs[..., 0].tobytes(), (ends, name)
        assert fit.log_likelihood[0] == alone.log_likelihood[0]


def test_the_bootstrap_spreads_as_much_as_theory_says() -> None:
    """Of states far apart the error of a mean is sd / sqrt(months in the state), whatever else is estimated."""
    model = StateModel(
        np.full((2, 1), 0.5), np.array([[[0.95], [0.05]], [[0.05], [0.95]]]), np.array([[[-3.0]], [[3.0]]]),
        np.array([1.0, 0.25]).reshape(2, 1, 1, 1),
    )  # fmt: skip
    x = np.zeros((400, 1))
    drawn = hidden.bootstrap(x, 400, model, 400, 5)
    np.testing.assert_allclose(drawn.mean[:, 0].mean(axis=1), [-3.0, 3.0], atol=0.02)
    expected = np.sqrt(np.array([1.0, 0.25]) / 200)
    np.testing.assert_allclose(drawn.mean[:, 0].std(axis=1), expected, rtol=0.25)
    np.testing.assert_allclose(drawn.transition[0, 1].mean(), 0.05, atol=0.01)
    assert drawn.mean.tobytes() == hidden.bootstrap(x, 400, model, 400, 5).mean.tobytes()
