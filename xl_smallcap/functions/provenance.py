"""Worksheet functions of provenance: which data, how fresh, which fingerprint."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from xl_smallcap.analyses.freshness import allowed_days
from xl_smallcap.analyses.provenance import SeriesStatus, newest, series_status, source_label, stored_id
from xl_smallcap.analyses.question import Question, aligned
from xl_smallcap.data.licences import licence_of_source
from xl_smallcap.data.panel import Column
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._native import date, moment
from xl_smallcap.session import Session, current_session
from xl_smallcap.types import Scalar, Table, Window


def RUSSELL_ASOF() -> dt.date:
    """Last date on which every series of the default model was observed: the date a blank as_of means.

    Returns
    -------
    datetime.date
        Of the default target and specification.

    Raises
    ------
    NoDataError
        No data are loaded.
    """
    session = current_session()
    session.follow()
    catalogue = session.catalogue
    question = Question(
        target=catalogue.target(catalogue.default_target, session.snapshot.frequencies),
        spec=catalogue.spec(catalogue.default_spec),
        window=Window(250, "daily"),
        as_of=None,
    )
    found: Any = aligned(session, question).level_dates[-1].item()
    assert isinstance(found, dt.date)
    return found


def RUSSELL_SOURCE(series: str, as_of: dt.date | str | float | None = None) -> Table:
    """Where one series comes from: publisher, file, unit, frequency, first and last observation, when the last one was published and whether that is a release calendar's date or an assumed lag.

    Parameters
    ----------
    series : str
        A stored series such as "DGS2", or a factor such as "growth" for all the series it is built from.
    as_of : date, optional
        What was published by then.

    Returns
    -------
    list of list
        A row per series.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    text = read.word("series", series)
    when = read.day("as_of", as_of)
    factor = next((f for f in session.catalogue.factors.values() if text.lower() in (f.id, *f.aliases)), None)
    if factor is None:
        ids = [stored_id(session, text)]
    else:
        column = Column.of(factor.id, factor.quote, factor.legs)
        ids = list(dict.fromkeys(session.panel((column,), when).used.values()))
    table: Table = [
        [
            "series",
            "label",
            "source",
            "file",
            "publisher",
            "unit",
            "frequency",
            "first",
            "last",
            "value",
            "nobs",
            "published",
            "publication",
            "rule",
        ]
    ]
    reference = newest(session, when)
    for series_id in ids:
        try:
            status = series_status(session, series_id, when, reference)
        except NoDataError:
            if len(ids) == 1 or (series_id == ids[-1] and len(table) == 1):
                raise
            continue  # of a factor's series, one that was not known yet
        known_at: Any = status.known_at.item()
        first: Any = status.first.item()
        last: Any = status.last.item()
        table.append(
            [
                series_id,
                status.series.label,
                status.source,
                status.entry.origin,
                status.series.publisher,
                status.series.unit,
                status.series.frequency,
                first,
                last,
                status.value,
                status.nobs,
                known_at.date(),
                _publication(status),
                status.series.rule,
            ]
        )
    return table


def _publication(status: SeriesStatus) -> str:
    if status.lag_assumed:
        return f"lag_assumed: {status.series.lag_days} days after the period"
    return "known at its own day's close" if status.series.frequency == "daily" else "release calendar or vintage"


def RUSSELL_SNAPSHOT() -> str:
    """Source and fingerprint of the data every number comes from; says SAMPLE (synthetic) for the embedded sample. The same fingerprint means the same data, bit for bit.

    Returns
    -------
    str

    Raises
    ------
    NoDataError
        No data are loaded.
    """
    session = current_session()
    session.follow()
    return session.snapshot.name


