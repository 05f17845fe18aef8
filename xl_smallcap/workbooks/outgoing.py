"""What may leave the house: the series behind a pitch sheet, whose they are, and what their terms allow."""

from __future__ import annotations

from xl_smallcap.analyses.positioning import GAUGES
from xl_smallcap.analyses.regimes.inputs import GROWTH, INFLATION
from xl_smallcap.data.snapshot import licence_of, licence_of_source
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.session import Session

SHOWN_LEVELS = ("T5YIE", "DGS2")
"""Series of which the page shows a level; of all others it shows what is derived from them."""
_CONSTITUENTS = "constituents' prices"


def series_behind(session: Session) -> tuple[str, ...]:
    """Return the stored series that any cell of a pitch sheet is made of, sorted.

    The default specification with every alternative construction and stand-in, the indices, the regimes' two series,
    futures positions and gauges.
    """
    catalogue, snapshot = session.catalogue, session.snapshot
    wanted = {"RUT", "GSPC", GROWTH, INFLATION, *GAUGES}
    factors = list(catalogue.spec(catalogue.default_spec).factors)
    for name in [*factors, *(other for f in factors for other in catalogue.factors[f].alternatives)]:
        wanted |= {series for series, _ in catalogue.factors[name].legs}
    wanted |= {other for series in list(wanted) for other in catalogue.series_of(series).fallback}
    wanted |= {series for series in snapshot.ids if series.startswith("TFF_RUT_")}
    return tuple(sorted(wanted & set(snapshot.ids)))


def publishers_behind(session: Session) -> str:
    """Return the publishers of all series behind a pitch sheet, for its footer. Names joined by semicolons."""
    named = {session.catalogue.series_of(s).publisher for s in series_behind(session)}
    return "; ".join(sorted(named))


def check_licences(session: Session, *, projecting: bool) -> tuple[str, ...]:
    """Refuse what may not leave the house, and say what needs somebody's leave.

    Sentences for the person who makes the page.
    """
    catalogue, snapshot = session.catalogue, session.snapshot
    licences: dict[str, str] = {s: licence_of(catalogue, snapshot, s) for s in series_behind(session)}
    if snapshot.prices_entry is not None:
        sources = {licence_of_source(part.source) for part in snapshot.prices_entry.parts}
        for strict in ("terminal", "restricted"):
            if strict in sources:
                licences[_CONSTITUENTS] = strict
                break
    terminal = [s for s, licence in licences.items() if licence == "terminal"]
    if terminal:
        raise BadArgumentError(
            f"{', '.join(terminal)} came from a Terminal, whose terms keep what is made of it in the house. "
            "Refresh them from another source, or use --audience internal."
        )
    shown = [s for s in SHOWN_LEVELS if licences.get(s) == "restricted"]
    if shown and projecting:
        raise BadArgumentError(
            f"The page would show levels of {', '.join(shown)}, whose licence is restricted; drop --projections."
        )
    restricted = [s for s, licence in licences.items() if licence == "restricted"]
    if not restricted:
        return ()
    return (
        f"Derived from restricted series ({', '.join(restricted)}): no value of theirs is on the page, but ask "
        "their owners before it leaves the house.",
    )
