"""From a folder, a workbook or the sample to a snapshot: read, look, write, move CURRENT; a failure changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from xl_smallcap.data import atomic
from xl_smallcap.data.catalogue import Catalogue, Names, load_catalogue
from xl_smallcap.data.cross_section import CrossSection, JoinedPrices, join
from xl_smallcap.data.doubts import Doubt, adjusted, gravest, of_join, of_neighbours, of_series
from xl_smallcap.data.releases import new_york_now, weekend
from xl_smallcap.data.revisions import over
from xl_smallcap.data.series import SeriesData, frequency_of
from xl_smallcap.data.snapshot import HoldingsEntry, PricesEntry, PricesPart, Provenance, Snapshot, label_of
from xl_smallcap.data.sources import constituents, folder, workbook
from xl_smallcap.data.sources.answer import Loaded, Progress
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, SourceError, StoreError

_SHOWN = 5
_TWICE, _DAILY = 2, 10
_ALIKE = 0.01
"""Two columns of one series that differ by less are one series of two publishers."""


@dataclass
class Came:
    """Series as they came, under the catalogue's names, with their origin and what was seen on the way."""

    series: dict[str, SeriesData]
    origins: dict[str, str]
    unknown: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)


def named(loaded: Loaded, names: Names) -> Came:
    """Give series the catalogue's names; put ALFRED's columns together as vintages."""
    came = Came({}, {})
    vintages: dict[str, list[tuple[np.datetime64, SeriesData]]] = {}
    spelt: dict[str, str] = {}
    own = {n for n in loaded.series if names.series_of(n) == n}
    for word, data in loaded.series.items():
        dated = names.vintage_of(word)
        if dated is not None:
            vintages.setdefault(dated[0], []).append((dated[1], data))
            came.origins[dated[0]] = loaded.origins.get(word, "")
            continue
        series_id = names.series_of(word)
        name = (
            word
            if series_id is None or (series_id in own and word != series_id and series_id.lower() != word.lower())
            else series_id
        )
        if name == word and series_id in own and word != series_id:
            came.doubts += _beside(word, data, str(series_id), loaded.series[str(series_id)])
        if name in came.series:
            if name.lower() in (word.lower(), spelt[name].lower()):
                raise SourceError("Two series differ in nothing but capital letters; keep one of each.")
            raise SourceError(f"'{spelt[name]}' and '{word}' are both {name}; keep one.")
        spelt[name] = word
        came.series[name] = data
        came.origins[name] = loaded.origins.get(word, "")
    for name, columns in vintages.items():
        if name in came.series:
            raise SourceError(f"{name} comes both with vintages and without; keep one.")
        came.series[name] = _from_vintages(columns)
    read_as = [f"{word} as {name}" for name, word in spelt.items() if word.lower() != name.lower()]
    if read_as:
        came.remarks.append(f"Read by the catalogue's names: {listed(read_as)}.")
    came.unknown = sorted(n for n in came.series if n not in names.catalogue.series and names.series_of(n) is None)
    for name in came.unknown:
        meant = names.meant(name, came.series)
        if meant is not None:
            came.doubts.append(Doubt(name, f"{name} is not in the catalogue; did you mean {meant}?"))
    return came


def _beside(word: str, data: SeriesData, name: str, other: SeriesData) -> list[Doubt]:
    """Two columns of one series: the one by the catalogue's name is it; where the other differs that is said."""
    _, first, second = np.intersect1d(data.dates, other.dates, return_indices=True)
    a, b = data.values[first], other.values[second]
    if not a.size or (np.abs(a - b) <= _ALIKE * np.maximum(np.abs(a), np.abs(b))).all():
        return []
    return [Doubt(name, f"'{word}' and '{name}' are both {name} and differ; '{name}' is taken. Keep one.", True)]


def _from_vintages(columns: Sequence[tuple[np.datetime64, SeriesData]]) -> SeriesData:
    """A column a day of publication -> a row wherever a value was new or changed."""
    days: list[np.datetime64] = []
    values: list[float] = []
    moments: list[np.datetime64] = []
    last: dict[np.datetime64, float] = {}
    for when, data in sorted(columns, key=lambda c: c[0]):
        for day, value in zip(data.dates, data.values, strict=True):
            if last.get(day) != value:
                last[day] = float(value)
                days.append(day)
                values.append(float(value))
                moments.append(when)
    return SeriesData.build(
        np.array(days, dtype="datetime64[D]"), np.array(values), np.array(moments, dtype="datetime64[m]")
    )


