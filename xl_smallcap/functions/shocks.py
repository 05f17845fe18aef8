"""From a word or a range of the sheet to a path of factors."""

from __future__ import annotations

import re
from typing import Any, get_args

from xl_smallcap.analyses.question import Question
from xl_smallcap.analyses.scenarios.projection import WINDOW, ScenarioQuestion
from xl_smallcap.data.catalogue import Spec, Target
from xl_smallcap.data.scenarios import SHEET, Scenario, Shock, ShockUnit
from xl_smallcap.errors import BadArgumentError, unknown_word
from xl_smallcap.functions import arguments as read
from xl_smallcap.session import Session
from xl_smallcap.types import Day, ScenarioMethod

DEFAULT_HORIZON = 3
"""Months of a range of shocks; a path of the library has its own."""
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$")
_PERCENT = re.compile(_NUMBER.pattern.replace(r"\s*$", r"\s*%\s*$"))
"""How a host that sees number formats hands over a cell that shows a percentage: as it is shown."""
_FORM = 'a range of rows factor, shock, unit (and month, if it has a shape), such as {"inflation",25,"bp"}'


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
    units = get_args(ShockUnit)
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
    for unit in units:
        if word == unit:
            chosen: ShockUnit = unit
            return chosen
    raise BadArgumentError(f"Row {row} of the shocks: {unknown_word('unit', word, units)}")


def _month(cell: Any, row: int, months: int) -> int:
    text = cell.strip() if isinstance(cell, str) else f"{cell:g}" if isinstance(cell, (int, float)) else ""
    if isinstance(cell, bool) or not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= months:
        raise BadArgumentError(
            f"Row {row} of the shocks: month must be a whole number from 1 to {months} (the horizon); got "
            f"{read.shown(cell)}."
        )
    return int(text)


def scenario_of_range(rows: list[list[Any]], months: int) -> Scenario:
    """Read a range of shocks: factor, shock, unit and, where the path has a shape, month."""
    by_factor: dict[str, tuple[ShockUnit, dict[int, float] | float]] = {}
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
        _take(by_factor, row, number, months)
    if not by_factor:
        raise BadArgumentError(f"The range of shocks is empty; expected {_FORM}.")
    shocks = []
    for factor, (unit, size) in by_factor.items():
        if isinstance(size, dict):
            shape = tuple(size.get(m, 0.0) for m in range(1, months + 1))
            shocks.append(Shock(factor, unit, sum(shape), shape))
        else:
            shocks.append(Shock(factor, unit, size))
    return Scenario(SHEET, "shocks of the sheet", tuple(shocks))


def _take(
    by_factor: dict[str, tuple[ShockUnit, dict[int, float] | float]], row: list[Any], number: int, months: int
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
        had = by_factor.setdefault(factor, (unit, {}))
        if not isinstance(had[1], dict) or month in had[1] or had[0] != unit:
            raise BadArgumentError(
                f"Row {number} of the shocks: '{factor}' is given twice for month {month}, or in two ways; give each "
                "month one shock, in one unit."
            )
        had[1][month] = value
    elif factor in by_factor:
        raise BadArgumentError(
            f"Row {number} of the shocks: '{factor}' is given twice; give each factor one shock, or one a month."
        )
    else:
        by_factor[factor] = (unit, value)


def scenario_question(
    session: Session, scenario: Any, horizon: int | None, question: Question, method: ScenarioMethod = "analytic"
) -> ScenarioQuestion:
    """Read a path and say over how many months it is projected."""
    if isinstance(scenario, (list, tuple)):
        months = horizon or DEFAULT_HORIZON
        path = scenario_of_range(read.rows_of(scenario), months)
    elif read.is_blank(scenario):
        raise BadArgumentError(
            f"The argument 'scenario' is missing: give one of {', '.join(session.scenarios.paths)}, or {_FORM}."
        )
    else:
        path = session.scenarios.find(read.word("scenario", scenario))
        months = horizon or path.months
    return ScenarioQuestion(question, path, months, method)


def projection_question(target: Target, as_of: Day, spec: Spec) -> Question:
    """Return the regression a projection rests on: weekly betas."""
    return Question(target=target, spec=spec, window=WINDOW, as_of=as_of)
