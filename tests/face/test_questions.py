"""Every worksheet function has a method, whose frame is the function's table."""

from __future__ import annotations

import datetime as dt
import doctest
import importlib
import inspect
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xl_smallcap as xs
from tools import build_face
from xl_smallcap.errors import BadArgumentError, NoDataError, StoreError
from xl_smallcap.face import Data, Frame
from xl_smallcap.face.questions import Questions
from xl_smallcap.functions import BY_NAME, NAMES
from xl_smallcap.functions.formula import find_calls
from xl_smallcap.session import answering
from xl_smallcap.workbooks.sheets.reference import EXAMPLES

METHODS = [n.removeprefix("RUSSELL_").lower() for n in NAMES]
PAGES = [f"xl_smallcap.face.questions.{family}" for family in build_face.FAMILIES]


def test_none_is_forgotten_and_the_pages_are_current() -> None:
    assert set(METHODS) <= set(dir(Questions))
    for family, text in build_face.pages(answered=False).items():
        committed = (build_face.FOLDER / f"{family}.py").read_text(encoding="utf-8")
        # what the examples answer is held by running them
        plain = re.sub(r"(^ +>>> .*\n)(?:(?! +\"\"\").*\n)*", r"\1", committed, flags=re.M)
        assert plain == re.sub(r"(^ +>>> .*\n)(?:(?! +\"\"\").*\n)*", r"\1", text, flags=re.M), (
            "run python -m tools.build_face"
        )


@pytest.mark.parametrize("name", METHODS)
def test_arguments_are_the_functions(name: str) -> None:
    entry = BY_NAME[f"RUSSELL_{name.upper()}"]
    given = inspect.signature(getattr(Data, name)).parameters
    assert list(given)[1:] == [p.name for p in entry.parameters]
    doc = getattr(Data, name).__doc__
    assert "Examples" in doc
    if entry.parameters:
        assert "Returns" in doc


@pytest.mark.parametrize("page", [*PAGES, "xl_smallcap.face.data", "xl_smallcap.face.intake", "xl_smallcap.estimators"])
def test_examples_of_docstrings_run(page: str, data: Data) -> None:
    module = importlib.import_module(page)
    names = {"data": data, "xs": xs, "np": np, "pd": pd}
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    tried = 0
    for test in finder.find(module, module.__name__, extraglobs=names):
        if test.examples:
            tried += len(test.examples)
            said: list[str] = []
            runner.run(test, out=said.append)
            assert not runner.failures, "".join(said)
    assert tried


def same(frame: pd.DataFrame, table: list[list[Any]]) -> None:
    """Every cell of a frame is that of the table: numbers to the bit, #N/A as NaN, days as timestamps."""
    flat = frame.reset_index() if frame.index.names != [None] else frame
    assert flat.shape == (len(table) - 1, len(table[0]))
    for j, column in enumerate(flat.columns):
        for i, cell in enumerate(row[j] for row in table[1:]):
            shown = flat.iloc[i, j]
            if cell is None:
                assert pd.isna(shown), (column, i)
            elif isinstance(cell, dt.date):
                assert shown == pd.Timestamp(cell), (column, i)
            else:
                assert shown == cell, (column, i)
    for name, cells in zip(flat.columns, zip(*table[1:], strict=True), strict=True):
        there = [c for c in cells if c is not None]
        if there and all(isinstance(c, (int, float)) and not isinstance(c, bool) for c in there):
            assert pd.api.types.is_numeric_dtype(flat[name]), name
        if there and all(isinstance(c, dt.date) for c in there):
            assert pd.api.types.is_datetime64_any_dtype(flat[name]), name


def check_every_method(data: Data, as_of: str | None = None) -> int:
    """Hold each method's answer to its function's, with the arguments of the live examples."""
    tables = 0
    for name in METHODS:
        entry = BY_NAME[f"RUSSELL_{name.upper()}"]
        call = find_calls(EXAMPLES[entry.name])[0]
        values = list(call.arguments) if call.literal and call.name == entry.name else []
        given = dict(zip([p.name for p in entry.parameters], values, strict=False))
        if as_of and "as_of" in [p.name for p in entry.parameters]:
            given["as_of"] = as_of
        for more in ({}, {"stat": "all"}) if any(p.name == "stat" for p in entry.parameters) else ({},):
            arguments = {n: v for n, v in {**given, **more}.items() if v is not None}
            with answering(data.session):
                try:
                    wanted: Any = entry.call(**arguments)
                except NoDataError as exc:
                    with pytest.raises(NoDataError, match=str(exc)[:40].split("(")[0].replace("'", ".")):
                        getattr(data, name)(**arguments)
                    continue
            answer = getattr(data, name)(**arguments)
            if isinstance(wanted, list):
                tables += 1
                assert isinstance(answer, Frame)
                if name == "needle_map":
                    np.testing.assert_array_equal(answer.to_numpy(), [row[1:] for row in wanted[1:]])
                    continue
                same(answer, wanted)
                assert answer.attrs["function"] == entry.name
                assert answer.attrs["snapshot"] == data.fingerprint
            elif isinstance(wanted, dt.date):
                assert answer == pd.Timestamp(wanted)
            else:
                assert answer == wanted
    return tables


def test_every_method_answers_as_its_function(data: Data) -> None:
    assert check_every_method(data) >= 25


