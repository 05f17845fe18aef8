"""``xl-smallcap workbook`` and ``pitch``: build, refresh and compare workbooks; a page for a meeting."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import sys
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from xl_smallcap.cli.terminal import SHOWN_ROWS, print_table, progress

PARTIAL = 3
_AROUND = 3
"""Words shown before and after what a sentence says otherwise."""
_DATED = re.compile(r'"(?:first|last)_date"|"published"|RUSSELL_ASOF|EOMONTH', re.IGNORECASE)
"""Formulas whose number is a day."""


def _build(args: argparse.Namespace) -> int:
    from xl_smallcap.data.atomic import check_target
    from xl_smallcap.session import one_snapshot
    from xl_smallcap.workbooks.book import build_workbook, prepare

    check_target(Path(args.out), ".xlsx")
    with one_snapshot(), progress("Workbook,") as step:
        prepare(step)
        path = build_workbook(Path(args.out), progress=step)
    print(f"Written: {path}")
    return 0


def _refresh(args: argparse.Namespace) -> int:
    from xl_smallcap.workbooks.foreign.refresh import refresh_workbook

    book = Path(args.book)
    pdf = Path(args.out or book).with_suffix(".pdf") if args.pdf == "" else Path(args.pdf) if args.pdf else None
    with progress(f"{book.name},") as step:
        done = refresh_workbook(book, Path(args.out) if args.out else None, pdf, step, keep=args.keep)
    by = "our functions by themselves, the rest by LibreOffice" if done.office else "without LibreOffice"
    print(f"{done.path}: {done.ours} cells with RUSSELL_ functions, {done.changed} cells changed ({by}).")
    if pdf:
        print(f"Written: {pdf}")
    for line in [*done.told, *done.kept[:SHOWN_ROWS]]:
        print(line, file=sys.stderr)
    if len(done.kept) > SHOWN_ROWS:
        print(f"... and {len(done.kept) - SHOWN_ROWS} more keep their old values.", file=sys.stderr)
    return PARTIAL if done.kept else 0


def _diff(args: argparse.Namespace) -> int:
    from xl_smallcap.workbooks.foreign.difference import difference

    changes = difference(Path(args.old), Path(args.new))
    if args.json:
        print(json.dumps(changes.table, allow_nan=False))
        return 0
    for line in changes.told:
        print(line)
    causes = Counter(str(row[-1]) for row in changes.table[1:])
    if causes:
        print("Causes: " + ", ".join(f"{cause} {n}" for cause, n in causes.most_common()) + ".")
    for _, cell, _, _, old, new, *_ in (row for row in changes.table[1:] if row[0] == "Pitch"):
        if isinstance(old, str) and isinstance(new, str):
            print(f"Pitch!{cell}: {_otherwise(old, new)}")
    # every change that was counted, but for the sentences above
    listed = [r for r in changes.table[1:] if not (r[0] == "Pitch" and isinstance(r[4], str) and isinstance(r[5], str))]
    if listed:
        kept = [0, 1, 2, 4, 5, 6, 11]
        print_table([[_short(row[i], str(row[3])) for i in kept] for row in [changes.table[0], *listed]])
    return 0


def _otherwise(old: str, new: str) -> str:
    """What one sentence says otherwise than another, with some words around it."""
    one, two, said = old.split(), new.split(), list[str]()
    for kind, a, b, c, d in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind != "equal":
            said.append(f"[{' '.join(one[a:b])} -> {' '.join(two[c:d])}]")
        elif b - a > 2 * _AROUND:
            before, after = one[a : a + _AROUND] if a else [], one[b - _AROUND : b] if b < len(one) else []
            said += [*before, "...", *after]
        else:
            said += one[a:b]
    return " ".join(said)


def _short(cell: Any, formula: str) -> Any:
    if isinstance(cell, float) and _DATED.search(formula) and 20_000 < cell < 80_000:
        return (dt.date(1899, 12, 30) + dt.timedelta(int(cell))).isoformat()
    return cell[:50] if isinstance(cell, str) else cell


def _pitch(args: argparse.Namespace) -> int:
    from xl_smallcap.functions.arguments import day
    from xl_smallcap.session import one_snapshot
    from xl_smallcap.workbooks.book import prepare
    from xl_smallcap.workbooks.pitch_sheet import Prints, make_pitch
    from xl_smallcap.workbooks.sheets.inputs import PitchOptions

    previous = day("previous", args.previous)
    options = PitchOptions(
        path=args.scenario,
        against="" if args.against.strip().lower() in _NONE else args.against,
        others=None if args.also is None else _names(args.also),
        weights=_weights(args.weights),
        audience=args.audience,
        projections=True if args.projections else None,
        previous=None if previous is None else dt.date.fromisoformat(str(previous)),
        risk=args.risk,
        house=args.house,
        disclaimer=args.disclaimer,
        approver=args.approver,
    )
    out = Path(args.out)
    prints = Prints(*(_beside(out, given, kind) for given, kind in ((args.pdf, ".pdf"), (args.png, ".png"))))
    prints.check(out)
    with one_snapshot(), progress("Pitch,") as step:
        prepare(step)
        made = make_pitch(options, args.as_of, out, prints, step, freeze=args.freeze)
    written = [str(path) for path in (made.book, made.pdf, made.png) if path is not None]
    print("Written: " + ", ".join(written[:-1]) + (" and " if len(written) > 1 else "") + written[-1])
    for line in made.told:
        print(line, file=sys.stderr)
    return 0


_NONE = ("", "none")


def _beside(out: Path, given: str | None, kind: str) -> Path | None:
    """Where a print goes: not asked for, beside the workbook, or where it was said."""
    return None if given is None else Path(given) if given else out.with_suffix(kind)


def _names(given: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",") if name.strip().lower() not in _NONE)


def _weights(given: str) -> dict[str, float]:
    """Read "goldman=0.6,jpmorgan=0.4"."""
    from xl_smallcap.errors import BadArgumentError

    weights: dict[str, float] = {}
    for part in given.split(","):
        if not part.strip():
            continue
        name, _, number = part.partition("=")
        if name.strip() in weights:
            raise BadArgumentError(f"--weights names '{name.strip()}' twice; give each path one weight.")
        try:
            weights[name.strip()] = float(number)
        except ValueError:
            raise BadArgumentError(
                f"--weights takes paths and weights such as goldman=0.6,jpmorgan=0.4; got '{part.strip()}'."
            ) from None
    return weights


def add_commands(commands: Any) -> None:
    """Add ``workbook build|refresh|diff`` and ``pitch``."""
    workbook = commands.add_parser("workbook", help="build, refresh and compare workbooks").add_subparsers(
        dest="action", required=True
    )
    build = workbook.add_parser("build", help="write the workbook from the current data")
    build.add_argument("--out", default="xl_smallcap.xlsx")
    build.set_defaults(run=_build)
    refresh = workbook.add_parser("refresh", help="recalculate an own workbook without Excel; only values change")
    refresh.add_argument("book", help="an .xlsx or .xlsm with RUSSELL_ functions")
    refresh.add_argument("--out", help="write there instead of in its place")
    refresh.add_argument("--pdf", nargs="?", const="", help="print it too (default: beside it)")
    refresh.add_argument("--keep", action="store_true", help="leave numbers that would become errors as they were")
    refresh.set_defaults(run=_refresh)
    diff = workbook.add_parser("diff", help="what changed between two workbooks: data, window or model")
    diff.add_argument("old")
    diff.add_argument("new")
    diff.add_argument("--json", action="store_true")
    diff.set_defaults(run=_diff)

    pitch = commands.add_parser("pitch", help="one landscape page for a meeting, every number a formula")
    pitch.add_argument("--as-of", help="a date such as 2025-12-24; nothing later is used")
    pitch.add_argument("--scenario", default="growth_low_inflation", help="the path that is looked at")
    pitch.add_argument(
        "--against", default="rebound_then_pause", help="the path it is held against; none: no such path"
    )
    pitch.add_argument("--also", help="further paths of the table, at most three, with commas between; none: no more")
    pitch.add_argument("--weights", default="", help="your weights of paths for a blend: goldman=0.6,jpmorgan=0.4")
    pitch.add_argument("--previous", help="the day of the previous page, from which changes are counted")
    pitch.add_argument("--risk", type=float, help="dollars of risk, one sd of a month: adds a line on futures")
    pitch.add_argument("--house", default="", help="your house's name for the head of the page")
    pitch.add_argument("--out", default="pitch.xlsx")
    pitch.add_argument("--pdf", nargs="?", const="", help="print the page too (default: beside the workbook)")
    pitch.add_argument("--png", nargs="?", const="", help="the page as a picture too (default: beside the workbook)")
    pitch.add_argument("--freeze", action="store_true", help="keep every value beside its formula on a sheet Frozen")
    pitch.add_argument("--audience", default="internal", help="internal (default) or institutional")
    pitch.add_argument("--projections", action="store_true", help="show projections to others than your own house")
    pitch.add_argument("--disclaimer", default="", help="your own words for the foot of the page")
    pitch.add_argument("--approver", default="", help="who approved it")
    pitch.set_defaults(run=_pitch)
