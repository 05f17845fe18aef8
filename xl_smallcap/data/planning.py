"""Which source is asked for what, and which next where it fails: the catalogue's order, as far as it is allowed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from xl_smallcap.config import Settings
from xl_smallcap.data.catalogue import Catalogue, Series
from xl_smallcap.data.sources import REMOTE, Request
from xl_smallcap.data.sources.ishares import FUNDS
from xl_smallcap.errors import BadArgumentError, CatalogueError, unknown_word


@dataclass(frozen=True)
class Plan:
    """Requests in the order they are tried, a tuple an item, and what could not be planned."""

    steps: tuple[tuple[Request, ...], ...]
    notes: tuple[str, ...]


def parts(reference: str, where: str) -> tuple[str, str, str]:
    """Split ``yahoo:XLI#Adj Close`` into source, symbol and field.

    Parameters
    ----------
    reference : str
        As in the catalogue.
    where : str
        Named in the error.

    Returns
    -------
    source, symbol, field : str

    Raises
    ------
    CatalogueError
        Not of that form, or an unknown source.
    """
    source, colon, rest = reference.partition(":")
    symbol, _, field = rest.partition("#")
    if not colon or not symbol.strip():
        raise CatalogueError(f"{where}: '{reference}' must be source:symbol, such as fred:DGS2 or yahoo:XLI#Adj Close.")
    if source.strip().lower() not in REMOTE:
        raise CatalogueError(f"{where}: {unknown_word('source', source, REMOTE)}")
    return source.strip().lower(), symbol.strip(), field.strip()


def plan(
    catalogue: Catalogue, settings: Settings, only_sources: Collection[str] = (), only_series: Collection[str] = ()
) -> Plan:
    """Decide what is asked of whom.

    Parameters
    ----------
    catalogue : Catalogue
        Series and the order of their sources.
    settings : Settings
        Sources allowed.
    only_sources, only_series : collection of str
        Ask no others; empty asks all. A source named here is allowed whatever the settings say.

    Returns
    -------
    Plan

    Raises
    ------
    BadArgumentError
        An unknown source or series, or nothing is left to ask.
    CatalogueError
        A source in the catalogue is not of the form.
    """
    allowed = _allowed(settings, only_sources)
    ids = {name.lower(): name for name in catalogue.series}
    for word in only_series:
        if word.lower() not in ids and word.upper() not in FUNDS:
            raise BadArgumentError(unknown_word("series", word, catalogue.series))
    wanted = {ids[w.lower()] for w in only_series if w.lower() in ids}
    notes = [f"{why} It was not asked." for s in allowed if (why := REMOTE[s].unusable(settings))]
    usable = [s for s in allowed if not REMOTE[s].unusable(settings)]
    grouped: dict[tuple[str, str], list[tuple[str, Series]]] = {}
    alone: list[tuple[Request, ...]] = []
    for series in catalogue.series.values():
        if (wanted and series.id not in wanted) or (only_series and not wanted):
            continue
        options = []
        for reference in series.sources:
            source, symbol, field = parts(reference, f"[series.{series.id}] sources")
            if source in usable:
                options.append(Request(source, symbol, (field,), (series,)))
        if not options:
            continue
        if options[0].source == "cftc":
            grouped.setdefault(("cftc", options[0].symbol), []).append((options[0].fields[0], series))
        else:
            alone.append(tuple(options))
    for (source, symbol), members in grouped.items():
        alone.append((Request(source, symbol, tuple(f for f, _ in members), tuple(s for _, s in members)),))
    if "ishares" in usable:
        funds = [f for f in FUNDS if not only_series or f in {w.upper() for w in only_series}]
        alone += [(Request("ishares", fund, (), ()),) for fund in funds]
    if not alone:
        raise BadArgumentError(
            "There is nothing to ask: no series has a source among those allowed. " + " ".join(notes)
        )
    return Plan(tuple(alone), tuple(notes))


def _allowed(settings: Settings, only: Collection[str]) -> list[str]:
    chosen = [w.strip().lower() for w in only] or list(settings.allowed_sources)
    for word in chosen:
        if word not in REMOTE:
            raise BadArgumentError(unknown_word("source", word, REMOTE))
    return chosen
