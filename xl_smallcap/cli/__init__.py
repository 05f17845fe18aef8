"""The command line ``xl-smallcap``. Exit 0 complete, 3 partial, 1 failed, 2 usage."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from xl_smallcap.cli import data, studies, workbook
from xl_smallcap.cli.terminal import as_text, print_table, progress
from xl_smallcap.errors import BadArgumentError, XlSmallcapError

OK, FAILED, USAGE, PARTIAL = 0, 1, 2, 3


def _call(args: argparse.Namespace) -> int:
    from xl_smallcap.data.snapshot import SYNTHETIC_MARK
    from xl_smallcap.functions import BY_NAME
    from xl_smallcap.functions.cells import Answer, evaluate, to_json
    from xl_smallcap.functions.formula import parse_call
    from xl_smallcap.session import current_session

    try:
        call = parse_call(args.formula, BY_NAME)
        answer = evaluate(call.name, call.arguments)
    except XlSmallcapError as exc:
        answer = Answer(code=exc.code, message=str(exc))
    if args.json:
        print(json.dumps(to_json(answer), allow_nan=False))
    elif answer.code is not None:
        print(f"{answer.code} {answer.message}", file=sys.stderr)
        return FAILED
    elif answer.table is not None:
        print_table(answer.table)
    else:
        print(repr(answer.value) if isinstance(answer.value, float) else as_text(answer.value))
    if answer.code is None and current_session().snapshot.synthetic:
        said = f"{SYNTHETIC_MARK}: invented data, not the market's. 'xl-smallcap data refresh' fetches real ones."
        print(said, file=sys.stderr)
    return FAILED if answer.code is not None else OK


def _functions(args: argparse.Namespace) -> int:
    from xl_smallcap.functions import BY_NAME, FUNCTIONS
    from xl_smallcap.functions.formula import unknown_function

    chosen = FUNCTIONS
    if args.name:
        if args.name.upper() not in BY_NAME:
            raise BadArgumentError(unknown_function(args.name.upper(), BY_NAME))
        chosen = (BY_NAME[args.name.upper()],)
    if args.json:
        described = [
            {
                "name": f.name,
                "help": f.help,
                "parameters": [{"name": p.name, "optional": p.optional, "help": p.help} for p in f.parameters],
            }
            for f in chosen
        ]
        print(json.dumps(described, indent=1))
        return OK
    for f in chosen:
        print(f"{f.usage}\n    {f.help}")
        for p in f.parameters:
            print(f"    {p.name}: {p.help}")
    return OK


def _panel(args: argparse.Namespace) -> int:
    from xl_smallcap.data.atomic import check_target, csv_bytes, write_atomic
    from xl_smallcap.functions.factors import panel_rows

    if args.out:
        check_target(Path(args.out))

    header, rows, notes = panel_rows(
        target=args.target, spec=args.spec, window=args.window, as_of=args.as_of, transformed=args.transformed
    )
    for note in notes:
        print(note, file=sys.stderr)
    content = csv_bytes(header, rows)
    if args.out:
        write_atomic(Path(args.out), content)
    else:
        sys.stdout.write(content.decode())
    return OK


def _demo(args: argparse.Namespace) -> int:
    from xl_smallcap.workbooks.book import run_demo

    with progress("Demo") as step:
        done = run_demo(Path(args.out), step)
    print_table(
        done.table, title=f"Betas of the Russell 2000, % per +1 sd, 250 days to {done.as_of}, {done.snapshot_name}"
    )
    print(f"Workbook with live formulas and their values: {done.workbook}")
    if not done.is_current:
        print(
            "Your own data stay CURRENT; to let the workbook recalculate on the sample: 'xl-smallcap data load sample'."
        )
    return OK


def _excel_install(args: argparse.Namespace) -> int:
    from xl_smallcap.workbooks.book import install

    for line in install(Path(args.out) if args.out else None):
        print(line)
    return OK


def _excel_attach(args: argparse.Namespace) -> int:
    from xl_smallcap.hosts.excel.attach import attach

    print(f"Written: {attach(Path(args.book))}")
    return OK


def _libreoffice_install(args: argparse.Namespace) -> int:
    from xl_smallcap.hosts.libreoffice.package import install

    for line in install(Path(args.oxt) if args.oxt else None):
        print(line)
    return OK


def _doctor(args: argparse.Namespace) -> int:
    from xl_smallcap.hosts.doctor import examine

    findings = examine(Path(args.book) if args.book else None)
    if args.json:
        print(json.dumps([f.as_dict() for f in findings], indent=1))
    else:
        for f in findings:
            print(f"{f.mark:4} {f.what}: {f.found}" + (f"\n     -> {f.advice}" if f.advice else ""))
    return FAILED if any(f.mark == "BAD" for f in findings) else OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xl-smallcap", description="Russell 2000 macro factor betas: data, numbers, workbooks and their hosts."
    )
    from xl_smallcap._version import __version__

    parser.add_argument("--version", action="version", version=f"xl_smallcap {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)

    demo = commands.add_parser("demo", help="fit the embedded sample, print the beta table, write a workbook")
    demo.add_argument("--out", default="demo", help="folder for the workbook (default: demo)")
    demo.set_defaults(run=_demo)

    data.add_commands(commands)

    call = commands.add_parser("call", help="answer one formula")
    call.add_argument("formula", help='such as \'RUSSELL_BETA("inflation","relative")\'')
    call.add_argument("--json", action="store_true", help="exactly one of value, table, error")
    call.set_defaults(run=_call)

    functions = commands.add_parser("functions", help="list the worksheet functions with their help")
    functions.add_argument("name", nargs="?", help="only this function")
    functions.add_argument("--json", action="store_true")
    functions.set_defaults(run=_functions)

    panel = commands.add_parser("panel", help="print exactly the aligned changes a fit used, as CSV")
    panel.add_argument("--target")
    panel.add_argument("--spec")
    panel.add_argument("--window")
    panel.add_argument("--as-of")
    panel.add_argument("--transformed", action="store_true", help="standardised factors, as regressed")
    panel.add_argument("--out", help="a file instead of the screen")
    panel.set_defaults(run=_panel)

    studies.add_fair_value(commands)
    studies.add_regime(commands)
    studies.add_universe(commands)

    workbook.add_commands(commands)

    excel = commands.add_parser("excel", help="functions in Excel").add_subparsers(dest="action", required=True)
    install = excel.add_parser("install", help="build the macro workbook on this machine")
    install.add_argument("--out", help="where to write xl_smallcap.xlsm (default: Documents)")
    install.set_defaults(run=_excel_install)
    attach = excel.add_parser("attach", help="give an own workbook the functions: writes BOOK.xlsm beside it")
    attach.add_argument("book")
    attach.set_defaults(run=_excel_attach)

    office = commands.add_parser("libreoffice", help="functions in LibreOffice").add_subparsers(
        dest="action", required=True
    )
    office_install = office.add_parser("install", help="install the add-in for this user")
    office_install.add_argument("--oxt", help="only write the extension to this file")
    office_install.set_defaults(run=_libreoffice_install)

    doctor = commands.add_parser("doctor", help="check this machine and say what to do")
    doctor.add_argument("--book", help="a workbook to check as well")
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(run=_doctor)
    return parser


def _end_in_order() -> None:
    """Let a job's time limit (SIGTERM) end us as Ctrl-C does: what was started is ended, what was begun is undone."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:

        def stop(number: int, _: object) -> None:
            raise SystemExit(128 + number)

        signal.signal(signal.SIGTERM, stop)


def main(argv: list[str] | None = None) -> int:
    """Run one command. 0 complete, 3 partial, 1 failed, 2 usage."""
    for stream in (sys.stdout, sys.stderr):
        # A console of another code page must not turn an answer into an error.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    _end_in_order()
    try:
        args = _parser().parse_args(argv)
    except SystemExit as exc:
        return int(exc.code or 0)
    try:
        return int(args.run(args))
    except XlSmallcapError as exc:
        print(exc, file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # the reader (head, less) has gone; nothing more can be said to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as exc:
        print(f"{exc.filename or 'A file'}: {exc.strerror or exc}.", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("Stopped; nothing was changed.", file=sys.stderr)
        return FAILED
