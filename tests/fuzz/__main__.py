"""``python -m tests.fuzz --minutes 10 [--seed N]``: what the test run does for seconds, for longer; then counts."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.attack import attack


def main() -> int:
    """Run for some minutes; 1 where anything left as anything but an answer or a sentence."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts, faults = attack(Path(folder), args.seed, seconds=60.0 * args.minutes)
    for kind, count in counts.items():
        print(f"{kind}: {count:,}")
    for fault in faults[:50]:
        print(fault, file=sys.stderr)
    print(f"{sum(counts.values()):,} inputs, {len(faults)} faults, seed {args.seed}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
