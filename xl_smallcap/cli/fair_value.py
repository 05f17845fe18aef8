"""``xl-smallcap fair-value``: the evidence of every date, and a hypothetical back-test of the gap."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from xl_smallcap.cli.terminal import print_table, progress


def _rows(lines: list[tuple[str, Any, str]]) -> list[list[Any]]:
    return [["stat", "value", "meaning"], *[list(line) for line in lines]]


def _history(args: argparse.Namespace) -> int:
    from xl_smallcap.functions.fair_value import compute_history

    try:
        with progress("Random walks,") as step:
            told = compute_history(args.target, args.window, args.as_of, args.spec, args.horizon, step)
    except KeyboardInterrupt:
        print("Stopped; what was computed is kept: run the command again to go on.", file=sys.stderr)
        return 1
    title = "Evidence of model 'levels' against random walks, date by date"
    if args.json:
        print(json.dumps({"title": title, "table": _rows(told)}))
        return 0
    print_table(_rows(told), title=title)
    print('RUSSELL_FAIR_VALUE_HISTORY with model "levels" now shows the evidence of each date.')
    return 0


def _backtest(args: argparse.Namespace) -> int:
    from xl_smallcap.data.atomic import check_target, csv_bytes, write_atomic
    from xl_smallcap.functions.fair_value import hypothetical_trades

    if args.out:
        check_target(Path(args.out))

    title, told, series = hypothetical_trades(
        args.target, args.window, args.as_of, args.model, args.spec, args.horizon, args.entry, args.exit, args.delay
    )
    if args.out:
        write_atomic(Path(args.out), csv_bytes([str(h) for h in series[0]], series[1:]))
    if args.json:
        print(json.dumps({"title": title, "table": _rows(told)}))
        return 0
    print_table(_rows(told), title=title)
    return 0


def add_commands(commands: Any) -> None:
    """Add ``fair-value history`` and ``fair-value backtest``."""
    fair = commands.add_parser("fair-value", help="evidence behind fair values").add_subparsers(
        dest="action", required=True
    )
    history = fair.add_parser(
        "history", help="compare the levels of every date with random walks; stopped, it goes on where it was"
    )
    history.set_defaults(run=_history)
    trade = fair.add_parser("backtest", help="trade against the gap: hypothetical, before costs, marked to market")
    trade.add_argument("--model", help="changes (default) or levels")
    trade.add_argument("--entry", type=float, default=1.0, help="open beyond this many standard deviations (default 1)")
    trade.add_argument("--exit", type=float, default=0.0, help="close within this many (default 0: the gap has closed)")
    trade.add_argument("--delay", type=int, default=1, help="periods from the signal to the trade (default 1)")
    trade.add_argument("--out", help="a CSV file for date, position and profit of every period")
    trade.set_defaults(run=_backtest)
    for parser in (history, trade):
        parser.add_argument("--target", help="russell (default), sp500, relative, hedged or a stored daily price")
        parser.add_argument("--window", help="250 (days, default), 104w or 60m")
        parser.add_argument("--as-of", help="a date such as 2025-12-24; nothing later is used")
        parser.add_argument("--spec", help="macro (default), macro_market, full, or one factor swapped")
        parser.add_argument("--horizon", help="observations a gap is summed over or tested ahead (default: a month)")
        parser.add_argument("--json", action="store_true", help="title and table")
