"""Scenarios end to end on the sample: consistency between cells, honesty, no look-ahead, bad input."""

import datetime as dt
import os
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xl_smallcap import BadArgumentError, CatalogueError, FitError, NoDataError
from xl_smallcap.analyses.question import Question, aligned
from xl_smallcap.analyses.regimes.record import regime_history
from xl_smallcap.analyses.scenarios import evidence
from xl_smallcap.analyses.scenarios.bundle import past_of
from xl_smallcap.analyses.scenarios.evidence import base_rate
from xl_smallcap.analyses.scenarios.needle import tipping
from xl_smallcap.analyses.scenarios.projection import ScenarioQuestion, periods
from xl_smallcap.config import load_settings
from xl_smallcap.functions import FUNCTIONS
from xl_smallcap.functions.parameters import RELATIVE, SPEC
from xl_smallcap.functions.shocks import projection_question, scenario_question
from xl_smallcap.session import Session, use_session
from xl_smallcap.types import Window

F: dict[str, Callable[..., Any]] = {f.name: f.call for f in FUNCTIONS}


def weekly(session: Session, target: str | None = None) -> Question:
    return projection_question(RELATIVE.read(session, target), None, SPEC.read(session, None))


def path_of(session: Session, scenario: Any, target: str | None, months: int) -> ScenarioQuestion:
    return scenario_question(session, scenario, months, weekly(session, target))


METHODS = ("analytic", "simulation", "bootstrap", "pooling")
BOTH = [["inflation", 25, "bp"], ["growth", 1, "sd"]]


def _cells(table: list[list[Any]]) -> dict[Any, Any]:
    return {row[0]: row[1] for row in table[1:]}


def _by_name(table: list[list[Any]], stop: int | None = None) -> dict[Any, dict[Any, Any]]:
    return {row[0]: dict(zip(table[0], row, strict=True)) for row in table[1:stop]}


@pytest.mark.parametrize("method", METHODS)
def test_a_scalar_is_its_row_of_every_table_bit_for_bit(session: Session, method: str) -> None:
    whole = _cells(F["RUSSELL_SCENARIO"]("goldman", "russell", "all", 3, None, method))
    for stat in ("mean", "sd", "p5", "p50", "p95", "prob_positive", "prob_outperform", "base_rate", "contribution:oil"):
        assert F["RUSSELL_SCENARIO"]("goldman", "russell", stat, 3, None, method) == whole[stat], stat
    fan = F["RUSSELL_FAN"]("goldman", "russell", 3, None, method)
    last = dict(zip(fan[0], fan[-1], strict=True))
    assert [last[k] for k in ("mean", "p5", "p95")] == [whole[k] for k in ("mean", "p5", "p95")]
    parts = sum(v for k, v in whole.items() if str(k).startswith("contribution:"))
    # draws scatter about the mean that the contributions add up to
    slack = 1e-12 if method in ("analytic", "pooling") else 5 * whole["sd"] / 20_000**0.5
    assert parts == pytest.approx(whole["mean"], abs=slack)
    if method == "analytic":
        side = _by_name(F["RUSSELL_SCENARIOS"]("russell", 3))
        assert side["growth_low_inflation"]["mean"] == whole["mean"]
        assert sum(whole[k] for k in ("share_path", "share_beta", "share_residual")) == pytest.approx(1.0, abs=1e-14)


