"""Worksheet functions of the user's own gauges."""

from __future__ import annotations

import datetime as dt

from xl_smallcap.analyses.gauges import GAUGES, Gauge, gauge
from xl_smallcap.errors import NoDataError, XlSmallcapError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._native import date, number
from xl_smallcap.session import current_session
from xl_smallcap.types import GaugeStat, Scalar, Table


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


def RUSSELL_GAUGE(
    series: str, stat: GaugeStat | None = None, as_of: dt.date | str | float | None = None
) -> float | dt.date:
    """Latest value of a series of your own in its unit (short_interest, pe_all, pe_positive, eps_growth or any stored one), its change, its revision over 13 weeks, percentile or z-score over 3 years, 5 years or all.

    Parameters
    ----------
    series : str
        A stored series; RUSSELL_SOURCE shows its unit and rule, such as which members a P/E counts.
    stat : str, optional
        value (default), change (since the observation before), revision (over 13 weeks), percentile3y, percentile5y, percentile, z3y, z5y, z, nobs, last_date or published.
    as_of : date, optional
        Only what was published by then. Default: the latest.

    Returns
    -------
    float or datetime.date
        The statistic; percentiles need half of the usual observations.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    asked: GaugeStat = read.choice("stat", stat, GaugeStat, "value")
    found = gauge(session, read.word("series", series), read.day("as_of", as_of))
    value = _row(found)[asked]
    if value is None:
        raise NoDataError(
            f"'{asked}' of '{found.series.id}' is not available on {found.last}: it has {found.nobs[0]:.0f} observations "
            f"since {found.first} ({found.nobs[3]:.0f} in 3 years, {found.nobs[5]:.0f} in 5); a percentile or z-score needs "
            "half of those a window usually has and some movement, a revision a value 13 weeks before."
        )
    assert isinstance(value, (float, dt.date))
    return value


def RUSSELL_GAUGES(as_of: dt.date | str | float | None = None) -> Table:
    """Table of your own gauges, one row each: value, unit, change, revision over 13 weeks, percentiles and z-scores over 3 years, 5 years and all, dates, and the rule by which the series is made.

    Parameters
    ----------
    as_of : date, optional
        Only what was published by then. Default: the latest.

    Returns
    -------
    list of list
        A row for short_interest, pe_all, pe_positive and eps_growth as far as they are loaded; the note says why one has no numbers.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    when = read.day("as_of", as_of)
    names = list(GaugeStat.__args__)  # type: ignore[attr-defined]  # a Literal has its words there
    table: Table = [["series", "label", "unit", *names, "rule", "note"]]
    for name in GAUGES:
        entry = session.catalogue.series_of(name)
        head: list[Scalar] = [name.lower(), entry.label, entry.unit]
        try:
            row = _row(gauge(session, name, when))
        except XlSmallcapError as exc:
            table.append([*head, *(None for _ in names), entry.rule, str(exc)])
            continue
        table.append([*head, *(row[n] for n in names), entry.rule, ""])
    return table
