"""Write docs/scenario-tables.md and the pictures of fans and needle from one's own data.

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
    RUSSELL_FAN,
    RUSSELL_NEEDLE,
    RUSSELL_NEEDLE_MAP,
    RUSSELL_SCENARIO,
    RUSSELL_SCENARIO_SCORE,
    RUSSELL_SCENARIOS,
    RUSSELL_TIPPING,
)
from xl_smallcap.functions.scenarios import CONDITIONAL
from xl_smallcap.types import Table

DOCS = Path(__file__).parents[1] / "docs"
PAGE, FANS, MAP = DOCS / "scenario-tables.md", DOCS / "images" / "fans.svg", DOCS / "images" / "needle.svg"
TARGETS, HORIZONS = ("russell", "relative", "hedged"), (1, 3, 6)
METHODS = ("analytic", "simulation", "bootstrap", "pooling", "regimes")
SHOWN = (("jpmorgan", "Rebound, then pause", "#2a6f97"), ("goldman", "Growth without inflation", "#c46210"))
_OPEN = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" font-size="11">'


def fans() -> str:
    """Return both houses' fans side by side as SVG."""
    wide, high, left, top = 300, 230, 40, 34
    out = [
        _OPEN.format(2 * wide + 3 * left, high + 80),
        f'<rect width="{2 * wide + 3 * left}" height="{high + 80}" fill="#fff"/>',
    ]
    top_value = 18.0

    def y(value: float) -> float:
        return top + high * (0.5 - value / (2 * top_value))

    for k, (path, label, colour) in enumerate(SHOWN):
        x0 = left + k * (wide + left)
        table = rows(RUSSELL_FAN(path, "relative", 6, AS_OF))
        at = [(0, *[0.0] * 5), *((r["months"], *(r[p] for p in ("p5", "p25", "p50", "p75", "p95"))) for r in table)]
        points = [(x0 + wide * row[0] / 6, [y(v) for v in row[1:]]) for row in at]
        for low, up, opacity in ((0, 4, 0.2), (1, 3, 0.4)):
            there = [f"{x:.1f},{ys[up]:.1f}" for x, ys in points]
            back = [f"{x:.1f},{ys[low]:.1f}" for x, ys in reversed(points)]
            out.append(f'<polygon points="{" ".join(there + back)}" fill="{colour}" opacity="{opacity}"/>')
        line = " ".join(f"{x:.1f},{ys[2]:.1f}" for x, ys in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.append(
            f'<line x1="{x0}" x2="{x0 + wide}" y1="{y(0):.1f}" y2="{y(0):.1f}" stroke="#000" stroke-width=".7"/>'
        )
        for value in (-15, -10, -5, 0, 5, 10, 15):
            out.append(f'<text x="{x0 - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>')
        for month in range(7):
            out.append(
                f'<text x="{x0 + wide * month / 6:.0f}" y="{top + high + 16}" text-anchor="middle">{month}</text>'
            )
        odds = RUSSELL_SCENARIO(path, "relative", "prob_outperform", 6, AS_OF)
        assert isinstance(odds, float)
        said = f"{label}: odds {100 * odds:.0f} % if it happens"
        out.append(f'<text x="{x0}" y="18">{said}</text>')
    foot = f"Russell 2000 less S&amp;P 500, log %, from {AS_OF}; bands 50 and 90 %; levels: user's assumption"
    out.append(f'<text x="{left}" y="{top + high + 38}">{foot}</text>')
    return "\n".join([*out, "</svg>", ""])


def needle_map(table: Table) -> str:
    """Return the map as SVG, blue above one half, orange below, values written in."""
    cell, left, top = 46, 70, 44
    side = cell * (len(table) - 1)
    out = [
        _OPEN.format(side + left + 16, side + top + 44),
        f'<rect width="{side + left + 16}" height="{side + top + 44}" fill="#fff"/>',
    ]
    out.append(
        '<text x="8" y="18">Odds of beating the S&amp;P 500 over 3 months, if growth and inflation do this (sd)</text>'
    )
    for j, g in enumerate(table[0][1:]):
        out.append(f'<text x="{left + cell * (j + 0.5):.0f}" y="{top - 6}" text-anchor="middle">{g:+.1f}</text>')
    for i, row in enumerate(reversed(table[1:])):  # inflation rises upwards
        out.append(f'<text x="{left - 6}" y="{top + cell * (i + 0.55):.0f}" text-anchor="end">{row[0]:+.1f}</text>')
        for j, p in enumerate(row[1:]):
            assert isinstance(p, float)
            colour, strength = ("#2a6f97", (p - 0.5) / 0.25) if p >= 0.5 else ("#c46210", (0.5 - p) / 0.25)
            x, yy = left + cell * j, top + cell * i
            size = f'x="{x}" y="{yy}" width="{cell}" height="{cell}"'
            out.append(f'<rect {size} fill="{colour}" opacity="{min(strength, 0.9):.2f}"/>')
            out.append(
                f'<text x="{x + cell / 2:.0f}" y="{yy + cell / 2 + 4:.0f}" text-anchor="middle">{100 * p:.0f}</text>'
            )
    out.append(
        f'<text x="{left}" y="{top + side + 18}">growth across, inflation up; conditional on both; others follow</text>'
    )
    out.append(f'<text x="{left}" y="{top + side + 33}">straight lines of equal odds come from the model</text>')
    return "\n".join([*out, "</svg>", ""])


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
                found: list[Any] = []
                for stat in stats:
                    try:
                        found.append(RUSSELL_SCENARIO(path, "relative", stat, months, AS_OF, method))
                    except XlSmallcapError:
                        found.append(None)
                yield f"| {path} | {months} | {method} | " + " | ".join(text(v, 2) for v in found) + " |"


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
        told = {str(r[0]): r[1] for r in _table(RUSSELL_NEEDLE("relative", "all", months, AS_OF))[1:]}
        for name in ("joint", "window", "given_window", "outperform"):
            cells = [text(told[name]), text(told.get(f"{name}_se")), text(told[f"{name}_base"])]
            yield f"| {months} | {name} | " + " | ".join(cells) + " |"
        yield f"| {months} | effective months (of {told['nobs']}) | {text(told['effective'], 0)} | | |"


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
    """Write page and pictures."""
    FANS.write_text(fans(), encoding="utf-8")
    MAP.write_text(needle_map(RUSSELL_NEEDLE_MAP("relative", 3, AS_OF)), encoding="utf-8")
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
