"""Worksheet functions of futures positions and of the user's own gauges."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from xl_smallcap.analyses.positioning import GAUGES, YEARS, Category, Denominator, Gauge, Positions, gauge, positions
from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.errors import NoDataError, XlSmallcapError
from xl_smallcap.functions.arguments import date, number, table_of
from xl_smallcap.functions.parameters import PUBLISHED, SERIES, choice_reader, statistic
from xl_smallcap.functions.table import Parameter, worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import All, Day, GaugeStat, PositionStat, Scalar, Table

_CATEGORY = Parameter(
    "category",
    '"leveraged" (default; includes basis trades), "asset_manager", "dealer" or "other".',
    choice_reader("category", Category, "leveraged"),
)
_DENOMINATOR = Parameter(
    "denominator",
    'What net_pct, its percentiles and z-scores are a share of: "oi" (default, the report\'s open interest) or "oi4w" '
    "(mean of four weeks: open interest jumps when contracts are rolled).",
    choice_reader("denominator", Denominator, "oi"),
)
_WORDS = (
    "net_pct (default), net, contract (which exchange's), change, percentile3y, percentile5y, z3y, z5y, reports3y, "
    "reports5y, last_date, published or all (with what a percentile leaves out)."
)


@dataclass(eq=False, repr=False)
class _Report:
    """One report in a history."""

    date: Scalar
    published: Scalar
    publication: Scalar
    net: Scalar
    net_pct: Scalar
    change: Scalar
    percentile3y: Scalar
    percentile5y: Scalar
    z3y: Scalar
    z5y: Scalar
    reports3y: Scalar
    reports5y: Scalar
    contract: Scalar


def _row(commitments: Positions, i: int) -> dict[str, Scalar]:
    return {
        "net": number(commitments.net[i]),
        "net_pct": number(commitments.net_pct[i]),
        "change": number(commitments.change[i]),
        "percentile3y": number(commitments.percentile[3][i]),
        "percentile5y": number(commitments.percentile[5][i]),
        "z3y": number(commitments.z[3][i]),
        "z5y": number(commitments.z[5][i]),
        "reports3y": number(commitments.reports[3][i]),
        "reports5y": number(commitments.reports[5][i]),
        "last_date": date(commitments.dates[i]),
        "published": date(commitments.published[i]),
        "contract": commitments.contract[i],
    }


def _note(commitments: Positions, stat: str) -> str | None:
    """What a percentile or z-score leaves out: the weeks of its years without a report."""
    years = next((y for y in YEARS if stat in (f"percentile{y}y", f"z{y}y", f"reports{y}y")), None)
    return commitments.silence(years) or None if years is not None else None


@worksheet_function(_CATEGORY, statistic(PositionStat, "net_pct", _WORDS), PUBLISHED, _DENOMINATOR)
def RUSSELL_POSITIONING(
    session: Session, category: Category, stat: PositionStat | All, as_of: Day, denominator: Denominator
) -> float | str | dt.date | Table:
    """Net position in Russell 2000 futures of a category of traders by the latest CFTC report published: contracts, % of open interest, weekly change, percentile or z-score of the % over 3 and 5 years.

    Returns
    -------
    float, str, datetime.date or list of list
        The statistic, or the table stat, value, note; percentiles need reports in at least half of the weeks.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    commitments = positions(session, category, as_of, denominator=denominator, last_only=True)
    row = _row(commitments, -1)
    if stat == "all":
        table: Table = [["stat", "value", "note"], *([n, v, _note(commitments, n)] for n, v in row.items())]
        more: Table = [["category", category, None], ["denominator", denominator, None]]
        return [*table, *more, ["source", source_label(session), None]]
    value = row[stat]
    if value is None:
        raise NoDataError(
            f"'{stat}' is not available for the report of {row['last_date']}: a change needs the report of the week "
            f"before, oi4w those of three weeks, a percentile or z-score reports in half of the weeks (3 years have {row['reports3y']:.0f}, 5 years "
            f"{row['reports5y']:.0f})."
        )
    assert isinstance(value, (float, str, dt.date))
    return value


@worksheet_function(_CATEGORY, PUBLISHED, _DENOMINATOR)
def RUSSELL_POSITIONING_HISTORY(session: Session, category: Category, as_of: Day, denominator: Denominator) -> Table:
    """Table of every CFTC report on Russell 2000 futures published by a day, one row a week: date, publication, net contracts, % of open interest, weekly change, percentiles and z-scores over 3 and 5 years.

    Returns
    -------
    list of list
        A row a report; publication says whether that day is the calendar's or the usual timetable's. A week without one has no row, and the change after it is #N/A.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    commitments = positions(session, category, as_of, denominator=denominator)
    rows = list[_Report]()
    for i, assumed in enumerate(commitments.assumed):
        cells = _row(commitments, i)
        said = "usual timetable" if assumed else "release calendar or vintage"
        rows.append(_Report(date=cells.pop("last_date"), publication=said, **cells))
    return table_of(_Report, rows)


# -- Worksheet functions of the user's own gauges.


_SERIES = "A stored series; RUSSELL_SOURCE shows its unit and rule, such as which members a P/E counts."
_GAUGE_WORDS = (
    "value (default), change (since the observation before), revision (over 13 weeks), percentile3y, percentile5y, "
    "percentile, z3y, z5y, z, nobs, last_date, published or all."
)


@dataclass(eq=False, repr=False)
class _GaugeRow:
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


def _gauge_row(reading: Gauge) -> dict[str, Scalar]:
    return {
        "value": number(reading.value),
        "change": number(reading.change),
        "revision": number(reading.revision),
        "percentile3y": number(reading.percentile[3]),
        "percentile5y": number(reading.percentile[5]),
        "percentile": number(reading.percentile[0]),
        "z3y": number(reading.z[3]),
        "z5y": number(reading.z[5]),
        "z": number(reading.z[0]),
        "nobs": number(reading.nobs[0]),
        "last_date": date(reading.last),
        "published": date(reading.published),
    }


@worksheet_function(SERIES.but(help=_SERIES), statistic(GaugeStat, "value", _GAUGE_WORDS), PUBLISHED)
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
    reading = gauge(session, series, as_of)
    values = _gauge_row(reading)
    if stat == "all":
        entry = session.catalogue.series_of(series)
        more: list[list[Scalar]] = [["series", entry.id], ["unit", entry.unit], ["rule", entry.rule]]
        return [["stat", "value"], *([n, v] for n, v in values.items()), *more, ["source", source_label(session)]]
    value = values[stat]
    if value is None:
        raise NoDataError(
            f"'{stat}' of '{reading.series.id}' is not available on {reading.last}: it has {reading.nobs[0]:.0f} observations "
            f"since {reading.first} ({reading.nobs[3]:.0f} in 3 years, {reading.nobs[5]:.0f} in 5); a percentile or z-score needs "
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
    rows = list[_GaugeRow]()
    for name in GAUGES:
        entry = session.catalogue.series_of(name)
        cells, note = dict[str, Scalar](), ""
        try:
            cells = _gauge_row(gauge(session, name, as_of))
        except XlSmallcapError as exc:
            note = str(exc)
        rows.append(_GaugeRow(name.lower(), entry.label, entry.unit, **cells, rule=entry.rule, note=note))
    return table_of(_GaugeRow, rows)
