"""Data that a model cannot or should not take: a named error with its sentence, never a wrong number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from xl_smallcap.config import load_settings
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError
from xl_smallcap.functions import (
    RUSSELL_ATTRIBUTION,
    RUSSELL_BETA,
    RUSSELL_BETA_HISTORY,
    RUSSELL_BETAS,
    RUSSELL_FACTORS,
    RUSSELL_FAIR_VALUE,
    RUSSELL_FAIR_VALUE_HISTORY,
    RUSSELL_FIT,
    RUSSELL_METHODS,
    RUSSELL_SCENARIO,
)
from xl_smallcap.session import Session, use_session


@pytest.fixture
def changed(sample_store: Path) -> Iterator[dict[str, SeriesData]]:
    """The sample's series, to be changed; `commit` stores them."""
    source = Store(sample_store).open()
    yield {name: source.series(name) for name in source.ids}
    use_session(None)


def commit(series: dict[str, SeriesData], home: Path) -> None:
    store = Store(home / "store")
    made = store.add(series, source="folder", synthetic=False, loaded_at="")
    store.use(made.fingerprint)
    use_session(Session(load_settings(home)))


def with_values(data: SeriesData, change: slice, value: float) -> SeriesData:
    values = data.values.copy()
    values[change] = value
    return SeriesData.build(data.dates, values)


