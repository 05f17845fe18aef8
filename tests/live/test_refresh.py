"""A whole refresh from the loopback publishers, what it keeps, and what a second one changes."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.live.loopback import Loopback, World
from xl_smallcap.config import Settings
from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.events import load_events
from xl_smallcap.data.loading import load
from xl_smallcap.data.refresh import RefreshReport, locked, refresh
from xl_smallcap.data.releases import known_by
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, StoreError
from xl_smallcap.session import Session

NOW = np.datetime64("2026-01-05T18:00", "m")


def run(server: Loopback, home: Path, catalogue: Catalogue, **more: Any) -> RefreshReport:
    settings = more.pop("settings", None) or server.settings(home)
    tell = more.pop("tell", lambda *_: None)
    return refresh(Store(home / "store"), catalogue, settings, tell, now=more.pop("now", NOW), **more)


def outcome(report: RefreshReport, series: str) -> Any:
    return next(o for o in report.outcomes if o.series == series)


def test_requests_run_side_by_side(loopback: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    """benchmarks/test_refresh.py measures it; here is checked why it is so: requests run side by side."""
    loopback.latency = 0.1
    patient = loopback.settings(tmp_path, sources="fred", timeout_seconds=60.0)  # a busy machine: no second tries
    report = run(loopback, tmp_path, catalogue, settings=patient)
    had = [o for o in report.outcomes if o.outcome == "new"]
    assert len(had) >= 38
    assert 4 <= loopback.most_at_once <= 8, "side by side, but not more than allowed"


def test_everything_at_once_and_nothing_new_the_second_time(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue
) -> None:
    seen: list[tuple[str, str, int, int]] = []
    first = run(loopback, tmp_path, catalogue, tell=lambda *step: seen.append(step))
    assert first.changed
    assert first.snapshot is not None
    assert {o.series for o in first.outcomes if o.outcome == "failed"} == {"GSPC", "NDX"}, "only Yahoo has these"
    assert not first.complete
    assert outcome(first, "DGS2").source == "fred"
    assert first.snapshot.entries["TFF_RUT_LEV_LONG"].origin == "RUT#LEV_LONG"
    assert first.snapshot.entries["DGS2"].fetched_at == str(NOW)
    assert first.snapshot.source == "cftc+fred"
    assert {h.fund for h in first.snapshot.holdings_entries} == {"IWM", "IVV"}
    assert first.snapshot.holdings("iwm").ticker[:2] == ("T000", "T001")
    assert seen[-1][2:] == (seen[-1][3], seen[-1][3]), "the bar ends full"
    assert {s for _, s, _, _ in seen} >= {"asking fred", "asking cftc", "asking ishares", "done", "failed"}
    data = first.snapshot.series("DGS2")
    want = [v for _, v in loopback.world.rows("DGS2") if v is not None and np.isfinite(v)]
    assert data.values.tolist() == want
    second = run(loopback, tmp_path, catalogue, now=NOW + np.timedelta64(60, "m"))
    assert not second.changed
    assert second.snapshot is not None
    assert second.snapshot.fingerprint == first.snapshot.fingerprint
    assert second.snapshot.entries["DGS2"].fetched_at == "2026-01-05T19:00", "confirmed an hour later"
    assert second.snapshot.loaded_at == first.snapshot.loaded_at, "made when it was made"
    assert {o.outcome for o in second.outcomes} == {"unchanged", "failed"}


def test_the_catalogues_order_of_sources_and_which_was_used(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue
) -> None:
    loopback.faults["DGS2"] = "500"
    report = run(loopback, tmp_path, catalogue, only_series=["DGS2", "CPIAUCSL"])
    assert outcome(report, "DGS2").outcome == "failed"
    assert "FRED, series DGS2" in outcome(report, "DGS2").told
    assert "answered 500" in outcome(report, "DGS2").told
    assert "3 tries" in outcome(report, "DGS2").told
    assert loopback.times["DGS2"] == 3
    assert outcome(report, "CPIAUCSL").outcome == "new"
    with pytest.raises(BadArgumentError, match="Unknown source 'fret'. Did you mean 'fred'"):
        run(loopback, tmp_path, catalogue, only_sources=["fret"])
    with pytest.raises(BadArgumentError, match="Unknown series 'DGS22'"):
        run(loopback, tmp_path, catalogue, only_series=["DGS22"])
    with pytest.raises(BadArgumentError, match="nothing to ask"):
        run(loopback, tmp_path, catalogue, only_series=["CU_SHFE_CNY"])


def test_a_revision_becomes_a_vintage_and_as_of_still_knows_the_old_value(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue
) -> None:
    loopback.world.last = "2025-10-31"
    first = run(loopback, tmp_path, catalogue, only_series=["INDPRO"], now=np.datetime64("2025-12-24T12:00"))
    assert first.snapshot is not None
    old = first.snapshot.series("INDPRO")
    loopback.world.changed["INDPRO"] = {"2025-08-01": 123.456}
    loopback.world.last = "2025-11-30"
    later = np.datetime64("2025-12-30T09:00", "m")
    second = run(loopback, tmp_path, catalogue, only_series=["INDPRO"], now=later)
    assert (outcome(second, "INDPRO").added, outcome(second, "INDPRO").revised) == (1, 1)
    assert second.snapshot is not None
    assert second.snapshot.parent == first.snapshot.fingerprint
    data, series = second.snapshot.series("INDPRO"), catalogue.series["INDPRO"]
    august = np.datetime64("2025-08-01")

    def by(day: str) -> Any:
        vintage = known_by(series, data, np.datetime64(day))
        return dict(zip(vintage.dates.tolist(), vintage.values.tolist(), strict=True))

    was = old.values[np.searchsorted(old.dates, august)]
    assert by("2025-12-29")[august.item()] == was
    assert by("2025-12-30")[august.item()] == 123.456
    for day in ("2025-09-30", "2025-12-24"):
        before = known_by(series, old, np.datetime64(day))
        assert by(day) == dict(zip(before.dates.tolist(), before.values.tolist(), strict=True)), "nothing moved"
    # November was published on 23 December by the calendar, but was not at the source on the 24th: known when seen.
    assert np.datetime64("2025-11-01").item() not in by("2025-12-29")
    assert np.datetime64("2025-11-01").item() in by("2025-12-30")


def test_high_yield_is_extended_and_the_older_years_are_kept(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    rows = [r for r in loopback.world.rows("BAMLH0A0HYM2") if r[0] < "2025-06-30"]
    text = "date,value\n" + "".join(f"{d},{v}\n" for d, v in rows if v is not None and np.isfinite(v))
    (folder / "BAMLH0A0HYM2.csv").write_text(text)
    load(Store(tmp_path / "store"), str(folder), lambda *_: None)
    loopback.world.first["BAMLH0A0HYM2"] = "2023-01-03"
    report = run(loopback, tmp_path, catalogue, only_series=["BAMLH0A0HYM2"])
    assert outcome(report, "BAMLH0A0HYM2").outcome == "updated"
    assert outcome(report, "BAMLH0A0HYM2").revised == 0
    assert report.snapshot is not None
    data = report.snapshot.series("BAMLH0A0HYM2")
    assert str(data.dates[0]) == "2006-01-03"
    assert str(data.dates[-1]) == "2025-12-31"
    loopback.world.first["DGS10"] = "2023-01-03"
    run(loopback, tmp_path, catalogue, only_series=["DGS10"])
    loopback.world.first["DGS10"] = "2024-01-03"
    kept = run(loopback, tmp_path, catalogue, only_series=["DGS10"])
    assert outcome(kept, "DGS10").outcome == "kept", "a series that is no rolling window must not get shorter"
    assert "shorter than expected (500 observations, not 750)" in outcome(kept, "DGS10").told
    assert "If it is right: --accept DGS10." in outcome(kept, "DGS10").told
    taken = run(loopback, tmp_path, catalogue, only_series=["DGS10"], accept=["DGS10"])
    assert outcome(taken, "DGS10").outcome == "unchanged", "accepted: nothing new in it, and nothing lost for it"
    assert taken.snapshot is not None
    assert str(taken.snapshot.series("DGS10").dates[0]) == "2023-01-03"
    again = run(loopback, tmp_path, catalogue, only_series=["DGS10"])
    assert outcome(again, "DGS10").outcome == "unchanged", "the shorter answer is the measure from now on"


def test_the_sample_is_never_mixed_with_real_data(loopback: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    store = Store(tmp_path / "store")
    load(store, "sample", lambda *_: None)
    report = run(loopback, tmp_path, catalogue, only_series=["DGS2"])
    assert report.snapshot is not None
    assert report.snapshot.ids == ("DGS2",)
    assert not report.snapshot.synthetic
    with pytest.raises(BadArgumentError, match="never mixed"):
        load(store, "sample", lambda *_: None, add=True)


def test_a_stopped_refresh_goes_on_where_it_was(loopback: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    loopback.latency = 0.02

    def stop(series: str, state: str, done: int, total: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    settings = loopback.settings(tmp_path, sources="fred", parallel_requests=4)
    with pytest.raises(KeyboardInterrupt):
        run(loopback, tmp_path, catalogue, settings=settings, tell=stop)
    assert Store(tmp_path / "store").current() is None, "nothing half-done is in use"
    noted = json.loads((tmp_path / "store" / "pending.json").read_text())
    assert len(noted["series"]) >= 18
    loopback.queries.clear()
    report = run(loopback, tmp_path, catalogue, settings=settings)
    assert len(loopback.queries) <= 45 - len(noted["series"]), "what was had is not asked again"
    assert sum(o.outcome == "new" for o in report.outcomes) >= 38
    assert not (tmp_path / "store" / "pending.json").exists()


def test_what_a_stopped_refresh_had_is_not_used_hours_later(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue
) -> None:
    settings = loopback.settings(tmp_path, sources="fred", parallel_requests=1)

    def stop(series: str, state: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(loopback, tmp_path, catalogue, settings=settings, tell=stop)
    loopback.queries.clear()
    run(loopback, tmp_path, catalogue, settings=settings, now=NOW + np.timedelta64(1, "D").astype("m8[m]"))
    assert len(set(loopback.queries)) >= 41, "everything is asked again"


def test_two_refreshes_at_once(loopback: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    store = Store(tmp_path / "store")
    with locked(store), pytest.raises(StoreError, match="Another refresh of this store is under way"):
        run(loopback, tmp_path, catalogue, only_series=["DGS2"])
    loopback.latency = 0.2
    results: list[Any] = []

    def go() -> None:
        try:
            results.append(run(loopback, tmp_path, catalogue, only_series=["DGS2"]))
        except StoreError as exc:
            results.append(exc)

    threads = [threading.Thread(target=go) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(type(x).__name__ for x in results) == ["RefreshReport", "StoreError", "StoreError"]
    assert store.open().ids == ("DGS2",)


def test_data_loaded_meanwhile_are_not_overwritten(loopback: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    store = Store(tmp_path / "store")
    run(loopback, tmp_path, catalogue, only_series=["DGS2"])
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "RUT.csv").write_text("date,value\n2025-01-02,2200\n2025-01-03,2210\n")
    loopback.world.changed["DGS2"] = {"2025-12-30": 3.0}

    def meanwhile(series: str, state: str, done: int, total: int) -> None:
        if state == "done":
            load(store, str(folder), lambda *_: None)

    with pytest.raises(StoreError, match="Other data were loaded while this refresh ran"):
        run(loopback, tmp_path, catalogue, only_series=["DGS2"], tell=meanwhile)
    assert store.open().ids == ("RUT",)


def test_a_scale_that_changes_keeps_the_bits_of_old_values(catalogue: Catalogue) -> None:
    from xl_smallcap.data.revisions import check, join
    from xl_smallcap.data.series import SeriesData

    rng = np.random.default_rng(1)
    days = np.arange("2024-01-01", "2025-01-01", dtype="datetime64[D]")
    old = SeriesData.build(days[:-3], 100 * np.exp(np.cumsum(0.01 * rng.standard_normal(days.size - 3))))
    dividend = np.concatenate([old.values * 0.98765, old.values[-1] * 0.98765 * np.array([1.01, 1.02, 1.03])])
    new = SeriesData.build(days, dividend * (1 + 1e-8 * rng.standard_normal(days.size)))
    series = catalogue.series["XLI_ADJ"]
    check(series, new, old, days[-1])
    joined = join(series, old, new, NOW, NOW)
    assert (joined.added, joined.revised) == (3, 0)
    assert joined.data.values[:-3].tobytes() == old.values.tobytes()
    np.testing.assert_allclose(joined.data.values[-3:], old.values[-1] * np.array([1.01, 1.02, 1.03]), rtol=1e-6)


def test_a_world_of_its_own(published: World) -> None:
    """The stand-in publishers cover every series the catalogue would fetch from them."""
    assert len(published.rows("WALCL")) > 900
    assert len(published.tuesdays()) > 500


def test_settings_never_show_the_key(tmp_path: Path) -> None:
    assert "very-secret" not in repr(Settings(home=tmp_path, fred_api_key="very-secret"))


def test_a_checkout_that_is_not_installed_can_fetch(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No package metadata, as with PYTHONPATH alone: what names us to a publisher does not need them."""
    from importlib import metadata

    real = metadata.version

    def version(name: str) -> str:
        if name == "xl_smallcap":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    report = run(loopback, tmp_path, catalogue, settings=loopback.settings(tmp_path, sources="fred"))
    assert sum(o.outcome == "new" for o in report.outcomes) >= 38


