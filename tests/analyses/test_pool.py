"""The pool of regime models: one question for all members, who is missing, its range, and data without regimes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

from xl_smallcap import BadArgumentError, NoDataError, functions
from xl_smallcap.analyses.regimes.chain import SwitchingChain
from xl_smallcap.analyses.regimes.inputs import GAP_MONTHS, PCE, macro_inputs
from xl_smallcap.analyses.regimes.now import MEMBERS, REGIMES, pool_now, regimes_now
from xl_smallcap.analyses.regimes.nowcast import three_months
from xl_smallcap.analyses.regimes.null import LAGS, one_regime, sureness
from xl_smallcap.analyses.regimes.record import labels_of, regime_history
from xl_smallcap.config import load_settings
from xl_smallcap.data.panel import series_in
from xl_smallcap.data.releases import known_by
from xl_smallcap.models.regimes import winsorised
from xl_smallcap.session import Session, use_session
from xl_smallcap.types import BoolArray, DayArray, RegimeModel

RUSSELL_REGIME: Any = functions.RUSSELL_REGIME
RUSSELL_REGIME_HISTORY: Any = functions.RUSSELL_REGIME_HISTORY
RUSSELL_REGIME_PROB: Any = functions.RUSSELL_REGIME_PROB
RUSSELL_REGIME_SCORE: Any = functions.RUSSELL_REGIME_SCORE
RUSSELL_REGIMES: Any = functions.RUSSELL_REGIMES
DAY = "2019-08-30"


def quiet(*_: Any) -> None:
    """A progress bar nobody sees."""


@pytest.fixture(scope="module")
def home(sample_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with the pool's history computed, from few starts."""
    folder = tmp_path_factory.mktemp("pool")
    shutil.copytree(sample_store, folder / "store")
    (folder / "config.toml").write_text("regime_starts = 4\n")
    regime_history(Session(load_settings(folder)), "pool", None, quiet)
    return folder


@pytest.fixture
def pooled(home: Path) -> Iterator[Session]:
    session = Session(load_settings(home))
    use_session(session)
    yield session
    use_session(None)


def without(session: Session, tmp_path: Path, *names: str, cut: dict[str, str] | None = None) -> Session:
    """The sample less some series, or with one that ends early."""
    original, series = session.snapshot, {}
    for name in original.ids:
        data = original.series(name)
        last = (cut or {}).get(name)
        if name in names:
            continue
        kept = np.ones(data.dates.size, dtype=bool) if last is None else data.dates <= np.datetime64(last)
        series[name] = type(data)(data.dates[kept], data.values[kept], data.available_at[kept])
    shutil.copytree(session.settings.home / "store", tmp_path / "store")
    made = Session(load_settings(tmp_path))
    made.store.use(made.store.add(series, source="sample", synthetic=True).fingerprint)
    return Session(load_settings(tmp_path))


@pytest.mark.parametrize("horizon", [0, 3, 12])
def test_the_pool_is_the_mean_of_its_members_at_each_horizon(pooled: Session, horizon: int) -> None:
    table = RUSSELL_REGIMES(horizon, DAY)
    rows = {r[0]: dict(zip(table[0], r, strict=True)) for r in table[1:]}
    for regime, row in rows.items():
        each = [RUSSELL_REGIME_PROB(regime, horizon, DAY, m) for m in MEMBERS]
        assert row["probability"] == pytest.approx(np.mean(each), abs=1e-15)
        assert row["probability"] == RUSSELL_REGIME_PROB(regime, horizon, DAY)
        assert (row["lowest"], row["highest"]) == (min(each), max(each))
        assert row["lower"] is None
        assert row["members"] == ", ".join(f"{m} {v:.2f}" for m, v in zip(MEMBERS, each, strict=True))
    assert sum(rows[r]["probability"] for r in REGIMES) == pytest.approx(1.0)
    likeliest = max(REGIMES, key=lambda r: float(rows[r]["probability"]))
    assert horizon or RUSSELL_REGIME(DAY) == likeliest


def test_a_pce_member_asks_for_three_percent_of_core_cpi(pooled: Session) -> None:
    """Its bound is 3 less the gap of the two over ten years, by plain numpy from what was known."""
    day = np.datetime64(DAY)
    cpi, pce = macro_inputs(pooled, day), macro_inputs(pooled, day, prices=PCE)
    assert cpi.bound == 3.0
    n = min(cpi.inflation.size, pce.inflation.size)
    both = cpi.inflation[:n] - pce.inflation[:n]
    both = both[np.isfinite(both)][-GAP_MONTHS:]
    assert both.size == GAP_MONTHS
    assert pce.bound == pytest.approx(3.0 - both.mean(), abs=1e-12)
    months, labels = labels_of(pooled, None, PCE)
    last = macro_inputs(pooled, None, prices=PCE)
    place = np.flatnonzero(labels == 1)
    assert (last.inflation[place] > last.bound).all()
    assert months.size == labels.size


