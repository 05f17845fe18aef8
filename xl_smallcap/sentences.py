"""Sentences of named results: said in Python, or written as one formula of a workbook whose cells hold the results.

A template names its results and how each is written: ``{growth.weeks.beta:+2}`` is a number with its sign and two
digits, ``{odds:%}`` a share in per cent, ``{day:date}`` a day, ``{label}`` a text. One template gives both, so that a
cell and a page cannot say two things. Formulas use FIXED, DAY and CHOOSE, never TEXT, whose codes follow the
computer's language ("yyyy" and "0.00" mean something else in a German Excel).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol

Value = float | str | dt.date | None
Results = Mapping[str, Value]
Cells = Mapping[str, str]
"""Name -> where the result stands, as a formula refers to it."""
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
_FIELD = re.compile(r"\{([\w.]+)(?::([^{}]*))?\}")
_NUMBER = re.compile(r"(\+?)(,?)(\d)")
_LONGEST = 200
"""Characters of one literal; Excel takes 255."""


def literal(text: str) -> str:
    """Return a text as a formula holds it, in pieces that Excel takes."""
    pieces = [text[i : i + _LONGEST] for i in range(0, len(text), _LONGEST)]
    return "&".join('"' + piece.replace('"', '""') + '"' for piece in pieces or [""])


def fixed(cell: str, digits: int, *, signed: bool = False, thousands: bool = False) -> str:
    """Return the formula that writes a number with so many digits in the separators of the reader's own locale."""
    rounded = f"ROUND({cell},{digits})+0"  # + 0: a small negative number is 0.00, not -0.00
    written = f"FIXED({rounded},{digits},{'FALSE' if thousands else 'TRUE'})"
    return f'IF(ROUND({cell},{digits})>0,"+","")&{written}' if signed else written


def iso(cell: str) -> str:
    """Return the formula that writes a day as 2025-12-24."""
    return f'YEAR({cell})&"-"&RIGHT("0"&MONTH({cell}),2)&"-"&RIGHT("0"&DAY({cell}),2)'


def _month(cell: str, letters: int | None = None) -> str:
    return f"CHOOSE(MONTH({cell})," + ",".join(f'"{m[:letters]}"' for m in MONTHS) + ")"


@dataclass(frozen=True)
class Shown:
    """A named result and how it is written."""

    name: str
    form: str = ""

    def text(self, results: Results) -> str:
        """Return it as Python says it."""
        value = results[self.name]
        if isinstance(value, dt.date):
            month = MONTHS[value.month - 1]
            return {
                "date": f"{value.day} {month} {value.year}", "month": f"{month} {value.year}",
                "day": f"{value.day} {month[:3]}", "iso": value.isoformat(),
            }[self.form]  # fmt: skip
        if isinstance(value, float):
            if self.form == "%":
                return f"{_rounded(100.0 * value, 0)}%"
            sign, thousands, digits = _parts(self.form)
            number = _rounded(value, digits)
            return ("+" if sign and number > 0 else "") + f"{number:{',' if thousands else ''}.{digits}f}"
        return str(value)

    def formula(self, cells: Cells) -> str:
        """Return the formula that says it."""
        cell = cells[self.name]
        ways = {
            "": cell,
            "date": f'DAY({cell})&" "&{_month(cell)}&" "&YEAR({cell})',
            "month": f'{_month(cell)}&" "&YEAR({cell})',
            "day": f'DAY({cell})&" "&{_month(cell, 3)}',
            "iso": iso(cell),
            "%": fixed(f"100*{cell}", 0) + '&"%"',
        }
        if self.form in ways:
            return ways[self.form]
        sign, thousands, digits = _parts(self.form)
        return fixed(cell, digits, signed=sign, thousands=thousands)


def _parts(form: str) -> tuple[bool, bool, int]:
    found = _NUMBER.fullmatch(form)
    if found is None:
        raise ValueError(f"a number is written as '+2', '2', ',1' or '%', not '{form}'")
    return bool(found[1]), bool(found[2]), int(found[3])


def _rounded(value: float, digits: int) -> Decimal:
    """Halves away from zero, as a spreadsheet rounds; never minus zero."""
    scaled = Decimal(f"{value:.15g}").quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return scaled + 0


class Test(Protocol):
    """What decides between two ways of saying it; false where a result is missing."""

    def holds(self, results: Results) -> bool:
        """Return whether it holds."""

    def formula(self, cells: Cells) -> str:
        """Return the formula that is TRUE where it holds."""


