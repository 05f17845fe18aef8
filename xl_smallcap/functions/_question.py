"""From a function's arguments to the regression they ask for."""

from __future__ import annotations

from typing import Any

from xl_smallcap.analyses.fair_value import FairValueQuestion
from xl_smallcap.analyses.question import MARKET, Question
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.session import Session
from xl_smallcap.types import FairValueModel

HORIZONS = {"daily": 21, "weekly": 4, "monthly": 1}
"""Observations in about a month."""


def question_of(session: Session, target: Any, window: Any, as_of: Any, method: Any, spec: Any) -> Question:
    """Read the arguments that every function of the factor model shares.

    Parameters
    ----------
    session : Session
        Gives catalogue, defaults and stored series.
    target, window, as_of, method, spec : object
        As typed.

    Returns
    -------
    Question

    Raises
    ------
    BadArgumentError
        One of them is not understood.
    """
    catalogue = session.catalogue
    return Question(
        target=catalogue.target(
            read.word("target", target, catalogue.default_target), session.snapshot.target_frequencies
        ),
        spec=catalogue.spec(read.word("spec", spec, catalogue.default_spec)),
        window=read.window(window),
        as_of=read.day("as_of", as_of),
        method=read.method(method),
    )


def factor_in(session: Session, question: Question, factor: Any) -> str:
    """Return the column a factor word means, or say which specification has it.

    Parameters
    ----------
    session : Session
        Gives the catalogue.
    question : Question
        The regression.
    factor : object
        As typed.

    Returns
    -------
    str
        A factor's id, or "market".

    Raises
    ------
    BadArgumentError
        Unknown, or not in the specification.
    """
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


def fair_value_question(
    session: Session, target: Any, window: Any, as_of: Any, model: Any, spec: Any, horizon: Any
) -> FairValueQuestion:
    """Read the arguments the fair value functions and commands share.

    Parameters
    ----------
    session : Session
        Gives catalogue and defaults.
    target, window, as_of, model, spec, horizon : object
        As typed.

    Returns
    -------
    FairValueQuestion

    Raises
    ------
    BadArgumentError
        One of them is not understood.
    """
    asked: FairValueModel = read.choice("model", model, FairValueModel, "changes")
    question = question_of(session, target, window, as_of, None, spec)
    month = min(HORIZONS[question.window.frequency], question.window.count)
    return FairValueQuestion(question, asked, read.count("horizon", horizon, month))
