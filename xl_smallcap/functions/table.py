"""The one table of worksheet functions: which there are, in which module, with which arguments.

A module is imported when one of its functions is asked for; the names are known without. Every host translates this
table; nothing is declared twice.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, TypeVar, overload

from xl_smallcap.errors import BadArgumentError
from xl_smallcap.session import Session, current_session

HELP_LIMIT = 255
"""Characters Excel shows of a function's or an argument's help."""
_ROOMS = (
    ("betas", "BETA BETAS BETA_HISTORY FIT METHODS"),
    ("attribution", "ATTRIBUTION"),
    ("fair_value", "FAIR_VALUE FAIR_VALUE_HISTORY"),
    ("factors", "FACTOR FACTORS"),
    ("regimes", "REGIME REGIME_PROB REGIMES REGIME_HISTORY TRANSITIONS REGIME_RETURNS REGIME_SCORE"),
    ("scenarios", "SCENARIO SCENARIOS PROJECTION FAN SCENARIO_SCORE"),
    ("needle", "TIPPING IMPLIED BREAKEVEN NEEDLE NEEDLE_MAP"),
    ("dispersion", "DISPERSION DISPERSION_HISTORY WINNERS"),
    ("events", "EVENT_BETA EVENT_BETAS EVENT_BETA_HISTORY CALENDAR NEWS_BETAS"),
    ("positioning", "POSITIONING POSITIONING_HISTORY GAUGE GAUGES"),
    ("thesis", "THESIS"),
    ("claims", "CLAIMS"),
    ("sentence", "SENTENCE"),
    ("betas", "DIFF"),
    ("provenance", "ASOF SOURCE SNAPSHOT STATUS"),
    ("formula", "WHY"),
)
"""Modules of this package and the functions in each, in the order they are listed everywhere."""
_MODULE_OF = {f"RUSSELL_{word}": room for room, words in _ROOMS for word in words.split()}
NAMES = tuple(_MODULE_OF)
R = TypeVar("R")


@dataclass(frozen=True)
class Parameter:
    """One argument of a worksheet function."""

    name: str  # as a person writes it
    help: str  # what Excel's wizard shows, at most 255 characters
    read: Callable[[Session, Any], Any]  # from the open session and what was typed to what the function works with
    kind: str = "str"  # what may be typed, as a docstring says it
    optional: bool = True  # whether it may be left out
    is_date: bool = False  # whether a number is a day
    is_shocks: bool = False  # whether a range of shocks may stand there, which counts as its cells show it
    words: tuple[str, ...] = ()  # the words a stat may be
    is_weights: bool = False  # whether a range of names and weights may stand there

    def but(self, **changes: Any) -> Parameter:
        """Return the same argument where a function's own words or default differ."""
        return replace(self, **changes)


@dataclass(frozen=True)
class WorksheetFunction:
    """One worksheet function: `spills` where it can return a table, `table` where it always does."""

    name: str
    call: Callable[..., Any]
    help: str
    parameters: tuple[Parameter, ...]
    spills: bool
    table: bool

    @property
    def usage(self) -> str:
        """The call as documentation shows it."""
        return f"{self.name}({', '.join(p.name for p in self.parameters)})"


_registered: dict[str, WorksheetFunction] = {}


def worksheet_function(*parameters: Parameter, opens: bool = True) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Make a worksheet function of one that takes the open session and arguments that were read.

    What it makes takes arguments as typed, in the order given, opens the session, follows CURRENT, and reads each by
    its entry. Its help is the first line of the docstring; the docstring's Parameters are written from the entries.

    Parameters
    ----------
    *parameters : Parameter
        In the order people say them: subject, target, stat, horizon or window, as_of, method or model, spec, unit.
    opens : bool
        Whether the function gets a session.

    Returns
    -------
    callable
        A decorator.

    Raises
    ------
    ValueError
        A text is missing or longer than Excel shows, or the function takes other names.
    """

    def decorate(body: Callable[..., R]) -> Callable[..., R]:
        names = [p.name for p in parameters]
        if list(inspect.signature(body).parameters)[int(opens) :] != names:
            raise ValueError(f"{body.__name__} does not take {', '.join(names)}")
        doc = inspect.cleandoc(body.__doc__ or _written(body))
        summary, _, rest = doc.partition("\n\n")
        summary = " ".join(summary.split())
        for what, text in [("summary", summary), *((p.name, p.help) for p in parameters)]:
            if not 0 < len(text) <= HELP_LIMIT:
                raise ValueError(f"{body.__name__}: help of {what} has {len(text)} characters, not 1 to {HELP_LIMIT}")
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        signature = inspect.Signature(
            [
                inspect.Parameter(p.name, kind, default=None if p.optional else inspect.Parameter.empty)
                for p in parameters
            ]
        )

        @functools.wraps(body)
        def call(*given: Any, **named: Any) -> R:
            bound = signature.bind(*given, **named).arguments
            if not opens:
                return body(*(bound.get(n) for n in names))
            session = current_session()
            session.follow()
            _refuse_former_order(session, entry, bound)
            return body(session, *(p.read(session, bound.get(p.name)) for p in parameters))

        gives = str(body.__annotations__["return"])
        entry = WorksheetFunction(body.__name__, call, summary, parameters, "Table" in gives, gives == "Table")
        call.__doc__ = _with_parameters(summary, parameters, rest)
        made: Any = call
        made.__signature__ = signature
        if entry.name in _MODULE_OF:
            _registered[entry.name] = entry
        return call

    return decorate


def _written(body: Callable[..., Any]) -> str:
    """The docstring as the source file has it: python -OO takes it away from the function."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(body)))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    return ast.get_docstring(function) or ""


