"""The aligned changes behind a fit, for ``xl-smallcap panel``."""

from __future__ import annotations

import datetime as dt
from typing import Any

from xl_smallcap.analyses.question import MARKET, aligned, check_gaps, check_window
from xl_smallcap.analyses.units import CHANGE_UNIT
from xl_smallcap.functions._question import question_of
from xl_smallcap.session import current_session

Row = list[dt.date | float]


def panel_rows(
    target: Any = None, spec: Any = None, window: Any = None, as_of: Any = None, transformed: bool = False
) -> tuple[list[str], list[Row], tuple[str, ...]]:
    """Return exactly the rows a fit used.

    header: date, target, market where it takes part, factors; with units: % for logs, bp for rates, pt for levels, sd
    where transformed; rows: one an observation, oldest first; notes: fallbacks, dropped levels and gaps.
    """
    session = current_session()
    session.follow()
    question = question_of(session, target, window, as_of, None, spec)
    panel = aligned(session, question)
    n = question.window.count
    check_window(session, question, panel)
    check_gaps(question, panel)
    changes = panel.changes[-n:].copy()
    units = [CHANGE_UNIT[q] for q in panel.quotes]
    if transformed:
        changes[:, 1:] = (changes[:, 1:] - changes[:, 1:].mean(axis=0)) / changes[:, 1:].std(axis=0, ddof=1)
        units = [units[0], *["sd"] * (len(units) - 1)]
    order = list(range(len(panel.names)))
    if panel.names[-1] == MARKET:
        order = [0, order[-1], *order[1:-1]]
    header = ["date", *(f"{panel.names[i]} ({units[i]})" for i in order)]
    days: list[dt.date] = panel.dates[-n:].tolist()
    rows: list[Row] = [[day, *values] for day, values in zip(days, changes[:, order].tolist(), strict=True)]
    return header, rows, panel.notes
