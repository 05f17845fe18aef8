"""From a table of cells to a DataFrame that knows its unit, its source and how it is drawn."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from xl_smallcap.errors import BadArgumentError
from xl_smallcap.types import Scalar, Table

if TYPE_CHECKING:
    from pandas.plotting import PlotAccessor

KEYS: dict[str, tuple[str, ...]] = {
    "RUSSELL_BETAS": ("factor",),
    "RUSSELL_METHODS": ("method", "components", "window"),
    "RUSSELL_ATTRIBUTION": ("item",),
    "RUSSELL_FACTORS": ("factor",),
    "RUSSELL_REGIMES": ("regime",),
    "RUSSELL_TRANSITIONS": ("from",),
    "RUSSELL_REGIME_RETURNS": ("regime", "months"),
    "RUSSELL_REGIME_SCORE": ("regime", "horizon_months", "truth"),
    "RUSSELL_SCENARIOS": ("scenario",),
    "RUSSELL_FAN": ("months",),
    "RUSSELL_SCENARIO_SCORE": ("forecast", "knowing", "measure"),
    "RUSSELL_TIPPING": ("factor",),
    "RUSSELL_WINNERS": ("rank",),
    "RUSSELL_EVENT_BETAS": ("event",),
    "RUSSELL_NEWS_BETAS": ("news",),
    "RUSSELL_GAUGES": ("series",),
    "RUSSELL_CLAIMS": ("claim",),
    "RUSSELL_DIFF": ("factor",),
    "RUSSELL_SOURCE": ("series",),
    "RUSSELL_STATUS": ("series",),
    "RUSSELL_WHY": ("number",),
}
"""Columns that name a row, by function; a date or a stat in the first column does so by itself."""
_SHOWN = ("target", "factor", "scenario", "shocks", "window", "method", "model", "spec", "as_of")


class Frame(pd.DataFrame):  # type: ignore[misc]  # pandas has no types of its own
    """A DataFrame of answers.

    ``attrs`` hold function, arguments as understood, unit, source, snapshot and as_of. A notebook shows them above the
    table. ``plot()`` without a kind draws what the answer is; with a kind it is pandas' own.
    """

    @property
    def _constructor(self) -> Callable[..., Frame]:
        return Frame

    @property
    def plot(self) -> PlotAccessor:
        """Draw it: ``plot()`` as what it is, ``plot.line()`` and the like as pandas does. Needs matplotlib."""
        from xl_smallcap.face.plots import Drawing

        return Drawing(self)

    def to_parquet(self, *given: Any, **named: Any) -> Any:
        """Write Parquet as pandas does; a column of numbers, days and texts together is a sentence."""
        for name, column in self.items():
            kinds = {type(v) for v in column.dropna()} if column.dtype == object else set()
            if len(kinds) > 1:
                raise BadArgumentError(
                    f"Column '{name}' holds numbers, days and texts together, which Parquet cannot; write it with "
                    "to_csv, or choose rows of one kind."
                )
        return super().to_parquet(*given, **named)

    @property
    def caption(self) -> str:
        """Function, arguments, unit, source and snapshot in a line."""
        attrs = self.attrs
        if "function" not in attrs:
            return ""
        arguments = attrs.get("arguments", {})
        parts = [attrs["function"].removeprefix("RUSSELL_").lower().replace("_", " ")]
        parts += [f"{n} {arguments[n]}" for n in _SHOWN if arguments.get(n)]
        parts += [attrs[n] for n in ("unit", "source") if attrs.get(n)]
        return " · ".join([*parts, f"snapshot {attrs['snapshot']}"])

    def _repr_html_(self) -> str | None:
        table: str | None = pd.DataFrame(self)._repr_html_()
        if table is None or not self.caption:
            return table
        return f'<div style="font-size:90%;opacity:.75">{html.escape(self.caption)}</div>{table}'

    def __repr__(self) -> str:
        plain = repr(pd.DataFrame(self))
        return f"{plain}\n\n[{self.caption}]" if self.caption else plain


def column_of(cells: Sequence[Scalar]) -> pd.Series:
    """Return cells as a column: numbers as numbers (#N/A is NaN), days as timestamps, else what they are."""
    there = [c for c in cells if c is not None]
    if there and all(isinstance(c, dt.date) for c in there):
        return pd.Series(pd.to_datetime([None if c is None else pd.Timestamp(c) for c in cells]))
    if there and all(isinstance(c, (int, float)) and not isinstance(c, bool) for c in there):
        whole = len(there) == len(cells) and all(isinstance(c, int) for c in there)
        return pd.Series(cells, dtype="int64" if whole else "float64")
    mixed = [pd.Timestamp(c) if isinstance(c, dt.date) else c for c in cells]
    return pd.Series(mixed, dtype=None if there else "float64")


def frame_of(function: str, table: Table, attrs: Mapping[str, Any]) -> Frame:
    """Return a worksheet function's table as a frame: its first columns as index where they name a row."""
    header, *rows = table
    columns = [column_of([row[j] for row in rows]) for j in range(len(header))]
    keys = KEYS.get(function, ("date",) if header[0] == "date" else ("stat",) if header[0] == "stat" else ())
    if function == "RUSSELL_NEEDLE_MAP":
        across = pd.Index([float(str(h)) for h in header[1:]], name="growth")
        down = pd.Index(columns[0], name="inflation")
        made = Frame(dict(zip(range(len(across)), (c.to_numpy() for c in columns[1:]), strict=True)), index=down)
        made.columns = across
    else:
        made = Frame({str(h): c for h, c in zip(header, columns, strict=True)})
        if keys and set(keys) <= set(made.columns):
            made = Frame(made.set_index(list(keys)))
    made.attrs = {"function": function, "index": list(made.index.names), **attrs, **_unit_and_source(made)}
    return made


def _unit_and_source(made: pd.DataFrame) -> dict[str, str]:
    """The unit and the source, where all rows share one."""
    shared = {}
    for name in ("unit", "source", "window"):
        values = None
        if name in made.columns:
            values = made[name].dropna().unique()
        elif made.index.name == "stat" and name in made.index:
            values = [made.loc[name].iloc[0]]
        if values is not None and len(values) == 1:
            shared[name] = str(values[0])
    return shared


def tidy(parts: Sequence[tuple[dict[str, Any], Any]], what: str) -> Frame:
    """Return answers to several questions as one frame, whose first index levels say which question."""
    frames = []
    # a level of both numbers and words, such as 250 and "104w", is one of words: sorted, stored and compared alike
    mixed = {n for n in parts[0][0] if len({type(q[n]) for q, _ in parts}) > 1}
    for given, answer in parts:
        question = {n: str(v) if n in mixed else v for n, v in given.items()}
        part = pd.DataFrame(answer) if isinstance(answer, pd.DataFrame) else pd.DataFrame({what: [answer]})
        own = [n for n in part.index.names if n is not None]
        part = part.reset_index(drop=not own)
        for name, value in reversed(list(question.items())):
            if name in part.columns:
                part = part.drop(columns=name)
            part.insert(0, name, value)
        frames.append(part.set_index([*question, *(n for n in own if n not in question)]))
    made = Frame(pd.concat(frames))
    attrs = [a.attrs for _, a in parts if isinstance(a, pd.DataFrame)]
    if attrs:
        made.attrs = {k: v for k, v in attrs[0].items() if all(t.get(k) == v for t in attrs)}
    return made
