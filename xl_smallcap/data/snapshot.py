"""An immutable set of series and holdings: where each came from, what may be done with it; read when asked for."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar

import numpy as np

from xl_smallcap.data.catalogue import Catalogue, Licence
from xl_smallcap.data.series import SeriesData
from xl_smallcap.errors import NoDataError, StoreError, not_read

if TYPE_CHECKING:
    from xl_smallcap.data.cross_section import CrossSection, Holdings


SYNTHETIC_MARK = "SAMPLE (synthetic)"
"""Shown wherever the source of a number computed from the embedded sample is shown."""


@dataclass(frozen=True)
class Provenance:
    """Where one series came from.

    `also` names other sources whose values are still in it, `served` is how many days the last answer of `source` had.
    `source` is the source's name, `origin` a file or a feed's symbol, `fetched_at` when it was last confirmed there
    (New York, ISO to the minute), `problem` why the last try to fetch it failed, empty where it did not.
    """

    source: str = ""
    origin: str = ""
    frequency: str = "daily"
    fetched_at: str = ""
    problem: str = ""
    also: tuple[str, ...] = ()
    served: int = 0


@dataclass(frozen=True)
class Entry:
    """What a manifest says of one series."""

    object: str
    source: str
    origin: str
    first: str
    last: str
    nobs: int
    frequency: str
    fetched_at: str = ""
    problem: str = ""
    also: tuple[str, ...] = ()
    served: int = 0

    @classmethod
    def of(cls, digest: str, data: SeriesData, came: Provenance) -> Entry:
        """Describe a stored series."""
        return cls(
            object=digest, first=str(data.dates[0]), last=str(data.dates[-1]), nobs=int(np.unique(data.dates).size),
            **{f.name: getattr(came, f.name) for f in fields(came)},
        )  # fmt: skip

    @property
    def provenance(self) -> Provenance:
        """Where it came from."""
        return Provenance(
            self.source, self.origin, self.frequency, self.fetched_at, self.problem, self.also, self.served
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source whose values are in it, the last one first."""
        return (self.source, *self.also)


@dataclass(frozen=True)
class HoldingsEntry:
    """What a manifest says of the holdings of one fund on one day ("undated" where the file does not say)."""

    object: str
    fund: str
    as_of: str
    rows: int
    source: str
    origin: str
    fetched_at: str = ""


@dataclass(frozen=True)
class PricesPart:
    """Where the prices of some tickers came from, and when (New York)."""

    source: str
    origin: str
    fetched_at: str
    tickers: tuple[str, ...]


@dataclass(frozen=True)
class PricesEntry:
    """What a manifest says of the constituents' prices: a file a year, their span, which tickers came from where."""

    objects: tuple[str, ...]
    first: str
    last: str
    parts: tuple[PricesPart, ...]

    @property
    def tickers(self) -> tuple[str, ...]:
        """All tickers, sorted."""
        return tuple(sorted(t for p in self.parts for t in p.tickers))

    @property
    def source(self) -> str:
        """Names of the sources, joined."""
        return label_of([p.source for p in self.parts])

    @property
    def origin(self) -> str:
        """Files or fields the prices came from, joined."""
        return "+".join(dict.fromkeys(p.origin for p in self.parts))

    @property
    def fetched_at(self) -> str:
        """When the newest part came."""
        return max(p.fetched_at for p in self.parts)

    def part_of(self, ticker: str) -> PricesPart:
        """Return where a ticker's prices came from."""
        return next(p for p in self.parts if ticker in p.tickers)

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> PricesEntry:
        """Rebuild an entry from a manifest."""
        parts = tuple(PricesPart(**{**p, "tickers": tuple(p["tickers"])}) for p in record["parts"])
        return cls(tuple(record["objects"]), record["first"], record["last"], parts)


def label_of(sources: Mapping[str, str] | list[str]) -> str:
    """Return the names of the sources of a snapshot, sorted and joined. ``"fred+yahoo"``."""
    names = sources.values() if isinstance(sources, Mapping) else sources
    return "+".join(sorted(set(names)))


class Stored(Protocol):
    """What is kept in a file of its own, named by a hash of its content."""

    SUFFIX: ClassVar[str]

    def encode(self) -> bytes:
        """Return the bytes of the file."""

    @classmethod
    def decode(cls, raw: bytes, where: str) -> Self:
        """Read back what :meth:`encode` wrote."""

    def digest(self) -> str:
        """Return the sha-256 of the canonical content, not of the file's bytes."""


