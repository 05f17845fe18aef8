"""From a function's arguments to the regression they ask for."""

from __future__ import annotations

from typing import Any

from xl_smallcap.analyses.question import MARKET, Question
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions.parameters import AS_OF, METHOD, SPEC, TARGET, WINDOW
from xl_smallcap.session import Session


def question_of(session: Session, target: Any, window: Any, as_of: Any, method: Any, spec: Any) -> Question:
    """Read what a command of the factor model was asked."""
    return Question(
        target=TARGET.read(session, target),
        spec=SPEC.read(session, spec),
        window=WINDOW.read(session, window),
        as_of=AS_OF.read(session, as_of),
        method=METHOD.read(session, method),
    )


def factor_in(session: Session, question: Question, factor: Any) -> str:
    """Return the column a factor word means, or say which specification has it. A factor's id, or "market"."""
    text = read.word("factor", factor)
    if text.lower() == MARKET:
        if question.market:
            return MARKET
        raise BadArgumentError(
            f"'market' is not a regressor of target '{question.target.id}' with specification '{question.spec.id}'. "
            "Use target 'hedged' or specification 'macro_market'."
        )
    entry = session.catalogue.factor(text)
    if entry.id in question.spec.factors:
        return entry.id
    others = session.catalogue.specs_with(entry.id)
    use = f"Use specification '{others[0]}'." if others else "No specification has it; add one to your catalogue."
    raise BadArgumentError(f"Factor '{entry.id}' is not in specification '{question.spec.id}'. {use}")