@dataclass(frozen=True)
class Is:
    """A result compared with a number, with a text, or with another result (in braces)."""

    name: str
    operator: str
    other: float | str

    def holds(self, results: Results) -> bool:
        """Return whether it holds."""
        value, other = results.get(self.name), self.other
        if isinstance(other, str) and other.startswith("{"):
            other = results.get(other[1:-1])  # type: ignore[assignment]  # a missing one is asked for below
        if value is None or other is None:
            return False
        if self.operator == "=":
            return value == other
        assert isinstance(value, float)
        assert isinstance(other, (int, float))
        return {
            "<=": value <= other, ">=": value >= other, "<": value < other, ">": value > other,
        }[self.operator]  # fmt: skip

    def formula(self, cells: Cells) -> str:
        """Return the formula that is TRUE where it holds."""
        cell, other = cells[self.name], self.other
        if isinstance(other, str) and other.startswith("{"):
            with_ = cells[other[1:-1]]
            return f"IF(AND(ISNUMBER({cell}),ISNUMBER({with_})),{cell}{self.operator}{with_},FALSE)"
        if isinstance(other, str):  # &"": LibreOffice finds no add-in's text equal to the same text
            return f'IFERROR({cell}&""="{other}",FALSE)'
        return f"IF(ISNUMBER({cell}),{cell}{self.operator}{other!r},FALSE)"


@dataclass(frozen=True)
class Known:
    """There is a number."""

    name: str

    def holds(self, results: Results) -> bool:
        """Return whether it holds."""
        return results.get(self.name) is not None

    def formula(self, cells: Cells) -> str:
        """Return the formula that is TRUE where it holds."""
        return f"ISNUMBER({cells[self.name]})"


@dataclass(frozen=True)
class Filled:
    """There is a text that is not empty."""

    name: str

    def holds(self, results: Results) -> bool:
        """Return whether it holds."""
        return results.get(self.name) not in (None, "")

    def formula(self, cells: Cells) -> str:
        """Return the formula that is TRUE where it holds."""
        return f'IFERROR({cells[self.name]}&""<>"",FALSE)'


@dataclass(frozen=True)
class Short:
    """A text of at most so many words and characters."""

    name: str
    words: int
    characters: int = 40

    def holds(self, results: Results) -> bool:
        """Return whether it holds."""
        text = str(results.get(self.name, ""))
        return len(text.split(" ")) <= self.words and len(text) <= self.characters

    def formula(self, cells: Cells) -> str:
        """Return the formula that is TRUE where it holds."""
        cell = cells[self.name]
        few = f'LEN({cell})-LEN(SUBSTITUTE({cell}," ",""))+1<={self.words}'
        return f"IF({few},LEN({cell})<={self.characters},FALSE)"


@dataclass(frozen=True)
class All:
    """Every one of some tests."""

    tests: tuple[Test, ...]

    def holds(self, results: Results) -> bool:
        """Return whether it holds."""
        return all(t.holds(results) for t in self.tests)

    def formula(self, cells: Cells) -> str:
        """Return the formula that is TRUE where it holds."""
        said = "TRUE"
        for test in reversed(self.tests):
            said = f"IF({test.formula(cells)},{said},FALSE)"
        return said


@dataclass(frozen=True)
class Either:
    """One of two ways of saying it."""

    test: Test
    yes: Say
    no: Say

    def text(self, results: Results) -> str:
        """Return it as Python says it."""
        return (self.yes if self.test.holds(results) else self.no).text(results)

    def formula(self, cells: Cells) -> str:
        """Return the formula that says it."""
        return f"IF({self.test.formula(cells)},{self.yes.formula(cells)},{self.no.formula(cells)})"


@dataclass(frozen=True)
class Say:
    """Words and named results, one after the other."""

    parts: tuple[str | Shown | Either, ...]

    def __add__(self, other: Say) -> Say:
        return Say(self.parts + other.parts)

    def text(self, results: Results) -> str:
        """Return the sentence as Python says it."""
        return "".join(part if isinstance(part, str) else part.text(results) for part in self.parts)

    def formula(self, cells: Cells) -> str:
        """Return the formula that says it, without the sign of equality."""
        said = [literal(part) if isinstance(part, str) else part.formula(cells) for part in self.parts if part != ""]
        return "&".join(said) if said else '""'


def say(template: str | Say, *more: str | Say) -> Say:
    """Read templates: text with results in braces.

    Parameters
    ----------
    template, *more : str or Say
        Said one after the other.

    Returns
    -------
    Say
        The sentence.
    """
    parts: list[str | Shown | Either] = []
    for one in (template, *more):
        if isinstance(one, Say):
            parts += one.parts
            continue
        at = 0
        for field in _FIELD.finditer(one):
            parts += [one[at : field.start()], Shown(field[1], field[2] or "")]
            at = field.end()
        parts.append(one[at:])
    return Say(tuple(p for p in parts if p != ""))


def either(test: Test, yes: str | Say, no: str | Say = "") -> Say:
    """Say one thing where a test holds, another where it does not."""
    return Say((Either(test, say(yes), say(no)),))


def first_of(cases: Sequence[tuple[Test, str | Say]], otherwise: str | Say) -> Say:
    """Say what belongs to the first test that holds."""
    said = say(otherwise)
    for test, one in reversed(list(cases)):
        said = either(test, one, said)
    return said
