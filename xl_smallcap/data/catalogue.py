"""The catalogue of series, factors, targets and specifications, read from data, and what others call a series."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from xl_smallcap.config import PACKAGE, TomlFile
from xl_smallcap.errors import BadArgumentError, CatalogueError, closest, unknown_word
from xl_smallcap.types import SeriesFrequency, SeriesKind

Quote = Literal["pct", "bp", "pt"]
QUOTED: Mapping[str, SeriesKind] = {"pct": "price", "bp": "yield", "pt": "level"}
"""Which series a factor's legs are: prices change in % (log), yields in basis points, levels in points."""
Licence = Literal["public", "attribution", "restricted", "terminal", "own"]
"""public: no owner; attribution: free with the source named; restricted: inside your own house; terminal: on the
machine of its subscriber only; own: the user's. docs/data-sources.md says which owner wants what."""


@dataclass(frozen=True)
class Series:
    """One published series: what it is, how often it comes and when it is known."""

    id: str
    label: str
    kind: SeriesKind = "price"
    unit: str = ""
    frequency: SeriesFrequency = "daily"
    publisher: str = "the user's own"
    fallback: tuple[str, ...] = ()
    lag_days: int = 0
    time: str = "16:00"
    calendar: str = ""
    schedule: str = ""
    sources: tuple[str, ...] = ()
    licence: Licence = "own"
    peak: tuple[float, ...] = ()
    step: float = 0.0
    rescaled: bool = False
    rolling: bool = False
    splice: bool = False
    rule: str = ""

    @property
    def calendar_id(self) -> str:
        """Whose rows of the release calendar apply: the series' own unless it is part of a bigger report."""
        return self.calendar or self.id


@dataclass(frozen=True)
class Factor:
    """A named, signed change built from weighted legs; up means "more of it"."""

    id: str
    label: str
    up: str
    quote: Quote
    legs: tuple[tuple[str, float], ...]
    reference_sd: float
    aliases: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """What is explained: weighted legs of prices, in 100*log; `market` adds the market to the regressors."""

    id: str
    label: str
    legs: tuple[tuple[str, float], ...]
    market: bool = False


@dataclass(frozen=True)
class Spec:
    """The factors of one joint regression."""

    id: str
    factors: tuple[str, ...]
    market: bool = False
    label: str = ""

    @property
    def swapped(self) -> bool:
        """Whether one factor is replaced by another construction (``macro:growth_metals``)."""
        return ":" in self.id


