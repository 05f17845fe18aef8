"""``python -m tools.answers take FILE``, later ``compare FILE``: are answers the same, bit for bit, after a change?

``--within 1e-12`` counts how far numbers differ, relative to the larger of the two, and fails beyond that. What may
differ is written down (docs/verification.md) before a change is begun.

Calls are kept by the names of their arguments, so that another order of them, or another place of the code, does not
matter. Run it with XL_SMALLCAP_HOME set to a home with the sample, and to one with real data. The file stays outside
the repository: it holds numbers of real data.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.hosts.cases import CASES
from xl_smallcap.functions import BY_NAME, FUNCTIONS, NAMES
from xl_smallcap.functions.cells import evaluate, to_json
from xl_smallcap.functions.formula import parse_call

_STATS: dict[str, dict[str, Any]] = {
    "RUSSELL_BETA": {"factor": "inflation"},
    "RUSSELL_SCENARIO": {"scenario": "goldman"},
    "RUSSELL_PROJECTION": {"shocks": [["inflation", 25, "bp"]]},
    "RUSSELL_FACTOR": {"factor": "oil"},
    "RUSSELL_POSITIONING": {"category": "leveraged"},
}
_DATES = (None, "2025-06-30", "2024-12-24", "2021-03-31", "2018-06-29")


def calls() -> list[tuple[str, dict[str, Any]]]:
    """Return what is asked: cases of the hosts' tests; every function by day and target, all its stats."""
    questions: list[tuple[str, dict[str, Any]]] = []
    for formula in [c.formula for c in CASES]:
        call = parse_call(formula, NAMES)
        entry = BY_NAME.get(call.name)
        if entry is not None and len(call.arguments) <= len(entry.parameters):
            given = zip((p.name for p in entry.parameters), call.arguments, strict=False)
            questions.append((entry.name, {k: v for k, v in given if v is not None}))
    for entry in FUNCTIONS:
        names = [p.name for p in entry.parameters]
        needed = {p.name for p in entry.parameters if not p.optional}
        start = _STATS.get(entry.name, {})
        if not needed <= set(start):
            continue
        for day in _DATES if "as_of" in names else (None,):
            for target in ("relative", "hedged") if "target" in names else (None,):
                more = {"as_of": day, "target": target, **({"stat": "all"} if "stat" in names else {})}
                questions.append((entry.name, {**start, **{k: v for k, v in more.items() if v is not None}}))
    return questions


def answer(name: str, given: dict[str, Any]) -> str:
    """Return an answer as text with every bit of every number."""
    arguments = [given.get(p.name) for p in BY_NAME[name].parameters]
    return json.dumps(to_json(evaluate(name, arguments)))


def distance(before: Any, now: Any) -> float:
    """Return the largest relative difference of two answers' numbers; infinite where anything else differs."""
    if isinstance(before, float) and isinstance(now, float):
        return 0.0 if before == now else abs(before - now) / max(abs(before), abs(now))
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return max(map(distance, before, now), default=0.0)
    if isinstance(before, dict) and isinstance(now, dict) and before.keys() == now.keys():
        return max((distance(before[k], now[k]) for k in before), default=0.0)
    return 0.0 if before == now and type(before) is type(now) else float("inf")


def main() -> int:
    """Take or compare; 1 where an answer differs."""
    parser = argparse.ArgumentParser(prog="python -m tools.answers")
    parser.add_argument("what", choices=["take", "compare"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--within", type=float, default=0.0, help="relative difference of a number that is let pass")
    args = parser.parse_args()
    if args.what == "take":
        kept = [[name, given, answer(name, given)] for name, given in calls()]
        args.file.write_text(json.dumps(kept), encoding="utf-8")
        errors = sum('"error"' in a for _, _, a in kept)
        print(f"{len(kept)} answers, {errors} of them errors, in {args.file}")
        return 0
    kept = json.loads(args.file.read_text(encoding="utf-8"))
    differ, passed = [], []
    for name, given, before in kept:
        now = answer(name, given)
        if now != before:
            far = distance(json.loads(before), json.loads(now))
            if far <= args.within:
                passed.append((far, name))
            else:
                differ.append((name, given, before, now))
    if passed:
        print(f"{len(passed)} differ by at most {max(passed)[0]:.1e}: {', '.join(sorted({n for _, n in passed}))}")
    for name, given, before, now in differ:
        print(f"{name} {given}\n  before {before[:300]}\n  now    {now[:300]}")
    print(f"{len(kept)} answers, {len(differ)} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
