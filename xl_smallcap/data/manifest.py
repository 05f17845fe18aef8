"""What a manifest says of series, holdings and constituents' prices, and where their files are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    def read(cls, told: Mapping[str, Any]) -> PricesEntry:
        """Rebuild an entry from a manifest."""
        parts = tuple(PricesPart(**{**p, "tickers": tuple(p["tickers"])}) for p in told["parts"])
        return cls(tuple(told["objects"]), told["first"], told["last"], parts)


def label_of(sources: Mapping[str, str] | list[str]) -> str:
    """Return the names of the sources of a snapshot, sorted and joined. ``"fred+yahoo"``."""
    names = sources.values() if isinstance(sources, Mapping) else sources
    return "+".join(sorted(set(names)))


def series_path(root: Path, digest: str) -> Path:
    """Return the file of a series in a store."""
    return root / "objects" / digest[:2] / f"{digest}.col"


def holdings_path(root: Path, digest: str) -> Path:
    """Return the file of holdings in a store."""
    return root / "objects" / digest[:2] / f"{digest}.own"


def prices_path(root: Path, digest: str) -> Path:
    """Return the file of a year of constituents' prices in a store."""
    return root / "objects" / digest[:2] / f"{digest}.sec"
