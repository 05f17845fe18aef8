"""Betas on factor levels in cells: what the beta family answers with model "levels", and percentiles of both models."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses import levels as model
from xl_smallcap.analyses.levels import FittedLevels, Standing, standing
from xl_smallcap.analyses.provenance import source_label, source_of
from xl_smallcap.analyses.question import CHANGE_UNIT, MARKET, Question, unit_factor, unit_name
from xl_smallcap.errors import BadArgumentError, NoDataError, XlSmallcapError
from xl_smallcap.functions.arguments import date, names_of, number, row_of, stats_of, table_of
from xl_smallcap.session import Session
from xl_smallcap.types import OLS, BetaModel, BetaUnit, Day, Method, Scalar, Table

OF_LEVELS = (
    "noise_share", "noise_share_long", "noise_lower", "noise_upper", "beyond_noise", "changes_equivalent",
    "beyond_changes",
)  # fmt: skip
"""Stats that only model "levels" has."""
OF_STANDING = ("percentile", "percentile_native", "percentile_nobs")
"""Stats of both models: where today's beta stands among earlier month ends."""
OF_PLACEBO = ("placebo_share", "placebo_tstat")
"""Stats of a growth proxy made of sectors: what other splits of the same sectors would show."""
_IN_BOTH = ("beta", "rsquared", "nobs", "first_date", "last_date")


@dataclass(eq=False, repr=False)
class _LevelsBeta:
    """Every stat of one factor on levels."""

    beta: Scalar
    noise_share: Scalar
    noise_share_long: Scalar
    noise_lower: Scalar
    noise_upper: Scalar
    beyond_noise: Scalar
    changes_equivalent: Scalar
    beyond_changes: Scalar
    rsquared: Scalar
    nobs: Scalar
    first_date: Scalar
    last_date: Scalar
    unit: Scalar
    level_sd: Scalar
    factor_unit: Scalar
    method: Scalar
    errors: Scalar

    @classmethod
    def of(cls, session: Session, fitted: FittedLevels, name: str, unit: BetaUnit) -> _LevelsBeta:
        """Take a factor's numbers from a fit."""
        i, fit = fitted.position(name), fitted.fit
        scale = unit_factor(unit, fitted.quotes[i], float(fit.level_sd[i]), name)
        return cls(
            beta=number(fit.params[i] * scale),
            noise_share=number(fit.noise_share[i]),
            noise_share_long=number(fit.noise_share_long[i]),
            noise_lower=number(fit.noise_lower[i] * scale),
            noise_upper=number(fit.noise_upper[i] * scale),
            beyond_noise=bool(fit.beyond_noise[i]),
            changes_equivalent=number(fit.changes_equivalent[i] * scale),
            beyond_changes=number(fit.beyond_changes[i]),
            rsquared=number(fit.rsquared),
            nobs=fit.nobs,
            first_date=date(fitted.first_date),
            last_date=date(fitted.last_date),
            unit=unit_name(unit, fitted.quotes[i]),
            level_sd=float(fit.level_sd[i]),
            factor_unit=CHANGE_UNIT[fitted.quotes[i]],
            method=str(fitted.question.method),
            errors=f"none on levels; {fit.draws} random walks, seed {session.settings.seed}",
        )


def check_stat(stat: str, beta_model: BetaModel) -> None:
    """Refuse a stat the model does not have, with the reason."""
    if stat == "all" or stat in OF_STANDING or stat in _IN_BOTH:
        return
    if beta_model == "changes" and stat in OF_PLACEBO:
        return
    if beta_model == "levels" and stat not in OF_LEVELS:
        raise BadArgumentError(
            f"Model 'levels' has no '{stat}': the residuals of trending prices on trending factors are no noise about a "
            "mean, so standard errors of such a regression mean nothing (Granger and Newbold 1974). Use noise_share: the "
            "share of random walks with a beta as large."
        )
    if beta_model == "changes" and stat in OF_LEVELS:
        raise BadArgumentError(
            f"'{stat}' belongs to model 'levels'; betas of changes have se, tstat, pvalue, lower and upper."
        )


def standing_of(session: Session, question: Question, name: str, beta_model: BetaModel) -> dict[str, Scalar]:
    """Return the percentiles of one factor's beta."""
    place = standing(session, question, beta_model)
    i = place.position(name)
    return {
        "percentile": number(place.percentile[i]),
        "percentile_native": number(place.percentile_native[i]),
        "percentile_nobs": place.nobs,
    }


def placebo_of(session: Session, question: Question, name: str) -> dict[str, Scalar]:
    """Return what other splits of a growth proxy's sectors would show."""
    from xl_smallcap.analyses.news import placebo

    if question.method != OLS:
        raise BadArgumentError(f"A placebo compares t of method 'ols'; there is none by '{question.method}'.")
    other = placebo(session, question, name)
    return {"placebo_share": number(other.share), "placebo_tstat": number(other.tstat)}


def placebo_or_none(session: Session, question: Question, name: str) -> dict[str, Scalar]:
    """Return the placebo for a table; blank for a factor that is no split of sectors."""
    try:
        return placebo_of(session, question, name) if name in session.catalogue.factors else dict.fromkeys(OF_PLACEBO)
    except XlSmallcapError:
        return dict.fromkeys(OF_PLACEBO)