KEY = "secret-key-0123456789"


def test_the_calendar_of_news_is_extended_and_what_ships_is_never_changed(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue
) -> None:
    shipped = load_events().days
    loopback.world.releases = {
        10: ["2025-01-01", "2026-12-10", "2027-01-13", "2027-02-10", "2027-02-13"],  # the last is a Saturday
        50: ["2027-01-08"],
    }
    settings = loopback.settings(tmp_path, sources="fred", fred_api_key=KEY)
    store = Store(tmp_path / "store")
    report = refresh(store, catalogue, settings, lambda *_: None, now=np.datetime64("2026-11-30T09:00", "m"))
    said = "The calendar of news has later days now: cpi to 2027-02-10, payrolls to 2027-01-08."
    assert said in report.notes
    days = load_events(None, store.release_days).days
    assert [str(d) for d in days["cpi"][shipped["cpi"].size :]] == ["2027-01-13", "2027-02-10"]
    np.testing.assert_array_equal(days["cpi"][: shipped["cpi"].size], shipped["cpi"])
    assert days["payrolls"].size == shipped["payrolls"].size + 1
    np.testing.assert_array_equal(days["fomc"], shipped["fomc"])
    session = Session(Settings(home=tmp_path))
    assert str(session.events.days["cpi"][-1]) == "2027-02-10", "a cell sees them"
    again = refresh(store, catalogue, settings, lambda *_: None, now=np.datetime64("2026-12-01T09:00", "m"))
    assert not any("calendar" in note for note in again.notes), "nothing new, nothing said"
    asked = [q for q in loopback.queries if "/fred/release/dates" in q]
    assert {"release_id=10" in q for q in asked} == {True, False}


