"""Worksheet functions of scenarios: a path's projection, all paths side by side, the fan, and how good they were."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.analyses.question import CHANGE_UNIT, Question
from xl_smallcap.analyses.scenarios import evidence
from xl_smallcap.analyses.scenarios.projection import (
    REGIME_STATES,
    Projected,
    ScenarioQuestion,
    outperformance,
    pooled_history,
    project_path,
)
from xl_smallcap.data.catalogue import Spec, Target
from xl_smallcap.data.scenarios import LEVELS_ASSUMED
from xl_smallcap.errors import BadArgumentError, NoDataError, XlSmallcapError, unknown_word
from xl_smallcap.functions import arguments as read
from xl_smallcap.functions.arguments import date, number, row_of, table_of
from xl_smallcap.functions.parameters import AS_OF, MONTHS, PATH, PROJECTION_METHOD, RELATIVE, SPEC
from xl_smallcap.functions.shocks import projection_question, scenario_question
from xl_smallcap.functions.table import Parameter, worksheet_function
from xl_smallcap.models.projection import MOST_SHAPLEY, WEEKS_A_MONTH, MixtureOutcome, StudentOutcome, shapley
from xl_smallcap.session import Session
from xl_smallcap.types import Day, Scalar, ScenarioMethod, ScenarioStat, Table

CONDITIONAL = "conditional on the path"
_PERCENTILES: dict[str, float] = {"median": 0.5, "p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
_SCORED = (1, 3, 6, 12)


_STAT_WORDS = (
    "mean (default), median, sd, p5 to p95, prob_positive, prob_outperform, base_rate, contribution:growth, shapley:growth, share_path, "
    "plausibility, worst_analogue, effective_scenarios, frequency_conflict, warning, path, all."
)


def _word(_: Session, value: Any) -> str:
    return "mean" if read.is_blank(value) else read.word("stat", value, "mean").lower()


_STAT = Parameter("stat", _STAT_WORDS, _word, words=(*get_args(ScenarioStat), "all"))
"""A word of the list, or "contribution:", "expected:" or "shapley:" and a factor."""
_SHOCKS = Parameter(
    "shocks",
    'Rows of factor, shock over the horizon, unit ("bp", "pct", "pt" or "sd"); a fourth column month gives the path a '
    "shape. A cell of -10% beside pct is -10 (LibreOffice: write -10).",
    lambda _, value: value,
    kind="range",
    optional=False,
    is_shocks=True,
)


@dataclass(eq=False, repr=False)
class _Card:
    """How good one kind of projection was."""

    forecast: Scalar
    knowing: Scalar
    measure: Scalar
    n: Scalar
    forecast_mean: Scalar
    happened: Scalar
    brier: Scalar
    auc: Scalar
    coverage50: Scalar
    coverage90: Scalar
    tstat: Scalar
    target: Scalar
    horizon_months: Scalar
    source: Scalar


class _Stats:
    """Everything a cell may ask of one projection, each found when asked."""

    def __init__(self, session: Session, wanted: ScenarioQuestion) -> None:
        self.session, self.asked = session, wanted
        self.found: Projected = project_path(session, wanted)

    def _against(self) -> Question:
        return outperformance(self.session, self.asked.question)

    def conflicts(self) -> tuple[str, ...]:
        return evidence.frequency_conflict(self.session, self.found.fitted, self.asked.question)

    def _outperforming(self) -> float:
        against = self._against()
        if against == self.asked.question:  # relative and hedged are outperformance already
            return self.found.outcome.above_zero()
        return project_path(self.session, replace(self.asked, question=against)).outcome.above_zero()

    def parts(self) -> list[tuple[str, float, str]]:
        """Contributions and expected changes, a factor each; contributions and rest add up to the mean."""
        projected = self.found
        rows = [
            (f"contribution:{n}", float(c), "%")
            for n, c in zip(projected.fitted.names, projected.contributions, strict=True)
        ]
        rows.append(("contribution:rest", projected.rest, "%"))
        quotes = projected.fitted.panel.quotes[1:]
        if projected.asked.method in ("analytic", "simulation", "bootstrap"):
            for n, q, f in zip(projected.fitted.names, quotes, projected.analytic.expected[-1], strict=True):
                rows.append((f"expected:{n}", float(f), CHANGE_UNIT[q]))
        return rows

    def worths(self) -> list[tuple[str, float, str]]:
        """What telling each factor the path names is worth; together the mean less that of no path."""
        projected, asked = self.found, self.asked
        if asked.method in ("pooling", "regimes"):
            raise NoDataError(f"Shapley values are of the weekly model; method '{asked.method}' has none.")
        named, count = projected.path.named, int(projected.path.named.sum())
        if count > MOST_SHAPLEY:
            raise BadArgumentError(
                f"Shapley values take at most {MOST_SHAPLEY} factors; the path names {count}. Name fewer."
            )
        names = projected.fitted.names
        worth = shapley(
            projected.fitted.model, named, projected.path.total(asked.months),
            WEEKS_A_MONTH * projected.path.given_months(asked.months), names, bool(self.session.settings.scenario_means),
        )  # fmt: skip
        return [(f"shapley:{names[i]}", float(w), "%") for i, w in zip(np.flatnonzero(named), worth, strict=True)]

    def stat(self, stat: ScenarioStat) -> Scalar:
        projected, session, wanted = self.found, self.session, self.asked
        panel, window = projected.fitted.panel, wanted.question.window.count
        if stat in _PERCENTILES:
            return projected.outcome.quantile(_PERCENTILES[stat])
        if stat.startswith("share_"):
            if projected.shares is None:
                raise NoDataError("Method 'pooling' reweights history and has no shares of variance; use 'analytic'.")
            return projected.shares[("share_path", "share_beta", "share_residual").index(stat)]
        if stat in ("draws", "seed"):
            if wanted.method not in ("simulation", "bootstrap"):
                raise NoDataError(f"Method '{wanted.method}' draws nothing, so it has no '{stat}'.")
            return session.settings.scenario_draws if stat == "draws" else session.settings.seed
        if stat in ("base_rate", "base_rate_se", "base_rate_nobs"):
            rate = evidence.base_rate(session, self._against(), wanted.months)
            return {"base_rate": rate.share, "base_rate_se": rate.se, "base_rate_nobs": rate.nobs}[stat]
        if stat in ("worst_analogue", "worst_analogue_return"):
            worst = evidence.worst_analogue(projected)
            return f"{worst.start} to {worst.end}" if stat == "worst_analogue" else worst.target_return
        lazily: dict[str, Callable[[], Scalar]] = {
            "mean": lambda: projected.outcome.mean,
            "sd": lambda: projected.outcome.sd,
            "prob_positive": projected.outcome.above_zero,
            "prob_outperform": self._outperforming,
            "base_rate_positive": lambda: evidence.base_rate(session, wanted.question, wanted.months).share,
            "plausibility": lambda: evidence.plausibility(projected.fitted, projected.path, wanted.months),
            "distance": lambda: evidence.distance(projected.fitted, projected.path, wanted.months),
            "effective_scenarios": lambda: (
                projected.effective
                if projected.effective is not None
                else pooled_history(projected.fitted, projected.path, wanted.months)[0].effective
            ),
            "frequency_conflict": lambda: ", ".join(self.conflicts()) or "none",
            "warning": lambda: evidence.warning(projected, self.conflicts()),
            "path": lambda: wanted.scenario.said(wanted.months),
            "nobs": lambda: window,
            "first_date": lambda: date(panel.starts[-window]),
            "last_date": lambda: date(panel.dates[-1]),
        }
        return lazily[stat]()


_UNITS: dict[str, str] = {
    **dict.fromkeys(("mean", "median", "sd", "p5", "p25", "p50", "p75", "p95", "worst_analogue_return"), "%, log"),
    **dict.fromkeys(("prob_positive", "prob_outperform"), f"probability, {CONDITIONAL}"),
    **dict.fromkeys(("base_rate", "base_rate_se", "base_rate_positive"), "share of history, no path known"),
    **dict.fromkeys(("share_path", "share_beta", "share_residual"), "share of variance"),
    "plausibility": "p-value",
    "distance": "standard deviations",
}


def _answer(session: Session, wanted: ScenarioQuestion, word: str) -> float | str | dt.date | Table:
    figures = _Stats(session, wanted)
    if word == "all":
        return _everything(session, figures)
    if ":" in word:
        kind, _, factor = (part.strip() for part in word.partition(":"))
        found = figures.worths() if kind == "shapley" else figures.parts()
        rows = {name: value for name, value, _ in found}
        if kind in ("contribution", "expected", "shapley") and factor not in ("rest", "market"):
            factor = session.catalogue.factor(factor).id
        if f"{kind}:{factor}" not in rows:
            raise BadArgumentError(unknown_word("stat", word, rows))
        return rows[f"{kind}:{factor}"]
    chosen: ScenarioStat = read.choice("stat", word, ScenarioStat, "mean", also=("contribution:growth", "all"))
    value = figures.stat(chosen)
    assert isinstance(value, (int, float, str, dt.date))
    return value


def _everything(session: Session, figures: _Stats) -> Table:
    wanted = figures.asked
    table: Table = [["stat", "value", "unit", "note"]]
    for name in get_args(ScenarioStat)[:-1]:
        try:
            table.append([name, figures.stat(name), _UNITS.get(name), None])
        except XlSmallcapError as exc:
            table.append([name, None, _UNITS.get(name), str(exc)])
    table += [[name, value, unit, None] for name, value, unit in figures.parts()]
    path = wanted.scenario
    said = path.source if path.dated is None else f"{path.source}; {path.direction} {LEVELS_ASSUMED[0].upper()}"
    said += "" if path.dated is None else f"{LEVELS_ASSUMED[1:]}."
    rows: list[tuple[str, Scalar]] = [
        ("scenario", path.id),
        ("target", wanted.question.target.id),
        ("horizon_months", wanted.months),
        ("method", wanted.method),
        ("path_from", said),
        ("source", source_label(session)),
        ("path", figures.stat("path")),
    ]
    if wanted.method == "regimes":
        rows.append(("regime_model", REGIME_STATES))
    table += [[name, value, None, None] for name, value in rows]
    with contextlib.suppress(XlSmallcapError):  # asked for alone it says why
        table += [[name, value, unit, "worth of telling it"] for name, value, unit in figures.worths()]
    return table


@worksheet_function(PATH, RELATIVE, _STAT, MONTHS, AS_OF, PROJECTION_METHOD, SPEC)
def RUSSELL_SCENARIO(
    session: Session,
    scenario: Any,
    target: Target,
    stat: str,
    horizon: int | None,
    as_of: Day,
    method: ScenarioMethod,
    spec: Spec,
) -> float | str | dt.date | Table:
    """Projection of a named path of factors: mean log return in % over the horizon, its range, the odds conditional on the path, base rate, contributions, plausibility; stat "all" gives the table.

    Returns
    -------
    float, str, datetime.date or list of list
        The levels of a path are the user's assumption, not a forecast by the firm named.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    wanted = scenario_question(session, scenario, horizon, projection_question(target, as_of, spec), method)
    return _answer(session, wanted, stat)


