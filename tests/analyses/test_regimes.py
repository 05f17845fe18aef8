"""Regimes on the sample and on made-up months: no look-ahead, the same as one window at a time, and bad input named."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.hosts import independent
from xl_smallcap.analyses.regimes import record as history_of
from xl_smallcap.analyses.regimes.inputs import growth_of_cpi, macro_inputs
from xl_smallcap.analyses.regimes.now import REGIMES, durations, regimes_now, transitions
from xl_smallcap.analyses.regimes.nowcast import three_months
from xl_smallcap.analyses.regimes.record import month_ends, refit_path, regime_history
from xl_smallcap.config import load_settings
from xl_smallcap.data.releases import known_by
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import Provenance
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError
from xl_smallcap.functions import (
    RUSSELL_REGIME,
    RUSSELL_REGIME_HISTORY,
    RUSSELL_REGIME_PROB,
    RUSSELL_REGIME_RETURNS,
    RUSSELL_REGIME_SCORE,
    RUSSELL_REGIMES,
    RUSSELL_TRANSITIONS,
)
from xl_smallcap.models import regimes
from xl_smallcap.session import Session, use_session
from xl_smallcap.types import RegimeModel

MODELS: tuple[RegimeModel, ...] = ("chains", "chains_pce", "bands", "bands_pce", "hmm", "market")


def quiet(*_: Any) -> None:
    """A progress bar nobody sees."""


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The sample with every history computed, once for this file."""
    from xl_smallcap.data.loading import load

    home = tmp_path_factory.mktemp("regimes")
    load(Store(home / "store"), "sample", quiet)
    session = Session(load_settings(home))
    for model in MODELS:
        regime_history(session, model, None, quiet)
    return session


@pytest.fixture
def on_sample(computed: Session) -> Iterator[Session]:
    use_session(computed)
    yield computed
    use_session(None)


def changed_after(session: Session, day: np.datetime64, tmp_path: Path) -> Session:
    """The sample with everything published after a day replaced by noise."""
    rng = np.random.default_rng(11)
    base, out = session.snapshot, {}
    for name in base.ids:
        data = base.series(name)
        kept = np.isin(data.dates, known_by(session.catalogue.series_of(name), data, day).dates)
        noise = np.abs(data.values) * rng.uniform(0.5, 2.0, data.values.size) + 0.01
        out[name] = SeriesData.build(data.dates, np.where(kept, data.values, noise))
    store = Store(tmp_path / "store")
    store.use(store.add(out, source="sample", synthetic=True).fingerprint)
    return Session(load_settings(tmp_path))


@pytest.mark.parametrize("model", MODELS)
def test_later_data_never_change_an_earlier_probability(computed: Session, model: RegimeModel, tmp_path: Path) -> None:
    day = np.datetime64("2020-06-30")
    other = changed_after(computed, day, tmp_path)
    want, history = regime_history(computed, model, day), regime_history(other, model, day, quiet)
    assert history.days.tolist() == want.days.tolist()
    assert history.probabilities.tobytes() == want.probabilities.tobytes()
    assert history.ahead3.tobytes() == want.ahead3.tobytes()
    on = np.datetime64("2015-05-20")
    now = regimes_now(other, model, on).probabilities(2)
    assert now.tobytes() == regimes_now(computed, model, on).probabilities(2).tobytes()


@pytest.mark.parametrize("model", MODELS)
def test_a_month_of_the_history_is_what_the_cell_says(on_sample: Session, model: RegimeModel) -> None:
    history = regime_history(on_sample, model, None)
    assert np.isfinite(history.probabilities[:3]).mean() > 0.9
    np.testing.assert_allclose(np.nansum(history.probabilities[:3], axis=0)[np.isfinite(history.probabilities[0])], 1.0)
    for i in (40, 100, history.days.size - 1):
        if not np.isfinite(history.probabilities[:3, i]).all():
            continue
        day = history.days[i].item()
        for k, name in enumerate(REGIMES):
            assert RUSSELL_REGIME_PROB(name, None, day, model) == pytest.approx(history.probabilities[k, i], abs=1e-5)
            assert RUSSELL_REGIME_PROB(name, 3, day, model) == pytest.approx(history.ahead3[k, i], abs=1e-5)
        assert RUSSELL_REGIME(day, model) == history.likeliest[i]


