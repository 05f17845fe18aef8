"""Worksheet functions of provenance: which data, how fresh, which fingerprint."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np

from xl_smallcap.analyses.provenance import SeriesStatus, newest, series_status, source_label, stored_id
from xl_smallcap.analyses.question import Question, aligned, allowed_days
from xl_smallcap.data.panel import Column
from xl_smallcap.data.snapshot import licence_of_source
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions.arguments import date, moment, table_of
from xl_smallcap.functions.parameters import PUBLISHED, SERIES
from xl_smallcap.functions.table import worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import Day, Scalar, Table, Window

_SERIES = 'A stored series such as "DGS2", or a factor such as "growth" for all the series it is built from.'


@dataclass(eq=False, repr=False)
class _Source:
    """Where one series comes from."""

    series: Scalar
    label: Scalar
    source: Scalar
    file: Scalar
    publisher: Scalar
    unit: Scalar
    frequency: Scalar
    first: Scalar
    last: Scalar
    value: Scalar
    nobs: Scalar
    published: Scalar
    publication: Scalar
    rule: Scalar


@dataclass(eq=False, repr=False)
class _Status:
    """How fresh one series is."""

    series: Scalar
    label: Scalar
    source: Scalar
    file: Scalar
    frequency: Scalar
    first: Scalar
    last: Scalar
    nobs: Scalar
    age_days: Scalar
    status: Scalar
    fetched: Scalar
    revised_days: Scalar = None
    revised: Scalar = None
    licence: Scalar = None
    problem: Scalar = ""


@worksheet_function()
def RUSSELL_ASOF(session: Session) -> dt.date:
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
    catalogue = session.catalogue
    question = Question(
        target=catalogue.target(catalogue.default_target, session.snapshot.frequencies),
        spec=catalogue.spec(catalogue.default_spec),
        window=Window(250, "daily"),
        as_of=None,
    )
    day: Any = aligned(session, question).level_dates[-1].item()
    assert isinstance(day, dt.date)
    return day


@worksheet_function(SERIES.but(help=_SERIES), PUBLISHED)
def RUSSELL_SOURCE(session: Session, series: str, as_of: Day) -> Table:
    """Where one series comes from: publisher, file, unit, frequency, first and last observation, when the last one was published and whether that is a release calendar's date or an assumed lag.

    Returns
    -------
    list of list
        A row per series.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    factor = next((f for f in session.catalogue.factors.values() if series.lower() in (f.id, *f.aliases)), None)
    if factor is None:
        ids = [stored_id(session, series)]
    else:
        column = Column.of(factor.id, factor.quote, factor.legs)
        ids = list(dict.fromkeys(session.panel((column,), as_of).used.values()))
    reference, rows = newest(session, as_of), list[_Source]()
    for series_id in ids:
        try:
            status = series_status(session, series_id, as_of, reference)
        except NoDataError:
            if len(ids) == 1 or (series_id == ids[-1] and not rows):
                raise
            continue  # of a factor's series, one that was not known yet
        known_at: Any = status.known_at.item()
        rows.append(
            _Source(
                series=series_id,
                label=status.series.label,
                source=status.source,
                file=status.entry.origin,
                publisher=status.series.publisher,
                unit=status.series.unit,
                frequency=status.series.frequency,
                first=status.first.item(),
                last=status.last.item(),
                value=status.value,
                nobs=status.nobs,
                published=known_at.date(),
                publication=_publication(status),
                rule=status.series.rule,
            )
        )
    return table_of(_Source, rows)


def _publication(status: SeriesStatus) -> str:
    if status.lag_assumed:
        return f"lag_assumed: {status.series.lag_days} days after the period"
    return "known at its own day's close" if status.series.frequency == "daily" else "release calendar or vintage"


@worksheet_function()
def RUSSELL_SNAPSHOT(session: Session) -> str:
    """Source and fingerprint of the data every number comes from; says SAMPLE (synthetic) for the embedded sample. The same fingerprint means the same data, bit for bit.

    Returns
    -------
    str

    Raises
    ------
    NoDataError
        No data are loaded.
    """
    return session.snapshot.name


@worksheet_function(PUBLISHED)
def RUSSELL_STATUS(session: Session, as_of: Day) -> Table:
    """Table of every stored series and fund: source, first and last observation, age in days behind the newest of the snapshot, stale or not for its frequency, when fetched (New York), how many days were revised and when last, licence.

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
    reference, rows = newest(session, as_of), list[_Status]()
    for series_id in session.snapshot.ids:
        entry = session.snapshot.entries[series_id]
        label = session.catalogue.series_of(series_id).label
        source = source_label(session) if session.snapshot.synthetic else entry.source
        head = (series_id, label, source, entry.origin)
        fetched = moment(entry.fetched_at)
        try:
            status = series_status(session, series_id, as_of, reference)
        except NoDataError as exc:
            rows.append(_Status(*head, entry.frequency, None, None, 0, None, str(exc), fetched))
            continue
        rows.append(
            _Status(
                *head,
                frequency=status.series.frequency,
                first=status.first.item(),
                last=status.last.item(),
                nobs=status.nobs,
                age_days=status.age_days,
                status=status.verdict,
                fetched=fetched,
                revised_days=status.revised_days,
                revised=status.revised_at.item(),
                licence=status.licence,
                problem=entry.problem,
            )
        )
    return table_of(_Status, [*rows, *_constituents_rows(session, as_of, reference)])


def _constituents_rows(session: Session, when: Day, reference: np.datetime64) -> list[_Status]:
    """A row for the constituents' prices, then one a fund: its days of holdings known by then."""
    snapshot = session.snapshot
    now: Any = reference.item()
    rows = list[_Status]()
    priced = snapshot.prices_entry
    known_by = [y for y in snapshot.price_years(last=when) if when is None or y.dates[0] <= when] if when else []
    if priced is not None and (when is None or known_by):
        first, last, count = moment(priced.first), moment(priced.last), len(priced.tickers)
        if when is not None:
            seen = snapshot.prices(last=when)
            last, count = date(seen.dates[-1]), int(np.isfinite(seen.prices).any(axis=0).sum())
        source = source_label(session) if snapshot.synthetic else priced.source
        head = ("CONSTITUENTS", f"Prices of {count} stocks", source, priced.origin)
        age = (now - last).days if snapshot.entries else None
        licence = licence_of_source(priced.source)
        fetched = moment(priced.fetched_at)
        verdict = "stale" if age is not None and age > allowed_days(session, "daily") else "ok"
        rows.append(_Status(*head, "daily", first, last, count, age, verdict, fetched, licence=licence))
    for fund in sorted({h.fund for h in snapshot.holdings_entries}):
        of_fund = sorted((h for h in snapshot.holdings_entries if h.fund == fund), key=lambda h: h.as_of)
        dated = [h for h in of_fund if h.as_of != "undated"]
        usable = [h for h in dated if when is None or np.datetime64(h.as_of, "D") < when]
        shown = usable or ([h for h in of_fund if h.as_of == "undated"] if when is None else [])
        if not shown:
            continue
        held = shown[-1]
        day: Any = moment(held.as_of)
        label = f"Holdings of {fund}" + (f", {len(shown)} days" if len(shown) > 1 else "")
        source = source_label(session) if snapshot.synthetic else held.source
        span = (moment(shown[0].as_of), day, held.rows)
        age = (now - day).days if day and snapshot.entries else None
        status, fetched = "ok" if day else "undated", moment(held.fetched_at)
        row = _Status(fund, label, source, held.origin, "holdings", *span, age, status, fetched, licence="restricted")
        rows.append(row)
    return rows
