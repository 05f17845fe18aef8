"""Write docs/breadth-tables.md and the pictures of dispersion and positioning from one's own data.

Load real history with a subfolder ``cross_section`` first; then ``python -m tools.breadth_pages``. Nothing of the data
is written, only what is computed from it.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tools.real_data_tables import rows
from xl_smallcap.analyses.universe_run import UniverseQuestion, run_universe
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
DISPERSION, POSITIONS = DOCS / "images" / "dispersion.svg", DOCS / "images" / "positioning.svg"
START, END, AS_OF = "2010-01-01", "2022-12-30", "2025-12-24"
WEIGHTINGS = ("equal", "winsor", "iqr")
PERIODS = (("2010-2014", 2010, 2014), ("2015-2019", 2015, 2019), ("2020-2022", 2020, 2022), ("2010-2022", 2010, 2022))
QUARTERS = (("2020-12-31", 8), ("2020-03-31", -8), ("2021-03-31", 8), ("2022-12-30", 8), ("2022-12-30", -5))
CATEGORIES = ("leveraged", "asset_manager", "dealer", "other")
COLOURS = {"equal": "#2a6f97", "winsor": "#c46210", "iqr": "#5b8c5a"}
_OPEN = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" font-size="11">'


class Frame:
    """An SVG of lines over time with a value axis."""

    def __init__(self, first: dt.date, last: dt.date, low: float, high: float, step: float, unit: str) -> None:
        self.first, self.span = first, (last - first).days
        self.low, self.high = low, high
        self.wide, self.tall, self.left, self.top = 720, 260, 46, 30
        size = (self.wide + self.left + 20, self.tall + self.top + 56)
        self.out = [_OPEN.format(*size), f'<rect width="{size[0]}" height="{size[1]}" fill="#fff"/>']
        for value in np.arange(low, high + step / 2, step):
            y = self.y(float(value))
            strong = "#000" if abs(value) < 1e-9 else "#ddd"
            self.out.append(
                f'<line x1="{self.left}" x2="{self.left + self.wide}" y1="{y:.1f}" y2="{y:.1f}" stroke="{strong}"/>'
            )
            self.out.append(f'<text x="{self.left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}{unit}</text>')
        for year in range(first.year + 1, last.year + 1):
            x = self.x(dt.date(year, 1, 1))
            self.out.append(f'<text x="{x:.0f}" y="{self.top + self.tall + 16}" text-anchor="middle">{year}</text>')

    def x(self, day: dt.date) -> float:
        """Return the place of a day."""
        return self.left + self.wide * (day - self.first).days / self.span

    def y(self, value: float) -> float:
        """Return the place of a value."""
        inside = min(max(value, self.low), self.high)
        return self.top + self.tall * (self.high - inside) / (self.high - self.low)

    def line(self, points: list[tuple[dt.date, float]], colour: str, longest: int, width: float = 1.6) -> None:
        """Draw a line that breaks where more than so many days lie between two points."""
        part: list[str] = []
        before: dt.date | None = None
        for day, value in points:
            if before is not None and (day - before).days > longest:
                self._draw(part, colour, width)
                part = []
            part.append(f"{self.x(day):.1f},{self.y(value):.1f}")
            before = day
        self._draw(part, colour, width)

    def _draw(self, part: list[str], colour: str, width: float) -> None:
        if part:
            points = " ".join(part)
            self.out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"/>')

    def text(self, words: list[tuple[str, str]], foot: str) -> str:
        """Return the picture with a legend and a line below it."""
        x = self.left
        for said, colour in words:
            self.out.append(f'<text x="{x}" y="16" fill="{colour}">{said}</text>')
            x += 8 + 6 * len(said)
        self.out.append(f'<text x="{self.left}" y="{self.top + self.tall + 40}">{foot}</text>')
        return "\n".join([*self.out, "</svg>", ""])


def ratios(window: str) -> list[dict[str, Any]]:
    """Return the history of the ratio."""
    return rows(RUSSELL_DISPERSION_HISTORY("ratio", window, END, START))


def dispersion_picture() -> str:
    """Return the ratio over twelve months by each weighting as SVG."""
    table = ratios("12m")
    frame = Frame(table[0]["date"], table[-1]["date"], 1.0, 5.0, 0.5, "")
    y = frame.y(2.0)
    frame.out.append(
        f'<line x1="{frame.left}" x2="{frame.left + frame.wide}" y1="{y:.1f}" y2="{y:.1f}" stroke="#000" '
        'stroke-dasharray="5 4"/>'
    )
    for weighting in WEIGHTINGS:
        frame.line([(r["date"], r[weighting]) for r in table], COLOURS[weighting], 60)
    words = [("equal weights", COLOURS["equal"]), ("winsorised", COLOURS["winsor"]), ("interquartile", COLOURS["iqr"])]
    return frame.text(
        words, "Dispersion of 12-month returns, Russell 2000 over S&amp;P 500; survivors only; dashed: twice; cut at 5"
    )


def positions_picture() -> str:
    """Return net positions of leveraged funds and asset managers as SVG; weeks without a report are gaps."""
    lines = {"leveraged": "#c46210", "asset_manager": "#2a6f97"}
    told = {c: rows(RUSSELL_POSITIONING_HISTORY(c, AS_OF)) for c in lines}
    days = [r["date"] for r in told["leveraged"]]
    frame = Frame(days[0], days[-1], -40.0, 40.0, 10.0, " %")
    for category, colour in lines.items():
        frame.line([(r["date"], r["net_pct"]) for r in told[category]], colour, 10)
    moved = frame.x(dt.date(2017, 9, 19))
    frame.out.append(
        f'<line x1="{moved:.0f}" x2="{moved:.0f}" y1="{frame.top}" y2="{frame.top + frame.tall}" stroke="#888" '
        'stroke-dasharray="2 3"/>'
    )
    frame.out.append(f'<text x="{moved + 4:.0f}" y="{frame.top + 12}" fill="#555">ICE to CME</text>')
    words = [("Leveraged funds, net", "#c46210"), ("Asset managers, net", "#2a6f97")]
    return frame.text(
        words, f"% of open interest, Russell 2000 futures, CFTC reports out by {AS_OF}; no line where none is"
    )


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
    told = {i: rows(RUSSELL_DISPERSION_HISTORY(i, "1m", END, START)) for i in ("russell", "sp500")}
    for year in range(2010, 2023):
        own = {i: [r for r in t if r["date"].year == year] for i, t in told.items()}

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
        asked = UniverseQuestion(spec, Window(250, "daily"), np.datetime64(END, "D"), monthly, None)
        began = time.perf_counter()
        done = run_universe(session, asked, out, lambda *_: None)
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
    """Write page and pictures."""
    import tempfile

    DISPERSION.write_text(dispersion_picture(), encoding="utf-8")
    POSITIONS.write_text(positions_picture(), encoding="utf-8")
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
