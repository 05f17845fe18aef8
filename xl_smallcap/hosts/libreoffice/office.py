"""A headless LibreOffice on a profile of its own, started, driven and ended from our Python."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from xl_smallcap.errors import NoDataError

OLDEST = (25, 2)
"""Older LibreOffice does not resolve the plain function names of an .xlsx and mangles them on saving."""
_START_SECONDS = 90.0
_PLACES = (
    "/usr/bin/soffice",
    "/usr/lib/libreoffice/program/soffice",
    "/opt/libreoffice*/program/soffice",
    "/Applications/LibreOffice.app/Contents/MacOS/soffice",
    "C:/Program Files/LibreOffice/program/soffice.exe",
    "C:/Program Files (x86)/LibreOffice/program/soffice.exe",
)


class OfficeMissingError(NoDataError):
    """LibreOffice, or its Python, is not on this machine, or too old (#N/A)."""


def _run(command: Sequence[str], seconds: float = 60.0) -> str:
    done = subprocess.run(  # noqa: S603 - a program the user installed, found by us
        command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
    )
    return done.stdout if done.returncode == 0 else ""


def find_soffice() -> Path:
    """Return the soffice program: XL_SMALLCAP_SOFFICE, then the path, then the usual places.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    OfficeMissingError
        Not found.
    """
    named = os.environ.get("XL_SMALLCAP_SOFFICE") or shutil.which("soffice")
    if named:
        if not Path(named).is_file():
            raise OfficeMissingError(f"XL_SMALLCAP_SOFFICE names {named}, which does not exist.")
        return Path(named)
    for place in _PLACES:
        root = Path(place).anchor or "/"
        if Path(root).is_dir():
            hits = sorted(Path(root).glob(str(Path(place).relative_to(root))))
            if hits:
                return hits[-1]
    raise OfficeMissingError(
        "LibreOffice is not installed. Install version 25.2 or later from its website or your system."
    )


def find_python(soffice: Path) -> Path:
    """Return a Python that can import UNO: LibreOffice's own, else the system's.

    Parameters
    ----------
    soffice : pathlib.Path
        The program.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    OfficeMissingError
        None can.
    """
    program = soffice.resolve().parent
    own = ["python.exe", "python", "../Resources/python"]
    for candidate in [*(program / name for name in own), Path("/usr/bin/python3")]:
        if candidate.is_file() and "yes" in _run([str(candidate), "-c", "import uno; print('yes')"]):
            return candidate
    raise OfficeMissingError("LibreOffice has no Python that can drive it. On Debian: apt-get install python3-uno.")


def version(soffice: Path) -> tuple[int, ...]:
    """Return LibreOffice's version.

    Parameters
    ----------
    soffice : pathlib.Path
        The program.

    Returns
    -------
    tuple of int
        Empty where it does not say.
    """
    found = re.search(r"LibreOffice (\d+)\.(\d+)(?:\.(\d+))?", _run([str(soffice), "--version"]))
    return tuple(int(g) for g in found.groups() if g) if found else ()


def _outside_venv() -> dict[str, str]:
    """The environment without our virtual one: LibreOffice's Python takes its home from the first on PATH."""
    unwanted = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
    kept = {k: v for k, v in os.environ.items() if k not in unwanted}
    inside = Path(sys.prefix).resolve()
    places = kept.get("PATH", "").split(os.pathsep)
    if sys.prefix != sys.base_prefix:
        places = [p for p in places if not p or inside not in (Path(p).resolve(), *Path(p).resolve().parents)]
    return {**kept, "PATH": os.pathsep.join(places)}


class Office:
    """A headless office, as a context manager; the whole process group ends with it.

    It starts at once; entering waits until it has.

    Parameters
    ----------
    extension : dict of str to bytes, optional
        Files of an unpacked extension that this office has without installing it.
    profile : pathlib.Path, optional
        A user profile to work on; default a fresh one, deleted at the end.
    environment : dict of str to str, optional
        Added to the office's environment.

    Raises
    ------
    OfficeMissingError
        LibreOffice is missing, too old, or does not start.
    """

    def __init__(
        self,
        extension: dict[str, bytes] | None = None,
        profile: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        soffice = find_soffice()
        found = version(soffice)
        if found[:2] < OLDEST:
            has = ".".join(map(str, found)) or "of unknown version"
            raise OfficeMissingError(f"LibreOffice 25.2 or later is needed; {soffice} is {has}.")
        python = find_python(soffice)
        self._folder = Path(tempfile.mkdtemp(prefix="xl_smallcap_office_"))
        own_profile = profile or self._folder / "profile"
        pipe = "xlsc" + secrets.token_hex(8)
        command = [
            str(soffice), "--headless", "--norestore", "--nologo", "--nodefault", "--nolockcheck",
            "--nofirststartwizard", f"-env:UserInstallation={own_profile.as_uri()}",
            f"--accept=pipe,name={pipe};urp;StarOffice.ComponentContext",
        ]  # fmt: skip
        if extension:
            bundled = self._folder / "bundled" / "xl_smallcap.oxt"
            for name, content in extension.items():
                path = bundled / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            command.append(f"-env:BUNDLED_EXTENSIONS={bundled.parent.as_uri()}")
        quiet: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
        }
        if sys.platform != "win32":
            quiet["start_new_session"] = True
        full_environment = {**_outside_venv(), **(environment or {})}
        self._office = subprocess.Popen(command, env=full_environment, **quiet)  # noqa: S603 - found by us
        script = resources.files("xl_smallcap.hosts.libreoffice").joinpath("driver.py")
        driver = self._folder / "driver.py"
        driver.write_bytes(script.read_bytes())
        self._driver = subprocess.Popen(  # noqa: S603 - as above
            [str(python), str(driver), pipe, str(_START_SECONDS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
            env=_outside_venv(),
        )  # fmt: skip
        self._started = False

    def _answer(self, seconds: float) -> Any:
        assert self._driver.stdout is not None
        timer = threading.Timer(seconds, self._kill)
        timer.start()
        try:
            line = self._driver.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            raise OfficeMissingError(
                "LibreOffice did not start or stopped answering. Close all its windows, then try again."
            )
        answer = json.loads(line)
        if "error" in answer:
            raise OfficeMissingError(f"LibreOffice: {answer['error']}")
        return answer["ok"]

    def do(self, what: str, *arguments: Any, seconds: float = 120.0) -> Any:
        """Carry out one request of the driver.

        Parameters
        ----------
        what : str
            A method of ``driver.Driver``: new, open, type, read, recalculate, save, close ...
        *arguments
            JSON-able.
        seconds : float
            After this the office is ended.

        Returns
        -------
        object
        """
        assert self._driver.stdin is not None
        try:
            self._driver.stdin.write(json.dumps({"do": what, "with": arguments}) + "\n")
            self._driver.stdin.flush()
        except OSError:
            raise OfficeMissingError("LibreOffice has ended unexpectedly.") from None
        return self._answer(seconds)

    def _kill(self) -> None:
        if sys.platform == "win32":
            self._office.kill()
        else:
            import signal

            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._office.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self._driver.kill()

    def __enter__(self) -> Self:
        try:
            self._answer(_START_SECONDS + 10.0)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self._started = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OfficeMissingError, ValueError):
            if self._driver.poll() is None:
                if not self._started:
                    self._answer(_START_SECONDS + 10.0)  # one that never started cannot quit, and would be left over
                self.do("quit", seconds=20.0)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._office.wait(15)
        self._kill()
        self._office.wait(15)
        self._driver.wait(15)
        for stream in (self._driver.stdin, self._driver.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)
