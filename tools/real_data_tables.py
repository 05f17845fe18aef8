"""Write docs/real-data-tables.md: betas by target, method, specification, frequency and year on one's own data.

Load real history first (``xl-smallcap data load FOLDER``); then ``python -m tools.real_data_tables``, half a minute.
Nothing of the data is written, only what is computed from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from xl_smallcap.analyses.betas import fit
from xl_smallcap.analyses.question import aligned
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.functions import RUSSELL_ATTRIBUTION, RUSSELL_FAIR_VALUE
from xl_smallcap.functions.fair_value import hypothetical_trades
from xl_smallcap.functions.parameters import question_of
from xl_smallcap.session import current_session
from xl_smallcap.types import DayArray

PAGE = Path(__file__).parents[1] / "docs" / "real-data-tables.md"
AS_OF = "2025-12-24"
YEARS = range(2007, 2026)
FACTORS = ("growth", "inflation", "easing")
METHODS = ("ols", "univariate", "pcr", "pls")
TARGETS = ("russell", "relative", "hedged")
SPECS = ("macro", "macro_market", "full")
SHORT = {"": 250, "w": 104, "m": 60}
HEAD = """# Real data, all tables

Written by `python -m tools.real_data_tables` on the validation data of [real-data.md](real-data.md), which says what
they mean. Beta in % per +1 standard deviation of the factor, t in brackets; errors are Newey-West for `ols` and
`univariate`, bootstrapped for `pcr` and `pls`.
"""


def rows(table: Any) -> list[dict[str, Any]]:
    """Return a table's rows as dictionaries by the header."""
    return [dict(zip(table[0], row, strict=True)) for row in table[1:]]


def betas(target: str, window: Any, as_of: str, method: str, spec: str) -> list[tuple[float, float]]:
    """Return beta and t of growth, inflation and easing."""
    session = current_session()
    session.follow()
    fitted = fit(session, question_of(session, target, window, as_of, method, spec))
    positions = [fitted.position(f) for f in FACTORS]
    return [(float(fitted.fit.params[i]), float(fitted.fit.tvalues[i])) for i in positions]


def shown(pairs: list[tuple[float, float]]) -> str:
    """Return cells of a table."""
    return " | ".join(f"{b:+.2f} ({t:+.1f})" for b, t in pairs)


def dates_of(target: str, spec: str, suffix: str) -> DayArray:
    """Return the dates of all changes of a regression."""
    session = current_session()
    question = question_of(session, target, f"{SHORT[suffix]}{suffix}", AS_OF, None, spec)
    return aligned(session, question).dates


def by_frequency() -> Iterator[str]:
    """Betas by target, specification, frequency and method, short and whole sample."""
    yield "## By target, specification, frequency and method\n"
    yield "| target | spec | window | method | " + " | ".join(FACTORS) + " |\n|---|---|---|---|---|---|---|"
    for target in TARGETS:
        for spec in SPECS:
            if (target, spec) == ("hedged", "macro_market"):
                continue  # the same regression as hedged, macro
            for suffix, short in SHORT.items():
                for window in (f"{short}{suffix}", f"{dates_of(target, spec, suffix).size}{suffix}"):
                    for method in METHODS:
                        cells = shown(betas(target, window, AS_OF, method, spec))
                        yield f"| {target} | {spec} | {window} | {method} | {cells} |"


def by_year() -> Iterator[str]:
    """Betas of each calendar year, and how often each sign came up."""
    counts = [
        "\n## Signs over the calendar years 2007-2025\n",
        "How many of the 19 years are positive / have t > 1.65 / have t < -1.65; last column: growth and easing "
        "positive and inflation negative in the same year.\n",
        "| target | spec | frequency | method | " + " | ".join(FACTORS) + " | all three |\n" + "|---" * 8 + "|",
    ]
    regressions = [(t, s, "") for t in TARGETS for s in SPECS] + [(t, "macro", "w") for t in TARGETS]
    for target, spec, suffix in regressions:
        if (target, spec) == ("hedged", "macro_market"):
            continue  # the same regression as hedged, macro
        frequency = "weekly" if suffix else "daily"
        yield f"\n## Each calendar year: {target}, {spec}, {frequency}\n"
        yield "| year | " + " | ".join(f"{m} {f}" for m in METHODS for f in FACTORS) + " |\n|---|" + "---|" * 12
        days = dates_of(target, spec, suffix)
        years = days.astype("datetime64[Y]").astype(int) + 1970
        estimates: dict[str, list[list[tuple[float, float]]]] = {m: [] for m in METHODS}
        for year in YEARS:
            own = days[years == year]
            # a week cut short by New Year counts as complete once the next one has begun
            last = AS_OF if year == YEARS[-1] else str(own[-1] + (4 if suffix else 0))
            for method in METHODS:
                estimates[method].append(betas(target, f"{own.size}{suffix}", last, method, spec))
            yield f"| {year} | " + " | ".join(shown(estimates[m][-1]) for m in METHODS) + " |"
        for method in METHODS:
            a = np.array(estimates[method])
            cells = [
                f"{(a[:, k, 0] > 0).sum()} / {(a[:, k, 1] > 1.65).sum()} / {(a[:, k, 1] < -1.65).sum()}"
                for k in range(3)
            ]
            three = int(((a[:, 0, 0] > 0) & (a[:, 1, 0] < 0) & (a[:, 2, 0] > 0)).sum())
            counts.append(f"| {target} | {spec} | {frequency} | {method} | {' | '.join(cells)} | {three} |")
    yield from counts


