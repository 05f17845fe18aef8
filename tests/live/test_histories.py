"""What refreshes, loads and sources in a row leave: nothing known too early or too late, nothing lost or let out."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.live.loopback import Loopback
from tests.live.test_refresh import NOW, outcome, run
from xl_smallcap.config import load_settings
from xl_smallcap.data.catalogue import Catalogue, load_catalogue
from xl_smallcap.data.history import export
from xl_smallcap.data.loading import load
from xl_smallcap.data.refresh import refresh
from xl_smallcap.data.releases import known_by
from xl_smallcap.data.revisions import join
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import licence_of, object_path
from xl_smallcap.data.sources import REMOTE, Fetched
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, CatalogueError, SourceError
from xl_smallcap.functions import RUSSELL_STATUS
from xl_smallcap.session import Session, use_session

MINUTE = np.timedelta64(1, "m")


def known(home: Path, catalogue: Catalogue, series: str, as_of: str) -> dict[str, float]:
    data = known_by(catalogue.series[series], Store(home / "store").open().series(series), np.datetime64(as_of))
    return dict(zip(data.dates.astype(str).tolist(), data.values.tolist(), strict=True))


def own_folder(tmp_path: Path, loopback: Loopback, series: str, last: str, name: str = "own") -> str:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    rows = [(d, v) for d, v in loopback.world.rows(series) if d <= last and v is not None and np.isfinite(v)]
    (folder / f"{series}.csv").write_text("date,value\n" + "".join(f"{d},{v}\n" for d, v in rows))
    return str(folder)


class OtherFeed:
    """A second feed of any series, as Bloomberg would be: the first one's values on another scale, with noise."""

    def __init__(self, server: Loopback, scale: float, noise: float, last: str) -> None:
        self.server, self.scale, self.noise, self.last = server, scale, noise, last

    def unusable(self, settings: Any) -> str:
        return ""

    def fetch(self, request: Any, context: Any) -> Any:
        return request.series[0].id

    def parse(self, raw: Any, request: Any) -> Fetched:
        rows = [(d, v) for d, v in self.server.world.rows(raw) if d <= self.last and v is not None and np.isfinite(v)]
        rng = np.random.default_rng(5)
        values = np.array([v for _, v in rows]) * self.scale * (1 + self.noise * rng.standard_normal(len(rows)))
        days = np.array([d for d, _ in rows], dtype="M8[D]")
        return Fetched({request.fields[0]: SeriesData.build(days, values)})


@pytest.mark.parametrize("series", ["ICSA", "CPIAUCSL"])
def test_a_folder_that_ends_early_does_not_make_the_rest_news(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue, series: str
) -> None:
    run(loopback, tmp_path / "straight", catalogue, only_series=[series])
    load(Store(tmp_path / "home" / "store"), own_folder(tmp_path, loopback, series, "2025-06-28"), lambda *_: None)
    run(loopback, tmp_path / "home", catalogue, only_series=[series])
    for day in ("2025-09-15", "2025-12-24", "2026-01-05"):
        straight = known(tmp_path / "straight", catalogue, series, day)
        assert known(tmp_path / "home", catalogue, series, day) == straight
        assert len(straight) > 200


def test_a_licence_stays_with_the_values(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REMOTE, "bloomberg", OtherFeed(loopback, 1.0, 1e-4, "2025-12-29"))
    loopback.faults["DGS2"] = "404"
    settings = loopback.settings(tmp_path, sources="fred,bloomberg")
    first = run(loopback, tmp_path, catalogue, settings=settings, only_series=["DGS2"])
    assert first.outcomes[0].source == "bloomberg"
    loopback.faults.clear()
    for k in range(3):
        report = run(loopback, tmp_path, catalogue, settings=settings, only_series=["DGS2"], now=NOW + (k + 1) * MINUTE)
        assert (report.outcomes[0].source, report.outcomes[0].revised) == ("fred", 0), (
            "rounded otherwise is no revision"
        )
        assert report.snapshot is not None
        assert report.snapshot.entries["DGS2"].sources == ("fred", "bloomberg")
        assert report.snapshot.source == "bloomberg+fred"
        assert licence_of(catalogue, report.snapshot, "DGS2") == "terminal"
    assert report.snapshot is not None
    assert report.snapshot.series("DGS2").dates[-1] == np.datetime64("2025-12-31")
    run(loopback, tmp_path, catalogue, settings=settings, only_series=["DGS10"])
    done = export(catalogue, Store(tmp_path / "store").open(), tmp_path / "out", inside=True)
    assert set(done.withheld) == {"DGS2"}


