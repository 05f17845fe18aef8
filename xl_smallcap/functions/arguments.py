"""Between what a cell holds and what a model needs, both ways. Blank means the default."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeVar, cast, get_args

import numpy as np

from xl_smallcap.errors import BadArgumentError, unknown_word
from xl_smallcap.types import All, Frequency, Method, MethodName, Scalar, Table, Window

T = TypeVar("T", bound=str)

_EXCEL_EPOCH = dt.date(1899, 12, 30)
_EARLIEST, _LATEST = dt.date(1950, 1, 1), dt.date(2100, 1, 1)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?$")
_WINDOW = re.compile(r"(\d{1,6})(?:\.0*)?\s*([dwm]?)$")
_FREQUENCIES: dict[str, Frequency] = {"": "daily", "d": "daily", "w": "weekly", "m": "monthly"}
LONGEST_PROJECTION, FARTHEST_REGIME = 12, 120
"""Months."""
_DATE_HELP = "write a date such as 2025-12-24 or refer to a cell that holds one"


def is_blank(value: Any) -> bool:
    """Tell whether a value stands for "not given"."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == 0


def rows_of(value: Sequence[Any]) -> list[list[Any]]:
    """Return a range as rows; a flat list is one row, as an array constant such as {"inflation",25,"bp"} is."""
    if any(isinstance(part, (list, tuple)) for part in value):
        return [list(part) if isinstance(part, (list, tuple)) else [part] for part in value]
    return [list(value)]


