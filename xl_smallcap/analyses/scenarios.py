"""Which path of factors is asked about, and the weekly model it is laid on."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from xl_smallcap.analyses.question import MARKET, Question, aligned, check_gaps, check_window
from xl_smallcap.analyses.units import SPELLED
from xl_smallcap.data.catalogue import Target
from xl_smallcap.data.panel import Panel
from xl_smallcap.data.scenarios import Scenario, Shock
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.models.projection import WEEKS_A_MONTH, FactorModel, fit_factor_model
from xl_smallcap.session import Columns, Session
from xl_smallcap.types import BoolArray, DayArray, FloatArray, ScenarioMethod, Window

LONGEST_HORIZON = 12
WINDOW = Window(104, "weekly")
"""Betas and covariances of a projection: two years of weeks."""


@dataclass(frozen=True)
class ScenarioQuestion:
    """Which path, for which regression, how far and by which method."""

    question: Question
    scenario: Scenario
    months: int
    method: ScenarioMethod = "analytic"

    @property
    def path_months(self) -> int:
        """Months in which the path gives factors."""
        return self.scenario.months or self.months


@dataclass(frozen=True)
class Fitted:
    """The weekly model of a target with its panel."""

    panel: Panel
    model: FactorModel

    @property
    def names(self) -> tuple[str, ...]:
        """Regressors."""
        return self.panel.names[1:]

    def position(self, changes: FloatArray) -> FloatArray:
        """Return of the position: the target, hedged where the model hedges. %."""
        hedge = self.model.beta - self.model.loading
        return np.asarray(changes[:, 0] - changes[:, 1:] @ hedge)


def fit(session: Session, question: Question) -> Fitted:
    """Fit the weekly model of a projection, or return it from the cache."""
    panel = aligned(session, question)
    check_window(session, question, panel)
    check_gaps(question, panel)
    n = question.window.count
    hedged = np.array([question.target.market and name == MARKET for name in panel.names[1:]])

    def compute() -> FactorModel:
        return fit_factor_model(panel.changes[-n:, 0], panel.changes[-n:, 1:], panel.names[1:], hedged)

    def to_columns(model: FactorModel) -> Columns:
        return {f.name: np.asarray(getattr(model, f.name), dtype=np.float64) for f in fields(model)}

    def from_columns(columns: Columns) -> FactorModel:
        values: dict[str, Any] = {k: v if v.ndim else float(v) for k, v in columns.items()}
        return FactorModel(**values)

    key = ("projection", panel.digest, str(question.window), str(question.target.market))
    return Fitted(panel, session.get_or_compute(key, compute, to_columns, from_columns))


@dataclass(frozen=True)
class Path:
    """A scenario in the factors' own units: which are given, and their change in each month."""

    named: BoolArray
    shocks: FloatArray

    def given_months(self, months: int) -> int:
        """Return in how many months of a horizon factors are given. At least 1, also where nothing is given."""
        return min(months, len(self.shocks))

    def total(self, months: int) -> FloatArray:
        """Change of each given factor within a horizon."""
        return np.asarray(self.shocks[:months].sum(axis=0))


def path_of(session: Session, asked: ScenarioQuestion, fitted: Fitted) -> Path:
    """Turn a scenario's shocks into factor changes a month."""
    months, names = asked.path_months, fitted.names
    found: dict[int, FloatArray] = {}
    for shock in asked.scenario.shocks:
        k = _place(session, asked.question, shock, names)
        if k in found:
            raise BadArgumentError(
                f"Scenario '{asked.scenario.id}' gives '{names[k]}' twice (once as '{shock.factor}'); give each "
                "factor one shock, or one a month."
            )
        quote = fitted.panel.quotes[1 + k]
        scale = 1.0
        if shock.unit == "sd":
            scale = float(np.sqrt(fitted.model.covariance[k, k] * WEEKS_A_MONTH * months))
        elif shock.unit != quote:
            raise BadArgumentError(
                f"'{names[k]}' is measured in {SPELLED[quote]}, so its shock needs the unit '{quote}' or 'sd'; got "
                f"'{shock.unit}'."
            )
        shape = shock.by_month if shock.by_month is not None else (shock.total / months,) * months
        found[k] = scale * np.array(shape)
    named = np.isin(np.arange(len(names)), list(found))
    shocks = np.column_stack([found[k] for k in sorted(found)]) if found else np.zeros((months, 0))
    return Path(named, shocks)


def _place(session: Session, question: Question, shock: Shock, names: tuple[str, ...]) -> int:
    word = shock.factor.strip()
    if word.lower() == MARKET and MARKET in names:
        return names.index(MARKET)
    factor = session.catalogue.factor(word).id
    if factor not in names:
        others = session.catalogue.specs_with(factor)
        use = f" Use specification '{others[0]}'." if others else ""
        raise BadArgumentError(f"Factor '{factor}' of the path is not in specification '{question.spec.id}'.{use}")
    return names.index(factor)


def periods(panel: Panel, length: int) -> tuple[FloatArray, DayArray, DayArray]:
    """Return the changes over every so many consecutive periods, and when each begins and ends.

    sums: overlapping; those across a gap are left out.
    """
    n = panel.dates.size - length + 1
    if n < 1:
        return np.zeros((0, panel.changes.shape[1])), panel.starts[:0], panel.dates[:0]
    total = np.concatenate([np.zeros((1, panel.changes.shape[1])), np.cumsum(panel.changes, axis=0)])
    sums, starts, ends = total[length:] - total[:-length], panel.starts[:n], panel.dates[length - 1 :]
    whole = np.ones(n, dtype=bool)
    broken = np.flatnonzero(panel.starts[1:] != panel.dates[:-1]) + 1
    for at in broken:
        whole[max(0, at - length + 1) : at] = False
    return sums[whole], starts[whole], ends[whole]


def weeks_in(months: int) -> int:
    """Whole weeks nearest to so many months."""
    return round(WEEKS_A_MONTH * months)


def stretches(panel: Panel, months: int, given: int) -> tuple[FloatArray, FloatArray, DayArray, DayArray]:
    """Return every past stretch of a horizon's length, and its first months: a path may be shorter than the horizon.

    sums, beginnings: changes over the whole of each stretch, and over its beginning.
    """
    sums, starts, ends = periods(panel, weeks_in(months))
    begun, at_start, _ = periods(panel, weeks_in(given))
    # what is whole has a whole beginning
    return sums, begun[np.searchsorted(at_start, starts)], starts, ends


def outperformance(session: Session, question: Question) -> Question:
    """Return the question of the target less the S&P 500; ``relative`` and ``hedged`` are that already."""
    target, market = question.target, session.catalogue.market
    if target.market or (market, -1.0) in target.legs:
        return question
    if target.legs == ((market, 1.0),):
        raise BadArgumentError(
            f"'{target.id}' is what outperformance is measured against; ask of 'russell', 'relative' or 'hedged'."
        )
    same = [t for t in session.catalogue.targets.values() if t.legs == (*target.legs, (market, -1.0)) and not t.market]
    return replace(
        question,
        target=same[0] if same else Target(f"{target.id} less {market}", target.label, (*target.legs, (market, -1.0))),
    )