@pytest.mark.parametrize("fault", ["404", "500", "timeout", "truncated", "html", "columns"])
def test_a_calendar_that_fails_leaves_the_old_one_and_is_told_without_the_key(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue, fault: str
) -> None:
    loopback.world.releases = {10: ["2027-01-13"], 50: ["2027-01-08"]}
    store = Store(tmp_path / "store")
    settings = loopback.settings(tmp_path, sources="fred", fred_api_key=KEY)
    now = np.datetime64("2026-11-30T09:00", "m")
    refresh(store, catalogue, settings, lambda *_: None, now=now)
    kept = store.release_days.read_bytes()
    loopback.faults["release 50"] = fault
    report = refresh(store, catalogue, settings, lambda *_: None, now=now)
    told = [note for note in report.notes if "calendar" in note]
    assert len(told) == 1
    assert told[0].endswith("The calendar of news stays as it was.")
    assert "release 50 (payrolls)" in told[0]
    assert KEY not in told[0]
    assert store.release_days.read_bytes() == kept


def test_without_a_key_or_for_one_series_no_calendar_is_asked(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue
) -> None:
    run(loopback, tmp_path, catalogue, only_series=["DGS2"])
    settings = loopback.settings(tmp_path, sources="fred", fred_api_key=KEY)
    refresh(Store(tmp_path / "store"), catalogue, settings, lambda *_: None, only_series=["DGS2"])
    assert not any("/fred/release/dates" in q for q in loopback.queries)
