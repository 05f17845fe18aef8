"""Worksheet functions of betas: one, all, their history, the fit, methods side by side, before and after a refresh."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from xl_smallcap.analyses import betas as analysis
from xl_smallcap.analyses.betas import Compared, changes, compare_methods
from xl_smallcap.analyses.provenance import source_label, source_of
from xl_smallcap.analyses.question import CHANGE_UNIT, MARKET, Question, reference_sd, unit_factor, unit_name
from xl_smallcap.data.catalogue import Spec, Target
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError, XlSmallcapError
from xl_smallcap.functions import arguments as read
from xl_smallcap.functions.arguments import date, names_of, number, row_of, stats_of, table_of
from xl_smallcap.functions.parameters import (
    AS_OF,
    BETA_MODEL,
    FACTOR,
    METHOD,
    SPEC,
    START,
    TARGET,
    UNIT,
    WINDOW,
    factor_in,
    statistic,
)
from xl_smallcap.functions.table import Parameter, worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import All, BetaModel, BetaStat, BetaUnit, Day, FitStat, Method, Scalar, Table, Window

_FEWEST_SIGN_WINDOWS = 2
_BETA_WORDS = (
    "beta (default), se, tstat, pvalue, pvalue_bh, lower, upper, se_conditional, se_nw, sign_share, agreement, vif, "
    "rsquared, nobs, first_date, last_date, next_window_coverage, percentile or all; on levels noise_share and others."
)
_OF_CHANGES = frozenset(
    ("beta", "se", "tstat", "pvalue", "pvalue_bh", "lower", "upper", "se_conditional", "se_nw", "sign_share",
     "agreement", "vif", "rsquared", "nobs", "first_date", "last_date", "next_window_coverage")
)  # fmt: skip
_FIT_WORDS = (
    "rsquared (default), rsquared_adj, rsquared_oos, nobs, first_date, last_date, condition_number, components, "
    "explained, draws, block, seed or all."
)
_TABLE_UNIT = '"sd" (default) or "native" (10 bp for rates, 1 % for prices).'


@dataclass(eq=False, repr=False)
class _Beta:
    """Every stat of one factor; the scalar function and the table row both come from here."""

    beta: Scalar
    se: Scalar
    tstat: Scalar
    pvalue: Scalar
    pvalue_bh: Scalar
    lower: Scalar
    upper: Scalar
    se_conditional: Scalar
    sign_share: Scalar
    sign_windows: Scalar
    agreement: Scalar
    vif: Scalar
    rsquared: Scalar
    nobs: Scalar
    first_date: Scalar
    last_date: Scalar
    unit: Scalar
    factor_sd: Scalar
    factor_unit: Scalar
    method: Scalar
    errors: Scalar

    @classmethod
    def of(cls, fitted: analysis.FittedBetas, name: str, unit: BetaUnit) -> _Beta:
        """Take a factor's numbers from a fit."""
        i, fit = fitted.position(name), fitted.fit
        scale = unit_factor(unit, fitted.quotes[i], float(fit.factor_sd[i]), name)
        enough = fitted.sign_windows >= _FEWEST_SIGN_WINDOWS
        return cls(
            beta=number(fit.params[i] * scale),
            se=number(fit.bse[i] * scale),
            tstat=number(fit.tvalues[i]),
            pvalue=number(fit.pvalues[i]),
            pvalue_bh=number(fit.pvalues_bh[i]),
            lower=number(fit.lower[i] * scale),
            upper=number(fit.upper[i] * scale),
            se_conditional=number(fit.bse_conditional[i] * scale),
            sign_share=float(fitted.sign_share[i]) if enough else None,
            sign_windows=fitted.sign_windows,
            agreement=float(fit.agreement[i]),
            vif=number(fit.vif[i]),
            rsquared=number(fit.rsquared_each[i]),
            nobs=fit.nobs,
            first_date=date(fitted.first_date),
            last_date=date(fitted.last_date),
            unit=unit_name(unit, fitted.quotes[i]),
            factor_sd=float(fit.factor_sd[i]),
            factor_unit=CHANGE_UNIT[fitted.quotes[i]],
            method=str(fitted.question.method),
            errors=analysis.errors_of(fitted.question, fit) + analysis.inflation_of(float(fit.vif[i])),
        )


