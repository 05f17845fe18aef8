"""Which data, from where, how fresh, known when?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.question import allowed_days
from xl_smallcap.data.catalogue import Licence, Series
from xl_smallcap.data.panel import series_in
from xl_smallcap.data.releases import available_at, known_by
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import SYNTHETIC_MARK, Entry, label_of
from xl_smallcap.errors import BadArgumentError, NoDataError, closest
from xl_smallcap.session import Session
from xl_smallcap.types import DAY


@dataclass(frozen=True)
class SeriesStatus:
    """One series of the snapshot as known by a date."""

    series: Series
    entry: Entry
    source: str
    first: np.datetime64
    last: np.datetime64
    value: float
    nobs: int
    known_at: np.datetime64
    lag_assumed: bool
    age_days: int
    stale: bool
    revised_days: int
    revised_at: np.datetime64
    licence: Licence

    @property
    def verdict(self) -> str:
        """Ok or stale for its frequency, and whether the last fetch failed, so that this is what was there before."""
        return ("stale" if self.stale else "ok") + (", kept" if self.entry.problem else "")


def source_label(session: Session) -> str:
    """Return the source as shown beside numbers; SAMPLE (synthetic) for the embedded sample."""
    return SYNTHETIC_MARK if session.snapshot.synthetic else session.snapshot.source


def source_of(session: Session, used: dict[str, str]) -> str:
    """Return the source as shown beside numbers, with the series that stood in for others.

    ``"folder [BAA10Y for BAMLH0A0HYM2]"``.
    """
    swaps = [f"{given} for {original}" for original, given in used.items() if given != original]
    label = source_label(session)
    if not session.snapshot.synthetic:
        label = label_of([session.snapshot.entry(s).source for s in used.values() if s in session.snapshot]) or label
    return label + (f" [{', '.join(swaps)}]" if swaps else "")


def newest(session: Session, as_of: np.datetime64 | None) -> np.datetime64:
    """Return the newest observation of any series known by a day."""
    latest = np.datetime64("0001-01-01", "D")
    for name, entry in session.snapshot.entries.items():
        if as_of is None:
            latest = max(latest, np.datetime64(entry.last, "D"))
            continue
        series = series_in(session.catalogue, session.snapshot, name)
        dates = known_by(series, session.snapshot.series(name), as_of).dates
        if dates.size:
            latest = max(latest, dates[-1])
    return latest


def stored_id(session: Session, word: str) -> str:
    """Return the id of a stored series, any case."""
    wanted = word.strip().lower()
    ids = (*session.snapshot.ids, *session.snapshot.tickers)
    for name in ids:
        if name.lower() == wanted:
            return name
    near = closest(word, ids)
    hint = f" Did you mean '{near}'?" if near else ""
    raise BadArgumentError(
        f"Unknown series '{word.strip()}'.{hint} =RUSSELL_STATUS() lists the {len(session.snapshot.ids)} series "
        "of the snapshot."
    )


def series_status(
    session: Session, series_id: str, as_of: np.datetime64 | None, reference: np.datetime64
) -> SeriesStatus:
    """Describe one series as it was known by a day."""
    series = series_in(session.catalogue, session.snapshot, series_id)
    entry = session.snapshot.entry(series_id)
    data = session.snapshot.series(series_id)
    visible = known_by(series, data, as_of)
    if visible.dates.size == 0:
        raise NoDataError(f"Nothing of '{series_id}' was published by {as_of}; its first date is {entry.first}.")
    shown = data if as_of is None else _vintages_by(series, data, as_of)
    from xl_smallcap.data.revisions import revised_days
    from xl_smallcap.data.snapshot import licence_of  # a label needs neither

    days, moment = revised_days(shown)
    age = int((reference - visible.dates[-1]).astype(np.int64))
    return SeriesStatus(
        series=series,
        entry=entry,
        source=entry.source if not session.snapshot.synthetic else source_label(session),
        first=visible.dates[0],
        last=visible.dates[-1],
        value=float(visible.values[-1]),
        nobs=visible.dates.size,
        known_at=visible.published[-1],
        lag_assumed=bool(visible.lag_assumed[-1]),
        age_days=age,
        stale=age > allowed_days(session, series.frequency),
        revised_days=days,
        revised_at=moment,
        licence=licence_of(session.catalogue, session.snapshot, series_id),
    )


def _vintages_by(series: Series, data: SeriesData, as_of: np.datetime64) -> SeriesData:
    """The rows of a series published by the end of a day, every vintage of them."""
    keep = available_at(series, data)[0] < (as_of + DAY).astype("datetime64[m]")
    return SeriesData(data.dates[keep], data.values[keep], data.available_at[keep])
