"""The functions of the full factor model: side by side, adding up, with evidence."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.hosts import independent
from xl_smallcap import cli
from xl_smallcap.errors import BadArgumentError, NoDataError
from xl_smallcap.functions import (
    RUSSELL_ATTRIBUTION,
    RUSSELL_BETA,
    RUSSELL_BETA_HISTORY,
    RUSSELL_BETAS,
    RUSSELL_FAIR_VALUE,
    RUSSELL_FAIR_VALUE_HISTORY,
    RUSSELL_FIT,
    RUSSELL_METHODS,
)
from xl_smallcap.functions.fair_value import compute_history, hypothetical_trades
from xl_smallcap.session import Session, use_session

TARGETS = ("russell", "sp500", "relative", "hedged", "XLF_ADJ")


def rows(table: Any) -> list[dict[str, Any]]:
    return [dict(zip([str(h) for h in table[0]], row, strict=True)) for row in table[1:]]


def test_methods_side_by_side_are_the_betas_one_by_one(session: Session) -> None:
    table = rows(RUSSELL_METHODS("inflation", "relative", 120))
    assert [r["role"] for r in table] == ["asked", *["method"] * 3, *["components"] * 4, *["frequency"] * 8, "summary"]
    for row in table[:-1]:
        number = f":{row['components']}" if row["role"] == "components" else ""
        arguments: tuple[Any, ...] = ("relative", row["window"], None, row["method"] + number)
        for stat in ("beta", "se", "tstat", "lower", "upper", "rsquared", "nobs", "first_date", "last_date"):
            assert RUSSELL_BETA("inflation", arguments[0], stat, *arguments[1:]) == row[stat], (
                row["method"],
                row["window"],
                stat,
            )
        native = RUSSELL_BETA("inflation", arguments[0], "beta", arguments[1], None, arguments[3], None, None, "10bp")
        assert native == pytest.approx(row["beta_native"], rel=1e-12)
        same = np.sign(row["beta"]) == np.sign(table[0]["beta"])
        clear = row["lower"] * row["upper"] > 0 and table[0]["lower"] * table[0]["upper"] > 0
        if row["role"] != "asked":
            wanted = "same sign" if same else "sign conflict" + (", both intervals clear of zero" if clear else "")
            assert row["flag"] == wanted
    counted = sum(r["flag"] == "same sign" for r in table)
    assert table[-1]["flag"].startswith(f"{counted} of 15 other rows")


def test_a_conflict_is_clear_only_if_both_intervals_are(session: Session) -> None:
    seen = set()
    for factor in ("inflation", "easing", "oil", "dollar"):
        for target in ("russell", "relative", "sp500"):
            table = [r for r in rows(RUSSELL_METHODS(factor, target)) if r["beta"] is not None]
            first = table[0]
            for row in table[1:]:
                if np.sign(row["beta"]) == np.sign(first["beta"]):
                    assert row["flag"] == "same sign"
                    continue
                clear = (first["lower"] * first["upper"] > 0, row["lower"] * row["upper"] > 0)
                assert row["flag"].endswith("clear of zero") == all(clear)
                seen.add(clear)
    assert {(True, True), (False, True), (True, False)} <= seen, "every kind of conflict came up"


@pytest.mark.parametrize(
    ("percentile", "pvalue", "oos", "wanted"),
    [
        (0.95, 0.05, 0.01, "supported"),
        (0.94, 0.01, 0.5, "not distinguishable from noise"),
        (1.0, 0.06, 0.5, "not distinguishable from noise"),
        (1.0, 0.01, 0.0, "not distinguishable from noise"),
        (1.0, 0.01, float("nan"), "not enough data"),
        (float("nan"), 0.01, 0.5, "not enough data"),
    ],
)
def test_the_rule_of_the_verdict(percentile: float, pvalue: float, oos: float, wanted: str) -> None:
    from xl_smallcap.analyses.fair_value import verdict

    assert verdict(percentile, pvalue, oos) == wanted


def test_a_row_that_cannot_be_fitted_says_why(session: Session) -> None:
    table = rows(RUSSELL_METHODS("growth", as_of="2009-06-30"))
    monthly = [r for r in table if r["window"] == "60m"]
    assert len(monthly) == 4
    assert all(r["beta"] is None and "needs 60 monthly changes" in r["flag"] for r in monthly)


def test_agreement_is_the_share_of_methods_with_the_sign(session: Session) -> None:
    for factor in ("growth", "inflation", "oil"):
        table = [r for r in rows(RUSSELL_METHODS(factor, "relative")) if r["role"] in ("asked", "method")]
        for row in table:
            share = float(np.mean([np.sign(r["beta"]) == np.sign(row["beta"]) for r in table]))
            assert RUSSELL_BETA(factor, "relative", "agreement", None, None, row["method"]) == share


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("window", "method", "spec"), [(250, None, "macro"), ("104w", "pls", "full"), (120, "pcr", "macro")]
)
def test_contributions_add_up(session: Session, target: str, window: Any, method: Any, spec: str) -> None:
    table = rows(RUSSELL_ATTRIBUTION("2025-03-31", "2025-11-14", target, window, method, spec))
    parts, total = table[:-1], table[-1]
    levels = independent.levels()
    first, last = str(total["first_date"]), str(total["last_date"])
    legs = {"sp500": ["GSPC"], "relative": ["RUT", "GSPC"], "XLF_ADJ": ["XLF_ADJ"]}.get(target, ["RUT"])
    log = [100 * np.log(levels.loc[last, s] / levels.loc[first, s]) for s in legs]
    simple = [100 * (levels.loc[last, s] / levels.loc[first, s] - 1) for s in legs]
    wanted = (log[0] - sum(log[1:]), simple[0] - sum(simple[1:]))
    for column, truth in zip(("contribution", "contribution_simple"), wanted, strict=True):
        assert total[column] == pytest.approx(truth, abs=1e-11), "levels are read as text and rounded once"
        assert sum(r[column] for r in parts) == pytest.approx(total[column], abs=1e-12)
    assert [r["role"] for r in parts[-2:]] == ["drift", "specific"]
    assert [r["item"] for r in parts if r["role"] == "control"] == (["market"] if target == "hedged" else [])
    assert all(r["lower"] < r["contribution"] < r["upper"] for r in parts)
    assert first <= "2025-03-31"
    assert last <= "2025-11-14"


def test_a_contribution_against_one_regression_a_day(session: Session) -> None:
    table = rows(RUSSELL_ATTRIBUTION("2025-09-30", "2025-12-24", "relative"))
    assert table[0]["item"] == "growth"
    wanted = independent.growth_contribution("2025-09-30", "2025-12-24")
    assert table[0]["contribution"] == pytest.approx(wanted, rel=1e-9)
    assert table[0]["mean_beta"] > 0
    assert table[0]["beta_unit"] == "% per 1 %"
    assert {r["source"] for r in table} == {"SAMPLE (synthetic)"}


def test_the_default_period_is_the_year_to_date(session: Session) -> None:
    table = rows(RUSSELL_ATTRIBUTION(None, "2025-06-30"))
    assert str(table[0]["first_date"]) == "2024-12-31"
    assert str(table[0]["last_date"]) == "2025-06-30"


@pytest.mark.parametrize("method", ["univariate", "pcr:3", "pls:3"])
def test_histories_of_every_method_end_at_the_scalar(session: Session, method: str) -> None:
    table = rows(RUSSELL_BETA_HISTORY("growth", "relative", 250, None, method))
    assert table[-1]["beta"] == pytest.approx(RUSSELL_BETA("growth", "relative", "beta", 250, None, method), rel=1e-10)
    past = RUSSELL_BETA("growth", "relative", "beta", 250, table[-40]["date"], method)
    assert table[-40]["beta"] == pytest.approx(past, rel=1e-10)
    if method == "univariate":
        upper = RUSSELL_BETA("growth", "relative", "upper", 250, None, method)
        assert table[-1]["upper"] == pytest.approx(upper, rel=1e-9)
        assert table[-1]["errors"] == "Newey-West"
    else:
        # another way to the same error: within the bootstrap's own noise
        se: Any = RUSSELL_BETA("growth", "relative", "se", 250, None, method)
        assert table[-1]["upper"] - table[-1]["beta"] == pytest.approx(1.65 * se, rel=0.35)
        assert table[-1]["errors"] == "Newey-West, delta method"


def test_fit_of_components(session: Session) -> None:
    stats: Any = RUSSELL_FIT(stat="all", method="pcr")
    full = {r[0]: r[1] for r in stats[1:]}
    assert 0.90 <= full["explained"] < 1.0
    assert (full["draws"], full["block"], full["seed"]) == (1000, 7, 20251224)
    fewer: Any = RUSSELL_FIT(None, "explained", None, None, f"pcr:{full['components'] - 1}")
    assert fewer < 0.90, "the fewest with 90 %"
    assert RUSSELL_FIT(stat="rsquared", method="pls:5") == pytest.approx(RUSSELL_FIT(stat="rsquared"), rel=1e-10)
    with pytest.raises(BadArgumentError, match="no joint R²"):
        RUSSELL_FIT(stat="rsquared", method="univariate")
    stats = RUSSELL_FIT(stat="all", method="univariate")
    table = {r[0]: r[1] for r in stats[1:]}
    assert table["rsquared"] is None
    assert table["nobs"] == 250
    assert "bootstrap, 1000 draws of blocks of 7, seed 20251224" in str(rows(RUSSELL_BETAS(method="pls"))[0]["errors"])


def test_out_of_sample_of_components_against_a_plain_loop(session: Session) -> None:
    from tests.models import twins
    from xl_smallcap.types import Method

    y, X = independent.changes("relative", "macro", "D", None)
    y, X = y.to_numpy()[-166:], X.to_numpy()[-166:]
    missed = base = 0.0
    for t in range(83, 166):
        past, factors = y[t - 83 : t], X[t - 83 : t]
        beta = twins.betas(past, factors, Method("pls"))
        missed += (y[t] - past.mean() - (X[t] - factors.mean(axis=0)) @ beta) ** 2
        base += (y[t] - past.mean()) ** 2
    assert RUSSELL_FIT("relative", "rsquared_oos", 83, None, "pls") == pytest.approx(1 - missed / base, rel=1e-8)


@pytest.mark.parametrize("model", ["changes", "levels"])
@pytest.mark.parametrize("target", ["russell", "relative", "hedged"])
def test_fair_value_histories_end_at_the_scalar(session: Session, target: str, model: str) -> None:
    table = rows(RUSSELL_FAIR_VALUE_HISTORY(target, 120, None, model, None, "2025-10-01", 10))
    for row in (table[-1], table[-25]):
        stats: Any = RUSSELL_FAIR_VALUE(target, "all", 120, row["date"], model, None, 10)
        one = {r[0]: r[1] for r in stats[1:]}
        for name in ("actual", "value", "gap", "gap_pct", "gap_sigma", "rsquared"):
            assert row[name] == pytest.approx(one[name], rel=1e-9, abs=1e-9), name
        if model == "levels":
            assert row["rsquared_oos"] == pytest.approx(one["rsquared_oos"], rel=1e-9)
        assert row["verdict"] is None
    assert ("xl-smallcap fair-value history" in table[-1]["evidence"]) == (model == "levels")


def test_points_of_several_legs_are_one_series(session: Session) -> None:
    levels = independent.levels()[["RUT", "GSPC"]].dropna()
    for model in ("changes", "levels"):
        table = rows(RUSSELL_FAIR_VALUE_HISTORY("relative", 120, None, model, None, "2025-06-02"))
        first, last = table[0], table[-1]
        ratio = levels["RUT"] / levels["GSPC"]
        truth = ratio.loc[str(last["date"])] / ratio.loc[str(first["date"])]
        assert last["actual"] / first["actual"] == pytest.approx(truth, rel=1e-12)


def test_the_command_computes_the_evidence_of_every_date(
    sample_home: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from xl_smallcap.data.loading import load
    from xl_smallcap.data.store import Store

    monkeypatch.setenv("XL_SMALLCAP_HOME", str(tmp_path))
    monkeypatch.setenv("XL_SMALLCAP_NOISE_DRAWS", "120")
    load(Store(tmp_path / "store"), "sample", lambda *_: None)
    use_session(None)
    until = "2008-06-30"
    arguments = ["--target", "relative", "--window", "250", "--as-of", until]
    steps: list[int] = []

    def stop(_: str, done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute_history("relative", 250, until, None, None, stop)
    half = rows(RUSSELL_FAIR_VALUE_HISTORY("relative", 250, until, "levels"))
    assert [r["evidence"] == "computed" for r in half] == [True] * 128 + [False] * (len(half) - 128), (
        "kept when stopped"
    )
    assert f"--target relative --window 250 --spec macro --as-of {until}" in half[-1]["evidence"]
    assert cli.main(["fair-value", "history", *arguments]) == 0
    assert "noise has 0.05" in capsys.readouterr().out
    use_session(None)
    table = rows(RUSSELL_FAIR_VALUE_HISTORY("relative", 250, until, "levels"))
    assert {r["evidence"] for r in table} == {"computed"}
    for row in (table[0], table[70], table[-1]):
        for stat in ("noise_percentile", "cointegration_pvalue", "half_life"):
            one = RUSSELL_FAIR_VALUE("relative", stat, 250, row["date"], "levels")
            assert row[stat] == pytest.approx(one, rel=1e-10), stat
        assert row["verdict"] == RUSSELL_FAIR_VALUE("relative", "verdict", 250, row["date"], "levels")
    earlier = rows(RUSSELL_FAIR_VALUE_HISTORY("relative", 250, "2008-05-30", "levels"))
    assert {r["evidence"] for r in earlier} == {"computed"}, "an earlier date loses nothing"
    later = rows(RUSSELL_FAIR_VALUE_HISTORY("relative", 250, "2008-10-31", "levels"))
    assert {r["evidence"] for r in later} == {"computed"}, "new days are added"
    much_later = rows(RUSSELL_FAIR_VALUE_HISTORY("relative", 250, "2010-10-29", "levels"))
    assert {r["evidence"] == "computed" for r in much_later} == {True, False}, "as long as they are few"
    use_session(None)


def test_the_back_test_says_what_it_is(session: Session, capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    use_session(session)
    out = tmp_path / "trades.csv"
    assert cli.main(["fair-value", "backtest", "--target", "relative", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("HYPOTHETICAL, BEFORE COSTS: trading relative against the gap of 'changes'")
    assert "SAMPLE (synthetic)" in text
    assert "90% interval, Newey-West" in text
    lines = out.read_text().splitlines()
    assert lines[0] == "date,position,profit_log_pct"
    values = {
        name: value for name, value, _ in hypothetical_trades("relative", None, None, None, None, None, 1.0, 0.0, 1)[1]
    }
    assert len(lines) - 1 == values["periods"]
    profit = np.array([float(line.split(",")[2]) for line in lines[1:]])
    assert values["mean"] == pytest.approx(profit.mean() * 252, rel=1e-12)
    levels = independent.levels()
    day, side, gained = lines[-1].split(",")
    legs = 100 * np.log(levels[["RUT", "GSPC"]].dropna()).diff().loc[day]
    assert float(gained) == pytest.approx(float(side) * (legs["RUT"] - legs["GSPC"]), abs=1e-9)
    assert cli.main(["fair-value", "backtest", "--entry", "0", "--exit", "1"]) == 1
    assert "entry must be above exit" in capsys.readouterr().err
    with pytest.raises(NoDataError, match="needs at least 251 daily returns in a row; there are"):
        hypothetical_trades(None, 250, "2007-09-28", None, None, None, 1.0, 0.0, 1)


def test_hedged_profit_against_a_hand_loop(session: Session) -> None:
    """Yesterday's market beta, not today's; with and without delay, both models."""
    y, X = independent.changes("hedged", "macro", "D", "2009-06-30")
    y, X, days = y.to_numpy(), X.to_numpy(), [d.date() for d in y.index]
    for model, delay in (("changes", 1), ("levels", 0)):
        _, summary, series = hypothetical_trades("hedged", None, "2009-06-30", model, None, None, 1.0, 0.0, delay)
        assert {a: b for a, b, _ in summary}["periods"] == len(series) - 1
        gaps = {
            r["date"]: r["gap_sigma"] for r in rows(RUSSELL_FAIR_VALUE_HISTORY("hedged", None, "2009-06-30", model))
        }
        for row in series[1::37]:
            t = days.index(row[0])
            design = np.column_stack([np.ones(250), X[t - 250 : t]])
            beta = np.linalg.lstsq(design, y[t - 250 : t], rcond=None)[0][-1]
            assert row[2] == pytest.approx(row[1] * (y[t] - beta * X[t, -1]), abs=1e-9)
            signal = gaps[days[t - 1 - delay]]
            assert row[1] == -np.sign(signal) or abs(signal) < 1.0, "on the other side of the gap known then"


def test_a_back_test_that_cannot_be_is_a_sentence(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    use_session(session)
    assert cli.main(["fair-value", "backtest", "--delay", "100000"]) == 1
    assert "needs at least 100250 daily returns in a row" in capsys.readouterr().err
    assert cli.main(["fair-value", "backtest", "--horizon", "3000000"]) == 1
    assert "from 1 to 999999" in capsys.readouterr().err


def test_results_from_the_cache_cannot_be_changed(session: Session) -> None:
    from xl_smallcap.analyses import betas as model
    from xl_smallcap.functions.parameters import question_of

    question = question_of(session, None, 77, None, "pls", None)
    for array in (model.fit(session, question).fit.params, model.history(session, question).params):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7.0


def test_every_part_of_a_key_matters(session: Session, tmp_path: Any) -> None:
    """Other weights, another start, another seed or another number of draws: another answer, in one cache."""
    import dataclasses

    from xl_smallcap.analyses.attribution import attribution
    from xl_smallcap.data.catalogue import Target
    from xl_smallcap.functions.parameters import question_of

    question = question_of(session, "relative", 100, None, "pls", None)
    half = Target("half", "half the S&P", (("RUT", 1.0), ("GSPC", -0.5)), False)
    start = np.datetime64("2025-09-30")
    one = attribution(session, question, start).result.log_return
    two = attribution(session, dataclasses.replace(question, target=half), start).result.log_return
    three = attribution(session, question, np.datetime64("2025-10-31")).result.log_return
    assert len({one, two, three}) == 3
    seen = []
    for change in ({}, {"seed": 7}, {"bootstrap_draws": 400}, {"confidence": 0.8}, {"noise_draws": 300}):
        use_session(Session(dataclasses.replace(session.settings, **change)))
        cells = [RUSSELL_BETA("growth", stat=s, method="pls") for s in ("se", "upper")]
        seen.append((*cells, RUSSELL_FAIR_VALUE(stat="noise_half_life", model="levels")))
    use_session(None)
    assert seen[1][0] != seen[0][0] != seen[2][0]
    assert seen[3][0] == seen[0][0]
    assert seen[3][1] != seen[0][1]
    assert seen[4][2] != seen[0][2] != seen[1][2]
    assert seen[4][:2] == seen[0][:2]


def test_a_short_window_is_too_short_for_a_bootstrap(session: Session) -> None:
    assert isinstance(RUSSELL_BETA("growth", None, "se", 18), float)
    with pytest.raises(BadArgumentError, match=r"needs at least 25 \(5 a regressor\)"):
        RUSSELL_BETA("growth", None, "se", 18, None, "pcr")


def test_changes_with_little_history_has_a_gap_and_says_why_no_evidence(session: Session) -> None:
    as_of = "2007-03-30"
    table = rows(RUSSELL_FAIR_VALUE_HISTORY(None, 250, as_of))
    stats: Any = RUSSELL_FAIR_VALUE(None, "all", 250, as_of)
    values = {r[0]: r for r in stats[1:]}
    assert values["gap"][1] == pytest.approx(table[-1]["gap"], rel=1e-9)
    assert values["noise_percentile"][1] is None
    assert values["verdict"][1] == "not enough data"
    assert values["verdict"][2].startswith("Evidence needs 500 daily changes; there are")
    with pytest.raises(NoDataError, match="Evidence needs 500 daily changes"):
        RUSSELL_FAIR_VALUE(None, "cointegration_pvalue", 250, as_of)


def test_how_often_the_next_windows_beta_was_within_both_errors() -> None:
    """Disjoint windows counted back from the last, a fit each, per own unit."""
    beta: Any = RUSSELL_BETA
    history: Any = RUSSELL_BETA_HISTORY
    share = beta("growth", "relative", "next_window_coverage", 83, "2025-12-24")
    dates = [r[0] for r in history("growth", "relative", 83, "2025-12-24")[1:]]
    ends = [dates[i] for i in range(len(dates) - 1, -1, -83)][::-1]
    fits = [
        [beta("growth", "relative", stat, 83, day, unit="native") for stat in ("beta", "se_conditional")]
        for day in ends
    ]
    half = stats.t.ppf(0.95, 83 - 1 - 5)
    inside = [abs(b - a) <= half * np.hypot(s, e) for (a, s), (b, e) in itertools.pairwise(fits)]
    assert share == pytest.approx(np.mean(inside))
    assert len(inside) >= 8
    with pytest.raises(NoDataError, match="needs 8 pairs of windows"):
        beta("growth", "relative", "next_window_coverage", 400, "2015-12-24")
    with pytest.raises(BadArgumentError, match="is of methods 'ols' and 'univariate'"):
        beta("growth", "relative", "next_window_coverage", method="pls")


def test_the_plain_newey_west_error_stays_for_comparison() -> None:
    beta: Any = RUSSELL_BETA
    plain, weighted = (beta("growth", stat=s) for s in ("se_nw", "se"))
    assert plain < weighted
    assert beta("growth", stat="se_nw", method="pcr:3") == beta("growth", stat="se_conditional", method="pcr:3")