def test_a_constant_factor_is_named(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    commit({**changed, "DGS2": with_values(changed["DGS2"], slice(-300, None), 3.5)}, tmp_path)
    with pytest.raises(FitError, match="'easing' does not change in this window of 250"):
        RUSSELL_BETA("inflation")
    table = RUSSELL_BETA_HISTORY("inflation", start="2025-12-01")
    assert all(row[1] is None for row in table[1:])
    assert isinstance(RUSSELL_BETA("inflation", as_of="2024-06-28"), float), "a window before it is unharmed"
    assert {row[10] for row in table[1:]} == {"no beta: constant or collinear factors, or a gap"}
    for method in ("univariate", "pcr", "pls"):
        with pytest.raises(FitError, match="'easing' does not change"):
            RUSSELL_BETA("inflation", method=method)
        assert all(row[1] is None for row in RUSSELL_BETA_HISTORY("inflation", method=method, start="2025-12-01")[1:])
    with pytest.raises(FitError, match="'easing' does not change"):
        RUSSELL_METHODS("inflation")
    with pytest.raises(
        FitError, match="In the window before the change to 2025-12-02: Factor 'easing' does not change"
    ):
        RUSSELL_ATTRIBUTION("2025-12-01")
    for model in ("changes", "levels"):
        with pytest.raises(FitError, match="'easing' does not change"):
            RUSSELL_FAIR_VALUE(model=model)
        assert all(row[3] is None for row in RUSSELL_FAIR_VALUE_HISTORY(model=model, start="2025-12-05")[1:])


def test_collinear_factors_are_named(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    days, values = changed["T5YIE"].dates, changed["T5YIE"].values
    commit({**changed, "DGS2": SeriesData.build(days, 10.0 - 2.0 * values)}, tmp_path)
    with pytest.raises(FitError, match="'inflation' and 'easing' move together exactly"):
        RUSSELL_BETA("growth")
    assert all(row[1] is None for row in RUSSELL_BETA_HISTORY("easing")[1:]), "none where the scalar is refused"
    for method in ("univariate", "pcr", "pls:2"):
        with pytest.raises(FitError, match="'inflation' and 'easing' move together exactly"):
            RUSSELL_BETA("growth", method=method)
    for model in ("changes", "levels"):
        with pytest.raises(FitError, match="'inflation' and 'easing' move together exactly"):
            RUSSELL_FAIR_VALUE(model=model)


def test_a_missing_series_is_named_or_its_fallback_said(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    fewer = {k: v for k, v in changed.items() if k not in ("BAMLH0A0HYM2", "DTWEXBGS", "HG_F")}
    commit(fewer, tmp_path)
    with pytest.raises(NoDataError, match=r"no series 'DTWEXBGS' \(Broad trade-weighted dollar index\)"):
        RUSSELL_BETA("inflation")
    commit({**fewer, "DTWEXBGS": changed["DTWEXBGS"]}, tmp_path)
    table = RUSSELL_BETAS(spec="full")
    rows = {row[0]: dict(zip(table[0], row, strict=True)) for row in table[1:]}
    assert "[BAA10Y for BAMLH0A0HYM2]" in str(rows["credit"]["construction"])
    assert rows["growth_metals"]["beta"] is None
    assert "no series 'HG_F'" in str(rows["growth_metals"]["construction"])
    listed = {row[0]: row for row in RUSSELL_FACTORS()[1:]}
    assert listed["growth_metals"][3] is None


def test_a_window_across_a_gap_is_refused(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    oil = changed["DCOILWTICO"]
    keep = (oil.dates < np.datetime64("2025-03-03")) | (oil.dates > np.datetime64("2025-06-02"))
    commit({**changed, "DCOILWTICO": SeriesData.build(oil.dates[keep], oil.values[keep])}, tmp_path)
    with pytest.raises(NoDataError, match="reaches across a gap: .* between 2025-02-28 and 2025-06-03"):
        RUSSELL_BETA("growth")
    assert isinstance(RUSSELL_BETA("growth", window=83), float)
    with pytest.raises(NoDataError, match="There are 0 daily changes since then"):
        RUSSELL_BETA("growth", as_of="2025-06-03")
    with pytest.raises(NoDataError, match="2 windows of 100 reach across a gap.*; 200 are needed"):
        RUSSELL_FIT(stat="rsquared_oos", window=100)
    with pytest.raises(NoDataError, match="but not between 2025-02-28 and 2025-06-03"):
        RUSSELL_BETA("growth", as_of="2025-05-01")
    history = RUSSELL_BETA_HISTORY("growth", start="2025-06-03")
    assert all(row[1] is None for row in history[1:]), "no window across the gap has a number"
    assert RUSSELL_BETA_HISTORY("growth", start="2025-02-28")[1][1] is not None
    with pytest.raises(NoDataError, match="reaches across a gap"):
        RUSSELL_ATTRIBUTION("2025-09-01")
    with pytest.raises(NoDataError, match="reaches across a gap: not every series was observed between 2025-02-28"):
        RUSSELL_ATTRIBUTION("2025-01-31", window=83)
    for model in ("changes", "levels"):
        with pytest.raises(NoDataError, match="across a gap: not every series was observed between 2025-02-28"):
            RUSSELL_FAIR_VALUE(model=model)
        assert isinstance(RUSSELL_FAIR_VALUE(model=model, window=60), float)
        past = RUSSELL_FAIR_VALUE_HISTORY(model=model, start="2025-06-05")
        assert all(row[3] is None for row in past[1:]), "no gap across the gap has a number"
        whole = RUSSELL_FAIR_VALUE_HISTORY(model=model, window=60)
        by_day = {str(row[0]): row[3] for row in whole[1:]}
        assert by_day["2025-02-28"] is not None
        assert by_day["2025-07-15"] is None
        assert by_day["2025-12-31"] is not None
    rows = {(row[0], row[2]): row for row in RUSSELL_METHODS("growth", window=83)[1:]}
    assert rows["ols", "60m"][3] is None or rows["ols", "60m"][11] == 60


def test_a_missing_day_in_the_period_is_not_attributed_over(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    oil = changed["DCOILWTICO"]
    keep = (oil.dates < np.datetime64("2025-10-01")) | (oil.dates > np.datetime64("2025-10-20"))
    commit({**changed, "DCOILWTICO": SeriesData.build(oil.dates[keep], oil.values[keep])}, tmp_path)
    with pytest.raises(NoDataError, match="The change from 2025-09-30 to 2025-10-21 is missing"):
        RUSSELL_ATTRIBUTION("2025-09-01")
    table = RUSSELL_ATTRIBUTION("2025-10-21")
    assert sum(float(str(row[1])) for row in table[1:-1]) == pytest.approx(float(str(table[-1][1])), abs=1e-12)


def test_nearly_collinear_factors_are_flagged_and_solved(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    days, values = changed["T5YIE"].dates, changed["T5YIE"].values
    noise = np.random.default_rng(1).standard_normal(values.size)
    commit({**changed, "DGS2": SeriesData.build(days, 10.0 - 2.0 * values + 1.5e-3 * noise)}, tmp_path)
    table = RUSSELL_BETA_HISTORY("inflation", start="2025-12-01")
    assert {row[10] for row in table[1:]} == {"solved alone: nearly singular, or components hardly told apart"}
    assert table[-1][1] == pytest.approx(RUSSELL_BETA("inflation"), rel=1e-9)
    vif = float(str(RUSSELL_BETA("inflation", stat="vif")))
    assert 100 < vif < 1e4
    header, *rows = RUSSELL_BETAS()
    said = {row[0]: str(row[header.index("errors")]) for row in rows if row[header.index("role")] == "factor"}
    assert f"VIF {vif:,.0f}: hardly told apart from the other factors" in said["inflation"]
    assert "VIF" in said["easing"]
    assert "VIF" not in said["oil"]


def test_almost_collinear_factors_are_refused_like_exact_ones(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    """A ten-thousandth of easing is its own: betas in the hundreds with opposite signs before, VIF 2e5."""
    days, values = changed["T5YIE"].dates, changed["T5YIE"].values
    noise = np.random.default_rng(1).standard_normal(values.size)
    commit({**changed, "DGS2": SeriesData.build(days, 10.0 - 2.0 * values + 1e-4 * noise)}, tmp_path)
    for method in ("ols", "univariate", "pcr", "pls"):
        with pytest.raises(FitError, match=r"'inflation' and 'easing' move together almost exactly \(condition number"):
            RUSSELL_BETA("growth", method=method)
        assert all(row[1] is None for row in RUSSELL_BETA_HISTORY("oil", method=method, start="2025-12-01")[1:])
    calls: list[Callable[[], object]] = [
        lambda: RUSSELL_METHODS("oil"),
        lambda: RUSSELL_SCENARIO("goldman"),
        RUSSELL_FIT,
        RUSSELL_FAIR_VALUE,
        lambda: RUSSELL_ATTRIBUTION("2025-12-01"),
    ]
    for ask in calls:
        with pytest.raises(FitError, match="move together"):
            ask()


def test_a_missing_factor_in_the_new_functions(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    fewer = {k: v for k, v in changed.items() if k not in ("BAMLH0A0HYM2", "DTWEXBGS")}
    commit(fewer, tmp_path)
    for call in (
        lambda: RUSSELL_METHODS("growth"),
        lambda: RUSSELL_ATTRIBUTION("2025-06-30"),
        RUSSELL_FAIR_VALUE,
        RUSSELL_FAIR_VALUE_HISTORY,
    ):
        with pytest.raises(NoDataError, match=r"no series 'DTWEXBGS' \(Broad trade-weighted dollar index\)"):
            call()
    commit({**fewer, "DTWEXBGS": changed["DTWEXBGS"]}, tmp_path)
    rows = {row[0]: row for row in RUSSELL_ATTRIBUTION("2025-06-30", spec="full")[1:]}
    assert rows["credit"][6] is not None, "the fallback was used"


def test_a_tick_of_a_million_hurts_its_own_windows_only(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    commit(changed, tmp_path)
    clean = RUSSELL_BETA_HISTORY("inflation", window=60)
    place = int(np.flatnonzero(changed["T5YIE"].dates == np.datetime64("2015-06-16"))[0])
    commit({**changed, "T5YIE": with_values(changed["T5YIE"], slice(place, place + 1), 1e6)}, tmp_path)
    dirty = RUSSELL_BETA_HISTORY("inflation", window=60)
    for one, two in zip(clean[1:], dirty[1:], strict=True):
        if not "2015-06-15" < str(one[0]) < "2015-09-15":
            assert two[1] == pytest.approx(one[1], rel=1e-10, abs=1e-10)


def test_any_stored_daily_price_is_a_target(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    commit(changed, tmp_path)
    assert isinstance(RUSSELL_BETA("inflation", target="xlf_adj"), float)
    for word in ("CPIAUCSL", "DGS10", "XLQ_ADJ"):
        with pytest.raises(BadArgumentError):
            RUSSELL_BETA("inflation", target=word)


def test_a_target_that_stands_still_has_no_numbers_anywhere(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    commit({**changed, "XLF_ADJ": with_values(changed["XLF_ADJ"], slice(-420, -60), 30.0)}, tmp_path)
    as_of = str(changed["XLF_ADJ"].dates[-100])
    with pytest.raises(FitError, match="The target does not change"):
        RUSSELL_BETA("oil", target="XLF_ADJ", as_of=as_of, spec="macro:growth_metals")
    for method in ("ols", "univariate", "pcr", "pls"):
        table = RUSSELL_BETA_HISTORY("oil", "XLF_ADJ", 250, as_of, method, None, "macro:growth_metals")
        assert table[-1][1] is None, method
        assert table[-300][1] is not None, method
    with pytest.raises(FitError, match="In the window before the change to .*: The target does not change"):
        RUSSELL_ATTRIBUTION(str(changed["XLF_ADJ"].dates[-140]), as_of, "XLF_ADJ", 250, None, "macro:growth_metals")
    for model in ("changes", "levels"):
        table = RUSSELL_FAIR_VALUE_HISTORY("XLF_ADJ", 250, as_of, model, "macro:growth_metals")
        assert table[-1][3] is None, model
        assert table[-1][7] is None, model


def test_a_missing_stretch_at_the_edge_of_a_period(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    oil = changed["DCOILWTICO"]
    keep = (oil.dates < np.datetime64("2025-10-01")) | (oil.dates > np.datetime64("2025-10-20"))
    commit({**changed, "DCOILWTICO": SeriesData.build(oil.dates[keep], oil.values[keep])}, tmp_path)
    for start, finish in (("2025-09-30", "2025-11-14"), ("2025-10-06", "2025-11-14"), ("2025-09-01", "2025-10-21")):
        with pytest.raises(NoDataError, match="The change from 2025-09-30 to 2025-10-21 is missing"):
            RUSSELL_ATTRIBUTION(start, finish)
    assert str(RUSSELL_ATTRIBUTION("2025-09-01", "2025-10-06")[1][11]) == "2025-09-30"
    table = RUSSELL_FAIR_VALUE(None, "all", 100, "2025-10-21")
    assert isinstance(table, list)
    values = {row[0]: row[1] for row in table}
    assert str(values["last_date"]) == "2025-09-30"
    assert values["gap"] == pytest.approx(RUSSELL_FAIR_VALUE_HISTORY(None, 100, "2025-10-21")[-1][3], rel=1e-9)


def test_a_factor_that_hardly_moves_has_no_bootstrap(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    values = changed["DGS2"].values.copy()
    values[-400:-3] = 3.5
    commit({**changed, "DGS2": SeriesData.build(changed["DGS2"].dates, values)}, tmp_path)
    assert isinstance(RUSSELL_BETA("easing", stat="se"), float), "ols has its error"
    with pytest.raises(FitError, match="bootstrap draws a factor does not change or factors cannot be told apart"):
        RUSSELL_BETA("easing", stat="se", method="pls")


def test_evidence_is_missing_where_a_window_before_had_no_betas(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    values = changed["DGS2"].values.copy()
    values[-530:-240] = 3.5
    commit({**changed, "DGS2": SeriesData.build(changed["DGS2"].dates, values)}, tmp_path)
    with pytest.raises(FitError, match="yesterday's betas are not there for every day"):
        RUSSELL_FAIR_VALUE(stat="cointegration_pvalue")
    with pytest.raises(NoDataError, match="A window before this one has constant or collinear factors"):
        RUSSELL_FAIR_VALUE(stat="rsquared_oos", model="levels")
    assert RUSSELL_FAIR_VALUE(stat="verdict", model="levels") == "not enough data"


def test_a_fallback_is_told_in_every_table(changed: dict[str, SeriesData], tmp_path: Path) -> None:
    commit({k: v for k, v in changed.items() if k != "T5YIE"}, tmp_path)
    source = "folder [T10YIE for T5YIE]"
    assert RUSSELL_ATTRIBUTION("2025-06-30")[1][-1] == source
    assert RUSSELL_METHODS("inflation")[1][-1] == source
    table = RUSSELL_FAIR_VALUE(stat="all")
    assert isinstance(table, list)
    assert table[-1][1] == source
