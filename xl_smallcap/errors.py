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


class UnreachableError(SourceError):
    """A publisher cannot be reached (#N/A); `publisher` says which, and why, without what was asked for."""

    def __init__(self, sentence: str, publisher: str) -> None:
        super().__init__(sentence)
        self.publisher = publisher


class StoreError(NoDataError):
    """The store on disk is missing, damaged or not writable (#N/A)."""


class BusyError(NoDataError):
    """A file is open in another program (#N/A)."""


class SavedMeanwhileError(StoreError):
    """Somebody saved a file after we had read it and before we wrote it; theirs stays (#N/A)."""


class CatalogueError(NoDataError):
    """The user's catalogue file is wrong; names file, table and key (#N/A)."""


class EngineError(XlSmallcapError):
    """A cluster is not there or went away; what was computed is kept (#N/A)."""

    code = "#N/A"


_SPOKEN: dict[str, tuple[str, ...]] = {
    # what people say -> what our functions call it, of several the first that fits the question
    **dict.fromkeys(("odds", "probability", "prob", "p", "chance"), ("prob_outperform", "probability", "joint", "p50")),
    **dict.fromkeys(("hedgefunds", "hedgefund", "hf", "levfunds", "speculators", "noncommercial"), ("leveraged",)),
    **dict.fromkeys(("longonly", "realmoney", "institutional", "mutualfunds", "am"), ("asset_manager",)),
    **dict.fromkeys(("banks", "brokers", "commercial"), ("dealer",)),
    **dict.fromkeys(("cpi", "prices", "breakevens", "breakeven", "pce"), ("inflation", "CPILFESL")),
    **dict.fromkeys(("rates", "fed", "policy", "cut", "yields", "monetarypolicy"), ("easing",)),
    **dict.fromkeys(("gdp", "activity", "economy"), ("growth", "CFNAI")),
    **dict.fromkeys(("usd", "dxy", "fx", "currency"), ("dollar",)),
    **dict.fromkeys(("crude", "wti", "energy", "brent"), ("oil",)),
    **dict.fromkeys(("vix", "vol"), ("volatility",)),
    **dict.fromkeys(("spreads", "spread", "hy", "highyield"), ("credit",)),
    **dict.fromkeys(("r2", "rsq", "rsquare"), ("rsquared",)),
    **dict.fromkeys(("stderr", "stderror", "standarderror", "error", "stdev"), ("se", "sd")),
    **dict.fromkeys(("t", "tvalue", "tratio"), ("tstat",)),
    **dict.fromkeys(("n", "count", "observations", "obs"), ("nobs",)),
    **dict.fromkeys(("average", "expected", "forecast"), ("mean",)),
    **dict.fromkeys(("table", "everything", "full"), ("all",)),
    **dict.fromkeys(("date", "asof", "last"), ("last_date",)),
    **dict.fromkeys(("percentile", "rank"), ("percentile5y",)),
    **dict.fromkeys(("z", "zscore"), ("z5y",)),
    **dict.fromkeys(("r2k", "smallcaps", "smallcap", "small", "iwm", "rty", "russell2000"), ("russell", "IWM")),
    **dict.fromkeys(("spx", "sp", "spy", "large", "largecaps", "gspc"), ("sp500", "GSPC")),
    **dict.fromkeys(("outperformance", "smallvslarge", "vs"), ("relative", "hedged")),
    **dict.fromkeys(("gs", "goldmansachs"), ("goldman",)),
    **dict.fromkeys(("jpm", "jp", "jpmorganchase"), ("jpmorgan",)),
    **dict.fromkeys(("softlanding", "boom"), ("goldilocks",)),
    **dict.fromkeys(("recession", "contraction"), ("slowdown", "growth_disappoints")),
    **dict.fromkeys(("pe", "valuation"), ("pe_positive",)),
    **dict.fromkeys(("eps", "earnings"), ("eps_growth",)),
    **dict.fromkeys(("shorts", "si"), ("short_interest",)),
    **dict.fromkeys(("capweighted", "weighted", "marketcap"), ("cap",)),
    **dict.fromkeys(("equalweighted", "unweighted"), ("equal",)),
    **dict.fromkeys(("percent", "percentage"), ("pct",)),
    **dict.fromkeys(("basispoints", "basispoint"), ("bp",)),
    **dict.fromkeys(("regression", "linear"), ("ols",)),
    **dict.fromkeys(("pca", "principalcomponents"), ("pcr",)),
}
_ENDINGS = ("s", "ed", "ing")
_BEGUN = 3
"""Letters after which the beginning of a word is taken for it."""


def closest(word: str, words: Iterable[str]) -> str | None:
    """Return the known word most like `word`, or None where none is near."""
    lowered = {k.lower(): k for k in words}
    plain = {_plain(k): k for k in reversed(lowered.values())}
    wanted = _plain(word)
    said = [wanted, *(_plain(m) for m in _SPOKEN.get(wanted, ())), *(f"{wanted}{end}" for end in _ENDINGS)]
    for candidate in said:
        if candidate in plain:
            return plain[candidate]
    begun = [k for p, k in plain.items() if len(wanted) >= _BEGUN and p.startswith(wanted)]
    if len(begun) == 1:
        return begun[0]
    hits = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return lowered[hits[0]] if hits else None


def _plain(word: str) -> str:
    """A word without case, blanks and marks."""
    return "".join(c for c in word.lower() if c.isalnum())


def unknown_word(what: str, word: str, words: Iterable[str]) -> str:
    """Say that a word is unknown, which one may be meant and which are known.

    ``"Unknown factor 'inflaton'. Did you mean 'inflation'? Known: ..."``.
    """
    listed = list(words)
    near = closest(word, listed)
    hint = f" Did you mean '{near}'?" if near else ""
    return f"Unknown {what} '{word}'.{hint} Known: {', '.join(listed)}."


def not_read(what: str, exc: OSError, cure: str) -> str:
    """Return the sentence on a file that cannot be read; another account's is not mended as a damaged one is."""
    if isinstance(exc, PermissionError):
        return (
            f"{what} may not be read by this account. It may be another person's: ask for the right to read it, or "
            "set XL_SMALLCAP_HOME to a folder of your own."
        )
    return f"{what} could not be read ({exc.strerror or exc}); {cure}."