def on_trading_days(came: Came, catalogue: Catalogue) -> None:
    """Leave out weekends that only repeat the day before: a fill, not an observation."""
    filled = []
    for name, data in came.series.items():
        entry = catalogue.series.get(name)
        frequency = entry.frequency if entry is not None else frequency_of(data)
        if frequency != "daily" or data.has_vintages or data.dates.size < 2:
            continue
        repeats = weekend(data.dates)
        repeats[1:] &= data.values[1:] == data.values[:-1]
        repeats[0] = False
        if repeats.any():
            came.series[name] = SeriesData.build(data.dates[~repeats], data.values[~repeats])
            filled.append((name, int(repeats.sum())))
    if filled:
        rows = sum(n for _, n in filled)
        came.doubts.append(
            Doubt(
                filled[0][0],
                f"{rows} value(s) on Saturdays and Sundays repeat the day before and are left out "
                f"({listed([n for n, _ in filled])}); holidays filled in the same way look like days of no change.",
            )
        )


def one_a_month(came: Came, catalogue: Catalogue) -> None:
    """Of a month with several rows let the last one stand: a preliminary value before it, or a month filled daily."""
    for name, data in came.series.items():
        entry = catalogue.series.get(name)
        if entry is None or entry.frequency != "monthly" or data.has_vintages:
            continue
        months = data.dates.astype("datetime64[M]")
        last = np.append(months[1:] != months[:-1], True)
        usual = float(np.median(np.unique(months, return_counts=True)[1]))
        if last.all() or _TWICE <= usual < _DAILY:  # short interest comes twice a month
            continue
        twice = np.unique(months[~last])
        came.series[name] = SeriesData.build(data.dates[last], data.values[last])
        which = f"{twice[0]}{' ...' if twice.size > 1 else ''}"
        came.doubts.append(
            Doubt(name, f"{name} has several rows of {twice.size} month(s) ({which}); the last one stands.")
        )


def listed(words: Sequence[str]) -> str:
    """Return the first words of a list, and how many more there are."""
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more


# -- From a folder, a workbook or the sample to a snapshot: read, look, write, move CURRENT; a failure changes nothin


@dataclass(frozen=True, repr=False)
class LoadReport:
    """The new snapshot, whether it is in use, files left out with the reason, doubts, and what else there is to say."""

    snapshot: Snapshot
    skipped: dict[str, str]
    doubts: list[Doubt]
    remarks: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    in_use: bool = True

    def __repr__(self) -> str:
        use = "in use" if self.in_use else "NOT in use"
        lines = [f"{use}: {self.snapshot.name}, {len(self.snapshot.entries)} series"]
        lines += [f"looks odd: {s}" for s in self.suspects]
        lines += [f"left out: {file}: {why}" for file, why in self.skipped.items()]
        lines += self.remarks
        if self.unknown:
            lines.append(f"not in the catalogue: {', '.join(self.unknown)}")
        return "\n  ".join([f"<load, {lines[0]}>", *lines[1:]])

    @property
    def suspects(self) -> list[str]:
        """The doubts as sentences."""
        return [d.sentence for d in self.doubts]


def _read(
    place: str, progress: Progress, sheet: str | None, area: str | None, stocks: bool, names: Names
) -> tuple[str, Loaded]:
    """Read the place a user named, with the name of the source it is."""
    if stocks:
        many = constituents.read(Path(place).expanduser(), progress)
        return "folder", Loaded(
            series={}, origins={}, skipped=many.skipped, holdings=many.holdings, prices=many.prices,
            prices_origin=many.origin, remarks=many.remarks,
        )  # fmt: skip
    if place.strip().lower() == "sample":
        return "sample", folder.read_sample(progress)
    path = Path(place).expanduser()
    if path.suffix.lower() in workbook.SUFFIXES:
        return "workbook", folder.read_workbook(path, progress, sheet, area, names)
    if sheet or area:
        raise BadArgumentError(f"--sheet and --range are for a workbook (.xlsx, .xlsm); '{place}' is none.")
    return "folder", folder.read(path, progress, names)


def _no_series(prices: CrossSection, catalogue: Catalogue) -> None:
    """Refuse a folder of series that was meant to be loaded without --constituents."""
    wrong = [t for t in prices.tickers if t in catalogue.series and catalogue.series[t].kind != "price"]
    if wrong:
        raise SourceError(
            f"'{wrong[0]}' ({catalogue.series[wrong[0]].label}) is a series, not a stock; load this folder without "
            "--constituents, or move its prices of stocks to a folder of their own."
        )


def _joined_remarks(done: JoinedPrices) -> list[str]:
    remarks = []
    for names, what in (
        (done.extended, "agree with what was there where both have days: longer now, the days before kept"),
        (done.replaced, "differ from what was there: replaced, the history before is gone"),
        (done.kept, "differ from what was there and are shorter: NOT taken, what was there is kept"),
    ):
        if names:
            listed = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
            remarks.append(f"Prices of {len(names)} stock(s) {what} ({listed}).")
    return remarks


