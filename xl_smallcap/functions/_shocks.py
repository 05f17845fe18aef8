"""From a word or a range of the sheet to a path of factors."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, get_args

from xl_smallcap.analyses.question import Question
from xl_smallcap.analyses.scenarios import LONGEST_HORIZON, WINDOW, ScenarioQuestion
from xl_smallcap.data.scenarios import SHEET, Scenario, Shock, ShockUnit
from xl_smallcap.errors import BadArgumentError, unknown_word
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._question import question_of
from xl_smallcap.session import Session
from xl_smallcap.types import ScenarioMethod

DEFAULT_TARGET = "relative"
DEFAULT_HORIZON = 3
"""Months of a range of shocks; a path of the library has its own."""
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$")
_PERCENT = re.compile(_NUMBER.pattern.replace(r"\s*$", r"\s*%\s*$"))
"""How a host that sees number formats hands over a cell that shows a percentage: as it is shown."""
_FORM = 'a range of rows factor, shock, unit (and month, if it has a shape), such as {"inflation",25,"bp"}'


def horizon_of(value: Any, default: int) -> int:
    """Read a horizon in months.

    Parameters
    ----------
    value : object
        As typed.
    default : int
        Used where blank.

    Returns
    -------
    int

    Raises
    ------
    BadArgumentError
        Not a whole number from 1 to 12.
    """
    if read.is_blank(value):
        return default
    text = f"{value:.15g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    text = text.strip() if isinstance(text, str) else ""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= LONGEST_HORIZON:
        raise BadArgumentError(
            f"The argument 'horizon' must be a whole number of months from 1 to {LONGEST_HORIZON}; got "
            f"{read.shown(value)}. A date belongs in 'as_of', the argument after it."
        )
    return int(text)


def _empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _number(given: Any, row: int) -> float:
    text = given.replace("%", "") if isinstance(given, str) and _PERCENT.match(given) else given
    cell = float(text) if isinstance(text, str) and _NUMBER.match(text) else text  # a number may come as text
    if isinstance(cell, bool) or not isinstance(cell, (int, float)) or not abs(cell) < 1e12:
        said = "is empty" if _empty(given) else f"is {read.shown(given)}"
        raise BadArgumentError(
            f"Row {row} of the shocks: the shock {said}; write a number, with its unit in the next cell."
        )
    return float(cell)


def _unit(cell: Any, row: int, factor: str) -> ShockUnit:
    known = get_args(ShockUnit)
    if _empty(cell):
        raise BadArgumentError(
            f"Row {row} of the shocks: the shock to '{factor}' has no unit; write bp, pct, pt or sd in the cell "
            "after it."
        )
    if not isinstance(cell, str):
        raise BadArgumentError(
            f"Row {row} of the shocks: the unit of '{factor}' is {read.shown(cell)}; write bp, pct, pt or sd."
        )
    word = cell.strip().lower()
    if word == "%":
        return "pct"
    for unit in known:
        if word == unit:
            found: ShockUnit = unit
            return found
    raise BadArgumentError(f"Row {row} of the shocks: {unknown_word('unit', word, known)}")


def _month(cell: Any, row: int, months: int) -> int:
    text = cell.strip() if isinstance(cell, str) else f"{cell:g}" if isinstance(cell, (int, float)) else ""
    if isinstance(cell, bool) or not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= months:
        raise BadArgumentError(
            f"Row {row} of the shocks: month must be a whole number from 1 to {months} (the horizon); got "
            f"{read.shown(cell)}."
        )
    return int(text)


def scenario_of_range(rows: list[list[Any]], months: int) -> Scenario:
    """Read a range of shocks: factor, shock, unit and, where the path has a shape, month.

    Parameters
    ----------
    rows : list of list
        As the host has them; a header row and empty rows are passed over.
    months : int
        The horizon: a shock without a month is spread evenly over it.

    Returns
    -------
    Scenario

    Raises
    ------
    BadArgumentError
        Naming the row.
    """
    found: dict[str, tuple[ShockUnit, dict[int, float] | float]] = {}
    begun = False  # a header may stand below empty rows
    for number, row in enumerate(rows, 1):
        if all(_empty(c) or c == 0 for c in row):
            continue
        first, header = row[0], not begun
        begun = True
        if header and isinstance(first, str) and first.strip().lower() == "factor":
            continue
        if not isinstance(first, str) or _empty(first):
            raise BadArgumentError(f"Row {number} of the shocks begins with {read.shown(first)}; expected {_FORM}.")
        if len(row) not in (2, 3, 4):
            raise BadArgumentError(f"Row {number} of the shocks has {len(row)} cell(s); expected {_FORM}.")
        _take(found, row, number, months)
    if not found:
        raise BadArgumentError(f"The range of shocks is empty; expected {_FORM}.")
    shocks = []
    for factor, (unit, told) in found.items():
        if isinstance(told, dict):
            shape = tuple(told.get(m, 0.0) for m in range(1, months + 1))
            shocks.append(Shock(factor, unit, sum(shape), shape))
        else:
            shocks.append(Shock(factor, unit, told))
    return Scenario(SHEET, "shocks of the sheet", tuple(shocks))


def _take(
    found: dict[str, tuple[ShockUnit, dict[int, float] | float]], row: list[Any], number: int, months: int
) -> None:
    """Add one row to what was found."""
    factor = row[0].strip().lower()
    value, unit = _number(row[1], number), _unit(row[2] if len(row) > 2 else None, number, factor)
    if unit != "pct" and isinstance(row[1], str) and "%" in row[1]:
        raise BadArgumentError(
            f"Row {number} of the shocks: the shock to '{factor}' is written as {row[1].strip()} and its unit is {unit}; "
            "write the number without %, or the unit pct."
        )
    if len(row) == 4 and not _empty(row[3]) and row[3] != 0:
        month = _month(row[3], number, months)
        had = found.setdefault(factor, (unit, {}))
        if not isinstance(had[1], dict) or month in had[1] or had[0] != unit:
            raise BadArgumentError(
                f"Row {number} of the shocks: '{factor}' is given twice for month {month}, or in two ways; give each "
                "month one shock, in one unit."
            )
        had[1][month] = value
    elif factor in found:
        raise BadArgumentError(
            f"Row {number} of the shocks: '{factor}' is given twice; give each factor one shock, or one a month."
        )
    else:
        found[factor] = (unit, value)


def scenario_question(
    session: Session,
    scenario: Any,
    target: Any,
    horizon: Any,
    as_of: Any,
    spec: Any = None,
    method: Any = None,
) -> ScenarioQuestion:
    """Read the arguments that every projection shares.

    Parameters
    ----------
    session : Session
        Gives library, catalogue and stored series.
    scenario : object
        A word of the library, or a range of shocks.
    target, horizon, as_of, spec, method : object
        As typed.

    Returns
    -------
    ScenarioQuestion

    Raises
    ------
    BadArgumentError
        One of them is not understood.
    """
    if isinstance(scenario, (list, tuple)):
        months = horizon_of(horizon, DEFAULT_HORIZON)
        path = scenario_of_range(read.rows_of(scenario), months)
    elif read.is_blank(scenario):
        raise BadArgumentError(
            f"The argument 'scenario' is missing: give one of {', '.join(session.scenarios.paths)}, or {_FORM}."
        )
    else:
        path = session.scenarios.find(read.word("scenario", scenario))
        months = horizon_of(horizon, path.months)
    chosen: ScenarioMethod = read.choice("method", method, ScenarioMethod, "analytic")
    return ScenarioQuestion(projection_question(session, target, as_of, spec), path, months, chosen)


def projection_question(session: Session, target: Any, as_of: Any, spec: Any = None) -> Question:
    """Read target, as_of and specification of a projection, on weekly betas.

    Parameters
    ----------
    session : Session
        Gives catalogue and stored series.
    target, as_of, spec : object
        As typed.

    Returns
    -------
    Question

    Raises
    ------
    BadArgumentError
        One of them is not understood.
    """
    word = DEFAULT_TARGET if read.is_blank(target) else target
    return replace(question_of(session, word, None, as_of, None, spec), window=WINDOW)