def shown(value: Any) -> str:
    """Return a value as an error sentence shows it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (list, tuple)):
        rows = rows_of(value)
        return f"a range of {len(rows)} x {len(rows[0])} cells"
    if isinstance(value, (int, float)):
        return f"the number {value:.15g}" if not abs(value) >= 10**300 else "a number without end"
    return f"'{value}'"


def word(name: str, value: Any, default: str | None = None) -> str:
    """Read a free word such as a factor or a series. Trimmed."""
    if is_blank(value):
        if default is None:
            raise BadArgumentError(
                f"The argument '{name}' is missing: give a word; =RUSSELL_FACTORS() and =RUSSELL_STATUS() list them."
            )
        return default
    if not isinstance(value, str):
        raise BadArgumentError(f"The argument '{name}' must be one word; got {shown(value)}.")
    return value.strip()


def fingerprint_of(value: Any) -> str:
    """Read the fingerprint of a snapshot, or its beginning."""
    whole = isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()
    text = f"{int(value)}" if whole else value.strip().lower() if isinstance(value, str) else ""
    text = text.rpartition(" ")[2]  # "folder 0123456789ab", as RUSSELL_SNAPSHOT shows it
    if not re.fullmatch(r"[0-9a-f]{3,12}", text):
        raise BadArgumentError(
            f"A snapshot's fingerprint is 3 to 12 of the characters 0-9 and a-f; got {shown(value)}. "
            "=RUSSELL_SNAPSHOT() and 'xl-smallcap data history' show them."
        )
    return text


def choice(name: str, value: Any, choices: Any, default: T, also: tuple[str, ...] = ()) -> T:
    """Read one of a closed list of words, any case. The word as documented."""
    text = word(name, value, default)
    words = [str(c) for c in get_args(choices)]
    for entry in words:
        if entry.lower() == text.lower():
            return cast(T, entry)
    raise BadArgumentError(unknown_word(name, text, [*words, *also]))


def stat(value: Any, choices: Any, default: T) -> T | All:
    """Read which statistic is asked for, or all of them.

    The statistic; "all" where all are asked for, which a function answers with a table.
    """
    if isinstance(value, str) and value.strip().lower() == "all":
        return "all"
    return choice("stat", value, choices, default, also=("all",))


def window(value: Any, default: str = "250") -> Window:
    """Read a window: a number of days, or text with a frequency."""
    given = default if is_blank(value) else value
    text = f"{given:g}" if isinstance(given, (int, float)) and not isinstance(given, bool) else given
    match = _WINDOW.match(text.strip().lower()) if isinstance(text, str) else None
    if isinstance(given, (int, float)) and not isinstance(given, bool) and 999_999 < given < 1e15:
        raise BadArgumentError(f"The argument 'window' is {shown(given)} of observations; at most 999999 are taken.")
    if match is None or int(match.group(1)) < 1:
        raise BadArgumentError(
            "The argument 'window' must be a number of days such as 250, or text such as \"104w\" (weeks) or "
            f'"60m" (months); got {shown(value)}.'
        )
    return Window(int(match.group(1)), _FREQUENCIES[match.group(2)])


def count(name: str, value: Any, default: int | None) -> int | None:
    """Read a whole number of observations."""
    if isinstance(value, np.generic):
        value = value.item()
    if is_blank(value) or (isinstance(value, str) and value.strip() == "0"):
        return default
    text = f"{value:.15g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(r"\s*\d{1,6}\s*", text) or int(text) < 1:
        raise BadArgumentError(
            f"The argument '{name}' must be a whole number of observations from 1 to 999999, such as {default or 21}; got "
            f"{shown(value)}."
        )
    return int(text)


def whole(name: str, value: Any, default: int, most: int, of: str) -> int:
    """Read a whole number of something, from 1."""
    if isinstance(value, np.generic):
        value = value.item()
    if is_blank(value):
        return default
    text = f"{value:.15g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(r"\s*\d{1,6}\s*", text) or not 1 <= int(text) <= most:
        raise BadArgumentError(
            f"The argument '{name}' must be a whole number of {of} from 1 to {most}, such as {default}; got {shown(value)}."
        )
    return int(text)


def signed_count(name: str, value: Any, default: int, most: int) -> int:
    """Read a whole number of rows, below zero for the other end of a table."""
    if isinstance(value, np.generic):
        value = value.item()
    if is_blank(value):
        return default
    text = f"{value:.15g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(r"\s*-?\d{1,6}\s*", text) or not 1 <= abs(int(text)) <= most:
        raise BadArgumentError(
            f"The argument '{name}' must be a whole number from 1 to {most}, or from -1 to -{most}; got {shown(value)}."
        )
    return int(text)


def months(value: Any) -> int | None:
    """Read the horizon of a projection in months. None where blank."""
    if is_blank(value):
        return None
    horizon = _whole(value)
    if horizon is None or not 1 <= horizon <= LONGEST_PROJECTION:
        raise BadArgumentError(
            f"The argument 'horizon' must be a whole number of months from 1 to {LONGEST_PROJECTION}; got "
            f"{shown(value)}. A date belongs in 'as_of', the argument after it."
        )
    return horizon


def months_ahead(value: Any) -> int:
    """Read how many months after its day a regime is asked about."""
    if is_blank(value):
        return 0
    horizon = _whole(value)
    if horizon is None or horizon > FARTHEST_REGIME:
        why = " Far ahead every model only repeats its long-run shares." if horizon is not None else ""
        raise BadArgumentError(
            f"The argument 'horizon' must be a whole number of months from 0 (the month itself) to {FARTHEST_REGIME}; got "
            f"{shown(value)}.{why} A date belongs in 'as_of', the argument after it."
        )
    return horizon


def _whole(value: Any) -> int | None:
    text = f"{value:.15g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    text = text.strip() if isinstance(text, str) else ""
    return int(text) if text.isascii() and text.isdigit() else None


def with_number(name: str, value: Any, default: str) -> tuple[str, int | None]:
    """Read a word that may carry a number behind a colon, such as "pls:2"."""
    text, colon, number = word(name, value, default).partition(":")
    if not colon:
        return text, None
    if not re.fullmatch(r"\s*\d{1,18}\s*", number) or int(number) < 1:
        raise BadArgumentError(
            f"The argument '{name}' is {shown(value)}: behind the colon belongs a whole number of at least 1, "
            f'as in "{text.strip()}:2".'
        )
    return text, int(number)


def method(value: Any) -> Method:
    """Read how betas are estimated: "ols", "univariate", "pcr" or "pls", the last two with components if wanted."""
    text, number = with_number("method", value, "ols")
    without = re.fullmatch(r"(pcr|pls)\s*(\d+)", text.strip().lower())
    if without:
        raise BadArgumentError(
            f"Unknown method '{text.strip()}'. Did you mean '{without[1]}:{without[2]}'? Components stand behind a colon."
        )
    name: MethodName = choice("method", text, MethodName, "ols", also=("or with components: pls:3",))
    if number is not None and name in ("ols", "univariate"):
        raise BadArgumentError(
            f"Method '{name}' has no components, so '{shown(value).strip(chr(39))}' says too much; only \"pcr:{number}\" "
            f'and "pls:{number}" take a number.'
        )
    return Method(name, number)


def day(name: str, value: Any) -> np.datetime64 | None:
    """Read a date: Excel's number, ISO text, or a date. None where blank."""
    if is_blank(value):
        return None
    parsed: dt.date | None = None
    if isinstance(value, dt.datetime):
        parsed = value.date()
    elif isinstance(value, dt.date):
        parsed = value
    elif isinstance(value, np.datetime64):
        parsed = value.astype("datetime64[D]").item()
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if not 0 < value < 100_000:
            hint = " (text needs quotes and dashes)" if 19_000_000 < value < 21_000_000 else ""
            raise BadArgumentError(f"The argument '{name}' is {shown(value)}, not a date{hint}; {_DATE_HELP}.")
        parsed = _EXCEL_EPOCH + dt.timedelta(days=int(value))
    elif isinstance(value, str):
        match = _ISO.match(value.strip())
        if match:
            try:
                parsed = dt.date(*(int(g) for g in match.groups()))
            except ValueError:
                parsed = None
    if parsed is None:
        raise BadArgumentError(f"The argument '{name}' is {shown(value)}, which is not a date; {_DATE_HELP}.")
    if not _EARLIEST <= parsed <= _LATEST:
        raise BadArgumentError(
            f"The argument '{name}' is {shown(value)}, the date {parsed}, outside {_EARLIEST} to {_LATEST}; {_DATE_HELP}."
        )
    return np.datetime64(parsed, "D")


