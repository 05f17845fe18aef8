"""News days end to end on the sample: against pandas and statsmodels, no look-ahead, a person's calendar, bad input."""

from __future__ import annotations

import csv
import shutil
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
from xl_smallcap.session import Session, use_session

RUSSELL_EVENT_BETA: Any = functions.RUSSELL_EVENT_BETA
RUSSELL_EVENT_BETAS: Any = functions.RUSSELL_EVENT_BETAS
RUSSELL_EVENT_BETA_HISTORY: Any = functions.RUSSELL_EVENT_BETA_HISTORY
RUSSELL_CALENDAR: Any = functions.RUSSELL_CALENDAR


@pytest.fixture
def own(sample_store: Path, tmp_path: Path) -> Session:
    shutil.copytree(sample_store, tmp_path / "store")
    made = Session(load_settings(tmp_path))
    use_session(made)
    return made


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
    with pytest.raises(NoDataError, match="The calendar has no event from 2025-12-05 to 2025-12-08; its last day is"):
        RUSSELL_CALENDAR(None, None, 3, "2025-12-05")


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
