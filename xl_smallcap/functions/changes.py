"""The worksheet function that says what a refresh did to the betas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xl_smallcap.analyses.changes import changes
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._native import date, table_of
from xl_smallcap.functions.table import Parameter, worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import Scalar, Table


def _fingerprint(_: Session, value: Any) -> str | None:
    return None if read.is_blank(value) else read.fingerprint_of(value)


_BEFORE = Parameter(
    "before",
    "Fingerprint of the earlier snapshot, or its beginning. Default: the one after which the later was made.",
    _fingerprint,
)
_AFTER = Parameter("after", "Fingerprint of the later snapshot. Default: the one in use.", _fingerprint)


@dataclass(eq=False, repr=False)
class _Row:
    """One beta in two snapshots."""

    target: Scalar
    factor: Scalar = None
    before: Scalar = None
    after: Scalar = None
    change: Scalar = None
    from_data: Scalar = None
    from_window: Scalar = None
    se: Scalar = None
    moved: Scalar = None
    cause: Scalar = None
    before_date: Scalar = None
    after_date: Scalar = None
    before_snapshot: Scalar = None
    after_snapshot: Scalar = None


@worksheet_function(_BEFORE, _AFTER)
def RUSSELL_DIFF(session: Session, before: str | None, after: str | None) -> Table:
    """Table of the betas of two snapshots, % per +1 standard deviation: before, after, and how much of the change came from revised data and how much from the window moving on; moved says whether it exceeds the standard error.

    Returns
    -------
    list of list
        A row per target and factor, window 250 days, default specification; from_data and from_window add up to change.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    store = session.store
    later = session.snapshot if after is None else store.open(store.meant(after))
    if before is None:
        if not later.parent or later.parent not in store.snapshots():
            raise NoDataError(
                f"Snapshot {later.fingerprint} was not made after another one that is still there, so there is nothing to "
                "compare it with. Give a fingerprint; 'xl-smallcap data history' lists them."
            )
        earlier = later.parent
    else:
        earlier = store.meant(before)
    both = {"before_snapshot": earlier, "after_snapshot": later.fingerprint}
    rows = list[_Row]()
    old, new = Session(session.settings, earlier), Session(session.settings, later.fingerprint)
    for m in changes(old, new):
        if m.why_not:
            rows.append(_Row(m.target, cause=m.why_not, **both))
            continue
        rows.append(
            _Row(
                target=m.target,
                factor=m.factor,
                before=m.before,
                after=m.after,
                change=m.after - m.before,
                from_data=m.from_data,
                from_window=m.from_window,
                se=m.se,
                moved="yes" if m.moved else "no",
                cause=m.cause,
                before_date=date(m.before_date),
                after_date=date(m.after_date),
                **both,
            )
        )
    return table_of(_Row, rows)