def test_chains_integrate_their_states_below_the_bound(pooled: Session) -> None:
    from scipy import stats

    for model in ("chains", "chains_pce"):
        regimes = pool_now(pooled, np.datetime64(DAY)).members[model]
        growth, inflation = regimes.chains
        mean, sd = inflation.model.mean[:, 0, 0], np.sqrt(inflation.model.covariance[:, 0, 0, 0])
        for steps in (0, 3):
            p, q = growth.ahead(steps)[:, 0], inflation.ahead(steps)[:, 0]
            low = float(sum(q * stats.norm.cdf(regimes.bounds[0], mean, sd)))
            expected = [p[1] * low, p[1] * (1 - low), p[0], p[0] * (1 - low)]
            np.testing.assert_allclose(regimes.probabilities(steps)[:, 0], expected, atol=1e-12)


def test_a_member_that_cannot_answer_is_left_out_and_told(pooled: Session, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    session = without(pooled, tmp_path / "a", "PCEPILFE")
    use_session(session)
    table = RUSSELL_REGIMES(3, DAY)
    row = dict(zip(table[0], table[1], strict=True))
    each = [RUSSELL_REGIME_PROB("goldilocks", 3, DAY, m) for m in ("chains", "bands")]
    assert row["probability"] == pytest.approx(np.mean(each), abs=1e-15)
    assert "chains_pce is missing: Regimes need the monthly series PCEPILFE" in row["wary_of"]
    thesis = functions.RUSSELL_THESIS(DAY)
    line = dict(zip(map(str, thesis[0]), next(r for r in thesis if r[1] == "pool"), strict=True))
    assert "chains_pce is missing. bands_pce is missing." in str(line["note"])
    (tmp_path / "b").mkdir()
    use_session(without(pooled, tmp_path / "b", cut={"PCEPILFE": "2018-06-01"}))
    table = RUSSELL_REGIMES(3, DAY)
    assert "more than 6 months before" in str(table[1][table[0].index("wary_of")])
    assert RUSSELL_REGIMES(3, "2018-08-31")[1][table[0].index("members")].count(",") == 3, "earlier months keep theirs"
    (tmp_path / "c").mkdir()
    use_session(without(pooled, tmp_path / "c", "CFNAI"))
    with pytest.raises(NoDataError, match="monthly series CFNAI"):
        RUSSELL_REGIME(DAY)


def test_its_history_is_that_of_each_day_and_later_data_change_nothing(pooled: Session) -> None:
    table = RUSSELL_REGIME_HISTORY("2018-01-01")
    rows = {str(r[0]): dict(zip(table[0], r, strict=True)) for r in table[1:]}
    for day in ("2018-01-31", "2019-08-31", "2025-12-31"):
        row, now = rows[day], RUSSELL_REGIMES(0, day)
        assert row["goldilocks"] == pytest.approx(now[1][2], abs=1e-12)
        assert (row["goldilocks_lowest"], row["goldilocks_highest"]) == pytest.approx(tuple(now[1][5:7]), abs=1e-12)
        assert row["members"] == 4
        assert row["goldilocks_in_3m"] == pytest.approx(RUSSELL_REGIME_PROB("goldilocks", 3, day), abs=1e-12)
    cut = RUSSELL_REGIME_HISTORY("2018-01-01", "2020-06-30")
    assert cut[1:] == table[1 : len(cut)]


def test_the_report_card_has_both_truths_and_the_null(pooled: Session) -> None:
    card = RUSSELL_REGIME_SCORE()
    heads = [str(h) for h in card[0]]
    rows = [dict(zip(heads, r, strict=True)) for r in card[1:]]
    for truth in ("thresholds", "thresholds on core PCE"):
        assert len([r for r in rows if r["truth"] == truth]) == 6
    null = [r for r in rows if str(r["regime"]).startswith("chain of")]
    assert [r["regime"] for r in null] == ["chain of growth", "chain of inflation"]
    assert all(0.0 <= r["sure"] <= 1.0 and 0.0 <= r["null_sure"] <= 1.0 for r in null)
    with pytest.raises(BadArgumentError, match="The pool is a mean of models"):
        functions.RUSSELL_TRANSITIONS(model="pool")


def test_data_with_one_regime_are_an_autoregression_of_the_datas_own() -> None:
    """Fitted as statsmodels fits it; drawn series have its persistence, the holes of the data, and no two regimes."""
    rng = np.random.default_rng(3)
    x = np.zeros(3000)
    for t in range(1, x.size):
        x[t] = 0.8 * x[t - 1] + rng.standard_normal()
    drawn = one_regime(x, 6, 11)
    theirs = sm.OLS(x[LAGS:], sm.add_constant(np.column_stack([x[LAGS - k : -k] for k in range(1, LAGS + 1)]))).fit()
    for column in drawn.T:
        again = sm.OLS(
            column[LAGS:], sm.add_constant(np.column_stack([column[LAGS - k : -k] for k in range(1, LAGS + 1)]))
        ).fit()
        assert again.params[1] == pytest.approx(theirs.params[1], abs=0.08)
    x[500] = np.nan
    assert np.isnan(one_regime(x, 2, 1)[500]).all()
    assert np.isnan(one_regime(x, 2, 1)).sum() == 2
    np.testing.assert_array_equal(one_regime(x, 2, 1), one_regime(x, 2, 1))


def test_two_states_are_sure_of_themselves_on_persistent_noise(pooled: Session) -> None:
    growth, inflation = sureness(pooled, "chains", None)
    assert (growth.series, inflation.series) == ("growth", "inflation")
    assert growth.n == np.isfinite(macro_inputs(pooled, None).growth).sum()
    assert inflation.null_sure > 0.5, "two states are found where there is one, and with confidence"


def configured(session: Session, folder: Path, **settings: float) -> Session:
    """The same data under other settings."""
    folder.mkdir()
    shutil.copytree(session.settings.home / "store", folder / "store")
    (folder / "config.toml").write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))
    return Session(load_settings(folder))


