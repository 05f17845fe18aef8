"""Worksheet functions of the user's own gauges."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from xl_smallcap.analyses.gauges import GAUGES, Gauge, gauge
from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.errors import NoDataError, XlSmallcapError
from xl_smallcap.functions._native import date, number, table_of
from xl_smallcap.functions.parameters import PUBLISHED, SERIES, statistic
from xl_smallcap.functions.table import worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import All, Day, GaugeStat, Scalar, Table

_SERIES = "A stored series; RUSSELL_SOURCE shows its unit and rule, such as which members a P/E counts."
_WORDS = (
    "value (default), change (since the observation before), revision (over 13 weeks), percentile3y, percentile5y, "
    "percentile, z3y, z5y, z, nobs, last_date, published or all."
)


@dataclass(eq=False, repr=False)
class _Row:
    """One gauge."""

    series: Scalar
    label: Scalar
    unit: Scalar
    value: Scalar = None
    change: Scalar = None
    revision: Scalar = None
    percentile3y: Scalar = None
    percentile5y: Scalar = None
    percentile: Scalar = None
    z3y: Scalar = None
    z5y: Scalar = None
    z: Scalar = None
    nobs: Scalar = None
    last_date: Scalar = None
    published: Scalar = None
    rule: Scalar = None
    note: Scalar = None


def _row(found: Gauge) -> dict[str, Scalar]:
    return {
        "value": number(found.value),
        "change": number(found.change),
        "revision": number(found.revision),
        "percentile3y": number(found.percentile[3]),
        "percentile5y": number(found.percentile[5]),
        "percentile": number(found.percentile[0]),
        "z3y": number(found.z[3]),
        "z5y": number(found.z[5]),
        "z": number(found.z[0]),
        "nobs": number(found.nobs[0]),
        "last_date": date(found.last),
        "published": date(found.published),
    }


@worksheet_function(SERIES.but(help=_SERIES), statistic(GaugeStat, "value", _WORDS), PUBLISHED)
def RUSSELL_GAUGE(session: Session, series: str, stat: GaugeStat | All, as_of: Day) -> float | dt.date | Table:
    """Latest value of a series of your own in its unit (short_interest, pe_all, pe_positive, eps_growth or any stored one), its change, its revision over 13 weeks, percentile or z-score over 3 years, 5 years or all.

    Returns
    -------
    float, datetime.date or list of list
        The statistic, or the table stat, value; percentiles need half of the usual observations.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    found = gauge(session, series, as_of)
    values = _row(found)
    if stat == "all":
        entry = session.catalogue.series_of(series)
        more: list[list[Scalar]] = [["series", entry.id], ["unit", entry.unit], ["rule", entry.rule]]
        return [["stat", "value"], *([n, v] for n, v in values.items()), *more, ["source", source_label(session)]]
    value = values[stat]
    if value is None:
        raise NoDataError(
            f"'{stat}' of '{found.series.id}' is not available on {found.last}: it has {found.nobs[0]:.0f} observations "
            f"since {found.first} ({found.nobs[3]:.0f} in 3 years, {found.nobs[5]:.0f} in 5); a percentile or z-score needs "
            "half of those a window usually has and some movement, a revision a value 13 weeks before."
        )
    assert isinstance(value, (float, dt.date))
    return value


@worksheet_function(PUBLISHED)
def RUSSELL_GAUGES(session: Session, as_of: Day) -> Table:
    """Table of your own gauges, one row each: value, unit, change, revision over 13 weeks, percentiles and z-scores over 3 years, 5 years and all, dates, and the rule by which the series is made.

    Returns
    -------
    list of list
        A row for short_interest, pe_all, pe_positive and eps_growth as far as they are loaded; the note says why one has no numbers.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    rows = list[_Row]()
    for name in GAUGES:
        entry = session.catalogue.series_of(name)
        cells, note = dict[str, Scalar](), ""
        try:
            cells = _row(gauge(session, name, as_of))
        except XlSmallcapError as exc:
            note = str(exc)
        rows.append(_Row(name.lower(), entry.label, entry.unit, **cells, rule=entry.rule, note=note))
    return table_of(_Row, rows)
