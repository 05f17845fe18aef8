"""Work behind a button, a refresh or a pitch sheet: it runs beside the answers, and a host looks how far it is."""

from __future__ import annotations

import logging
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xl_smallcap import processes
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.functions.arguments import day as read_day

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
        """Return how far it is."""
        return self._state

    def start(self) -> RefreshState:
        """Begin, unless one is under way."""
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


@dataclass(frozen=True)
class PitchState:
    """Whether a pitch sheet is being written, a sentence for a status bar, and the file once it is there."""

    running: bool
    text: str
    path: str = ""


@dataclass(frozen=True)
class PitchRequest:
    """What a workbook's inputs say of a pitch sheet, as its cells hold it; blank where nothing is typed."""

    folder: str = ""
    as_of: Any = ""
    path: str = ""
    against: str = ""
    previous: Any = ""
    risk: Any = ""
    table: Any = ""
    """Rows of path and weight, the two paths the first of them; a workbook of another kind has none."""

    def flags(self) -> dict[str, str]:
        """Return the command's flags and their values, empty where the default is meant."""
        day, previous = read_day("as_of", self.as_of), read_day("previous", self.previous)
        flags = {
            "--as-of": "" if day is None else str(day), "--previous": "" if previous is None else str(previous),
            "--scenario": self.path, "--against": self.against,
            "--risk": f"{self.risk:.15g}" if isinstance(self.risk, (int, float)) and self.risk else "",
        }  # fmt: skip
        if isinstance(self.table, (list, tuple)):
            rows = [(str(row[0] or "").strip(), row[1]) for row in self.table]
            flags["--against"] = self.against or "none"  # cleared in a workbook that asks for it
            flags["--also"] = ",".join(name for name, _ in rows[2:] if name) or "none"
            weighed = [f"{name}={w:.15g}" for name, w in rows if name and isinstance(w, (int, float))]
            flags["--weights"] = ",".join(weighed)
        return flags


class BackgroundPitch:
    """Writes a pitch sheet by our own command in a process of its own: hosts know nothing of workbooks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._state = PitchState(False, "No pitch sheet was asked for.")

    def state(self) -> PitchState:
        """Return how far it is."""
        return self._state

    def start(self, asked: PitchRequest) -> PitchState:
        """Begin, unless one is under way."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._state = PitchState(True, "Writing the pitch sheet ...")
                work = threading.Thread(target=self._run, args=(asked,), name="pitch sheet", daemon=True)
                self._thread = work
                work.start()
        return self._state

    def _run(self, asked: PitchRequest) -> None:
        try:
            self._state = self._work(asked)
        except Exception as exc:  # a thread has nobody to raise to; the status bar and the log get it
            log.exception("pitch sheet behind a button")
            self._state = PitchState(False, f"No pitch sheet: {exc}")

    def _work(self, asked: PitchRequest) -> PitchState:
        import platformdirs

        day = read_day("as_of", asked.as_of)
        place = (
            Path(asked.folder)
            if asked.folder and Path(asked.folder).is_dir()
            else Path(platformdirs.user_documents_dir())
        )
        name = "pitch" if day is None else f"pitch {day}"
        out = place / f"{name}.xlsx"
        for k in range(2, 100):
            if not out.exists():
                break
            out = place / f"{name} ({k}).xlsx"
        # -P: Excel's current folder, which is ours too, must not lend us a module
        command = [sys.executable, "-P", "-m", "xl_smallcap", "pitch", "--out", str(out)]
        for flag, value in asked.flags().items():
            if value:
                command += [flag, value]
        done = processes.run(command, None)
        if done.code != 0 or not out.is_file():
            said = [line for line in done.err.splitlines() if line.strip()]
            return PitchState(False, f"No pitch sheet: {said[-1] if said else 'the command failed'}")
        return PitchState(False, f"Written: {out}", str(out))


_one = BackgroundRefresh()
_pitch = BackgroundPitch()


def shared_pitch() -> BackgroundPitch:
    """Return the process's own writer of pitch sheets."""
    return _pitch


def shared() -> BackgroundRefresh:
    """Return the process's own: a host's module may be loaded anew while a refresh runs."""
    return _one


def told_in_short(report: Any) -> str:
    """Sum a refresh up in one sentence."""
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
    hint = "; =RUSSELL_STATUS() says why" if kept or failed else ""
    return f"Refreshed, snapshot {report.snapshot.fingerprint}: {', '.join(parts)}{hint}."
