"""Worksheet function of the thesis: every claim as a live row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.thesis import Verdict, overall, thesis
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions.arguments import date, number, table_of
from xl_smallcap.functions.parameters import AS_OF
from xl_smallcap.functions.table import worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import Day, Scalar, Table


@dataclass(eq=False, repr=False)
class Row:
    """One claim looked at in one way."""

    claim: Scalar
    basis: Scalar
    definition: Scalar
    statistic: Scalar
    value: Scalar
    unit: Scalar
    lower: Scalar
    upper: Scalar
    verdict: Scalar
    claim_verdict: Scalar
    last_date: Scalar
    rule: Scalar
    note: Scalar
    status: Scalar


@worksheet_function(AS_OF)
def RUSSELL_THESIS(session: Session, as_of: Day) -> Table:
    """Checklist of the small-cap thesis, a row per claim and way of looking: statistic, value in its unit, 90 % interval, verdict (supported, contradicted, mixed, unclear, not tested) by a rule, whether that was fixed beforehand, and the verdict on the claim.

    Returns
    -------
    list of list
        Every row is there whatever the data; one without numbers says in its note what is missing. `claim_verdict` is
        that of the claim's rows whose rule was fixed beforehand: theirs where all agree, "mixed"
        where they do not, "unclear" where one that could not be tested leaves it open. Rows with status "found in these data" decide nothing.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY. NoDataError where no row at all has a number.

    Notes
    -----
    Rules: docs/methods.md, Thesis.
    """
    lines = thesis(session, as_of)
    if not any(np.isfinite(line.value) for line in lines):
        raise NoDataError(f"No claim of the thesis can be looked at: {lines[0].note}")
    by_claim: dict[str, list[Verdict]] = {}
    for line in lines:
        if line.status == "fixed before looking":
            by_claim.setdefault(line.claim, []).append(line.verdict)
    rows = [
        Row(
            claim=line.claim,
            basis=line.basis,
            definition=line.definition,
            statistic=line.statistic,
            value=number(line.value),
            unit=line.unit,
            lower=number(line.lower),
            upper=number(line.upper),
            verdict=line.verdict,
            claim_verdict=overall(by_claim[line.claim]),
            last_date=None if line.last is None else date(line.last),
            rule=line.rule,
            note=line.note,
            status=line.status,
        )
        for line in lines
    ]
    return table_of(Row, rows)