def test_late_growth_can_be_estimated_from_four_indicators(pooled: Session, tmp_path: Path) -> None:
    """Off by default: docs/real-data.md says why. Against plain numpy, from what was known on the day."""
    day, cut = np.datetime64("2019-08-30"), {"CFNAI": "2019-04-01"}
    (tmp_path / "cut").mkdir()
    late = without(pooled, tmp_path / "cut", cut=cut)
    asked = configured(late, tmp_path / "on", regime_growth_nowcast=1, regime_starts=4)
    known = macro_inputs(asked, day, day.astype("datetime64[M]"))
    assert known.nowcast is not None
    assert np.isfinite(known.nowcast).sum() == 4, "May to August: claims of August are out"
    grid = known.months
    target = three_months(winsorised(known.growth))
    parts = []
    for name, made in (("ICSA", np.log), ("PAYEMS", lambda v: 100 * np.diff(np.log(v), prepend=np.nan)),
                       ("INDPRO", lambda v: 100 * np.diff(np.log(v), prepend=np.nan)),
                       ("UNRATE", lambda v: np.diff(v, prepend=np.nan))):  # fmt: skip
        entry = series_in(asked.catalogue, asked.snapshot, name)
        seen = known_by(entry, asked.snapshot.series(name), day)
        months = seen.dates.astype("datetime64[M]")
        level = np.array([seen.values[months == m].mean() if (months == m).any() else np.nan for m in grid])
        x = three_months(winsorised(made(level)))
        both = np.isfinite(x) & np.isfinite(target)
        line = sm.OLS(target[both], sm.add_constant(x[both])).fit()
        parts.append(line.params[0] + line.params[1] * x)
    with np.errstate(invalid="ignore"):
        mean = np.array([np.mean(c[np.isfinite(c)]) if np.isfinite(c).any() else np.nan for c in np.array(parts).T])
    np.testing.assert_allclose(known.nowcast[-4:], mean[-4:], atol=1e-10)
    assert np.isnan(known.nowcast[:-4]).all()
    assert known.nowcast_variance == pytest.approx(np.nanmean((mean - target) ** 2))
    use_session(asked)
    with_it = RUSSELL_REGIME_PROB("slowdown", None, "2019-08-30", "bands")
    use_session(late)
    assert with_it != RUSSELL_REGIME_PROB("slowdown", None, "2019-08-30", "bands")
    use_session(asked)
    chains = RUSSELL_REGIME_PROB("slowdown", None, "2019-08-30", "chains")
    use_session(configured(late, tmp_path / "off", regime_starts=4))
    assert chains == RUSSELL_REGIME_PROB("slowdown", None, "2019-08-30", "chains"), "chains carry on by transitions"


