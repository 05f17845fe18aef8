"""``xl-smallcap regime``: the history of the regimes, refitted at every month end."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, get_args

from xl_smallcap.cli.terminal import SHOWN_ROWS, print_table, progress


def _history(args: argparse.Namespace) -> int:
    from xl_smallcap.functions.regimes import compute_regime_history
    from xl_smallcap.types import RegimeModel

    models = [args.model] if args.model else list(get_args(RegimeModel))
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


def add_commands(commands: Any) -> None:
    """Add ``regime history``."""
    regime = commands.add_parser("regime", help="regime probabilities through time").add_subparsers(
        dest="action", required=True
    )
    history = regime.add_parser("history", help="refit at every month end; stopped, it goes on where it was")
    history.add_argument("--model", help="chains, bands, hmm or market (default: all)")
    history.add_argument("--as-of", help="a date such as 2025-12-24; no month end later")
    history.add_argument("--json", action="store_true", help="a table a model")
    history.set_defaults(run=_history)
