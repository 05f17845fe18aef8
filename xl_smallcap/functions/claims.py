"""Worksheet function of published claims: each run as of its own day, and what followed."""

from __future__ import annotations

from dataclasses import dataclass

from xl_smallcap.analyses.claims import tested_claims
from xl_smallcap.functions.arguments import number, row_of, table_of
from xl_smallcap.functions.parameters import AS_OF
from xl_smallcap.functions.table import worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import Day, Scalar, Table


@dataclass(eq=False, repr=False)
class _Claim:
    """One claim."""

    claim: Scalar
    dated: Scalar
    who: Scalar
    said: Scalar
    target: Scalar
    factor: Scalar
    relation: Scalar
    increasing: Scalar
    reproduced: Scalar
    beyond_noise: Scalar
    levels_value: Scalar
    levels_percentile: Scalar
    noise_share: Scalar
    changes_value: Scalar
    changes_tstat: Scalar
    changes_percentile: Scalar
    unit: Scalar
    relative_1m: Scalar
    relative_3m: Scalar
    relative_6m: Scalar
    seen: Scalar
    source: Scalar
    address: Scalar
    note: Scalar


@worksheet_function(AS_OF)
def RUSSELL_CLAIMS(session: Session, as_of: Day) -> Table:
    """Table of published claims about what drives small caps, each run as of its own day: the beta in % per +1 sd (or gap in sd) on levels and on changes, its percentile, the share of noise, whether it is reproduced, and the return that followed.

    Returns
    -------
    list of list
        Header, then a row a claim dated by as_of, oldest first. reproduced and beyond_noise say which model ("levels",
        "changes", both or "neither"; "not tested" where there are no data). relative_1m to 6m: Russell less S&P 500
        after the claim, 100 log.

    Raises
    ------
    NoDataError
        No claim is dated by as_of.

    Notes
    -----
    Rules in docs/methods.md, Published claims; claims.toml in the home folder adds your own.
    """
    rows = list[_Claim]()
    for one in tested_claims(session, as_of):
        claim, on_levels, on_changes = one.claim, one.outcomes["levels"], one.outcomes["changes"]
        rich = claim.relation == "rich"
        rows.append(
            row_of(
                _Claim, claim.id, claim.dated, claim.who, claim.said, claim.target, claim.factor or None, claim.relation,
                claim.increasing, one.said_by("holds"), None if claim.relation == "none" else one.said_by("beyond"),
                number(on_levels.value), number(on_levels.percentile), number(on_levels.noise), number(on_changes.value),
                number(on_changes.tvalue), number(on_changes.percentile), "sd" if rich else "% per +1 sd",
                *(number(one.relative[m]) for m in (1, 3, 6)), claim.seen, claim.source, claim.address or None,
                one.note or None,
            )
        )  # fmt: skip
    return table_of(_Claim, rows)