def test_a_range_that_says_what_a_path_says_gives_the_same(session: Session) -> None:
    path = F["RUSSELL_SCENARIO"]("goldman")
    rows = [["growth", 6, "pct"], [None, None, None], ["inflation", "-20", "BP"], ["cuts", 25, "bp"]]
    assert F["RUSSELL_PROJECTION"](rows, None, "mean", 6) == pytest.approx(path, rel=1e-13)
    assert F["RUSSELL_SCENARIO"](rows, None, "mean", 6) == F["RUSSELL_PROJECTION"](rows, None, "mean", 6)
    shaped: list[list[Any]] = [
        ["growth", 2, "pct", 1],
        ["growth", 2, "pct", 2],
        ["growth", 1, "pct", 3],
        ["growth", 1, "pct", 4],
    ]
    shaped += [["easing", 10, "bp", 1], *(["easing", -5, "bp", m] for m in (3, 4, 5, 6))]
    assert F["RUSSELL_PROJECTION"](shaped, None, "sd", 6) == pytest.approx(F["RUSSELL_SCENARIO"]("jpmorgan", stat="sd"))
    assert F["RUSSELL_FAN"](shaped, None, 6)[2][1] == pytest.approx(F["RUSSELL_FAN"]("jpmorgan")[2][1])


@pytest.mark.parametrize("target", ["relative", "hedged", "russell", "XLF_ADJ"])
@pytest.mark.parametrize("factor", ["inflation", "growth", "oil"])
def test_tipping_then_forward_is_a_coin_s_toss(session: Session, target: str, factor: str) -> None:
    shock = F["RUSSELL_TIPPING"](factor, "goldman", target, 4)
    scale = 4 / 6
    path = {"growth": (6 * scale, "pct"), "inflation": (-20 * scale, "bp"), "easing": (25 * scale, "bp")}
    path[factor] = (shock, "pct" if factor in ("growth", "oil") else "bp")
    rows = [[name, value, unit] for name, (value, unit) in path.items()]
    assert F["RUSSELL_PROJECTION"](rows, target, "prob_outperform", 4) == pytest.approx(0.5, abs=1e-10)
    table = _by_name(F["RUSSELL_TIPPING"](None, "goldman", target, 4))
    assert table[factor]["tipping"] == shock
    if table[factor]["lower"] is not None:
        assert table[factor]["lower"] < shock < table[factor]["upper"]


def test_at_the_ends_of_fieller_s_interval_the_mean_is_just_told_from_zero(session: Session) -> None:
    from scipy import stats

    from xl_smallcap.analyses.scenarios.projection import project_path

    interval = tipping(session, path_of(session, "growth_disappoints", "russell", 6), "growth")
    question = path_of(session, "growth_disappoints", "russell", 6)
    assert np.isfinite(interval.lower)
    for shock in (interval.lower, interval.upper):
        rows = [["growth", shock, "pct"], ["inflation", -15, "bp"], ["easing", 25, "bp"]]
        path = path_of(session, rows, "relative", 6)
        projection = project_path(session, path)
        f = projection.analytic.deviations[-1]
        error = np.sqrt(f @ projection.fitted.model.beta_covariance @ f)
        assert abs(projection.analytic.mean[-1] / error) == pytest.approx(stats.t.ppf(0.95, 98), rel=1e-9)
    assert question.months == 6


