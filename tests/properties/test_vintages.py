"""Vintages and snapshots never answer for each other: one shared home, one shared cache."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xl_smallcap.config import load_settings
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import Snapshot
from xl_smallcap.data.store import Store
from xl_smallcap.functions import RUSSELL_BETA
from xl_smallcap.session import Session, use_session

FRIDAY, SATURDAY, SUNDAY = dt.date(2025, 6, 27), dt.date(2025, 6, 28), dt.date(2025, 6, 29)


def commit(store: Store, series: dict[str, SeriesData]) -> Snapshot:
    made = store.add(series, source="folder", synthetic=False, loaded_at="")
    store.use(made.fingerprint)
    return made


@pytest.fixture
def sample(sample_store: Path) -> dict[str, SeriesData]:
    snapshot = Store(sample_store).open()
    return {name: snapshot.series(name) for name in snapshot.ids}


@pytest.mark.parametrize("order", [(FRIDAY, SATURDAY, SUNDAY), (SUNDAY, SATURDAY, FRIDAY)])
def test_a_revision_is_known_from_its_own_day_on(
    sample: dict[str, SeriesData], tmp_path: Path, order: tuple[dt.date, ...]
) -> None:
    """The Russell of a week earlier is revised on Saturday; the last date of the panel is Friday either way."""
    rut = sample["RUT"]
    place = int(np.flatnonzero(rut.dates == np.datetime64("2025-06-20"))[0])
    closes = rut.dates.astype("datetime64[m]") + np.timedelta64(16 * 60, "m")
    revised = SeriesData.build(
        np.append(rut.dates, rut.dates[place]),
        np.append(rut.values, 1.2 * rut.values[place]),
        np.append(closes, np.datetime64("2025-06-28T09:00", "m")),
    )
    commit(Store(tmp_path / "store"), {**sample, "RUT": revised})
    betas = {}
    for day in order:
        use_session(Session(load_settings(tmp_path)))
        betas[day] = RUSSELL_BETA("inflation", window=120, as_of=day)
    commit(Store(tmp_path / "plain" / "store"), sample)
    use_session(Session(load_settings(tmp_path / "plain")))
    assert betas[FRIDAY] == RUSSELL_BETA("inflation", window=120, as_of=FRIDAY)
    assert betas[SATURDAY] == betas[SUNDAY] != betas[FRIDAY]
    use_session(None)


def test_a_snapshot_that_changes_in_mid_call_leaves_no_wrong_fit(
    sample: dict[str, SeriesData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads ask while CURRENT moves to and fro: afterwards a fresh process reads the right fit of each snapshot."""
    monkeypatch.setattr("xl_smallcap.session._POINTER_CHECK_SECONDS", 0.0)
    store = Store(tmp_path / "store")
    one = commit(store, sample)
    noisy = {**sample, "T5YIE": SeriesData.build(sample["T5YIE"].dates, sample["T5YIE"].values[::-1])}
    two = commit(store, noisy)
    use_session(Session(load_settings(tmp_path)))
    windows, stop = range(100, 130), threading.Event()
    trouble: list[Any] = []

    def ask() -> None:
        while not stop.is_set():
            for w in windows:
                try:
                    RUSSELL_BETA("inflation", window=w)
                except Exception as exc:  # whatever it is, the test reports it
                    trouble.append(exc)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for t in threads:
        t.start()
    for i in range(40):
        store.use((one, two)[i % 2].fingerprint)
    stop.set()
    for t in threads:
        t.join()
    assert not trouble
    for snapshot, series in ((one, sample), (two, noisy)):
        clean = Store(tmp_path / snapshot.fingerprint / "store")
        commit(clean, series)
        use_session(Session(load_settings(tmp_path / snapshot.fingerprint)))
        right = [RUSSELL_BETA("inflation", window=w) for w in windows]
        use_session(Session(load_settings(tmp_path), snapshot.fingerprint))
        assert [RUSSELL_BETA("inflation", window=w) for w in windows] == right
    use_session(None)