def standing_or_none(session: Session, question: Question, name: str, beta_model: BetaModel) -> dict[str, Scalar]:
    """Return the percentiles for a table; blank where there are too few earlier month ends."""
    try:
        return standing_of(session, question, name, beta_model)
    except NoDataError:
        return dict.fromkeys(OF_STANDING)


def beta_on_levels(
    session: Session, question: Question, name: str, stat: str, unit: BetaUnit
) -> float | dt.date | bool | Table:
    """Answer RUSSELL_BETA with model "levels"."""
    if stat in OF_STANDING:
        value = standing_of(session, question, name, "levels")[stat]
    else:
        cells = stats_of(_LevelsBeta.of(session, model.fit(session, question), name, unit))
        if stat == "all":
            more: list[tuple[str, Scalar]] = [
                *standing_or_none(session, question, name, "levels").items(), ("factor", name),
                ("target", question.target.id), ("window", str(question.window)), ("spec", question.spec.id),
                ("model", "levels"), ("source", source_label(session)),
            ]  # fmt: skip
            return [["stat", "value"], *([n, v] for n, v in [*cells.items(), *more])]
        value = cells[stat]
    assert isinstance(value, (int, float, dt.date))
    return value


def betas_on_levels(session: Session, question: Question, unit: BetaUnit) -> Table:
    """Answer RUSSELL_BETAS with model "levels"."""
    fitted = model.fit(session, question)
    try:
        place: Standing | None = standing(session, question, "levels")
    except NoDataError:
        place = None
    source = source_of(session, fitted.used)
    table: Table = [["factor", *names_of(_LevelsBeta), *OF_STANDING, "role", "spec", "source"]]
    for i, name in enumerate(fitted.names):
        ranks = (
            [None] * 3 if place is None else [float(place.percentile[i]), float(place.percentile_native[i]), place.nobs]
        )
        role = "control" if name == MARKET else "factor"
        cells = stats_of(_LevelsBeta.of(session, fitted, name, unit)).values()
        table.append([name, *cells, *ranks, role, question.spec.id, source])
    return table


@dataclass(eq=False, repr=False)
class _LevelsWindow:
    """One window of a history on levels."""

    date: Scalar
    beta: Scalar
    beta_native: Scalar
    percentile: Scalar
    level_sd: Scalar
    unit: Scalar
    native_unit: Scalar
    flag: Scalar


def history_on_levels(session: Session, question: Question, name: str, unit: BetaUnit, start: Day) -> Table:
    """Answer RUSSELL_BETA_HISTORY with model "levels"."""
    past = model.history(session, question)
    i = past.names.index(name)
    quote = past.quotes[i]
    unit_factor(unit, quote, 1.0, name)
    first = 0 if start is None else int(np.searchsorted(past.dates, start))
    if first >= past.dates.size:
        raise NoDataError(f"No window ends on or after start {start}; the last ends {past.dates[-1]}.")
    ranks = model.expanding_percentiles(past.dates, past.params[:, i], question.window.count)
    rows = list[_LevelsWindow]()
    for k in range(first, past.dates.size):
        beta, sd = float(past.params[k, i]), float(past.level_sd[k, i])
        usable = sd > 0 and np.isfinite(beta)
        scale = unit_factor(unit, quote, sd, name) if usable else 1.0
        native = unit_factor("native", quote, sd, name) if usable else 1.0
        flag = None if usable else "no beta: constant or collinear factors, or a gap"
        rows.append(
            row_of(
                _LevelsWindow, date(past.dates[k]), number(beta * scale), number(beta * native), number(ranks[k]), sd,
                unit_name(unit, quote), unit_name("native", quote), flag,
            )
        )  # fmt: skip
    return table_of(_LevelsWindow, rows)


@dataclass(eq=False, repr=False)
class _LevelsMethod:
    """One method on levels."""

    method: Scalar
    components: Scalar = None
    window: Scalar = None
    beta: Scalar = None
    beta_native: Scalar = None
    native_unit: Scalar = None
    noise_share: Scalar = None
    noise_lower: Scalar = None
    noise_upper: Scalar = None
    beyond_noise: Scalar = None
    changes_equivalent: Scalar = None
    rsquared: Scalar = None
    nobs: Scalar = None
    flag: Scalar = None
    source: Scalar = None


def methods_on_levels(session: Session, question: Question, name: str) -> Table:
    """Answer RUSSELL_METHODS with model "levels": ols, pcr and pls."""
    rows, first = list[_LevelsMethod](), 0.0
    for method in (OLS, Method("pcr"), Method("pls")):
        own = replace(question, method=method)
        try:
            fitted = model.fit(session, own)
        except XlSmallcapError as exc:
            rows.append(_LevelsMethod(str(method), window=str(question.window), flag=str(exc)))
            continue
        i, fit = fitted.position(name), fitted.fit
        native = unit_factor("native", fitted.quotes[i], float(fit.level_sd[i]), name)
        first = first or float(fit.params[i])
        same = "same sign" if fit.params[i] * first > 0 else "sign conflict"
        rows.append(
            _LevelsMethod(
                str(method), fit.components, str(question.window), number(fit.params[i]), number(fit.params[i] * native),
                unit_name("native", fitted.quotes[i]), number(fit.noise_share[i]), number(fit.noise_lower[i]),
                number(fit.noise_upper[i]), bool(fit.beyond_noise[i]), number(fit.changes_equivalent[i]),
                number(fit.rsquared), fit.nobs, "first" if method is OLS else same, source_of(session, fitted.used),
            )
        )  # fmt: skip
    return table_of(_LevelsMethod, rows)