@dataclass(eq=False, repr=False)
class _Window:
    """One window of a history."""

    date: Scalar
    beta: Scalar
    lower: Scalar
    upper: Scalar
    beta_fixed: Scalar
    lower_fixed: Scalar
    upper_fixed: Scalar
    factor_sd: Scalar
    unit: Scalar
    errors: Scalar
    flag: Scalar


@worksheet_function(
    FACTOR, TARGET, statistic(BetaStat, "beta", _BETA_WORDS), WINDOW, AS_OF, METHOD, BETA_MODEL, SPEC, UNIT
)
def RUSSELL_BETA(
    session: Session,
    factor: str,
    target: Target,
    stat: BetaStat | All,
    window: Window,
    as_of: Day,
    method: Method,
    model: BetaModel,
    spec: Spec,
    unit: BetaUnit,
) -> float | dt.date | bool | Table:
    """Beta of the Russell 2000 to one macro factor, in % return per +1 standard deviation of the factor's change, from a joint regression; with its standard error, t, p and 90 % interval on request.

    Returns
    -------
    float, datetime.date, bool or list of list
        The statistic asked for, or the table stat, value.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.

    Notes
    -----
    Student-t intervals; Newey and West (1987) errors with floor(4 (T/100)^(2/9)) lags, of scores weighted by 1/(1 - h)
    (MacKinnon and White 1985); for pcr and pls a moving-block bootstrap that refits scaling and components; agreement is the share of the four methods with this sign. Model
    "levels" regresses the price on factor levels, without errors and beside random walks (Granger and Newbold 1974);
    percentile ranks the beta among those of earlier month ends. docs/methods.md.
    """
    question = Question(target=target, spec=spec, window=window, as_of=as_of, method=method)
    name = factor_in(session, question, factor)
    if model == "levels" or stat not in _OF_CHANGES:
        from xl_smallcap.functions import levels  # a beta of changes needs none of it

        levels.check_stat(stat, model)
        if model == "levels":
            return levels.beta_on_levels(session, question, name, stat, unit)
        if stat in levels.OF_STANDING:
            place = levels.standing_of(session, question, name, model)[stat]
            assert isinstance(place, (int, float))
            return place
        if stat in levels.OF_PLACEBO:
            if name == MARKET:
                raise BadArgumentError("The market is one series: there is no other split of it.")
            share = levels.placebo_of(session, question, name)[stat]
            assert isinstance(share, float)
            return share
    if stat == "next_window_coverage":
        return analysis.next_window_coverage(session, question, name)
    fitted = analysis.fit(session, question)
    cells = stats_of(_Beta.of(fitted, name, unit))
    i = fitted.position(name)
    plain = fitted.fit.bse_nw[i] * unit_factor(unit, fitted.quotes[i], float(fitted.fit.factor_sd[i]), name)
    if stat == "all":
        more: list[tuple[str, Scalar]] = [
            ("se_nw", number(plain)), ("next_window_coverage", _coverage_or_none(session, question, name)),
            *levels.standing_or_none(session, question, name, model).items(),
            *((n, v) for n, v in levels.placebo_or_none(session, question, name).items() if v is not None),
            ("factor", name), ("target", question.target.id), ("window", str(question.window)),
            ("spec", question.spec.id), ("source", source_label(session)),
        ]  # fmt: skip
        return [["stat", "value"], *([n, v] for n, v in [*cells.items(), *more])]
    value = number(plain) if stat == "se_nw" else cells[stat]
    if value is None and stat == "sign_share":
        raise NoDataError(
            f"'{stat}' of '{name}' is not available: it needs at least {_FEWEST_SIGN_WINDOWS} windows of "
            f"{question.window} that do not overlap."
        )
    if value is None:
        raise FitError(f"'{stat}' of '{name}' is not a finite number in this window.")
    assert isinstance(value, (int, float, dt.date))
    return value


def _coverage_or_none(session: Session, question: Question, name: str) -> Scalar:
    """How often the next beta was within both errors; None where it cannot be said."""
    try:
        return analysis.next_window_coverage(session, question, name)
    except XlSmallcapError:
        return None


