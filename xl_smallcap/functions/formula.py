"""The text of a formula: the RUSSELL_ calls in it, and the sentence behind an error."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from xl_smallcap.errors import BadArgumentError, XlSmallcapError, closest, unknown_word
from xl_smallcap.functions import arguments as read
from xl_smallcap.functions.table import BY_NAME, NAMES, Parameter, worksheet_function
from xl_smallcap.session import ErrorRecord, current_session
from xl_smallcap.types import Table

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?%?$")
_FILE = r"'[^'!]{1,255}\.xl[a-z]{1,3}'!|[^\s'\"(),;@!+*/&<>=^{}-]{1,255}\.xl[a-z]{1,3}!"
"""Another workbook before a function of it; no longer than a path is, so that a long formula is read in one go."""
_PREFIX = rf"(?:_xldudf_(?:\w+?_)??|_xll\.|_xlfn\.|\[\d+\]!|{_FILE})*"
OURS = re.compile(rf"(?<![\w.]){_PREFIX}(RUSSELL_\w+)(?=\s*\()", re.IGNORECASE)
"""Our functions in a formula, with what Excel puts before a function of an add-in or of another workbook."""
_CALL = re.compile(OURS.pattern + r"\s*\(", re.IGNORECASE)
ALONE = re.compile(rf"\s*=?\s*@?\s*{_PREFIX}RUSSELL_\w+\s*\(.*\)\s*", re.IGNORECASE | re.DOTALL)
"""A formula that is nothing but one call of ours."""
FORMER_NAMES = {"RUSSELL_CHANGES": "RUSSELL_DIFF"}
"""What functions were once called. A scanner of macros takes a name with _Change for an event handler."""
_ANY_CALL = re.compile(r"(?<![\w.!])([A-Za-z][\w.]{3,})\s*\(")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_DEEPEST = 50
_ALIKE = 0.8
"""How alike the name of a function must be to one of ours; RUSSEL_BETA is .96."""
_BOOLEANS = {"true": True, "false": False, "true()": True, "false()": False}


@dataclass(frozen=True)
class Reference:
    """Something whose value the text does not show: a cell, a range, a name or another formula."""

    text: str


@dataclass(frozen=True)
class Call:
    """One RUSSELL_ call: its name in capitals and its arguments; None where skipped."""

    name: str
    arguments: tuple[Any, ...]

    @property
    def literal(self) -> bool:
        """Whether every argument is written out."""
        return not any(isinstance(a, Reference) for a in self.arguments)


def unknown_function(name: str, names: Iterable[str]) -> str:
    """Return the sentence for a function there is not."""
    if name in FORMER_NAMES:
        return f"{name} is called {FORMER_NAMES[name]} now; its arguments are the same."
    return unknown_word("function", name, names)


def _split(text: str, separators: str) -> list[str]:
    """Split at separators outside of quotes, brackets and braces."""
    parts, start, depth, quoted = [], 0, 0, False
    for i, ch in enumerate(text):
        if ch == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif ch in "({":
            depth += 1
        elif ch in ")}":
            depth -= 1
        elif ch in separators and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


def _argument(text: str) -> Any:
    text = text.strip()
    if not text:
        return None
    if len(text) >= 2 and text[0] == text[-1] == '"' and '"' not in text[1:-1].replace('""', ""):
        return text[1:-1].replace('""', '"')
    if _NUMBER.match(text):
        return float(text[:-1]) / 100.0 if text.endswith("%") else float(text)
    if text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if text[0] == "{" and text[-1] == "}":
        if text.count("{") > _DEEPEST:
            raise BadArgumentError("Array constants are not nested in a formula; write {1,2;3,4}.")
        rows = _split(text[1:-1], ";|")
        return [[_argument(cell) for cell in _split(row, ",.\\" if "," not in row else ",")] for row in rows]
    return Reference(text)


def find_calls(formula: str) -> list[Call]:
    """Return the RUSSELL_ calls of a formula, in order of appearance."""
    calls = []
    for match in _CALL.finditer(formula):
        if formula.count('"', 0, match.start()) % 2:
            continue
        depth, quoted = 1, False
        for i in range(match.end(), len(formula)):
            ch = formula[i]
            if ch == '"':
                quoted = not quoted
            elif not quoted:
                depth += (ch == "(") - (ch == ")")
            if depth == 0:
                break
        else:
            raise BadArgumentError(f"The bracket after {match.group(1)} is not closed in: {formula}")
        inside = formula[match.end() : i]
        commas, semicolons = _split(inside, ","), _split(inside, ";")
        parts = commas if len(commas) >= len(semicolons) else semicolons
        arguments = () if not inside.strip() else tuple(_argument(p) for p in parts)
        calls.append(Call(match.group(1).upper(), arguments))
    return calls


def near_miss(formula: str, functions: Iterable[str], short: bool = False) -> tuple[str, str] | None:
    """Find a call that is none of ours and looks as if it should be: RUSSEL_BETA, BETA.

    What was typed, and the function that may be meant.
    """
    names = list(functions)
    for match in _ANY_CALL.finditer(_QUOTED.sub('""', formula)):
        typed = match[1].upper()
        if typed in names or OURS.match(match[0]):
            continue
        if short and f"RUSSELL_{typed}" in names:
            return match[1], f"RUSSELL_{typed}"
        hits = difflib.get_close_matches(typed, names, n=1, cutoff=_ALIKE)
        if hits:
            return match[1], hits[0]
    return None


def parse_call(formula: str, functions: Iterable[str] = ()) -> Call:
    """Read a formula that is one RUSSELL_ call with its arguments written out."""
    calls = find_calls(formula)
    near = near_miss(formula, functions, short=True) if not calls else None
    if near is not None:
        raise BadArgumentError(f"There is no function {near[0]}. Did you mean {near[1]}?")
    if len(calls) != 1 or not ALONE.fullmatch(formula):
        raise BadArgumentError(f'Expected one call such as RUSSELL_BETA("inflation","relative"); got: {formula}')
    for argument in calls[0].arguments:
        if isinstance(argument, Reference):
            raise BadArgumentError(
                f"'{argument.text}' is not a value; outside a sheet write text in double quotes, numbers as they are."
            )
    return calls[0]


# -- The sentence behind an error.


@worksheet_function(
    Parameter(
        "formula",
        "The text of the formula, from FORMULATEXT (LibreOffice: FORMULA). The cell itself cannot be given: an error "
        "passes through.",
        lambda _, value: value,
    ),
    opens=False,
)
def RUSSELL_WHY(formula: str | None = None) -> str | Table:
    """The sentence behind an error: =RUSSELL_WHY(FORMULATEXT(A1)), in LibreOffice =RUSSELL_WHY(FORMULA(A1)). Without an argument, a table of the last 50 errors of this session with their arguments.

    Returns
    -------
    str or list of list
        A sentence per RUSSELL_ call in the formula, or the table.
    """
    return history() if formula is None or not str(formula).strip() else explain(str(formula))


def _could_be(typed: Any, given: Any) -> bool:
    """Tell whether an argument as typed can have had the value given; what a cell held the text does not show."""
    if isinstance(typed, Reference):
        return isinstance(given, list) == (":" in typed.text)
    if isinstance(given, dt.date):  # Excel hands a day number over as a date
        try:
            return read.day("", typed) == read.day("", given)
        except XlSmallcapError:
            return False
    return bool(typed == given) or (read.is_blank(typed) and read.is_blank(given))


def _matches(record: ErrorRecord, call: Call) -> bool:
    if record.function != call.name:
        return False
    typed = list(call.arguments)
    given = list(record.arguments)
    length = max(len(typed), len(given))
    typed += [None] * (length - len(typed))
    given += [None] * (length - len(given))
    return all(_could_be(t, g) for t, g in zip(typed, given, strict=True))


def explain(formula: str) -> str:
    """Say why each RUSSELL_ call of a formula is in error, or that it is not."""
    calls, remarks = find_calls(formula), list[str]()
    near = near_miss(formula, NAMES, short=not calls)
    if near is not None:
        missed = f"There is no function {near[0]}. Did you mean {near[1]}?"
        if not calls:
            return missed
        remarks.append(missed)
    if not calls:
        return "There is no RUSSELL_ function in this formula. Use =RUSSELL_WHY(FORMULATEXT(A1)), in LibreOffice =RUSSELL_WHY(FORMULA(A1))."
    for call in calls:
        if call.name not in BY_NAME:
            now, meant = FORMER_NAMES.get(call.name), closest(call.name, NAMES)
            hint = f" Did you mean {meant}?" if meant else ""
            said = (
                f"it is called {now} now."
                if now
                else f"there is no such function.{hint} 'xl-smallcap functions' lists them."
            )
            remarks.append(f"{call.name}: {said}")
        elif call.literal:
            try:
                BY_NAME[call.name].call(*call.arguments)
                remarks.append(f"{call.name}: no error; it answers.")
            except XlSmallcapError as exc:
                remarks.append(f"{call.name}: {exc.code} {exc}")
            except TypeError:
                remarks.append(f"{call.name}: #VALUE! too many arguments, or a required one is missing.")
        else:
            remarks.append(_on_record(call))
    return " ".join(remarks)


def _on_record(call: Call) -> str:
    """The last error that can be this call's; where other calls' fit too, what it was asked."""
    fitting = [r for r in reversed(list(current_session().errors)) if _matches(r, call)]
    if not fitting:
        return (
            f"{call.name}: no error is on record for it since this session began; recalculate the cell, then ask again."
        )
    last = fitting[0]
    variants = {_shown(r) for r in fitting}
    which = f" (the last error of several calls that fit; asked with {_shown(last)})" if len(variants) > 1 else ""
    return f"{call.name}: {last.code} {last.sentence}{which}"


def elsewhere(formula: str) -> str:
    """Say that a formula is calculated by another program, whose errors are not on this session's record."""
    names = ", ".join(dict.fromkeys(c.name for c in find_calls(formula))) or "The formula"
    return (
        f"{names}: LibreOffice calculates this cell, because of what else is in its formula, so the reason is not on "
        "record here. Open the workbook in Excel or LibreOffice to see it."
    )


def history() -> Table:
    """Return the last 50 errors, newest first. number, function, arguments, code, sentence."""
    table: Table = [["number", "function", "arguments", "code", "sentence"]]
    for number, record in enumerate(reversed(list(current_session().errors)), start=1):
        table.append([number, record.function, _shown(record), record.code, record.sentence])
    return table


def _shown(record: ErrorRecord) -> str:
    return ", ".join("" if a is None else repr(a) for a in record.arguments)
