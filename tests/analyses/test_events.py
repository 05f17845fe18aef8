"""News days end to end on the sample: against pandas and statsmodels, no look-ahead, a person's calendar, bad input."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from tests.hosts import independent
from xl_smallcap import BadArgumentError, CatalogueError, FitError, NoDataError, functions
from xl_smallcap.analyses import events as analysis
from xl_smallcap.config import PACKAGE, load_settings
from xl_smallcap.data.events import SCHEDULED, UNSCHEDULED, load_events
from xl_smallcap.session import Session, current_session, use_session

RUSSELL_EVENT_BETA: Any = functions.RUSSELL_EVENT_BETA
RUSSELL_EVENT_BETAS: Any = functions.RUSSELL_EVENT_BETAS
RUSSELL_EVENT_BETA_HISTORY: Any = functions.RUSSELL_EVENT_BETA_HISTORY
RUSSELL_CALENDAR: Any = functions.RUSSELL_CALENDAR


def shipped() -> pd.DataFrame:
    return pd.read_csv(PACKAGE / "data" / "events.csv", parse_dates=["date"])


def by_pandas() -> pd.DataFrame:
    """Target, factor and kind of every day, the slow way."""
    x = independent.levels()[["RUT", "GSPC", "DGS2"]].dropna()
    frame = pd.DataFrame({"y": 100 * (np.log(x["RUT"]) - np.log(x["GSPC"])).diff(), "x": (-100 * x["DGS2"]).diff()})
    frame = frame.iloc[1:]
    kinds: dict[Any, list[str]] = {}
    for _, row in shipped().iterrows():
        later = frame.index[frame.index >= row["date"]]
        if len(later) and x.index[x.index.get_loc(later[0]) - 1] < row["date"]:
            kinds.setdefault(later[0], []).append(row["kind"])
    frame["kind"] = [
        "other" if d not in kinds else kinds[d][0] if len(kinds[d]) == 1 else "several" for d in frame.index
    ]
    return frame


def growth_changes() -> pd.Series[float]:
    """Growth beside the target's own days: four sectors less three, of the days that all of them have."""
    legs = current_session().catalogue.factors["growth"].legs
    x = independent.levels()[["RUT", "GSPC", "DGS2", *(s for s, _ in legs)]].dropna()
    spans = by_pandas().index
    moves = sum(w * 100 * np.log(x[s]).diff() for s, w in legs)
    full = independent.levels()[["RUT", "GSPC", "DGS2"]].dropna().index
    before = dict(zip(full[1:], full[:-1], strict=True))
    same = [d for d, p in zip(x.index[1:], x.index[:-1], strict=True) if before.get(d) == p and d in spans]
    return moves.loc[same]


def test_every_kind_against_statsmodels(own: Session) -> None:
    frame = by_pandas()
    sd = frame["x"].std()
    table = RUSSELL_EVENT_BETAS()
    rows = {r[0]: dict(zip(table[0], r, strict=True)) for r in table[1:]}
    for kind in ("cpi", "payrolls", "fomc", "other"):
        part = frame[frame["kind"] == kind]
        fit = sm.OLS(part["y"], sm.add_constant(part["x"])).fit(cov_type="HC3", use_t=True)
        got = rows[kind]
        assert got["nobs"] == len(part)
        for name, value in (("beta", fit.params["x"] * sd), ("se", fit.bse["x"] * sd), ("tstat", fit.tvalues["x"]),
                            ("pvalue", fit.pvalues["x"])):  # fmt: skip
            assert got[name] == pytest.approx(value, rel=1e-8), (kind, name)
        low, high = fit.conf_int(0.10).loc["x"] * sd
        assert (got["lower"], got["upper"]) == pytest.approx((low, high), rel=1e-7)
    assert rows["several"]["beta"] is None
    assert "a slope needs at least 20" in rows["several"]["note"]
    two = rows["cpi-payrolls"]
    assert two["beta"] == pytest.approx(rows["cpi"]["beta"] - rows["payrolls"]["beta"], rel=1e-12)
    assert two["se"] == pytest.approx(np.hypot(rows["cpi"]["se"], rows["payrolls"]["se"]), rel=1e-12)


