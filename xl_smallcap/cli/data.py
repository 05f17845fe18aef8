"""``xl-smallcap data``: load, refresh, look at, compare, prune and export."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

from xl_smallcap.cli.terminal import as_text, print_table, progress, series_progress
from xl_smallcap.errors import BadArgumentError, XlSmallcapError

OK, FAILED, USAGE, PARTIAL = 0, 1, 2, 3
_SHOWN_FAILURES = 20


def _load(args: argparse.Namespace) -> int:
    from xl_smallcap.data.loading import load
    from xl_smallcap.session import current_session

    session = current_session()
    with progress("Reading") as step:
        done = load(
            session.store, args.place, step, sheet=args.sheet, area=args.range, add=args.add,
            catalogue_file=session.settings.home / "catalogue.toml", stocks=args.constituents, accept=args.accept or (),
        )  # fmt: skip
    held = "".join(f", {text}" for text in _held(done.snapshot.holdings_entries))
    priced = done.snapshot.prices_entry
    stocks = f", prices of {len(priced.tickers)} stocks ({priced.first} to {priced.last})" if priced else ""
    state = "now CURRENT" if done.in_use else "NOT in use"
    print(f"Snapshot {done.snapshot.name}: {len(done.snapshot.ids)} series{stocks}{held}, {state}.")
    if done.unknown:
        print(f"Not in the catalogue, kept under their names: {_some(done.unknown)}.")
    for reason in done.skipped.values():
        print(f"Left out: {reason}", file=sys.stderr)
    for doubt in done.doubts:
        print(f"Look at: {doubt.sentence}", file=sys.stderr)
    for sentence in done.remarks:
        print(sentence, file=sys.stderr)
    if not done.in_use:
        return _not_in_use(args, done)
    lacking = _why_no_default_model()
    return PARTIAL if done.skipped or lacking else OK


_NAMED = 8


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _not_in_use(args: argparse.Namespace, done: Any) -> int:
    """Say what keeps the new snapshot out of use, what stays, and how to take it all the same."""
    from xl_smallcap.data.doubts import gravest
    from xl_smallcap.session import current_session

    grave = list(dict.fromkeys(d.series for d in gravest(done.doubts, args.accept or ())))
    current = current_session().store.current()
    stays = f"snapshot {current} stays in use" if current else "no data are in use"
    flags = " ".join(f"--accept {name}" for name in grave)
    print(
        f"Not put to use because of {_some(grave)}: {stays}. If it is right, load again with {flags}; else mend the "
        "file first.",
        file=sys.stderr,
    )
    return FAILED


def _held(entries: Any) -> list[str]:
    """Holdings by fund: their day, or how many days there are."""
    days: dict[str, list[str]] = {}
    for h in entries:
        days.setdefault(h.fund, []).append(h.as_of)
    holdings = []
    for fund, of in days.items():
        dated = sorted(d for d in of if d != "undated")
        parts = [dated[0] if len(dated) == 1 else f"{len(dated)} days, {dated[0]} to {dated[-1]}"] if dated else []
        holdings.append(f"holdings of {fund} ({'; '.join(parts + ['undated'] * (len(of) > len(dated)))})")
    return holdings


def _why_no_default_model() -> str:
    """Say on the screen what the default model lacks, if anything; return it."""
    from xl_smallcap.functions import RUSSELL_ASOF
    from xl_smallcap.session import Session, use_session

    use_session(Session())
    try:
        RUSSELL_ASOF()
    except XlSmallcapError as exc:
        print(f"The default model cannot be computed from these data: {exc}", file=sys.stderr)
        return str(exc)
    return ""


def _use(args: argparse.Namespace) -> int:
    from xl_smallcap.data.atomic import changing
    from xl_smallcap.session import current_session

    store = current_session().store
    with changing(store.root):
        store.use(args.fingerprint)
    print(f"CURRENT is now {store.open().name}.")
    return OK


def _status(args: argparse.Namespace) -> int:
    from xl_smallcap.data.releases import new_york_now
    from xl_smallcap.functions.cells import evaluate, to_json
    from xl_smallcap.session import current_session

    answer = evaluate("RUSSELL_STATUS", ())
    if args.json:
        print(json.dumps(to_json(answer)))
        return FAILED if answer.code else OK
    if answer.table is None:
        print(f"{answer.code} {answer.message}", file=sys.stderr)
        return FAILED
    session = current_session()
    snapshot = session.snapshot
    print(f"Snapshot {snapshot.name}, made {snapshot.loaded_at} (this machine's time), in {session.settings.store_dir}")
    others = [s for s in session.store.snapshots() if s != snapshot.fingerprint]
    print(f"Other snapshots: {', '.join(others) or 'none'}")
    newest = max((e.last for e in snapshot.entries.values()), default="")
    if newest:
        days = (new_york_now().astype("datetime64[D]").item() - _day(newest)).days
        print(f"Newest observation: {newest}, {days} days ago; age_days counts back from it.")
    _print_status(answer.table, args.all)
    damaged = [row for row in answer.table[1:] if row[6] is None]
    return PARTIAL if damaged else OK


_SHORT = ("series", "source", "frequency", "last", "nobs", "age_days", "status", "fetched", "licence")


def _print_status(table: list[list[Any]], whole: bool) -> None:
    """The table as it is, or what fits a screen, with problems below it."""
    if whole:
        print_table(table)
        return
    columns = [table[0].index(name) for name in _SHORT]
    print_table([[row[k] for k in columns] for row in table])
    remarks: dict[str, list[str]] = {}
    for row in table[1:]:
        if row[-1]:
            remarks.setdefault(str(row[-1]), []).append(str(row[0]))
    for sentence, names in remarks.items():
        print(f"{_listed(names)}: {sentence}")
    print("Times are New York's; 'data status --all' shows labels, files, revisions.")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _day(text: str) -> Any:
    import datetime as dt

    return dt.date.fromisoformat(text)


def _refresh_constituents(args: argparse.Namespace) -> int:
    from xl_smallcap.data.refresh import refresh_constituents
    from xl_smallcap.session import current_session

    session = current_session()
    try:
        with progress("Constituents") as step:
            done = refresh_constituents(session.store, session.settings, ("IWM", "IVV"), step)
    except KeyboardInterrupt:
        print("Stopped; what came is kept: refresh again today to go on.", file=sys.stderr, flush=True)
        os._exit(FAILED)  # as in a refresh of series
    kept = f", {done.resumed} of them from a run that was stopped" if done.resumed else ""
    print(f"Prices of {done.came} constituents came{kept}; snapshot {done.snapshot.name}, now CURRENT.")
    for ticker, why in list(done.failed.items())[:_SHOWN_FAILURES]:
        print(f"{ticker}: {why}", file=sys.stderr)
    if len(done.failed) > _SHOWN_FAILURES:
        print(
            f"... and {len(done.failed) - _SHOWN_FAILURES} more tickers failed; what they had is kept.", file=sys.stderr
        )
    return PARTIAL if done.failed else OK


def _refresh(args: argparse.Namespace) -> int:
    from xl_smallcap.analyses.refreshing import precompute, refresh_data
    from xl_smallcap.session import Session, current_session, use_session

    if args.constituents:
        return _refresh_constituents(args)
    session = current_session()
    try:
        with series_progress() as tell:
            report = refresh_data(
                session, tell, only_sources=args.source or (), only_series=args.series or (), accept=args.accept or ()
            )
    except KeyboardInterrupt:
        print("Stopped; what came is kept: refresh again to go on.", file=sys.stderr, flush=True)
        os._exit(FAILED)  # threads that wait for a silent server are not waited for; nothing of theirs is written
    except BadArgumentError as exc:
        print(exc, file=sys.stderr)
        return USAGE
    if args.json:
        summary = {
            "snapshot": report.snapshot.fingerprint if report.snapshot else None,
            "changed": report.changed,
            "series": [dataclasses.asdict(o) for o in report.outcomes],
            "notes": list(report.notes),
        }
        print(json.dumps(summary))
    else:
        _print_report(report)
    if report.nothing or report.snapshot is None:
        return FAILED
    lacking = _why_no_default_model()
    if session.settings.precompute and not args.no_precompute and not lacking:
        fresh = Session()
        use_session(fresh)
        if not args.json:
            print(
                "The data are ready. Computing the evidence of fair values (a minute the first time; Ctrl-C is safe).",
                flush=True,
            )
        try:
            with progress("Computing") as step:
                for sentence in precompute(fresh, step):
                    print(sentence, file=sys.stderr)
        except KeyboardInterrupt:
            print("Stopped; the data are refreshed, evidence is computed at the next refresh.", file=sys.stderr)
            return PARTIAL
    return OK if report.complete and not lacking else PARTIAL


def _print_report(report: Any) -> None:
    rows = [["series", "source", "outcome", "added", "revised", "last"]]
    rows += [[o.series, o.source, o.outcome, o.added, o.revised, o.last] for o in report.outcomes]
    if not report.nothing:
        print_table(rows)
    remarks: dict[str, list[str]] = {}
    away: dict[str, int] = {}
    for o in report.outcomes:
        for publisher in o.unreachable:
            away[publisher] = away.get(publisher, 0) + 1
        if o.told and not o.unreachable:
            remarks.setdefault(o.told.removeprefix(f"{o.series}: "), []).append(o.series)
    for sentence, names in remarks.items():
        print(f"{_listed(names)}: {sentence}", file=sys.stderr)
    for publisher, count in away.items():
        kept = "; what they had is kept" if report.snapshot is not None else ""
        print(f"{publisher} {count} series were asked for{kept}.", file=sys.stderr)
    for note in report.notes:
        print(note, file=sys.stderr)
    if report.snapshot is None:
        print("Nothing could be fetched, and there was nothing before.", file=sys.stderr)
    elif report.nothing:
        print(f"Nothing could be fetched; snapshot {report.snapshot.name} stays in use.", file=sys.stderr)
    elif report.changed:
        print(f"Snapshot {report.snapshot.name} is now CURRENT.")
    else:
        print(f"Nothing is new: snapshot {report.snapshot.name} stays.")


def _show(args: argparse.Namespace, rows: list[list[Any]], title: str = "") -> int:
    if args.json:
        print(json.dumps({"title": title, "table": rows}))
    else:
        print_table(rows, title=title)
    return OK


def _history(args: argparse.Namespace) -> int:
    from xl_smallcap.data.history import snapshots_of
    from xl_smallcap.session import current_session

    lines = snapshots_of(current_session().store)
    rows: list[list[Any]] = [["snapshot", "made", "after", "series", "newest", "what made it", "source", "is"]]
    for n in lines:
        state = "CURRENT" if n.current else "damaged" if n.why else ""
        rows.append([n.fingerprint, n.made_at, n.parent, n.series, n.newest, n.note, n.source, state])
    return _show(args, rows)


def _diff(args: argparse.Namespace) -> int:
    from xl_smallcap.data.history import compare
    from xl_smallcap.session import current_session

    store = current_session().store
    before = store.open(store.meant(args.before))
    after = store.open(store.meant(args.after) if args.after else None)
    rows: list[list[Any]] = [
        ["series", "change", "added", "removed", "revised", "first_revised", "largest_pct", "source_before", "source"]
    ]
    for c in compare(before, after):
        rows.append(
            [c.series, c.kind, c.added, c.removed, c.revised, c.first_revised, 100 * c.largest, c.before, c.after]
        )
    return _show(args, rows, f"From {before.name} to {after.name}: series that differ: {len(rows) - 1}")


def _prune(args: argparse.Namespace) -> int:
    from xl_smallcap.data.history import prune
    from xl_smallcap.session import current_session

    done = prune(current_session().store, args.keep)
    print(f"Taken away: {len(done.snapshots)} snapshots, {done.files} files, {done.size / 1e6:.1f} MB.")
    for fingerprint in done.snapshots:
        print(f"  {fingerprint}")
    return OK


def _export(args: argparse.Namespace) -> int:
    from xl_smallcap.data.history import export
    from xl_smallcap.session import current_session

    session = current_session()
    snapshot = session.store.open(session.store.meant(args.snapshot) if args.snapshot else None)
    done = export(session.catalogue, snapshot, Path(args.out), inside=args.inside)
    print(f"Written: {len(done.written)} series of {snapshot.name} in {done.folder}")
    for name, why in done.withheld.items():
        print(f"Left out: {name}, {as_text(why)}.", file=sys.stderr)
    return PARTIAL if done.withheld else OK


def add_commands(commands: Any) -> None:
    """Add ``data`` and its actions."""
    data = commands.add_parser("data", help="load, refresh and look at data").add_subparsers(
        dest="action", required=True
    )

    def command(name: str, text: str, run: Any, *, as_json: bool = False) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = data.add_parser(name, help=text)
        made.set_defaults(run=run)
        if as_json:
            made.add_argument("--json", action="store_true")
        return made

    load = command("load", "read a folder of CSV files, a workbook, or the embedded sample", _load)
    load.add_argument("place", help="a folder, a workbook (.xlsx, .xlsm), or the word 'sample'")
    load.add_argument("--sheet", help="of a workbook (default: the first)")
    load.add_argument(
        "--range", help="of a workbook, such as A3:F500, or the name of a range or table (default: all that is filled)"
    )
    load.add_argument(
        "--accept", action="append", help="take this series whatever looks wrong with it; may be given again"
    )
    load.add_argument("--add", action="store_true", help="keep the other series of the CURRENT snapshot")
    load.add_argument(
        "--constituents", action="store_true",
        help="the folder holds prices of many stocks, weights or members of an index; kept beside the CURRENT snapshot",
    )  # fmt: skip
    refresh = command("refresh", "fetch what is new; stopped, it goes on where it was", _refresh, as_json=True)
    refresh.add_argument(
        "--constituents", action="store_true", help="prices of the members of IWM and IVV from Yahoo, and nothing else"
    )
    refresh.add_argument(
        "--source", action="append", help="only this source (fred, yahoo, cftc, ishares, bloomberg); may be given again"
    )
    refresh.add_argument("--series", action="append", help="only this series or fund; may be given again")
    refresh.add_argument("--accept", action="append", help="take this series without comparing it with what is there")
    refresh.add_argument("--no-precompute", action="store_true", help="do not compute the evidence of fair values")
    command("use", "make another snapshot CURRENT", _use).add_argument("fingerprint")
    status = command("status", "series, ages and snapshots", _status, as_json=True)
    status.add_argument("--all", action="store_true", help="every column")
    command("history", "the snapshots, newest first", _history, as_json=True)
    diff = command("diff", "how two snapshots differ, series by series", _diff, as_json=True)
    diff.add_argument("before", help="a fingerprint or its beginning")
    diff.add_argument("after", nargs="?", help="default: CURRENT")
    prune = command("prune", "take away old snapshots (also those a workbook pins) and what nothing needs", _prune)
    prune.add_argument("--keep", type=int, default=10, help="snapshots kept besides CURRENT (default 10)")
    export = command("export", "write a snapshot as CSV files, as far as its owners allow", _export)
    export.add_argument("out", help="a new folder")
    export.add_argument("--snapshot", help="a fingerprint (default: CURRENT)")
    export.add_argument("--inside", action="store_true", help="for your own house: restricted series too")
