"""Draw the pictures of docs/real-data.md through ``.plot()`` from one's own data.

Load real history and run ``xl-smallcap regime history`` first; then ``python -m tools.pictures``. Nothing of the data
is written, only what is computed from it, and the NBER's recessions as grey.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes

import xl_smallcap as xs

FOLDER = Path(__file__).parents[1] / "docs" / "images"
START, END, AS_OF = "2010-01-01", "2022-12-30", "2025-12-24"
_WIDE = (9.5, 4.4)
matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.hashsalt": "xl_smallcap", "svg.fonttype": "none", "font.size": 10})


def save(axes: Axes, name: str) -> None:
    """Write the figure of some axes; the same inputs give the same bytes."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
    pyplot.close(figure)


def dispersion(data: xs.Data) -> None:
    """The ratio over twelve months by each weighting."""
    frame = data.dispersion_history("ratio", "12m", END, START).drop(columns="cap")
    axes = frame.plot(figsize=_WIDE, title="Dispersion of 12-month returns, Russell 2000 over S&P 500; survivors only")
    axes.axhline(2.0, color="black", linestyle=(0, (5, 4)), linewidth=0.9)
    axes.set_ylim(1.0, 5.0)
    axes.set_ylabel("ratio; dashed: twice; cut at 5")
    save(axes, "dispersion")


def positioning(data: xs.Data) -> None:
    """Net positions of two kinds of traders."""
    axes = None
    for category in ("leveraged", "asset_manager"):
        frame = data.positioning_history(category)
        axes = frame.plot(ax=axes, figsize=_WIDE, title=f"Net positions in Russell futures, reports out by {AS_OF}")
    assert axes is not None
    moved = pd.Timestamp("2017-09-19")
    axes.axvline(moved, color="grey", linestyle=":", linewidth=0.9)
    axes.text(moved, 36, " ICE to CME", color="grey", fontsize=9)
    axes.set_ylim(-40, 40)
    save(axes, "positioning")


def regimes(data: xs.Data) -> None:
    """Filtered probabilities since 1990 with recessions."""
    frame = data.regime_history("1990-01-01")
    axes = frame.plot(
        figsize=_WIDE, title="Regimes at each month end, as they could be told then (pool); grey: NBER recessions"
    )
    dated = data.session.snapshot.series("USREC")
    for day in dated.dates[(dated.values > 0.5) & (dated.dates >= np.datetime64("1990-01-01"))]:
        month = pd.Timestamp(day).to_period("M")
        axes.axvspan(month.start_time, month.end_time, color="black", alpha=0.28, linewidth=0)
    save(axes, "regimes")


def fans(data: xs.Data) -> None:
    """Both houses' fans side by side."""
    figure, both = pyplot.subplots(1, 2, figsize=_WIDE, sharey=True, layout="constrained")
    for axes, (path, label) in zip(
        both, (("jpmorgan", "Rebound, then pause"), ("goldman", "Growth without inflation")), strict=True
    ):
        odds = data.scenario(path, "relative", "prob_outperform", 6)
        data.fan(path, "relative", 6).plot(ax=axes, title=f"{label}: odds {100 * odds:.0f} % if it happens")
    figure.suptitle(f"Russell 2000 less S&P 500, from {AS_OF}; levels: user's assumption", fontsize=10)
    save(both[0], "fans")


def needle(data: xs.Data) -> None:
    """Odds over growth and inflation."""
    axes = data.needle_map("relative", 3).plot(
        figsize=(7.2, 5.4), title="Odds (%) of beating the S&P 500 over 3 months, if growth and inflation do this"
    )
    save(axes, "needle")


def news_days(data: xs.Data) -> None:
    """Betas of easing by kind of day, and those of CPI and payroll days over five years each."""
    _, (left, right) = pyplot.subplots(1, 2, figsize=_WIDE, width_ratios=(2, 3), layout="constrained")
    kinds = ["cpi", "payrolls", "fomc", "other", "cpi-payrolls"]
    frame = data.event_betas(as_of=AS_OF, unit="native")
    frame.loc[kinds].plot(ax=left, title="Easing, 2-year yield 10 bp lower, by kind of day")
    for kind, colour in (("cpi", "#0072B2"), ("payrolls", "#D55E00")):
        past = data.event_beta_history(kind=kind, as_of=AS_OF, unit="native").dropna(subset="beta")
        right.fill_between(past.index, past["lower"], past["upper"], color=colour, alpha=0.18, linewidth=0)
        right.plot(past.index, past["beta"], color=colour, linewidth=1.6, label=kind)
    right.axhline(0.0, color="black", linewidth=0.8)
    right.set_title("Five calendar years to each year's end, 90 % interval")
    right.set_ylabel("Russell less S&P 500, % per 10 bp")
    right.legend(frameon=False)
    save(left, "news-days")


def calibration(data: xs.Data) -> None:
    """Forecasts in bands against how often they came true: the pool, and projections told the path."""
    _, (left, right) = pyplot.subplots(1, 2, figsize=_WIDE, layout="constrained")
    for axes in (left, right):
        axes.plot([0, 1], [0, 1], color="black", linestyle=(0, (5, 4)), linewidth=0.9)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="mean forecast", ylabel="share that came true")
    score = data.regime_score().reset_index()
    for regime, colour in (("goldilocks", "#0072B2"), ("reflation", "#D55E00"), ("slowdown", "#555555")):
        rows = score[(score["regime"] == regime) & (score["horizon_months"] == 3)]
        rows = rows[rows["truth"].str.startswith("forecasts of")]
        left.plot(rows["forecast"], rows["happened"], marker="o", color=colour, label=regime)
    left.set_title("Pool of regimes, three months ahead")
    for target, colour in (("relative", "#0072B2"), ("russell", "#D55E00")):
        card = data.scenario_score(target, 1).reset_index()
        rows = card[(card["forecast"] == "path") & card["measure"].str.startswith("forecasts of")]
        right.plot(rows["forecast_mean"], rows["happened"], marker="o", color=colour, label=target)
    right.set_title("Odds of a gain in a month, every factor told")
    for axes in (left, right):
        axes.legend(frameon=False)
    save(left, "calibration")


def main() -> None:
    """Draw all."""
    data = xs.open(AS_OF)
    for draw in (dispersion, positioning, regimes, fans, needle, calibration, news_days):
        draw(data)


if __name__ == "__main__":
    main()
