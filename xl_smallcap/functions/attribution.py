"""Worksheet function of attribution: contributions that add up."""

from __future__ import annotations

from dataclasses import dataclass

from xl_smallcap.analyses.attribution import attribution
from xl_smallcap.analyses.provenance import source_of
from xl_smallcap.analyses.question import CHANGE_UNIT, MARKET, Question
from xl_smallcap.data.catalogue import Spec, Target
from xl_smallcap.functions.arguments import date, number, row_of, table_of
from xl_smallcap.functions.parameters import METHOD, SPEC, START, TARGET, WINDOW, day_reader
from xl_smallcap.functions.table import Parameter, worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import Day, Method, Scalar, Table, Window

_START = START.but(help="The close the return is measured from. Default: the end of the year before finish.")
_FINISH = Parameter(
    "finish",
    "The close it is measured to; nothing later is used. Default: the last date with every series.",
    day_reader("finish"),
    kind="date",
    is_date=True,
)
_WINDOW = (
    '250 (days, default), or text: "104w" weeks, "60m" months. Betas come from the window that ended the day before.'
)
_METHOD = (
    '"ols" (default), "pcr", "pls", or with components: "pcr:3". Not "univariate", whose contributions do not add up.'
)


@dataclass(eq=False, repr=False)
class _Item:
    """What one factor, or the rest, contributed."""

    item: Scalar
    contribution: Scalar
    se: Scalar
    lower: Scalar
    upper: Scalar
    contribution_simple: Scalar
    mean_beta: Scalar
    beta_unit: Scalar
    move: Scalar
    move_unit: Scalar
    first_date: Scalar
    last_date: Scalar
    role: Scalar
    method: Scalar
    source: Scalar


@worksheet_function(_START, _FINISH, TARGET, WINDOW.but(help=_WINDOW), METHOD.but(help=_METHOD), SPEC)
def RUSSELL_ATTRIBUTION(
    session: Session, start: Day, finish: Day, target: Target, window: Window, method: Method, spec: Spec
) -> Table:
    """Table of what drove the return of a period, in log % and in simple %: previous day's betas times each factor's move, the window's drift and the specific rest, which add up exactly; with the error that comes from estimating the betas.

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
    question = Question(target=target, spec=spec, window=window, as_of=finish, method=method)
    attributed = attribution(session, question, start)
    result, source = attributed.result, source_of(session, attributed.used)
    ends, rows = (date(attributed.first_date), date(attributed.last_date)), list[_Item]()
    roles = ["control" if n == MARKET else "factor" for n in attributed.names] + ["drift", "specific"]
    for i, (name, role) in enumerate(zip((*attributed.names, "drift", "specific"), roles, strict=True)):
        value, half = float(result.log_contributions[i]), result.half_width * float(result.bse[i])
        errors = [number(float(result.bse[i])), number(value - half), number(value + half)]
        unit: list[Scalar] = [None] * 4
        if i < len(attributed.names):
            in_ = CHANGE_UNIT[attributed.quotes[i]]
            unit = [float(result.mean_beta[i]), f"% per 1 {in_}", float(result.factor_move[i]), in_]
        simple = float(result.simple_contributions[i])
        rows.append(row_of(_Item, name, value, *errors, simple, *unit, *ends, role, str(question.method), source))
    none = [None] * 3
    total = row_of(_Item, "total", result.log_return, *none, result.simple_return, *none, None, *ends, "total",
                  str(question.method), source)  # fmt: skip
    return table_of(_Item, [*rows, total])