@worksheet_function(TARGET, WINDOW, AS_OF, METHOD, BETA_MODEL, SPEC, UNIT.but(help=_TABLE_UNIT))
def RUSSELL_BETAS(
    session: Session,
    target: Target,
    window: Window,
    as_of: Day,
    method: Method,
    model: BetaModel,
    spec: Spec,
    unit: BetaUnit,
) -> Table:
    """Table of betas, a row per factor, in % return per +1 standard deviation of the factor, with error, t, p, 90 % interval, sign stability and source; then each factor's other constructions as checks.

    Returns
    -------
    list of list
        Header, then rows; role is "factor", "control" (the market) or "check" (one factor built otherwise, the rest
        the same). A check that cannot be fitted has #N/A and its reason in the column construction. placebo_share, beside
        growth's t: the share of other splits of the same sectors whose |t| is above 1.65. Model "levels" has
        noise_share and the rest in the place of errors, and percentiles.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    question = Question(target=target, spec=spec, window=window, as_of=as_of, method=method)
    if unit not in ("sd", "native"):
        raise BadArgumentError(f"A table mixes rates and prices; use unit 'native' instead of '{unit}', or 'sd'.")
    if model == "levels":
        from xl_smallcap.functions.levels import betas_on_levels

        return betas_on_levels(session, question, unit)
    from xl_smallcap.functions.levels import placebo_or_none

    fitted = analysis.fit(session, question)
    source = source_label(session)
    header = ["factor", *names_of(_Beta), "role", "spec", "construction", "source", "placebo_share"]
    table: Table = [header]

    def row(fitted: analysis.FittedBetas, name: str, role: str, spec_id: str) -> None:
        entry = session.catalogue.factors.get(name)
        label = entry.label if entry else session.catalogue.series_of(session.catalogue.market).label
        legs = [s for s, _ in entry.legs] if entry else [session.catalogue.market]
        swaps = [
            f"{given} for {s}"
            for s, given in fitted.used.items()
            if given != s
            and s.split(" ")[0] in legs
            and str(fitted.first_date) < (s.partition(" before ")[2] or "9999")
        ]
        built = label + (f" [{', '.join(swaps)}]" if swaps else "")
        share = placebo_or_none(session, fitted.question, name)["placebo_share"]
        table.append([name, *stats_of(_Beta.of(fitted, name, unit)).values(), role, spec_id, built, source, share])

    for name in fitted.names:
        row(fitted, name, "control" if name == MARKET else "factor", question.spec.id)
    for name, spec_id, other in analysis.checks(session, question):
        if isinstance(other, XlSmallcapError):
            table.append([name, *[None] * (len(header) - 6), "check", spec_id, str(other), source, None])
        else:
            row(other, name, "check", spec_id)
    return table


@worksheet_function(FACTOR, TARGET, WINDOW, AS_OF, METHOD, BETA_MODEL, SPEC, UNIT, START)
def RUSSELL_BETA_HISTORY(
    session: Session,
    factor: str,
    target: Target,
    window: Window,
    as_of: Day,
    method: Method,
    model: BetaModel,
    spec: Spec,
    unit: BetaUnit,
    start: Day,
) -> Table:
    """Table of rolling betas to one factor: date, beta and 90 % interval in % per +1 standard deviation of the window, and again per +1 fixed reference deviation, so that changes of the beta and of the factor's volatility can be told apart.

    Returns
    -------
    list of list
        date, beta, lower, upper, beta_fixed, lower_fixed, upper_fixed, factor_sd, unit, errors, flag. The fixed columns are
        #N/A for the market, which has no reference deviation. flag says where a window was nearly singular and solved
        alone, or has no beta. Intervals of pcr and pls are the delta method's, those of RUSSELL_BETA the bootstrap's.
        Model "levels": date, beta, beta_native, percentile (among earlier month ends), level_sd, unit, native_unit, flag.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    question = Question(target=target, spec=spec, window=window, as_of=as_of, method=method)
    name = factor_in(session, question, factor)
    if model == "levels":
        from xl_smallcap.functions.levels import history_on_levels

        return history_on_levels(session, question, name, unit, start)
    history = analysis.history(session, question)
    i = history.names.index(name)
    quote = history.quotes[i]
    reference = reference_sd(session.catalogue, name, question.window)
    unit_factor(unit, quote, 1.0, name)
    label = unit_name(unit, quote)
    first = 0 if start is None else int(np.searchsorted(history.dates, start))
    if first >= history.dates.size:
        raise NoDataError(f"No window ends on or after start {start}; the last ends {history.dates[-1]}.")
    rows = list[_Window]()
    errors = "Newey-West" if question.method.name in ("ols", "univariate") else "Newey-West, delta method"
    days = history.dates[first:].tolist()
    for day, beta, half, sd, alone in zip(
        days,
        history.params[first:, i].tolist(),
        (history.half_width[first:] * history.bse[first:, i]).tolist(),
        history.factor_sd[first:, i].tolist(),
        history.alone[first:].tolist(),
        strict=True,
    ):
        ends = (beta, beta - half, beta + half)
        usable = sd > 0 and np.isfinite(beta)
        scale = unit_factor(unit, quote, sd, name) if usable else 1.0
        fixed = reference / sd if reference is not None and usable else None
        own = [number(v * scale) for v in ends]
        by_yardstick = [None if fixed is None else number(v * fixed) for v in ends]
        rows.append(row_of(_Window, day, *own, *by_yardstick, sd, label, errors, analysis.flag_of(alone, usable)))
    return table_of(_Window, rows)


