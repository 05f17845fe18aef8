"""A headless LibreOffice on a profile of its own, started, driven and ended from our Python."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from xl_smallcap import processes
from xl_smallcap.errors import NoDataError

OLDEST = (25, 2)
"""Older LibreOffice does not resolve the plain function names of an .xlsx and mangles them on saving."""
_START_SECONDS = 90.0
_PATIENCE_SECONDS = 5.0
"""For an office that is to end before it has started."""
_WATCH_SECONDS = 0.2
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
    try:
        done = processes.run(command, seconds)
    except OSError as exc:
        raise OfficeMissingError(f"{command[0]} cannot be run: {exc}.") from None
    return done.out if done.code == 0 else ""


def find_soffice() -> Path:
    """Return the soffice program: XL_SMALLCAP_SOFFICE, then the path, then the usual places."""
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
    """Return a Python that can import UNO: LibreOffice's own, else the system's."""
    program = soffice.resolve().parent
    own = ["python.exe", "python", "../Resources/python"]
    for candidate in [*(program / name for name in own), Path("/usr/bin/python3")]:
        with contextlib.suppress(OfficeMissingError):  # one that cannot be run is none
            if candidate.is_file() and "yes" in _run([str(candidate), "-c", "import uno; print('yes')"]):
                return candidate
    raise OfficeMissingError("LibreOffice has no Python that can drive it. On Debian: apt-get install python3-uno.")


def version(soffice: Path) -> tuple[int, ...]:
    """Return LibreOffice's version. Empty where it does not say."""
    match = re.search(r"LibreOffice (\d+)\.(\d+)(?:\.(\d+))?", _run([str(soffice), "--version"]))
    return tuple(int(g) for g in match.groups() if g) if match else ()


def _around(python: Path) -> dict[str, str]:
    """The environment of an office, with its own Python first on PATH.

    LibreOffice's Python takes its home from the first on PATH: with that of a virtual environment or of Conda, ours or
    another that somebody has activated, no function of the add-in is found.
    """
    unwanted = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
    kept = {k: v for k, v in os.environ.items() if k not in unwanted}
    return {**kept, "PATH": os.pathsep.join([str(python.parent), *filter(None, [kept.get("PATH")])])}


_FOLDERS = "xl_smallcap_office_"
_ABANDONED_SECONDS = 86_400.0


def _sweep() -> None:
    """Take away folders of processes that were killed before their driver knew of the folder, and of days before."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDERS}*"):
        with contextlib.suppress(OSError, ValueError):
            owner = int(folder.name.removeprefix(_FOLDERS).partition("_")[0])
            old = time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS
            if old or not ((folder / "profile").exists() or processes.alive(owner)):
                shutil.rmtree(folder, ignore_errors=True)


class Office:
    """A headless office, as a context manager; the whole process group ends with it.

    It starts at once; entering waits until it has.
    """

    def __init__(
        self,
        extension: dict[str, bytes] | None = None,
        profile: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        soffice = find_soffice()
        release = version(soffice)
        if release[:2] < OLDEST:
            has = ".".join(map(str, release)) or "of unknown version"
            raise OfficeMissingError(f"LibreOffice 25.2 or later is needed; {soffice} is {has}.")
        python = find_python(soffice)
        _sweep()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDERS}{os.getpid()}_"))
        self._driver: subprocess.Popen[str] | None = None
        self._started = self._ended = False
        try:
            self._launch(soffice, python, extension or {}, profile, environment or {})
        except BaseException as exc:
            self._end()
            if isinstance(exc, OSError):
                raise OfficeMissingError(f"LibreOffice cannot be started: {exc}.") from None
            raise

    def _launch(
        self,
        soffice: Path,
        python: Path,
        extension: dict[str, bytes],
        profile: Path | None,
        environment: dict[str, str],
    ) -> None:
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
        driver = self._folder / "driver.py"
        driver.write_bytes(resources.files("xl_smallcap.office").joinpath("driver.py").read_bytes())
        self._driver = processes.start(
            [str(python), str(driver), pipe, str(_START_SECONDS)], _around(python), talk=True
        )
        # the driver starts the office, and ends it, and the folder, where this process is ended before it can
        # its own temporary files go with our folder, whenever it ends
        spool = dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(self._folder))
        around = {**_around(python), **spool, **environment}
        setup = {"command": command, "environment": around, "folder": str(self._folder)}
        assert self._driver.stdin is not None
        self._driver.stdin.write(json.dumps(setup) + "\n")
        self._driver.stdin.flush()

    def _answer(self, seconds: float) -> Any:
        """The driver's next answer; where the office dies or does not answer in time, it is ended."""
        driver = self._driver
        assert driver is not None
        assert driver.stdout is not None
        answered = threading.Event()

        def watch() -> None:
            end = time.monotonic() + seconds
            while not answered.wait(_WATCH_SECONDS):
                if time.monotonic() > end or driver.poll() is not None:
                    answered.wait(_WATCH_SECONDS)  # it may have quit because it was asked to
                    if not answered.is_set():
                        self._kill()
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            line = driver.stdout.readline()
        finally:
            answered.set()
        if not line:
            raise OfficeMissingError(
                "LibreOffice did not start or stopped answering. Close all its windows, then try again."
            )
        answer = json.loads(line)
        if "error" in answer:
            raise OfficeMissingError(f"LibreOffice: {answer['error']}")
        return answer["ok"]

    def scratch(self) -> tempfile.TemporaryDirectory[str]:
        """Return a folder for copies it works on; it goes with the office, however this process ends."""
        return tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True)  # Windows keeps what is open

    def do(self, what: str, *arguments: Any, seconds: float = 120.0) -> Any:
        """Carry out one request of the driver."""
        driver = self._driver
        assert driver is not None
        assert driver.stdin is not None
        try:
            driver.stdin.write(json.dumps({"do": what, "with": arguments}) + "\n")
            driver.stdin.flush()
        except OSError:
            raise OfficeMissingError("LibreOffice has ended unexpectedly.") from None
        return self._answer(seconds)

    def _kill(self) -> None:
        """End both: the driver ends the office when its input ends, and is given a moment for that."""
        driver = self._driver
        if driver is None:
            return
        if driver.stdin is not None:
            with contextlib.suppress(OSError):
                driver.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            driver.wait(5)
        processes.kill(driver)

    def __enter__(self) -> Self:
        if not self._started:
            try:
                self._answer(_START_SECONDS + 10.0)
            except BaseException:
                self._end()
                raise
            self._started = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ended:
            return
        try:
            if self._quit() and self._driver is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._driver.wait(20)
        finally:
            self._end()

    def _quit(self) -> bool:
        """Ask the office to end; whether it heard."""
        try:
            if not self._started:
                self._answer(_PATIENCE_SECONDS)
            self.do("quit", seconds=20.0)
        except (OfficeMissingError, ValueError):
            return False
        return True

    def _end(self) -> None:
        """End whatever is left of it, and its folder."""
        self._ended = True
        self._kill()
        shutil.rmtree(self._folder, ignore_errors=True)
