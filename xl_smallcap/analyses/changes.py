"""Which betas moved between two snapshots, and was it the data or the window?

A beta before is that of the earlier snapshot at its own last day, a beta after that of the later one at its own. A
third stands between them: the later snapshot's values, revisions included, in the window that ends on the earlier one's
last day. From the first to the third only the data differ, from the third to the second only the window; they add up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.question import Question, aligned, check_gaps, check_window
from xl_smallcap.data.panel import Panel
from xl_smallcap.errors import BadArgumentError, NoDataError, XlSmallcapError
from xl_smallcap.models.bootstrap import Bootstrap
from xl_smallcap.models.factor_fit import FactorFit, fit_factors
from xl_smallcap.session import Session
from xl_smallcap.types import DayArray, Window

_CLEAR_SHARE = 0.8
"""One part alone is named as the cause where it makes up so much of the two."""
_WINDOW = Window(250, "daily")


@dataclass(frozen=True)
class Moved:
    """One beta, % per +1 standard deviation of its window, before and after; `se` is the standard error before."""

    target: str
    factor: str
    before: float
    after: float
    from_data: float
    from_window: float
    se: float
    before_date: np.datetime64
    after_date: np.datetime64
    why_not: str = ""

    @property
    def cause(self) -> str:
        """data, window, data and window, or nothing."""
        data, window = abs(self.from_data), abs(self.from_window)
        if data + window == 0.0:
            return "nothing"
        share = data / (data + window)
        return "data" if share >= _CLEAR_SHARE else "window" if share <= 1.0 - _CLEAR_SHARE else "data and window"

    @property
    def moved(self) -> bool:
        """Whether the beta moved by more than its standard error."""
        return bool(abs(self.after - self.before) > self.se)


def _cut(panel: Panel, last: np.datetime64) -> Panel:
    """The panel up to a day, its values as they are known now."""
    n, levels = int(np.searchsorted(panel.dates, last, "right")), int(np.searchsorted(panel.level_dates, last, "right"))
    return replace(
        panel,
        dates=panel.dates[:n],
        starts=panel.starts[:n],
        changes=panel.changes[:n],
        level_dates=panel.level_dates[:levels],
        levels=panel.levels[:levels],
        gaps=panel.gaps[panel.gaps < n],
        digest="",
    )


def _fit(session: Session, question: Question, panel: Panel) -> FactorFit:
    check_window(session, question, panel)
    check_gaps(question, panel)
    n = question.window.count
    draws = Bootstrap(session.settings.bootstrap_draws, session.settings.seed)
    y, X = panel.changes[-n:, 0], panel.changes[-n:, 1:]
    return fit_factors(y, X, panel.names[1:], question.estimator, session.settings.confidence, draws)


def changes(before: Session, after: Session) -> Iterator[Moved]:
    """Compare every target's betas of the default specification.

    A factor of a target; a target that one of the snapshots cannot fit is one row that says why.
    """
    catalogue = after.catalogue
    if not catalogue.targets:
        raise NoDataError("The catalogue has no target.")
    for target in catalogue.targets.values():
        question = Question(target, catalogue.spec(catalogue.default_spec), _WINDOW, None)
        try:
            old, new = aligned(before, question), aligned(after, question)
            last = _last(old.level_dates)
            if _last(new.level_dates) < last:
                raise BadArgumentError(
                    f"The later snapshot ends on {_last(new.level_dates)}, before the earlier one ({last}); give them "
                    "the other way round."
                )
            fits = _fit(before, question, old), _fit(after, question, _cut(new, last)), _fit(after, question, new)
        except XlSmallcapError as exc:
            nan, day = float("nan"), np.datetime64("NaT", "D")
            yield Moved(target.id, "", nan, nan, nan, nan, nan, day, day, str(exc))
            continue
        first, middle, final = (f.params for f in fits)
        for k, name in enumerate(new.names[1:]):
            yield Moved(
                target=target.id,
                factor=name,
                before=float(first[k]),
                after=float(final[k]),
                from_data=float(middle[k] - first[k]),
                from_window=float(final[k] - middle[k]),
                se=float(fits[0].bse[k]),
                before_date=last,
                after_date=_last(new.level_dates),
            )


def _last(days: DayArray) -> np.datetime64:
    found: np.datetime64 = days[-1]
    return found
