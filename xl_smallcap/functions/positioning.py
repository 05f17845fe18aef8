"""Worksheet functions of futures positions."""

from __future__ import annotations

import datetime as dt

from xl_smallcap.analyses.positioning import YEARS, Category, Denominator, Positions, positions
from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._native import date, number
from xl_smallcap.session import current_session
from xl_smallcap.types import PositionStat, Scalar, Table


def _row(found: Positions, i: int) -> dict[str, Scalar]:
    return {
        "net": number(found.net[i]),
        "net_pct": number(found.net_pct[i]),
        "change": number(found.change[i]),
        "percentile3y": number(found.percentile[3][i]),
        "percentile5y": number(found.percentile[5][i]),
        "z3y": number(found.z[3][i]),
        "z5y": number(found.z[5][i]),
        "reports3y": number(found.reports[3][i]),
        "reports5y": number(found.reports[5][i]),
        "last_date": date(found.dates[i]),
        "published": date(found.published[i]),
        "contract": found.contract[i],
    }


_SHARE: PositionStat = "net_pct"


def _note(found: Positions, stat: str) -> str | None:
    """What a percentile or z-score leaves out: the weeks of its years without a report."""
    years = next((y for y in YEARS if stat in (f"percentile{y}y", f"z{y}y", f"reports{y}y")), None)
    return found.silence(years) or None if years is not None else None


def RUSSELL_POSITIONING(
    category: str | None = None,
    stat: PositionStat | None = None,
    as_of: dt.date | str | float | None = None,
    denominator: Denominator | None = None,
) -> float | str | dt.date | Table:
    """Net position in Russell 2000 futures of a category of traders by the latest CFTC report published: contracts, % of open interest, weekly change, percentile or z-score of the % over 3 and 5 years.

    Parameters
    ----------
    category : str, optional
        "leveraged" (default; includes basis trades), "asset_manager", "dealer" or "other".
    stat : str, optional
        net_pct (default), net, contract (which exchange's), change, percentile3y, percentile5y, z3y, z5y, reports3y, reports5y, last_date, published or all (with what a percentile leaves out).
    as_of : date, optional
        Only reports published by then. Default: the latest.
    denominator : str, optional
        What net_pct, its percentiles and z-scores are a share of: "oi" (default, the report's open interest) or "oi4w" (mean of four weeks: open interest jumps when contracts are rolled).

    Returns
    -------
    float, str, datetime.date or list of list
        The statistic, or the table stat, value, note; percentiles need reports in at least half of the weeks.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    kind: Category = read.choice("category", category, Category, "leveraged")
    asked, whole = read.stat(stat, PositionStat, _SHARE)
    base: Denominator = read.choice("denominator", denominator, Denominator, "oi")
    found = positions(session, kind, read.day("as_of", as_of), denominator=base, last_only=True)
    row = _row(found, -1)
    if whole:
        table: Table = [["stat", "value", "note"], *([n, v, _note(found, n)] for n, v in row.items())]
        return [*table, ["category", kind, None], ["denominator", base, None], ["source", source_label(session), None]]
    value = row[asked]
    if value is None:
        raise NoDataError(
            f"'{asked}' is not available for the report of {row['last_date']}: a change needs the report of the week "
            f"before, oi4w those of three weeks, a percentile or z-score reports in half of the weeks (3 years have {row['reports3y']:.0f}, 5 years "
            f"{row['reports5y']:.0f})."
        )
    assert isinstance(value, (float, str, dt.date))
    return value


def RUSSELL_POSITIONING_HISTORY(
    category: str | None = None,
    as_of: dt.date | str | float | None = None,
    denominator: Denominator | None = None,
) -> Table:
    """Table of every CFTC report on Russell 2000 futures published by a day, one row a week: date, publication, net contracts, % of open interest, weekly change, percentiles and z-scores over 3 and 5 years.

    Parameters
    ----------
    category : str, optional
        "leveraged" (default; includes basis trades), "asset_manager", "dealer" or "other".
    as_of : date, optional
        Only reports published by then. Default: all.
    denominator : str, optional
        "oi" (default) or "oi4w", as in RUSSELL_POSITIONING.

    Returns
    -------
    list of list
        A row a report; publication says whether that day is the calendar's or the usual timetable's. A week without one has no row, and the change after it is #N/A.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    kind: Category = read.choice("category", category, Category, "leveraged")
    base: Denominator = read.choice("denominator", denominator, Denominator, "oi")
    found = positions(session, kind, read.day("as_of", as_of), denominator=base)
    rows = [_row(found, i) for i in range(found.dates.size)]
    head: list[str] = [n for n in rows[0] if n not in ("last_date", "published")]
    table: Table = [["date", "published", "publication", *head]]
    for row, assumed in zip(rows, found.assumed, strict=True):
        said = "usual timetable" if assumed else "release calendar or vintage"
        table.append([row["last_date"], row["published"], said, *(row[n] for n in head)])
    return table
