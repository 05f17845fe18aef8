"""One small tree of errors; the message is the sentence the user reads."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class XlSmallcapError(Exception):
    """Base of every error this package raises on purpose; ``code`` is its spreadsheet error."""

    code: ClassVar[str] = "#VALUE!"


class BadArgumentError(XlSmallcapError):
    """An argument is not of the documented form (#VALUE!)."""

    code = "#VALUE!"


class NoDataError(XlSmallcapError):
    """The data asked for are not there, or not yet at that date (#N/A)."""

    code = "#N/A"


class FitError(XlSmallcapError):
    """The data are there but the fit is not possible (#NUM!)."""

    code = "#NUM!"


class SourceError(NoDataError):
    """A file or feed could not be read; names file, line and column (#N/A)."""


class StoreError(NoDataError):
    """The store on disk is missing, damaged or not writable (#N/A)."""


class CatalogueError(NoDataError):
    """The user's catalogue file is wrong; names file, table and key (#N/A)."""


class EngineError(XlSmallcapError):
    """A cluster is not there or went away; what was computed is kept (#N/A)."""

    code = "#N/A"


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like `word`, or None where none is near.

    Parameters
    ----------
    word : str
        What was typed.
    known : iterable of str
        The words that would have been understood.

    Returns
    -------
    str or None
    """
    lowered = {k.lower(): k for k in known}
    hits = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return lowered[hits[0]] if hits else None


def unknown_word(what: str, word: str, known: Iterable[str]) -> str:
    """Say that a word is unknown, which one may be meant and which are known.

    Parameters
    ----------
    what : str
        The kind of word, such as ``"factor"``.
    word : str
        What was typed.
    known : iterable of str
        The words that are understood.

    Returns
    -------
    str
        ``"Unknown factor 'inflaton'. Did you mean 'inflation'? Known: ..."``.
    """
    listed = list(known)
    near = closest(word, listed)
    hint = f" Did you mean '{near}'?" if near else ""
    return f"Unknown {what} '{word}'.{hint} Known: {', '.join(listed)}."
