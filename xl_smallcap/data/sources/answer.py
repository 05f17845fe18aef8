"""What every source returns, and what a source that is fetched from is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from xl_smallcap.config import Settings
from xl_smallcap.data.catalogue import Series
from xl_smallcap.data.cross_section import CrossSection, Holdings
from xl_smallcap.data.series import SeriesData

if TYPE_CHECKING:
    from xl_smallcap.data.sources.http import Client


@dataclass(frozen=True)
class Loaded:
    """Series read from one source, with where each came from and what was left out."""

    series: dict[str, SeriesData]
    origins: dict[str, str]
    synthetic: bool = False
    skipped: dict[str, str] = field(default_factory=dict)
    holdings: list[tuple[Holdings, str]] = field(default_factory=list)
    prices: CrossSection | None = None
    prices_origin: str = ""
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fetched:
    """What one answer of a source held: series by field ("" where the symbol has only one), or holdings."""

    series: dict[str, SeriesData] = field(default_factory=dict)
    holdings: Holdings | None = None


@dataclass(frozen=True)
class Request:
    """What is asked of a source: one symbol, the fields wanted of it and the series they become."""

    source: str
    symbol: str
    fields: tuple[str, ...]
    series: tuple[Series, ...]

    @property
    def label(self) -> str:
        """How a progress bar and a report name it."""
        return self.series[0].id if len(self.series) == 1 else f"{self.source}:{self.symbol}"


@dataclass(frozen=True)
class Context:
    """What a source needs to answer: settings, the way to the network, the moment (New York)."""

    settings: Settings
    client: Client
    now: np.datetime64


def needs_nothing(settings: Settings) -> str:
    """Say why a source without key, program or account cannot be asked: never. Empty."""
    return ""


class Remote(Protocol):
    """A module that fetches: only `fetch` touches the network, `parse` is a function of what it brought."""

    def unusable(self, settings: Settings) -> str:
        """Why this source cannot be asked here; empty where it can."""

    def fetch(self, request: Request, context: Context) -> Any:
        """Bring what the source says about one symbol."""

    def parse(self, raw: Any, request: Request) -> Fetched:
        """Read what was brought."""


Progress = Callable[[str, int, int], None]
