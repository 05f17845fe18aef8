"""Worksheet functions of the factor model: betas, their table, their history, the fit."""

from __future__ import annotations

import datetime as dt

import numpy as np

from xl_smallcap.analyses import betas as model
from xl_smallcap.analyses import units
from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.analyses.question import MARKET
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError, XlSmallcapError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._native import date as _date
from xl_smallcap.functions._native import number as _number
from xl_smallcap.functions._question import factor_in, question_of
from xl_smallcap.session import current_session
from xl_smallcap.types import BetaStat, BetaUnit, FitStat, Scalar, Table

_FEWEST_SIGN_WINDOWS = 2
_FIT_STATS: tuple[FitStat, ...] = (
    "rsquared",
    "rsquared_adj",
    "rsquared_oos",
    "nobs",
    "first_date",
    "last_date",
    "condition_number",
    "components",
    "explained",
    "draws",
    "block",
    "seed",
)


_BETA: BetaStat = "beta"
_RSQUARED: FitStat = "rsquared"


def _cells(fitted: model.Fitted, name: str, unit: BetaUnit) -> dict[str, Scalar]:
    """Every stat of one factor; the scalar function and the table row both come from here."""
    i, fit = fitted.position(name), fitted.fit
    scale = units.unit_factor(unit, fitted.quotes[i], float(fit.factor_sd[i]), name)
    enough = fitted.sign_windows >= _FEWEST_SIGN_WINDOWS
    return {
        "beta": _number(fit.params[i] * scale),
        "se": _number(fit.bse[i] * scale),
        "tstat": _number(fit.tvalues[i]),
        "pvalue": _number(fit.pvalues[i]),
        "pvalue_bh": _number(fit.pvalues_bh[i]),
        "lower": _number(fit.lower[i] * scale),
        "upper": _number(fit.upper[i] * scale),
        "se_conditional": _number(fit.bse_conditional[i] * scale),
        "sign_share": float(fitted.sign_share[i]) if enough else None,
        "sign_windows": fitted.sign_windows,
        "agreement": float(fit.agreement[i]),
        "vif": _number(fit.vif[i]),
        "rsquared": _number(fit.rsquared_each[i]),
        "nobs": fit.nobs,
        "first_date": _date(fitted.first_date),
        "last_date": _date(fitted.last_date),
        "unit": units.unit_name(unit, fitted.quotes[i]),
        "factor_sd": float(fit.factor_sd[i]),
        "factor_unit": units.CHANGE_UNIT[fitted.quotes[i]],
        "method": str(fitted.question.method),
        "errors": model.errors_of(fitted.question, fit) + model.inflation_of(float(fit.vif[i])),
    }


def RUSSELL_BETA(
    factor: str,
    stat: BetaStat | None = None,
    target: str | None = None,
    window: float | str | None = None,
    as_of: dt.date | str | float | None = None,
    method: str | None = None,
    spec: str | None = None,
    unit: BetaUnit | None = None,
) -> float | dt.date | Table:
    """Beta of the Russell 2000 to one macro factor, in % return per +1 standard deviation of the factor's change, from a joint regression; with its standard error, t, p and 90 % interval on request.

    Parameters
    ----------
    factor : str
        "growth", "inflation", "easing" (or "cuts"), "dollar", "oil"; more with other specs. See RUSSELL_FACTORS.
    stat : str, optional
        beta (default), se, tstat, pvalue, pvalue_bh, lower, upper, se_conditional, sign_share, agreement, vif, rsquared, nobs, first_date, last_date or all.
    target : str, optional
        "russell" (default), "sp500", "relative", "hedged", or a stored daily price such as "IWM".
    window : number or str, optional
        250 (days, default), or text: "104w" weeks, "60m" months.
    as_of : date, optional
        Nothing later is used: an Excel date or text 2025-12-24. Default: the last date with every series.
    method : str, optional
        "ols" (default, joint), "univariate", "pcr" (principal components, 90 % of variance), "pls" (partial least squares, 2 components), or a number: "pls:3".
    spec : str, optional
        "macro" (default), "macro_market", "full", or one factor swapped: "macro:growth_metals".
    unit : str, optional
        "sd" (default), "10bp" for rates, "1pct" for prices, "1pt" for levels, or "native" for whichever fits.

    Returns
    -------
    float, datetime.date or list of list
        The statistic asked for, or the table stat, value.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.

    Notes
    -----
    Student-t intervals; Newey and West (1987) errors with floor(4 (T/100)^(2/9)) lags, for pcr and pls a moving-block
    bootstrap that refits scaling and components; agreement is the share of the four methods with this sign. docs/methods.md.
    """
    session = current_session()
    session.follow()
    asked, whole = read.stat(stat, BetaStat, _BETA)
    question = question_of(session, target, window, as_of, method, spec)
    name = factor_in(session, question, factor)
    shown_in: BetaUnit = read.choice("unit", unit, BetaUnit, "sd")
    cells = _cells(model.fit(session, question), name, shown_in)
    if whole:
        more: list[tuple[str, Scalar]] = [
            ("factor", name), ("target", question.target.id), ("window", str(question.window)),
            ("spec", question.spec.id), ("source", source_label(session)),
        ]  # fmt: skip
        return [["stat", "value"], *([n, v] for n, v in [*cells.items(), *more])]
    value = cells[asked]
    if value is None and asked == "sign_share":
        raise NoDataError(
            f"'{asked}' of '{name}' is not available: it needs at least {_FEWEST_SIGN_WINDOWS} windows of "
            f"{question.window} that do not overlap."
        )
    if value is None:
        raise FitError(f"'{asked}' of '{name}' is not a finite number in this window.")
    assert isinstance(value, (int, float, dt.date))
    return value


