"""Which source is asked for what, and which next where it fails: the catalogue's order, as far as it is allowed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from xl_smallcap.config import Settings
from xl_smallcap.data.catalogue import Catalogue, Series
from xl_smallcap.data.sources import REMOTE, Request
from xl_smallcap.data.sources.cftc import COLUMNS, CONTRACTS, PRESENT
from xl_smallcap.data.sources.ishares import FUNDS
from xl_smallcap.errors import BadArgumentError, CatalogueError, unknown_word


@dataclass(frozen=True)
class Plan:
    """Requests in the order they are tried, a tuple an item, and what could not be planned."""

    steps: tuple[tuple[Request, ...], ...]
    notes: tuple[str, ...]


def parts(reference: str, where: str) -> tuple[str, str, str]:
    """Split ``yahoo:XLI#Adj Close`` into source, symbol and field."""
    source, colon, rest = reference.partition(":")
    symbol, _, field = rest.partition("#")
    if not colon or not symbol.strip():
        raise CatalogueError(f"{where}: '{reference}' must be source:symbol, such as fred:DGS2 or yahoo:XLI#Adj Close.")
    if source.strip().lower() not in REMOTE:
        raise CatalogueError(f"{where}: {unknown_word('source', source, REMOTE)}")
    return source.strip().lower(), symbol.strip(), field.strip()


def named(catalogue: Catalogue, words: Collection[str]) -> frozenset[str]:
    """Return the series some words mean, any case."""
    ids = {name.lower(): name for name in catalogue.series}
    for word in words:
        if word.strip().lower() not in ids:
            raise BadArgumentError(unknown_word("series", word, catalogue.series))
    return frozenset(ids[w.strip().lower()] for w in words)


def plan(
    catalogue: Catalogue, settings: Settings, only_sources: Collection[str] = (), only_series: Collection[str] = ()
) -> Plan:
    """Decide what is asked of whom."""
    allowed = _allowed(settings, only_sources)
    ids = {name.lower() for name in catalogue.series}
    # IWM is a price and a fund: both are meant
    wanted = named(catalogue, [w for w in only_series if w.strip().lower() in ids or w.strip().upper() not in FUNDS])
    notes = [f"{why} It was not asked." for s in allowed if (why := REMOTE[s].unusable(settings))]
    usable = [s for s in allowed if not REMOTE[s].unusable(settings)]
    grouped: dict[tuple[str, str], list[tuple[str, Series]]] = {}
    alone: list[tuple[Request, ...]] = []
    for series in catalogue.series.values():
        if (wanted and series.id not in wanted) or (only_series and not wanted):
            continue
        options = []
        for reference in series.sources:
            where = f"[series.{series.id}] sources"
            source, symbol, field = parts(reference, where)
            _known(source, symbol, field, where)
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
        raise BadArgumentError(_nothing(catalogue, wanted, usable, notes))
    return Plan(tuple(alone), tuple(notes))


def _allowed(settings: Settings, only: Collection[str]) -> list[str]:
    chosen = [w.strip().lower() for w in only] or list(settings.allowed_sources)
    for word in chosen:
        if word not in REMOTE:
            raise BadArgumentError(unknown_word("source", word, REMOTE))
    return chosen


def _known(source: str, symbol: str, field: str, where: str) -> None:
    if source == "ishares":
        raise CatalogueError(f"{where}: iShares gives holdings, not series.")
    if source == "fred" and field:
        raise CatalogueError(f"{where}: FRED's series have no fields; got '{field}'.")
    if source == "cftc":
        if symbol not in CONTRACTS:
            raise CatalogueError(f"{where}: {unknown_word('contract', symbol, CONTRACTS)}")
        fields = (*COLUMNS, *([PRESENT] if len(CONTRACTS[symbol]) > 1 else []))
        if field not in fields:
            raise CatalogueError(f"{where}: {unknown_word('field', field, fields)}")


def _nothing(catalogue: Catalogue, wanted: Collection[str], usable: list[str], notes: list[str]) -> str:
    said = []
    for name in sorted(wanted):
        sources = [parts(r, name)[0] for r in catalogue.series[name].sources]
        said.append(
            f"{name} comes from {' or '.join(sources)}" if sources else f"{name} has no source but your own data"
        )
    allowed = ", ".join(usable) or "none"
    return " ".join([f"There is nothing to ask. {'; '.join(said) or 'No series'}; asked may be: {allowed}.", *notes])
