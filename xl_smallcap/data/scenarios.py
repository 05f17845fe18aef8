"""The scenario library: named, dated, cited paths of factors, read from data; a user's file lies over ours."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from xl_smallcap.config import PACKAGE, TomlFile
from xl_smallcap.errors import BadArgumentError, CatalogueError, unknown_word

ShockUnit = Literal["bp", "pct", "pt", "sd"]
SHEET = "shocks"
"""The id of a path that is a range of the sheet."""
LONGEST_PATH = 12
"""Months, as of a projection."""
LEVELS_ASSUMED = "levels are the user's assumption, not a forecast by the firm named"
"""What is said beside every path of the library."""
_KEYS = ("label", "aliases", "dated", "source", "direction", "months", "shocks")
_SHOCK_KEYS = ("unit", "shock", "by_month")


_SAID: dict[ShockUnit, str] = {"bp": "bp", "pct": "%", "pt": "points", "sd": "standard deviations"}


@dataclass(frozen=True)
class Shock:
    """What one factor does: its change in each month, or one change over the whole path (None by month)."""

    factor: str
    unit: ShockUnit
    total: float
    by_month: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Scenario:
    """A path of factors, when it was thought of and by whom; `months` 0 means as long as the horizon asked for."""

    id: str
    label: str
    shocks: tuple[Shock, ...]
    months: int = 0
    dated: dt.date | None = None
    source: str = "the sheet"
    direction: str = ""
    aliases: tuple[str, ...] = ()

    def said(self, months: int) -> str:
        """Say what the factors do, as it was understood: "oil -0.1 %, easing +25 bp over 6 months"."""
        moves = ", ".join(f"{s.factor} {s.total:+.4g} {_SAID[s.unit]}" for s in self.shocks) or "no change"
        length = self.months or months
        return f"{moves} over {length} month{'s' if length > 1 else ''}"

    @property
    def words(self) -> frozenset[str]:
        """Every way to write its name, as :meth:`ScenarioLibrary.find` compares them."""
        return frozenset(_meant(w) for w in (self.id, *self.aliases))


def _meant(word: str) -> str:
    return re.sub(r"[\s-]+", "_", word.strip().lower())


@dataclass(frozen=True)
class ScenarioLibrary:
    """Every path; look-ups know aliases and say what was meant."""

    paths: Mapping[str, Scenario]

    def find(self, word: str) -> Scenario:
        """Return a path by id or alias."""
        wanted = _meant(word)
        for path in self.paths.values():
            if wanted in path.words:
                return path
        words = [w for p in self.paths.values() for w in (p.id, *p.aliases)]
        raise BadArgumentError(unknown_word("scenario", word.strip(), words))


@dataclass(frozen=True)
class _PathReader:
    """Paths out of one file."""

    file: TomlFile
    quotes: Mapping[str, str] | None = None

    def shock(self, path: str, factor: str, given: Any, months: int) -> Shock:
        table = f"paths.{path}.shocks"
        if not isinstance(given, dict):
            raise self.file.refuse(
                table, factor, f'{factor} must look like {{ unit = "bp", shock = 25 }}; got {given!r}.'
            )
        for key in given:
            if key not in _SHOCK_KEYS:
                raise self.file.refuse(table, factor, f"{factor}: {unknown_word('key', key, _SHOCK_KEYS)}")
        unit = given.get("unit")
        if unit is None:
            raise self.file.refuse(table, factor, f'{factor} has no unit; write unit = "bp", "pct", "pt" or "sd".')
        if unit not in get_args(ShockUnit):
            raise self.file.refuse(table, factor, f"{factor}: {unknown_word('unit', str(unit), get_args(ShockUnit))}")
        if self.quotes is not None:
            own = self.quotes.get(factor.lower())
            if own is None:
                raise self.file.refuse(table, factor, unknown_word("factor", factor, self.quotes))
            if unit not in ("sd", own):
                raise self.file.refuse(table, factor, f"{factor} has the unit '{own}' (or 'sd'), not '{unit}'.")
        if ("shock" in given) == ("by_month" in given):
            raise self.file.refuse(table, factor, f"{factor} needs either shock or by_month, and not both.")
        values = given.get("by_month", [given.get("shock")])
        if not isinstance(values, list) or not all(_finite(v) for v in values):
            raise self.file.refuse(table, factor, f"{factor}: shocks must be numbers; got {values!r}.")
        if "by_month" in given and len(values) != months:
            raise self.file.refuse(
                table, factor, f"{factor}: by_month has {len(values)} numbers, but months = {months}; give one a month."
            )
        shaped = tuple(float(v) for v in values)
        return Shock(factor, unit, float(sum(shaped)), shaped if "by_month" in given else None)

    def path(self, key: str, given: Any) -> Scenario:
        table = f"paths.{key}"
        self.file.entries(table, given, _KEYS, ("label", "dated", "source", "months", "shocks"))
        for name, kind, said in (
            ("label", str, "text"), ("source", str, "text"), ("direction", str, "text"),
            ("dated", dt.date, "a date such as 2025-12-24"), ("shocks", dict, "a table of factors"),
            ("aliases", list, "a list of words"),
        ):  # fmt: skip
            if name in given:
                self.file.typed(table, name, given[name], (kind,), said)
        months = given["months"]
        if type(months) is not int or not 1 <= months <= LONGEST_PATH:
            raise self.file.refuse(
                table, "months", f"months must be a whole number from 1 to {LONGEST_PATH}, not {months!r}."
            )
        return Scenario(
            id=key,
            label=given["label"],
            shocks=tuple(self.shock(key, f, v, months) for f, v in given["shocks"].items()),
            months=months,
            dated=given["dated"],
            source=given["source"],
            direction=given.get("direction", ""),
            aliases=tuple(str(a) for a in given.get("aliases", ())),
        )

    def paths(self) -> dict[str, Scenario]:
        content = self.file.content
        for key in content:
            if key not in ("schema", "paths"):
                raise self.file.refuse("", key, unknown_word("table", key, ("paths", "schema")))
        entries = content.get("paths", {})
        if not isinstance(entries, dict):
            raise self.file.refuse("", "paths", "[paths] must hold a table a path, such as [paths.my_view].")
        return {key: self.path(key, given) for key, given in entries.items()}


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e12


@functools.lru_cache(maxsize=1)
def _shipped() -> dict[str, Scenario]:
    text = (PACKAGE / "data" / "scenarios.toml").read_text(encoding="utf-8")
    return _PathReader(TomlFile(text, "scenarios.toml", CatalogueError)).paths()


def load_scenarios(user_file: Path | None = None, quotes: Mapping[str, str] | None = None) -> ScenarioLibrary:
    """Read our paths and lay the user's over them."""
    paths = dict(_shipped())
    own = TomlFile.own(user_file, CatalogueError)
    if own is not None:
        paths.update(_PathReader(own, quotes).paths())
        said: dict[str, str] = {}
        for path in paths.values():
            for word in sorted(path.words):
                if word in said:
                    raise CatalogueError(
                        f"{user_file}: '{word}' means both path '{said[word]}' and path '{path.id}'; choose another "
                        "alias, or give your path the id of ours to replace it."
                    )
                said[word] = path.id
    return ScenarioLibrary(paths)
