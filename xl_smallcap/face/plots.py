"""What ``.plot()`` of an answer draws, by the function it answers; every other kind is pandas' own."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.plotting import PlotAccessor

from xl_smallcap.errors import BadArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, BLUE, ORANGE, GREY = "#22303c", "#0072b2", "#c46210", "#7f8c97"
REGIME_COLOURS = {"goldilocks": "#2a7f62", "reflation": ORANGE, "slowdown": BLUE, "stagflation": "#8a1c4a"}
_CAPTION_WIDTH = 100
_CHANGED = "This frame is not one whole answer any more"
_THEN = "Draw the answer itself, one question of several, or give a kind, such as kind='line'."
_DARK = 0.3
"""Odds so far from one half are written in white."""
Draw = Callable[[pd.DataFrame, "Axes"], None]


class Drawing(PlotAccessor):  # type: ignore[misc]  # pandas has no types of its own
    """pandas' plot accessor, whose bare call draws an answer as what it is."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Draw the answer on axes of its own or those given, and return them."""
        frame = self._parent
        draw = DRAWN.get(str(frame.attrs.get("function", "")))
        if given or "kind" in named or draw is None:
            try:
                return super().__call__(*given, **named)
            except TypeError as exc:
                raise BadArgumentError(f"This frame cannot be drawn: {exc}. Choose columns of numbers.") from None
        if isinstance(frame.index, pd.MultiIndex) or list(frame.index.names) != frame.attrs.get("index"):
            raise BadArgumentError(f"{_CHANGED} (its rows are other ones). {_THEN}")
        axes = named.pop("ax", None)
        figure_size = named.pop("figsize", (9.0, 4.5))
        title = named.pop("title", None)
        if named:
            raise BadArgumentError(
                f"plot() of this answer takes ax, figsize and title; got {', '.join(named)}. With a kind, such as "
                "kind='line', it is pandas' own."
            )
        own = axes is None
        axes = _new_axes(figure_size) if own else axes
        try:
            draw(frame, axes)
        except KeyError as exc:
            if own:
                from matplotlib import pyplot

                pyplot.close(axes.get_figure(root=True))
            raise BadArgumentError(f"{_CHANGED} (it has no column {exc}). {_THEN}") from None
        caption = "\n".join(
            textwrap.wrap(title if title is not None else getattr(frame, "caption", ""), _CAPTION_WIDTH)
        )
        axes.set_title(caption, fontsize=9, color=INK, loc="left")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        return axes


def _new_axes(size: tuple[float, float]) -> Axes:
    try:
        from matplotlib import pyplot
    except ImportError:
        raise BadArgumentError("Pictures need matplotlib: pip install matplotlib.") from None
    _, axes = pyplot.subplots(figsize=size, layout="constrained")
    return axes


def _zero(axes: Axes, *, across: bool = True) -> None:
    (axes.axhline if across else axes.axvline)(0.0, color=GREY, linewidth=0.8, zorder=0)


def intervals(frame: pd.DataFrame, axes: Axes) -> None:
    """Betas with their intervals, one below the other."""
    rows = frame[frame["role"].eq("factor")] if "role" in frame else frame
    rows = rows[rows["beta"].notna()].iloc[::-1]
    y = np.arange(len(rows))
    clear = (rows["lower"] > 0) | (rows["upper"] < 0)
    axes.hlines(y, rows["lower"], rows["upper"], color=np.where(clear, BLUE, GREY), linewidth=2.5)
    axes.scatter(rows["beta"], y, color=np.where(clear, BLUE, GREY), zorder=3)
    axes.set_yticks(y, [str(i) for i in rows.index])
    axes.set_xlabel(f"{_unit(frame)}; 90 % interval, blue where it leaves out zero")
    _zero(axes, across=False)


def beta_history(frame: pd.DataFrame, axes: Axes) -> None:
    """A rolling beta in its interval."""
    axes.fill_between(frame.index, frame["lower"], frame["upper"], color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(frame.index, frame["beta"], color=BLUE, linewidth=1.2)
    axes.set_ylabel(_unit(frame))
    _zero(axes)


def attribution(frame: pd.DataFrame, axes: Axes) -> None:
    """Contributions with their intervals."""
    rows = frame[frame["contribution"].notna()].iloc[::-1]
    y = np.arange(len(rows))
    axes.barh(y, rows["contribution"], color=[BLUE if v >= 0 else ORANGE for v in rows["contribution"]], height=0.6)
    axes.hlines(y, rows["lower"], rows["upper"], color=INK, linewidth=1.2)
    axes.set_yticks(y, [str(i) for i in rows.index])
    axes.set_xlabel("contribution, log %; line: 90 % interval of the estimated betas")
    _zero(axes, across=False)


def fair_value(frame: pd.DataFrame, axes: Axes) -> None:
    """The index and its fair value."""
    axes.plot(frame.index, frame["actual"], color=INK, linewidth=1.2, label="actual")
    axes.plot(frame.index, frame["value"], color=BLUE, linewidth=1.2, label="fair value given macro")
    axes.set_ylabel("index points")
    axes.legend(frameon=False)


def regimes(frame: pd.DataFrame, axes: Axes) -> None:
    """Probabilities with their intervals, one below the other."""
    rows = frame[frame["probability"].notna()].iloc[::-1]
    y = np.arange(len(rows))
    axes.barh(y, rows["probability"], color=[REGIME_COLOURS.get(str(i), GREY) for i in rows.index], height=0.6)
    axes.hlines(y, rows["lower"], rows["upper"], color=INK, linewidth=1.2)
    axes.set_yticks(y, [str(i) for i in rows.index])
    axes.set_xlim(0, 1)
    axes.set_xlabel("probability; line: 90 % interval")


def regime_history(frame: pd.DataFrame, axes: Axes) -> None:
    """Filtered probabilities, stacked."""
    names = [n for n in ("goldilocks", "reflation", "slowdown") if n in frame]
    there = frame[names].dropna()
    axes.stackplot(
        there.index, *(there[n] for n in names), labels=names, colors=[REGIME_COLOURS[n] for n in names], alpha=0.85,
        step="post",
    )  # fmt: skip
    axes.set_ylim(0, 1)
    axes.set_ylabel("probability as it could be told then")
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3)