@worksheet_function(TARGET, statistic(FitStat, "rsquared", _FIT_WORDS), WINDOW, AS_OF, METHOD, SPEC)
def RUSSELL_FIT(
    session: Session, target: Target, stat: FitStat | All, window: Window, as_of: Day, method: Method, spec: Spec
) -> float | dt.date | Table:
    """Quality of the factor regression: R² (a share from 0 to 1: in sample, adjusted, out of sample), number of observations, first and last date, condition number of the factors; stat "all" gives the table.

    Returns
    -------
    float, datetime.date or list of list
        The statistic, or the table stat, value. components is the number of regressors, for pcr and pls of components;
        explained their share of the factors' variance; draws, block and seed belong to the bootstrap. first_date is the
        day from which the first change is measured.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    question = Question(target=target, spec=spec, window=window, as_of=as_of, method=method)
    fitted = analysis.fit(session, question)
    fit = fitted.fit
    joint = question.method.name != "univariate"
    drawn = fit.draws > 0
    values: dict[FitStat, Scalar] = {
        "rsquared": float(fit.rsquared_each[0]) if joint else None,
        "rsquared_adj": float(fit.rsquared_adj_each[0]) if joint else None,
        "nobs": fit.nobs,
        "first_date": date(fitted.first_date),
        "last_date": date(fitted.last_date),
        "condition_number": fit.condition_number,
        "components": fit.components,
        "explained": number(fit.explained),
        "draws": fit.draws if drawn else None,
        "block": fit.block if drawn else None,
        "seed": fit.seed if drawn else None,
    }
    if stat == "all":
        try:
            values["rsquared_oos"] = analysis.out_of_sample_rsquared(session, question)
        except XlSmallcapError:
            values["rsquared_oos"] = None
        return [["stat", "value"], *([s, values[s]] for s in get_args(FitStat))]
    if stat == "rsquared_oos":
        return analysis.out_of_sample_rsquared(session, question)
    value = values[stat]
    if value is None and stat.startswith("rsquared"):
        analysis.refuse_univariate()
    if value is None and stat == "explained":
        raise BadArgumentError("Method 'univariate' is one regression a factor: it has no components.")
    if value is None:
        raise NoDataError(
            f"Method '{question.method}' has no '{stat}': its errors are {analysis.errors_of(question, fit)}."
        )
    assert isinstance(value, (int, float, dt.date))
    return value


# -- Worksheet function that puts methods and frequencies side by side.


_WINDOW = (
    '250 (days, default), or text: "104w" weeks, "60m" months. The other frequencies are shown with 250, 104w and 60m.'
)


@dataclass(eq=False, repr=False)
class _MethodRow:
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


def _row(session: Session, compared: Compared, factor: str) -> _MethodRow:
    question, fitted = compared.question, compared.fitted
    method, window = question.method.name, str(question.window)
    if isinstance(fitted, XlSmallcapError):
        source = source_label(session)
        return _MethodRow(method, window=window, role=compared.role, flag=compared.flag, source=source)
    i, fit = fitted.position(factor), fitted.fit
    native = unit_factor("native", fitted.quotes[i], float(fit.factor_sd[i]), factor)
    return _MethodRow(
        method=method,
        components=fit.components,
        window=window,
        beta=number(fit.params[i]),
        se=number(fit.bse[i]),
        tstat=number(fit.tvalues[i]),
        lower=number(fit.lower[i]),
        upper=number(fit.upper[i]),
        beta_native=number(fit.params[i] * native),
        native_unit=unit_name("native", fitted.quotes[i]),
        rsquared=number(fit.rsquared_each[i]),
        nobs=fit.nobs,
        first_date=date(fitted.first_date),
        last_date=date(fitted.last_date),
        role=compared.role,
        flag=compared.flag,
        source=source_of(session, fitted.used),
    )


def _summary(compared: list[Compared]) -> _MethodRow:
    others = [c for c in compared[1:] if not isinstance(c.fitted, XlSmallcapError)]
    same = sum(c.flag == "same sign" for c in others)
    clear = sum(c.flag.endswith("clear of zero") for c in others)
    conflicts = [f"{c.question.method} {c.question.window}" for c in others if c.flag.startswith("sign conflict")]
    text = f"{same} of {len(others)} other rows have the sign of the first"
    text += f"; conflicts: {', '.join(conflicts)}" if conflicts else "; no sign conflict"
    text += f"; {clear} of them with both intervals clear of zero." if conflicts else "."
    return _MethodRow("all", role="summary", flag=text)


@worksheet_function(FACTOR, TARGET, WINDOW.but(help=_WINDOW), AS_OF, BETA_MODEL, SPEC)
def RUSSELL_METHODS(
    session: Session, factor: str, target: Target, window: Window, as_of: Day, model: BetaModel, spec: Spec
) -> Table:
    """Table of one beta by every method and frequency side by side, in % per +1 standard deviation of the factor and per 10 bp or 1 %, with errors and a flag where signs disagree; other numbers of components show how sensitive pcr and pls are.

    Returns
    -------
    list of list
        The first row is ols in the window asked for; flags compare each row's sign with it. A row that cannot be fitted
        has #N/A and its reason. The last row counts. Model "levels": ols, pcr and pls, with noise for errors.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    question = Question(target=target, spec=spec, window=window, as_of=as_of)
    name = factor_in(session, question, factor)
    if model == "levels":
        from xl_smallcap.functions.levels import methods_on_levels

        return methods_on_levels(session, question, name)
    compared = compare_methods(session, question, name)
    return table_of(_MethodRow, [*(_row(session, c, name) for c in compared), _summary(compared)])


