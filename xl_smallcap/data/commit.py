"""From what a refresh brought to a snapshot and a report: a line a series, whatever failed kept as it was."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import HoldingsEntry, Provenance, Snapshot, label_of, read_series
from xl_smallcap.data.sources import Request
from xl_smallcap.data.store import Store
from xl_smallcap.errors import StoreError

Outcome = Literal["new", "updated", "unchanged", "kept", "failed"]


@dataclass(frozen=True)
class SeriesOutcome:
    """What a refresh did to one series: outcome, days added, values revised, last day, and why it failed if it did."""

    series: str
    source: str
    outcome: Outcome
    added: int = 0
    revised: int = 0
    last: str = ""
    told: str = ""


@dataclass(frozen=True)
class RefreshReport:
    """The snapshot now CURRENT (None where nothing could be had), whether it is another one, and a line a series."""

    snapshot: Snapshot | None
    changed: bool
    outcomes: tuple[SeriesOutcome, ...]
    notes: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every series asked for was had."""
        return bool(self.outcomes) and all(o.outcome not in ("kept", "failed") for o in self.outcomes)

    @property
    def nothing(self) -> bool:
        """Whether no series could be had."""
        return all(o.outcome in ("kept", "failed") for o in self.outcomes)


@dataclass
class Work:
    """What has been had so far: series and holdings joined and written, with where they came from."""

    series: dict[str, tuple[str, Provenance, int, int]] = field(default_factory=dict)
    holdings: dict[str, HoldingsEntry] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)


def commit(
    store: Store,
    base: Snapshot | None,
    work: Work,
    steps: tuple[tuple[Request, ...], ...],
    notes: tuple[str, ...],
    now: np.datetime64,
) -> RefreshReport:
    """Make the snapshot of what is there and what came, and CURRENT with it where the content changed.

    Parameters
    ----------
    store : Store
        Where it goes.
    base : Snapshot or None
        What is there.
    work : Work
        What came.
    steps : tuple of tuple of Request
        What was asked for.
    notes : tuple of str
        Handed on to the report.
    now : numpy.datetime64
        The moment of the refresh.

    Returns
    -------
    RefreshReport

    Raises
    ------
    StoreError
        Other data became CURRENT meanwhile, or the disk is full.
    """
    if store.current() != (base.fingerprint if base else store.current()):
        raise StoreError("Other data were loaded while this refresh ran; what came is kept, run it again.")
    series: dict[str, SeriesData] = {}
    provenance: dict[str, Provenance] = {}
    if base is not None:
        series = {n: base.series(n) for n in base.ids}
        provenance = {n: base.entries[n].provenance for n in base.ids}
    outcomes = []
    for options in steps:
        told = " ".join(work.problems.get(options[0].label, []))
        for one in options[0].series:
            outcomes.append(_outcome(store, base, work, one.id, told, series, provenance, options[0].source))
        if not options[0].series:
            outcomes.append(_holdings_outcome(base, work, options[0], told))
    holdings = _holdings(base, work)
    if not series and not holdings:
        return RefreshReport(None, False, tuple(outcomes), notes)
    label = label_of([p.source for p in provenance.values()] or [h.source for h in holdings])
    made = store.add(
        series, source=label, provenance=provenance, loaded_at=_now_text(), holdings=holdings,
        parent=base.fingerprint if base else "",
    )  # fmt: skip
    changed = base is None or made.fingerprint != base.fingerprint
    if changed:
        store.use(made.fingerprint)
    return RefreshReport(made, changed, tuple(outcomes), notes)


def _now_text() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def _outcome(
    store: Store,
    base: Snapshot | None,
    work: Work,
    name: str,
    told: str,
    series: dict[str, SeriesData],
    provenance: dict[str, Provenance],
    source: str,
) -> SeriesOutcome:
    if name in work.series:
        digest, where, added, revised = work.series[name]
        fresh = base is None or name not in base.entries
        same = not fresh and base is not None and base.entries[name].object == digest
        series[name], provenance[name] = read_series(store.root, digest, name), where
        how: Outcome = "new" if fresh else "unchanged" if same else "updated"
        return SeriesOutcome(name, where.source, how, added, revised, str(series[name].dates[-1]), told)
    if base is not None and name in base.entries:
        entry = base.entries[name]
        provenance[name] = replace(entry.provenance, problem=told)
        since = f"last fetched {entry.fetched_at}" if entry.fetched_at else "of unknown age"
        return SeriesOutcome(
            name, entry.source, "kept", last=entry.last, told=f"{told} Kept: to {entry.last}, {since}.".strip()
        )
    return SeriesOutcome(name, source, "failed", told=told)


def _holdings_outcome(base: Snapshot | None, work: Work, request: Request, told: str) -> SeriesOutcome:
    had = [h for h in (base.holdings_entries if base else ()) if h.fund == request.symbol]
    name = f"holdings {request.symbol}"
    found = work.holdings.get(request.label)
    if found is not None:
        how: Outcome = "unchanged" if any(h.object == found.object for h in had) else "updated" if had else "new"
        return SeriesOutcome(name, request.source, how, added=found.rows, last=found.as_of)
    if had:
        kept = max(had, key=lambda h: h.as_of)
        return SeriesOutcome(name, kept.source, "kept", last=kept.as_of, told=f"{told} Kept: of {kept.as_of}.".strip())
    return SeriesOutcome(name, request.source, "failed", told=told)


def _holdings(base: Snapshot | None, work: Work) -> list[HoldingsEntry]:
    """Every day's holdings are kept; a day that came again replaces itself."""
    found = {(h.fund, h.as_of): h for h in (base.holdings_entries if base else ())}
    found |= {(h.fund, h.as_of): h for h in work.holdings.values()}
    return list(found.values())
