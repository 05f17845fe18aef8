"""The one table of worksheet functions. Every host translates it; nothing is declared twice."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xl_smallcap.functions import why as _why
from xl_smallcap.functions.attribution import RUSSELL_ATTRIBUTION
from xl_smallcap.functions.betas import RUSSELL_BETA, RUSSELL_BETA_HISTORY, RUSSELL_BETAS, RUSSELL_FIT
from xl_smallcap.functions.changes import RUSSELL_DIFF
from xl_smallcap.functions.dispersion import RUSSELL_DISPERSION, RUSSELL_DISPERSION_HISTORY, RUSSELL_WINNERS
from xl_smallcap.functions.factors import RUSSELL_FACTOR, RUSSELL_FACTORS
from xl_smallcap.functions.fair_value import RUSSELL_FAIR_VALUE, RUSSELL_FAIR_VALUE_HISTORY
from xl_smallcap.functions.gauges import RUSSELL_GAUGE, RUSSELL_GAUGES
from xl_smallcap.functions.methods import RUSSELL_METHODS
from xl_smallcap.functions.needle import RUSSELL_NEEDLE, RUSSELL_NEEDLE_MAP, RUSSELL_TIPPING
from xl_smallcap.functions.positioning import RUSSELL_POSITIONING, RUSSELL_POSITIONING_HISTORY
from xl_smallcap.functions.provenance import RUSSELL_ASOF, RUSSELL_SNAPSHOT, RUSSELL_SOURCE, RUSSELL_STATUS
from xl_smallcap.functions.regimes import (
    RUSSELL_REGIME,
    RUSSELL_REGIME_HISTORY,
    RUSSELL_REGIME_PROB,
    RUSSELL_REGIME_RETURNS,
    RUSSELL_REGIME_SCORE,
    RUSSELL_REGIMES,
    RUSSELL_TRANSITIONS,
)
from xl_smallcap.functions.scenarios import (
    RUSSELL_FAN,
    RUSSELL_PROJECTION,
    RUSSELL_SCENARIO,
    RUSSELL_SCENARIO_SCORE,
    RUSSELL_SCENARIOS,
)
from xl_smallcap.functions.thesis import RUSSELL_THESIS
from xl_smallcap.types import Table

HELP_LIMIT = 255
"""Characters Excel shows of a function's or an argument's help."""


@dataclass(frozen=True)
class Parameter:
    """One argument: name, whether it may be left out, whether it is a date or may be a range of shocks, and its help."""

    name: str
    optional: bool
    is_date: bool
    is_shocks: bool
    help: str


@dataclass(frozen=True)
class WorksheetFunction:
    """One worksheet function, described by its own signature and docstring; `spills` where it can return a table."""

    name: str
    call: Callable[..., Any]
    help: str
    parameters: tuple[Parameter, ...]
    spills: bool
    table: bool
    """Whether it always returns one; others do when asked for all."""

    @property
    def usage(self) -> str:
        """The call as documentation shows it."""
        return f"{self.name}({', '.join(p.name for p in self.parameters)})"


def _written(call: Callable[..., Any]) -> str:
    """The docstring as the source file has it: python -OO takes it away from the function."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(call)))
    found = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    return ast.get_docstring(found) or ""


def describe(call: Callable[..., Any]) -> WorksheetFunction:
    """Read a function's entry in the table from its signature and numpy docstring.

    Parameters
    ----------
    call : callable
        A worksheet function.

    Returns
    -------
    WorksheetFunction

    Raises
    ------
    ValueError
        A text is missing or longer than Excel shows.
    """
    doc = inspect.cleandoc(call.__doc__ or _written(call))
    summary = " ".join(doc.split("\n\n", 1)[0].split())
    block = re.search(r"Parameters\n-+\n(.*?)(?:\n\n\w+\n-+\n|\Z)", doc, re.DOTALL)
    told: dict[str, list[str]] = {}
    name = ""
    for line in block.group(1).splitlines() if block else []:
        if line and not line.startswith(" "):
            name = line.partition(":")[0].strip()
            told[name] = []
        elif line.strip():
            told[name].append(line.strip())
    parameters = tuple(
        Parameter(
            p.name,
            p.default is not inspect.Parameter.empty,
            "dt.date" in str(p.annotation),
            "Sequence[Any]" in str(p.annotation),
            " ".join(told.get(p.name, [])),
        )
        for p in inspect.signature(call).parameters.values()
    )
    for what, text in [("summary", summary), *((p.name, p.help) for p in parameters)]:
        if not 0 < len(text) <= HELP_LIMIT:
            raise ValueError(f"{call.__name__}: help of {what} has {len(text)} characters, not 1 to {HELP_LIMIT}")
    gives = str(inspect.signature(call).return_annotation)
    return WorksheetFunction(call.__name__, call, summary, parameters, "Table" in gives, gives == "Table")


