"""Worksheet function of the thesis: every claim as a live row."""

from __future__ import annotations

import datetime as dt

import numpy as np

from xl_smallcap.analyses.thesis import Verdict, overall, thesis
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._native import date, number
from xl_smallcap.session import current_session
from xl_smallcap.types import Table

HEADER = (
    "claim",
    "basis",
    "definition",
    "statistic",
    "value",
    "unit",
    "lower",
    "upper",
    "verdict",
    "claim_verdict",
    "last_date",
    "rule",
    "note",
)


def RUSSELL_THESIS(as_of: dt.date | str | float | None = None) -> Table:
    """Checklist of the small-cap thesis, a row per claim and way of looking: statistic, value in its unit, 90 % interval, verdict (supported, contradicted, not enough data) by a rule fixed beforehand, and the verdict on the claim as a whole.

    Parameters
    ----------
    as_of : date, optional
        Nothing later is used. Default: the last date of each number.

    Returns
    -------
    list of list
        Every row is there whatever the data; one without numbers says in its note what is missing. `claim_verdict` is
        that of the claim's rows where all agree, else "not enough data".

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY. NoDataError where no row at all has a number.

    Notes
    -----
    Rules: docs/methods.md, Thesis.
    """
    session = current_session()
    session.follow()
    lines = thesis(session, read.day("as_of", as_of))
    if not any(np.isfinite(line.value) for line in lines):
        raise NoDataError(f"No claim of the thesis can be looked at: {lines[0].note}")
    by_claim: dict[str, list[Verdict]] = {}
    for line in lines:
        by_claim.setdefault(line.claim, []).append(line.verdict)
    table: Table = [list(HEADER)]
    for line in lines:
        table.append(
            [
                line.claim,
                line.basis,
                line.definition,
                line.statistic,
                number(line.value),
                line.unit,
                number(line.lower),
                number(line.upper),
                line.verdict,
                overall(by_claim[line.claim]),
                None if line.last is None else date(line.last),
                line.rule,
                line.note,
            ]
        )
    return table