S = TypeVar("S", bound=Stored)


def object_path(root: Path, kind: type[Stored], digest: str) -> Path:
    """Return the file of an object in a store."""
    return root / "objects" / digest[:2] / f"{digest}.{kind.SUFFIX}"


def read_object(root: Path, kind: type[S], digest: str, what: str) -> S:
    """Read an object of a store and check it against its content hash."""
    try:
        raw = object_path(root, kind, digest).read_bytes()
    except OSError as exc:
        raise StoreError(not_read(what, exc, "load the data again to repair it")) from exc
    data = kind.decode(raw, what)
    if data.digest() != digest:
        raise StoreError(f"{what} does not match its fingerprint; load the data again to repair it.")
    return data


# -- An immutable set of series and holdings with where each came from; reads a file when first asked for it.


STOCK = "stock:"
"""Before a ticker; needed where it is also the id of a series, or a word of a stat."""


@dataclass(frozen=True)
class Snapshot:
    """An immutable set of series; reads a series when first asked for it."""

    fingerprint: str
    source: str
    synthetic: bool
    loaded_at: str
    entries: Mapping[str, Entry]
    root: Path
    holdings_entries: tuple[HoldingsEntry, ...] = ()
    parent: str = ""
    note: str = ""
    prices_entry: PricesEntry | None = None
    _read: dict[str, SeriesData] = field(default_factory=dict, repr=False, compare=False)
    _years: dict[str, CrossSection] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the stored series, sorted."""
        return tuple(sorted(self.entries))

    @functools.cached_property
    def frequencies(self) -> dict[str, str]:
        """Frequency of each stored series, as seen in its dates."""
        return {name: self.entries[name].frequency for name in self.ids}

    @functools.cached_property
    def tickers(self) -> tuple[str, ...]:
        """How the stored constituents can be asked for: by ticker, as ``stock:RF`` where a series has that name."""
        if self.prices_entry is None:
            return ()
        ids = {name.upper() for name in self.entries}
        return tuple(f"{STOCK}{t}" if t.upper() in ids else t for t in self.prices_entry.tickers)

    def target_word(self, word: str) -> str:
        """Return the name of a target here: ``stock:ALL`` is ALL where no series has that name."""
        typed = word.strip().lower()
        if not typed.startswith(STOCK):
            return word
        bare = typed.removeprefix(STOCK).strip()
        return next((t for t in self.tickers if t.lower() in (bare, f"{STOCK}{bare}")), word)

    def __contains__(self, series_id: object) -> bool:
        return series_id in self.entries or self._ticker(series_id) is not None

    def _ticker(self, word: object) -> str | None:
        """The constituent a word asks for, if it is one."""
        if self.prices_entry is None or not isinstance(word, str):
            return None
        ticker = word.removeprefix(STOCK)
        return ticker if ticker in self._known else None

    @functools.cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.prices_entry.tickers if self.prices_entry is not None else ())

    @functools.cached_property
    def target_frequencies(self) -> dict[str, str]:
        """Frequency of each stored series and constituent: whatever can be a target."""
        return {**self.frequencies, **dict.fromkeys(self.tickers, "daily")}

    def entry(self, series_id: str) -> Entry:
        """Return what the manifest says of a series, or what is known of a constituent."""
        ticker = self._ticker(series_id)
        if series_id in self.entries or self.prices_entry is None or ticker is None:
            return self.entries[series_id]
        part, days = self.prices_entry.part_of(ticker), self.series(series_id).dates
        return Entry(
            object="",
            source=part.source,
            origin=part.origin,
            first=str(days[0]),
            last=str(days[-1]),
            nobs=days.size,
            frequency="daily",
            fetched_at=part.fetched_at,
        )

    @property
    def name(self) -> str:
        """Source and fingerprint; says SAMPLE (synthetic) where that is so."""
        return f"{SYNTHETIC_MARK if self.synthetic else self.source} {self.fingerprint}"

    def series(self, series_id: str) -> SeriesData:
        """Read one series and check it against its content hash."""
        done = self._read.get(series_id)
        if done is not None:
            return done
        entry = self.entries.get(series_id)
        ticker = self._ticker(series_id)
        if entry is None and ticker is not None:
            data = self._of_constituent(ticker)
            self._read[series_id] = data
            return data
        if entry is None:
            raise NoDataError(f"The snapshot {self.name} has no series '{series_id}'.")
        data = read_object(self.root, SeriesData, entry.object, f"Series '{series_id}' of snapshot {self.fingerprint}")
        self._read[series_id] = data
        return data

    def _of_constituent(self, ticker: str) -> SeriesData:
        """One stock's prices, of the years it was observed in."""
        days, values = [], []
        for year in self.price_years():
            if ticker in year.tickers:
                column = year.prices[:, year.tickers.index(ticker)]
                days.append(year.dates[np.isfinite(column)])
                values.append(column[np.isfinite(column)])
        return SeriesData.build(np.concatenate(days), np.concatenate(values))

    def price_years(self, first: np.datetime64 | None = None, last: np.datetime64 | None = None) -> list[CrossSection]:
        """Read the years of constituents' prices that reach into a span of days, each checked against its hash.

        Oldest first; none where the snapshot has no constituents.
        """
        if self.prices_entry is None:
            return []
        from_year = first.astype("datetime64[Y]") if first is not None else None
        to_year = last.astype("datetime64[Y]") if last is not None else None
        years = []
        for reference in self.prices_entry.objects:
            year, _, digest = reference.partition(":")
            this = np.datetime64(year, "Y")
            if (from_year is None or this >= from_year) and (to_year is None or this <= to_year):
                years.append(self._year(year, digest))
        return years

    def _year(self, year: str, digest: str) -> CrossSection:
        done = self._years.get(year)
        if done is not None:
            return done
        from xl_smallcap.data.cross_section import CrossSection  # most cells need no constituents

        data = read_object(
            self.root, CrossSection, digest, f"The file of constituents of {year} in snapshot {self.fingerprint}"
        )
        self._years[year] = data
        return data

    def prices(self, first: np.datetime64 | None = None, last: np.datetime64 | None = None) -> CrossSection:
        """Return the constituents' prices of a span of days."""
        if self.prices_entry is None:
            raise NoDataError(
                f"The snapshot {self.name} has no prices of constituents. Load them with 'xl-smallcap data load FOLDER "
                "--constituents' (docs/data-sources.md), or fetch them with 'xl-smallcap data refresh --constituents'."
            )
        from xl_smallcap.data.cross_section import CrossSection, stack

        whole = stack(self.price_years(first, last))
        start = 0 if first is None else int(np.searchsorted(whole.dates, first))
        stop = whole.dates.size if last is None else int(np.searchsorted(whole.dates, last, side="right"))
        return CrossSection(whole.dates[start:stop], whole.tickers, whole.prices[start:stop])

    def holdings(self, fund: str, as_of: np.datetime64 | None = None) -> Holdings:
        """Read a fund's latest holdings known by a day; a day's holdings are published the day after."""
        of_fund = [h for h in self.holdings_entries if h.fund.upper() == fund.strip().upper()]
        dated = sorted((h for h in of_fund if h.as_of != "undated"), key=lambda h: h.as_of)
        visible = [h for h in dated if as_of is None or np.datetime64(h.as_of, "D") < as_of]
        chosen = visible[-1] if visible else next((h for h in of_fund if as_of is None and h.as_of == "undated"), None)
        if chosen is None:
            have = ", ".join(h.as_of for h in of_fund) or "none"
            raise NoDataError(f"No holdings of '{fund}' were known by {as_of or 'now'}; the snapshot has: {have}.")
        return self.holdings_of(chosen)

    def holdings_of(self, chosen: HoldingsEntry) -> Holdings:
        """Read the holdings of one entry of the manifest and check them against their content hash."""
        from xl_smallcap.data.cross_section import Holdings

        what = f"The file of holdings of {chosen.fund} ({chosen.as_of}) in snapshot {self.fingerprint}"
        return read_object(self.root, Holdings, chosen.object, what)


# -- What may be done with a stored series. docs/data-sources.md says why.


_OF_SOURCE: dict[str, Licence] = {"bloomberg": "terminal", "yahoo": "restricted", "ishares": "restricted"}
"""What a source's own terms make of whatever comes from it."""


def licence_of_source(source: str) -> Licence:
    """Return what a source's own terms allow. own where it has none."""
    return _OF_SOURCE.get(source, "own")


def licence_of(catalogue: Catalogue, snapshot: Snapshot, series_id: str) -> Licence:
    """Return what may be done with a stored series: the strictest of its owner's and its sources' terms.

    public, attribution, restricted, terminal or own.
    """
    strict: tuple[Licence, ...] = ("own", "public", "attribution", "restricted", "terminal")
    owner = catalogue.series_of(series_id).licence
    sources = (licence_of_source(s) for s in snapshot.entry(series_id).sources)
    return max(owner, *sources, key=strict.index)
