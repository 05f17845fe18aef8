"""A refresh behind a button: it runs beside the answers, and a host looks now and then how far it is."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Any

from xl_smallcap.errors import XlSmallcapError

log = logging.getLogger("xl_smallcap")


@dataclass(frozen=True)
class RefreshState:
    """How far a refresh is: whether it runs, how many of how many steps are done, and a sentence for a status bar."""

    running: bool
    done: int
    total: int
    text: str


class BackgroundRefresh:
    """At most one refresh at a time in this process; another process's is met at the store's lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._state = RefreshState(False, 0, 0, "No refresh was started.")

    def state(self) -> RefreshState:
        """Return how far it is.

        Returns
        -------
        RefreshState
        """
        return self._state

    def start(self) -> RefreshState:
        """Begin, unless one is under way.

        Returns
        -------
        RefreshState
        """
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._state = RefreshState(True, 0, 0, "Refreshing ...")
                self._thread = threading.Thread(target=self._run, name="button refresh", daemon=True)
                self._thread.start()
        return self._state

    def _run(self) -> None:
        try:
            text = self._work()
        except XlSmallcapError as exc:
            text = f"Not refreshed: {exc}"
        except Exception as exc:  # a thread has nobody to raise to; the status bar and the log get it
            log.exception("refresh behind a button")
            text = f"Not refreshed: unexpected {type(exc).__name__}; run 'xl-smallcap data refresh' to see more."
        done = self._state
        self._state = RefreshState(False, done.done, done.total, text)

    def _work(self) -> str:
        from xl_smallcap.analyses.refreshing import precompute, refresh_data
        from xl_smallcap.session import Session

        def tell(series: str, state: str, done: int, total: int) -> None:
            self._state = RefreshState(True, done, total, f"Refreshing: {done} of {total}, {series} {state}")

        def step(name: str, done: int, total: int) -> None:
            self._state = RefreshState(True, done, total, f"Computing {name}: {done} of {total}")

        session = Session()
        report = refresh_data(session, tell)
        if report.snapshot is not None and session.settings.precompute:
            precompute(Session(), step)
        return told_in_short(report)


_one = BackgroundRefresh()


def shared() -> BackgroundRefresh:
    """Return the process's own: a host's module may be loaded anew while a refresh runs.

    Returns
    -------
    BackgroundRefresh
    """
    return _one


def told_in_short(report: Any) -> str:
    """Sum a refresh up in one sentence.

    Parameters
    ----------
    report : RefreshReport
        From the refresh.

    Returns
    -------
    str
    """
    count = {how: sum(o.outcome == how for o in report.outcomes) for how in ("new", "updated", "unchanged", "kept")}
    fresh, kept = count["new"] + count["updated"], [o.series for o in report.outcomes if o.outcome == "kept"]
    failed = [o.series for o in report.outcomes if o.outcome == "failed"]
    if report.snapshot is None:
        return "Not refreshed: nothing could be fetched. 'xl-smallcap data refresh' says why."
    if report.nothing:
        return (
            f"Not refreshed: nothing could be fetched, snapshot {report.snapshot.fingerprint} stays in use; "
            "=RUSSELL_STATUS() says why."
        )
    parts = [f"{fresh} series new or updated", f"{count['unchanged']} unchanged"]
    if kept:
        parts.append(f"{len(kept)} kept as they were ({', '.join(kept[:3])}{' ...' if len(kept) > 3 else ''})")
    if failed:
        parts.append(f"{len(failed)} not to be had ({', '.join(failed[:3])}{' ...' if len(failed) > 3 else ''})")
    told = "; =RUSSELL_STATUS() says why" if kept or failed else ""
    return f"Refreshed, snapshot {report.snapshot.fingerprint}: {', '.join(parts)}{told}."
