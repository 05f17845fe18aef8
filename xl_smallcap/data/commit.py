"""From what a refresh brought to a snapshot and a report: a line a series, whatever failed kept as it was."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields, replace
from typing import Literal

import numpy as np

from xl_smallcap.data.manifest import Entry, HoldingsEntry, Provenance, label_of
from xl_smallcap.data.snapshot import Snapshot, read_series
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
    unreachable: tuple[str, ...] = ()
    """The publishers that could not be reached, where nothing else went wrong."""


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
    """What has been had so far: series and holdings joined and written, with where they came from; small doubts."""

    series: dict[str, tuple[str, Provenance, int, int]] = field(default_factory=dict)
    holdings: dict[str, HoldingsEntry] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)
    unreachable: dict[str, list[str]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


def commit(
    store: Store,
    base: Snapshot | None,
    current: str | None,
    work: Work,
    steps: tuple[tuple[Request, ...], ...],
    notes: tuple[str, ...],
) -> RefreshReport:
    """Make the snapshot of what is there and what came, and CURRENT with it where the content changed."""
    if store.current() != current:
        raise StoreError(
            "Other data were loaded while this refresh ran, and stay in use; refresh again to add to them."
        )
    made_of: dict[str, Entry] = dict(base.entries) if base is not None else {}
    outcomes: list[SeriesOutcome] = []
    for options in steps:
        told = " ".join(work.problems.get(options[0].label, []))
        away = work.unreachable.get(options[0].label, [])
        only = tuple(dict.fromkeys(away)) if len(away) == len(work.problems.get(options[0].label, [])) else ()
        found = [_outcome(store, base, work, one.id, told, made_of, options[0].source) for one in options[0].series]
        found = found or [_holdings_outcome(base, work, options[0], told)]
        outcomes += [replace(o, unreachable=only if o.told else ()) for o in found]
    holdings = _holdings(base, work)
    if not made_of and not holdings:
        return RefreshReport(None, False, tuple(outcomes), notes)
    made = store.add(
        {}, source=label_of([s for e in made_of.values() for s in e.sources] or [h.source for h in holdings]),
        loaded_at=_now_text(), holdings=holdings, parent=base.fingerprint if base else "", kept=made_of,
        note=_note(outcomes), prices=base.prices_entry if base else None,
    )  # fmt: skip
    changed = made.fingerprint != current
    if changed and any(o.outcome not in ("kept", "failed") for o in outcomes):
        store.use(made.fingerprint)
    else:
        changed = False
    return RefreshReport(made, changed, tuple(outcomes), notes)


def _note(outcomes: list[SeriesOutcome]) -> str:
    new, updated = ([o for o in outcomes if o.outcome == how] for how in ("new", "updated"))
    revised = [o for o in updated if o.revised]
    parts = [f"{len(new)} new"] if new else []
    if updated:
        parts.append(f"{len(updated)} extended" if not revised else f"{len(updated)} updated")
    if revised:
        parts.append(f"revised: {', '.join(o.series for o in revised[:3])}{' ...' if len(revised) > 3 else ''}")
    return f"refresh: {', '.join(parts) or 'nothing new'}"


def _now_text() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def _outcome(
    store: Store, base: Snapshot | None, work: Work, name: str, told: str, made_of: dict[str, Entry], source: str
) -> SeriesOutcome:
    """What became of one series; its entry is put among those the snapshot is made of."""
    before = base.entries.get(name) if base is not None else None
    if name in work.series:
        digest, where, added, revised = work.series[name]
        data = read_series(store.root, digest, f"Series '{name}'")
        made_of[name] = Entry(
            object=digest,
            first=str(data.dates[0]),
            last=str(data.dates[-1]),
            nobs=int(np.unique(data.dates).size),
            **{f.name: getattr(where, f.name) for f in fields(where)},
        )
        how: Outcome = "new" if before is None else "unchanged" if before.object == digest else "updated"
        return SeriesOutcome(name, where.source, how, added, revised, made_of[name].last, told)
    if before is not None:
        made_of[name] = replace(before, problem=told)
        since = f"last fetched {before.fetched_at}" if before.fetched_at else "of unknown age"
        return SeriesOutcome(
            name, before.source, "kept", last=before.last, told=f"{told} Kept: to {before.last}, {since}.".strip()
        )
    return SeriesOutcome(name, source, "failed", told=told)


def _holdings_outcome(base: Snapshot | None, work: Work, request: Request, told: str) -> SeriesOutcome:
    had = [h for h in (base.holdings_entries if base else ()) if h.fund == request.symbol]
    name = f"holdings {request.symbol}"
    found = work.holdings.get(request.label)
    if found is not None:
        how: Outcome = "unchanged" if any(h.object == found.object for h in had) else "updated" if had else "new"
        added = 0 if how == "unchanged" else found.rows
        return SeriesOutcome(name, request.source, how, added=added, last=found.as_of)
    if had:
        kept = max(had, key=lambda h: h.as_of)
        return SeriesOutcome(name, kept.source, "kept", last=kept.as_of, told=f"{told} Kept: of {kept.as_of}.".strip())
    return SeriesOutcome(name, request.source, "failed", told=told)


def _holdings(base: Snapshot | None, work: Work) -> list[HoldingsEntry]:
    """Every day's holdings are kept, as they first came: what was known of a day does not change later."""
    found = {(h.fund, h.as_of): h for h in work.holdings.values()}
    found |= {(h.fund, h.as_of): h for h in (base.holdings_entries if base else ())}
    return list(found.values())
