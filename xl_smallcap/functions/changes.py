"""The worksheet function that says what a refresh did to the betas."""

from __future__ import annotations

from xl_smallcap.analyses.changes import changes
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._native import date
from xl_smallcap.session import Session, current_session
from xl_smallcap.types import Table


def RUSSELL_DIFF(before: str | None = None, after: str | None = None) -> Table:
    """Table of the betas of two snapshots, % per +1 standard deviation: before, after, and how much of the change came from revised data and how much from the window moving on; moved says whether it exceeds the standard error.

    Parameters
    ----------
    before : str, optional
        Fingerprint of the earlier snapshot, or its beginning. Default: the one after which the later was made.
    after : str, optional
        Fingerprint of the later snapshot. Default: the one in use.

    Returns
    -------
    list of list
        A row per target and factor, window 250 days, default specification; from_data and from_window add up to change.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    store = session.store
    later = session.snapshot if read.is_blank(after) else store.open(store.meant(read.fingerprint_of(after)))
    if read.is_blank(before):
        if not later.parent or later.parent not in store.snapshots():
            raise NoDataError(
                f"Snapshot {later.fingerprint} was not made after another one that is still there, so there is nothing to "
                "compare it with. Give a fingerprint; 'xl-smallcap data history' lists them."
            )
        earlier = later.parent
    else:
        earlier = store.meant(read.fingerprint_of(before))
    table: Table = [
        [
            "target",
            "factor",
            "before",
            "after",
            "change",
            "from_data",
            "from_window",
            "se",
            "moved",
            "cause",
            "before_date",
            "after_date",
            "before_snapshot",
            "after_snapshot",
        ]
    ]
    old, new = Session(session.settings, earlier), Session(session.settings, later.fingerprint)
    for m in changes(old, new):
        if m.why_not:
            table.append([m.target, None, *[None] * 6, None, m.why_not, None, None, earlier, later.fingerprint])
            continue
        table.append(
            [
                m.target,
                m.factor,
                m.before,
                m.after,
                m.after - m.before,
                m.from_data,
                m.from_window,
                m.se,
                "yes" if m.moved else "no",
                m.cause,
                date(m.before_date),
                date(m.after_date),
                earlier,
                later.fingerprint,
            ]
        )
    return table
