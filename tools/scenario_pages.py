"""Write docs/scenario-tables.md from one's own data.

Load real history and run ``xl-smallcap regime history`` first; then ``python -m tools.scenario_pages``. Nothing of the
data is written, only what is computed from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.real_data_tables import rows
from tools.regime_pages import AS_OF, text
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.functions import (
    RUSSELL_NEEDLE,
    RUSSELL_SCENARIO,
    RUSSELL_SCENARIO_SCORE,
    RUSSELL_SCENARIOS,
    RUSSELL_TIPPING,
)
from xl_smallcap.functions.scenarios import CONDITIONAL
from xl_smallcap.types import Table

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "scenario-tables.md"
TARGETS, HORIZONS = ("russell", "relative", "hedged"), (1, 3, 6)
METHODS = ("analytic", "simulation", "bootstrap", "pooling", "regimes")


def side_by_side() -> Iterator[str]:
    """Yield every path for three targets and horizons."""
    names = (
        "mean",
        "sd",
        "p5",
        "p95",
        "outperform if the path happens",
        "base rate",
        "plausibility p",
        "beta error's share",
    )
    keys = ("mean", "sd", "p5", "p95", f"prob_outperform, {CONDITIONAL}", "base_rate", "plausibility", "share_beta")
    yield "| target | months | path | " + " | ".join(names) + " | warning |"
    yield "|---" * (4 + len(names)) + "|"
    for target in TARGETS:
        for months in HORIZONS:
            for r in rows(RUSSELL_SCENARIOS(target, months, AS_OF)):
                cells = " | ".join(text(r[k], 2) for k in keys)
                yield f"| {target} | {months} | {r['scenario']} | {cells} | {r['warning']} |"


def methods() -> Iterator[str]:
    """Yield one path by every method."""
    stats = ("mean", "sd", "p5", "p50", "p95", "prob_outperform", "effective_scenarios")
    yield "| path | months | method | " + " | ".join(stats) + " |"
    yield "|---" * (3 + len(stats)) + "|"
    for path in ("rebound_then_pause", "growth_low_inflation", "growth_with_inflation", "growth_disappoints"):
        for months in (3, 6):
            for method in METHODS:
                figures: list[Any] = []
                for stat in stats:
                    try:
                        figures.append(RUSSELL_SCENARIO(path, "relative", stat, months, AS_OF, method))
                    except XlSmallcapError:
                        figures.append(None)
                yield f"| {path} | {months} | {method} | " + " | ".join(text(v, 2) for v in figures) + " |"


def tipping() -> Iterator[str]:
    """Yield what would have to be true, for each path and factor."""
    yield "| path | months | target | factor | tipping | fails | 90 % | unit | in sd | of the path | distance then |"
    yield "|---" * 11 + "|"
    for path in ("goldman", "jpmorgan"):
        for target in ("relative", "hedged"):
            for months in HORIZONS:
                for r in rows(RUSSELL_TIPPING(None, path, target, months, AS_OF)):
                    edges = (
                        "cannot be bounded" if r["lower"] is None else f"{text(r['lower'], 1)} to {text(r['upper'], 1)}"
                    )
                    cells = [
                        text(r["tipping"], 1),
                        str(r["call_fails"]),
                        edges,
                        str(r["unit"]),
                        text(r["tipping_sd"], 2),
                    ]
                    cells += [text(r["of_the_path"], 1), text(r["path_distance"], 2)]
                    yield f"| {path} | {months} | {target} | {r['factor']} | " + " | ".join(cells) + " |"


def needles() -> Iterator[str]:
    """Yield the odds of the needle."""
    yield "| months | odds | by today's regimes | error | all of history alike |"
    yield "|---|---|---|---|---|"
    for months in HORIZONS:
        odds = {str(r[0]): r[1] for r in _table(RUSSELL_NEEDLE("relative", "all", months, AS_OF))[1:]}
        for name in ("joint", "window", "given_window", "outperform"):
            cells = [text(odds[name]), text(odds.get(f"{name}_se")), text(odds[f"{name}_base"])]
            yield f"| {months} | {name} | " + " | ".join(cells) + " |"
        yield f"| {months} | effective months (of {odds['nobs']}) | {text(odds['effective'], 0)} | | |"


def calibration() -> Iterator[str]:
    """Yield report cards and reliability."""
    names = ("n", "forecast_mean", "happened", "brier", "auc", "coverage50", "coverage90", "tstat")
    yield "| target | months | forecast | knowing | measure | " + " | ".join(names) + " |"
    yield "|---" * (5 + len(names)) + "|"
    for target in TARGETS:
        for months in HORIZONS:
            for r in rows(RUSSELL_SCENARIO_SCORE(target, months, AS_OF)):
                if r["measure"] == "all" or (months == 1 and r["forecast"] != "none"):
                    cells = " | ".join(text(r[n]) for n in names)
                    yield f"| {target} | {months} | {r['forecast']} | {r['knowing']} | {r['measure']} | {cells} |"


def _table(value: object) -> Table:
    assert isinstance(value, list)
    return value


def main() -> None:
    """Write the page."""
    parts = [
        "# Scenarios on real data, all tables", "",
        "Written by `python -m tools.scenario_pages`; [real-data.md](real-data.md) says what they mean, "
        f"[methods.md](methods.md) how each is worked out. As of {AS_OF}, specification `macro`, log returns in %. The "
        "direction of the paths is from a press report of that day; levels are the user's assumption, not a forecast "
        "by the firm named.", "",
        "## All paths side by side", "", *side_by_side(), "",
        "## By each method, relative", "",
        "`effective_scenarios`: for `regimes` the effective months behind the mixture, for the others what entropy "
        "pooling on the path leaves of overlapping weekly stretches.", "", *methods(), "",
        "## What must be true", "", *tipping(), "",
        "## Threading the needle, relative, growth at least 0 % and inflation at most 0 bp", "",
        *needles(), "",
        "## Were such projections right?", "",
        "Each month end projected knowing every factor to come, the thesis's three, or none; odds of a return above "
        "zero.", "",
        *calibration(), "",
    ]  # fmt: skip
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
