"""The hosts, each started once for the whole run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xl_smallcap.hosts.libreoffice.office import Office, OfficeMissingError
from xl_smallcap.hosts.libreoffice.package import package_files

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def office(sample_home: Path) -> Iterator[Office]:
    """One LibreOffice with the add-in, on a fresh profile."""
    environment = {"XL_SMALLCAP_HOME": str(sample_home), "XL_SMALLCAP_SERVER_IDLE_MINUTES": "5"}
    try:
        started = Office(extension=package_files(sample_home), environment=environment)
    except OfficeMissingError as exc:
        if os.environ.get("XL_SMALLCAP_REQUIRE_HOSTS") == "1":
            pytest.fail(f"XL_SMALLCAP_REQUIRE_HOSTS is set, but: {exc}")
        pytest.skip(str(exc))
    with started as opened:
        yield opened


class Excel:
    """A Python process in which the real xlwings code answers as it would answer Excel."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.hosts.fake_windows"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "XL_SMALLCAP_HOME": str(home), "PYTHONWARNINGS": "ignore"},
        )

    def ask(self, name: str, arguments: list[Any]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([name, arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the xlwings process ended"
        return json.loads(line)

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self.process.wait(20)


@pytest.fixture(scope="session")
def excel(sample_home: Path) -> Iterator[Excel]:
    started = Excel(sample_home)
    yield started
    started.close()
