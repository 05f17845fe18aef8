"""A refresh as a user means it: new data, and whatever is too dear for a cell computed from them."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from xl_smallcap.analyses.fair_value import FairValueQuestion, gap_history
from xl_smallcap.analyses.question import Question
from xl_smallcap.analyses.regimes.record import regime_history
from xl_smallcap.data.refresh import RefreshReport, Tell, refresh
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.session import Session
from xl_smallcap.types import RegimeModel, Window

PRECOMPUTED = ("russell", "relative")
"""Targets whose fair value histories get their evidence in a refresh; ``fair-value history`` computes any other."""
PRECOMPUTED_REGIMES: tuple[RegimeModel, ...] = ("pool", "market")
"""Models whose histories a refresh computes: the default with its members, and the market's. Others are on demand."""
_WINDOW, _MONTH = Window(250, "daily"), 21


def refresh_data(
    session: Session,
    tell: Tell,
    *,
    only_sources: Collection[str] = (),
    only_series: Collection[str] = (),
    accept: Collection[str] = (),
    now: np.datetime64 | None = None,
) -> RefreshReport:
    """Fetch into the session's store."""
    return refresh(
        session.store,
        session.catalogue,
        session.settings,
        tell,
        only_sources=only_sources,
        only_series=only_series,
        accept=accept,
        now=now,
    )


def precompute(session: Session, progress: Callable[[str, int, int], None]) -> list[str]:
    """Compute what a cell only looks up: the evidence of fair value histories and the regimes of every month end.

    What was computed for earlier days is found again, so that a daily refresh computes a day. What could not be
    computed, a sentence each.
    """
    catalogue, missed = session.catalogue, []
    for name in PRECOMPUTED:
        if name not in catalogue.targets:
            continue
        question = Question(catalogue.targets[name], catalogue.spec(catalogue.default_spec), _WINDOW, None)

        def step(_: str, done: int, total: int, name: str = name) -> None:
            progress(f"evidence of {name}", done, total)

        try:
            gap_history(session, FairValueQuestion(question, "levels", _MONTH), step)
        except XlSmallcapError as exc:
            missed.append(f"Evidence of '{name}' was not computed: {exc}")
    for model in PRECOMPUTED_REGIMES:

        def month(_: str, done: int, total: int, model: str = model) -> None:
            progress(f"regimes by {model}", done, total)

        try:
            regime_history(session, model, None, month)
        except XlSmallcapError as exc:
            missed.append(f"The regimes of model '{model}' were not computed: {exc}")
    return missed
