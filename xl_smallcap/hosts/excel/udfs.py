"""The module xlwings calls: one generated wrapper a worksheet function. No state lives here; xlwings may reload it.

Arguments and results pass raw (xlwings' converters cost milliseconds on a table and turn an error argument into
nothing). An error is a text that begins with character 1; our VBA turns it into a real one, alone or inside a table.
"""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import xlwings

from xl_smallcap.functions.cells import Answer, evaluate
from xl_smallcap.functions.table import BY_NAME, NAMES
from xl_smallcap.hosts import background

ERROR_MARK = "\x01"
Rows = list[list[Any]]
_FIRST_COMMON_DAY = dt.datetime(1900, 3, 1)


def _taken(value: Any) -> Any:
    """What COM hands over -> what the boundary knows: dates without the zone pywin32 adds."""
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, tuple):
        return [_taken(v) for v in value]
    return value


def _given(value: Any) -> Any:
    if value is None:
        return ERROR_MARK + "#N/A"
    if isinstance(value, dt.date):
        return _moment(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _moment(value: dt.date) -> dt.datetime | str:
    """A date with the zone UTC: pywin32 takes one without for local time, and the day would move by the desk's offset.

    Days before March 1900, which Excel counts otherwise than OLE, are ISO texts.
    """
    moment = value if isinstance(value, dt.datetime) else dt.datetime(value.year, value.month, value.day)
    if moment < _FIRST_COMMON_DAY:
        return value.isoformat()
    return moment.replace(tzinfo=dt.UTC)


def to_rows(answer: Answer) -> Rows:
    """Return an answer as xlwings' raw result: rows of text, floats, booleans and dates.

    One row of one cell for a scalar or an error.
    """
    if answer.code is not None:
        return [[ERROR_MARK + answer.code]]
    if answer.table is not None:
        return [[_given(v) for v in row] for row in answer.table]
    return [[_given(answer.value)]]


@cache
def _wrapper(name: str) -> Callable[..., Rows]:
    entry = BY_NAME[name]

    def call(*arguments: Any) -> Rows:
        return to_rows(evaluate(entry.name, [_taken(a) for a in arguments]))

    made: Any = call
    made.__name__ = made.__qualname__ = entry.name
    made.__module__ = __name__
    made.__doc__ = entry.help
    # xlwings reads the signature; it rejects type hints it does not know, so there are none.
    made.__annotations__ = {}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    made.__signature__ = inspect.Signature([inspect.Parameter(p.name, kind, default=None) for p in entry.parameters])
    for p in entry.parameters:
        made = xlwings.arg(p.name, convert="raw", doc=p.help)(made)
    # xw.func comes outermost: an xw.arg above it resets the category.
    decorate: Any = xlwings.func(category="Russell 2000")
    decorated: Callable[..., Rows] = decorate(xlwings.ret(convert="raw")(made))
    return decorated


def _raw(call: Callable[..., Rows]) -> Any:
    """Decorate what our VBA calls besides the worksheet functions."""
    decorate: Any = xlwings.func(category="Russell 2000")
    return decorate(xlwings.ret(convert="raw")(xlwings.arg("arguments", convert="raw")(call)))


@_raw
def _pinned(*arguments: Any) -> Rows:
    """Answer from the snapshot the workbook pins: pin, function, then its arguments."""
    pin, name, *rest = arguments
    return to_rows(evaluate(str(name), [_taken(a) for a in rest], pin))


@_raw
def _refresh_start(*arguments: Any) -> Rows:
    """Begin a refresh behind the button."""
    return _state_rows(background.shared().start())


@_raw
def _refresh_state(*arguments: Any) -> Rows:
    """Say how far it is: 1 while it runs, else 0, and a sentence."""
    return _state_rows(background.shared().state())


def _state_rows(state: background.RefreshState) -> Rows:
    return [[1.0 if state.running else 0.0, state.text]]


@_raw
def _pitch_start(*arguments: Any) -> Rows:
    """Begin a pitch sheet by what the workbook's inputs say; a blank one is the default.

    Its folder, day, two paths, day of the previous page, risk, and the rows of paths with weights.
    """
    folder, as_of, path, against, previous, risk, table = (*arguments, *[""] * 7)[:7]
    asked = background.PitchRequest(
        str(folder or ""), _taken(as_of), str(path or ""), str(against or ""), _taken(previous), _taken(risk),
        _taken(table),
    )  # fmt: skip
    return _pitch_rows(background.shared_pitch().start(asked))


@_raw
def _pitch_state(*arguments: Any) -> Rows:
    """Say whether it is under way, a sentence, and the file once it is written."""
    return _pitch_rows(background.shared_pitch().state())


def _pitch_rows(state: background.PitchState) -> Rows:
    return [[1.0 if state.running else 0.0, state.text, state.path]]


_FOR_OUR_VBA = {
    "pinned": _pinned,
    "refresh_start": _refresh_start,
    "refresh_state": _refresh_state,
    "pitch_start": _pitch_start,
    "pitch_state": _pitch_state,
}
del _pinned, _refresh_start, _refresh_state, _pitch_start, _pitch_state


def __getattr__(name: str) -> Any:
    if name in BY_NAME:
        return _wrapper(name)
    # Found by name, but not among the module's members: xlwings' import would make worksheet functions of them.
    if name in _FOR_OUR_VBA:
        return _FOR_OUR_VBA[name]
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*globals(), *NAMES]