@dataclass(frozen=True)
class Catalogue:
    """All entries; look-ups know aliases and say what was meant."""

    series: Mapping[str, Series]
    factors: Mapping[str, Factor]
    targets: Mapping[str, Target]
    specs: Mapping[str, Spec]
    market: str
    default_spec: str
    default_target: str
    fingerprint: str = field(repr=False, default="")

    def series_of(self, series_id: str) -> Series:
        """Return the entry of a series; one we don't know counts as a price of the user's own."""
        return self.series.get(series_id) or Series(id=series_id, label=series_id)

    def factor(self, word: str) -> Factor:
        """Return a factor by id or alias."""
        wanted = word.strip().lower()
        for entry in self.factors.values():
            if wanted == entry.id.lower() or wanted in (a.lower() for a in entry.aliases):
                return entry
        raise BadArgumentError(unknown_word("factor", word.strip(), self.factors))

    def spec(self, word: str) -> Spec:
        """Return a specification; ``"macro:growth_metals"`` is macro with that construction of growth."""
        base_word, _, swap_word = word.strip().partition(":")
        base = {k.lower(): v for k, v in self.specs.items()}.get(base_word.strip().lower())
        if base is None:
            raise BadArgumentError(
                unknown_word("specification", base_word.strip(), self.specs)[:-1]
                + "; or one factor swapped, such as macro:growth_metals."
            )
        if not swap_word:
            return base
        new = self.factor(swap_word)
        for old in base.factors:
            if new.id in self.factors[old].alternatives:
                return replace(
                    base,
                    id=f"{base.id}:{new.id}",
                    label=f"{base.label}; {new.id} in place of {old}",
                    factors=tuple(new.id if f == old else f for f in base.factors),
                )
        possible = [f"{base.id}:{a}" for f in base.factors for a in self.factors[f].alternatives]
        raise BadArgumentError(
            f"'{new.id}' is not an alternative construction of a factor in '{base.id}'. "
            f"Possible: {', '.join(possible)}."
        )

    def specs_with(self, factor_id: str) -> list[str]:
        """Return the specifications in which a factor takes part, plain ones first."""
        plain = [s.id for s in self.specs.values() if factor_id in s.factors]
        swapped = [
            f"{s.id}:{factor_id}"
            for s in self.specs.values()
            for f in s.factors
            if factor_id in self.factors[f].alternatives
        ]
        return plain + swapped

    def target(self, word: str, stored: Mapping[str, str]) -> Target:
        """Return a target by id, or any series in the store as a target of its own."""
        wanted = word.strip().lower()
        for entry in self.targets.values():
            if wanted == entry.id.lower():
                return entry
        for series_id, seen in stored.items():
            if wanted == series_id.lower():
                series = self.series_of(series_id)
                frequency = series.frequency if series_id in self.series else seen
                if series.kind != "price" or frequency != "daily":
                    raise BadArgumentError(f"'{series_id}' is a {frequency} {series.kind}; a target is a daily price.")
                return Target(id=series_id, label=series.label, legs=((series_id, 1.0),))
        longer = [s for s in stored if wanted and s.lower().startswith(f"{wanted}_")]
        near = longer[0] if longer else closest(word, [*self.targets, *stored])
        hint = f" Did you mean '{near}'?" if near else ""
        raise BadArgumentError(
            f"Unknown target '{word.strip()}'.{hint} Known: {', '.join(self.targets)}, or any daily price in the store."
        )


_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d$")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "SeriesKind": get_args(SeriesKind),
    "SeriesFrequency": get_args(SeriesFrequency),
    "Quote": get_args(Quote),
    "Licence": get_args(Licence),
}


def _value(file: TomlFile, table: str, field_type: str, name: str, value: Any) -> Any:
    """Check one value of the file against the field it goes to."""
    if field_type in _WORDS:
        if value not in _WORDS[field_type]:
            raise file.refuse(table, name, unknown_word(name, str(value), _WORDS[field_type]))
        return value
    if field_type == "tuple[tuple[str, float], ...]":
        file.typed(table, name, value, (dict,), said := "a table of numbers such as { RUT = 1 }")
        if not value or not all(type(w) in (int, float) for w in value.values()):
            raise file.refuse(table, name, f"{name} must be {said}; got {value!r}.")
        return tuple((str(s), float(w)) for s, w in value.items())
    if field_type == "tuple[float, ...]":
        file.typed(table, name, value, (list,), said := "two numbers such as [2, 30]")
        if len(value) != 2 or not all(type(v) in (int, float) for v in value):
            raise file.refuse(table, name, f"{name} must be {said}; got {value!r}.")
        return tuple(float(v) for v in value)
    if field_type == "tuple[str, ...]":
        file.typed(table, name, value, (list,), said := 'a list of words such as ["growth"]')
        if not all(isinstance(v, str) for v in value):
            raise file.refuse(table, name, f"{name} must be {said}; got {value!r}.")
        return tuple(value)
    kinds: tuple[type, ...] = {"str": (str,), "bool": (bool,), "int": (int,), "float": (int, float)}[field_type]
    kind = {"str": "text", "bool": "true or false"}.get(field_type, "a number")
    said = "a time such as 08:30" if name == "time" else kind
    file.typed(table, name, value, kinds, said)
    if name == "time" and not _CLOCK.match(value):
        raise file.refuse(table, name, f"{name} must be {said}; got {value!r}.")
    return value


