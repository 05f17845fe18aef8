"""One question of pandas' side: arguments and shocks read, asked on one snapshot, lists multiplied out, as frames."""

from __future__ import annotations

import datetime as dt
import functools
import inspect
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
import pandas as pd

from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.errors import BadArgumentError, XlSmallcapError, closest
from xl_smallcap.face import frames
from xl_smallcap.functions import arguments as read
from xl_smallcap.functions.table import BY_NAME, Parameter, WorksheetFunction
from xl_smallcap.session import ErrorRecord, Session, answering

_SHOCK = re.compile(r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*(%|[A-Za-z]*)")
_FORMS = (
    'a dict such as {"inflation": (25, "bp")}, a Series or DataFrame by factor, rows of factor, shock, unit, '
    "or the name of a path"
)


def rows_of(shocks: Any) -> list[list[Any]]:
    """Return shocks as rows of a sheet; what cannot be read that way is said in a sentence."""
    if isinstance(shocks, Mapping):
        return [[factor, *_pair(factor, given)] for factor, given in shocks.items()]
    if isinstance(shocks, pd.Series):
        unit = shocks.attrs.get("unit", "")
        return [[factor, *_pair(factor, given, unit)] for factor, given in shocks.items()]
    if isinstance(shocks, pd.DataFrame):
        if isinstance(shocks.index, pd.MultiIndex) or isinstance(shocks.columns, pd.MultiIndex):
            raise BadArgumentError("A DataFrame of shocks has one level of rows, the factors, and one of columns.")
        frame = shocks if "factor" in shocks.columns else shocks.rename_axis("factor").reset_index()
        named = {str(c).strip().lower(): c for c in frame.columns}
        if "factor" not in named or "shock" not in named:
            columns = ", ".join(map(str, shocks.columns))
            raise BadArgumentError(f"A DataFrame of shocks has columns factor, shock, unit (and month); got {columns}.")
        order = [named[n] for n in ("factor", "shock", "unit", "month") if n in named]
        return [[_cell(v) for v in row] for row in frame[order].itertuples(index=False)]
    if isinstance(shocks, (list, tuple)):
        rows = [shocks] if shocks and not isinstance(shocks[0], (list, tuple)) else shocks
        strange = next((row for row in rows if not isinstance(row, (list, tuple))), None)
        if len(shocks) and not all(isinstance(row, (list, tuple)) for row in rows):
            raise BadArgumentError(f"A row of shocks is factor, shock, unit (and month); got {strange!r}.")
        return [[_cell(v) for v in row] for row in rows]
    if isinstance(shocks, np.ndarray) and shocks.ndim == 2:
        return [[_cell(v) for v in row] for row in shocks.tolist()]
    raise BadArgumentError(f"Shocks are {_FORMS}; got {type(shocks).__name__}.")


def _pair(factor: Any, given: Any, unit: str = "") -> list[Any]:
    """A shock and its unit from (25, "bp"), "25 bp", "-10 %" or, where a unit is known, a number."""
    if isinstance(given, (list, tuple)):
        return [_cell(v) for v in given]
    if isinstance(given, str):
        match = _SHOCK.fullmatch(given.strip().replace("\N{MINUS SIGN}", "-"))
        if match is None:
            raise BadArgumentError(f"The shock to '{factor}' is '{given}'; write it as '25 bp' or (25, 'bp').")
        word = match.group(2).lower()
        return [float(match.group(1)), {"%": "pct", "bps": "bp"}.get(word, word) or unit]
    return [_cell(given), unit]


def _cell(value: Any) -> Any:
    """A plain value: numpy's and pandas' scalars as Python's, NaN as blank."""
    if isinstance(value, str) or value is None:
        return value
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


# -- One question of pandas' side: arguments read, asked on one snapshot, lists multiplied out, the answer as a frame


Words: TypeAlias = str | Sequence[str] | None
Numbers: TypeAlias = float | str | Sequence[float | str] | None
Days: TypeAlias = dt.date | str | Sequence[dt.date | str] | pd.DatetimeIndex | None
Shocks: TypeAlias = str | Mapping[str, Any] | pd.Series | pd.DataFrame | Sequence[Any]
Weights: TypeAlias = Mapping[str, float] | pd.Series | pd.DataFrame | Sequence[Sequence[Any]] | None
"""What may be passed: one, or a list that asks for each."""

P = ParamSpec("P")
R = TypeVar("R")


class Asker:
    """One snapshot, and what a blank as_of means."""

    def __init__(self, session: Session, as_of: dt.date | None) -> None:
        if not isinstance(session, Session):
            raise BadArgumentError(
                f"Open data with xl_smallcap.open(); a session is needed, got {type(session).__name__}."
            )
        self.session, self.as_of = session, as_of

    def last_common_day(self) -> dt.date:
        """The last day by as_of on which every series of the default model was observed."""
        day = BY_NAME["RUSSELL_FIT"].call(stat="last_date", as_of=self.as_of)
        assert isinstance(day, dt.date)
        return day


def question(stub: Callable[P, R]) -> Callable[P, R]:
    """Make a method of the worksheet function of its name: the stub has the signature and the help."""
    signature = inspect.signature(stub)
    function = f"RUSSELL_{stub.__name__.upper()}"

    @functools.wraps(stub)
    def method(*given: P.args, **named: P.kwargs) -> R:
        asker: Any = given[0]
        try:
            bound = signature.bind(*given, **named).arguments
        except TypeError as exc:
            raise BadArgumentError(_misfit(stub.__name__, list(signature.parameters)[1:], named, exc)) from None
        del bound["self"]
        return ask(asker, function, bound)  # type: ignore[no-any-return]  # the stub says which of the forms it is

    return method


def _misfit(name: str, parameters: list[str], named: dict[str, Any], exc: TypeError) -> str:
    strange = [n for n in named if n not in parameters]
    if strange:
        near = closest(strange[0], parameters)
        hint = f" Did you mean '{near}'?" if near else ""
        return f"{name}() has no argument '{strange[0]}'.{hint} It takes {', '.join(parameters)}."
    return f"{name}({', '.join(parameters)}): {exc}."


def ask(asker: Asker, function: str, given: dict[str, Any]) -> Any:
    """Return an answer: a number, a text or a timestamp, or a frame; a list in an argument asks for each."""
    entry = BY_NAME[function]
    several = {n: _each(n, v) for n, v in given.items() if _is_several(entry, n, v)}
    if "all" in several.get("stat", ()):
        raise BadArgumentError("'all' is every stat already; ask for it alone, or for a list of stats without it.")
    with answering(asker.session):
        if not several:
            answer, plain = _one(asker, entry, given)
            return frames.frame_of(entry.name, answer, _attrs(asker, entry, plain)) if _is_table(answer) else answer
        parts, plain = [], {}
        for combination in itertools.product(*several.values()):
            which = dict(zip(several, combination, strict=True))
            answer, plain = _one(asker, entry, {**given, **which})
            if _is_table(answer):
                answer = frames.frame_of(entry.name, answer, _attrs(asker, entry, plain))
            parts.append(({n: _label(v) for n, v in which.items()}, answer))
        single = given.get("stat")
        made = frames.tidy(parts, single if isinstance(single, str) else "value")
        common = _attrs(asker, entry, plain)
        arguments = {n: v for n, v in common["arguments"].items() if n not in several}
        made.attrs = {"function": entry.name, **made.attrs, **common, "arguments": arguments}
        return made


def _one(asker: Asker, entry: WorksheetFunction, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The answer of one question, and the question as a cell would hold it."""
    plain = {n: _plain(entry, n, v) for n, v in given.items()}
    plain = _not_beyond(asker, entry, plain)
    try:
        lacking = [p.name for p in entry.parameters if not p.optional and plain.get(p.name) is None]
        if lacking:
            raise BadArgumentError(f"{_method(entry)}() needs '{lacking[0]}'; it takes {_takes(entry)}.")
        if entry.name == "RUSSELL_ASOF" and asker.as_of is not None:
            return pd.Timestamp(asker.last_common_day()), plain
        answer = entry.call(**{n: v for n, v in plain.items() if v is not None})
    except XlSmallcapError as exc:
        record = ErrorRecord(dt.datetime.now(), entry.name, tuple(plain.values()), exc.code, str(exc))
        asker.session.errors.append(record)
        raise
    except OverflowError:
        raise BadArgumentError(f"{_method(entry)}() got a number without end.") from None
    return (pd.Timestamp(answer) if isinstance(answer, dt.date) else answer), plain


def _not_beyond(asker: Asker, entry: WorksheetFunction, plain: dict[str, Any]) -> dict[str, Any]:
    """A blank day is the opened one, also where a period ends; a period does not end after it."""
    names = [p.name for p in entry.parameters]
    for name in ("as_of", "finish"):
        if name in names and read.is_blank(plain.get(name)):
            plain = {**plain, name: asker.as_of}
    if asker.as_of is not None and "finish" in names:
        end = read.day("finish", plain["finish"])
        if end is not None and end > np.datetime64(asker.as_of):
            raise BadArgumentError(f"The period ends on {end}; these data were opened as of {asker.as_of}.")
    return plain


def _method(entry: WorksheetFunction) -> str:
    return entry.name.removeprefix("RUSSELL_").lower()


def _takes(entry: WorksheetFunction) -> str:
    return ", ".join(p.name for p in entry.parameters)


def _attrs(asker: Asker, entry: WorksheetFunction, plain: dict[str, Any]) -> dict[str, Any]:
    """What was asked, as it was understood, and of which data."""
    session = asker.session
    understood = {p.name: _label(p.read(session, plain.get(p.name))) for p in entry.parameters if not _rows(p)}
    understood |= {p.name: _path(plain.get(p.name)) for p in entry.parameters if _rows(p)}
    return {
        "arguments": {n: v for n, v in understood.items() if v not in (None, "")},
        "source": source_label(session),
        "snapshot": session.snapshot.fingerprint,
        "as_of": understood.get("as_of"),
    }


def _rows(parameter: Parameter) -> bool:
    return parameter.is_shocks or parameter.is_weights


def _path(shocks: Any) -> str:
    """A path's name, or the shocks in short."""
    if isinstance(shocks, str):
        return shocks
    return ", ".join(" ".join(str(c) for c in row if c is not None) for row in shocks or [])


def _is_table(answer: Any) -> bool:
    return isinstance(answer, list)


def _is_several(entry: WorksheetFunction, name: str, value: Any) -> bool:
    """Whether an argument asks for each of its entries: a list, but of shocks only a list of paths' names."""
    if isinstance(value, (set, frozenset, Mapping, str, bytes, pd.DataFrame)):
        return False
    if _parameter(entry, name).is_weights:
        return False
    if _parameter(entry, name).is_shocks:
        return isinstance(value, (list, tuple)) and len(value) > 0 and all(isinstance(v, str) for v in value)
    return value.ndim > 0 if isinstance(value, np.ndarray) else isinstance(value, Iterable)


def _each(name: str, value: Any) -> list[Any]:
    """The entries of a list."""
    if isinstance(value, np.ndarray) and value.ndim > 1:
        raise BadArgumentError(f"The argument '{name}' is an array of {value.ndim} dimensions; give a flat list.")
    entries = list(value)
    if not entries:
        raise BadArgumentError(f"The list of '{name}' is empty; give at least one.")
    return entries


def _parameter(entry: WorksheetFunction, name: str) -> Parameter:
    return next(p for p in entry.parameters if p.name == name)


def _label(value: Any) -> Any:
    """How a frame names an argument: an id, a word, a number, a day."""
    if isinstance(value, (np.datetime64, pd.Timestamp, dt.date)):
        return str(value)[:10]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(getattr(value, "id", value))


def day_of(name: str, value: Any) -> Any:
    """A moment or a period of pandas' or numpy's as a day: a period's is its last. Everything else as it is."""
    if isinstance(value, np.datetime64):
        unit = np.datetime_data(value)[0]
        value = pd.Period(value, freq=unit) if unit in ("Y", "M") and not np.isnat(value) else pd.Timestamp(value)
    if isinstance(value, pd.Period):
        value = value.end_time
    if value is pd.NaT:
        raise BadArgumentError(f"The argument '{name}' is NaT, no day; leave it out, or give one.")
    return value.date() if isinstance(value, dt.datetime) else value


def _pairs(weights: Any) -> list[list[Any]] | None:
    """Names and weights as rows: of a dict, a Series, a frame of two columns or rows."""
    if weights is None:
        return None
    if isinstance(weights, pd.DataFrame):
        rows = weights if weights.shape[1] > 1 else weights.reset_index()
        return [list(row) for row in rows.itertuples(index=False)]
    if isinstance(weights, (Mapping, pd.Series)):
        return [[name, float(value)] for name, value in weights.items()]
    if isinstance(weights, str) or not isinstance(weights, Iterable):
        raise BadArgumentError(f"The argument 'weights' must be a dict of path and weight; got {weights!r}.")
    return [list(row) for row in weights]


def _plain(entry: WorksheetFunction, name: str, value: Any) -> Any:
    """What was given, as a cell would hold it."""
    parameter = _parameter(entry, name)
    if parameter.is_shocks:
        return value if isinstance(value, str) else None if value is None else rows_of(value)
    if parameter.is_weights:
        return _pairs(value)
    value = day_of(name, value)
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.item() if value.size == 1 else value
    if value is not None and not isinstance(value, (str, int, float, dt.date)):
        kind = type(value).__name__
        order = "; a set has no order: give a list" if isinstance(value, (set, frozenset)) else ""
        raise BadArgumentError(f"The argument '{name}' must be {parameter.kind} or a list of them; got {kind}{order}.")
    return value
