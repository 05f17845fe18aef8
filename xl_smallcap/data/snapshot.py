"""An immutable set of series and holdings with where each came from; reads a file when first asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from xl_smallcap.data import columnar
from xl_smallcap.data.holdings import Holdings
from xl_smallcap.data.series import SeriesData
from xl_smallcap.errors import NoDataError, StoreError

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


def label_of(sources: Mapping[str, str] | list[str]) -> str:
    """Return the names of the sources of a snapshot, sorted and joined.

    Parameters
    ----------
    sources : list of str, or mapping with them as values
        One a series.

    Returns
    -------
    str
        ``"fred+yahoo"``.
    """
    names = sources.values() if isinstance(sources, Mapping) else sources
    return "+".join(sorted(set(names)))


def series_path(root: Path, digest: str) -> Path:
    """Return the file of a series in a store.

    Parameters
    ----------
    root : pathlib.Path
        Of the store.
    digest : str
        Of the series.

    Returns
    -------
    pathlib.Path
    """
    return root / "objects" / digest[:2] / f"{digest}.col"


def holdings_path(root: Path, digest: str) -> Path:
    """Return the file of holdings in a store.

    Parameters
    ----------
    root : pathlib.Path
        Of the store.
    digest : str
        Of the holdings.

    Returns
    -------
    pathlib.Path
    """
    return root / "objects" / digest[:2] / f"{digest}.own"


def read_series(root: Path, digest: str, what: str) -> SeriesData:
    """Read one series of a store and check it against its content hash.

    Parameters
    ----------
    root : pathlib.Path
        Of the store.
    digest : str
        Of the series.
    what : str
        Named in the error.

    Returns
    -------
    SeriesData

    Raises
    ------
    StoreError
        Its file is missing or damaged.
    """
    try:
        raw = series_path(root, digest).read_bytes()
    except OSError as exc:
        raise StoreError(f"{what} could not be read ({exc.strerror}); load the data again to repair it.") from exc
    columns, _ = columnar.decode(raw, what)
    data = SeriesData(
        columns["dates"].view("datetime64[D]"),
        columns["values"],
        columns["available_at"].view("datetime64[m]"),
    )
    if data.digest() != digest:
        raise StoreError(f"{what} does not match its fingerprint; load the data again to repair it.")
    return data


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
    _read: dict[str, SeriesData] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the stored series, sorted."""
        return tuple(sorted(self.entries))

    @property
    def frequencies(self) -> dict[str, str]:
        """Frequency of each stored series, as seen in its dates."""
        return {name: self.entries[name].frequency for name in self.ids}

    @property
    def name(self) -> str:
        """Source and fingerprint; says SAMPLE (synthetic) where that is so."""
        return f"{SYNTHETIC_MARK if self.synthetic else self.source} {self.fingerprint}"

    def series(self, series_id: str) -> SeriesData:
        """Read one series and check it against its content hash.

        Parameters
        ----------
        series_id : str
            As stored.

        Returns
        -------
        SeriesData

        Raises
        ------
        NoDataError
            The snapshot has no such series.
        StoreError
            Its file is missing or damaged.
        """
        done = self._read.get(series_id)
        if done is not None:
            return done
        entry = self.entries.get(series_id)
        if entry is None:
            raise NoDataError(f"The snapshot {self.name} has no series '{series_id}'.")
        data = read_series(self.root, entry.object, f"Series '{series_id}' of snapshot {self.fingerprint}")
        self._read[series_id] = data
        return data

    def holdings(self, fund: str, as_of: np.datetime64 | None = None) -> Holdings:
        """Read a fund's latest holdings known by a day; a day's holdings are published the day after.

        Parameters
        ----------
        fund : str
            Its ticker, any case.
        as_of : numpy.datetime64 or None
            The day; None takes the latest, undated ones where there are no others.

        Returns
        -------
        Holdings

        Raises
        ------
        NoDataError
            None were known by then.
        StoreError
            The file is missing or damaged.
        """
        of_fund = [h for h in self.holdings_entries if h.fund.upper() == fund.strip().upper()]
        dated = sorted((h for h in of_fund if h.as_of != "undated"), key=lambda h: h.as_of)
        known = [h for h in dated if as_of is None or np.datetime64(h.as_of, "D") < as_of]
        chosen = known[-1] if known else next((h for h in of_fund if as_of is None and h.as_of == "undated"), None)
        if chosen is None:
            have = ", ".join(h.as_of for h in of_fund) or "none"
            raise NoDataError(f"No holdings of '{fund}' were known by {as_of or 'now'}; the snapshot has: {have}.")
        what = f"Holdings of {chosen.fund} ({chosen.as_of}) in snapshot {self.fingerprint}"
        try:
            raw = holdings_path(self.root, chosen.object).read_bytes()
        except OSError as exc:
            raise StoreError(f"{what} could not be read ({exc.strerror}); load the data again to repair it.") from exc
        found = Holdings.decode(raw, what)
        if found.digest() != chosen.object:
            raise StoreError(f"{what} do not match their fingerprint; load the data again to repair it.")
        return found