def RUSSELL_BETAS(
    target: str | None = None,
    window: float | str | None = None,
    as_of: dt.date | str | float | None = None,
    method: str | None = None,
    spec: str | None = None,
    unit: BetaUnit | None = None,
) -> Table:
    """Table of betas, a row per factor, in % return per +1 standard deviation of the factor, with error, t, p, 90 % interval, sign stability and source; then each factor's other constructions as checks.

    Parameters
    ----------
    target : str, optional
        "russell" (default), "sp500", "relative", "hedged", or a stored daily price.
    window : number or str, optional
        250 (days, default), or text: "104w" weeks, "60m" months.
    as_of : date, optional
        Nothing later is used. Default: the last date with every series.
    method : str, optional
        "ols" (default), "univariate", "pcr", "pls", or with components: "pcr:3".
    spec : str, optional
        "macro" (default), "macro_market", "full", or one factor swapped: "macro:growth_metals".
    unit : str, optional
        "sd" (default) or "native" (10 bp for rates, 1 % for prices).

    Returns
    -------
    list of list
        Header, then rows; role is "factor", "control" (the market) or "check" (one factor built otherwise, the rest
        the same). A check that cannot be fitted has #N/A and its reason in the column construction.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    question = question_of(session, target, window, as_of, method, spec)
    shown_in: BetaUnit = read.choice("unit", unit, BetaUnit, "sd")
    if shown_in not in ("sd", "native"):
        raise BadArgumentError(f"A table mixes rates and prices; use unit 'native' instead of '{shown_in}', or 'sd'.")
    fitted = model.fit(session, question)
    source = source_label(session)
    header: list[Scalar] = [
        "factor",
        *_cells(fitted, fitted.names[0], shown_in),
        "role",
        "spec",
        "construction",
        "source",
    ]
    table: Table = [header]

    def row(fitted: model.Fitted, name: str, role: str, spec_id: str) -> None:
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
        table.append([name, *_cells(fitted, name, shown_in).values(), role, spec_id, built, source])

    for name in fitted.names:
        row(fitted, name, "control" if name == MARKET else "factor", question.spec.id)
    for name, spec_id, other in model.checks(session, question):
        if isinstance(other, XlSmallcapError):
            table.append([name, *[None] * (len(header) - 5), "check", spec_id, str(other), source])
        else:
            row(other, name, "check", spec_id)
    return table


def RUSSELL_BETA_HISTORY(
    factor: str,
    target: str | None = None,
    window: float | str | None = None,
    as_of: dt.date | str | float | None = None,
    method: str | None = None,
    spec: str | None = None,
    unit: BetaUnit | None = None,
    start: dt.date | str | float | None = None,
) -> Table:
    """Table of rolling betas to one factor: date, beta and 90 % interval in % per +1 standard deviation of the window, and again per +1 fixed reference deviation, so that changes of the beta and of the factor's volatility can be told apart.

    Parameters
    ----------
    factor : str
        "growth", "inflation", "easing", "dollar", "oil"; more with other specs.
    target : str, optional
        "russell" (default), "sp500", "relative", "hedged", or a stored daily price.
    window : number or str, optional
        250 (days, default), or text: "104w" weeks, "60m" months.
    as_of : date, optional
        The last date shown; nothing later is used.
    method : str, optional
        "ols" (default), "univariate", "pcr", "pls", or with components: "pcr:3".
    spec : str, optional
        "macro" (default), "macro_market", "full", or one factor swapped.
    unit : str, optional
        "sd" (default), "native", "10bp", "1pct" or "1pt": of the columns beta, lower and upper.
    start : date, optional
        The first date shown.

    Returns
    -------
    list of list
        date, beta, lower, upper, beta_fixed, lower_fixed, upper_fixed, factor_sd, unit, errors, flag. The fixed columns are
        #N/A for the market, which has no reference deviation. flag says where a window was nearly singular and solved
        alone, or has no beta. Intervals of pcr and pls are the delta method's, those of RUSSELL_BETA the bootstrap's.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    question = question_of(session, target, window, as_of, method, spec)
    name = factor_in(session, question, factor)
    shown_in: BetaUnit = read.choice("unit", unit, BetaUnit, "sd")
    first = read.day("start", start)
    told = model.history(session, question)
    i = told.names.index(name)
    quote = told.quotes[i]
    reference = units.reference_sd(session.catalogue, name, question.window)
    units.unit_factor(shown_in, quote, 1.0, name)
    label = units.unit_name(shown_in, quote)
    at = 0 if first is None else int(np.searchsorted(told.dates, first))
    if at >= told.dates.size:
        raise NoDataError(f"No window ends on or after start {first}; the last ends {told.dates[-1]}.")
    table: Table = [
        [
            "date",
            "beta",
            "lower",
            "upper",
            "beta_fixed",
            "lower_fixed",
            "upper_fixed",
            "factor_sd",
            "unit",
            "errors",
            "flag",
        ]
    ]
    errors = "Newey-West" if question.method.name in ("ols", "univariate") else "Newey-West, delta method"
    days = told.dates[at:].tolist()
    for day, beta, half, sd, alone in zip(
        days,
        told.params[at:, i].tolist(),
        (told.half_width[at:] * told.bse[at:, i]).tolist(),
        told.factor_sd[at:, i].tolist(),
        told.alone[at:].tolist(),
        strict=True,
    ):
        ends = (beta, beta - half, beta + half)
        usable = sd > 0 and np.isfinite(beta)
        scale = units.unit_factor(shown_in, quote, sd, name) if usable else 1.0
        fixed = reference / sd if reference is not None and usable else None
        table.append(
            [
                day,
                *(_number(v * scale) for v in ends),
                *(None if fixed is None else _number(v * fixed) for v in ends),
                sd,
                label,
                errors,
                model.flag_of(alone, usable),
            ]
        )
    return table


