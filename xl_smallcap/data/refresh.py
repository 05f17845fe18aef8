"""A refresh: ask the sources, check what comes, join it to what is there, and only then make a snapshot CURRENT.

Requests run side by side. What one brought is written to the store and noted in ``pending.json`` at once, so that a
refresh that was stopped or killed goes on where it was. Whatever fails keeps the last good series. The snapshot changes
only if the content does.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from typing import Any

import numpy as np

from xl_smallcap.config import Settings
from xl_smallcap.data import locks
from xl_smallcap.data.catalogue import Catalogue, Series
from xl_smallcap.data.clock import new_york_now
from xl_smallcap.data.commit import RefreshReport, Work, commit
from xl_smallcap.data.doubts import gravest, of_series
from xl_smallcap.data.manifest import HoldingsEntry, Provenance, holdings_path
from xl_smallcap.data.planning import named, plan
from xl_smallcap.data.revisions import join
from xl_smallcap.data.series import SeriesData, frequency_of
from xl_smallcap.data.snapshot import Snapshot, read_series
from xl_smallcap.data.sources import REMOTE, Context, Request
from xl_smallcap.data.store import Store
from xl_smallcap.data.validation import check
from xl_smallcap.data.writing import write_atomic
from xl_smallcap.errors import NoDataError, SourceError, StoreError, UnreachableError, XlSmallcapError

log = logging.getLogger("xl_smallcap")
_NAT = np.datetime64("NaT", "m")
Tell = Callable[[str, str, int, int], None]
"""Told of a series, what happens to it, how many requests are done and how many there are."""
_RESUMABLE_MINUTES = 360
_POLL_SECONDS = 0.2


@contextlib.contextmanager
def locked(store: Store) -> Iterator[None]:
    """Hold the store against a second refresh or a prune; a process that dies lets go."""
    busy = "Another refresh of this store is under way; wait for it to end."
    with locks.held(store.root / "refresh.lock", 0.0, busy):
        yield


def refresh(
    store: Store,
    catalogue: Catalogue,
    settings: Settings,
    tell: Tell,
    *,
    only_sources: Collection[str] = (),
    only_series: Collection[str] = (),
    accept: Collection[str] = (),
    now: np.datetime64 | None = None,
) -> RefreshReport:
    """Ask the sources for every series of the catalogue and make what came the CURRENT snapshot."""
    planned = plan(catalogue, settings, only_sources, only_series)
    taken = named(catalogue, accept)
    with locked(store):
        moment = new_york_now() if now is None else now
        current = store.current()
        base = _base(store)
        # who names a source or a series wants it asked now
        work = Work() if only_sources or only_series else _resume(store, base, moment)
        _ask(store, planned.steps, base, work, Context(settings, _client(settings), moment), tell, taken)
        with locks.changing(store.root):
            report = commit(store, base, current, work, planned.steps, (*planned.notes, *work.doubts))
        with contextlib.suppress(OSError):
            _pending(store).unlink(missing_ok=True)
        return report


def _masked(sentence: str, settings: Settings) -> str:
    """A sentence without the user's keys, whoever wrote it."""
    for secret in settings.secrets:
        sentence = sentence.replace(secret, "***")
    return sentence


def _client(settings: Settings) -> Any:
    from xl_smallcap.data.sources._http import Client

    return Client(settings)


def _base(store: Store) -> Snapshot | None:
    """What the new snapshot grows from: CURRENT, or where that is the synthetic sample, the newest that is not."""
    current = store.current()
    if current is None:
        return None
    opened = store.open(current)
    if not opened.synthetic:
        return opened
    real = []
    for fingerprint in store.snapshots():
        with contextlib.suppress(StoreError):
            other = store.open(fingerprint)
            if not other.synthetic:
                real.append((other.loaded_at, fingerprint, other))
    return max(real)[2] if real else None


def _pending(store: Store) -> Any:
    return store.root / "pending.json"


def _resume(store: Store, base: Snapshot | None, now: np.datetime64) -> Work:
    """Read what a stopped refresh had, if it is fresh and grew from the same snapshot."""
    work = Work()
    try:
        noted = json.loads(_pending(store).read_text(encoding="utf-8"))
        age = (now - np.datetime64(noted["started"], "m")).astype(int)
        if noted["base"] != (base.fingerprint if base else "") or not 0 <= age <= _RESUMABLE_MINUTES:
            return work
        for name, (digest, provenance, added, revised) in noted["series"].items():
            read_series(store.root, digest, name)
            provenance["also"] = tuple(provenance["also"])
            work.series[name] = (digest, Provenance(**provenance), int(added), int(revised))
        for label, entry in noted["holdings"].items():
            held = HoldingsEntry(**entry)
            if holdings_path(store.root, held.object).is_file():
                work.holdings[label] = held
    except (OSError, ValueError, KeyError, TypeError, XlSmallcapError):
        return Work()
    return work


def _note(store: Store, base: Snapshot | None, work: Work, now: np.datetime64) -> None:
    noted = {
        "base": base.fingerprint if base else "",
        "started": str(now),
        "series": {n: [d, asdict(p), a, r] for n, (d, p, a, r) in work.series.items()},
        "holdings": {n: asdict(h) for n, h in work.holdings.items()},
    }
    write_atomic(_pending(store), json.dumps(noted).encode(), durable=False, private=True)