def _with_parameters(summary: str, parameters: Sequence[Parameter], rest: str) -> str:
    lines = [f"{p.name} : {p.kind}{', optional' * p.optional}\n    {p.help}" for p in parameters]
    block = "Parameters\n----------\n" + "\n".join(lines) if lines else ""
    return "\n\n".join(part for part in (summary, block, rest) if part)


def _refuse_former_order(session: Session, entry: WorksheetFunction, bound: Mapping[str, Any]) -> None:
    """Say it in a sentence where a stat stands in the target's place, or a target in the stat's: they were exchanged."""
    stat = next((p for p in entry.parameters if p.name == "stat"), None)
    if stat is None or all(p.name != "target" for p in entry.parameters):
        return
    first, second = (_word(bound.get(n)) for n in ("target", "stat"))
    if first and _is_stat(first, stat.words):
        meant = {"target": bound.get("stat"), "stat": bound["target"]}
        what = f"'{first}' is a stat"
    elif second and not _is_stat(second, stat.words) and _is_target(session, second):
        meant = {"target": bound["stat"], "stat": bound.get("target")}
        what = f"'{second}' is a target"
    else:
        return
    values = [{**bound, **meant}.get(p.name) for p in entry.parameters]
    stock = f" (The stock is 'stock:{first.upper()}'.)" if first and first.upper() in session.snapshot.tickers else ""
    raise BadArgumentError(f"{what}, and the target stands before the stat: ={_as_typed(entry.name, values)}.{stock}")


def _word(value: Any) -> str:
    return value.strip().lower() if isinstance(value, str) else ""


def _is_stat(word: str, words: Sequence[str]) -> bool:
    return word in words or (word.partition(":")[0] in ("contribution", "expected") and ":" in word)


def _is_target(session: Session, word: str) -> bool:
    targets = (*session.catalogue.targets, *session.snapshot.target_frequencies)
    return any(word == k.lower() for k in targets)


def _as_typed(name: str, values: Sequence[Any]) -> str:
    def shown(value: Any) -> str:
        if value is None or isinstance(value, (list, tuple)):
            return "" if value is None else "..."
        return f"{value:.15g}" if isinstance(value, (int, float)) else f'"{value}"'

    while values and (values[-1] is None or values[-1] == ""):
        values = values[:-1]
    return f"{name}({','.join(shown(v) for v in values)})"


class _ByName(Mapping[str, WorksheetFunction]):
    """From a name to its function; whatever else is in the table is not imported."""

    def __getitem__(self, name: str) -> WorksheetFunction:
        if name not in _registered:
            import_module(f"xl_smallcap.functions.{_MODULE_OF[name]}")
        return _registered[name]

    def __contains__(self, name: object) -> bool:
        return name in _MODULE_OF

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


class _Functions(Sequence[WorksheetFunction]):
    """All functions in order, each imported when it is reached."""

    @overload
    def __getitem__(self, index: int) -> WorksheetFunction: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[WorksheetFunction]: ...
    def __getitem__(self, index: int | slice) -> WorksheetFunction | Sequence[WorksheetFunction]:
        if isinstance(index, slice):
            return tuple(BY_NAME[n] for n in NAMES[index])
        return BY_NAME[NAMES[index]]

    def __len__(self) -> int:
        return len(NAMES)


BY_NAME: Mapping[str, WorksheetFunction] = _ByName()
FUNCTIONS: Sequence[WorksheetFunction] = _Functions()