def test_odds_of_the_russell_are_those_of_relative(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    for stat in ("prob_outperform", "base_rate"):
        one, two = (F["RUSSELL_SCENARIO"]("goldman", t, stat, 3) for t in ("russell", "relative"))
        assert one == two
    monkeypatch.setitem(session.__dict__, "settings", replace(session.settings, scenario_bundle=0))
    relative = F["RUSSELL_SCENARIO"]("goldman", "relative", "mean", 3)
    legs = [F["RUSSELL_SCENARIO"]("goldman", t, "mean", 3) for t in ("russell", "sp500")]
    assert relative == pytest.approx(legs[0] - legs[1], abs=1e-11), "shrinking, target by target, ends that"


def test_the_base_rate_against_pandas(session: Session) -> None:
    from tests.hosts import independent

    logs = 100 * np.log(independent.levels()[["RUT", "GSPC"]].dropna())
    ends = logs.groupby(logs.index.to_period("M")).last()
    gain = (ends["RUT"] - ends["GSPC"]).diff(3).dropna()
    rate = base_rate(session, weekly(session), 3)
    assert rate.nobs == gain.size
    assert rate.share == pytest.approx((gain > 0).mean(), abs=1e-15)


def test_twenty_sigma_is_answered_and_called_implausible(session: Session) -> None:
    rows = [["inflation", 20, "sd"]]
    assert abs(F["RUSSELL_PROJECTION"](rows)) < 1e3
    assert F["RUSSELL_PROJECTION"](rows, stat="plausibility") < 1e-80
    assert F["RUSSELL_PROJECTION"](rows, stat="distance") == pytest.approx(20.0)
    assert "implausible: 20.0 standard deviations" in F["RUSSELL_PROJECTION"](rows, stat="warning")
    with pytest.raises(FitError, match="No reweighting of history reaches 'inflation'"):
        F["RUSSELL_PROJECTION"](rows, stat="effective_scenarios")
    assert F["RUSSELL_PROJECTION"]([["inflation", 0, "bp"]], stat="plausibility") == 1.0


def test_fewer_than_ten_effective_stretches_are_refused_but_counted(session: Session) -> None:
    path = path_of(session, [["growth", 1, "pct"]], None, 1)
    sums, _, _ = periods(aligned(session, path.question), 4)
    growth = np.sort(sums[:, 1] - sums[:, 1].mean())
    rows = [["growth", float(growth[-3:].mean()), "pct"]]
    assert 0.5 < F["RUSSELL_PROJECTION"](rows, None, "effective_scenarios", 1) < 10
    with pytest.raises(FitError, match="fewer than 10 are no distribution"):
        F["RUSSELL_PROJECTION"](rows, None, "mean", 1, None, "pooling")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[None, None, None], ["", None, None]], "The range of shocks is empty"),
        ([["factor", "shock", "unit"], [None, 0, None]], "The range of shocks is empty"),
        ([["growth"], ["inflation"]], r"Row 1 of the shocks has 1 cell\(s\); expected a range"),
        ([["growth", 1, "pct", 1, 2]], r"has 5 cell\(s\)"),
        ([["growth", None, "pct"]], "Row 1 of the shocks: the shock is empty"),
        ([["growth", True, "pct"]], "Row 1 of the shocks: the shock is TRUE"),
        ([["growth", "1,5", "pct"]], "Row 1 of the shocks: the shock is '1,5'"),
        ([["growth", float("nan"), "pct"]], "Row 1 of the shocks: the shock is"),
        ([["growth", 1, 7]], "the unit of 'growth' is the number 7"),
        ([["growth", 1, "pct", 4]], r"from 1 to 3 \(the horizon\); got the number 4"),
        ([["growth", 1, "pct", 1], ["growth", 2, "pct", 1]], "'growth' is given twice for month 1"),
        ([["growth", 1, "pct", 1], ["growth", 2, "sd", 2]], "in two ways"),
        ([["growth", 1, "pct"], ["growth", 2, "pct", 2]], "in two ways"),
        ([[5, 1, "pct"]], "begins with the number 5"),
        ([["growth", 1, "pct", "x"]], "month must be a whole number"),
        ([["growth", "1e999", "pct"]], "Row 1 of the shocks: the shock is '1e999'"),
        ([["growth", 10**400, "pct"]], "a number without end"),
        ([[], ["growth", 1]], "Row 2 of the shocks: the shock to 'growth' has no unit"),
        ([["cuts", 1, "bp"], ["easing", 1, "bp"]], r"gives 'easing' twice \(once as 'easing'\)"),
        ([["market", 1, "pct"]], "Unknown factor 'market'"),
    ],
)
def test_bad_ranges_are_told_by_row(session: Session, rows: list[list[Any]], said: str) -> None:
    with pytest.raises(BadArgumentError, match=said):
        F["RUSSELL_PROJECTION"](rows)


def test_the_market_can_be_given_where_it_is_a_regressor(session: Session) -> None:
    down = [["market", -10, "pct"]]
    assert F["RUSSELL_PROJECTION"](down, "russell", "mean", 3, None, spec="macro_market") < -5
    assert F["RUSSELL_PROJECTION"](down, "hedged", "contribution:market") == 0.0


