"""What moved between two snapshots and why, and a workbook that stays with one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xl_smallcap.config import load_settings
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import Snapshot
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, NoDataError, StoreError
from xl_smallcap.functions import RUSSELL_BETA, RUSSELL_DIFF, RUSSELL_SNAPSHOT, RUSSELL_STATUS
from xl_smallcap.functions.cells import evaluate
from xl_smallcap.session import Session, pinned, use_session

SEEN = np.datetime64("2025-12-31T18:00", "m")


def variant(
    store: Store, base: Snapshot, last: str, revised: dict[str, float] | None = None, parent: str = ""
) -> Snapshot:
    """The sample up to a day, the last 40 values of some series revised as a refresh would note it."""
    out = {}
    for name in base.ids:
        data = base.series(name)
        keep = data.dates <= np.datetime64(last)
        days, values = data.dates[keep], data.values[keep]
        times = np.full(days.size, np.datetime64("NaT", "m"))
        if revised and name in revised:
            rng = np.random.default_rng(7)
            more = values[-40:] * np.exp(revised[name] * rng.standard_normal(40))
            days, values = np.concatenate([days, days[-40:]]), np.concatenate([values, more])
            times = np.concatenate([times, np.full(40, SEEN)])
        out[name] = SeriesData.build(days, values, times)
    provenance = {n: base.entries[n].provenance for n in base.ids}
    return store.add(out, source="sample", provenance=provenance, synthetic=True, parent=parent)


@pytest.fixture
def made(sample_home: Path, tmp_path: Path) -> Iterator[dict[str, Any]]:
    sample = Store(sample_home / "store").open()
    store = Store(tmp_path / "store")
    first = variant(store, sample, "2025-12-17")
    later = variant(store, sample, "2025-12-24", parent=first.fingerprint)
    same_day = variant(store, sample, "2025-12-17", {"RUT": 0.004}, parent=first.fingerprint)
    both = variant(store, sample, "2025-12-24", {"RUT": 0.004}, parent=first.fingerprint)
    store.use(both.fingerprint)
    use_session(Session(load_settings(tmp_path)))
    yield {"store": store, "first": first, "later": later, "same_day": same_day, "both": both}
    use_session(None)


def rows(table: list[list[Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(r[0], r[1]): dict(zip(table[0], r, strict=True)) for r in table[1:]}


def test_only_the_window_moved(made: dict[str, Any]) -> None:
    diff = rows(RUSSELL_DIFF(made["first"].fingerprint, made["later"].fingerprint))
    assert {t for t, _ in diff} == {"russell", "sp500", "relative", "hedged"}
    assert len(diff) == 5 * 3 + 6
    for row in diff.values():
        assert row["from_data"] == 0.0
        assert row["from_window"] == row["change"] != 0.0
        assert row["cause"] == "window"
        assert (str(row["before_date"]), str(row["after_date"])) == ("2025-12-17", "2025-12-24")


def test_only_the_data_changed(made: dict[str, Any]) -> None:
    diff = rows(RUSSELL_DIFF(made["first"].fingerprint, made["same_day"].fingerprint))
    for (target, _), row in diff.items():
        assert row["from_window"] == 0.0
        assert row["from_data"] == row["change"]
        assert row["cause"] == ("nothing" if target == "sp500" else "data"), "the S&P was not revised"
        assert (row["change"] == 0.0) == (target == "sp500")


def test_both_add_up_and_agree_with_the_cells(made: dict[str, Any]) -> None:
    default = RUSSELL_DIFF()
    assert default == RUSSELL_DIFF(made["first"].fingerprint[:6], f"sample {made['both'].fingerprint}")
    for (target, factor), row in rows(default).items():
        assert row["from_data"] + row["from_window"] == pytest.approx(row["change"], abs=1e-12)
        assert row["moved"] == ("yes" if abs(row["change"]) > row["se"] else "no")
        with pinned(made["first"].fingerprint):
            assert RUSSELL_BETA(factor, target, "beta") == row["before"]
            assert RUSSELL_BETA(factor, target, "se") == row["se"]
        assert RUSSELL_BETA(factor, target, "beta") == row["after"]


def test_a_target_that_cannot_be_compared_says_why(made: dict[str, Any]) -> None:
    store = made["store"]
    lacking = {n: made["both"].series(n) for n in made["both"].ids if n != "GSPC"}
    short = store.add(lacking, source="sample", synthetic=True)
    table = RUSSELL_DIFF(made["first"].fingerprint, short.fingerprint)
    why = {r[0]: str(r[9]) for r in table[1:] if r[1] is None}
    assert set(why) == {"sp500", "relative", "hedged"}
    assert "no series 'GSPC'" in why["relative"]
    reversed_order = RUSSELL_DIFF(made["later"].fingerprint, made["first"].fingerprint)
    assert all("give them the other way round" in str(r[9]) for r in reversed_order[1:])
    with pytest.raises(NoDataError, match="was not made after another one"):
        RUSSELL_DIFF(None, made["first"].fingerprint)
    with pytest.raises(StoreError, match="no snapshot"):
        RUSSELL_DIFF("fff")
    with pytest.raises(BadArgumentError, match="got 'yesterday'"):
        RUSSELL_DIFF("yesterday")


def test_status_counts_revisions_as_of(made: dict[str, Any]) -> None:
    def status(as_of: str | None = None) -> dict[str, Any]:
        table: list[list[Any]] = RUSSELL_STATUS(as_of)
        return next(dict(zip(table[0], r, strict=True)) for r in table if r[0] == "RUT")

    assert status()["revised_days"] == 40
    assert str(status()["revised"]) == "2025-12-31 18:00:00"
    assert status("2025-12-30")["revised_days"] == 0
    assert status("2025-12-30")["revised"] is None
    assert status()["licence"] == "restricted"


def test_a_pin_answers_from_its_own_snapshot(made: dict[str, Any]) -> None:
    first, both = made["first"].fingerprint, made["both"].fingerprint
    with pinned(first):
        expected = RUSSELL_BETA("inflation")
    for _ in range(2):
        assert evaluate("RUSSELL_BETA", ["inflation"], first).value == expected
        assert evaluate("RUSSELL_BETA", ["inflation"], first[:5].upper()).value == expected
        assert str(evaluate("RUSSELL_SNAPSHOT", [], f"SAMPLE (synthetic) {first}").value).endswith(first)
        assert str(evaluate("RUSSELL_SNAPSHOT", [], None).value).endswith(both)
        assert evaluate("RUSSELL_BETA", ["inflation"]).value != expected
    assert RUSSELL_SNAPSHOT().endswith(both)
    wrong = evaluate("RUSSELL_BETA", ["inflation"], "fffff")
    assert wrong.code == "#N/A"
    assert wrong.message is not None
    assert "The snapshot this workbook pins (name RUSSELL_PIN) cannot be used" in wrong.message
    assert evaluate("RUSSELL_BETA", ["inflation"], "not one").code == "#VALUE!"
    why = evaluate("RUSSELL_WHY", ['=RUSSELL_BETA("inflaton")'], first).value
    assert "Did you mean 'inflation'" in str(why)