def test_a_new_month_fits_only_the_last_chunk(
    computed: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []
    good = regimes.fit

    def counting(x: Any, lengths: Any, *more: Any) -> Any:
        fitted.append(lengths.size)
        return good(x, lengths, *more)

    monkeypatch.setattr(regimes, "fit", counting)
    other = changed_after(computed, np.datetime64("2100-01-01"), tmp_path)
    earlier = np.datetime64("2024-11-30")
    regime_history(other, "chains", earlier, quiet)
    before, fitted[:] = sum(fitted), []
    assert before == 2 * month_ends(other, "chains", earlier).size
    regime_history(other, "chains", np.datetime64("2024-12-31"), quiet)
    assert 0 < sum(fitted) <= 2 * history_of.CHUNK


def test_the_sample_has_the_regimes_it_was_made_with(on_sample: Session) -> None:
    from tools.make_sample import build

    sample = build()
    history = regime_history(on_sample, "chains", None)
    true = sample.regime[np.searchsorted(sample.days, history.days, side="right") - 1]
    called = np.array([REGIMES.index(w) if w else -1 for w in history.likeliest])
    good = called >= 0
    assert (called[good] == true[good]).mean() > 0.6, "out of three, in real time"
    assert (called[good & (true == 2)] == 2).mean() > 0.6


def test_tables(on_sample: Session) -> None:
    table = RUSSELL_REGIMES(None, "2025-12-24", "chains")
    rows = {r[0]: dict(zip(table[0], r, strict=True)) for r in table[1:]}
    assert sum(float(str(rows[r]["probability"])) for r in REGIMES) == pytest.approx(1.0)
    for row in rows.values():
        assert float(str(row["lower"])) <= float(str(row["probability"])) + 0.05
        assert float(str(row["upper"])) >= float(str(row["probability"])) - 0.05
    matrix = RUSSELL_TRANSITIONS()
    assert all(sum(float(str(v)) for v in r[1:5]) == pytest.approx(1.0) for r in matrix[1:])
    assert sum(float(str(r[-2])) for r in matrix[1:]) == pytest.approx(1.0)
    assert len(RUSSELL_TRANSITIONS(None, "hmm")) == 4
    history = RUSSELL_REGIME_HISTORY("2025-06-30", None, "chains")
    assert str(history[1][0]) == "2025-06-30"
    paid = RUSSELL_REGIME_RETURNS("hedged")
    assert {r[1] for r in paid[1:]} == {"same month", "next month", "next 3 months"}
    verdicts = {str(r[paid[0].index("verdict")]) for r in paid[1:]}
    assert verdicts <= {"not enough evidence", "higher than in other months", "lower than in other months"}
    for model in MODELS:
        card = RUSSELL_REGIME_SCORE(None, model)
        heads = [str(h) for h in card[0]]
        firsts = [dict(zip(heads, r, strict=True)) for r in card[1:7]]
        assert {(r["regime"], r["horizon_months"]) for r in firsts} == {(r, h) for r in REGIMES for h in (0, 3)}
        assert all(float(str(r["brier_half"])) == pytest.approx(0.25) for r in firsts)
        assert any("NBER" in str(r[2]) for r in card)
        assert any(str(r[2]).startswith("forecasts of") for r in card)
        assert (card[-1][0] == "all") == (not model.startswith("bands"))
        assert any("core PCE" in str(r[2]) for r in card) == (model not in ("hmm", "market"))


def test_durations_and_long_run(on_sample: Session) -> None:
    estimate = regimes_now(on_sample, "chains", None)
    names, matrix, shares = transitions(estimate)
    lasts = durations(estimate)
    assert lasts["goldilocks"] == pytest.approx(1 / (1 - matrix[0, 0]))
    np.testing.assert_allclose(shares @ matrix, shares, atol=1e-10)
    far = estimate.probabilities(120)[:, 0]
    np.testing.assert_allclose(far[2], shares[2] + shares[3], atol=1e-3)
    _, inflation = estimate.chains
    low = stats.norm.cdf((3.0 - inflation.model.mean[:, 0, 0]) / np.sqrt(inflation.model.covariance[:, 0, 0, 0]))
    share_low = np.array([shares[0] + shares[2], shares[1] + shares[3]])
    np.testing.assert_allclose(far[0], (shares[0] + shares[1]) * (share_low @ low), atol=1e-3)
    assert names[3] == "stagflation"


def monthly(values: dict[str, Any], first: str = "2005-01") -> dict[str, SeriesData]:
    out = {}
    for name, x in values.items():
        months = (np.datetime64(first, "M") + np.arange(len(x))).astype("datetime64[D]")
        keep = np.isfinite(x)
        out[name] = SeriesData.build(months[keep], np.asarray(x)[keep])
    return out


def session_of(tmp_path: Path, values: dict[str, Any]) -> Session:
    store = Store(tmp_path / "store")
    provenance = {name: Provenance(source="folder", frequency="monthly") for name in values}
    store.use(store.add(monthly(values), source="folder", provenance=provenance).fingerprint)
    return Session(load_settings(tmp_path))


RNG = np.random.default_rng(6)
GROWTH = np.where(np.arange(150) // 20 % 3 == 2, -1.0, 0.3) + 0.4 * RNG.standard_normal(150)
PRICES = 100 * np.exp(np.cumsum(np.where(np.arange(150) // 40 % 2, 0.006, 0.002) + 0.0005 * RNG.standard_normal(150)))


@pytest.mark.parametrize(
    ("values", "as_of", "error", "says"),
    [
        (
            {"CFNAI": GROWTH[:40], "CPILFESL": PRICES[:40]},
            "2008-06-30",
            NoDataError,
            "need at least 60 months of growth",
        ),
        ({"CFNAI": GROWTH, "CPILFESL": PRICES[:63]}, "2010-05-31", NoDataError, "60 months of inflation"),
        ({"CFNAI": np.full(150, 0.1), "CPILFESL": PRICES}, "2017-06-30", NoDataError, "growth series is constant"),
        ({"CFNAI": GROWTH, "CPILFESL": np.full(150, 100.0)}, "2017-06-30", NoDataError, "inflation series is constant"),
        ({"CFNAI": GROWTH[:120], "CPILFESL": PRICES}, "2017-06-30", NoDataError, "more than 6 months before"),
        ({"CFNAI": GROWTH}, "2017-06-30", NoDataError, "monthly series CPILFESL"),
        ({"CFNAI": GROWTH, "CPILFESL": PRICES}, "2004-06-30", NoDataError, "not published by then"),
        ({"CFNAI": GROWTH, "CPILFESL": PRICES}, None, NoDataError, "give an as_of"),
    ],
)
def test_bad_months_are_named(
    tmp_path: Path, values: dict[str, Any], as_of: str | None, error: type[Exception], says: str
) -> None:
    session = session_of(tmp_path, values)
    for model in ("chains", "bands", "hmm"):
        with pytest.raises(error, match=says):
            regimes_now(session, model, np.datetime64(as_of) if as_of else None)


def test_a_series_that_ends_early_is_carried_forward_and_said(tmp_path: Path) -> None:
    session = session_of(tmp_path, {"CFNAI": GROWTH[:147], "CPILFESL": PRICES})
    use_session(session)
    try:
        table = RUSSELL_REGIMES(None, "2017-06-30")
        assert "growth is carried forward 3 months from 2017-03" in str(table[1][table[0].index("wary_of")])
        assert str(table[1][table[0].index("growth_to")]) == "2017-03-01"
        assert 0.05 <= float(str(table[1][table[0].index("starts_reached")])) <= 1.0
        assert float(str(table[1][table[0].index("separation")])) > 1.0
    finally:
        use_session(None)


def test_states_that_collapse_are_refused(tmp_path: Path) -> None:
    spike = np.zeros(150)
    spike[75] = 1.0
    session = session_of(tmp_path, {"CFNAI": spike, "CPILFESL": PRICES})
    with pytest.raises((FitError, NoDataError), match="stand apart|constant"):
        regimes_now(session, "chains", np.datetime64("2017-06-30"))


def test_words_are_checked(on_sample: Session) -> None:
    with pytest.raises(BadArgumentError, match="Did you mean 'reflation'"):
        RUSSELL_REGIME_PROB("reflatoin")
    with pytest.raises(BadArgumentError, match="Unknown model"):
        RUSSELL_REGIME(None, "chain_")
    for horizon in (-1, 1000, 2.5, "soon"):
        with pytest.raises(BadArgumentError, match="whole number of months from 0"):
            RUSSELL_REGIME_PROB("goldilocks", horizon)
    with pytest.raises(NoDataError, match="does not tell stagflation apart"):
        RUSSELL_REGIME_PROB("stagflation", 0, None, "hmm")
    with pytest.raises(BadArgumentError, match="no states, so no transitions"):
        RUSSELL_TRANSITIONS(None, "bands")
    with pytest.raises(NoDataError, match="months of growth|not published"):
        RUSSELL_REGIME_PROB("goldilocks", 0, "2008-01-31")


def test_a_history_that_is_not_computed_names_the_command(session: Session, tmp_path: Path) -> None:
    from xl_smallcap.data.loading import load

    load(Store(tmp_path / "store"), "sample", quiet)
    use_session(Session(load_settings(tmp_path)))
    for call in (RUSSELL_REGIME_HISTORY, RUSSELL_REGIME_RETURNS, RUSSELL_REGIME_SCORE):
        with pytest.raises(NoDataError, match="run 'xl-smallcap regime history'"):
            call()


def test_inputs() -> None:
    levels = 100 * np.exp(np.arange(20) / 100)
    levels[10] = np.nan
    growth = growth_of_cpi(levels)
    assert np.isnan(growth[:6]).all()
    assert np.isnan(growth[[10, 16]]).all(), "both ends are needed"
    np.testing.assert_allclose(growth[[6, 7, 15, 19]], 12.0)
    assert three_months(np.array([1.0, 2.0, 3.0, np.nan, 5.0])).tolist()[1:3] == [1.5, 2.0]
    assert np.isnan(three_months(np.array([1.0, np.nan, np.nan, 4.0]))).all()


def test_october_2025_is_missing_not_interpolated(on_sample: Session) -> None:
    inputs = macro_inputs(on_sample, np.datetime64("2025-12-24"), np.datetime64("2025-12"))
    assert np.isnan(inputs.inflation[-3]), "October's index was never published"
    assert np.isfinite(inputs.inflation[-2]), "November's came on the 18th"
    assert np.isnan(inputs.growth[-3:]).all()
    months, called = refit_path(on_sample, "chains", np.datetime64("2025-12-24"), np.datetime64("2025-12"))
    assert str(months[-1]) == "2025-12"
    assert called[-1] in REGIMES


def test_month_ends_are_those_that_have_ended_and_none_is_lost(
    computed: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for model in MODELS:
        every = month_ends(computed, model, None)
        assert str(every[-1]) == "2025-12-31"
        for day, last in (("2024-12-31", "2024-12-31"), ("2024-12-30", "2024-11-30"), ("2030-01-01", "2025-12-31")):
            assert str(month_ends(computed, model, np.datetime64(day))[-1]) == last
        with monkeypatch.context() as patch:
            for newest, last in (
                ("2025-12-30", "2025-11-30"),
                ("2025-11-28", "2025-11-30"),
                ("2025-11-27", "2025-10-31"),
            ):
                patch.setattr(history_of, "snapshot_day", lambda _, newest=newest: np.datetime64(newest))
                assert str(month_ends(computed, model, None)[-1]) == last, "28 November 2025 is a Friday"


def test_one_month_far_out_does_not_move_the_bands(tmp_path: Path) -> None:
    wild = GROWTH.copy()
    wild[100] = -18.0
    probabilities = []
    for k, growth in enumerate((GROWTH, wild)):
        (tmp_path / str(k)).mkdir()
        session = session_of(tmp_path / str(k), {"CFNAI": growth, "CPILFESL": PRICES})
        probabilities.append(regimes_now(session, "bands", np.datetime64("2017-06-30")).probabilities()[:3, 0])
    np.testing.assert_allclose(probabilities[1], probabilities[0], atol=0.05)


def test_returns_and_scores_by_pandas(on_sample: Session) -> None:
    """From the sample's own text and the history's words: nothing of the report's own arithmetic."""
    history = regime_history(on_sample, "chains", None)
    frame = pd.DataFrame(
        history.probabilities[:3].T, index=pd.PeriodIndex([str(d)[:7] for d in history.days], freq="M")
    )
    words = pd.Series(history.likeliest, index=frame.index)
    logs = 100 * np.log(independent.levels()[["RUT", "GSPC"]].dropna())
    ends = (logs["RUT"] - logs["GSPC"]).groupby(logs.index.to_period("M")).last().diff()
    table = RUSSELL_REGIME_RETURNS("relative", model="chains")
    rows = {(r[0], r[1]): dict(zip(table[0], r, strict=True)) for r in table[1:]}
    for shift, said in ((0, "same month"), (-1, "next month")):
        both = pd.DataFrame({"y": ends.shift(shift).reindex(words.index), "word": words}).dropna()
        for regime in REGIMES:
            row, inside = rows[regime, said], both["word"] == regime
            assert row["n"] == inside.sum()
            assert row["mean"] == pytest.approx(both["y"][inside].mean(), abs=1e-9)
            other = both["y"][~inside & (both["word"] != "")].mean()
            assert row["difference"] == pytest.approx(both["y"][inside].mean() - other, abs=1e-9)
    raw = resources.files("xl_smallcap.data.sample").joinpath("monthly.csv.gz").read_bytes()
    monthly_text = pd.read_csv(io.BytesIO(gzip.decompress(raw)), parse_dates=["date"], index_col="date").to_period("M")
    card = RUSSELL_REGIME_SCORE(model="chains")
    nber = next(dict(zip(card[0], r, strict=True)) for r in card[1:] if r[2] == "NBER recession")
    truth = monthly_text["USREC"].reindex(frame.index)
    good = truth.notna() & frame.notna().all(axis=1)
    assert nber["n"] == good.sum()
    assert nber["brier"] == pytest.approx(((frame[2] - truth)[good] ** 2).mean(), abs=1e-12)
    monthly_text.loc["2025-10", "CPILFESL"] = np.nan  # never published, says the release calendar
    core = (200 * np.log(monthly_text["CPILFESL"])).diff(6)
    mean = monthly_text["CFNAI"].rolling(3, min_periods=2).mean().round(9).where(monthly_text["CFNAI"].notna())
    # March 2021 is -0.35 to the digit, which counts as growth; a rolling sum's rounding must not decide
    label = pd.Series(np.where(mean < -0.35, 2, np.where(core > 3.0, 1, 0)), index=mean.index)
    label = label.where(mean.notna() & core.notna())
    heads = [dict(zip(card[0], r, strict=True)) for r in card[1:4]]
    valid = label.notna()
    enough = (valid.cumsum().shift(1) >= 60) & ((valid & valid.shift(1, fill_value=False)).cumsum().shift(1) >= 60)
    fit_to_score = valid & valid.shift(1, fill_value=False) & enough
    scored = fit_to_score.reindex(frame.index) & frame.notna().all(axis=1)
    for k, row in enumerate(heads):
        hit = (label.reindex(frame.index) == k)[scored].astype(float)
        assert row["n"] == scored.sum()
        assert row["brier"] == pytest.approx(((frame[k][scored] - hit) ** 2).mean(), abs=1e-12)
        assert row["happened"] == pytest.approx(hit.mean(), abs=1e-12)
        share = ((label == k).cumsum() / valid.cumsum()).shift(1).reindex(frame.index)[scored]
        assert row["brier_climatology"] == pytest.approx(((share - hit) ** 2).mean(), abs=1e-12)
