"""Worksheet function that puts methods and frequencies side by side."""

from __future__ import annotations

from dataclasses import dataclass

from xl_smallcap.analyses import units
from xl_smallcap.analyses.methods import Compared, compare
from xl_smallcap.analyses.provenance import source_label, source_of
from xl_smallcap.analyses.question import Question
from xl_smallcap.data.catalogue import Spec, Target
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.functions._native import date, number, table_of
from xl_smallcap.functions._question import factor_in
from xl_smallcap.functions.parameters import AS_OF, FACTOR, SPEC, TARGET, WINDOW
from xl_smallcap.functions.table import worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import Day, Scalar, Table, Window

_WINDOW = (
    '250 (days, default), or text: "104w" weeks, "60m" months. The other frequencies are shown with 250, 104w and 60m.'
)


@dataclass(eq=False, repr=False)
class _Row:
    """One method in one window."""

    method: Scalar
    components: Scalar = None
    window: Scalar = None
    beta: Scalar = None
    se: Scalar = None
    tstat: Scalar = None
    lower: Scalar = None
    upper: Scalar = None
    beta_native: Scalar = None
    native_unit: Scalar = None
    rsquared: Scalar = None
    nobs: Scalar = None
    first_date: Scalar = None
    last_date: Scalar = None
    role: Scalar = None
    flag: Scalar = None
    source: Scalar = None


def _row(session: Session, compared: Compared, factor: str) -> _Row:
    question, fitted = compared.question, compared.fitted
    method, window = question.method.name, str(question.window)
    if isinstance(fitted, XlSmallcapError):
        source = source_label(session)
        return _Row(method, window=window, role=compared.role, flag=compared.flag, source=source)
    i, fit = fitted.position(factor), fitted.fit
    native = units.unit_factor("native", fitted.quotes[i], float(fit.factor_sd[i]), factor)
    return _Row(
        method=method,
        components=fit.components,
        window=window,
        beta=number(fit.params[i]),
        se=number(fit.bse[i]),
        tstat=number(fit.tvalues[i]),
        lower=number(fit.lower[i]),
        upper=number(fit.upper[i]),
        beta_native=number(fit.params[i] * native),
        native_unit=units.unit_name("native", fitted.quotes[i]),
        rsquared=number(fit.rsquared_each[i]),
        nobs=fit.nobs,
        first_date=date(fitted.first_date),
        last_date=date(fitted.last_date),
        role=compared.role,
        flag=compared.flag,
        source=source_of(session, fitted.used),
    )


def _summary(found: list[Compared]) -> _Row:
    told = [c for c in found[1:] if not isinstance(c.fitted, XlSmallcapError)]
    same = sum(c.flag == "same sign" for c in told)
    clear = sum(c.flag.endswith("clear of zero") for c in told)
    conflicts = [f"{c.question.method} {c.question.window}" for c in told if c.flag.startswith("sign conflict")]
    text = f"{same} of {len(told)} other rows have the sign of the first"
    text += f"; conflicts: {', '.join(conflicts)}" if conflicts else "; no sign conflict"
    text += f"; {clear} of them with both intervals clear of zero." if conflicts else "."
    return _Row("all", role="summary", flag=text)


@worksheet_function(FACTOR, TARGET, WINDOW.but(help=_WINDOW), AS_OF, SPEC)
def RUSSELL_METHODS(session: Session, factor: str, target: Target, window: Window, as_of: Day, spec: Spec) -> Table:
    """Table of one beta by every method and frequency side by side, in % per +1 standard deviation of the factor and per 10 bp or 1 %, with errors and a flag where signs disagree; other numbers of components show how sensitive pcr and pls are.

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
    question = Question(target=target, spec=spec, window=window, as_of=as_of)
    name = factor_in(session, question, factor)
    found = compare(session, question, name)
    return table_of(_Row, [*(_row(session, c, name) for c in found), _summary(found)])