def RUSSELL_STATUS(as_of: dt.date | str | float | None = None) -> Table:
    """Table of every stored series and fund: source, first and last observation, age in days behind the newest of the snapshot, stale or not for its frequency, when fetched (New York), how many days were revised and when last, licence.

    Parameters
    ----------
    as_of : date, optional
        What was published by then.

    Returns
    -------
    list of list
        A row per series, one for the constituents' prices, one per fund with its days of holdings. No clock is read: age is measured inside the snapshot.
        Status "ok" or "stale", with "kept" where the last fetch failed (the last column says why) and what was there before
        is shown.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    when = read.day("as_of", as_of)
    table: Table = [
        [
            "series",
            "label",
            "source",
            "file",
            "frequency",
            "first",
            "last",
            "nobs",
            "age_days",
            "status",
            "fetched",
            "revised_days",
            "revised",
            "licence",
            "problem",
        ]
    ]
    reference = newest(session, when)
    for series_id in session.snapshot.ids:
        entry = session.snapshot.entries[series_id]
        label = session.catalogue.series_of(series_id).label
        source = source_label(session) if session.snapshot.synthetic else entry.source
        head: list[Scalar] = [series_id, label, source, entry.origin]
        fetched = moment(entry.fetched_at)
        try:
            status = series_status(session, series_id, when, reference)
        except NoDataError as exc:
            table.append([*head, entry.frequency, None, None, 0, None, str(exc), fetched, None, None, None, ""])
            continue
        first: Any = status.first.item()
        last: Any = status.last.item()
        table.append(
            [
                *head,
                status.series.frequency,
                first,
                last,
                status.nobs,
                status.age_days,
                status.verdict,
                fetched,
                status.revised_days,
                status.revised_at.item(),
                status.licence,
                entry.problem,
            ]
        )
    table.extend(_constituents_rows(session, when, reference))
    return table


def _constituents_rows(session: Session, when: np.datetime64 | None, reference: np.datetime64) -> Table:
    """A row for the constituents' prices, then one a fund: its days of holdings known by then."""
    snapshot = session.snapshot
    now: Any = reference.item()
    rows: Table = []
    priced = snapshot.prices_entry
    known_by = [y for y in snapshot.price_years(last=when) if when is None or y.dates[0] <= when] if when else []
    if priced is not None and (when is None or known_by):
        first, last, count = moment(priced.first), moment(priced.last), len(priced.tickers)
        if when is not None:
            seen = snapshot.prices(last=when)
            last, count = date(seen.dates[-1]), int(np.isfinite(seen.prices).any(axis=0).sum())
        source = source_label(session) if snapshot.synthetic else priced.source
        head: list[Scalar] = ["CONSTITUENTS", f"Prices of {count} stocks", source, priced.origin]
        age = (now - last).days if snapshot.entries else None
        licence = licence_of_source(priced.source)
        fetched = moment(priced.fetched_at)
        verdict = "stale" if age is not None and age > allowed_days(session, "daily") else "ok"
        rows.append([*head, "daily", first, last, count, age, verdict, fetched, None, None, licence, ""])
    for fund in sorted({h.fund for h in snapshot.holdings_entries}):
        of_fund = sorted((h for h in snapshot.holdings_entries if h.fund == fund), key=lambda h: h.as_of)
        dated = [h for h in of_fund if h.as_of != "undated"]
        known = [h for h in dated if when is None or np.datetime64(h.as_of, "D") < when]
        shown = known or ([h for h in of_fund if h.as_of == "undated"] if when is None else [])
        if not shown:
            continue
        held = shown[-1]
        day: Any = moment(held.as_of)
        label = f"Holdings of {fund}" + (f", {len(shown)} days" if len(shown) > 1 else "")
        source = source_label(session) if snapshot.synthetic else held.source
        head = [fund, label, source, held.origin, "holdings", moment(shown[0].as_of), day, held.rows]
        age = (now - day).days if day and snapshot.entries else None
        status = "ok" if day else "undated"
        rows.append([*head, age, status, moment(held.fetched_at), None, None, "restricted", ""])
    return rows
