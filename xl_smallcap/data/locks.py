"""A lock file: one process at a time; a process that dies lets go."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from xl_smallcap.data.writing import make_folder
from xl_smallcap.errors import StoreError

_PATIENCE = 60.0
"""Seconds that one change of the store waits for another."""


@contextlib.contextmanager
def changing(root: Path) -> Iterator[None]:
    """Hold a store while something is put into it: what is CURRENT stays so until the new is.

    Two changes at once follow one another.
    """
    busy = (
        f"Another program has been changing the store at {root} for {_PATIENCE:.0f} seconds; nothing was changed here. "
        "Try again when it has ended."
    )
    with held(root / "change.lock", _PATIENCE, busy):
        yield


@contextlib.contextmanager
def held(path: Path, seconds: float, busy: str) -> Iterator[None]:
    """Hold a lock."""
    from filelock import FileLock, Timeout

    try:
        make_folder(path.parent, private=True)
        lock = FileLock(path, timeout=seconds, mode=0o600)
        lock.acquire()
    except Timeout:
        raise StoreError(busy) from None
    except OSError as exc:
        raise StoreError(f"The store at {path.parent} cannot be written: {exc.strerror or exc}.") from exc
    try:
        yield
    finally:
        lock.release()