def _ask(
    store: Store,
    steps: tuple[tuple[Request, ...], ...],
    base: Snapshot | None,
    work: Work,
    context: Context,
    tell: Tell,
    accept: frozenset[str],
) -> None:
    """Run all requests; what each brings is joined, written and noted before the next is looked at."""

    def ask(request: Request) -> Any:
        module = REMOTE[request.source]
        try:
            return module.parse(module.fetch(request, context), request)
        except XlSmallcapError:
            raise
        except Exception as exc:  # an answer nobody thought of must not end the refresh of all others
            log.exception("answer of %s about %s", request.source, request.symbol)
            raise SourceError(
                f"{request.source}, {request.symbol}: the answer could not be read ({type(exc).__name__})."
            ) from exc

    waiting = [list(s) for s in steps if not _had(s[0], work)]
    total, done = len(steps), len(steps) - len(waiting)
    running: dict[Future[Any], tuple[Request, list[Request]]] = {}
    pool = ThreadPoolExecutor(max_workers=context.settings.parallel_requests, thread_name_prefix="refresh")

    def start(options: list[Request]) -> None:
        request = options.pop(0)
        tell(request.label, f"asking {request.source}", done, total)
        running[pool.submit(ask, request)] = (request, options)

    try:
        for options in waiting:
            start(options)
        while running:
            finished, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                request, others = running.pop(future)
                try:
                    failure = _take(store, request, future.result(), base, work, context.now, accept)
                except (SourceError, NoDataError) as exc:
                    if isinstance(exc, StoreError):
                        raise
                    failure = _masked(str(exc), context.settings)  # a site may repeat what it was asked
                    if isinstance(exc, UnreachableError):
                        work.unreachable.setdefault(request.label, []).append(exc.publisher)
                if failure:
                    work.problems.setdefault(request.label, []).append(failure)
                    if others:
                        start(others)
                        continue
                done += 1
                if not failure:
                    _note(store, base, work, context.now)
                tell(request.label, "failed" if failure else "done", done, total)
    finally:
        context.client.stop()
        pool.shutdown(wait=False, cancel_futures=True)


def _had(request: Request, work: Work) -> bool:
    return request.label in work.holdings or (bool(request.series) and all(s.id in work.series for s in request.series))


def _take(
    store: Store,
    request: Request,
    fetched: Any,
    base: Snapshot | None,
    work: Work,
    now: np.datetime64,
    accept: frozenset[str],
) -> str:
    """Check, join and write what one request brought; the sentence behind what could not be taken, or nothing."""
    if fetched.holdings is not None:
        held = fetched.holdings
        entry = HoldingsEntry(
            store.put_holdings(held), held.fund, held.day, len(held.ticker), request.source, request.symbol, str(now)
        )
        if held.as_of > now.astype("datetime64[D]"):
            return f"{request.label}: the holdings are of {held.day}, after today."
        work.holdings[request.label] = entry
        return ""
    failures: list[str] = []
    trusted = accept & {s.id for s in request.series}
    done: dict[str, tuple[str, Provenance, int, int]] = {}
    for series, name in zip(request.series, request.fields, strict=True):
        try:
            if name not in fetched.series:
                raise SourceError(f"{request.label}: the answer lacks '{name}'.")
            done[series.id] = _joined(
                store, request, series, name, fetched.series[name], base, work, now, bool(trusted)
            )
        except SourceError as exc:
            failures.append(str(exc))
    if failures:
        # a report is taken whole or not at all: longs of one week beside shorts of another are no position
        more = f" ({len(failures) - 1} more series of it likewise.)" if len(failures) > 1 else ""
        return failures[0] + more
    work.series |= done
    return ""


def _joined(
    store: Store,
    request: Request,
    series: Series,
    name: str,
    data: SeriesData,
    base: Snapshot | None,
    work: Work,
    now: np.datetime64,
    trusted: bool,
) -> tuple[str, Provenance, int, int]:
    """Check one series, join it to what is there and write it."""
    entry = base.entries.get(series.id) if base is not None else None
    before = None
    if base is not None and entry is not None:
        with contextlib.suppress(StoreError):  # a damaged file is replaced by what comes
            before = base.series(series.id)
    sources = entry.sources if entry is not None and before is not None else ()
    same = bool(sources) and sources[0] == request.source
    other = any(s in REMOTE and s != request.source for s in sources)
    served = entry.served if entry is not None and same else 0
    check(series, data, None if trusted else before, now.astype("datetime64[D]"), other_source=other, served=served)
    # what a file did not have says nothing about when the source had it
    last_seen = np.datetime64(entry.fetched_at or "NaT", "m") if entry is not None and same else _NAT
    joined = join(series, before, data, now, last_seen, other_source=other)
    known = of_series(series, before) if before is not None else []
    doubts = [d for d in of_series(series, joined.data) if d not in known]
    grave = gravest(doubts, [series.id] if trusted else [])
    if grave:
        raise SourceError(f"{grave[0].sentence} If it is right: --accept {series.id}.")
    work.doubts += [f"Look at: {d.sentence}" for d in doubts]
    told = Provenance(
        source=request.source,
        origin=f"{request.symbol}#{name}" if name else request.symbol,
        frequency=frequency_of(joined.data),
        fetched_at=str(now),
        also=tuple(sorted(set(sources) - {request.source})),
        served=int(np.unique(data.dates).size),
    )
    return store.put(joined.data), told, joined.added, joined.revised
