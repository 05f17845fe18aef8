"""The loopback server: token, frames, idle end."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import stat
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xl_smallcap.config import load_settings
from xl_smallcap.hosts import server as module
from xl_smallcap.session import Session


@pytest.fixture
def server(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[module.Server]:
    monkeypatch.setattr(module, "_IDLE_CHECK_SECONDS", 0.05)
    made = module.Server(dataclasses.replace(load_settings(tmp_path), server_idle_minutes=5.0))
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    while not made.address_file.exists():
        pass
    yield made
    made.shutdown()
    thread.join(20)
    assert not made.address_file.exists()


def connect(server: module.Server, token: str | None = None) -> Any:
    address = json.loads(server.address_file.read_text())
    link = socket.create_connection(("127.0.0.1", address["port"]), timeout=10)
    stream = link.makefile("rwb")
    link.close()
    module.write_frame(stream, {"token": address["token"] if token is None else token})
    return stream


def test_many_calls_in_one_frame(server: module.Server, session: Session) -> None:
    stream = connect(server)
    assert module.read_frame(stream)["pid"] == os.getpid()
    module.write_frame(
        stream,
        {"calls": [["RUSSELL_BETA", ["inflation"]], ["RUSSELL_BETA", ["x"]], ["RUSSELL_ASOF", []], ["NOPE", []]]},
    )
    answers = module.read_frame(stream)["answers"]
    from xl_smallcap.functions import RUSSELL_BETA

    assert answers[0] == {"value": RUSSELL_BETA("inflation")}
    assert answers[1]["error"]["code"] == "#VALUE!"
    assert answers[2] == {"value": 46022.0}
    assert "Unknown function" in answers[3]["error"]["message"]
    stream.close()


@pytest.mark.parametrize("token", ["", "wrong", "ä"])
def test_without_the_token_nothing_is_answered(server: module.Server, token: str) -> None:
    stream = connect(server, token)
    assert module.read_frame(stream) is None
    stream.close()


@pytest.mark.parametrize(
    "rubbish", [b"GET / HTTP/1.1\r\n\r\n", struct.pack(">I", 2**31), struct.pack(">I", 3) + b"{{{", b"\x00"]
)
def test_rubbish_ends_that_connection_only(server: module.Server, rubbish: bytes) -> None:
    address = json.loads(server.address_file.read_text())
    with socket.create_connection(("127.0.0.1", address["port"]), timeout=10) as link:
        link.sendall(rubbish)
        link.shutdown(socket.SHUT_WR)
        assert link.recv(100) == b""
    stream = connect(server)
    assert module.read_frame(stream)["ok"]
    stream.close()


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX; on Windows the profile's rights hold")
def test_the_token_is_readable_by_its_user_alone(server: module.Server) -> None:
    assert stat.S_IMODE(server.address_file.stat().st_mode) == 0o600
    assert server.server_address[0] == "127.0.0.1"
    assert module.running(server.address_file)


def test_it_ends_itself_when_unused(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IDLE_CHECK_SECONDS", 0.05)
    made = module.Server(dataclasses.replace(load_settings(tmp_path), server_idle_minutes=0.002))
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert not module.running(made.address_file)
