"""What drove the return of a period, and how sure is that?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.question import Question, aligned, check_window, leg_columns_of
from xl_smallcap.data.panel import Panel, period_ends
from xl_smallcap.errors import BadArgumentError, NoDataError
from xl_smallcap.models.attribution import Attribution, attribute
from xl_smallcap.session import Session
from xl_smallcap.types import DAY


@dataclass(frozen=True)
class Attributed:
    """An attribution with its names and dates.

    `names` and `quotes` are of the regressors; `first_date` is the close the return is measured from.
    """

    result: Attribution
    names: tuple[str, ...]
    quotes: tuple[str, ...]
    first_date: np.datetime64
    last_date: np.datetime64
    nobs: int
    used: dict[str, str]


def _first_change(session: Session, question: Question, panel: Panel, start: np.datetime64 | None) -> int:
    """Position of the first change attributed, after checking that its window and the period are whole."""
    n = question.window.count
    last = panel.dates[-1]
    after = start if start is not None else np.datetime64(f"{last.astype('datetime64[Y]')}-01-01", "D") - DAY
    first = int(np.searchsorted(panel.dates, after, side="right"))
    if first >= panel.dates.size:
        until = question.as_of if question.as_of is not None else last
        advice = "give a start before finish" if after >= until else "widen the period"
        raise BadArgumentError(
            f"Nothing to attribute: no {question.window.frequency} change ends after start {after} and by finish "
            f"{until}; {advice}."
        )
    if first < n:
        raise NoDataError(
            f"The window {question.window} before start {after} needs {n} {question.window.frequency} changes; there "
            f"are {first} (since {panel.starts[0]}). The earliest start is {panel.dates[n - 1]}."
        )
    if ((panel.gaps > first - n) & (panel.gaps < panel.dates.size)).any():
        gap = int(panel.gaps[(panel.gaps > first - n) & (panel.gaps < panel.dates.size)][-1])
        raise NoDataError(
            f"The period or the window before it reaches across a gap: not every series was observed between "
            f"{panel.dates[gap - 1]} and {panel.starts[gap]}."
        )
    # From the last level on or before start to the last level of all there must be no change left out.
    levels = panel.level_dates[period_ends(panel.level_dates, question.window.frequency)]
    base = levels[max(0, int(np.searchsorted(levels, after, side="right")) - 1)]
    ends = np.concatenate([[base], panel.dates[first:]])
    begins = np.concatenate([panel.starts[first:], [levels[-1]]])
    broken = np.flatnonzero(ends != begins)
    if broken.size:
        position = int(broken[0])
        raise NoDataError(
            f"The change from {ends[position]} to {begins[position]} is missing (some series was not observed), so "
            "contributions cannot add up over it; attribute the time before and after apart."
        )
    return first


def attribution(session: Session, question: Question, start: np.datetime64 | None) -> Attributed:
    """Attribute the target's return from the close of `start` to the question's date."""
    if question.method.name == "univariate":
        raise BadArgumentError(
            "Betas of method 'univariate' contain each other's effects, so their contributions count the same move "
            "more than once and do not add up; use 'ols', 'pcr' or 'pls'."
        )
    panel = aligned(session, question, leg_columns_of(session.catalogue, question))
    check_window(session, question, panel)
    first = _first_change(session, question, panel, start)
    weights = np.array([w for _, w in question.target.legs])
    k = weights.size
    names = panel.names[k:]

    def compute() -> Attribution:
        legs, X = panel.changes[:, :k], panel.changes[:, k:]
        n, confidence = question.window.count, session.settings.confidence
        return attribute(legs, weights, X, names, panel.dates, n, first, question.estimator, confidence)

    key = (
        "attribution", panel.digest, repr(weights.tolist()), str(question.window), repr(question.estimator), str(first),
        repr(session.settings.confidence),
    )  # fmt: skip
    return Attributed(
        result=session.get_or_compute(key, compute, Attribution),
        names=names,
        quotes=panel.quotes[k:],
        first_date=panel.starts[first],
        last_date=panel.dates[-1],
        nobs=panel.dates.size - first,
        used=panel.used,
    )
