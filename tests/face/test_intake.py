"""A DataFrame into the store: what `data load` checks is checked, and what is no frame of series is a sentence."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xl_smallcap as xs
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, SourceError
from xl_smallcap.face import Data

DAYS = pd.bdate_range("2025-10-01", periods=40, name="date")


def frame_of(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns, index=DAYS)


def rates(level: float = 4.0) -> np.ndarray[Any, Any]:
    return np.asarray(level + 0.01 * np.random.default_rng(5).standard_normal(DAYS.size).cumsum())


def test_a_frame_becomes_a_snapshot(tmp_path: Path) -> None:
    frame = frame_of(DGS2=rates(), MINE=rates(100.0))
    frame.iloc[3, 0] = np.nan
    report = xs.load(frame, home=tmp_path)
    assert report.in_use
    snapshot = Store(tmp_path / "store").open()
    assert snapshot.series("DGS2").values.size == 39
    np.testing.assert_array_equal(snapshot.series("MINE").values, frame["MINE"].to_numpy())
    assert snapshot.series("DGS2").dates[0] == np.datetime64("2025-10-01")
    assert report.unknown == ["MINE"]
    again = xs.load(frame, home=tmp_path)
    assert again.snapshot.fingerprint == report.snapshot.fingerprint, "the same values, the same snapshot"


def test_the_same_as_a_folder_of_the_same(tmp_path: Path) -> None:
    frame = frame_of(DGS2=rates().round(3), T5YIE=rates(2.3).round(3))
    folder = tmp_path / "own"
    folder.mkdir()
    frame.to_csv(folder / "rates.csv")
    from xl_smallcap.data.loading import load

    by_file = load(Store(tmp_path / "a" / "store"), str(folder), lambda *_: None)
    by_frame = xs.load(frame, home=tmp_path / "b")
    assert by_frame.snapshot.fingerprint == by_file.snapshot.fingerprint


def test_what_looks_gravely_wrong_is_not_put_to_use(tmp_path: Path) -> None:
    xs.load(frame_of(DGS2=rates()), home=tmp_path)
    wrong = rates()
    wrong[20] *= 100.0
    report = xs.load(frame_of(DGS2=wrong), home=tmp_path)
    assert not report.in_use
    assert any("DGS2" in s for s in report.suspects)
    assert xs.load(frame_of(DGS2=wrong), home=tmp_path, accept=["DGS2"]).in_use


def test_added_beside_what_is_there(data: Data, tmp_path: Path) -> None:
    shutil.copytree(data.session.settings.home / "store", tmp_path / "store")
    with pytest.raises(BadArgumentError, match="never mixed with real data"):
        xs.load(frame_of(MINE=rates()), add=True, home=tmp_path)
    xs.load(frame_of(DGS2=rates()), home=tmp_path)
    report = xs.load(frame_of(MINE=rates(100.0)), add=True, home=tmp_path)
    assert {"DGS2", "MINE"} <= set(report.snapshot.entries)


def test_periods_zones_and_texts_are_days(tmp_path: Path) -> None:
    months = pd.DataFrame({"MINE": np.arange(30.0)}, index=pd.period_range("2023-01", periods=30, freq="M"))
    xs.load(months, home=tmp_path / "a")
    assert Store(tmp_path / "a" / "store").open().series("MINE").dates[0] == np.datetime64("2023-01-31")
    zoned = frame_of(MINE=rates()).tz_localize("America/New_York")
    xs.load(zoned, home=tmp_path / "b")
    assert Store(tmp_path / "b" / "store").open().series("MINE").dates[0] == np.datetime64("2025-10-01")
    texts = frame_of(MINE=rates()).set_axis([f"{d:%Y-%m-%d}" for d in DAYS])
    xs.load(texts, home=tmp_path / "c")
    assert Store(tmp_path / "c" / "store").open().series("MINE").dates.size == 40


def test_mixed_frequencies_stand_side_by_side(tmp_path: Path) -> None:
    monthly = pd.Series(rates(), index=DAYS).where(DAYS.is_month_end | (np.arange(40) == 39))
    report = xs.load(frame_of(DGS2=rates(), MINE=monthly.to_numpy()), home=tmp_path)
    assert report.snapshot.series("MINE").values.size == monthly.notna().sum()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (pd.DataFrame({"A": [1.0]}, index=["Monday"]), "row 1 is 'Monday'"),
        (pd.DataFrame({"A": [1.0, 2.0]}), "frame.set_index\\('date'\\)"),
        (pd.DataFrame({"A": [1.0, 2.0]}, index=pd.to_datetime(["2025-01-02"] * 2)), "2025-01-02 more than once"),
        (frame_of(A=["1", "2"] * 20), "Column 'A' is no number: it holds '1'"),
        (frame_of(A=[True, False] * 20), "Column 'A' is no number"),
        (frame_of(A=[np.inf] + [1.0] * 39), "infinite value on 2025-10-01"),
        (frame_of(A=[np.nan] * 40), "Column 'A' has no value"),
        (pd.DataFrame(), "is empty"),
        ([1, 2], "Give a DataFrame indexed by date"),
        (pd.concat({"Close": frame_of(A=rates())}, axis=1), "more than one level of column names"),
        (pd.concat([frame_of(A=rates()), frame_of(A=rates())], axis=1), "Column 'A' is there twice"),
        (pd.Series(rates(), index=DAYS), "has a name of text; one is called None"),
        (frame_of(A=rates()).set_axis(DAYS[:-1].append(pd.DatetimeIndex([None]))), "Row 40 of the DataFrame"),
    ],
)  # fmt: skip
def test_bad_frames_are_sentences_and_lose_nothing(tmp_path: Path, given: Any, words: str) -> None:
    with pytest.raises((BadArgumentError, SourceError), match=words):
        xs.load(given, home=tmp_path)
    assert Store(tmp_path / "store").current() is None
