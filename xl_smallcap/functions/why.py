"""The sentence behind an error."""

from __future__ import annotations

import datetime as dt
from typing import Any

from xl_smallcap.errors import XlSmallcapError, closest
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions.formula import FORMER_NAMES, Call, Reference, find_calls, near_miss
from xl_smallcap.functions.table import BY_NAME, NAMES, Parameter, worksheet_function
from xl_smallcap.session import ErrorRecord, current_session
from xl_smallcap.types import Table


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
    calls, told = find_calls(formula), list[str]()
    near = near_miss(formula, NAMES, short=not calls)
    if near is not None:
        missed = f"There is no function {near[0]}. Did you mean {near[1]}?"
        if not calls:
            return missed
        told.append(missed)
    if not calls:
        return "There is no RUSSELL_ function in this formula. Use =RUSSELL_WHY(FORMULATEXT(A1)), in LibreOffice =RUSSELL_WHY(FORMULA(A1))."
    for call in calls:
        if call.name not in BY_NAME:
            now, meant = FORMER_NAMES.get(call.name), closest(call.name, NAMES)
            asked = f" Did you mean {meant}?" if meant else ""
            said = (
                f"it is called {now} now."
                if now
                else f"there is no such function.{asked} 'xl-smallcap functions' lists them."
            )
            told.append(f"{call.name}: {said}")
        elif call.literal:
            try:
                BY_NAME[call.name].call(*call.arguments)
                told.append(f"{call.name}: no error; it answers.")
            except XlSmallcapError as exc:
                told.append(f"{call.name}: {exc.code} {exc}")
            except TypeError:
                told.append(f"{call.name}: #VALUE! too many arguments, or a required one is missing.")
        else:
            told.append(_on_record(call))
    return " ".join(told)


def _on_record(call: Call) -> str:
    """The last error that can be this call's; where other calls' fit too, what it was asked."""
    fitting = [r for r in reversed(list(current_session().errors)) if _matches(r, call)]
    if not fitting:
        return (
            f"{call.name}: no error is on record for it since this session began; recalculate the cell, then ask again."
        )
    last = fitting[0]
    asked = {_shown(r) for r in fitting}
    which = f" (the last error of several calls that fit; asked with {_shown(last)})" if len(asked) > 1 else ""
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
