"""A refresh: ask the sources, check what comes, join it to what is there, and only then make a snapshot CURRENT."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from xl_smallcap.config import Settings, own_text
from xl_smallcap.data.atomic import changing, held, write_atomic
from xl_smallcap.data.catalogue import Catalogue, Series
from xl_smallcap.data.cross_section import CrossSection, Holdings, plain_ticker, replaced
from xl_smallcap.data.doubts import gravest, of_series
from xl_smallcap.data.events import later_days
from xl_smallcap.data.planning import named, plan
from xl_smallcap.data.releases import new_york_now
from xl_smallcap.data.revisions import check, join
from xl_smallcap.data.series import SeriesData, frequency_of
from xl_smallcap.data.snapshot import (
    Entry,
    HoldingsEntry,
    PricesPart,
    Provenance,
    Snapshot,
    label_of,
    object_path,
    read_object,
)
from xl_smallcap.data.sources import REMOTE, Context, Fetched, Request, fred, yahoo
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, NoDataError, SourceError, StoreError, UnreachableError, XlSmallcapError

log = logging.getLogger("xl_smallcap")
_NAT = np.datetime64("NaT", "m")
Tell = Callable[[str, str, int, int], None]
"""Told of a series, what happens to it, how many requests are done and how many there are."""
_RESUMABLE_MINUTES = 360
_CLOSED_MINUTES = 16 * 60 + 15
_POLL_SECONDS = 0.2
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
    """What has been had so far, written to the store and noted in a file at once; what failed; small doubts."""

    notes: Path
    base: str
    started: np.datetime64
    series: dict[str, tuple[str, Provenance, int, int]] = field(default_factory=dict)
    holdings: dict[str, HoldingsEntry] = field(default_factory=dict)
    prices: dict[str, str] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)
    unreachable: dict[str, list[str]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    @classmethod
    def resumed(cls, notes: Path, store: Store, base: Snapshot | None, now: np.datetime64) -> Work:
        """Read what a stopped refresh had, if it is fresh, of the same day's closes and grew from the same snapshot."""
        work = cls(notes, base.fingerprint if base else "", now)
        try:
            noted = json.loads(notes.read_text(encoding="utf-8"))
            started = np.datetime64(noted["started"], "m")
            fresh = 0 <= (now - started).astype(int) <= _RESUMABLE_MINUTES and _closed(now) == _closed(started)
            if noted["base"] != work.base or not fresh:
                return work
            done = cls(notes, work.base, now)
            for name, (digest, provenance, added, revised) in noted["series"].items():
                read_object(store.root, SeriesData, digest, name)
                provenance["also"] = tuple(provenance["also"])
                done.series[name] = (digest, Provenance(**provenance), int(added), int(revised))
            for label, entry in noted["holdings"].items():
                held = HoldingsEntry(**entry)
                if object_path(store.root, Holdings, held.object).is_file():
                    done.holdings[label] = held
            for ticker, digest in noted["prices"].items():
                read_object(store.root, SeriesData, digest, ticker)
                done.prices[ticker] = digest
        except (OSError, ValueError, KeyError, TypeError, AttributeError, XlSmallcapError):
            return work
        return done

    def had(self, request: Request) -> bool:
        """Tell whether a request need not be asked again."""
        if request.series:
            return all(s.id in self.series for s in request.series)
        return request.label in self.holdings or request.symbol in self.prices

    def note(self) -> None:
        """Write down what has been had."""
        noted = {
            "base": self.base,
            "started": str(self.started),
            "series": {n: [d, asdict(p), a, r] for n, (d, p, a, r) in self.series.items()},
            "holdings": {n: asdict(h) for n, h in self.holdings.items()},
            "prices": self.prices,
        }
        write_atomic(self.notes, json.dumps(noted).encode(), durable=False, private=True)

    def done(self) -> None:
        """Take the notes away: what was had is in a snapshot."""
        with contextlib.suppress(OSError):
            self.notes.unlink(missing_ok=True)


def _closed(moment: np.datetime64) -> np.datetime64:
    """Return the last day whose closes a moment knows (New York)."""
    day: np.datetime64 = (moment - np.timedelta64(_CLOSED_MINUTES, "m")).astype("datetime64[D]")
    return day


def _refuse_if_moved(store: Store, current: str | None) -> None:
    if store.current() != current:
        raise StoreError(
            "Other data were loaded while this refresh ran, and stay in use; refresh again to add to them."
        )


