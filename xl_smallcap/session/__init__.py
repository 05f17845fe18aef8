"""An open snapshot, settings and a bounded cache: get or compute. The only state of the package."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from xl_smallcap.config import Settings, load_settings
from xl_smallcap.data import columnar
from xl_smallcap.data.catalogue import Catalogue, load_catalogue
from xl_smallcap.data.panel import Column, Panel, build_panel
from xl_smallcap.data.snapshot import Snapshot
from xl_smallcap.data.store import Store
from xl_smallcap.errors import StoreError
from xl_smallcap.session.memory import Columns as Columns
from xl_smallcap.session.memory import Lru, columns_of, result_of
from xl_smallcap.session.version import code_version
from xl_smallcap.types import Frequency

if TYPE_CHECKING:
    from xl_smallcap.data.claims import Claim
    from xl_smallcap.data.events import Events
    from xl_smallcap.data.scenarios import ScenarioLibrary


log = logging.getLogger("xl_smallcap")
_POINTER_CHECK_SECONDS = 0.5
_OWN_FILES = ("catalogue.toml", "scenarios.toml", "events.csv", "claims.toml")
"""What a person may write beside the data; a change begins the session afresh."""
_PRUNE_EVERY = 200
_MOST_ANSWER_BYTES = 256 * 1024 * 1024
"""Twenty thousand answered cells are ten megabytes; twenty thousand tables of every stock would be all of a desk's."""

V = TypeVar("V")


@dataclass(frozen=True)
class ErrorRecord:
    """One cell that ended in an error, with its resolved arguments."""

    when: dt.datetime
    function: str
    arguments: tuple[Any, ...]
    code: str
    sentence: str


