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

ROOT = Path(__file__).parents[2]


class ComError(Exception):
    """An exception that left the server: its HRESULT and text."""


class Excel:
    """A Python process in which the real xlwings code answers as it would answer Excel, values as pywin32 has them."""

    def __init__(self, home: Path, **more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.hosts.fake_windows"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "XL_SMALLCAP_HOME": str(home), "PYTHONWARNINGS": "ignore", **more},
        )

    def ask(self, name: str, arguments: list[Any]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([name, arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the xlwings process ended"
        reply = json.loads(line)
        if "com_error" in reply:
            raise ComError(reply["com_error"], reply["text"])
        return reply["value"]

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