def commit(
    store: Store,
    base: Snapshot | None,
    current: str | None,
    work: Work,
    steps: tuple[tuple[Request, ...], ...],
    notes: tuple[str, ...],
) -> RefreshReport:
    """Make the snapshot of what is there and what came, and CURRENT with it where the content changed."""
    _refuse_if_moved(store, current)
    made_of: dict[str, Entry] = dict(base.entries) if base is not None else {}
    outcomes: list[SeriesOutcome] = []
    for options in steps:
        problem = " ".join(work.problems.get(options[0].label, []))
        away = work.unreachable.get(options[0].label, [])
        only = tuple(dict.fromkeys(away)) if len(away) == len(work.problems.get(options[0].label, [])) else ()
        results = [
            _outcome(store, base, work, one.id, problem, made_of, options[0].source) for one in options[0].series
        ]
        results = results or [_holdings_outcome(base, work, options[0], problem)]
        outcomes += [replace(o, unreachable=only if o.told else ()) for o in results]
    holdings = _holdings(base, work)
    if not made_of and not holdings:
        return RefreshReport(None, False, tuple(outcomes), notes)
    made = store.add(
        {}, source=label_of([s for e in made_of.values() for s in e.sources] or [h.source for h in holdings]),
        loaded_at=_now_text(), holdings=holdings, parent=base.fingerprint if base else "", kept=made_of,
        note=_note_of(outcomes), prices=base.prices_entry if base else None,
    )  # fmt: skip
    changed = made.fingerprint != current
    if changed and any(o.outcome not in ("kept", "failed") for o in outcomes):
        store.use(made.fingerprint)
    else:
        changed = False
    return RefreshReport(made, changed, tuple(outcomes), notes)


def _note_of(outcomes: list[SeriesOutcome]) -> str:
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
    store: Store, base: Snapshot | None, work: Work, name: str, problem: str, made_of: dict[str, Entry], source: str
) -> SeriesOutcome:
    """What became of one series; its entry is put among those the snapshot is made of."""
    before = base.entries.get(name) if base is not None else None
    if name in work.series:
        digest, where, added, revised = work.series[name]
        made_of[name] = Entry.of(digest, read_object(store.root, SeriesData, digest, f"Series '{name}'"), where)
        how: Outcome = "new" if before is None else "unchanged" if before.object == digest else "updated"
        return SeriesOutcome(name, where.source, how, added, revised, made_of[name].last, problem)
    if before is not None:
        made_of[name] = replace(before, problem=problem)
        since = f"last fetched {before.fetched_at}" if before.fetched_at else "of unknown age"
        return SeriesOutcome(
            name, before.source, "kept", last=before.last, told=f"{problem} Kept: to {before.last}, {since}.".strip()
        )
    return SeriesOutcome(name, source, "failed", told=problem)


def _holdings_outcome(base: Snapshot | None, work: Work, request: Request, problem: str) -> SeriesOutcome:
    had = [h for h in (base.holdings_entries if base else ()) if h.fund == request.symbol]
    name = f"holdings {request.symbol}"
    entry = work.holdings.get(request.label)
    if entry is not None:
        how: Outcome = "unchanged" if any(h.object == entry.object for h in had) else "updated" if had else "new"
        added = 0 if how == "unchanged" else entry.rows
        return SeriesOutcome(name, request.source, how, added=added, last=entry.as_of)
    if had:
        kept = max(had, key=lambda h: h.as_of)
        return SeriesOutcome(
            name, kept.source, "kept", last=kept.as_of, told=f"{problem} Kept: of {kept.as_of}.".strip()
        )
    return SeriesOutcome(name, request.source, "failed", told=problem)


def _holdings(base: Snapshot | None, work: Work) -> list[HoldingsEntry]:
    """Every day's holdings are kept, as they first came: what was known of a day does not change later."""
    entries = {(h.fund, h.as_of): h for h in work.holdings.values()}
    entries |= {(h.fund, h.as_of): h for h in (base.holdings_entries if base else ())}
    return list(entries.values())