class Session:
    """Answers questions from one snapshot; fits each model once.

    Parameters
    ----------
    settings : Settings, optional
        Default: :func:`xl_smallcap.config.load_settings`.
    fingerprint : str, optional
        A snapshot to stay with; default follows CURRENT.
    """

    def __init__(self, settings: Settings | None = None, fingerprint: str | None = None) -> None:
        self.settings = settings or load_settings()
        self.store = Store(self.settings.store_dir)
        self.errors: deque[ErrorRecord] = deque(maxlen=50)
        self.generation = 0
        """Rises when the snapshot or the catalogue changes; answers are kept under it."""
        self.answers: Lru[Any] = Lru(self.settings.memory_answers, _MOST_ANSWER_BYTES)
        self._panels: Lru[Panel] = Lru(64)
        self._results: Lru[Any] = Lru(256)
        self._fits: Lru[Any] = Lru(self.settings.memory_fits)
        self._lock = threading.RLock()
        self._pinned = fingerprint
        self._snapshot: Snapshot | None = None
        self._catalogue: Catalogue | None = None
        self._scenarios: ScenarioLibrary | None = None
        self._events: Events | None = None
        self._claims: Mapping[str, Claim] | None = None
        self._catalogue_stamp: tuple[float | None, ...] | None = None
        self._manifest_stamp: float | None = None
        self._next_check = 0.0
        self._written = 0

    def follow(self) -> None:
        """Look, at most twice a second, whether CURRENT or the user's catalogue changed, and start afresh if so."""
        now = time.monotonic()
        if now < self._next_check:
            return
        with self._lock:
            self._next_check = now + _POINTER_CHECK_SECONDS
            own = [self.settings.home / name for name in _OWN_FILES]
            stamp = tuple(_modified(path) for path in (*own, self.store.release_days))
            wanted = self._pinned or self.store.current()
            have = self._snapshot.fingerprint if self._snapshot else None
            # a refresh that brings nothing new still notes when it was, and what failed
            noted = _modified(self.store.manifest(wanted)) if wanted else None
            if (stamp, noted) != (self._catalogue_stamp, self._manifest_stamp) or wanted != have:
                self._snapshot = self._catalogue = self._scenarios = self._events = self._claims = None
                self._catalogue_stamp, self._manifest_stamp = stamp, noted
                self.clear()

    @property
    def snapshot(self) -> Snapshot:
        """The open snapshot."""
        if self._snapshot is None:
            with self._lock:
                if self._snapshot is None:
                    self._snapshot = self.store.open(self._pinned)
        return self._snapshot

    @property
    def catalogue(self) -> Catalogue:
        """Our catalogue with the user's file laid over it."""
        if self._catalogue is None:
            with self._lock:
                if self._catalogue is None:
                    self._catalogue = load_catalogue(self.settings.home / "catalogue.toml")
        return self._catalogue

    @property
    def scenarios(self) -> ScenarioLibrary:
        """Our paths with the user's file laid over them."""
        if self._scenarios is None:
            with self._lock:
                if self._scenarios is None:
                    factors = self.catalogue.factors.values()
                    quotes = {w.lower(): f.quote for f in factors for w in (f.id, *f.aliases)} | {"market": "pct"}
                    from xl_smallcap.data.scenarios import load_scenarios  # imported where a path is asked for

                    self._scenarios = load_scenarios(self.settings.home / "scenarios.toml", quotes)
        return self._scenarios

    @property
    def events(self) -> Events:
        """Our calendar of news with the user's days added."""
        if self._events is None:
            with self._lock:
                if self._events is None:
                    from xl_smallcap.data.events import load_events  # imported where news is asked for

                    self._events = load_events(self.settings.home / "events.csv", self.store.release_days)
        return self._events

    @property
    def claims(self) -> Mapping[str, Claim]:
        """Published claims by date, ours and the user's."""
        if self._claims is None:
            with self._lock:
                if self._claims is None:
                    from xl_smallcap.data.claims import load_claims  # imported where claims are asked for

                    self._claims = load_claims(self.settings.home / "claims.toml")
        return self._claims

    def panel(self, columns: tuple[Column, ...], as_of: np.datetime64 | None, frequency: Frequency = "daily") -> Panel:
        """Build a panel once.

        Parameters
        ----------
        columns : tuple of Column
            What to align.
        as_of : numpy.datetime64 or None
            Nothing published later is used.
        frequency : {"daily", "weekly", "monthly"}
            Sampling.

        Returns
        -------
        Panel
        """
        snapshot, catalogue = self.snapshot, self.catalogue
        key = (snapshot.fingerprint, catalogue.fingerprint, columns, as_of, frequency)
        panel = self._panels.get(key)
        if panel is None:
            panel = build_panel(catalogue, snapshot, columns, as_of, frequency)
            self._panels.put(key, panel)
        return panel

    def once(self, key: tuple[Hashable, ...], compute: Callable[[], V]) -> V:
        """Return what many cells of a page ask for, computed once for the open snapshot and kept in memory.

        Parameters
        ----------
        key : tuple
            Everything it depends on besides snapshot, catalogue and settings.
        compute : callable
            Without arguments.

        Returns
        -------
        object
        """
        whole = (self.snapshot.fingerprint, self.catalogue.fingerprint, *key)
        result: V | None = self._results.get(whole)
        if result is None:
            result = compute()
            self._results.put(whole, result)
        return result

    def find(self, key: tuple[str, ...], kind: type[V]) -> V | None:
        """Return a model from memory or disk, or None where it has not been computed.

        Parameters
        ----------
        key : tuple of str
            As in :meth:`get_or_compute`.
        kind : type
            As in :meth:`get_or_compute`.

        Returns
        -------
        object or None
        """
        model = self._fits.get(key)
        if model is None:
            model = self._read_fit(self._fit_path(key), key, kind)
            if model is not None:
                self._fits.put(key, model)
        return model

    def get_or_compute(self, key: tuple[str, ...], compute: Callable[[], V], kind: type[V]) -> V:
        """Return a fitted model from memory, then disk, then by computing it once.

        Parameters
        ----------
        key : tuple of str
            Everything the result depends on (the digest of its panel first) besides the code, which is added here.
        compute : callable
            Fits the model.
        kind : type
            What it computes: a dataclass of arrays and numbers, or dict for named arrays; both come back bit for bit.

        Returns
        -------
        object
        """
        model = self._fits.get(key)
        if model is not None:
            return model  # type: ignore[no-any-return]  # one cache for models of every type; the key tells which
        with self._lock:
            model = self._fits.get(key)
            if model is not None:
                return model  # type: ignore[no-any-return]  # one cache for models of every type; the key tells which
            path = self._fit_path(key)
            result = self._read_fit(path, key, kind)
            if result is None:
                result = compute()
                columns = columns_of(result)
                for array in columns.values():
                    array.flags.writeable = False  # it is shared from now on
                self._write_fit(path, key, columns)
            self._fits.put(key, result)
            return result

    def clear(self) -> None:
        """Forget answers, panels and fits in memory; what is on disk stays."""
        self.generation += 1
        self.answers.clear()
        self._panels.clear()
        self._results.clear()
        self._fits.clear()

    def _fit_path(self, key: tuple[str, ...]) -> Path:
        text = json.dumps([code_version(), *key])
        digest = hashlib.sha256(text.encode()).hexdigest()
        return self.settings.cache_dir / digest[:2] / f"{digest}.fit"

    def _read_fit(self, path: Path, key: tuple[str, ...], kind: type[V]) -> V | None:
        try:
            columns, meta = columnar.decode(path.read_bytes(), str(path))
            if meta.get("key") != [code_version(), *key]:
                raise StoreError("it is another question's")  # copied or renamed: a name is not enough
            with contextlib.suppress(OSError):
                os.utime(path)  # what is used is pruned last
            return result_of(kind, columns)
        except FileNotFoundError:
            return None
        except (OSError, StoreError, KeyError, ValueError, TypeError) as exc:
            log.warning("cached fit %s not used: %s", path.name, exc)
            return None

    def _write_fit(self, path: Path, key: tuple[str, ...], columns: Columns) -> None:
        from xl_smallcap.data.atomic import write_atomic

        # The disk cache only saves time: where it cannot be written the answer is given all the same.
        try:
            write_atomic(path, columnar.encode(columns, {"key": [code_version(), *key]}), durable=False, private=True)
        except StoreError as exc:
            log.warning("fit not cached on disk: %s", exc)
            return
        self._written += 1
        if self._written % _PRUNE_EVERY == 1:
            self._prune()

    def _prune(self) -> None:
        files = []
        for path in self.settings.cache_dir.glob("*/*.fit"):
            stamp = _modified(path)
            if stamp is not None:
                files.append((stamp, path))
        for _, path in sorted(files)[: max(0, len(files) - self.settings.disk_fits)]:
            with contextlib.suppress(OSError):  # open in another process: next time
                path.unlink(missing_ok=True)


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