def test_an_adjusted_series_from_another_source_has_no_false_return_at_the_seam(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = np.array([v for _, v in loopback.world.rows("XLI_ADJ")])
    monkeypatch.setitem(REMOTE, "yahoo", OtherFeed(loopback, 1.0, 0.0, "2025-12-29"))
    monkeypatch.setitem(REMOTE, "bloomberg", OtherFeed(loopback, 1.2, 2e-4, "2025-12-31"))
    settings = loopback.settings(tmp_path, sources="yahoo,bloomberg")
    run(loopback, tmp_path, catalogue, settings=settings, only_sources=["yahoo"], only_series=["XLI_ADJ"])
    report = run(loopback, tmp_path, catalogue, settings=settings, only_sources=["bloomberg"], only_series=["XLI_ADJ"])
    assert (report.outcomes[0].outcome, report.outcomes[0].added) == ("updated", 2)
    assert report.snapshot is not None
    returns = np.diff(np.log(report.snapshot.series("XLI_ADJ").values))
    np.testing.assert_allclose(returns, np.diff(np.log(true)), atol=2e-3)
    monkeypatch.setitem(REMOTE, "bloomberg", OtherFeed(loopback, 1.2, 0.0, "2025-12-31"))
    run(loopback, tmp_path / "b", catalogue, settings=settings, only_sources=["yahoo"], only_series=["RUT"])
    other = run(loopback, tmp_path / "b", catalogue, settings=settings, only_sources=["bloomberg"], only_series=["RUT"])
    assert other.outcomes[0].outcome == "kept"
    assert "another price?" in other.outcomes[0].told, "an index is not defined up to a factor"


def test_a_shorter_source_that_stands_in_goes_on_standing_in(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REMOTE, "yahoo", OtherFeed(loopback, 1.0, 0.0, "2025-12-26"))
    settings = loopback.settings(tmp_path, sources="yahoo,fred")
    run(loopback, tmp_path, catalogue, settings=settings, only_series=["GSPC"])
    loopback.world._series["SP500"] = loopback.world._series["GSPC"]
    loopback.world.first["SP500"] = "2016-01-04"
    for last in ("2025-12-29", "2025-12-30", "2025-12-31"):
        loopback.world.last = last
        report = run(loopback, tmp_path, catalogue, settings=settings, only_sources=["fred"], only_series=["GSPC"])
        assert (report.outcomes[0].outcome, report.outcomes[0].added) == ("updated", 1)
        assert report.outcomes[0].last == last


def test_days_of_ones_own_beside_those_of_a_source(loopback: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    folder = own_folder(tmp_path, loopback, "DGS2", "2025-12-31")
    path = Path(folder) / "DGS2.csv"
    path.write_text(path.read_text() + "2025-12-25,3.8\n2025-12-27,3.8\n")
    load(Store(tmp_path / "store"), folder, lambda *_: None)
    for k in range(3):
        report = run(loopback, tmp_path, catalogue, only_series=["DGS2"], now=NOW + k * MINUTE)
        assert report.outcomes[0].outcome in ("updated", "unchanged"), report.outcomes[0].told
    loopback.world.changed["DGS2"] = {"2025-12-30": 3.77}
    report = run(loopback, tmp_path, catalogue, only_series=["DGS2"], now=NOW + 9 * MINUTE)
    assert report.outcomes[0].revised == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"status_code": 503, "headers": {"Retry-After": "soon"}}, "answered 503"),
        ({"status_code": 503, "headers": {"Retry-After": "-5"}}, "answered 503"),
        ({"status_code": 302, "headers": {"Location": "http://[bad/"}}, "could not be read (ValueError)"),
    ],
)
def test_odd_answers_are_sentences(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, answer: Any, says: str
) -> None:
    import requests

    class Answer(types.SimpleNamespace):
        reason, raw = "Odd", None

        @property
        def is_redirect(self) -> bool:
            return bool(self.status_code == 302)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: Any) -> None:
            return None

    monkeypatch.setattr(requests.Session, "get", lambda self, *a, **k: Answer(**answer))
    result = run(loopback, tmp_path, catalogue, only_series=["DGS2"]).outcomes[0]
    assert result.outcome == "failed"
    assert says in result.told