def independent_windows() -> Iterator[str]:
    """How many windows that do not overlap have the signs of the thesis."""
    yield "\n## Independent windows with the thesis' three signs\n"
    yield f"Windows counted back from {AS_OF} without overlap; the last column has all three.\n"
    yield (
        "| target | spec | window | method | windows | growth + | inflation - | easing + | all three |\n"
        + "|---" * 9
        + "|"
    )
    for target in TARGETS:
        for spec in ("macro", "full"):
            for suffix, n in SHORT.items():
                days = dates_of(target, spec, suffix)
                ends = [d for i, d in enumerate(days[::-1][::n]) if (i + 1) * n <= days.size]
                for method in METHODS:
                    signs = []
                    for end in ends:
                        try:
                            estimates = betas(target, f"{n}{suffix}", str(end), method, spec)
                        except XlSmallcapError:
                            continue
                        signs.append([estimates[0][0] > 0, estimates[1][0] < 0, estimates[2][0] > 0])
                    s = np.array(signs)
                    each = " | ".join(str(int(c)) for c in s.sum(axis=0))
                    every = int(s.all(axis=1).sum())
                    yield f"| {target} | {spec} | {n}{suffix} | {method} | {len(s)} | {each} | {every} |"


def attributions() -> Iterator[str]:
    """The second half of 2025."""
    yield "\n## Attribution, 2025-06-30 to 2025-12-31, log %, with the 90 % half-width from estimating the betas\n"
    regressions = [("relative", s, m) for s in ("macro", "full") for m in ("ols", "pcr", "pls")]
    regressions += [("russell", "macro", "ols"), ("sp500", "macro", "ols"), ("hedged", "macro", "ols")]
    names = ["growth", "inflation", "easing", "real_yield", "credit", "dollar", "oil", "volatility", "market", "drift"]
    yield "| target | spec | method | " + " | ".join([*names, "specific", "total"]) + " |\n" + "|---" * 15 + "|"
    for target, spec, method in regressions:
        by_item = {
            r["item"]: r for r in rows(RUSSELL_ATTRIBUTION("2025-06-30", "2025-12-31", target, None, method, spec))
        }
        cells = []
        for name in (*names, "specific", "total"):
            if name not in by_item:
                cells.append("")
                continue
            half = "" if name == "total" else f" ± {by_item[name]['upper'] - by_item[name]['contribution']:.2f}"
            cells.append(f"{by_item[name]['contribution']:+.2f}{half}")
        yield f"| {target} | {spec} | {method} | {' | '.join(cells)} |"


def fair_values() -> Iterator[str]:
    """Gaps as of the date, with their evidence, and the back-tests."""
    yield f"\n## Fair value as of {AS_OF}\n"
    yield (
        "| model | target | window | spec | gap % | gap sigma | R² | noise percentile | coint. p | R² out of sample | "
        "half-life / of noise | verdict |\n" + "|---" * 12 + "|"
    )
    for model in ("changes", "levels"):
        for target in TARGETS:
            for window in ("250", "104w"):
                for spec in ("macro", "full"):
                    v = {
                        r["stat"]: r["value"]
                        for r in rows(RUSSELL_FAIR_VALUE(target, "all", window, AS_OF, model, spec))
                    }
                    numbers = (
                        f"{v['gap_pct']:+.2f} | {v['gap_sigma']:+.2f} | {v['rsquared']:.2f} | "
                        f"{v['noise_percentile']:.2f} | "
                        f"{v['cointegration_pvalue']:.2f} | {v['rsquared_oos']:+.2f} | "
                        f"{v['half_life']:.0f} / {v['noise_half_life']:.0f}"
                    )
                    yield f"| {model} | {target} | {window} | {spec} | {numbers} | {v['verdict']} |"
    yield f"\n## Trading against the gap, to {AS_OF}: hypothetical, before costs\n"
    yield (
        "| model | target | horizon | mean log % a year | 90 % interval | t | trades | worst fall log % |\n"
        + "|---" * 8
        + "|"
    )
    for model, horizons in (("changes", (5, 21, 63)), ("levels", (21,))):
        for target in TARGETS:
            for horizon in horizons:
                _, table, _ = hypothetical_trades(target, None, AS_OF, model, None, horizon, 1.0, 0.0, 1)
                r: dict[str, Any] = {name: value for name, value, _ in table}
                days = horizon if model == "changes" else ""
                yield (
                    f"| {model} | {target} | {days} | {r['mean']:+.1f} | {r['lower']:+.1f} to {r['upper']:+.1f} | "
                    f"{r['tstat']:+.1f} | {r['trades']} | {r['worst_fall']:.0f} |"
                )


def main() -> None:
    """Compute and write the page."""
    parts = (by_frequency, by_year, independent_windows, attributions, fair_values)
    lines = [line for part in parts for line in part()]
    PAGE.write_text(HEAD + "\n" + "\n".join(lines) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
