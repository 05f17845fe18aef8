"""One question of pandas' side: arguments read, asked on one snapshot, lists multiplied out, the answer as a frame."""

from __future__ import annotations

import datetime as dt
import functools
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
import pandas as pd

from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.errors import BadArgumentError, closest
from xl_smallcap.face import frames, shocks
from xl_smallcap.functions.table import BY_NAME, WorksheetFunction
from xl_smallcap.session import Session, answering

Words: TypeAlias = str | Sequence[str] | None
Numbers: TypeAlias = float | str | Sequence[float | str] | None
Days: TypeAlias = dt.date | str | Sequence[dt.date | str] | pd.DatetimeIndex | None
Shocks: TypeAlias = str | Mapping[str, Any] | pd.Series | pd.DataFrame | Sequence[Any]
"""What may be passed: one, or a list that asks for each."""

P = ParamSpec("P")
R = TypeVar("R")


class Asker:
    """One snapshot, and what a blank as_of means."""

    def __init__(self, session: Session, as_of: dt.date | None) -> None:
        self.session, self.as_of = session, as_of


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


def _misfit(name: str, known: list[str], named: dict[str, Any], exc: TypeError) -> str:
    strange = [n for n in named if n not in known]
    if strange:
        near = closest(strange[0], known)
        hint = f" Did you mean '{near}'?" if near else ""
        return f"{name}() has no argument '{strange[0]}'.{hint} It takes {', '.join(known)}."
    return f"{name}({', '.join(known)}): {exc}."


def ask(asker: Asker, function: str, given: dict[str, Any]) -> Any:
    """Return an answer: a number, a text or a timestamp, or a frame; a list in an argument asks for each."""
    entry = BY_NAME[function]
    if "as_of" in [p.name for p in entry.parameters] and given.get("as_of") is None:
        given = {**given, "as_of": asker.as_of}
    ranges = {p.name for p in entry.parameters if p.is_shocks}
    several = {n: list(v) for n, v in given.items() if n not in ranges and _is_list(v)}
    with answering(asker.session):
        if not several:
            return _one(asker, entry, given)
        parts = []
        for combination in itertools.product(*several.values()):
            which = dict(zip(several, combination, strict=True))
            parts.append(({n: _label(v) for n, v in which.items()}, _one(asker, entry, {**given, **which})))
        single = given.get("stat")
        return frames.tidy(parts, single if isinstance(single, str) else "value")


def _one(asker: Asker, entry: WorksheetFunction, given: dict[str, Any]) -> Any:
    plain = {n: _plain(entry, n, v) for n, v in given.items()}
    answer = entry.call(**{n: v for n, v in plain.items() if v is not None})
    if not isinstance(answer, list):
        return pd.Timestamp(answer) if isinstance(answer, dt.date) else answer
    return frames.frame_of(entry.name, answer, _attrs(asker, entry, plain))


def _attrs(asker: Asker, entry: WorksheetFunction, plain: dict[str, Any]) -> dict[str, Any]:
    """What was asked, as it was understood, and of which data."""
    session = asker.session
    understood = {p.name: _label(p.read(session, plain.get(p.name))) for p in entry.parameters if not p.is_shocks}
    understood |= {p.name: _path(plain.get(p.name)) for p in entry.parameters if p.is_shocks}
    return {
        "arguments": {n: v for n, v in understood.items() if v not in (None, "")},
        "source": source_label(session),
        "snapshot": session.snapshot.fingerprint,
        "as_of": understood.get("as_of"),
    }


def _path(shocks: Any) -> str:
    """A path's name, or the shocks in short."""
    if isinstance(shocks, str):
        return shocks
    return ", ".join(" ".join(str(c) for c in row if c is not None) for row in shocks or [])


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray, pd.Index, pd.Series))


def _label(value: Any) -> Any:
    """How a frame names an argument: an id, a word, a number, a day."""
    if isinstance(value, (np.datetime64, pd.Timestamp, dt.date)):
        return str(value)[:10]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(getattr(value, "id", value))


def _plain(entry: WorksheetFunction, name: str, value: Any) -> Any:
    """What was given, as a cell would hold it."""
    parameter = next(p for p in entry.parameters if p.name == name)
    if parameter.is_shocks:
        return value if isinstance(value, str) else None if value is None else shocks.rows_of(value)
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    elif isinstance(value, (np.generic, np.ndarray)):
        value = value.item() if value.size == 1 else value
    if isinstance(value, pd.Period):
        value = value.end_time
    if isinstance(value, dt.datetime):  # a Timestamp is one
        if pd.isna(value):
            return None
        return value.date()
    if value is not None and not isinstance(value, (str, int, float, dt.date)):
        raise BadArgumentError(f"The argument '{name}' must be {parameter.kind}; got {type(value).__name__}.")
    return value
