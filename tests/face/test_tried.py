"""What a first user met in a trial: each was wrong, or a bare traceback."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xl_smallcap as xs
from tests.face.test_intake import DAYS, frame_of, rates
from xl_smallcap.errors import BadArgumentError, FitError
from xl_smallcap.estimators import EntropyPooling, FactorRegression, ParameterError, RegimeChains
from xl_smallcap.face import Data


@pytest.fixture
def early(data: Data) -> Data:
    return Data(data.session, dt.date(2024, 6, 28))


def test_nothing_lies_beyond_the_day_opened(early: Data) -> None:
    assert early.asof() == pd.Timestamp("2024-06-28")
    parts = early.attribution("2024-03-28")
    assert pd.Timestamp(parts.attrs["arguments"]["finish"]) == pd.Timestamp("2024-06-28")
    with pytest.raises(BadArgumentError, match="these data were opened as of 2024-06-28"):
        early.attribution("2024-03-28", "2025-06-30")
    for blank in (None, "", 0):
        assert early.beta("growth", as_of=blank) == early.beta("growth")
    assert early.beta("growth", as_of=["2024-01-31", None])["value"].iloc[1] == early.beta("growth")
    for nothing in (pd.NaT, np.datetime64("NaT"), ["2024-01-31", pd.NaT]):
        with pytest.raises(BadArgumentError, match="is NaT, no day"):
            early.beta("growth", as_of=nothing)


def test_a_period_is_its_last_day_everywhere(data: Data) -> None:
    wanted = data.beta("oil", as_of="2025-06-30")
    for period in (pd.Period("2025-06"), np.datetime64("2025-06"), np.datetime64("2025-06-30")):
        assert data.beta("oil", as_of=period) == wanted
    assert xs.open(pd.Period("2025-06"), home=data.session.settings.home).as_of == dt.date(2025, 6, 30)


def test_lists_say_what_they_are(data: Data) -> None:
    frame = data.beta(["growth", "oil"], "relative")
    assert frame.attrs["source"] == "SAMPLE (synthetic)"
    assert "SAMPLE" in frame.caption
    assert data.betas("relative", window=[250, "104w"]).attrs["arguments"]["target"] == "relative"
    with pytest.raises(BadArgumentError, match="'all' is every stat already"):
        data.beta("growth", stat=["beta", "all"])
    odds = data.scenario(["goldman", "jpmorgan"], "relative", "prob_outperform", 6)
    assert odds.index.tolist() == ["goldman", "jpmorgan"]
    assert data.fit("relative", "nobs", window=range(100, 301, 100)).index.tolist() == [100, 200, 300]
    assert data.beta(pd.Categorical(["growth", "oil"])).index.tolist() == ["growth", "oil"]


def test_errors_are_on_the_record(data: Data) -> None:
    with pytest.raises(BadArgumentError):
        data.beta("inflaton")
    assert data.why().iloc[0]["sentence"].startswith("Unknown factor 'inflaton'")


def test_a_copy_and_a_pickle_answer_alike(data: Data) -> None:
    for other in (copy.deepcopy(data), pickle.loads(pickle.dumps(data))):  # noqa: S301 - bytes pickled in the same line
        assert other.fingerprint == data.fingerprint
        assert other.beta("oil") == data.beta("oil")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda d: d.beta(None), "beta\\(\\) needs 'factor'"),
        (lambda d: d.beta(["growth", None]), "beta\\(\\) needs 'factor'"),
        (lambda d: d.beta("growth", window=10**400), "number without end|must be"),
        (lambda d: d.beta("growth", np.array([["a", "b"]])), "2 dimensions"),
        (lambda d: d.scenario([["growth", 1, "sd"], None]), "A row of shocks is factor, shock, unit"),
        (lambda d: d.panel(standardised="yes"), "True or False; got 'yes'"),
        (lambda d: d.panel(as_of=pd.NaT), "is NaT, no day"),
        (lambda d: d.beta("growth", stat="all").plot(), "cannot be drawn"),
        (lambda d: d.betas()[["beta", "se"]].plot(), "has no column 'lower'|no column"),
        (lambda d: d.betas().reset_index().plot(), "not one whole answer"),
        (lambda d: d.betas().groupby("role").mean(numeric_only=True).plot(), "not one whole answer"),
        (lambda d: d.betas().T.plot(), "not one whole answer"),
        (lambda _: xs.open(snapshot=3), "text of a fingerprint"),  # type: ignore[arg-type]  # the wrong type is the test
        (lambda _: xs.open(pd.NaT), "is NaT"),
        (lambda _: xs.open(home=3), "home is a folder"),  # type: ignore[arg-type]  # the wrong type is the test
        (lambda _: xs.open(sample="yes"), "True or False"),  # type: ignore[arg-type]  # the wrong type is the test
        (lambda _: xs.Data(None), "Open data with xl_smallcap.open"),  # type: ignore[arg-type]  # the wrong type is the test
    ],
)
def test_sentences_in_place_of_tracebacks(data: Data, ask: Any, words: str) -> None:
    with pytest.raises(BadArgumentError, match=words):
        ask(data)


@pytest.mark.parametrize("shock", ["25bp", "+25 bps", "25 BP"])
def test_shocks_as_they_are_typed(data: Data, shock: str) -> None:
    assert data.projection({"inflation": shock}) == data.projection({"inflation": (25, "bp")})
    assert data.projection({"oil": "\N{MINUS SIGN}10%"}) == data.projection({"oil": (-10, "pct")})


def test_parquet_or_a_sentence(data: Data, tmp_path: Path) -> None:
    data.betas("relative", window=[250, "104w"]).to_parquet(tmp_path / "b.parquet")
    assert len(pd.read_parquet(tmp_path / "b.parquet")) > 10
    with pytest.raises(BadArgumentError, match="numbers, days and texts together"):
        data.beta("growth", stat="all").to_parquet(tmp_path / "c.parquet")


def test_loads_are_careful(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    report = xs.load(frame_of(DGS2=rates()), home=home)
    assert len(repr(report)) < 400
    assert repr(report).startswith("<load, in use: folder ")
    wrong = rates()
    wrong[20] *= 100.0
    assert xs.load(frame_of(DGS2=wrong), home=home, accept="DGS2").in_use
    for accept, words in (("DSG2", "Did you mean 'DGS2'"), (3, "accept names series"), (None, "accept names series")):
        with pytest.raises(BadArgumentError, match=words):
            xs.load(frame_of(DGS2=wrong), home=home, accept=accept)  # type: ignore[arg-type]  # the wrong type is the test
    negative = xs.load(frame_of(RUT=-(2000 + rates())), home=tmp_path / "other")
    assert not negative.in_use
    assert "at or below zero" in negative.suspects[0]
    for frame, words in (
        (frame_of(A=rates()).astype(complex), "is no number"),
        (frame_of(A=rates()).set_axis([f"{d:%d/%m/%Y}" for d in DAYS]), "row 1 is '01/10/2025'"),
        (frame_of(A=rates()).rename(columns={"A": ("Close", "RUT")}), "has a name of text"),
        (frame_of(A=rates()).rename(columns={"A": np.nan}), "has a name of text"),
    ):
        with pytest.raises(BadArgumentError, match=words):
            xs.load(frame, home=tmp_path / "third")
    with pytest.raises(BadArgumentError, match="True or False"):
        xs.load(frame_of(A=rates()), add="yes", home=home)  # type: ignore[arg-type]  # the wrong type is the test


def test_estimators_check_what_they_are_given() -> None:
    X = pd.DataFrame(np.random.default_rng(3).standard_normal((60, 3)), columns=["growth", "inflation", "easing"])
    y = X["growth"] + X["easing"]
    np.testing.assert_array_equal(FactorRegression("OLS").fit(X, y).coef_, FactorRegression().fit(X, y).coef_)
    named: dict[str, Any] = {"n_components": 2.5, "confidence": "a", "n_draws": 1, "random_state": -1}
    for name, value in named.items():
        with pytest.raises(ParameterError, match=name):
            FactorRegression("pls", **{name: value}).fit(X, y)
    with pytest.raises(ParameterError, match="n_starts"):
        RegimeChains(n_starts=0).fit(X[["growth", "inflation"]])
    with pytest.raises(FitError, match="Column 0 of X does not change"):
        RegimeChains().fit(np.zeros((100, 2)))
    up = np.repeat([0.0, 1.0, 0.0, 1.0], 40)
    months = np.column_stack([up, up[::-1]]) + 0.2 * np.random.default_rng(1).standard_normal((160, 2))
    chains = RegimeChains(n_starts=3).fit(months)
    for steps in (-1, 1.5, True, "3"):
        with pytest.raises(ParameterError, match="steps"):
            chains.forecast(months, steps)  # type: ignore[arg-type]  # the wrong type is the test
    for views in ([1, 0, 0], 3, "growth"):
        with pytest.raises(ParameterError, match="views is a dict"):
            EntropyPooling(views).fit(X)  # type: ignore[arg-type]  # the wrong type is the test
    assert EntropyPooling(pd.Series({"growth": 0.1})).fit(X).weights_ @ X["growth"] == pytest.approx(0.1)
