"""Worksheet function that puts methods and frequencies side by side."""

from __future__ import annotations

import datetime as dt

from xl_smallcap.analyses import units
from xl_smallcap.analyses.methods import Compared, compare
from xl_smallcap.analyses.provenance import source_label, source_of
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.functions._native import date, number
from xl_smallcap.functions._question import factor_in, question_of
from xl_smallcap.session import Session, current_session
from xl_smallcap.types import Scalar, Table

_HEADER: list[Scalar] = [
    "method", "components", "window", "beta", "se", "tstat", "lower", "upper", "beta_native", "native_unit", "rsquared",
    "nobs", "first_date", "last_date", "role", "flag", "source",
]  # fmt: skip


def _row(session: Session, compared: Compared, factor: str) -> list[Scalar]:
    question, fitted = compared.question, compared.fitted
    head: list[Scalar] = [question.method.name]
    if isinstance(fitted, XlSmallcapError):
        return [*head, None, str(question.window), *[None] * 11, compared.role, compared.flag, source_label(session)]
    i, fit = fitted.position(factor), fitted.fit
    native = units.unit_factor("native", fitted.quotes[i], float(fit.factor_sd[i]), factor)
    numbers = (fit.params[i], fit.bse[i], fit.tvalues[i], fit.lower[i], fit.upper[i], fit.params[i] * native)
    return [
        *head,
        fit.components,
        str(question.window),
        *(number(v) for v in numbers),
        units.unit_name("native", fitted.quotes[i]),
        number(fit.rsquared_each[i]),
        fit.nobs,
        date(fitted.first_date),
        date(fitted.last_date),
        compared.role,
        compared.flag,
        source_of(session, fitted.used),
    ]


def _summary(found: list[Compared]) -> list[Scalar]:
    told = [c for c in found[1:] if not isinstance(c.fitted, XlSmallcapError)]
    same = sum(c.flag == "same sign" for c in told)
    clear = sum(c.flag.endswith("clear of zero") for c in told)
    conflicts = [f"{c.question.method} {c.question.window}" for c in told if c.flag.startswith("sign conflict")]
    text = f"{same} of {len(told)} other rows have the sign of the first"
    text += f"; conflicts: {', '.join(conflicts)}" if conflicts else "; no sign conflict"
    text += f"; {clear} of them with both intervals clear of zero." if conflicts else "."
    return ["all", *[None] * 13, "summary", text, None]


def RUSSELL_METHODS(
    factor: str,
    target: str | None = None,
    window: float | str | None = None,
    as_of: dt.date | str | float | None = None,
    spec: str | None = None,
) -> Table:
    """Table of one beta by every method and frequency side by side, in % per +1 standard deviation of the factor and per 10 bp or 1 %, with errors and a flag where signs disagree; other numbers of components show how sensitive pcr and pls are.

    Parameters
    ----------
    factor : str
        "growth", "inflation", "easing", "dollar", "oil"; more with other specs.
    target : str, optional
        "russell" (default), "sp500", "relative", "hedged", or a stored daily price.
    window : number or str, optional
        250 (days, default), or text: "104w" weeks, "60m" months. The other frequencies are shown with 250, 104w and 60m.
    as_of : date, optional
        Nothing later is used. Default: the last date with every series.
    spec : str, optional
        "macro" (default), "macro_market", "full", or one factor swapped.

    Returns
    -------
    list of list
        The first row is ols in the window asked for; flags compare each row's sign with it. A row that cannot be fitted
        has #N/A and its reason. The last row counts.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    question = question_of(session, target, window, as_of, None, spec)
    name = factor_in(session, question, factor)
    found = compare(session, question, name)
    return [_HEADER.copy(), *(_row(session, c, name) for c in found), _summary(found)]
