"""Worksheet functions of the factors themselves, and the aligned changes behind a fit."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xl_smallcap.analyses.factors import FactorState, factor_state
from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.analyses.question import CHANGE_UNIT, MARKET, aligned, check_gaps, check_window
from xl_smallcap.data.catalogue import Factor
from xl_smallcap.errors import NoDataError, XlSmallcapError
from xl_smallcap.functions.arguments import table_of
from xl_smallcap.functions.parameters import AS_OF, FACTOR, question_of, statistic
from xl_smallcap.functions.table import worksheet_function
from xl_smallcap.session import Session, current_session
from xl_smallcap.types import All, Day, FactorStat, Scalar, Table

_FACTOR = (
    '"growth", "inflation", "easing", "dollar", "oil", "credit", "volatility", "real_yield" or another of '
    "RUSSELL_FACTORS."
)


@dataclass(eq=False, repr=False)
class _FactorRow:
    """One factor of the catalogue."""

    factor: Scalar
    label: Scalar
    up: Scalar = field(metadata={"header": "up means"})
    level: Scalar
    change: Scalar
    z: Scalar
    last_date: Scalar
    level_unit: Scalar
    change_unit: Scalar
    reference_sd: Scalar
    series: Scalar
    specs: Scalar
    source: Scalar


def _values(state: FactorState) -> dict[str, Scalar]:
    last: Any = state.last_date.item()
    return {
        "level": state.level,
        "change": state.change if np.isfinite(state.change) else None,
        "z": state.z if np.isfinite(state.z) else None,
        "last_date": last,
    }


def _level_unit(factor: Factor, unit: str) -> str:
    if factor.quote != "pct":
        return "percent" if factor.quote == "bp" else "points"
    single = len(factor.legs) == 1 and factor.legs[0][1] == 1.0
    return unit if single else "index, 100 at its first date"


@worksheet_function(
    FACTOR.but(help=_FACTOR), statistic(FactorStat, "level", "level (default), change, z, last_date or all."), AS_OF
)
def RUSSELL_FACTOR(session: Session, factor: str, stat: FactorStat | All, as_of: Day) -> float | dt.date | Table:
    """Level of a macro factor (percent for rates, signed as the factor is; price or index otherwise), its last change (bp or %), or its z-score over the last 250 observations.

    Returns
    -------
    float, datetime.date or list of list
        The statistic, or the table stat, value.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    entry = session.catalogue.factor(factor)
    values = _values(factor_state(session, entry, as_of))
    if stat == "all":
        more: list[list[Scalar]] = [["factor", entry.id], ["source", source_label(session)]]
        return [["stat", "value"], *([n, v] for n, v in values.items()), *more]
    value = values[stat]
    if value is None:
        raise NoDataError(f"'{stat}' of '{entry.id}' is not available: too few observations by then.")
    assert isinstance(value, (float, dt.date))
    return value


@worksheet_function(AS_OF)
def RUSSELL_FACTORS(session: Session, as_of: Day) -> Table:
    """Table of all macro factors: what up means, level, last change, z-score, units, the fixed reference deviation, the series each is built from and its source.

    Returns
    -------
    list of list
        A row per factor of the catalogue; a factor without data has #N/A and the reason in the column series.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    source, rows = source_label(session), list[_FactorRow]()
    for entry in session.catalogue.factors.values():
        cells: dict[str, Scalar]
        try:
            state = factor_state(session, entry, as_of)
            cells, built = _values(state), " ".join(dict.fromkeys(state.used))
        except XlSmallcapError as exc:
            cells, built = dict.fromkeys(("level", "change", "z", "last_date")), str(exc)
        unit = session.catalogue.series_of(entry.legs[0][0]).unit
        rows.append(
            _FactorRow(
                factor=entry.id,
                label=entry.label,
                up=entry.up,
                level=cells["level"],
                change=cells["change"],
                z=cells["z"],
                last_date=cells["last_date"],
                level_unit=_level_unit(entry, unit),
                change_unit=CHANGE_UNIT[entry.quote],
                reference_sd=entry.reference_sd,
                series=built,
                specs=" ".join(session.catalogue.specs_with(entry.id)),
                source=source,
            )
        )
    return table_of(_FactorRow, rows)


# -- The aligned changes behind a fit, for ``xl-smallcap panel``.


PanelRow = list[dt.date | float]


def panel_rows(
    target: Any = None, spec: Any = None, window: Any = None, as_of: Any = None, transformed: bool = False
) -> tuple[list[str], list[PanelRow], tuple[str, ...]]:
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
    rows: list[PanelRow] = [[day, *values] for day, values in zip(days, changes[:, order].tolist(), strict=True)]
    return header, rows, panel.notes