def test_an_answer_nobody_thought_of_ends_nothing(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = REMOTE["fred"].parse

    def odd(raw: Any, request: Any) -> Fetched:
        if request.symbol == "DGS2":
            raise KeyError("count")
        return good(raw, request)

    monkeypatch.setattr(REMOTE["fred"], "parse", odd)
    report = run(loopback, tmp_path, catalogue, only_series=["DGS2", "DGS10"])
    assert outcome(report, "DGS2").told == "fred, DGS2: the answer could not be read (KeyError)."
    assert outcome(report, "DGS10").outcome == "new"


@pytest.mark.parametrize("sources", ['["cftc:NDX#OI"]', '["cftc:RUT#FOO"]', '["fred:DGS2#Close"]', '["ishares:IWM"]',
                                     '["fret:DGS2"]', '["DGS2"]'])  # fmt: skip
def test_a_slip_in_the_catalogue_is_named(loopback: Loopback, tmp_path: Path, sources: str) -> None:
    (tmp_path / "catalogue.toml").write_text(f"[series]\nMINE = {{ label = 'x', sources = {sources} }}\n")
    with pytest.raises(CatalogueError, match=r"\[series.MINE\] sources"):
        run(loopback, tmp_path, load_catalogue(tmp_path / "catalogue.toml"))


def test_the_sample_in_between_loses_nothing_and_gets_out_nowhere(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue
) -> None:
    store = Store(tmp_path / "store")
    run(loopback, tmp_path, catalogue, only_series=["ICSA"])
    before = known(tmp_path, catalogue, "ICSA", "2026-01-10")
    loopback.world.changed["ICSA"] = {"2025-11-29": 111_000.0}
    later = np.datetime64("2026-02-05T12:00", "m")
    run(loopback, tmp_path, catalogue, only_series=["ICSA"], now=later)
    load(store, "sample", lambda *_: None)
    with pytest.raises(SourceError, match="sample is synthetic"):
        export(catalogue, store.open(), tmp_path / "out")
    report = run(loopback, tmp_path, catalogue, only_series=["ICSA", "DGS2"], now=later + MINUTE)
    assert report.snapshot is not None
    assert not report.snapshot.synthetic
    assert report.snapshot.ids == ("DGS2", "ICSA")
    assert store.current() == report.snapshot.fingerprint
    assert known(tmp_path, catalogue, "ICSA", "2026-01-10") == before, "the vintages are still there"


def test_data_loaded_into_an_empty_store_meanwhile_stay(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue
) -> None:
    store, folder = Store(tmp_path / "store"), own_folder(tmp_path, loopback, "RUT", "2025-12-31")

    def meanwhile(series: str, state: str, done: int, total: int) -> None:
        if state == "done":
            load(store, folder, lambda *_: None)

    with pytest.raises(Exception, match="Other data were loaded"):
        run(loopback, tmp_path, catalogue, only_series=["DGS2"], tell=meanwhile)
    assert store.open().ids == ("RUT",)


def test_accepting_keeps_the_vintages_and_knows_its_words(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue
) -> None:
    run(loopback, tmp_path, catalogue, only_series=["DGS2"])
    loopback.world.scale["DGS2"] = 2.0
    kept = run(loopback, tmp_path, catalogue, only_series=["DGS2"], now=NOW + MINUTE)
    assert "2 times what they were" in kept.outcomes[0].told
    with pytest.raises(BadArgumentError, match="Unknown series 'NOPE'"):
        run(loopback, tmp_path, catalogue, accept=["NOPE"])
    later = np.datetime64("2026-02-05T12:00", "m")
    taken = run(loopback, tmp_path, catalogue, only_series=["DGS2"], accept=["dgs2"], now=later)
    assert taken.outcomes[0].revised > 4000
    assert known(tmp_path, catalogue, "DGS2", "2026-02-04")["2025-12-31"] * 2 == pytest.approx(
        known(tmp_path, catalogue, "DGS2", "2026-02-05")["2025-12-31"]
    )


def test_a_clock_set_back_does_not_turn_vintages_round(catalogue: Catalogue) -> None:
    series, day = catalogue.series["ICSA"], np.array(["2025-11-29"], dtype="M8[D]")

    def value(x: float) -> SeriesData:
        return SeriesData.build(day, np.array([x]))

    first = np.datetime64("2026-11-01T01:50", "m")
    one = join(series, value(1.0), value(2.0), first, first).data
    two = join(series, one, value(3.0), first - 40 * MINUTE, first).data
    assert known_by(series, two, None).values.tolist() == [3.0]
    assert known_by(series, two, np.datetime64("2026-10-31")).values.tolist() == [1.0]


def test_a_damaged_file_is_repaired_by_the_next_refresh(
    loopback: Loopback, tmp_path: Path, catalogue: Catalogue
) -> None:
    report = run(loopback, tmp_path, catalogue, only_series=["DGS2", "DGS10"])
    assert report.snapshot is not None
    path = object_path(tmp_path / "store", SeriesData, report.snapshot.entries["DGS2"].object)
    path.write_bytes(path.read_bytes()[:200])
    assert outcome(run(loopback, tmp_path, catalogue, only_series=["DGS10"]), "DGS10").outcome == "unchanged"
    run(loopback, tmp_path, catalogue, only_series=["DGS2"])
    assert Store(tmp_path / "store").open().series("DGS2").dates.size == 5000


def test_a_report_is_taken_whole_or_not_at_all(loopback: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    run(loopback, tmp_path, catalogue, only_sources=["cftc"])
    folder = tmp_path / "own"
    folder.mkdir()
    longer = "".join(f"{d},50000\n" for d in np.arange("2025-01-01", "2026-01-01", 1, dtype="M8[D]"))
    (folder / "TFF_RUT_LEV_LONG.csv").write_text("date,value\n" + longer)
    load(Store(tmp_path / "store"), str(folder), lambda *_: None, add=True, accept=["TFF_RUT_LEV_LONG"])
    report = run(loopback, tmp_path, catalogue, only_sources=["cftc"], now=NOW + MINUTE)
    russell = [o for o in report.outcomes if o.series.startswith("TFF_RUT")]
    assert {o.outcome for o in russell} == {"kept"}
    assert len({o.told.partition(" Kept")[0] for o in russell}) == 1, "one reason for all"


def test_an_unknown_host_is_asked_once(loopback: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    import dataclasses

    settings = dataclasses.replace(
        loopback.settings(tmp_path, sources="fred", retry_seconds=30.0, retries=3), fred_url="http://nowhere.invalid"
    )
    report = run(loopback, tmp_path, catalogue, settings=settings)
    assert report.nothing
    assert all("the name is not known; is there a network?" in o.told for o in report.outcomes)


def test_a_running_session_sees_why_a_series_was_kept(loopback: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    run(loopback, tmp_path, catalogue, only_series=["DGS2"])
    session = Session(load_settings(tmp_path))
    use_session(session)
    try:

        def row() -> dict[str, Any]:
            session._next_check = 0.0
            table: list[list[Any]] = RUSSELL_STATUS()
            return dict(zip(table[0], table[1], strict=True))

        assert (row()["status"], row()["problem"]) == ("ok", "")
        loopback.faults["DGS2"] = "404"
        run(loopback, tmp_path, catalogue, only_series=["DGS2"], now=NOW + MINUTE)
        assert row()["status"] == "ok, kept"
        assert "answered 404" in row()["problem"]
        loopback.faults.clear()
        run(loopback, tmp_path, catalogue, only_series=["DGS2"], now=NOW + 2 * MINUTE)
        assert (row()["status"], str(row()["fetched"])) == ("ok", "2026-01-05 18:02:00")
    finally:
        use_session(None)


def test_names_that_are_no_file_names_stay_inside(tmp_path: Path, catalogue: Catalogue) -> None:
    names = ["EUR/USD", "../../escaped", "CON", "a:b", ".hidden", "FINE_1", "^RUT"]
    one = SeriesData.build(np.array(["2025-01-02"], dtype="M8[D]"), np.array([1.0]))
    made = Store(tmp_path / "store").add(dict.fromkeys(names, one), source="folder")
    done = export(catalogue, made, tmp_path / "a" / "b" / "out")
    assert done.written == ("FINE_1", "^RUT")
    assert set(done.withheld) == set(names) - {"FINE_1", "^RUT"}
    files = list(tmp_path.rglob("*.csv"))
    assert {p.parent for p in files} == {tmp_path / "a" / "b" / "out"}


def test_a_holdings_day_stays_as_it_first_came(loopback: Loopback, tmp_path: Path, catalogue: Catalogue) -> None:
    settings = loopback.settings(tmp_path)
    first = refresh(Store(tmp_path / "store"), catalogue, settings, lambda *_: None, only_sources=["ishares"], now=NOW)
    assert first.snapshot is not None
    loopback.faults["IWM"] = "missing"
    refresh(Store(tmp_path / "store"), catalogue, settings, lambda *_: None, only_sources=["ishares"], now=NOW + MINUTE)
    assert np.isfinite(Store(tmp_path / "store").open().holdings("IWM").price).all()
