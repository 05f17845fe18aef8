"""Published claims about what drives small caps: dated, cited, each a relation; a person's file adds more."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from xl_smallcap.config import PACKAGE, TomlFile
from xl_smallcap.errors import CatalogueError, unknown_word

Relation = Literal["positive", "negative", "none", "rich"]
"""A sign of a beta, no response at all, or a price above what the model says."""
Seen = Literal["whole", "opening", "teaser", "headline"]
_NEEDED = ("who", "dated", "source", "said", "target", "relation")
_KEYS = (*_NEEDED, "address", "seen", "factor", "increasing")


@dataclass(frozen=True)
class Claim:
    """Who said when that a target answers a factor, where it can be read, and how much of that was seen."""

    id: str
    who: str
    dated: dt.date
    source: str
    address: str
    seen: Seen
    said: str
    factor: str  # "" where the relation is "rich"
    target: str
    relation: Relation
    increasing: bool


def _read(file: TomlFile) -> dict[str, Claim]:
    """Read a file of claims; every slip is told with its line."""
    file.entries("", file.content, ("claims",))
    return {name: _claim(file, f"claims.{name}", name, given) for name, given in file.content.get("claims", {}).items()}


def _claim(file: TomlFile, table: str, name: str, given: Any) -> Claim:
    entries = file.entries(table, given, _KEYS, _NEEDED)

    def text(key: str) -> str:
        return cast(str, file.typed(table, key, entries.get(key, ""), (str,), "text"))

    def one_of(key: str, choices: Any, default: str) -> str:
        word, known = text(key) or default, get_args(choices)
        if word not in known:
            raise file.refuse(table, key, unknown_word(key, word, known))
        return word

    relation = one_of("relation", Relation, "")
    factor = text("factor")
    if (relation == "rich") == bool(factor):
        needs = "names no factor: it compares a price with the model" if factor else f"'{relation}' needs a factor"
        raise file.refuse(table, "factor" if factor else "relation", f"relation {needs}.")
    day = file.typed(table, "dated", entries["dated"], (dt.date,), "a day such as 2025-12-24")
    return Claim(
        id=name, who=text("who"), dated=day, source=text("source"), address=text("address"),
        seen=cast(Seen, one_of("seen", Seen, "whole")), said=text("said"), factor=factor, target=text("target"),
        relation=cast(Relation, relation),
        increasing=file.typed(table, "increasing", entries.get("increasing", False), (bool,), "true or false"),
    )  # fmt: skip


@functools.lru_cache(maxsize=1)
def _shipped() -> dict[str, Claim]:
    path = PACKAGE / "data" / "claims.toml"
    return _read(TomlFile(path.read_text(encoding="utf-8"), str(path), CatalogueError))


def load_claims(user_file: Path | None = None) -> Mapping[str, Claim]:
    """Return the claims by date, ours and a person's; one of the same name takes the place of ours."""
    own = TomlFile.own(user_file, CatalogueError)
    claims = _shipped() | (_read(own) if own is not None else {})
    return dict(sorted(claims.items(), key=lambda item: (item[1].dated, item[0])))
