"""Worksheet function that says in words what the betas of one factor are."""

from __future__ import annotations

from xl_smallcap.analyses.sentence import sentence
from xl_smallcap.data.catalogue import Target
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.functions.parameters import AS_OF, FACTOR, RELATIVE, SPEC
from xl_smallcap.functions.table import worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import Day


@worksheet_function(FACTOR.but(read=lambda session, value: session.catalogue.factor(str(value)).id), RELATIVE, AS_OF)
def RUSSELL_SENTENCE(session: Session, factor: str, target: Target, as_of: Day) -> str:
    """What a desk would say aloud of one factor: its beta in % per +1 sd on weeks, days and months, clear or not after correction, which frequency leads, and what days of its news have meant since 2006.

    Returns
    -------
    str
        One sentence. "clear" is a corrected p-value of at most .10; ± is half of the 90 % interval.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    spec = SPEC.read(session, None)
    if factor not in spec.factors:
        others = session.catalogue.specs_with(factor)
        if not others:
            raise BadArgumentError(f"Factor '{factor}' stands in no specification, so no joint beta is said of it.")
        spec = session.catalogue.spec(others[0])
    return sentence(session, factor, target, spec, as_of)