_Entry = TypeVar("_Entry", Series, Factor, Target, Spec)


def _entry(cls: type[_Entry], table: str, key: str, values: Any, file: TomlFile) -> _Entry:
    own = {n: f for n, f in cls.__dataclass_fields__.items() if n != "id"}
    where = f"{table}.{key}"
    file.entries(where, values, own, sorted(n for n, f in own.items() if f.default is MISSING))
    return cls(id=key, **{n: _value(file, where, str(own[n].type), n, v) for n, v in values.items()})


_TABLES: Mapping[str, type[Any]] = {"series": Series, "factors": Factor, "targets": Target, "specs": Spec}


def _checked(catalogue: Catalogue, file: TomlFile) -> Catalogue:
    """Return a catalogue whose entries fit together."""
    for target in catalogue.targets.values():
        for series_id, _ in target.legs:
            if catalogue.series_of(series_id).kind != "price":
                raise file.refuse(
                    f"targets.{target.id}", "legs", f"'{series_id}' is no price; a target is made of prices."
                )
    for name, word, entries in (
        ("default_spec", catalogue.default_spec, catalogue.specs),
        ("default_target", catalogue.default_target, catalogue.targets),
        ("market", catalogue.market, catalogue.series),
    ):
        if word not in entries:
            raise file.refuse("", name, f"{name}: {unknown_word('entry', str(word), entries)}")
    _check_factors(catalogue, file)
    return catalogue


def _check_factors(catalogue: Catalogue, file: TomlFile) -> None:
    for factor in catalogue.factors.values():
        table = f"factors.{factor.id}"
        kinds = {catalogue.series_of(s).kind for s, _ in factor.legs}
        wanted = QUOTED[factor.quote]
        if kinds != {wanted}:
            raise file.refuse(
                table, "quote",
                f"quote '{factor.quote}' needs legs that are all of kind '{wanted}' (pct: price, bp: yield, pt: level);"
                f" they are {', '.join(sorted(kinds))}. A series of your own is a price unless you say [series.ID] "
                f'kind = "{wanted}".',
            )  # fmt: skip
        if not factor.reference_sd > 0:
            raise file.refuse(table, "reference_sd", "reference_sd must be above zero.")
        for other in factor.alternatives:
            if other not in catalogue.factors:
                raise file.refuse(table, "alternatives", unknown_word("alternative factor", other, catalogue.factors))
    for spec in catalogue.specs.values():
        for name in spec.factors:
            if name not in catalogue.factors:
                raise file.refuse(f"specs.{spec.id}", "factors", unknown_word("factor", name, catalogue.factors))


@functools.lru_cache(maxsize=1)
def _shipped() -> TomlFile:
    text = (PACKAGE / "data" / "catalogue.toml").read_text(encoding="utf-8")
    return TomlFile(text, "catalogue.toml", CatalogueError)


def load_catalogue(user_file: Path | None = None) -> Catalogue:
    """Read our catalogue and lay the user's file over it, entry by entry."""
    file = _shipped()
    merged: dict[str, Any] = {k: dict(v) if isinstance(v, dict) else v for k, v in file.content.items()}
    own = TomlFile.own(user_file, CatalogueError)
    if own is not None:
        file = own
        for table, entries in own.content.items():
            if table not in merged:
                raise own.refuse("", table, unknown_word("table", table, merged))
            if isinstance(merged[table], dict):
                own.typed("", table, entries, (dict,), "a table")
                for key, entry in entries.items():
                    ours = merged[table].get(key, {})
                    merged[table][key] = {**ours, **entry} if isinstance(entry, dict) else entry
            else:
                merged[table] = entries
    parsed: dict[str, Any] = {
        table: MappingProxyType({k: _entry(cls, table, k, v, file) for k, v in merged[table].items()})
        for table, cls in _TABLES.items()
    }
    digest = hashlib.sha256(json.dumps(merged, sort_keys=True).encode()).hexdigest()
    defaults = {name: merged[name] for name in ("market", "default_spec", "default_target")}
    return _checked(Catalogue(**parsed, **defaults, fingerprint=digest[:16]), file)