@contextlib.contextmanager
def locked(store: Store) -> Iterator[None]:
    """Hold the store against a second refresh or a prune; a process that dies lets go."""
    busy = "Another refresh of this store is under way; wait for it to end."
    with held(store.root / "refresh.lock", 0.0, busy):
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
        work = Work.resumed(store.root / "pending.json", store, base, moment)
        if only_sources or only_series:  # who names a source or a series wants it asked now
            work = Work(work.notes, work.base, moment)

        def take(request: Request, answer: Fetched) -> str:
            return _take(store, request, answer, base, work, moment, taken)

        _ask(planned.steps, work, Context(settings, _client(settings), moment), take, tell)
        calendar: tuple[str, ...] = ()
        if settings.fred_api_key and "fred" in (only_sources or settings.allowed_sources) and not only_series:
            calendar = _extend_calendar(store, Context(settings, _client(settings), moment))
        with changing(store.root):
            report = commit(store, base, current, work, planned.steps, (*planned.notes, *work.doubts, *calendar))
        work.done()
        return report


def _extend_calendar(store: Store, context: Context) -> tuple[str, ...]:
    """Add the days of news to come to the calendar; what was told of it, as sentences."""
    path = store.release_days
    came: dict[str, list[dt.date]] = {}
    try:
        for kind in fred.RELEASES:
            came[kind] = later_days(kind, [dt.date.fromisoformat(d) for d in fred.release_days(kind, context)])
    except SourceError as exc:
        return (f"{_masked(str(exc), context.settings)} The calendar of news stays as it was.",)
    text = "date,kind\n" + "".join(f"{day},{kind}\n" for kind, days in came.items() for day in days)
    if own_text(path) == text or not any(came.values()):
        return ()
    write_atomic(path, text.encode(), private=True)
    reaches = ", ".join(f"{kind} to {days[-1]}" for kind, days in came.items() if days)
    return (f"The calendar of news has later days now: {reaches}.",)


def _masked(sentence: str, settings: Settings) -> str:
    """A sentence without the user's keys, whoever wrote it."""
    for secret in settings.secrets:
        sentence = sentence.replace(secret, "***")
    return sentence


def _client(settings: Settings) -> Any:
    from xl_smallcap.data.sources.http import Client

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


def _ask(
    steps: tuple[tuple[Request, ...], ...],
    work: Work,
    context: Context,
    take: Callable[[Request, Fetched], str],
    tell: Tell,
) -> None:
    """Run all requests side by side; what each brings is taken and noted before the next is looked at.

    `take` writes an answer, or returns the sentence that says why it cannot be taken.
    """

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

    waiting = [list(s) for s in steps if not work.had(s[0])]
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
                    failure = take(request, future.result())
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
                    work.note()
                tell(request.label, "failed" if failure else "done", done, total)
    finally:
        context.client.stop()
        pool.shutdown(wait=False, cancel_futures=True)


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
            store.put(held), held.fund, held.day, len(held.ticker), request.source, request.symbol, str(now)
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
    old_doubts = of_series(series, before) if before is not None else []
    doubts = [d for d in of_series(series, joined.data) if d not in old_doubts]
    grave = gravest(doubts, [series.id] if trusted else [])
    if grave:
        raise SourceError(f"{grave[0].sentence} If it is right: --accept {series.id}.")
    work.doubts += [f"Look at: {d.sentence}" for d in doubts]
    provenance = Provenance(
        source=request.source,
        origin=f"{request.symbol}#{name}" if name else request.symbol,
        frequency=frequency_of(joined.data),
        fetched_at=str(now),
        also=tuple(sorted(set(sources) - {request.source})),
        served=int(np.unique(data.dates).size),
    )
    return store.put(joined.data), provenance, joined.added, joined.revised


# -- The prices of an index's members, a request a ticker. A ticker that fails keeps the prices it had.


FIELD = "Adj Close"
_CLASSES = {"BRKB": "BRK-B", "BFA": "BF-A", "BFB": "BF-B", "MOGA": "MOG-A", "LENB": "LEN-B", "HEIA": "HEI-A",
            "CWENA": "CWEN-A", "GEFB": "GEF-B", "UHALB": "UHAL-B", "AKOA": "AKO-A"}  # fmt: skip
"""Share classes that iShares writes without the mark Yahoo has."""
_SHORTER = 0.9
"""A ticker's answer with less than this share of the days it had is not taken."""


@dataclass(frozen=True)
class ConstituentsReport:
    """The snapshot now CURRENT, how many tickers came, were there from a stopped run, and failed with what sentence."""

    snapshot: Snapshot
    came: int
    resumed: int
    failed: dict[str, str]


