"""The loopback server: token, frames, idle end."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import socket
import stat
import struct
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xl_smallcap.config import load_settings
from xl_smallcap.hosts import link
from xl_smallcap.hosts import server as module
from xl_smallcap.hosts.libreoffice.package import package_files
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


def address_of(server: module.Server) -> dict[str, Any]:
    address: dict[str, Any] = json.loads(server.address_file.read_text())
    return address


def connect(server: module.Server) -> socket.socket:
    address = address_of(server)
    opened, reply = link.connect(address["port"], address["token"])
    assert reply["pid"] == os.getpid()
    return opened


def ask(opened: socket.socket, content: Any) -> Any:
    link.send(opened, content)
    return link.receive(opened, link.LARGEST_FRAME, time.monotonic() + 30)


def test_many_calls_in_one_frame(server: module.Server, session: Session) -> None:
    from xl_smallcap.functions import RUSSELL_BETA

    calls = [["RUSSELL_BETA", ["inflation"]], ["RUSSELL_BETA", ["x"]], ["RUSSELL_ASOF", []], ["NOPE", []]]
    with connect(server) as opened:
        answers = ask(opened, {"calls": calls})["answers"]
    assert answers[0] == {"value": RUSSELL_BETA("inflation")}
    assert answers[1]["error"]["code"] == "#VALUE!"
    assert answers[2] == {"value": 46022.0}
    assert "Unknown function" in answers[3]["error"]["message"]


@pytest.mark.parametrize("token", ["", "wrong", "ä"])
def test_without_the_token_nothing_is_answered(server: module.Server, token: str) -> None:
    """The server proves first, so a client with another token goes; one that goes on is closed."""
    address = address_of(server)
    with pytest.raises(link.NotOursError):
        link.connect(address["port"], token)
    with socket.create_connection(("127.0.0.1", address["port"]), timeout=10) as opened:
        reply = ask(opened, {"hello": "abc"})
        assert "ok" not in reply
        assert ask(opened, {"proof": link.proof(token, "client", "abc", reply["challenge"])}) is None
    with socket.create_connection(("127.0.0.1", address["port"]), timeout=10) as opened:
        reply = ask(opened, {"hello": "abc"})
        assert ask(opened, {"proof": reply["proof"]}) is None, "the server's own proof is not the client's"
    with socket.create_connection(("127.0.0.1", address["port"]), timeout=10) as opened:
        assert ask(opened, {"token": address["token"]}) is None, "as versions before asked: nothing is told"


@pytest.mark.parametrize(
    "rubbish", [b"GET / HTTP/1.1\r\n\r\n", struct.pack(">I", 2**31), struct.pack(">I", 3) + b"{{{", b"\x00"]
)
def test_rubbish_ends_that_connection_only(server: module.Server, rubbish: bytes) -> None:
    with socket.create_connection(("127.0.0.1", address_of(server)["port"]), timeout=10) as opened:
        opened.sendall(rubbish)
        with contextlib.suppress(OSError):  # ended already
            opened.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):  # ended with something unread
            assert opened.recv(100) == b""
    connect(server).close()


def test_a_stranger_that_drips_is_not_waited_for(server: module.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """One deadline for both proofs, however many bytes come in between."""
    monkeypatch.setattr(link, "HELLO_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", address_of(server)["port"]), timeout=10) as opened:
        began = time.monotonic()
        body = b'{"hello":"' + b"x" * 200 + b'"}'
        opened.sendall(struct.pack(">I", len(body)))
        with contextlib.suppress(OSError):
            for k in range(len(body)):
                opened.sendall(body[k : k + 1])
                time.sleep(0.05)
        assert time.monotonic() - began < 5.0
    connect(server).close()


def test_too_many_strangers_keep_nobody_out_for_long(server: module.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "HELLO_SECONDS", 1.0)
    port = address_of(server)["port"]
    silent = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(80)]
    time.sleep(0.3)
    assert threading.active_count() < 60, "those beyond the limit were closed at once"
    time.sleep(1.2)
    connect(server).close()
    for one in silent:
        one.close()


class Stranger(threading.Thread):
    """Whoever has come to listen on the port of a server that was killed; remembers all it hears."""

    def __init__(self, answers: list[Any]) -> None:
        super().__init__(daemon=True)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.answers, self.heard = answers, b""
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                opened, _ = self.listening.accept()
                with opened:
                    opened.settimeout(2)
                    for answer in self.answers:
                        self.heard += opened.recv(1 << 16)
                        link.send(opened, answer)
                    self.heard += opened.recv(1 << 16)


STRANGE = [
    [{"ok": True, "pid": 1}, {"answers": [{"value": 99.0}]}],
    [{"challenge": "abc", "proof": "0" * 64}, {"ok": True}, {"answers": [{"value": 99.0}]}],
    [{"challenge": "abc"}],
    [[1, 2, 3]],
]


@pytest.mark.parametrize("answers", STRANGE)
def test_a_stranger_on_the_port_learns_no_token_and_is_not_believed(tmp_path: Path, answers: list[Any]) -> None:
    stranger = Stranger(answers)
    address = tmp_path / "run" / "server.json"
    address.parent.mkdir()
    address.write_text(json.dumps({"port": stranger.port, "token": "a secret token", "pid": 1}))
    assert not module.running(address)
    with pytest.raises((OSError, ValueError)):
        link.connect(stranger.port, "a secret token")
    time.sleep(0.1)
    assert b"secret" not in stranger.heard
    stranger.listening.close()


@pytest.mark.parametrize("answers", STRANGE)
def test_the_add_in_believes_no_stranger_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[Any]
) -> None:
    """LibreOffice's side, whose code is its own: with stand-ins for UNO's types."""
    addin = addin_module(monkeypatch, tmp_path)
    stranger = Stranger(answers)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "server.json").write_text(json.dumps({"port": stranger.port, "token": "a secret token"}))
    with pytest.raises((ConnectionError, KeyError, TypeError, OSError)):
        addin.LINK._connect()
    assert addin.LINK.socket is None
    time.sleep(0.1)
    assert b"secret" not in stranger.heard
    stranger.listening.close()


def test_the_add_in_and_the_server_agree(
    server: module.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    addin = addin_module(monkeypatch, tmp_path)
    addin.LINK._connect()
    assert "value" in addin.LINK.ask("RUSSELL_BETA", ["inflation"])
    addin.LINK.socket.close()
    slow = Stranger([])
    with socket.create_connection(("127.0.0.1", slow.port)) as opened:
        began = time.monotonic()
        with pytest.raises(OSError, match="timed out|too long|closed"):
            addin._exchange(opened, {"calls": []}, seconds=0.3)
        assert time.monotonic() - began < 2.5
    slow.listening.close()


def addin_module(monkeypatch: pytest.MonkeyPatch, home: Path) -> Any:
    """The add-in's module, outside LibreOffice."""
    for name in ("uno", "unohelper", "org", "org.xlsmallcap", "com", "com.sun", "com.sun.star", "com.sun.star.lang",
                 "com.sun.star.sheet", "com.sun.star.task"):  # fmt: skip
        made = types.ModuleType(name)
        made.__getattr__ = lambda attribute: type(attribute, (), {})  # type: ignore[method-assign]
        monkeypatch.setitem(sys.modules, name, made)
    sys.modules["unohelper"].ImplementationHelper = type("H", (), {"addImplementation": lambda *_: None})  # type: ignore[attr-defined]
    folder = home / "addin"
    folder.mkdir()
    for name, content in package_files(home).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(home))
    spec = importlib.util.spec_from_file_location("addin_under_test", folder / "addin.py")
    assert spec is not None
    assert spec.loader is not None
    addin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(addin)
    return addin


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