def fan(frame: pd.DataFrame, axes: Axes) -> None:
    """The mean and ranges of the cumulated return, month by month from today."""
    months = np.concatenate([[0], frame.index.to_numpy(dtype=float)])

    def line(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.concatenate([[0.0], frame[name].to_numpy(dtype=float)])

    axes.fill_between(months, line("p5"), line("p95"), color=BLUE, alpha=0.15, linewidth=0, label="90 % range")
    axes.fill_between(months, line("p25"), line("p75"), color=BLUE, alpha=0.3, linewidth=0, label="50 % range")
    axes.plot(months, line("mean"), color=BLUE, label="mean on the path")
    axes.set_xlabel("months")
    axes.set_ylabel("cumulated log return, %")
    axes.legend(frameon=False, loc="upper left")
    _zero(axes)


def scenarios(frame: pd.DataFrame, axes: Axes) -> None:
    """Every path's mean in its ranges, one below the other."""
    rows = frame.iloc[::-1]
    y = np.arange(len(rows))
    axes.hlines(y, rows["p5"], rows["p95"], color=BLUE, alpha=0.35, linewidth=6)
    axes.hlines(y, rows["p25"], rows["p75"], color=BLUE, alpha=0.7, linewidth=6)
    axes.scatter(rows["mean"], y, color=INK, zorder=3)
    axes.set_yticks(y, [str(i) for i in rows.index])
    axes.set_xlabel("log return over the horizon, %: mean, 50 % and 90 % range, conditional on the path")
    _zero(axes, across=False)


def needle_map(frame: pd.DataFrame, axes: Axes) -> None:
    """Odds of beating the S&P 500 over growth and inflation, with the line of one half."""
    x, y, z = (np.asarray(v, dtype=float) for v in (frame.columns, frame.index, frame.to_numpy()))
    drawn = axes.pcolormesh(x, y, z, cmap="RdBu", vmin=0, vmax=1, shading="nearest")
    for (i, j), odds in np.ndenumerate(z):
        axes.text(
            float(x[j]), float(y[i]), f"{100 * odds:.0f}", ha="center", va="center", fontsize=8, color=_ink_on(odds)
        )
    if z.min() < 0.5 < z.max():
        axes.contour(x, y, z, levels=[0.5], colors=INK)
    axes.set_xlabel("growth, standard deviations")
    axes.set_ylabel("inflation, standard deviations")
    figure = axes.figure
    figure.colorbar(drawn, ax=axes, label="odds, conditional on the path; line: one half")


def _ink_on(odds: float) -> str:
    return "white" if abs(odds - 0.5) > _DARK else INK


def dispersion_history(frame: pd.DataFrame, axes: Axes) -> None:
    """Dispersion by each weighting."""
    for name, colour in (("equal", BLUE), ("cap", ORANGE), ("winsor", "#2a7f62"), ("iqr", GREY)):
        if name in frame:
            axes.plot(frame.index, frame[name], color=colour, linewidth=1.2, label=name)
    axes.set_ylabel(_unit(frame))
    axes.legend(frameon=False)


def positioning_history(frame: pd.DataFrame, axes: Axes) -> None:
    """Net positions; weeks without a report are gaps."""
    steps = frame.index.to_series().diff().dt.days.to_numpy()
    values = frame["net_pct"].astype(float)
    gaps = frame.index[np.flatnonzero(steps > 12)] - pd.Timedelta(days=1)  # a line breaks at NaN
    joined = pd.concat([values, pd.Series(np.nan, index=gaps)]).sort_index()
    drawn = sum(np.size(line.get_xdata()) > 2 for line in axes.lines)  # beside another category's, if any
    colour = (ORANGE, BLUE, "#2a7f62", GREY)[drawn % 4]
    label = str(frame.attrs["arguments"].get("category", "net")).replace("_", " ")
    axes.plot(joined.index, joined.to_numpy(), color=colour, linewidth=1.2, label=label)
    axes.set_ylabel("net, % of open interest")
    axes.legend(frameon=False, loc="lower left")
    _zero(axes)


def _unit(frame: pd.DataFrame) -> str:
    return str(frame.attrs.get("unit", ""))


DRAWN: dict[str, Draw] = {
    "RUSSELL_BETAS": intervals,
    "RUSSELL_BETA_HISTORY": beta_history,
    "RUSSELL_EVENT_BETAS": intervals,
    "RUSSELL_EVENT_BETA_HISTORY": beta_history,
    "RUSSELL_ATTRIBUTION": attribution,
    "RUSSELL_FAIR_VALUE_HISTORY": fair_value,
    "RUSSELL_REGIMES": regimes,
    "RUSSELL_REGIME_HISTORY": regime_history,
    "RUSSELL_FAN": fan,
    "RUSSELL_SCENARIOS": scenarios,
    "RUSSELL_NEEDLE_MAP": needle_map,
    "RUSSELL_DISPERSION_HISTORY": dispersion_history,
    "RUSSELL_POSITIONING_HISTORY": positioning_history,
}
