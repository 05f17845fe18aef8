"""The one way to start and to end another program: quiet, in a group of its own, and gone when we are."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ran:
    """What a program that has ended said."""

    code: int
    out: str
    err: str


def _quietly() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {}


def run(command: Sequence[str], seconds: float | None = 60.0) -> Ran:
    """Run a program to its end."""
    try:
        done = subprocess.run(  # noqa: S603 - our own program, or one the user installed, found by us
            command, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=seconds, check=False,
            stdin=subprocess.DEVNULL, **_quietly(),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"no end within {seconds:.0f} seconds") from None
    return Ran(done.returncode, done.stdout, done.stderr)


def start(command: Sequence[str], environment: Mapping[str, str], *, talk: bool) -> subprocess.Popen[str]:
    """Start a program that works beside us, in a group of its own."""
    stream = subprocess.PIPE if talk else subprocess.DEVNULL
    own: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        own = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    started = subprocess.Popen(  # noqa: S603 - a program the user installed, found by us
        command, stdin=stream, stdout=stream, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
        env=dict(environment), **own,
    )  # fmt: skip
    if sys.platform == "win32":
        _tie(started)
    return started


def kill(process: subprocess.Popen[str], seconds: float = 15.0) -> None:
    """End a program and all it has started, and wait until it has gone."""
    kill_group(process)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def kill_group(process: subprocess.Popen[str]) -> None:
    """End a program and all it has started, without waiting."""
    if sys.platform == "win32":
        if process.poll() is None:
            with contextlib.suppress(OSError):
                run(["taskkill", "/F", "/T", "/PID", str(process.pid)])  # soffice.exe and its soffice.bin
        return
    import signal

    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Tell whether a process is there. True where that cannot be told."""
    if sys.platform == "win32":
        return True  # a number there is given to the next process soon
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


_job: Any = None


def _tie(process: subprocess.Popen[str]) -> None:
    """Put a program into a job object that ends with us, however we end."""
    global _job  # noqa: PLW0603 - the job lives as long as the process
    try:
        import win32api
        import win32con
        import win32job

        if _job is None:
            made = win32job.CreateJobObject(None, "")
            info = win32job.QueryInformationJobObject(made, win32job.JobObjectExtendedLimitInformation)
            info["BasicLimitInformation"]["LimitFlags"] |= win32job.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
            win32job.SetInformationJobObject(made, win32job.JobObjectExtendedLimitInformation, info)
            _job = made
        access = win32con.PROCESS_SET_QUOTA | win32con.PROCESS_TERMINATE
        handle = win32api.OpenProcess(access, False, process.pid)
        win32job.AssignProcessToJobObject(_job, handle)
    except Exception:  # pywin32 is missing, or a job we are in ourselves forbids it: the driver still ends the office
        return
