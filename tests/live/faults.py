"""The table of faults: what goes wrong, and what each publisher's series says of it. docs/reliability.md shows it."""

from __future__ import annotations

from dataclasses import dataclass

SYMBOLS = {"fred": ("DGS2", "DGS2"), "cftc": ("RUT", "TFF_RUT_OI"), "ishares": ("IWM", "IWM")}
"""The symbol asked for and the series it becomes."""


@dataclass(frozen=True)
class Fault:
    name: str
    what: str
    says: dict[str, str]


def _same(text: str) -> dict[str, str]:
    return dict.fromkeys(SYMBOLS, text)


FAULTS = (
    Fault("404", "404 Not Found", _same("answered 404 Not Found: it does not know this symbol")),
    Fault("429", "429 again and again, Retry-After 1", _same("answered 429 Too Many Requests, 3 tries")),
    Fault("429 long", "429, Retry-After one hour", _same("asks to wait 3600 seconds; refresh again then")),
    Fault("500", "500 again and again", _same("answered 500 Internal Server Error, 3 tries")),
    Fault("timeout", "no answer", _same("no answer within 0.3 seconds, 3 tries")),
    Fault("drip", "a byte now and then, for ever", _same("is too slow: not finished in 1.2 seconds")),
    Fault("reset", "connection reset in mid-body", _same("in the middle of the answer, 3 tries")),
    Fault("gzip bomb", "200 kB that become 200 MB", _same("sends more than 64 MB for one series")),
    Fault("redirect", "redirect to another host", _same("sends us to another host, login.example.com")),
    Fault("circle", "redirect in a circle", _same("redirects in a circle")),
    Fault("html", "a web page with status 200", _same("a web page came instead of data")),
    Fault(
        "truncated", "an answer cut short",
        {"fred": "answer may be cut short", "cftc": "is not JSON; it may be cut short", "ishares": "cells where the"},
    ),
    Fault(
        "columns", "a column of another name",
        {
            "fred": "the answer is about 'VALUE_DGS2'",
            "cftc": "the column 'lev_money_positions_long' is not there",
            "ishares": "the column 'Weight (%)' is not there",
        },
    ),
    Fault(
        "empty", "no rows",
        {"fred": "holds no observation", "cftc": "holds no report", "ishares": "only 0 holdings"},
    ),
    Fault(
        "duplicates", "a date (a holding) twice",
        {"fred": "2025-12-31 comes twice", "cftc": "comes twice on 2025-12-30", "ishares": "'T199', Company 199 Inc"},
    ),
    Fault(
        "future", "a date in the future",
        {"fred": "2099-01-04 is after today", "cftc": "2099-01-04 is after today", "ishares": "after today"},
    ),
    Fault(
        "unit", "a unit wrong by 100",
        {"fred": "beyond anything plausible", "cftc": "beyond anything plausible", "ishares": "weights add up to 1"},
    ),
    Fault(
        "jump", "the last value a million times too large",
        {"fred": "beyond anything plausible", "cftc": "beyond anything plausible", "ishares": "weights add up to"},
    ),
    Fault(
        "shorter", "half of what was there before",
        {"fred": "shorter than expected", "cftc": "shorter than expected", "ishares": "only 10 holdings"},
    ),
)  # fmt: skip