def test_nothing_later_changes_an_answer(session: Session) -> None:
    day = dt.date(2018, 6, 29)
    for stat in ("mean", "sd", "base_rate", "worst_analogue", "effective_scenarios", "frequency_conflict"):
        one = F["RUSSELL_SCENARIO"]("goldman", None, stat, 3, day)
        assert one == F["RUSSELL_SCENARIO"]("goldman", None, stat, 3, "2018-07-01"), "a Sunday knows what Friday knew"
    early = F["RUSSELL_SCENARIO_SCORE"](None, 1, day)
    assert early != F["RUSSELL_SCENARIO_SCORE"]()
    question = weekly(session)
    whole = evidence.past_forecasts(session, question, 1)
    part = evidence.past_forecasts(session, replace(question, as_of=np.datetime64("2018-06-29")), 1)
    assert np.array_equal(whole[:, : part.shape[1]], part)
    assert part.shape[1] > 90


@pytest.mark.parametrize("bundle", [0, 1])
@pytest.mark.parametrize("day", ["2017-01-31", "2018-03-29", "2015-12-31", "2021-12-31"])
def test_a_past_forecast_is_what_the_cell_would_have_said(
    session: Session, day: str, bundle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(session.__dict__, "settings", replace(session.settings, scenario_bundle=bundle))
    question = weekly(session)
    table = evidence.past_forecasts(session, question, 1)
    start = np.datetime64(day)  # three of them cut a week short whose end was known only later, or just not
    column = int(np.flatnonzero(table[8] == float(start.astype(np.int64)))[0])
    monthly = aligned(session, replace(question, window=Window(1, "monthly")))
    changes = monthly.changes[list(monthly.starts).index(start)]
    units = ["pct" if q == "pct" else "bp" for q in monthly.quotes[1:]]
    rows = [[n, float(c), u] for n, c, u in zip(monthly.names[1:], changes[1:], units, strict=True)]
    for stat, row in (("mean", 0), ("sd", 1)):
        assert F["RUSSELL_PROJECTION"](rows, None, stat, 1, day) == pytest.approx(table[row, column], rel=1e-11)
    for stat, row in (("mean", 2), ("sd", 3)):
        thesis = F["RUSSELL_PROJECTION"](rows[:3], None, stat, 1, day)
        assert thesis == pytest.approx(table[row, column], rel=1e-11)
    assert table[7, column] == changes[0]
    assert bundle or table[6, column] == 4.0 + 4.2


def test_a_revised_market_is_another_past(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many weeks of the S&P with other returns: the drift of every past forecast is another one, cached or not."""
    question = replace(weekly(session), target=session.catalogue.targets["russell"])
    before = evidence.past_forecasts(session, question, 1)
    whole = past_of(session, question, aligned(session, question))
    other = replace(whole, market_changes=whole.market_changes + 0.1)
    assert other.key != whole.key
    monkeypatch.setattr(evidence, "past_of", lambda *_: other)
    after = evidence.past_forecasts(session, question, 1)
    np.testing.assert_allclose(after[0] - before[0], 0.1 * 4.2, rtol=1e-9)


def test_a_range_without_days_says_so(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few days to say how volatile today is: the range is that of two years, and the warning tells."""
    monkeypatch.setattr("xl_smallcap.analyses.scenarios.bundle.FEWEST_DAYS", 10**6)
    session.clear()
    said = F["RUSSELL_SCENARIO"]("goldman", None, "warning", 3, "2019-06-28")
    assert "today's volatility is not known" in said
    assert "and 1000000 are needed" in said


def test_the_report_card_by_hand(session: Session) -> None:
    table = evidence.past_forecasts(session, weekly(session), 1)
    came = table[7]
    shares = [np.nan if t < 36 else (came[:t] > 0).mean() for t in range(came.size)]
    truth = came[36:] > 0
    cards = _by_name(F["RUSSELL_SCENARIO_SCORE"](), 7)
    assert cards["base_rate"]["brier"] == pytest.approx(np.mean((np.array(shares[36:]) - truth) ** 2))
    assert cards["one_half"]["brier"] == 0.25
    assert cards["path"]["n"] == came.size - 36
    # the sample is made by its factors, so knowing them helps
    assert max(cards[k]["brier"] for k in ("path", "thesis")) < cards["none"]["brier"]
    assert cards["path"]["auc"] > 0.6
    assert 0.8 < cards["path"]["coverage90"] <= 1.0
    assert cards["none"]["auc"] == 0.5
    knowing = [r[1] for r in F["RUSSELL_SCENARIO_SCORE"]()[1:]]
    assert knowing[0] == "every factor to come"


def test_odds_say_what_they_are_conditional_on(session: Session) -> None:
    for table in (F["RUSSELL_SCENARIOS"](None, 3), F["RUSSELL_FAN"]("goldman", None, 1)):
        named = [h for h in table[0] if "prob_" in str(h)]
        assert named
        assert all("conditional on the path" in h for h in named)
    units = {r[0]: r[2] for r in F["RUSSELL_SCENARIO"]("goldman", stat="all")[1:]}
    assert "conditional on the path" in units["prob_outperform"]
    assert "conditional on the path" in F["RUSSELL_NEEDLE_MAP"]()[0][0]


def test_beyond_its_end_a_path_is_as_far_as_it_was_and_a_header_may_come_late(session: Session) -> None:
    for stat in ("distance", "plausibility"):
        assert F["RUSSELL_SCENARIO"]("goldman", None, stat, 12) == F["RUSSELL_SCENARIO"]("goldman", None, stat, 6)
    # over a year too, reweighting meets the half year the path gives
    half, year = (F["RUSSELL_SCENARIO"]("goldman", None, "effective_scenarios", h) for h in (6, 12))
    assert 50 * year == pytest.approx(25 * half, rel=0.1), "stretches of 50 and of 25 weeks overlap"
    assert "later factors are free" in F["RUSSELL_SCENARIO"]("goldman", None, "warning", 12)
    late = [[None, None, None], ["Factor", "Shock", "Unit"], *BOTH]
    assert F["RUSSELL_PROJECTION"](late) == F["RUSSELL_PROJECTION"](BOTH)


def test_a_path_that_names_nothing_is_history_as_it_is(tmp_path: Path, sample_home: Path) -> None:
    import shutil

    shutil.copytree(sample_home / "store", tmp_path / "store")
    head = 'label = "Nothing"\ndated = 2025-11-03\nsource = "desk"\nmonths = 3\n'
    file = tmp_path / "scenarios.toml"
    file.write_text(f"[paths.my-view]\n{head}shocks = {{}}\n", encoding="utf-8")
    use_session(Session(load_settings(tmp_path)))
    assert F["RUSSELL_SCENARIO"]("My View") == 0.0
    assert F["RUSSELL_SCENARIO"]("my-view", stat="effective_scenarios") > 900 / 13
    assert F["RUSSELL_SCENARIO"]("my-view", stat="plausibility") == 1.0
    assert len(F["RUSSELL_SCENARIOS"](None, 3)) == 16
    for shocks, said in (
        ('grwoth = { unit = "pct", shock = 1 }', r"line 7: .*Unknown factor 'grwoth'. Did you mean 'growth'"),
        ('growth = { unit = "bp", shock = 1 }', r"line 7: .*growth has the unit 'pct' \(or 'sd'\), not 'bp'"),
    ):
        file.write_text(f"[paths.my-view]\n{head}[paths.my-view.shocks]\n{shocks}\n", encoding="utf-8")
        use_session(Session(load_settings(tmp_path)))
        with pytest.raises(CatalogueError, match=said):
            F["RUSSELL_SCENARIO"]("my-view")
    use_session(None)


@pytest.fixture
def with_regimes(tmp_path: Path, sample_home: Path) -> Session:
    """The sample with the history of the regimes computed, in a home of its own."""
    import shutil

    shutil.copytree(sample_home / "store", tmp_path / "store")
    opened = Session(load_settings(tmp_path))
    use_session(opened)
    regime_history(opened, "chains", None, lambda *_: None)
    return opened


def test_needle_and_mixture_with_regimes(with_regimes: Session) -> None:
    needle = _cells(F["RUSSELL_NEEDLE"](None, "all", 3))
    for stat in ("joint", "window", "given_window", "outperform", "joint_se", "effective", "nobs"):
        assert F["RUSSELL_NEEDLE"](None, stat, 3) == needle[stat]
    assert needle["joint"] == pytest.approx(needle["window"] * needle["given_window"], rel=1e-12)
    assert needle["joint_se"] == pytest.approx((needle["joint"] * (1 - needle["joint"]) / needle["effective"]) ** 0.5)
    assert needle["window"] < _cells(F["RUSSELL_NEEDLE"](None, "all", 3, None, -5, 50))["window"]
    # by hand: weights are the regimes' chances now over how many months each had
    history = regime_history(with_regimes, "chains", None)
    from xl_smallcap.analyses.regimes.now import regimes_now

    now = regimes_now(with_regimes, "chains", None).probabilities(0)[:3, 0]
    question = weekly(with_regimes)
    panel = aligned(with_regimes, replace(question, window=Window(1, "monthly")))
    sums, starts, _ = periods(panel, 3)
    by_month = {d.astype("datetime64[M]"): p for d, p in zip(history.days, history.probabilities[:3].T, strict=True)}
    months = [d.astype("datetime64[M]") for d in starts]
    pairs = [(s, by_month[m]) for s, m in zip(sums, months, strict=True) if m in by_month]
    p = np.array([b for _, b in pairs])
    q = sum(now[r] * p[:, r] / p[:, r].sum() for r in range(3))
    hit = np.array([s[1] >= 0 and s[2] <= 0 and s[0] > 0 for s, _ in pairs])
    assert needle["joint"] == pytest.approx(float(q[hit].sum()), rel=1e-12)
    assert needle["joint_base"] == pytest.approx(float(hit.mean()), rel=1e-12)
    assert needle["nobs"] == len(pairs)
    mixed = _cells(F["RUSSELL_SCENARIO"]("goldman", None, "all", 3, None, "regimes"))
    assert mixed["regime_model"] == needle["regime_model"] == "chains", "the pool has no states of its own"
    plain = _cells(F["RUSSELL_SCENARIO"]("goldman", None, "all", 3))
    assert mixed["sd"] == pytest.approx(plain["sd"], rel=0.5)
    assert mixed["p5"] < mixed["p50"] < mixed["p95"]
    free = [F["RUSSELL_SCENARIO"]("goldman", None, "share_path", 12, None, m) for m in ("regimes", "analytic")]
    assert free[0] == pytest.approx(free[1], rel=0.5), "named factors are free again after the sixth month"
    parts = sum(v for k, v in mixed.items() if str(k).startswith("contribution:"))
    assert parts == pytest.approx(mixed["mean"], abs=1e-12)
    assert mixed["effective_scenarios"] == pytest.approx(needle["effective"], rel=1e-12)
    use_session(None)


def test_early_days_say_what_is_missing(session: Session) -> None:
    with pytest.raises(NoDataError, match="needs 104 weekly changes"):
        F["RUSSELL_SCENARIO"]("goldman", None, "mean", None, "2007-06-29")
    with pytest.raises(NoDataError, match="A report card needs 36 months"):
        F["RUSSELL_SCENARIO_SCORE"](None, 1, "2010-06-30")


def test_the_library_file_is_shipped_as_it_is_read() -> None:
    import xl_smallcap

    folder = Path(os.fspath(xl_smallcap.__file__)).parent
    library = tomllib.loads((folder / "data" / "scenarios.toml").read_text(encoding="utf-8"))
    assert library["paths"]["growth_low_inflation"]["aliases"] == ["goldman"]