@worksheet_function(
    _SHOCKS, RELATIVE, _STAT, MONTHS.but(help="Months, 1 to 12. Default: 3."), AS_OF, PROJECTION_METHOD, SPEC
)
def RUSSELL_PROJECTION(
    session: Session,
    shocks: Any,
    target: Target,
    stat: str,
    horizon: int | None,
    as_of: Day,
    method: ScenarioMethod,
    spec: Spec,
) -> float | str | dt.date | Table:
    """Projection of your own shocks, a range of factor, shock, unit: mean log return in % over the horizon, its range, the odds conditional on the path, contributions, plausibility; stat "all" gives the table.

    Returns
    -------
    float, str, datetime.date or list of list
        As RUSSELL_SCENARIO.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    if not isinstance(shocks, (list, tuple)):
        said = "is missing" if read.is_blank(shocks) else f"is {read.shown(shocks)}"
        raise BadArgumentError(
            f"The argument 'shocks' {said}; give a range of rows factor, shock, unit. A named path goes to RUSSELL_SCENARIO."
        )
    wanted = scenario_question(session, shocks, horizon, projection_question(target, as_of, spec), method)
    return _answer(session, wanted, stat)


def _weights(session: Session, value: Any) -> dict[str, float]:
    """Read rows of path and weight, which add up to one; of nothing, no weights."""
    if not isinstance(value, (list, tuple)):
        if read.is_blank(value):
            return {}
        raise BadArgumentError(
            f"The argument 'weights' is {read.shown(value)}; give a range of two columns, path and weight."
        )
    out: dict[str, float] = {}
    for i, row in enumerate(read.rows_of(value), 1):
        if all(read.is_blank(v) for v in row) or (len(row) > 1 and not read.is_blank(row[0]) and read.is_blank(row[1])):
            continue  # a path without a weight is not in the mixture
        if i == 1 and len(row) > 1 and str(row[1]).strip().lower() in ("weight", "weights"):
            continue
        if len(row) != 2 or read.is_blank(row[0]):
            raise BadArgumentError(f"Row {i} of the weights must be a path and a weight; got {len(row)} cells.")
        path = session.scenarios.find(read.word("weights", row[0])).id
        try:
            weight = float(row[1]) if not isinstance(row[1], bool) else float("nan")
        except (TypeError, ValueError):
            weight = float("nan")
        if not 0.0 <= weight <= 1.0:
            raise BadArgumentError(
                f"Row {i} of the weights: the weight of '{path}' must lie between 0 and 1; got {read.shown(row[1])}."
            )
        if path in out:
            raise BadArgumentError(f"Row {i} of the weights: '{path}' is given twice; give each path one weight.")
        out[path] = weight
    if not out:
        return {}
    total = sum(out.values())
    if abs(total - 1.0) > 1e-6:
        raise BadArgumentError(
            f"The weights add up to {total:g}, not to 1 ({', '.join(f'{n} {w:g}' for n, w in out.items())}). They are "
            "yours to set; the tool does not scale them."
        )
    return out


_WEIGHTS = Parameter(
    "weights",
    "Rows of path and weight (they add up to 1; the weights are yours; a path without one is left out): the last row is then the mixture of these paths.",
    _weights,
    kind="range",
    is_weights=True,
)


@worksheet_function(RELATIVE, MONTHS.but(help="Months, 1 to 12. Default: the length of each path."), AS_OF, _WEIGHTS)
def RUSSELL_SCENARIOS(
    session: Session, target: Target, horizon: int | None, as_of: Day, weights: dict[str, float]
) -> Table:
    """Table of every path of the library side by side: mean, range and sd of the log return in % over the horizon, odds conditional on each path beside the base rate, plausibility, warnings; with weights of your own also their mixture.

    Returns
    -------
    list of list
        A row a path; a path that cannot be projected has #N/A and its reason in the column warning. With `weights` a last
        row "blend": the mixture of the paths' distributions, its odds conditional on the weights as well.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    header: list[Scalar] = ["scenario", "horizon_months", *_SHOWN, *(f"{s}, {CONDITIONAL}" for s in _ODDS), *_BESIDE]
    head: list[Scalar] = [*header, "warning", "label", "dated", "levels", "path_from", "target", "unit", "source"]
    table: Table = [[*head, "weight"]]
    question = projection_question(target, as_of, SPEC.read(session, None))
    source = source_label(session)
    for path in session.scenarios.paths.values():
        wanted = scenario_question(session, path.id, horizon, question)
        values: list[Scalar] = []
        try:
            figures = _Stats(session, wanted)
            for name in (*_SHOWN, *_ODDS, *_BESIDE):
                try:
                    values.append(figures.stat(name))
                except XlSmallcapError:
                    values.append(None)
            said = str(figures.stat("warning"))
        except XlSmallcapError as exc:
            values = [*values, *[None] * (len(header) - 2 - len(values))]
            said = str(exc)
        told_of: list[Scalar] = [said, path.label, path.dated, LEVELS_ASSUMED, path.source]
        weight = weights.get(path.id, 0.0) if weights else None
        table.append([path.id, wanted.months, *values, *told_of, target.id, "%, log", source, weight])
    if weights:
        table.append(_blend(session, question, weights, horizon))
    return table