def test_two_days_of_a_statement_and_what_is_held(own: Session) -> None:
    frame = by_pandas()
    place = np.flatnonzero(frame["kind"] == "fomc")
    place = place[place + 1 < len(frame)]
    y, x = (frame[c].to_numpy()[place] + frame[c].to_numpy()[place + 1] for c in "yx")
    fit = sm.OLS(y, sm.add_constant(x)).fit()
    assert RUSSELL_EVENT_BETA("easing", None, None, "fomc_2day", None, None, "native") == pytest.approx(
        10 * fit.params[1], rel=1e-9
    )
    market = 100 * np.log(independent.levels()["GSPC"].dropna()).diff()
    part = frame[frame["kind"] == "payrolls"]
    held = sm.OLS(part["y"], sm.add_constant(pd.DataFrame({"x": part["x"], "m": market.loc[part.index]})))
    cells = dict(RUSSELL_EVENT_BETA("easing", "relative", "all", "payrolls")[1:])
    robust = held.fit(cov_type="HC3")
    assert cells["beta_market_held"] == pytest.approx(robust.params["x"] * frame["x"].std(), rel=1e-8)
    assert cells["tstat_market_held"] == pytest.approx(robust.tvalues["x"], rel=1e-8)


def test_scalars_are_the_rows(own: Session) -> None:
    table = RUSSELL_EVENT_BETAS("inflation", "hedged", "2012-01-01", "2024-06-30", "native")
    for row in table[1:]:
        cells = dict(zip(table[0], row, strict=True))
        for stat in ("beta", "tstat", "top5_share", "years_same_sign", "nobs", "permutation_pvalue"):
            if cells[stat] is not None:
                one = RUSSELL_EVENT_BETA(
                    "inflation", "hedged", stat, cells["event"], "2012-01-01", "2024-06-30", "native"
                )
                assert one == cells[stat]


def test_later_rows_and_later_events_change_nothing(own: Session, tmp_path: Path) -> None:
    """Rows after as_of become noise, and the calendar after it is another: every answer stays, bit for bit."""
    day = "2019-06-28"
    before = [RUSSELL_EVENT_BETAS(as_of=day), RUSSELL_EVENT_BETA_HISTORY(kind="payrolls", as_of=day)]
    snapshot, series, rng = own.snapshot, {}, np.random.default_rng(5)
    for name in snapshot.ids:
        data = snapshot.series(name)
        late = data.dates > np.datetime64(day)
        noise = data.values * np.where(late, np.exp(0.1 * rng.standard_normal(late.size)), 1.0)
        series[name] = replace(data, values=noise)
    made = own.store.add(series, source="sample", synthetic=True)
    own.store.use(made.fingerprint)
    (tmp_path / "events.csv").write_text("date,kind\n2019-07-01,cpi\n2019-07-02,payrolls\n2019-08-01,fomc\n")
    use_session(Session(load_settings(tmp_path)))
    assert [RUSSELL_EVENT_BETAS(as_of=day), RUSSELL_EVENT_BETA_HISTORY(kind="payrolls", as_of=day)] == before
    assert RUSSELL_EVENT_BETAS() != before[0]


def test_markets_shut_on_the_day(own: Session) -> None:
    """The change that spans the release counts, on the first day all were observed, and is said."""
    panel = analysis.news_panel(own, "easing", own.catalogue.targets["relative"], None, None)
    rows = shipped()
    there = set(panel.dates.tolist())
    off = [r for _, r in rows.iterrows() if panel.dates[0] <= r["date"].to_datetime64() <= panel.dates[-1]
           and r["date"].date() not in there]  # fmt: skip
    assert len(off) >= 3
    shifted = {str(d) for d, s in zip(panel.dates, panel.shifted, strict=True) if s}
    for row in off:
        later = panel.dates[np.searchsorted(panel.dates, row["date"].to_datetime64())]
        assert str(later) in shifted


def test_the_history_is_five_years(own: Session) -> None:
    table = RUSSELL_EVENT_BETA_HISTORY(kind="cpi", unit="native")
    last = dict(zip(table[0], table[-1], strict=True))
    assert last["beta"] == RUSSELL_EVENT_BETA("easing", None, None, "cpi", "2021-01-01", None, "native")
    assert [str(r[0])[:4] for r in table[1:]] == [str(y) for y in range(int(str(table[1][0])[:4]), 2026)]
    with pytest.raises(BadArgumentError, match="A history is of one kind of day"):
        RUSSELL_EVENT_BETA_HISTORY(kind="cpi-payrolls")