_default: Session | None = None
_default_lock = threading.Lock()


def current_session() -> Session:
    """Return the process's session, opened at first use; it follows CURRENT.

    Returns
    -------
    Session
    """
    global _default  # noqa: PLW0603 - the one piece of state a worksheet function needs, behind its lock
    active = _active.get()
    if active is not None:
        return active
    if _default is None:
        with _default_lock:
            if _default is None:
                _default = Session()
    return _default


_active: ContextVar[Session | None] = ContextVar("xl_smallcap_session", default=None)
_kept: Lru[Session] = Lru(4)


@contextlib.contextmanager
def pinned(fingerprint: str) -> Iterator[Session]:
    """Answer from one snapshot, whatever is CURRENT, within this block of this thread.

    Parameters
    ----------
    fingerprint : str
        Of a snapshot, or its beginning.

    Yields
    ------
    Session

    Raises
    ------
    StoreError
        The store has no such snapshot.
    """
    base = current_session()
    try:
        whole = base.store.meant(fingerprint)
    except StoreError as exc:
        raise StoreError(f"The snapshot this workbook pins (name RUSSELL_PIN) cannot be used: {exc}") from None
    key = (str(base.store.root), whole, base.settings)
    session = _kept.get(key)
    if session is None:
        session = Session(base.settings, whole)
        _kept.put(key, session)
    with answering(session):
        yield session


@contextlib.contextmanager
def one_snapshot(fingerprint: str = "") -> Iterator[Session]:
    """Work on one snapshot from first to last, whatever becomes CURRENT meanwhile, within this block of this thread.

    Parameters
    ----------
    fingerprint : str
        Which; default the one in use now.

    Yields
    ------
    Session

    Raises
    ------
    NoDataError, StoreError
        There are no data, or no such snapshot.
    """
    if fingerprint:
        with pinned(fingerprint) as session:
            yield session
        return
    base = current_session()
    base.follow()
    with pinned(base.snapshot.fingerprint) as session:
        yield session


def use_session(session: Session | None) -> None:
    """Replace the process's session; None opens a fresh one at the next call.

    Parameters
    ----------
    session : Session or None
        The session to use.
    """
    global _default  # noqa: PLW0603 - as above
    with _default_lock:
        _default = session


@contextlib.contextmanager
def answering(session: Session) -> Iterator[Session]:
    """Answer from a session of one's own within this block of this thread.

    Parameters
    ----------
    session : Session
        Whose snapshot and settings answer.

    Yields
    ------
    Session
    """
    token = _active.set(session)
    try:
        yield session
    finally:
        _active.reset(token)
