"""Settings: each default once, with its unit and help; from environment, then file, then here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from xl_smallcap.errors import BadArgumentError, XlSmallcapError, not_read, unknown_word

ENVIRONMENT_PREFIX = "XL_SMALLCAP_"
"""An environment variable of this prefix and a field's name in capitals sets the field."""


_RANGES: dict[str, tuple[float, float]] = {
    "confidence": (0.5, 0.999),
    "grace_days": (0, 1_000_000),
    "bootstrap_draws": (100, 20_000),
    "noise_draws": (100, 20_000),
    "seed": (0, 2**32 - 1),
    "timeout_seconds": (0.1, 600),
    "retry_seconds": (0.0, 60),
    "retries": (0, 10),
    "parallel_requests": (1, 32),
    "requests_a_minute": (1, 6000),
    "precompute": (0, 1),
    "regime_starts": (1, 200),
    "regime_growth_min": (-20, 20),
    "regime_inflation_max": (-20, 100),
    "regime_growth_revision": (0, 20),
    "regime_inflation_revision": (0, 20),
    "regime_pce_revision": (0, 20),
    "regime_jump_penalty": (0, 1000),
    "regime_growth_nowcast": (0, 1),
    "scenario_draws": (1000, 1_000_000),
    "scenario_means": (0, 1),
    "scenario_bundle": (0, 1),
    "shared_home": (0, 1),
}
"""Least and most of the settings that are not just positive."""


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


def _secret(text: str) -> Any:
    return field(default="", repr=False, metadata={"help": text})


@dataclass(frozen=True)
class Settings:
    """Everything adjustable, read once when a session opens."""

    home: Path
    memory_fits: int = _setting(512, "fitted models kept in memory")
    memory_answers: int = _setting(20_000, "answered cells kept in memory")
    disk_fits: int = _setting(4_000, "fitted models kept on disk")
    confidence: float = _setting(0.90, "coverage of intervals, as a share")
    grace_days: int = _setting(10, "calendar days an as_of may lie past the last observation")
    min_spare_obs: int = _setting(10, "observations a window needs beyond its regressors")
    bootstrap_draws: int = _setting(1000, "draws of the moving-block bootstrap behind the errors of pcr and pls")
    noise_draws: int = _setting(1000, "random walks a fair value is compared with")
    seed: int = _setting(20251224, "seed of everything drawn at random, shown beside it")
    regime_starts: int = _setting(20, "random starts of a hidden Markov model, of which the likeliest is kept")
    regime_growth_min: float = _setting(-0.35, "model bands: least three-month activity index that counts as growth")
    regime_inflation_max: float = _setting(3.0, "most six-month core CPI inflation, % a year, that is contained")
    regime_growth_revision: float = _setting(0.15, "model bands: sd by which a known activity index is revised")
    regime_inflation_revision: float = _setting(0.15, "model bands: sd by which known inflation is revised, % a year")
    regime_pce_revision: float = _setting(0.25, "model bands_pce: sd by which known PCE inflation is revised, % a year")
    regime_jump_penalty: float = _setting(5.0, "model jump: cost of a change of state, in halves of squared sd")
    regime_growth_nowcast: int = _setting(0, "1: bands estimate growth where its index is late from four indicators")
    scenario_draws: int = _setting(20_000, "draws of a projection by simulation or bootstrap")
    scenario_bundle: int = _setting(1, "0: projections by the last two years alone, without drift")
    scenario_means: int = _setting(
        0, "1: factors a path does not name, and the target, drift by their window's means; 0: by nothing"
    )
    server_idle_minutes: float = _setting(60.0, "minutes after which an unused server ends")
    fred_api_key: str = _secret("key of the FRED API; with one, vintages are fetched. Never written anywhere by us")
    sources: str = _setting("fred,yahoo,cftc,ishares", "sources a refresh may use; the catalogue says in which order")
    fred_url: str = _setting("https://fred.stlouisfed.org", "FRED's pages, or a mirror of your own")
    fred_api_url: str = _setting("https://api.stlouisfed.org", "FRED's API, or a mirror of your own")
    cftc_url: str = _setting("https://publicreporting.cftc.gov", "the CFTC's Socrata server, or a mirror of your own")
    ishares_url: str = _setting("https://www.ishares.com", "iShares' site, or a mirror of your own")
    bloomberg_server: str = _setting("localhost:8194", "the Terminal's Desktop API, host and port")
    timeout_seconds: float = _setting(20.0, "seconds a server may stay silent; four times that for a whole answer")
    retries: int = _setting(3, "times a request is tried again after a passing failure")
    retry_seconds: float = _setting(1.0, "seconds before the first new try, doubled each time")
    parallel_requests: int = _setting(8, "requests under way at once")
    requests_a_minute: int = _setting(100, "requests one host gets in any minute (FRED allows 120)")
    precompute: int = _setting(1, "1: a refresh also computes what is too dear for a cell; 0: not")
    shared_home: int = _setting(0, "1: several people share this home folder; licensed terminal data are kept out")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Keys of the user's, which no sentence and no log may hold."""
        return tuple(v for f in fields(self) if f.name.endswith("_key") and len(v := str(getattr(self, f.name))) > 3)

    @property
    def store_dir(self) -> Path:
        """Folder of the series store."""
        return self.home / "store"

    @property
    def cache_dir(self) -> Path:
        """Folder of fitted models; safe to delete."""
        return self.home / "cache"

    @property
    def allowed_sources(self) -> tuple[str, ...]:
        """Sources a refresh may use."""
        return tuple(s for s in re.split(r"[,;\s]+", self.sources.strip().lower()) if s)

    @property
    def log_file(self) -> Path:
        """File with the tracebacks of unexpected errors."""
        return self.home / "errors.log"


