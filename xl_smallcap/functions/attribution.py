"""Worksheet function of attribution: contributions that add up."""

from __future__ import annotations

import datetime as dt

from xl_smallcap.analyses.attribution import attribution
from xl_smallcap.analyses.provenance import source_of
from xl_smallcap.analyses.question import MARKET
from xl_smallcap.analyses.units import CHANGE_UNIT
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._native import date, number
from xl_smallcap.functions._question import question_of
from xl_smallcap.session import current_session
from xl_smallcap.types import Scalar, Table

_HEADER: list[Scalar] = [
    "item", "contribution", "se", "lower", "upper", "contribution_simple", "mean_beta", "beta_unit", "move", "move_unit",
    "first_date", "last_date", "role", "method", "source",
]  # fmt: skip


def RUSSELL_ATTRIBUTION(
    start: dt.date | str | float | None = None,
    finish: dt.date | str | float | None = None,
    target: str | None = None,
    window: float | str | None = None,
    method: str | None = None,
    spec: str | None = None,
) -> Table:
    """Table of what drove the return of a period, in log % and in simple %: previous day's betas times each factor's move, the window's drift and the specific rest, which add up exactly; with the error that comes from estimating the betas.

    Parameters
    ----------
    start : date, optional
        The close the return is measured from. Default: the end of the year before finish.
    finish : date, optional
        The close it is measured to; nothing later is used. Default: the last date with every series.
    target : str, optional
        "russell" (default), "sp500", "relative", "hedged", or a stored daily price.
    window : number or str, optional
        250 (days, default), or text: "104w" weeks, "60m" months. Betas come from the window that ended the day before.
    method : str, optional
        "ols" (default), "pcr", "pls", or with components: "pcr:3". Not "univariate", whose contributions do not add up.
    spec : str, optional
        "macro" (default), "macro_market", "full", or one factor swapped.

    Returns
    -------
    list of list
        A row per factor, then market where it takes part, drift, specific and total. contribution is in % of log return;
        contribution_simple scales each leg of the target by (e^L - 1)/L, so it adds up to the simple return. The error
        of specific is that of all that was subtracted. Betas change daily, so mean_beta times move is not the contribution.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.

    Notes
    -----
    docs/methods.md, Attribution.
    """
    session = current_session()
    session.follow()
    question = question_of(session, target, window, finish, method, spec)
    told = attribution(session, question, read.day("start", start))
    result, source = told.result, source_of(session, told.used)
    table: Table = [_HEADER.copy()]
    roles = ["control" if n == MARKET else "factor" for n in told.names] + ["drift", "specific"]
    for i, (name, role) in enumerate(zip((*told.names, "drift", "specific"), roles, strict=True)):
        value, half = float(result.log_contributions[i]), result.half_width * float(result.bse[i])
        ends = [number(float(result.bse[i])), number(value - half), number(value + half)]
        unit: list[Scalar] = [None] * 4
        if i < len(told.names):
            in_ = CHANGE_UNIT[told.quotes[i]]
            unit = [float(result.mean_beta[i]), f"% per 1 {in_}", float(result.factor_move[i]), in_]
        simple = float(result.simple_contributions[i])
        table.append([name, value, *ends, simple, *unit, date(told.first_date), date(told.last_date), role,
                      str(question.method), source])  # fmt: skip
    table.append(["total", result.log_return, None, None, None, result.simple_return, None, None, None, None,
                  date(told.first_date), date(told.last_date), "total", str(question.method), source])  # fmt: skip
    return table