def _dropped(store: Store, current: str | None, names: set[str], stocks_gone: bool) -> list[str]:
    """Say which series of the snapshot in use the new one lacks."""
    try:
        before = store.open(current) if current else None
    except StoreError:
        return []
    if before is None or before.synthetic:
        return []
    gone = sorted(set(before.entries) - names)
    if stocks_gone and before.prices_entry is not None:
        return [
            *_dropped(store, current, names, False),
            f"The prices of {len(before.prices_entry.tickers)} stocks, and the holdings, of the snapshot before are "
            f"not in this one. 'xl-smallcap data use {before.fingerprint}' goes back; loading with --add keeps them.",
        ]
    if not gone:
        return []
    listed = ", ".join(gone[:5]) + (" ..." if len(gone) > 5 else "")
    return [
        f"{len(gone)} series of the snapshot before are not in this one ({listed}). 'xl-smallcap data use "
        f"{before.fingerprint}' goes back; loading with --add keeps them."
    ]


def _prices(
    store: Store, base: Snapshot | None, loaded: Loaded, new: PricesPart, catalogue: Catalogue
) -> tuple[PricesEntry | None, list[str]]:
    """Join the place's constituents to those of the base and write them; what became of them as sentences."""
    before = base.prices_entry if base is not None else None
    if loaded.prices is None:
        return before, []
    _no_series(loaded.prices, catalogue)
    whole, came, remarks = loaded.prices, loaded.prices.tickers, []
    if base is not None and before is not None:
        try:
            done = join(base.prices(), loaded.prices)
            whole, came = done.data, tuple(t for t in came if t in done.data.tickers and t not in done.kept)
            remarks += _joined_remarks(done)
        except StoreError as exc:
            remarks.append(f"The constituents that were there could not be read and are left out: {exc}")
    entry = store.put_prices(whole, replace(new, tickers=came), before)
    ids = {n.upper() for n in [*loaded.series, *(base.entries if base is not None else ())]}
    both = sorted({t.upper() for t in whole.tickers} & ids)
    remarks += [f"'{t}' is a series and a stock: the stock is asked for as 'stock:{t}'." for t in both]
    return entry, remarks


def _joined(
    came: Came, base: Snapshot, catalogue: Catalogue, source: str, place: str
) -> tuple[dict[str, SeriesData], dict[str, tuple[str, ...]]]:
    """Lay what came over what is there, note doubts and a summary. Other sources that stay in it, by series."""
    series, also = {}, {}
    spans, apart = [], list[str]()
    for name, data in came.series.items():
        entry = catalogue.series_of(name)
        if name not in base.entries:
            series[name] = data
            came.doubts += of_series(entry, data) if name in catalogue.series else []
            continue
        before = base.series(name)
        laid = over(entry, before, data)
        series[name] = laid.data
        also[name] = tuple(sorted(set(base.entries[name].sources) - {source})) if laid.kept else ()
        spans.append((name, laid.added, laid.revised, laid.kept))
        came.doubts += of_join(entry, before, data)
        if entry.rescaled and not np.isin(data.dates, before.dates).any():
            apart.append(name)
        if name in catalogue.series:
            old_doubts = of_series(entry, before)
            came.doubts += [d for d in of_series(entry, laid.data) if d not in old_doubts]
    if apart:
        came.doubts.append(
            Doubt(
                apart[0],
                f"{listed(apart)}: no day in common with what is there; whether both are adjusted alike is unknown.",
            )
        )
    new = sorted(set(came.series) - set(base.entries))
    first = min((str(d.dates[0]) for d in came.series.values()), default="")
    last = max((str(d.dates[-1]) for d in came.series.values()), default="")
    if came.series:
        parts = [f"{len(came.series)} series of '{place}', {first} to {last}"]
        if new:
            parts.append(f"new: {listed(new)}")
        if spans:
            replaced = listed([n for n, _, r, _ in spans if r]) or "none"
            parts.append(
                f"in {len(spans)} that were there {sum(a for _, a, _, _ in spans)} days are new, "
                f"{sum(r for _, _, r, _ in spans)} values replaced ({replaced}), "
                f"{sum(k for _, _, _, k in spans)} other days kept"
            )
        came.remarks.append("Added: " + "; ".join(parts) + ".")
    return series, also


def _lost(base: Snapshot | None, loaded: Loaded, series: Mapping[str, SeriesData]) -> list[Doubt]:
    """Series in use whose file could not be read this time: the new data would lack them."""
    if base is None or base.synthetic:
        return []
    doubts = []
    for file, why in loaded.skipped.items():
        gone = sorted(n for n, e in base.entries.items() if file in e.origin.split("+") and n not in series)
        if gone:
            doubts.append(
                Doubt(gone[0], f"{file} could not be read, and {listed(gone)} in use came from it. {why}", True)
            )
    return doubts