def RUSSELL_FIT(
    stat: str | None = None,
    target: str | None = None,
    window: float | str | None = None,
    as_of: dt.date | str | float | None = None,
    method: str | None = None,
    spec: str | None = None,
) -> float | dt.date | Table:
    """Quality of the factor regression: R² (a share from 0 to 1: in sample, adjusted, out of sample), number of observations, first and last date, condition number of the factors; stat "all" gives the table.

    Parameters
    ----------
    stat : str, optional
        rsquared (default), rsquared_adj, rsquared_oos, nobs, first_date, last_date, condition_number, components, explained, draws, block, seed or all.
    target : str, optional
        "russell" (default), "sp500", "relative", "hedged", or a stored daily price.
    window : number or str, optional
        250 (days, default), or text: "104w" weeks, "60m" months.
    as_of : date, optional
        Nothing later is used.
    method : str, optional
        "ols" (default), "univariate", "pcr", "pls", or with components: "pcr:3".
    spec : str, optional
        "macro" (default), "macro_market", "full", or one factor swapped.

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
    session = current_session()
    session.follow()
    asked, whole = read.stat(stat, FitStat, _RSQUARED)
    question = question_of(session, target, window, as_of, method, spec)
    fitted = model.fit(session, question)
    fit = fitted.fit
    joint = question.method.name != "univariate"
    drawn = fit.draws > 0
    values: dict[FitStat, Scalar] = {
        "rsquared": float(fit.rsquared_each[0]) if joint else None,
        "rsquared_adj": float(fit.rsquared_adj_each[0]) if joint else None,
        "nobs": fit.nobs,
        "first_date": _date(fitted.first_date),
        "last_date": _date(fitted.last_date),
        "condition_number": fit.condition_number,
        "components": fit.components,
        "explained": _number(fit.explained),
        "draws": fit.draws if drawn else None,
        "block": fit.block if drawn else None,
        "seed": fit.seed if drawn else None,
    }
    if whole:
        try:
            values["rsquared_oos"] = model.out_of_sample_rsquared(session, question)
        except XlSmallcapError:
            values["rsquared_oos"] = None
        return [["stat", "value"], *([s, values[s]] for s in _FIT_STATS)]
    if asked == "rsquared_oos":
        return model.out_of_sample_rsquared(session, question)
    value = values[asked]
    if value is None and asked.startswith("rsquared"):
        model.refuse_univariate()
    if value is None and asked == "explained":
        raise BadArgumentError("Method 'univariate' is one regression a factor: it has no components.")
    if value is None:
        raise NoDataError(
            f"Method '{question.method}' has no '{asked}': its errors are {model.errors_of(question, fit)}."
        )
    assert isinstance(value, (int, float, dt.date))
    return value
