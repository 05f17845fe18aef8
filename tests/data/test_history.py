"""What a store remembers: the list of snapshots, how two differ, what a prune leaves, what an export lets out."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_snapshot
from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.history import compare, export, prune, snapshots_of
from xl_smallcap.data.loading import load
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import Provenance, licence_of
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, NoDataError, SourceError, StoreError

DAYS = ["2025-01-02", "2025-01-03", "2025-01-06"]


def add(store: Store, values: dict[str, list[float]], parent: str = "", when: str = "2026-01-01T00:00:00") -> str:
    series = {n: SeriesData.build(np.array(DAYS[: len(v)], dtype="M8[D]"), np.array(v)) for n, v in values.items()}
    return store.add(series, source="fred", parent=parent, loaded_at=when).fingerprint


def test_history_and_diff(tmp_path: Path) -> None:
    store = Store(tmp_path)
    one = add(store, {"A": [1.0, 2.0], "B": [1.0, 1.0], "GONE": [3.0]}, when="2026-01-01T00:00:00")
    two = add(store, {"A": [1.0, 2.5, 3.0], "B": [1.0, 1.0, 1.0], "NEW": [7.0]}, one, "2026-01-02T00:00:00")
    store.use(two)
    lines = snapshots_of(store)
    assert [(x.fingerprint, x.parent, x.current, x.series, x.newest) for x in lines] == [
        (two, one, True, 3, "2025-01-06"), (one, "", False, 3, "2025-01-03")
    ]  # fmt: skip
    changes = {c.series: c for c in compare(store.open(one), store.open(two))}
    assert set(changes) == {"A", "B", "NEW", "GONE"}
    assert (changes["A"].kind, changes["A"].added, changes["A"].revised, changes["A"].first_revised) == (
        "revised", 1, 1, "2025-01-03"
    )  # fmt: skip
    assert changes["A"].largest == pytest.approx(0.25)
    assert (changes["B"].kind, changes["B"].added, changes["B"].revised) == ("extended", 1, 0)
    assert changes["NEW"].kind == "new series"
    assert changes["GONE"].kind == "gone"
    assert compare(store.open(two), store.open(two)) == []
    again = add(store, {"A": [1.0, 2.0], "B": [1.0, 1.0], "GONE": [3.0]}, two, "2026-03-01T00:00:00")
    assert again == one
    assert store.open(one).loaded_at == "2026-01-01T00:00:00", "the same content is the same snapshot, made when it was"
    assert store.open(one).parent == ""


def test_a_prune_takes_only_what_nothing_needs(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = [add(store, {"A": [10.0 + k], "B": [1.0]}, when=f"2026-01-0{k + 1}T00:00:00") for k in range(5)]
    store.use(made[0])
    left = tmp_path / "objects" / "aa" / ".x.col.1.tmp"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"half")
    young = tmp_path / "objects" / "aa" / "young.col"
    for path in tmp_path.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 7200, time.time() - 7200))
    young.write_bytes(b"a load under way")
    done = prune(store, 2)
    assert set(done.snapshots) == {made[1], made[2]}, "CURRENT stays, and the two newest besides"
    assert store.snapshots() == sorted([made[0], made[3], made[4]])
    assert done.files == 3, "two values of A and what a killed load left"
    assert not left.exists()
    assert young.exists(), "may belong to another process"
    for fingerprint in store.snapshots():
        assert store.open(fingerprint).series("B").values.tolist() == [1.0]
    with pytest.raises(BadArgumentError, match="--keep must be 0 or more"):
        prune(store, -1)
    (tmp_path / "snapshots" / f"{made[4]}.json").write_text("{")
    with pytest.raises(StoreError, match="Nothing was pruned"):
        prune(store, 0)


def test_an_export_comes_back_bit_for_bit_and_leaves_out_what_may_not_go(
    sample_home: Path, tmp_path: Path, catalogue: Catalogue
) -> None:
    store = Store(sample_home / "store")
    sample = store.open()
    series = {n: sample.series(n) for n in ("DGS2", "CFNAI", "RUT", "BAMLH0A0HYM2", "T5YIE")}
    vintages = SeriesData.build(
        np.array(["2025-07-01", "2025-07-01"], dtype="M8[D]"),
        np.array([0.1, 0.1 + 1e-17]),
        np.array(["NaT", "2025-12-22T08:30"], dtype="M8[m]"),
    )
    provenance = {n: Provenance("fred", n) for n in series} | {
        "T5YIE": Provenance("bloomberg", "x"), "MY_GAUGE": Provenance("folder", "own.csv")
    }  # fmt: skip
    there = Store(tmp_path / "store")
    made = there.add({**series, "CFNAI": vintages, "MY_GAUGE": vintages}, source="fred", provenance=provenance)
    assert {n: licence_of(catalogue, made, n) for n in made.ids} == {
        "BAMLH0A0HYM2": "restricted", "CFNAI": "attribution", "DGS2": "public", "MY_GAUGE": "own", "RUT": "restricted",
        "T5YIE": "terminal",
    }  # fmt: skip
    public = export(catalogue, made, tmp_path / "public")
    assert public.written == ("CFNAI", "DGS2", "MY_GAUGE")
    assert set(public.withheld) == {"BAMLH0A0HYM2", "RUT", "T5YIE"}
    assert "FTSE Russell" in public.withheld["RUT"]
    inside = export(catalogue, made, tmp_path / "inside", inside=True)
    assert set(inside.withheld) == {"T5YIE"}
    text = (tmp_path / "inside" / "SOURCES.txt").read_text()
    assert "RUT: Russell 2000 index, FTSE Russell, by way of fred RUT, licence restricted" in text
    assert "T5YIE: not written (terminal" in text
    back = load(Store(tmp_path / "back"), str(tmp_path / "inside"), lambda *_: None).snapshot
    for name in inside.written:
        assert back.entries[name].object == made.entries[name].object, name
    with pytest.raises(SourceError, match="not an empty folder"):
        export(catalogue, made, tmp_path / "inside")
    only = there.add({"RUT": series["RUT"]}, source="yahoo", provenance={"RUT": Provenance("yahoo", "^RUT")})
    with pytest.raises(NoDataError, match="may leave the house"):
        export(catalogue, only, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_adding_a_place_keeps_the_rest(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    first = make_snapshot(tmp_path / "store", {"RUT": (DAYS, [1.0, 2.0, 3.0]), "DGS2": (DAYS, [4.0, 4.1, 4.2])})
    store.use(first.fingerprint)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "GAUGE.csv").write_text("date,value\n2025-01-02,5\n2025-01-03,6\n")
    (tmp_path / "own" / "dgs2.csv").write_text("date,value\n2025-01-02,4.5\n")
    added = load(store, str(tmp_path / "own"), lambda *_: None, add=True).snapshot
    assert added.ids == ("DGS2", "GAUGE", "RUT")
    assert added.series("DGS2").values.tolist() == [4.5, 4.1, 4.2], "its day over what was there, the others kept"
    assert added.series("RUT").values.tolist() == [1.0, 2.0, 3.0]
    assert added.parent == first.fingerprint
    assert store.current() == added.fingerprint
    assert replace(added.entries["RUT"]).source == "folder"
