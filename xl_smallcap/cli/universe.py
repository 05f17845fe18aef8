"""``xl-smallcap universe``: betas of every stock to a file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from xl_smallcap.cli.terminal import progress

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


def add_commands(commands: Any) -> None:
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