def test_what_comes_next(own: Session) -> None:
    table = RUSSELL_CALENDAR(as_of="2025-12-05")
    rows = [dict(zip(table[0], r, strict=True)) for r in table[1:]]
    assert [(str(r["date"]), r["event"]) for r in rows[:3]] == [
        ("2025-12-10", "fomc"), ("2025-12-16", "payrolls"), ("2025-12-18", "cpi"),
    ]  # fmt: skip
    assert rows[0]["beta"] == RUSSELL_EVENT_BETA("easing", None, None, "fomc", None, "2025-12-05", "native")
    assert all(r["event"] != UNSCHEDULED for r in rows)
    assert all("not as it was scheduled then" in str(r["note"]) for r in rows)
    both = RUSSELL_CALENDAR(as_of="2013-10-25")
    assert [str(r[0]) for r in both[1:3]] == ["2013-10-30", "2013-10-30"]
    assert "Several events on this day" in str(both[1][-1])
    for days, day, says in (
        (3, "2025-12-05", r"from 2025-12-05 to 2025-12-08\. Ask for more days"),
        (45, "1989-12-24", r"it begins on 1994-02-04"),
    ):
        with pytest.raises(NoDataError, match=says):
            RUSSELL_CALENDAR(None, None, days, day)
    for length in (-5, 1.5, "many"):
        with pytest.raises(BadArgumentError, match="'days' must be a whole number of calendar days from 1"):
            RUSSELL_CALENDAR(None, None, length, "2025-12-05")


