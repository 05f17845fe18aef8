"""The loopback server: our process, warm, answering one user's spreadsheet over 127.0.0.1.

A frame is four bytes of length (big-endian) and JSON. The first frame of a connection is ``{"token": ...}``; every
further one ``{"calls": [[name, [argument, ...]], ...]}``, with the workbook's ``"pin"`` where it has one and its
``"first_day"`` (days after 1899-12-30, 1462 with the date system of 1904), is answered by
``{"answers": [...]}``, each answer exactly one of ``{"value": v}``, ``{"table": rows}``, ``{"error": {"code": c,
"message": m}}``. Dates go as the workbook's day numbers. ``{"refresh": "start"}`` begins a refresh and ``{"refresh":
"state"}`` asks how far it is; both are answered by ``{"running", "done", "total", "text"}``.
Where the server listens and its token stand in ``run/server.json`` of the home folder, readable by the user alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hmac
import json
import os
import secrets
import socket
import socketserver
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

from xl_smallcap.config import Settings, load_settings
from xl_smallcap.functions import BY_NAME
from xl_smallcap.hosts import background
from xl_smallcap.hosts._cells import Answer, day_number, evaluate

_LARGEST_FRAME = 64 * 1024 * 1024
_IDLE_CHECK_SECONDS = 5.0
_LARGEST_HELLO, _HELLO_SECONDS = 1024, 5.0
"""What a stranger may send, and how long it may take, before it has shown the token."""


def _wire(answer: Answer, first_day: float) -> dict[str, Any]:
    def cell(value: Any) -> Any:
        return day_number(value) - first_day if isinstance(value, dt.date) else value

    if answer.code is not None:
        return {"error": {"code": answer.code, "message": answer.message}}
    if answer.table is not None:
        return {"table": [[cell(v) for v in row] for row in answer.table]}
    return {"value": cell(answer.value)}


def _answered(request: Any) -> dict[str, Any]:
    refreshing = background.shared()
    if "refresh" in request:
        state = refreshing.start() if request["refresh"] == "start" else refreshing.state()
        return dataclasses.asdict(state)
    pin, first_day = request.get("pin"), float(request.get("first_day", 0))
    told = [evaluate(str(name), _dated(str(name), given, first_day), pin) for name, given in request["calls"]]
    return {"answers": [_wire(answer, first_day) for answer in told]}


def _dated(name: str, arguments: list[Any], first_day: float) -> list[Any]:
    """The arguments with day numbers of dates counted from 1899-12-30; 0 is an empty cell."""
    entry = BY_NAME.get(name.upper())
    if not first_day or entry is None:
        return arguments

    def day(value: Any) -> Any:
        if isinstance(value, list):  # a cell may come as a range of one
            return [day(v) for v in value]
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value + first_day if number and value else value

    dated = [p.is_date for p in entry.parameters]
    return [day(a) if k < len(dated) and dated[k] else a for k, a in enumerate(arguments)]


def read_frame(stream: Any, largest: int = _LARGEST_FRAME) -> Any:
    """Read one frame.

    Parameters
    ----------
    stream : file-like
        Binary.
    largest : int
        Bytes accepted.

    Returns
    -------
    object
        The JSON; None at the end of the stream.

    Raises
    ------
    ValueError
        Not a frame.
    """
    head = stream.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack(">I", head)
    if size > largest:
        raise ValueError("frame too large")
    body = stream.read(size)
    if len(body) < size:
        return None
    return json.loads(body)


def write_frame(stream: Any, content: Any) -> None:
    """Write one frame.

    Parameters
    ----------
    stream : file-like
        Binary.
    content : object
        JSON-able, without NaN.
    """
    body = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    stream.write(struct.pack(">I", len(body)) + body)
    stream.flush()


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle(self) -> None:
        server = cast("Server", self.server)
        try:
            self.connection.settimeout(_HELLO_SECONDS)
            hello = read_frame(self.rfile, _LARGEST_HELLO)
            token = hello.get("token", "") if isinstance(hello, dict) else ""
            if not hmac.compare_digest(str(token).encode(), server.token.encode()):
                return
            self.connection.settimeout(None)
            write_frame(self.wfile, {"ok": True, "pid": os.getpid()})
            while (request := read_frame(self.rfile)) is not None:
                server.touch()
                write_frame(self.wfile, _answered(request))
                server.touch()
        except (ValueError, KeyError, TypeError, OSError):
            return  # not our client, or gone: the connection ends, the server stays


class Server(socketserver.ThreadingTCPServer):
    """Answers worksheet calls on the loopback address; ends itself when unused.

    Parameters
    ----------
    settings : Settings
        Home folder and idle time.
    """

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, settings: Settings) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token = secrets.token_urlsafe(32)
        self.address_file = settings.home / "run" / "server.json"
        self._idle_seconds = settings.server_idle_minutes * 60.0
        self._last_used = time.monotonic()

    def touch(self) -> None:
        """Note that somebody asked."""
        self._last_used = time.monotonic()

    def announce(self) -> None:
        """Write where the server listens, readable by this user alone."""
        self.address_file.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps({"port": self.server_address[1], "token": self.token, "pid": os.getpid()})
        temporary = self.address_file.with_name(f"server.{os.getpid()}.tmp")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(content)
        temporary.replace(self.address_file)

    def service_actions(self) -> None:
        """End when nobody has asked for the idle time."""
        if time.monotonic() - self._last_used > self._idle_seconds:
            threading.Thread(target=self.shutdown, daemon=True).start()
            self._last_used = time.monotonic()

    def run(self) -> None:
        """Serve until idle, then take the announcement away if it is still ours."""
        self.announce()
        try:
            self.serve_forever(poll_interval=_IDLE_CHECK_SECONDS)
        finally:
            self.server_close()
            with contextlib.suppress(OSError, ValueError, KeyError):
                if json.loads(self.address_file.read_text(encoding="utf-8"))["pid"] == os.getpid():
                    self.address_file.unlink()


def running(address_file: Path) -> bool:
    """Tell whether the announced server answers.

    Parameters
    ----------
    address_file : pathlib.Path
        ``run/server.json``.

    Returns
    -------
    bool
    """
    try:
        address = json.loads(address_file.read_text(encoding="utf-8"))
        with socket.create_connection(("127.0.0.1", int(address["port"])), timeout=2.0) as link:
            stream = link.makefile("rwb")
            write_frame(stream, {"token": address["token"]})
            return bool(read_frame(stream))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _warm_up() -> None:
    """Import what the first cell would otherwise wait for, and open the snapshot."""
    evaluate("RUSSELL_BETA", ("inflation",))


def main() -> int:
    """Run ``python -m xl_smallcap.hosts.server``; a second one beside a live one ends at once.

    Returns
    -------
    int
    """
    settings = load_settings()
    if running(settings.home / "run" / "server.json"):
        return 0
    server = Server(settings)
    threading.Thread(target=_warm_up, daemon=True).start()
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