# -- What a column or a file is called -> the series of the catalogue.


_VINTAGE = re.compile(r"(.+)_((?:19|20)\d{2})(\d{2})(\d{2})$")
_SECTORS = ("index", "equity", "curncy", "comdty", "govt", "corp")
_PRICE_FIELDS = ("", "px_last", "last_price", "px last")
_LEAST_LETTERS = 3
_CHART = re.compile(r" - last price$| \([lr]\d\)$")
"""What a terminal's exported chart puts behind a ticker."""


def _key(word: str) -> str:
    return " ".join(word.split()).lower()


class Names:
    """Looks names up in a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._known = {_key(name): name for name in catalogue.series}
        for series in catalogue.series.values():
            for reference in series.sources:
                source, _, rest = reference.partition(":")
                symbol, _, field = rest.partition("#")
                self._learn(source.strip().lower(), _key(symbol), _key(field), series.id)
        # an ETF without its dividends is what stands in for the one with them
        self._plain = {_key(f): f for s in catalogue.series.values() for f in s.fallback if f not in catalogue.series}

    def _learn(self, source: str, symbol: str, field: str, series: str) -> None:
        if source == "fred":
            self._known.setdefault(symbol, series)
        elif source == "yahoo":
            self._known.setdefault(f"{symbol}#{field}" if field else symbol, series)
        elif source == "bloomberg":
            self._known.setdefault(f"{symbol}#{field or 'px_last'}", series)
            if field in _PRICE_FIELDS:
                self._known.setdefault(symbol, series)
                root, _, sector = symbol.rpartition(" ")
                if sector == "index" and root.isalpha():
                    self._known.setdefault(f"^{root}", series)

    def series_of(self, word: str, field: str = "") -> str | None:
        """Return the series a name means. Its id; None where the catalogue has none."""
        key, wanted = _CHART.sub("", _key(word)), _key(field)
        if wanted and wanted not in _PRICE_FIELDS:
            return self._known.get(f"{key}#{wanted}")
        if key in self._known or key in self._plain:
            return self._known.get(key) or self._plain[key]
        if key.rpartition(" ")[2] in _SECTORS:
            return self._known.get(f"{key}#px_last") or self._plain.get(key.partition(" ")[0])
        return None

    def vintage_of(self, word: str) -> tuple[str, np.datetime64] | None:
        """Return series and day of a column of ALFRED's, such as CPIAUCSL_20250115."""
        match = _VINTAGE.match(word.strip())
        series = self.series_of(match[1]) if match else None
        if match is None or series is None:
            return None
        try:
            return series, np.datetime64(f"{match[2]}-{match[3]}-{match[4]}", "D")
        except ValueError:
            return None

    def meant(self, word: str, present: Collection[str]) -> str | None:
        """Return the series a name may have been meant to be: two letters exchanged, one missing or doubled."""
        wanted = word.strip().upper()
        if len(wanted) < _LEAST_LETTERS:
            return None
        for name in self.catalogue.series:
            if name not in present and _slip(wanted, name.upper()):
                return name
        return None


def _slip(a: str, b: str) -> bool:
    """Whether two words differ by two neighbours exchanged, or by one letter more."""
    if len(a) == len(b):
        differ = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
        if len(differ) != 2 or differ[1] != differ[0] + 1:
            return False
        two = slice(differ[0], differ[1] + 1)
        return a[two] == b[two][::-1]
    short, long = sorted((a, b), key=len)
    if len(long) - len(short) != 1 or len(short) <= _LEAST_LETTERS:
        return False
    cut = [i for i in range(len(long)) if long[:i] + long[i + 1 :] == short]
    return bool(cut) and (long == b or len(cut) > 1)  # a letter missing, or one doubled
