"""``python -m tools.levels_tables``: the article's own model on some days, as markdown. XL_SMALLCAP_HOME: real data."""

from __future__ import annotations

import sys
from typing import Any

from xl_smallcap.functions import BY_NAME

DAYS = ("2021-12-31", "2023-12-29", "2024-07-18", "2025-01-31", "2025-09-04", "2025-12-24")
FACTORS = ("growth", "inflation", "easing")


def rows(target: str, day: str) -> dict[str, dict[str, Any]]:
    """Return the levels table of a day by factor."""
    table: Any = BY_NAME["RUSSELL_BETAS"].call(target, 250, day, None, "levels")
    return {r[0]: dict(zip(table[0], r, strict=True)) for r in table[1:]}


def main() -> None:
    """Print one table for each target named (russell by default)."""
    for target in sys.argv[1:] or ["russell"]:
        print(f"| {target} | " + " | ".join(f"{f} | noise_share | percentile" for f in FACTORS) + " | R² |")
        print("|---" * (2 + 3 * len(FACTORS)) + "|")
        for day in DAYS:
            by = rows(target, day)
            cells = []
            for factor in FACTORS:
                one = by[factor]
                mark = "**" if one["beyond_noise"] else ""
                rank = "" if one["percentile"] is None else f"{one['percentile']:.2f}"
                cells += [f"{mark}{one['beta']:+.1f}{mark}", f"{one['noise_share']:.2f}", rank]
            print(f"| {day} | " + " | ".join(cells) + f" | {by['growth']['rsquared']:.2f} |")


if __name__ == "__main__":
    main()