def RUSSELL_WHY(formula: str | None = None) -> str | Table:
    """The sentence behind an error: =RUSSELL_WHY(FORMULATEXT(A1)), in LibreOffice =RUSSELL_WHY(FORMULA(A1)). Without an argument, a table of the last 50 errors of this session with their arguments.

    Parameters
    ----------
    formula : str, optional
        The text of the formula, from FORMULATEXT (LibreOffice: FORMULA). The cell itself cannot be given: an error passes through.

    Returns
    -------
    str or list of list
        A sentence per RUSSELL_ call in the formula, or the table.
    """
    if formula is None or not str(formula).strip():
        return _why.history()
    return _why.explain(str(formula), lambda name: getattr(BY_NAME.get(name), "call", None), BY_NAME)


FUNCTIONS: tuple[WorksheetFunction, ...] = tuple(
    describe(f)
    for f in (
        RUSSELL_BETA,
        RUSSELL_BETAS,
        RUSSELL_BETA_HISTORY,
        RUSSELL_FIT,
        RUSSELL_METHODS,
        RUSSELL_ATTRIBUTION,
        RUSSELL_FAIR_VALUE,
        RUSSELL_FAIR_VALUE_HISTORY,
        RUSSELL_FACTOR,
        RUSSELL_FACTORS,
        RUSSELL_REGIME,
        RUSSELL_REGIME_PROB,
        RUSSELL_REGIMES,
        RUSSELL_REGIME_HISTORY,
        RUSSELL_TRANSITIONS,
        RUSSELL_REGIME_RETURNS,
        RUSSELL_REGIME_SCORE,
        RUSSELL_SCENARIO,
        RUSSELL_SCENARIOS,
        RUSSELL_PROJECTION,
        RUSSELL_FAN,
        RUSSELL_SCENARIO_SCORE,
        RUSSELL_TIPPING,
        RUSSELL_NEEDLE,
        RUSSELL_NEEDLE_MAP,
        RUSSELL_DISPERSION,
        RUSSELL_DISPERSION_HISTORY,
        RUSSELL_WINNERS,
        RUSSELL_POSITIONING,
        RUSSELL_POSITIONING_HISTORY,
        RUSSELL_GAUGE,
        RUSSELL_GAUGES,
        RUSSELL_THESIS,
        RUSSELL_DIFF,
        RUSSELL_ASOF,
        RUSSELL_SOURCE,
        RUSSELL_SNAPSHOT,
        RUSSELL_STATUS,
        RUSSELL_WHY,
    )
)
BY_NAME: dict[str, WorksheetFunction] = {f.name: f for f in FUNCTIONS}

__all__ = [
    "BY_NAME",
    "FUNCTIONS",
    "HELP_LIMIT",
    "RUSSELL_ASOF",
    "RUSSELL_ATTRIBUTION",
    "RUSSELL_BETA",
    "RUSSELL_BETAS",
    "RUSSELL_BETA_HISTORY",
    "RUSSELL_DIFF",
    "RUSSELL_DISPERSION",
    "RUSSELL_DISPERSION_HISTORY",
    "RUSSELL_FACTOR",
    "RUSSELL_FACTORS",
    "RUSSELL_FAIR_VALUE",
    "RUSSELL_FAIR_VALUE_HISTORY",
    "RUSSELL_FAN",
    "RUSSELL_FIT",
    "RUSSELL_GAUGE",
    "RUSSELL_GAUGES",
    "RUSSELL_METHODS",
    "RUSSELL_NEEDLE",
    "RUSSELL_NEEDLE_MAP",
    "RUSSELL_POSITIONING",
    "RUSSELL_POSITIONING_HISTORY",
    "RUSSELL_PROJECTION",
    "RUSSELL_REGIME",
    "RUSSELL_REGIMES",
    "RUSSELL_REGIME_HISTORY",
    "RUSSELL_REGIME_PROB",
    "RUSSELL_REGIME_RETURNS",
    "RUSSELL_REGIME_SCORE",
    "RUSSELL_SCENARIO",
    "RUSSELL_SCENARIOS",
    "RUSSELL_SCENARIO_SCORE",
    "RUSSELL_SNAPSHOT",
    "RUSSELL_SOURCE",
    "RUSSELL_STATUS",
    "RUSSELL_THESIS",
    "RUSSELL_TIPPING",
    "RUSSELL_TRANSITIONS",
    "RUSSELL_WHY",
    "RUSSELL_WINNERS",
    "Parameter",
    "WorksheetFunction",
    "describe",
]