def test_inputs_that_are_short_or_have_a_hole(pooled: Session, tmp_path: Path) -> None:
    """A series of prices that begins in 2015, and one with a hole of seven months."""
    original = pooled.snapshot
    cases: list[tuple[str, Callable[[DayArray], BoolArray], str]] = [
        ("young", lambda d: d >= np.datetime64("2015-01-01"), "needs 60 months of both; by 2019-08-30 there are"),
        ("hole", lambda d: (d < np.datetime64("2018-01-01")) | (d >= np.datetime64("2018-08-01")), ""),
    ]
    for name, keep, words in cases:
        series = {}
        for one in original.ids:
            data = original.series(one)
            kept = keep(data.dates) if one == PCE else np.ones(data.dates.size, dtype=bool)
            series[one] = type(data)(data.dates[kept], data.values[kept], data.available_at[kept])
        shutil.copytree(pooled.settings.home / "store", tmp_path / name / "store")
        (tmp_path / name / "config.toml").write_text("regime_starts = 4\n")
        made = Session(load_settings(tmp_path / name))
        made.store.use(made.store.add(series, source="sample", synthetic=True).fingerprint)
        use_session(Session(load_settings(tmp_path / name)))
        table = RUSSELL_REGIMES(0, DAY)
        wary = str(table[1][table[0].index("wary_of")])
        members = str(table[1][table[0].index("members")])
        if words:
            assert wary.count(words) == 2, "both members with core PCE are missing, and say why"
            assert members.startswith("chains ") and "pce" not in members
        else:
            assert "missing" not in wary, "a hole is a hole, and the months after it count"
        assert RUSSELL_REGIME_PROB("goldilocks", 0, "2018-05-31", "chains") > 0.0
        if name == "hole":
            with pytest.raises(NoDataError, match="more than 6 months before"):
                RUSSELL_REGIME_PROB("goldilocks", 0, "2018-08-15", "chains_pce")


@pytest.mark.parametrize("model", ["jump", "markov_switching"])
def test_challengers_answer_on_demand_and_are_scored(pooled: Session, model: RegimeModel) -> None:
    with pytest.raises(NoDataError, match=f"regime history --model {model}'"):
        RUSSELL_REGIME_SCORE(None, model)
    days = regime_history(pooled, model, np.datetime64("2018-06-30"), quiet)
    now = RUSSELL_REGIMES(0, str(days.days[-1]), model)
    np.testing.assert_allclose([r[2] for r in now[1:4]], days.probabilities[:3, -1], atol=1e-12)
    later = RUSSELL_REGIMES(3, str(days.days[-1]), model)
    np.testing.assert_allclose([r[2] for r in later[1:4]], days.ahead3[:3, -1], atol=1e-12)
    assert sum(r[2] for r in now[1:4]) == pytest.approx(1.0)
    assert functions.RUSSELL_TRANSITIONS(str(days.days[-1]), model)[0][0] == "from"


def test_what_a_switching_model_says_of_later_inflation_is_what_simulation_says(pooled: Session) -> None:
    regimes = regimes_now(pooled, "markov_switching", np.datetime64(DAY))
    chain = regimes.chains[1]
    assert isinstance(chain, SwitchingChain)
    rng, draws, steps = np.random.default_rng(2), 200_000, 3
    mean, phi = chain.model.mean[:, 0, 0], chain.phi[0]
    state = (rng.random(draws) < chain.told[1, 0]).astype(int)
    away = chain.last[0] - mean[state]
    for _ in range(int(chain.late[0]) + steps):
        stay = chain.model.transition[state, state, 0]
        state = np.where(rng.random(draws) < stay, state, 1 - state)
        away = phi * away + np.sqrt(chain.variance[0]) * rng.standard_normal(draws)
    said = mean[state] + away + np.sqrt(chain.revision[0]) * rng.standard_normal(draws)
    assert chain.below(regimes.bounds, steps)[0] == pytest.approx((said <= 3.0).mean(), abs=0.005)


def test_a_chain_on_both_series_says_of_which_month_it_last_heard(pooled: Session, tmp_path: Path) -> None:
    """Where growth ends in May and inflation later, models of both series at once last heard May."""
    (tmp_path / "late").mkdir()
    use_session(without(pooled, tmp_path / "late", cut={"CFNAI": "2019-05-01"}))
    for model in ("hmm", "jump"):
        row = RUSSELL_REGIMES(0, DAY, model)
        ends = [str(row[1][row[0].index(c)])[:7] for c in ("growth_to", "inflation_to")]
        assert ends == ["2019-05", "2019-05"]
    row = RUSSELL_REGIMES(0, DAY, "chains")
    assert str(row[1][row[0].index("inflation_to")])[:7] > "2019-05"