def home_dir() -> Path:
    """Folder of data, cache and settings: `XL_SMALLCAP_HOME`, else the platform's place for user data."""
    named = os.environ.get(ENVIRONMENT_PREFIX + "HOME")
    if named:
        try:
            return Path(named).expanduser().resolve()
        except (RuntimeError, OSError, ValueError) as exc:
            raise BadArgumentError(f"XL_SMALLCAP_HOME is '{named}', which is no folder here ({exc}).") from None
    import platformdirs

    return Path(platformdirs.user_data_dir("xl_smallcap", appauthor=False))


def _checked(name: str, default: Any, value: Any, where: str) -> Any:
    if isinstance(default, str):
        if not isinstance(value, str):
            raise BadArgumentError(f"{where}: '{name}' must be text in quotes.")
        return value.strip()
    kind: Any = type(default)
    try:
        number = kind(value)
    except (TypeError, ValueError, OverflowError):
        raise BadArgumentError(f"{where}: '{name}' must be a number; got {value!r}.") from None
    least, most = _RANGES.get(name, (1, 1_000_000))
    if not least <= number <= most:
        raise BadArgumentError(f"{where}: '{name}' must lie between {least} and {most}; got {number}.")
    return number


PACKAGE = Path(__file__).parent
"""Where our own files lie; importlib.resources costs a cold cell 10 ms."""


def own_text(path: Path) -> str | None:
    """Return what a person wrote into a file of the home folder. None where there is no such file."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise BadArgumentError(not_read(str(path), exc, "it must be a text file")) from None
    except UnicodeDecodeError as exc:
        raise BadArgumentError(f"{path} is not text in UTF-8: {exc}.") from None


class TomlFile:
    """A file of tables as a person wrote it; what is wrong with it is told with the line where it stands."""

    def __init__(self, text: str, where: str, error: type[XlSmallcapError]) -> None:
        import tomllib  # a home without settings needs none

        self.text, self.where, self.error = text, where, error
        try:
            self.content: dict[str, Any] = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as exc:
            raise error(f"{where} is not valid TOML: {exc}.") from None

    @classmethod
    def own(cls, path: Path | None, error: type[XlSmallcapError]) -> TomlFile | None:
        """Read a person's file; None where there is no such file."""
        text = None if path is None else own_text(path)
        return None if text is None else cls(text, str(path), error)

    def refuse(self, table: str, key: str, sentence: str) -> XlSmallcapError:
        """Return the error about a key of a table; no table is the top of the file."""
        return self.error(f"{self.where}{self._line(table, key)}: {f'[{table}] ' if table else ''}{sentence}")

    def _line(self, table: str, key: str) -> str:
        inside, place = not table, 0
        for number, line in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*\[\s*([^\]]+?)\s*\]", line)
            if header:
                inside = header.group(1).replace('"', "") == table
                place = place or (number if inside else 0)
            if inside and re.match(rf"""\s*["']?{re.escape(key)}["']?\s*=""", line):
                return f" line {number}"
        return f" line {place}" if place else ""

    def entries(self, table: str, given: Any, keys: Iterable[str], needed: Iterable[str] = ()) -> dict[str, Any]:
        """Return a table's keys, all of them known and none lacking."""
        if not isinstance(given, dict):
            raise self.refuse(table.rpartition(".")[0], table.rpartition(".")[2],
                              f"{table.rpartition('.')[2]} must be a table of keys; got {given!r}.")  # fmt: skip
        names = list(keys)
        for key in given:
            if key not in names:
                raise self.refuse(table, key, unknown_word("key", key, sorted(names)))
        lacking = [key for key in needed if key not in given]
        if lacking:
            raise self.refuse(table, "", f"lacks {', '.join(lacking)}.")
        return given

    def typed(self, table: str, name: str, value: Any, kinds: tuple[type, ...], said: str) -> Any:
        """Return a value of one of some types; True is no number."""
        if type(value) not in kinds:
            raise self.refuse(table, name, f"{name} must be {said}; got {value!r}.")
        return value


def load_settings(home: Path | None = None) -> Settings:
    """Read the settings from the environment, then ``config.toml``, then the defaults."""
    folder = home if home is not None else home_dir()
    options = {f.name: f for f in fields(Settings) if f.name != "home"}
    entries: dict[str, tuple[str, Any]] = {}
    path = folder / "config.toml"
    own = TomlFile.own(path, BadArgumentError)
    for key, value in own.content.items() if own is not None else ():
        if own is not None and key not in options:
            raise own.refuse("", key, unknown_word("setting", key, options))
        entries[key] = (str(path), value)
    for name in options:
        variable = ENVIRONMENT_PREFIX + name.upper()
        if variable in os.environ:
            entries[name] = (variable, os.environ[variable])
    values: dict[str, Any] = {}
    for name, (where, value) in entries.items():
        values[name] = _checked(name, options[name].default, value, where)
    return Settings(home=folder, **values)