def tickers_of(snapshot: Snapshot, funds: tuple[str, ...]) -> list[str]:
    """Return the members by the newest holdings of some funds, as Yahoo writes them. Sorted."""
    members = set()
    for fund in funds:
        held = snapshot.holdings(fund)
        for ticker, kind in zip(held.ticker, held.asset_class, strict=True):
            if ticker not in ("", "-") and kind in ("", "Equity"):
                members.add(_CLASSES.get(plain_ticker(ticker), ticker.strip().upper().replace(".", "-")))
    return sorted(members)


def refresh_constituents(
    store: Store,
    settings: Settings,
    funds: tuple[str, ...],
    tell: Callable[[str, int, int], None],
    now: np.datetime64 | None = None,
) -> ConstituentsReport:
    """Fetch adjusted closes of every member and put them beside what the CURRENT snapshot has."""
    if "yahoo" not in settings.allowed_sources:
        raise BadArgumentError("Prices of constituents come from Yahoo, which the setting 'sources' does not allow.")
    lacking = yahoo.unusable(settings)
    if lacking:
        raise BadArgumentError(lacking)
    with locked(store):
        moment = new_york_now() if now is None else now
        base = store.open()
        if base.synthetic:
            raise BadArgumentError("The embedded sample is synthetic and never mixed with real data; refresh first.")
        steps = tuple((Request("yahoo", ticker, (FIELD,), ()),) for ticker in tickers_of(base, funds))
        before = base.prices() if base.prices_entry is not None else None
        work = Work.resumed(store.root / "pending-constituents.json", store, base, moment)
        had = len(work.prices)

        def take(request: Request, answer: Fetched) -> str:
            data = answer.series[FIELD]
            _check_prices(request.symbol, data, before)
            work.prices[request.symbol] = store.put(data)
            return ""

        def step(label: str, _: str, done: int, total: int) -> None:
            tell(label.removeprefix("yahoo:"), done, total)

        _ask(steps, work, Context(settings, _client(settings), moment), take, step)
        failed = {
            options[0].symbol: problems[0] for options in steps if (problems := work.problems.get(options[0].label))
        }
        if not work.prices:
            first = next(iter(failed.values()), "")
            raise NoDataError(f"No price of any of {len(steps)} constituents came. {first}".strip())
        with changing(store.root):
            _refuse_if_moved(store, base.fingerprint)
            made = _with_prices(store, base, before, work.prices, moment)
            store.use(made.fingerprint)
        work.done()
        return ConstituentsReport(made, len(work.prices), had, failed)


def _check_prices(ticker: str, data: SeriesData, before: CrossSection | None) -> None:
    if not (data.values > 0).all():
        raise SourceError(f"Yahoo, {ticker}: a price is at or below zero.")
    if before is None:
        return
    names = {plain_ticker(t): k for k, t in enumerate(before.tickers)}
    k = names.get(plain_ticker(ticker))
    if k is None:
        return
    old = before.dates[np.isfinite(before.prices[:, k])]
    if data.dates.size < _SHORTER * old.size or data.dates[-1] < old[-1]:
        raise SourceError(
            f"Yahoo, {ticker}: {data.dates.size} days to {data.dates[-1]} came, but {old.size} to {old[-1]} are there; "
            "the answer may be cut short."
        )


def _with_prices(
    store: Store, base: Snapshot, before: CrossSection | None, objects: dict[str, str], now: np.datetime64
) -> Snapshot:
    """Put what came beside the prices that are there, in a snapshot of its own."""
    names = tuple(sorted(objects))
    came = [read_object(store.root, SeriesData, objects[ticker], f"'{ticker}'") for ticker in names]
    dates = np.unique(np.concatenate([data.dates for data in came]))
    prices = np.full((dates.size, len(names)), np.nan)
    for k, data in enumerate(came):
        prices[np.searchsorted(dates, data.dates), k] = data.values
    fresh = CrossSection(dates, names, prices)
    whole = replaced(before, fresh) if before is not None else fresh
    entry = store.put_prices(whole, PricesPart("yahoo", FIELD, str(now), names), base.prices_entry)
    return store.add(
        {}, source=base.source, holdings=base.holdings_entries, parent=base.fingerprint, kept=base.entries,
        prices=entry, loaded_at=str(now.astype("datetime64[s]")), note=f"refresh: constituents, {len(names)} tickers",
    )  # fmt: skip
