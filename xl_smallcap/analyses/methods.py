"""Do methods and frequencies agree about a factor?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.betas import Fitted, fit
from xl_smallcap.analyses.question import Question
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.session import Session
from xl_smallcap.types import OLS, Frequency, Method, Window

OTHER_WINDOWS: dict[Frequency, Window] = {
    "daily": Window(250, "daily"),
    "weekly": Window(104, "weekly"),
    "monthly": Window(60, "monthly"),
}
"""Windows of the frequencies that were not asked for."""


@dataclass(frozen=True)
class Compared:
    """One way to estimate the same beta.

    `role` is "asked" (ols in the window asked for), "method", "components" (another number of them) or "frequency".
    """

    role: str
    question: Question
    fitted: Fitted | XlSmallcapError
    flag: str


def _flag(reference: Fitted, other: Fitted, factor: str) -> str:
    i, j = reference.position(factor), other.position(factor)
    one, two = reference.fit, other.fit
    if np.sign(one.params[i]) == np.sign(two.params[j]):
        return "same sign"
    clear = one.lower[i] * one.upper[i] > 0 and two.lower[j] * two.upper[j] > 0
    return "sign conflict, both intervals clear of zero" if clear else "sign conflict"


def _variants(session: Session, question: Question) -> list[tuple[str, Question]]:
    """The questions to ask: methods in the window asked for, other numbers of components, other frequencies."""
    plain = [OLS, Method("univariate"), Method("pcr"), Method("pls")]
    asked = [("asked" if m.name == "ols" else "method", replace(question, method=m)) for m in plain]
    found = list(asked)
    for name in ("pcr", "pls"):
        try:
            usual = fit(session, replace(question, method=Method(name))).fit.components
        except XlSmallcapError:
            continue
        numbers = [k for k in (usual - 1, usual + 1) if 1 <= k <= len(question.spec.factors)]
        found += [("components", replace(question, method=Method(name, k))) for k in numbers]
    for frequency, window in OTHER_WINDOWS.items():
        if frequency != question.window.frequency:
            found += [("frequency", replace(question, method=m, window=window)) for m in plain]
    return found


def compare(session: Session, question: Question, factor: str) -> list[Compared]:
    """Estimate one beta by every method, with other numbers of components, and at every frequency.

    The first is ols in the window asked for; signs are compared with it.
    """
    reference = fit(session, replace(question, method=OLS))
    found = []
    for role, variant in _variants(session, question):
        if role == "asked":
            found.append(Compared(role, variant, reference, "reference"))
            continue
        try:
            fitted = fit(session, variant)
            found.append(Compared(role, variant, fitted, _flag(reference, fitted, factor)))
        except XlSmallcapError as exc:
            found.append(Compared(role, variant, exc, str(exc)))
    return found
