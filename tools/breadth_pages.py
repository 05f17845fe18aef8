"""Write docs/breadth-tables.md from one's own data.

Load real history with a subfolder ``cross_section`` first; then ``python -m tools.breadth_pages``. Nothing of the data
is written, only what is computed from it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tools.real_data_tables import rows
from xl_smallcap.analyses.universe import UniverseQuestion, run_universe
from xl_smallcap.functions import (
    RUSSELL_DISPERSION_HISTORY,
    RUSSELL_POSITIONING,
    RUSSELL_POSITIONING_HISTORY,
    RUSSELL_WINNERS,
)
from xl_smallcap.session import current_session
from xl_smallcap.types import Window

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "breadth-tables.md"
START, END, AS_OF = "2010-01-01", "2022-12-30", "2025-12-24"
WEIGHTINGS = ("equal", "winsor", "iqr")
PERIODS = (("2010-2014", 2010, 2014), ("2015-2019", 2015, 2019), ("2020-2022", 2020, 2022), ("2010-2022", 2010, 2022))
QUARTERS = (("2020-12-31", 8), ("2020-03-31", -8), ("2021-03-31", 8), ("2022-12-30", 8), ("2022-12-30", -5))
CATEGORIES = ("leveraged", "asset_manager", "dealer", "other")


def ratios(window: str) -> list[dict[str, Any]]:
    """Return the history of the ratio."""
    return rows(RUSSELL_DISPERSION_HISTORY("ratio", window, END, START))


def _dispersion() -> Iterator[str]:
    yield "| window | weighting | years | n | median | mean | 5 % | 95 % | months above 2 |"
    yield "|---" * 9 + "|"
    for window in ("1m", "3m", "12m"):
        table = ratios(window)
        for weighting in WEIGHTINGS:
            for label, first, last in PERIODS:
                v = np.array([r[weighting] for r in table if first <= r["date"].year <= last])
                low, high = np.percentile(v, (5, 95))
                yield (
                    f"| {window} | {weighting} | {label} | {v.size} | {np.median(v):.2f} | {v.mean():.2f} | "
                    f"{low:.2f} | {high:.2f} | {100 * np.mean(v > 2):.0f} % |"
                )


def _levels() -> Iterator[str]:
    yield "| year | Russell, equal | S&P, equal | Russell, iqr | S&P, iqr | returns | coverage | flagged |"
    yield "|---" * 8 + "|"
    histories = {i: rows(RUSSELL_DISPERSION_HISTORY(i, "1m", END, START)) for i in ("russell", "sp500")}
    for year in range(2010, 2023):
        own = {i: [r for r in t if r["date"].year == year] for i, t in histories.items()}

        def mean(index: str, what: str, own: dict[str, list[dict[str, Any]]] = own) -> float:
            return float(np.mean([r[what] for r in own[index]]))

        yield (
            f"| {year} | {mean('russell', 'equal'):.1f} | {mean('sp500', 'equal'):.1f} | "
            f"{mean('russell', 'iqr'):.1f} | {mean('sp500', 'iqr'):.1f} | "
            f"{mean('russell', 'nobs'):.0f}, {mean('sp500', 'nobs'):.0f} | "
            f"{mean('russell', 'coverage'):.0f}, {mean('sp500', 'coverage'):.0f} % | "
            f"{sum(r['flagged'] for r in own['russell']):.0f} |"
        )


def _winners() -> Iterator[str]:
    for day, count in QUARTERS:
        table = rows(RUSSELL_WINNERS(count, 63, day))
        yield f"### {'Winners' if count > 0 else 'Losers'} of the 63 days to {day}"
        yield ""
        yield f"{table[0]['note']}."
        yield ""
        yield "| | ticker | name | move | macro and market | residual | t | p, all asked | |"
        yield "|---" * 9 + "|"
        for r in table:
            yield (
                f"| {r['rank']} | {r['ticker']} | {r['name'].title()} | {r['move']:+.0f} | {r['macro']:+.0f} | "
                f"{r['residual']:+.0f} ± {r['se']:.0f} | {r['tstat']:.1f} | {r['pvalue_bh']:.2g} | {r['suspect']} |"
            )
        yield ""


def _universe(folder: Path) -> Iterator[str]:
    import polars as pl

    session = current_session()
    spec = session.catalogue.spec("macro")
    for monthly in (False, True):
        out = folder / "universe.parquet"
        question = UniverseQuestion(spec, Window(250, "daily"), np.datetime64(END, "D"), monthly, None)
        began = time.perf_counter()
        done = run_universe(session, question, out, lambda *_: None)
        seconds = time.perf_counter() - began
        statuses = ", ".join(f"{n} {what}" for what, n in done.statuses.items())
        size = f"{done.stocks} stocks x {done.days} day(s)"
        yield f"* {size}: {done.fits:,} fits with errors in {seconds:.1f} s ({statuses})"
        if monthly:
            continue
        frame = pl.read_parquet(out).filter((pl.col("status") == "ok") & ~pl.col("suspect_price"))
        own = frame.filter(pl.col("ticker").is_in(_russell()))
        yield ""
        yield f"Betas of {own.height} Russell members, % per +1 sd, window 250 to {END}:"
        yield ""
        yield "| factor | median | 5 % | 95 % | above zero | t beyond ±1.96 |"
        yield "|---" * 6 + "|"
        for name in spec.factors:
            b, se = own[f"beta_{name}"].to_numpy(), own[f"se_{name}"].to_numpy()
            low, high = np.percentile(b, (5, 95))
            yield (
                f"| {name} | {np.median(b):+.2f} | {low:+.2f} | {high:+.2f} | {100 * np.mean(b > 0):.0f} % | "
                f"{100 * np.mean(np.abs(b / se) > 1.96):.0f} % |"
            )
        r2 = own["rsquared"].to_numpy()
        yield ""
        yield f"Median R² {np.median(r2):.2f}, 5 to 95 %: {np.percentile(r2, 5):.2f} to {np.percentile(r2, 95):.2f}."
        yield ""


def _russell() -> list[str]:
    from xl_smallcap.analyses.constituents import Rosters

    session = current_session()
    tickers = session.snapshot.prices().tickers
    roster = Rosters(session, "russell", tickers).on(np.datetime64(END, "D"))
    return [tickers[int(k)] for k in roster.columns if k >= 0]


def _positions() -> Iterator[str]:
    yield "| category | report | net | % of OI | % of 4-week mean OI | change | percentile 3 y, 5 y | z 3 y, 5 y |"
    yield "|---" * 8 + "|"

    def cell(value: object) -> str:
        return f"{value:.1f}" if isinstance(value, float) else "n/a"

    for category in CATEGORIES:
        last = rows(RUSSELL_POSITIONING_HISTORY(category, AS_OF))[-1]
        smooth = RUSSELL_POSITIONING(category, "net_pct", AS_OF, "oi4w")
        yield (
            f"| {category} | {last['date']} | {last['net']:,.0f} | {cell(last['net_pct'])} | {cell(smooth)} | "
            f"{last['change']:+,.0f} | {cell(last['percentile3y'])}, {cell(last['percentile5y'])} | "
            f"{cell(last['z3y'])}, {cell(last['z5y'])} |"
        )


def main() -> None:
    """Write the page."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        universe = list(_universe(Path(folder)))
    parts = [
        "# Breadth on real data, all tables", "",
        "Written by `python -m tools.breadth_pages`; [real-data.md](real-data.md) says what they mean, "
        "[methods.md](methods.md) how each is worked out. **Survivors only:** adjusted prices of stocks that were "
        "alive in March 2024 and members in mid-2026, membership applied backwards; no weights by date, so no "
        "cap-weighted number.",
        "",
        "## Dispersion of the Russell 2000 over that of the S&P 500", "", *_dispersion(), "",
        "## Monthly dispersion in %, mean of the year", "",
        "Returns and coverage: mean number of members with a return and share of the list, Russell, S&P. Flagged: "
        "stock-months of the Russell with a move like a split (about 2, 3, 4 or more, or the inverse) in a day.", "",
        *_levels(), "",
        "## Moves that macro does not explain", "",
        "Log %; factors `macro_market`, betas of the 250 days before.", "", *_winners(),
        "## Universe", "", *universe, "",
        f"## Positions as of {AS_OF}", "", *_positions(), "",
    ]  # fmt: skip
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