# -- From numpy to what a cell can hold.


R = TypeVar("R")


def number(value: float) -> float | None:
    """Return a float, or None (#N/A) where it is not finite."""
    return float(value) if np.isfinite(value) else None


def date(value: np.datetime64) -> dt.date:
    """Return a calendar day as a cell takes it."""
    calendar_day = value.astype("datetime64[D]").item()
    assert isinstance(calendar_day, dt.date)
    return calendar_day


def moment(text: str) -> dt.date | None:
    """Return a day or a moment noted as ISO text as a cell takes it."""
    try:
        return dt.date.fromisoformat(text) if len(text) == 10 else dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def names_of(kind: type[Any]) -> list[Scalar]:
    """Return the header of a kind of row: its fields, or what a field says of itself as "header"."""
    return [f.metadata.get("header", f.name) for f in dataclasses.fields(kind)]


def table_of(kind: type[Any], rows: Iterable[Any]) -> Table:
    """Return rows as a table whose header is their fields."""
    cells = attrgetter(*(f.name for f in dataclasses.fields(kind)))
    return [names_of(kind), *(list(cells(row)) for row in rows)]


def row_of(kind: type[R], *cells: Any) -> R:
    """Return a row from its cells in the order of its fields. An instance of it."""
    return kind(*cells)


def stats_of(row: Any) -> dict[str, Scalar]:
    """Return a row's cells by name."""
    return {f.name: getattr(row, f.name) for f in dataclasses.fields(row)}