def test_the_calendar_itself() -> None:
    """No weekend but one that was, no day twice, twelve and eight a year, two sources each."""
    with (PACKAGE / "data" / "events.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len({(r["date"], r["kind"]) for r in rows}) == len(rows)
    assert all(r["source1"] and r["source2"] and r["source1"] != r["source2"] for r in rows)
    weekend = [r["date"] for r in rows if pd.Timestamp(r["date"]).weekday() > 4]
    assert weekend == ["2020-03-15"], "the Sunday on which the FOMC cut to zero"
    years = pd.Series([(r["kind"], int(r["date"][:4])) for r in rows]).value_counts()
    for kind, first in (("cpi", 1997), ("payrolls", 1995), ("fomc", 1995)):
        for year in range(first, 2026):
            usual = 8 if kind == "fomc" else 12
            late = {("cpi", 2025), ("payrolls", 2025), ("fomc", 2020)}  # a shutdown; a meeting that was cancelled
            assert years[kind, year] == usual - ((kind, year) in late), (kind, year)
    for day, kind in (("2013-10-22", "payrolls"), ("2025-10-24", "cpi"), ("2008-10-08", UNSCHEDULED)):
        assert np.datetime64(day) in load_events().days[kind]


@pytest.mark.parametrize(
    ("text", "says"),
    [("day,kind\n2025-01-02,pce\n", "line 1: expected the columns date,kind"),
     ("date,kind\n2025-01-04,pce\n", "line 2: 2025-01-04 is a Saturday, when nothing is published"),
     ("date,kind\n2025-01-02,pce\n\n2025-01-02,PCE\n", "line 4: 2025-01-02 is there twice as 'pce'; keep one"),
     ("date,kind\n2.1.2025,pce\n", "line 2: '2.1.2025' is not a date like 2025-12-18"),
     ("date,kind\n2025-01-02,other\n", "line 2: 'other' is no name of a kind"),
     ("date,kind\n2025-01-02\n", "line 2: expected a date and a kind")],
)  # fmt: skip
def test_a_slip_in_a_persons_calendar_is_told(own: Session, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "events.csv").write_text(text)
    use_session(Session(load_settings(tmp_path)))
    with pytest.raises(CatalogueError, match=says):
        RUSSELL_EVENT_BETA()


def test_a_kind_of_ones_own(own: Session, tmp_path: Path) -> None:
    days = [d for d in by_pandas().index[-400:] if d.weekday() == 2][:30]
    (tmp_path / "events.csv").write_text("date,kind\n" + "".join(f"{d.date()},opec\n" for d in days))
    use_session(Session(load_settings(tmp_path)))
    assert "opec" in load_events(tmp_path / "events.csv").kinds
    assert isinstance(RUSSELL_EVENT_BETA("oil", "relative", "beta", "opec"), float)
    few = "date,kind\n" + "".join(f"{d.date()},opec\n" for d in days[:10])
    (tmp_path / "events.csv").write_text(few)
    use_session(Session(load_settings(tmp_path)))
    with pytest.raises(FitError, match="days of kind 'opec'; a slope needs at least 20"):
        RUSSELL_EVENT_BETA("oil", "relative", "beta", "opec")


def test_bad_input(own: Session) -> None:
    with pytest.raises(BadArgumentError, match=r"Unknown kind of day 'cpl'\. Did you mean 'cpi'"):
        RUSSELL_EVENT_BETA("easing", None, None, "cpl")
    with pytest.raises(BadArgumentError, match="compares two kinds of day"):
        RUSSELL_EVENT_BETA(stat="permutation_pvalue")
    with pytest.raises(FitError, match="a slope needs at least 20"):
        RUSSELL_EVENT_BETA(start="2025-06-01")
    with pytest.raises(BadArgumentError, match="Unknown factor"):
        RUSSELL_EVENT_BETA("inflaton")
    assert set(SCHEDULED) <= set(load_events().kinds)


@pytest.mark.parametrize(
    ("ask", "says"),
    [(lambda: RUSSELL_EVENT_BETA(stat="top5_share", kind="cpi-payrolls"), "A difference of two kinds has no"),
     (lambda: RUSSELL_EVENT_BETA("growth", stat="beta_growth_held"), "Growth is the factor itself"),
     (lambda: RUSSELL_EVENT_BETA(start="2025-12-31", as_of="2025-12-24"), "start, 2025-12-31, lies after"),
     (lambda: RUSSELL_EVENT_BETAS(start="2030-01-01"), "start, 2030-01-01, lies after the last day there is"),
     (lambda: RUSSELL_EVENT_BETA_HISTORY(kind="unscheduled"), "No 5 calendar years have 20 days of kind 'unscheduled'"),
     (lambda: functions.RUSSELL_NEWS_BETAS("hedged"), "with target 'hedged' nothing is left"),
     (lambda: functions.RUSSELL_NEWS_BETAS("sp500"), "with target 'sp500' nothing is left"),
     (lambda: functions.RUSSELL_NEWS_BETAS("relative", 5), "two kinds of news need at least 12"),
     (lambda: functions.RUSSELL_BETA("growth", stat="placebo_share", method="pls"), "compares t of method 'ols'")],
)  # fmt: skip
def test_each_refusal_says_what_is_the_matter(own: Session, ask: Any, says: str) -> None:
    with pytest.raises((BadArgumentError, NoDataError, FitError), match=says):
        ask()


def test_days_before_the_calendar_are_told(own: Session, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("date,kind\n2025-03-05,opec\n2025-06-04,opec\n")
    use_session(Session(load_settings(tmp_path)))
    with pytest.raises(FitError, match="The calendar has 'opec' from 2025-03-05 to 2025-06-04; the days asked for are"):
        RUSSELL_EVENT_BETA("oil", kind="opec", as_of="2019-06-28")


def test_the_market_is_held_in_every_number_of_hedged(own: Session) -> None:
    frame = by_pandas()
    market = 100 * np.log(independent.levels()["GSPC"].dropna()).diff()
    growth = growth_changes()
    frame = frame.join(market.rename("m")).join(growth.rename("g"))
    frame["y"] = frame["y"] + frame["m"]  # the Russell itself
    sd, part = frame["x"].std(), frame[frame["kind"] == "payrolls"]
    cells = dict(RUSSELL_EVENT_BETA("easing", "hedged", "all", "payrolls")[1:])
    there = part.dropna()
    fit = sm.OLS(there["y"], sm.add_constant(there[["x", "m", "g"]])).fit(cov_type="HC3")
    assert cells["beta_growth_held"] == pytest.approx(fit.params["x"] * sd, rel=1e-8)
    assert cells["tstat_growth_held"] == pytest.approx(fit.tvalues["x"], rel=1e-8)
    alone = sm.OLS(there["y"], sm.add_constant(there[["x", "m"]])).fit()
    assert cells["nobs_growth_held"] == len(there)
    assert cells["beta_growth_days"] == pytest.approx(alone.params["x"] * sd, rel=1e-8)
    left = {}
    for name in "yx":
        left[name] = sm.OLS(part[name], sm.add_constant(part["m"])).fit().resid
    order = np.argsort(-np.abs((left["x"] * left["y"]).to_numpy()), kind="stable")
    rest = part.drop(part.index[order[:5]])
    again = sm.OLS(rest["y"], sm.add_constant(rest[["x", "m"]])).fit()
    assert cells["beta_without_top5"] == pytest.approx(again.params["x"] * sd, rel=1e-8)


def test_the_permutation_of_hedged_studentises_the_slope_that_is_shown(own: Session) -> None:
    """The statistic it ranks is the difference in its own errors, up to a degree of leverage."""
    panel = analysis.news_panel(own, "easing", own.catalogue.targets["hedged"], None, None)
    seen = {}

    def spy(y: Any, x: Any, first: Any, *_: Any) -> float:
        slopes = [np.polyfit(x[g], y[g], 1)[0] for g in (first, ~first)]
        seen["difference"] = slopes[0] - slopes[1]
        return 0.5

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis, "permutation_pvalue", spy)
        two = analysis.kind_difference(own, panel, True)
    assert seen["difference"] == pytest.approx(two.slope, rel=1e-9)