_SHOWN: tuple[ScenarioStat, ...] = ("mean", "sd", "p5", "p25", "p50", "p75", "p95")
_ODDS: tuple[ScenarioStat, ...] = ("prob_positive", "prob_outperform")
_BESIDE: tuple[ScenarioStat, ...] = ("base_rate", "base_rate_se", "plausibility", "share_beta")


def _blend(session: Session, question: Question, weights: dict[str, float], horizon: int | None) -> list[Scalar]:
    """Mix the weighted paths' distributions: the last row of the table."""
    asked = [scenario_question(session, name, horizon, question) for name, w in weights.items() if w > 0.0]
    w = np.array([w for w in weights.values() if w > 0.0])
    lengths = {one.months for one in asked}
    if len(lengths) > 1:
        raise BadArgumentError(
            f"The weighted paths are {' and '.join(map(str, sorted(lengths)))} months long; give a horizon, so that they "
            "can be mixed."
        )
    months = lengths.pop()
    mixed = []
    for one in (question, _against_market(session, question)):
        parts = []
        if one is not None:
            for path in asked:
                outcome = project_path(session, replace(path, question=one)).outcome
                assert isinstance(outcome, StudentOutcome)
                parts.append(outcome)
        mixed.append(MixtureOutcome(w / w.sum(), tuple(parts)) if parts else None)
    own, against = mixed
    assert own is not None
    numbers: list[Scalar] = [own.mean, own.sd, *(own.quantile(_PERCENTILES[n]) for n in _SHOWN[2:])]
    numbers += [own.above_zero(), against.above_zero() if against is not None else None]
    rate: list[Scalar] = [None, None]
    if against is not None:
        with contextlib.suppress(XlSmallcapError):
            found = evidence.base_rate(session, _against_market(session, question) or question, months)
            rate = [found.share, found.se]
    named = ", ".join(f"{w:g} {n}" for n, w in weights.items() if w > 0.0)
    words: list[Scalar] = [
        "the weights are yours, and the odds are conditional on them", f"Blend: {named}", None, LEVELS_ASSUMED, "the sheet",
    ]  # fmt: skip
    return [
        "blend",
        months,
        *numbers,
        *rate,
        None,
        None,
        *words,
        question.target.id,
        "%, log",
        source_label(session),
        1.0,
    ]


