"""Growth that is not made of sectors: news by signs, and what other splits of the same sectors would have shown."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.fair_value import digest_of
from xl_smallcap.analyses.question import Question, aligned, check_gaps, check_window, columns_of
from xl_smallcap.data.catalogue import Spec, Target
from xl_smallcap.data.panel import Column
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError
from xl_smallcap.models.factor_fit import FactorFit, fit_factors
from xl_smallcap.models.news import FIRST, FRACTIONS, signed_news
from xl_smallcap.session import Session
from xl_smallcap.types import OLS, FloatArray, Window

NAMES = ("growth", "policy")
CLEAR_T = 1.65
_LONGS, _SHORTS = 4, 3
_YIELD = "easing"


@dataclass(frozen=True)
class NewsBetas:
    """Betas to growth and policy news by the median rotation, and their range over all that are admissible."""

    fit: FactorFit  # growth, policy
    lower: FloatArray
    upper: FloatArray
    first_date: np.datetime64
    last_date: np.datetime64
    used: dict[str, str]


def news_betas(session: Session, target: Target, window: Window, as_of: np.datetime64 | None) -> NewsBetas:
    """Regress a target on growth and policy news of its days."""
    if window.frequency != "daily":
        raise BadArgumentError(f"News by signs is daily; use a window of days such as 250, not {window}.")
    catalogue = session.catalogue
    factor = catalogue.factors[_YIELD]
    if target.market or {s for s, _ in target.legs} == {catalogue.market}:
        raise BadArgumentError(
            f"News by signs is made of the S&P 500 and one yield, so with target '{target.id}' nothing is left to tell "
            "the two kinds of news apart. Use 'relative' or 'russell'."
        )
    columns = (
        Column.of("target", "pct", target.legs),
        Column.of("shares", "pct", ((catalogue.market, 1.0),)),
        Column.of(_YIELD, factor.quote, factor.legs),
    )
    spec = Spec(id="news by signs", factors=(_YIELD,))
    panel = aligned(session, Question(replace(target, market=False), spec, window, as_of), columns)
    least = len(NAMES) + session.settings.min_spare_obs
    if window.count < least:
        raise BadArgumentError(f"Window {window} is too short: two kinds of news need at least {least} observations.")
    needed = window.count + FIRST
    if panel.dates.size < needed:
        raise NoDataError(
            f"News by signs in window {window} needs {needed} daily changes, {FIRST} of them to begin with; there are "
            f"{panel.dates.size}."
        )
    y, shares, easing = panel.changes.T
    news = signed_news(np.column_stack([shares, -easing]))[:, -window.count :]
    y = y[-window.count :]

    def fitted(series: FloatArray) -> FactorFit:
        return fit_factors(y, series, NAMES, OLS, session.settings.confidence)

    def compute() -> dict[str, FloatArray]:
        betas = []
        for series in news:
            try:
                betas.append(fitted(series).params[:2])
            except FitError:  # at an end of the admissible angles one of the two may hardly move
                continue
        if not betas:
            raise FitError("Growth and policy news cannot be told apart in this window.")
        return {"lower": np.min(betas, axis=0), "upper": np.max(betas, axis=0)}

    key = ("news betas", digest_of(panel.changes), str(window), str(target.market))
    ends = session.get_or_compute(key, compute, dict)
    middle = news[FRACTIONS.size // 2]
    return NewsBetas(
        fitted(middle), ends["lower"], ends["upper"], panel.starts[-window.count], panel.dates[-1], panel.used
    )


@dataclass(frozen=True)
class Placebo:
    """How other splits of the proxy's sectors would have looked: share with |t| above 1.65, and the median |t|."""

    share: float
    tstat: float
    splits: int


def placebo(session: Session, question: Question, factor: str) -> Placebo:
    """Refit with every other way to split the sectors of a growth proxy, four against three."""
    legs = session.catalogue.factors[factor].legs
    longs, shorts = [s for s, w in legs if w > 0], [s for s, w in legs if w < 0]
    equal = len({w for _, w in legs if w > 0}) == 1 == len({w for _, w in legs if w < 0})
    if (len(longs), len(shorts)) != (_LONGS, _SHORTS) or not equal:
        raise BadArgumentError(
            f"A placebo splits the sectors of a proxy anew, four against three; '{factor}' is not made so."
        )
    sectors = tuple(longs + shorts)
    columns = columns_of(session.catalogue, question)
    wide = (*columns, *(Column.of(f"sector {s}", "pct", ((s, 1.0),)) for s in sectors))
    panel = aligned(session, question, wide)
    check_window(session, question, panel)
    check_gaps(question, panel)
    n, k = question.window.count, len(columns)
    changes = panel.changes[-n:]
    names = panel.names[1:k]
    place = names.index(factor)

    def compute() -> dict[str, FloatArray]:
        tvalues = []
        for chosen in itertools.combinations(range(len(sectors)), _LONGS):
            if set(chosen) == set(range(_LONGS)):
                continue  # the proxy itself
            weights = np.full(len(sectors), -1.0 / _SHORTS)
            weights[list(chosen)] = 1.0 / _LONGS
            X = changes[:, 1:k].copy()
            X[:, place] = changes[:, k:] @ weights
            other = fit_factors(changes[:, 0], X, names, question.estimator, session.settings.confidence)
            tvalues.append(abs(float(other.tvalues[place])))
        return {"tvalues": np.array(tvalues)}

    key = ("placebo", digest_of(changes), factor, str(question.market))
    tvalues = session.get_or_compute(key, compute, dict)["tvalues"]
    return Placebo(float((tvalues > CLEAR_T).mean()), float(np.median(tvalues)), int(tvalues.size))
