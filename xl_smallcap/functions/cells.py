"""All coercion and all errors between a spreadsheet and a function, once for every host."""

from __future__ import annotations

import datetime as dt
import logging
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xl_smallcap.errors import BadArgumentError, XlSmallcapError
from xl_smallcap.functions import BY_NAME
from xl_smallcap.functions.arguments import fingerprint_of, is_blank, rows_of
from xl_smallcap.session import ErrorRecord, Session, current_session, pinned
from xl_smallcap.types import Scalar, Table

log = logging.getLogger("xl_smallcap")
UNEXPECTED = "#VALUE!"
_LARGEST = 10**300
_EPOCH = dt.datetime(1899, 12, 30)


def day_number(value: dt.date) -> float:
    """Return a date as the number a spreadsheet keeps it as. Days since 1899-12-30."""
    moment = value if isinstance(value, dt.datetime) else dt.datetime(value.year, value.month, value.day)
    return (moment - _EPOCH) / dt.timedelta(days=1)


@dataclass(frozen=True)
class Answer:
    """What one call gives: exactly one of a value, a table or an error."""

    value: Scalar = None
    table: Table | None = None
    code: str | None = None
    message: str | None = None


def _plain(raw: Any) -> Any:
    """Unwrap a range of one cell and numpy scalars; leave the meaning to the function."""
    if isinstance(raw, (list, tuple)):
        rows = rows_of(raw)
        if len(rows) == 1 and len(rows[0]) == 1:
            return _plain(rows[0][0])
        return rows
    if isinstance(raw, np.generic):
        return raw.item()
    if isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) > _LARGEST:
        return math.inf if raw > 0 else -math.inf  # no cell holds it, but JSON can
    return raw


def _native(value: Any) -> Scalar:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str, dt.date)):
        return value
    raise TypeError(f"a function returned {type(value).__name__}, which no cell can hold")


def _compute(session: Session, name: str, arguments: Sequence[Any]) -> Answer:
    plain = [_plain(a) for a in arguments]
    try:
        entry = BY_NAME.get(name)
        if entry is None:
            from xl_smallcap.functions.formula import unknown_function

            raise BadArgumentError(unknown_function(name, BY_NAME))
        while plain and plain[-1] is None:
            plain.pop()
        if len(plain) > len(entry.parameters):
            raise BadArgumentError(f"{entry.usage} takes {len(entry.parameters)} arguments; got {len(plain)}.")
        plain += [None] * (sum(not p.optional for p in entry.parameters) - len(plain))
        result = entry.call(*plain)
        if isinstance(result, list):
            return Answer(table=[[_native(v) for v in row] for row in result])
        return Answer(value=_native(result))
    except XlSmallcapError as exc:
        answer = Answer(code=exc.code, message=str(exc))
    except (
        Exception
    ) as exc:  # the one boundary: whatever went wrong, a cell gets an error and the log gets the traceback
        written = _log_unexpected(session, name, plain)
        where = f"details: {session.settings.log_file}" if written else "its details could not be written down"
        answer = Answer(code=UNEXPECTED, message=f"Unexpected error in {name} ({type(exc).__name__}); {where}.")
    assert answer.code is not None
    assert answer.message is not None
    session.errors.append(ErrorRecord(dt.datetime.now(), name, tuple(plain), answer.code, answer.message))
    return answer


def _log_unexpected(session: Session, name: str, arguments: Sequence[Any]) -> bool:
    """Write the traceback to the log, the user's alone; False where it cannot be written, which is no second error."""
    from xl_smallcap.data.atomic import make_folder

    path = session.settings.log_file
    try:
        make_folder(path.parent, private=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError:
        log.debug("the log %s cannot be written", path)
        return False
    try:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        said = ("unexpected error in %s(%s)", (name, ", ".join(map(repr, arguments))))
        handler.emit(log.makeRecord(log.name, logging.ERROR, __file__, 0, *said, sys.exc_info()))
    except Exception:  # an argument whose repr fails: the cell still gets its error
        return False
    finally:
        handler.close()
    return True


def evaluate(name: str, arguments: Sequence[Any], pin: Any = None) -> Answer:
    """Answer one call; a repeated call costs a look-up."""
    try:
        if not is_blank(pin):
            with pinned(_pin_of(_plain(pin))) as session:
                session.follow()
                return _answer(session, name, arguments)
        session = current_session()
        session.follow()
    except XlSmallcapError as exc:
        if name.upper() == "RUSSELL_WHY":  # the one cell that must speak when no other can
            return Answer(value=str(exc))
        return Answer(code=exc.code, message=str(exc))
    except Exception as exc:  # before there is a session there is no log either
        log.debug("no session", exc_info=True)
        return Answer(code=UNEXPECTED, message=f"Unexpected error when opening the data: {type(exc).__name__}: {exc}.")
    return _answer(session, name, arguments)


def _pin_of(pin: Any) -> str:
    try:
        return fingerprint_of(pin)
    except BadArgumentError as exc:
        raise BadArgumentError(f"This workbook has a name RUSSELL_PIN that holds no fingerprint. {exc}") from None


def _bytes_of(answer: Answer) -> int:
    """About how much memory an answer takes: a hundred bytes a cell."""
    return 100 * (1 if answer.table is None else sum(map(len, answer.table)))


def _keyed(argument: Any) -> Any:
    """What stands for an argument in a key; bools apart, since True == 1.0 would find another question's answer."""
    if isinstance(argument, bool):
        return bool, argument
    if isinstance(argument, (list, tuple)):
        return tuple(_keyed(a) for a in argument)
    return argument


def _answer(session: Session, name: str, arguments: Sequence[Any]) -> Answer:
    key = (session.generation, name, *(_keyed(a) if isinstance(a, (bool, list, tuple)) else a for a in arguments))
    try:
        answer: Answer | None = session.answers.get(key)
    except TypeError:  # something without a hash
        return _compute(session, name.upper(), arguments)
    if answer is None:
        answer = _compute(session, name.upper(), arguments)
        if answer.code is None and name.upper() != "RUSSELL_WHY":
            session.answers.put(key, answer, _bytes_of(answer))
    return answer


def to_json(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON holds it: exactly one of value, table, error; dates as ISO text."""

    def cell(value: Scalar) -> Any:
        return value.isoformat() if isinstance(value, dt.date) else value

    if answer.code is not None:
        return {"error": {"code": answer.code, "message": answer.message}}
    if answer.table is not None:
        return {"table": [[cell(v) for v in row] for row in answer.table]}
    return {"value": cell(answer.value)}