def _against_market(session: Session, question: Question) -> Question | None:
    """Return the question of the target less the S&P 500; the S&P has none."""
    try:
        return outperformance(session, question)
    except BadArgumentError:
        return None


@worksheet_function(PATH, RELATIVE, MONTHS, AS_OF, PROJECTION_METHOD, SPEC)
def RUSSELL_FAN(
    session: Session, scenario: Any, target: Target, horizon: int | None, as_of: Day, method: ScenarioMethod, spec: Spec
) -> Table:
    """Table of a path's fan, a row a month: mean and percentiles 5, 25, 50, 75, 95 of the cumulated log return in %, with how often such a 90 % range held in the past.

    Returns
    -------
    list of list
        `coverage90` is the share of past months whose return the analytic 90 % range held, with the factors that came known
        beforehand: for months 1, 3, 6 and 12, #N/A for others.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    wanted = scenario_question(session, scenario, horizon, projection_question(target, as_of, spec), method)
    projected = project_path(session, wanted, whole_fan=True)
    names = ("p5", "p25", "p50", "p75", "p95")
    head: list[Scalar] = ["months", "mean", *names, f"prob_positive, {CONDITIONAL}", "coverage90", "unit", "source"]
    table: Table = [head]
    for month, outcome in enumerate(projected.fan, 1):
        held = evidence.coverage(session, wanted.question, month) if month in _SCORED else None
        values = [outcome.quantile(_PERCENTILES[n]) for n in names]
        table.append(
            [month, outcome.mean, *values, outcome.above_zero(), held, "%, log, cumulated", source_label(session)]
        )
    return table


@worksheet_function(RELATIVE, MONTHS.but(help="Months, 1 to 12. Default: 1."), AS_OF, SPEC)
def RUSSELL_SCENARIO_SCORE(session: Session, target: Target, horizon: int | None, as_of: Day, spec: Spec) -> Table:
    """Report card of projections: each past month projected knowing every factor to come, the thesis's three, or none; Brier score (0 to 1, lower is better), AUC, coverage of ranges, beside base rate, naive normal and 0.5.

    Returns
    -------
    list of list
        A row a forecaster, then bands of forecasts with the share that came true. Odds of "path" and "thesis" are conditional
        on what came: they say whether betas hold, not that anyone could know. tstat compares with the base rate.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    question, months = projection_question(target, as_of, spec), horizon or 1
    names = ("mean", "happened", "brier", "auc", "coverage50", "coverage90", "gain_tstat")
    labels = {"path": "every factor to come", "thesis": "growth, inflation, easing to come", "none": "nothing"}
    rows = []
    for card in evidence.report_card(session, question, months):
        values = [number(getattr(card, n)) for n in names]
        foresight = labels.get(card.forecast, "the past")
        tail = (target.id, months, source_label(session))
        rows.append(row_of(_Card, card.forecast, foresight, card.measure, card.n, *values, *tail))
    return table_of(_Card, rows)
