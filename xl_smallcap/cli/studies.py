"""``xl-smallcap fair-value``, ``regime``, ``universe``: what is too dear for a cell, with progress, and stoppable."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from xl_smallcap.cli.terminal import SHOWN_ROWS, print_table, progress


def _rows(lines: list[tuple[str, Any, str]]) -> list[list[Any]]:
    return [["stat", "value", "meaning"], *[list(line) for line in lines]]


def _evidence_history(args: argparse.Namespace) -> int:
    from xl_smallcap.functions.fair_value import compute_history

    try:
        with progress("Random walks,") as step:
            table = compute_history(args.target, args.window, args.as_of, args.spec, args.horizon, step)
    except KeyboardInterrupt:
        print("Stopped; what was computed is kept: run the command again to go on.", file=sys.stderr)
        return 1
    title = "Evidence of model 'levels' against random walks, date by date"
    if args.json:
        print(json.dumps({"title": title, "table": _rows(table)}))
        return 0
    print_table(_rows(table), title=title)
    print('RUSSELL_FAIR_VALUE_HISTORY with model "levels" now shows the evidence of each date.')
    return 0


def _backtest(args: argparse.Namespace) -> int:
    from xl_smallcap.data.atomic import check_target, csv_bytes, write_atomic
    from xl_smallcap.functions.fair_value import hypothetical_trades

    if args.out:
        check_target(Path(args.out))

    title, table, series = hypothetical_trades(
        args.target, args.window, args.as_of, args.model, args.spec, args.horizon, args.entry, args.exit, args.delay
    )
    if args.out:
        write_atomic(Path(args.out), csv_bytes([str(h) for h in series[0]], series[1:]))
    if args.json:
        print(json.dumps({"title": title, "table": _rows(table)}))
        return 0
    print_table(_rows(table), title=title)
    return 0


def add_fair_value(commands: Any) -> None:
    """Add ``fair-value history`` and ``fair-value backtest``."""
    fair = commands.add_parser("fair-value", help="evidence behind fair values").add_subparsers(
        dest="action", required=True
    )
    history = fair.add_parser(
        "history", help="compare the levels of every date with random walks; stopped, it goes on where it was"
    )
    history.set_defaults(run=_evidence_history)
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


# -- ``xl-smallcap regime``: the history of the regimes, refitted at every month end.


def _regime_history(args: argparse.Namespace) -> int:
    from xl_smallcap.analyses.refreshing import PRECOMPUTED_REGIMES
    from xl_smallcap.functions.regimes import compute_regime_history

    models = [args.model] if args.model else list(PRECOMPUTED_REGIMES)
    tables: dict[str, Any] = {}
    try:
        for model in models:
            with progress(f"Regimes by '{model}',") as step:
                tables[model] = compute_regime_history(model, args.as_of, step)
    except KeyboardInterrupt:
        print("Stopped; what was computed is kept: run the command again to go on.", file=sys.stderr)
        return 1
    if args.json:
        shown = {m: [[str(c) if i == 0 else c for i, c in enumerate(r)] for r in t] for m, t in tables.items()}
        print(json.dumps(shown))
        return 0
    for model, table in tables.items():
        print_table(table, title=f"Regimes at month ends as they could be told then, model '{model}'", limit=SHOWN_ROWS)
    print("RUSSELL_REGIME_HISTORY, RUSSELL_REGIME_RETURNS and RUSSELL_REGIME_SCORE now answer.")
    return 0


def add_regime(commands: Any) -> None:
    """Add ``regime history``."""
    regime = commands.add_parser("regime", help="regime probabilities through time").add_subparsers(
        dest="action", required=True
    )
    history = regime.add_parser("history", help="refit at every month end; stopped, it goes on where it was")
    history.add_argument(
        "--model",
        help="pool (its four members), one of them, hmm, jump, markov_switching or market (default: pool and market)",
    )
    history.add_argument("--as-of", help="a date such as 2025-12-24; no month end later")
    history.add_argument("--json", action="store_true", help="a table a model")
    history.set_defaults(run=_regime_history)


# -- ``xl-smallcap universe``: betas of every stock to a file.


OK, FAILED, USAGE, PARTIAL = 0, 1, 2, 3


def _universe(args: argparse.Namespace) -> int:
    from xl_smallcap.analyses.constituents import Index
    from xl_smallcap.analyses.engines import EngineName
    from xl_smallcap.analyses.universe import UniverseQuestion, run_universe
    from xl_smallcap.functions import arguments as read
    from xl_smallcap.session import current_session

    session = current_session()
    catalogue = session.catalogue
    everyone = args.index is None or args.index.strip().lower() == "all"
    choice: Index = "russell" if everyone else read.choice("index", args.index, Index, "russell", also=("all",))
    question = UniverseQuestion(
        spec=catalogue.spec(read.word("spec", args.spec, catalogue.default_spec)),
        window=read.window(args.window),
        as_of=read.day("as_of", args.as_of),
        monthly=args.monthly,
        index=None if everyone else choice,
    )
    engine: EngineName = read.choice("engine", args.engine, EngineName, "threads")
    try:
        with progress("Universe") as step:
            done = run_universe(session, question, Path(args.out), step, engine, args.scheduler or "")
    except KeyboardInterrupt:
        print("Stopped; the blocks done are kept: run the same command again to go on.", file=sys.stderr, flush=True)
        os._exit(FAILED)  # blocks under way are not waited for; only this thread writes
    resumed = (
        f" ({done.resumed} of {done.blocks} blocks were there from a run that was stopped)" if done.resumed else ""
    )
    print(f"Written: {done.path}, {done.stocks} stocks x {done.days} day(s), {done.fits} fits{resumed}.")
    print("Last day: " + ", ".join(f"{n} {what}" for what, n in done.statuses.items()) + ".")
    print(f"Stocks: {done.membership}. Data: {session.snapshot.name}.")
    return OK


def add_universe(commands: Any) -> None:
    """Add ``universe``."""
    made = commands.add_parser("universe", help="betas, errors and R2 of every stock with prices, to a file")
    made.add_argument("--out", required=True, help="file.parquet (needs polars) or file.csv")
    made.add_argument("--spec", help="specification of the factors (default: the catalogue's)")
    made.add_argument("--window", help='days, or "104w", "60m" (default: 250)')
    made.add_argument("--as-of", help="last day (default: the last that factors and stocks have)")
    made.add_argument("--monthly", action="store_true", help="a fit at every month end, not only on the last day")
    made.add_argument("--index", help="only members of russell or sp500 (default: all stocks)")
    made.add_argument("--engine", help="threads (default) or dask")
    made.add_argument("--scheduler", help="address of the Dask scheduler, such as tcp://host:8786")
    made.set_defaults(run=_universe)
