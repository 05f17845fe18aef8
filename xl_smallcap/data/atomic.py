"""Files whole or not at all, with the rights of the old one, never over what somebody saved; one writer at a time."""

from __future__ import annotations

import contextlib
import csv
import glob
import hashlib
import io
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from xl_smallcap.errors import BadArgumentError, SavedMeanwhileError, StoreError

_REPLACE_TRIES = 20
_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700
_ANY_MAY_WRITE = 0o222
_LEFT_SECONDS = 24 * 3600.0
"""No writing takes so long: a temporary file of that age is one that a killed process left."""
NOTHING = "nothing"
"""What a file that is not there was read as."""
_FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet begins to calculate when it opens a CSV file."""


def digest_of(content: bytes) -> str:
    """Return what tells one content of a file from another."""
    return hashlib.sha256(content).hexdigest()


def check_target(path: Path, kind: str = "") -> Path:
    """Return the file that is written when a path is, behind any links; refuse what is no file."""
    try:
        target = path.resolve() if path.is_symlink() else path
        if target.is_symlink():  # Python 3.13 gives a circle of links back as it is
            raise RuntimeError("a circle of links")
        mode = target.stat().st_mode if target.exists() else None
    except (OSError, RuntimeError) as exc:  # a circle of links, a name too long
        raise BadArgumentError(f"{path} cannot be written: {getattr(exc, 'strerror', None) or exc}.") from None
    if mode is not None and stat.S_ISDIR(mode):
        raise BadArgumentError(f"{path} is a folder; give a file in it a name. Nothing was written.")
    if kind and path.suffix.lower() != kind:
        raise BadArgumentError(f"{path.name} does not end in {kind}; give it a name that does. Nothing was written.")
    if mode is not None and not stat.S_ISREG(mode):
        raise BadArgumentError(f"{path} is a device or a pipe and no file, so nothing is written there.")
    if mode is not None and not mode & _ANY_MAY_WRITE:
        raise BadArgumentError(f"{path} is read-only; take that off, or give another name. Nothing was written.")
    return target


def make_folder(folder: Path, private: bool) -> None:
    """Make a folder and those above it; a private one is its owner's alone from the start."""
    if not private:
        folder.mkdir(parents=True, exist_ok=True)
        return
    for one in (*reversed(folder.parents), folder):
        if not one.exists():
            one.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)


def write_atomic(
    path: Path, content: bytes, *, durable: bool = True, private: bool = False, read_as: str | None = None
) -> None:
    """Write a file so that readers see the old one or the whole new one, never a part."""
    target = check_target(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        make_folder(target.parent, private)
        before = target.stat() if target.exists() else None
        # born with no more rights than the file has in the end
        rights = _PRIVATE_FILE if private or before is not None else 0o666
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), rights)
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            if durable:
                out.flush()
                os.fsync(out.fileno())
        if before is not None:
            _like(temporary, before)
        _replace(temporary, target, path, read_as)
        if durable:
            _sweep(target)
    except OSError as exc:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        moved = " (XL_SMALLCAP_HOME moves the data folder.)" if private else ""
        raise StoreError(
            f"Could not write {path}: {exc.strerror or exc}. Nothing was changed. Is it open in another program, "
            f"the disk full, or the folder not yours to write to?{moved}"
        ) from exc
    except SavedMeanwhileError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _sweep(target: Path) -> None:
    """Take away what writers of this file left that were killed long ago."""
    with contextlib.suppress(OSError):
        for left in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
            with contextlib.suppress(OSError):  # on Windows, open in another program
                if time.time() - left.stat().st_mtime > _LEFT_SECONDS:
                    left.unlink()


def _like(temporary: Path, before: os.stat_result) -> None:
    """Give a copy the rights and, where the system lets us, the owner of the file it replaces."""
    with contextlib.suppress(OSError, AttributeError):
        if (before.st_uid, before.st_gid) != (os.getuid(), os.getgid()):
            os.chown(temporary, before.st_uid, before.st_gid)
    with contextlib.suppress(OSError):
        temporary.chmod(stat.S_IMODE(before.st_mode))


def _replace(temporary: Path, target: Path, path: Path, read_as: str | None) -> None:
    for attempt in range(_REPLACE_TRIES):
        if read_as is not None and not is_still(target, read_as):
            raise SavedMeanwhileError(f"{path.name} was saved by somebody else while this ran, and stays as it is.")
        try:
            temporary.replace(target)
            return
        except PermissionError:
            if attempt == _REPLACE_TRIES - 1:
                raise
            time.sleep(0.1)


def is_still(path: Path, read_as: str) -> bool:
    """Tell whether a file holds what it held when it was read."""
    try:
        return digest_of(path.read_bytes()) == read_as
    except FileNotFoundError:
        return read_as == NOTHING
    except OSError:
        return False


def as_read(path: Path) -> str:
    """Return what :func:`write_atomic` wants to know of a file it will replace later."""
    try:
        return digest_of(path.read_bytes())
    except FileNotFoundError:
        return NOTHING


def beside(path: Path, word: str) -> Path:
    """Return a free name beside a file, for what must not be written over it."""
    for k in range(1, 1000):
        number = f" {k}" if k > 1 else ""
        free = path.with_name(f"{path.stem} ({word}{number}){path.suffix}")
        if not free.exists():
            return free
    raise StoreError(f"There are a thousand files like {path.stem} ({word}); take some away.")


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return a CSV file of numbers, dates and texts; no text of the data is a formula where a spreadsheet opens it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([as_text(h) for h in header])
    writer.writerows([repr(v) if isinstance(v, float) else as_text(v) for v in row] for row in rows)
    return out.getvalue().encode()


def as_text(value: Any) -> Any:
    """Return a cell of a CSV file; a text that a spreadsheet would calculate gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_MARKS) else value


# -- A lock file: one process at a time; a process that dies lets go.


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
