"""Worksheet functions of the factors themselves."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from xl_smallcap.analyses.factors import FactorState, factor_state
from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.analyses.units import CHANGE_UNIT
from xl_smallcap.data.catalogue import Factor
from xl_smallcap.errors import NoDataError, XlSmallcapError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.session import current_session
from xl_smallcap.types import FactorStat, Scalar, Table


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


def RUSSELL_FACTOR(
    factor: str, stat: FactorStat | None = None, as_of: dt.date | str | float | None = None
) -> float | dt.date:
    """Level of a macro factor (percent for rates, signed as the factor is; price or index otherwise), its last change (bp or %), or its z-score over the last 250 observations.

    Parameters
    ----------
    factor : str
        "growth", "inflation", "easing", "dollar", "oil", "credit", "volatility", "real_yield" or another of RUSSELL_FACTORS.
    stat : str, optional
        level (default), change, z or last_date.
    as_of : date, optional
        Nothing later is used. Default: the factor's last date.

    Returns
    -------
    float or datetime.date
        The statistic.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    asked: FactorStat = read.choice("stat", stat, FactorStat, "level")
    entry = session.catalogue.factor(read.word("factor", factor))
    value = _values(factor_state(session, entry, read.day("as_of", as_of)))[asked]
    if value is None:
        raise NoDataError(f"'{asked}' of '{entry.id}' is not available: too few observations by then.")
    assert isinstance(value, (float, dt.date))
    return value


def RUSSELL_FACTORS(as_of: dt.date | str | float | None = None) -> Table:
    """Table of all macro factors: what up means, level, last change, z-score, units, the fixed reference deviation, the series each is built from and its source.

    Parameters
    ----------
    as_of : date, optional
        Nothing later is used. Default: each factor's last date.

    Returns
    -------
    list of list
        A row per factor of the catalogue; a factor without data has #N/A and the reason in the column series.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    when = read.day("as_of", as_of)
    source = source_label(session)
    table: Table = [
        [
            "factor",
            "label",
            "up means",
            "level",
            "change",
            "z",
            "last_date",
            "level_unit",
            "change_unit",
            "reference_sd",
            "series",
            "specs",
            "source",
        ]
    ]
    for entry in session.catalogue.factors.values():
        cells: dict[str, Scalar]
        try:
            state = factor_state(session, entry, when)
            cells, built = _values(state), " ".join(dict.fromkeys(state.used))
        except XlSmallcapError as exc:
            cells, built = dict.fromkeys(("level", "change", "z", "last_date")), str(exc)
        unit = session.catalogue.series_of(entry.legs[0][0]).unit
        table.append(
            [
                entry.id,
                entry.label,
                entry.up,
                *cells.values(),
                _level_unit(entry, unit),
                CHANGE_UNIT[entry.quote],
                entry.reference_sd,
                built,
                " ".join(session.catalogue.specs_with(entry.id)),
                source,
            ]
        )
    return table