# -- The worksheet function that says what a refresh did to the betas.


def _fingerprint(_: Session, value: Any) -> str | None:
    return None if read.is_blank(value) else read.fingerprint_of(value)


_BEFORE = Parameter(
    "before",
    "Fingerprint of the earlier snapshot, or its beginning. Default: the one after which the later was made.",
    _fingerprint,
)
_AFTER = Parameter("after", "Fingerprint of the later snapshot. Default: the one in use.", _fingerprint)


@dataclass(eq=False, repr=False)
class _Moved:
    """One beta in two snapshots."""

    target: Scalar
    factor: Scalar = None
    before: Scalar = None
    after: Scalar = None
    change: Scalar = None
    from_data: Scalar = None
    from_window: Scalar = None
    se: Scalar = None
    moved: Scalar = None
    cause: Scalar = None
    before_date: Scalar = None
    after_date: Scalar = None
    before_snapshot: Scalar = None
    after_snapshot: Scalar = None


@worksheet_function(_BEFORE, _AFTER)
def RUSSELL_DIFF(session: Session, before: str | None, after: str | None) -> Table:
    """Table of the betas of two snapshots, % per +1 standard deviation: before, after, and how much of the change came from revised data and how much from the window moving on; moved says whether it exceeds the standard error.

    Returns
    -------
    list of list
        A row per target and factor, window 250 days, default specification; from_data and from_window add up to change.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    store = session.store
    later = session.snapshot if after is None else store.open(store.meant(after))
    if before is None:
        if not later.parent or later.parent not in store.snapshots():
            raise NoDataError(
                f"Snapshot {later.fingerprint} was not made after another one that is still there, so there is nothing to "
                "compare it with. Give a fingerprint; 'xl-smallcap data history' lists them."
            )
        earlier = later.parent
    else:
        earlier = store.meant(before)
    both = {"before_snapshot": earlier, "after_snapshot": later.fingerprint}
    rows = list[_Moved]()
    old, new = Session(session.settings, earlier), Session(session.settings, later.fingerprint)
    for m in changes(old, new):
        if m.why_not:
            rows.append(_Moved(m.target, cause=m.why_not, **both))
            continue
        rows.append(
            _Moved(
                target=m.target,
                factor=m.factor,
                before=m.before,
                after=m.after,
                change=m.after - m.before,
                from_data=m.from_data,
                from_window=m.from_window,
                se=m.se,
                moved="yes" if m.moved else "no",
                cause=m.cause,
                before_date=date(m.before_date),
                after_date=date(m.after_date),
                **both,
            )
        )
    return table_of(_Moved, rows)