def test_dates_are_an_index_and_units_are_told(data: Data) -> None:
    history = data.beta_history("inflation", "relative", start="2024-01-01")
    assert isinstance(history.index, pd.DatetimeIndex)
    assert history.index.name == "date"
    assert history.attrs["unit"] == "% per +1 sd"
    assert history.attrs["source"] == "SAMPLE (synthetic)"
    assert history["beta"].dtype == np.float64
    betas = data.betas("relative", method="pls")
    assert betas.index.name == "factor"
    shown = betas._repr_html_()
    assert shown is not None
    for word in ("% per +1 sd", "window 250", "SAMPLE (synthetic)", "method pls", data.fingerprint):
        assert word in shown
        assert word in repr(betas)
    assert isinstance(betas[["beta"]], Frame)
    assert isinstance(betas["beta"], pd.Series)


def test_lists_ask_for_each(data: Data) -> None:
    frame = data.betas("relative", window=[250, "104w", "60m"])
    assert frame.index.names == ["window", "factor"]
    assert frame.index.get_level_values("window").unique().tolist() == ["250", "104w", "60m"]
    one = data.betas("relative", window="104w")
    np.testing.assert_array_equal(frame.loc["104w", "beta"].to_numpy(), one["beta"].to_numpy())
    two = data.beta(["growth", "inflation"], ["russell", "relative"], "tstat")
    assert two.columns.tolist() == ["tstat"]
    assert two.loc[("inflation", "relative"), "tstat"] == data.beta("inflation", "relative", "tstat")
    ranged = data.fit("relative", as_of=pd.date_range("2025-10-31", periods=2, freq="ME"))
    assert ranged.index.names == ["as_of"]
    with pytest.raises(BadArgumentError, match="list of 'window' is empty"):
        data.betas(window=[])


def test_as_of_of_the_whole(data: Data) -> None:
    early = Data(data.session, dt.date(2020, 6, 30))
    assert early.beta("oil") == data.beta("oil", as_of="2020-06-30") != data.beta("oil")
    assert early.beta("oil", as_of=pd.Timestamp("2024-05-31 16:00")) == data.beta("oil", as_of="2024-05-31")
    for given in (np.datetime64("2024-05-31"), np.datetime64("2024-05-31", "ns"), dt.date(2024, 5, 31)):
        assert early.beta("oil", as_of=given) == data.beta("oil", as_of="2024-05-31")
    days = np.array(["2024-05-31", "2024-06-28"], dtype="datetime64[ns]")
    assert early.beta("oil", as_of=days)["value"].iloc[0] == data.beta("oil", as_of="2024-05-31")
    assert early.panel().index.max() <= pd.Timestamp("2020-06-30")


@pytest.mark.parametrize(
    "shocks",
    [
        {"inflation": (25, "bp"), "oil": "-10 %"},
        {"inflation": "25 bp", "oil": (np.float64(-10.0), "pct")},
        pd.DataFrame({"shock": [25, -10], "unit": ["bp", "pct"]}, index=["inflation", "oil"]),
        pd.DataFrame({"factor": ["inflation", "oil"], "unit": ["bp", "pct"], "shock": [25.0, -10.0]}),
        pd.Series({"inflation": "25 bp", "oil": "-10 pct"}),
        [["inflation", 25, "bp"], ["oil", -10, "pct"]],
    ],
)
def test_shocks_as_a_person_writes_them(data: Data, shocks: Any) -> None:
    with answering(data.session):
        wanted: Any = BY_NAME["RUSSELL_PROJECTION"].call([["inflation", 25, "bp"], ["oil", -10, "pct"]], "relative")
    assert data.projection(shocks, "relative") == wanted
    assert data.scenario(shocks, "relative") == wanted


def test_bad_questions_are_sentences(data: Data) -> None:
    wrong: list[tuple[str, Any]] = [
        ("Did you mean 'inflation'", lambda: data.beta("inflaton")),
        ("Did you mean 'target'", lambda: data.betas(traget="relative")),  # type: ignore[call-arg]  # the misspelt name is the test
        ("missing a required argument: 'factor'", data.beta),
        ("a set has no order: give a list", lambda: data.betas(target={"relative"})),  # type: ignore[arg-type]  # the wrong type is the test
        ("write it as '25 bp'", lambda: data.projection({"inflation": "much"})),
        ("columns factor, shock, unit", lambda: data.projection(pd.DataFrame({"a": [1]}))),
        ("Shocks are a dict", lambda: data.projection(3.0)),
        ("has no unit", lambda: data.projection({"inflation": 25})),
        ("not both", lambda: xs.open(snapshot="abc", sample=True)),
    ]
    for words, ask in wrong:
        with pytest.raises(BadArgumentError) as caught:
            ask()
        assert words in str(caught.value), str(caught.value)
    with pytest.raises(AttributeError, match="Did you mean 'betas'"):
        data.bettas  # type: ignore[attr-defined]  # noqa: B018 - the misspelt name is the test
    with pytest.raises(StoreError, match="no snapshot"):
        xs.open(snapshot="ffffffffffff", home=data.session.settings.home)


def test_the_panel_is_what_a_fit_used(data: Data) -> None:
    panel = data.panel("relative", window="104w")
    assert panel.shape == (104, 6)
    assert panel.columns[0] == "relative"
    assert panel.attrs["units"]["inflation"] == "bp"
    assert data.panel(standardised=True).iloc[:, 1:].std(ddof=1).to_numpy() == pytest.approx(1.0)


def test_a_universe_is_a_frame(data: Data, tmp_path: Any) -> None:
    frame = data.universe(index="russell")
    assert frame.index.names == ["ticker", "date"]
    assert {"beta_growth", "se_growth"} <= set(frame.columns) or len(frame.columns) > 5
    frame.to_csv(tmp_path / "u.csv")
    frame.to_parquet(tmp_path / "u.parquet")
    assert pd.read_parquet(tmp_path / "u.parquet").shape == frame.shape
    data.panel().to_parquet(tmp_path / "p.parquet")
    assert pd.read_parquet(tmp_path / "p.parquet").shape == (250, 6)