def load(
    store: Store,
    place: str,
    progress: Progress,
    *,
    make_current: bool = True,
    sheet: str | None = None,
    area: str | None = None,
    add: bool = False,
    catalogue_file: Path | None = None,
    stocks: bool = False,
    accept: Sequence[str] = (),
) -> LoadReport:
    """Read a source into a new snapshot."""
    catalogue = load_catalogue(catalogue_file)
    names = Names(catalogue)
    source, loaded = _read(place, progress, sheet, area, stocks, names)
    with atomic.changing(store.root):
        return _put(store, place, source, loaded, names, add or stocks, stocks, make_current, accept)


def put_loaded(
    store: Store,
    place: str,
    source: str,
    loaded: Loaded,
    catalogue_file: Path | None = None,
    *,
    add: bool = False,
    make_current: bool = True,
    accept: Sequence[str] = (),
) -> LoadReport:
    """Put series that are in memory already into a new snapshot, with every check of :func:`load`."""
    names = Names(load_catalogue(catalogue_file))
    with atomic.changing(store.root):
        return _put(store, place, source, loaded, names, add, False, make_current, accept)


def _put(
    store: Store, place: str, source: str, loaded: Loaded, names: Names, add: bool, stocks: bool, make_current: bool,
    accept: Sequence[str],
) -> LoadReport:  # fmt: skip
    """Write what was read; the store is ours meanwhile."""
    catalogue = names.catalogue
    came = named(loaded, names)
    if not loaded.synthetic:
        on_trading_days(came, catalogue)
        one_a_month(came, catalogue)
    if not loaded.series and not add:
        raise SourceError(
            f"'{place}' holds holdings but no series; give --add to put them beside the series of the snapshot in use."
        )
    current = store.current()
    base = store.open() if add and current else None
    if base is not None and base.synthetic != loaded.synthetic:
        advice = "Load series of your own first." if stocks else "Load without --add."
        raise BadArgumentError(f"The embedded sample is synthetic and never mixed with real data. {advice}")
    # The sample is no news of any day: the same everywhere, whenever it was loaded.
    fetched_at = "" if loaded.synthetic else str(new_york_now())
    provenance = {
        n: Provenance(source, came.origins.get(n, ""), frequency_of(data), fetched_at)
        for n, data in came.series.items()
    }
    holdings = [
        HoldingsEntry(store.put(h), h.fund, h.day, len(h.ticker), source, origin, fetched_at)
        for h, origin in loaded.holdings
    ]
    kept = {}
    if base is not None:
        kept = dict(base.entries)
        series, also = _joined(came, base, catalogue, source, place)
        provenance = {n: replace(p, also=also.get(n, ())) for n, p in provenance.items()}
        mine = {(h.fund, h.as_of) for h in holdings}
        holdings += [h for h in base.holdings_entries if (h.fund, h.as_of) not in mine]
    else:
        series = dict(came.series)
        came.doubts += [
            d for n, s in series.items() if n in catalogue.series for d in of_series(catalogue.series[n], s)
        ]
        came.remarks += _dropped(store, current, set(series), loaded.prices is None)
        came.doubts += _lost(_opened(store, current), loaded, series)
    came.doubts += of_neighbours(catalogue, _neighbours(catalogue, series, base))
    sources = [source] + [s for n, e in kept.items() if n not in series for s in e.sources]
    sources += [s for p in provenance.values() for s in p.also]
    prices, remarks = _prices(store, base, loaded, PricesPart(source, loaded.prices_origin, fetched_at, ()), catalogue)
    snapshot = store.add(
        series,
        source=label_of(sources or ["folder"]),
        provenance=provenance,
        synthetic=loaded.synthetic,
        loaded_at=dt.datetime.now().isoformat(timespec="seconds"),
        holdings=holdings,
        parent=current or "",
        kept=kept,
        note=f"load {place}" + (" --add" if add else ""),
        prices=prices,
    )
    grave = gravest(came.doubts, accept) if not loaded.synthetic else []
    in_use = make_current and not grave
    if in_use:
        store.use(snapshot.fingerprint)
    doubts = list(dict.fromkeys(came.doubts))
    return LoadReport(snapshot, loaded.skipped, doubts, loaded.remarks + came.remarks + remarks, came.unknown, in_use)


def _opened(store: Store, current: str | None) -> Snapshot | None:
    try:
        return store.open(current) if current else None
    except StoreError:
        return None


def _neighbours(catalogue: Catalogue, series: Mapping[str, SeriesData], base: Snapshot | None) -> dict[str, SeriesData]:
    """The funds that are looked at side by side, where one of them came: as they will be in use."""
    wanted = {n for name in adjusted(catalogue) for n in (name, *catalogue.series[name].fallback)}
    if not wanted & set(series):
        return {}
    there = {n: base.series(n) for n in wanted if n in base.entries and n not in series} if base is not None else {}
    return {**there, **{n: series[n] for n in wanted if n in series}}
