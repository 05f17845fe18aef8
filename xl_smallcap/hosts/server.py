"""The loopback server: our process, warm, answering one user's spreadsheet over 127.0.0.1.

After the proofs of :mod:`link` every frame ``{"calls": [[name, [argument, ...]], ...]}``, with the workbook's ``"pin"``
where it has one and its ``"first_day"`` (days after 1899-12-30, 1462 with the date system of 1904), is answered by
``{"answers": [...]}``, each answer exactly one of ``{"value": v}``, ``{"table": rows}``, ``{"error": {"code": c,
"message": m}}``. Dates go as the workbook's day numbers. ``{"refresh": "start"}`` begins a refresh and ``{"refresh":
"state"}`` asks how far it is; both are answered by ``{"running", "done", "total", "text"}``.
Where the server listens and its token stand in ``run/server.json`` of the home folder, readable by the user alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import os
import secrets
import socket
import socketserver
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

from xl_smallcap.config import Settings, load_settings
from xl_smallcap.data.atomic import write_atomic
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.functions import BY_NAME
from xl_smallcap.functions.cells import Answer, day_number, evaluate
from xl_smallcap.hosts import background, link

_IDLE_CHECK_SECONDS = 5.0
_MOST_STRANGERS = 32
"""Connections at a time that have not shown the token yet; more are closed at once."""


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
    answers = [evaluate(str(name), _dated(str(name), given, first_day), pin) for name, given in request["calls"]]
    return {"answers": [_wire(answer, first_day) for answer in answers]}


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


class _Handler(socketserver.BaseRequestHandler):
    request: socket.socket

    def handle(self) -> None:
        server = cast("Server", self.server)
        if not server.strangers.acquire(blocking=False):
            return  # too many who have shown nothing yet: the connection ends
        try:
            try:
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ours = link.prove_to_client(self.request, server.token, {"pid": os.getpid()})
            finally:
                server.strangers.release()
            while ours:
                self.request.settimeout(None)  # between questions a spreadsheet may rest as long as it likes
                request = link.receive(self.request, link.LARGEST_FRAME, None)
                if request is None:
                    return
                server.touch()
                self.request.settimeout(link.EXCHANGE_SECONDS)
                link.send(self.request, _answered(request))
                server.touch()
        except (ValueError, KeyError, TypeError, OSError, RecursionError):
            return  # not our client, or gone: the connection ends, the server stays


class Server(socketserver.ThreadingTCPServer):
    """Answers worksheet calls on the loopback address; ends itself when unused."""

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, settings: Settings) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token = secrets.token_urlsafe(32)
        self.address_file = settings.home / "run" / "server.json"
        self.strangers = threading.BoundedSemaphore(_MOST_STRANGERS)
        self._idle_seconds = settings.server_idle_minutes * 60.0
        self._last_used = time.monotonic()

    def touch(self) -> None:
        """Note that somebody asked."""
        self._last_used = time.monotonic()

    def announce(self) -> None:
        """Write where the server listens, readable by this user alone."""
        content = json.dumps({"port": self.server_address[1], "token": self.token, "pid": os.getpid()})
        with contextlib.suppress(OSError):  # one that others can read does not pass its rights on
            if stat.S_IMODE(self.address_file.stat().st_mode) & 0o077:
                self.address_file.unlink()
        write_atomic(self.address_file, content.encode(), durable=False, private=True)

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
    """Tell whether the announced server answers."""
    try:
        address = json.loads(address_file.read_text(encoding="utf-8"))
        opened, about = link.connect(int(address["port"]), str(address["token"]))
        with opened:
            return bool(about)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _warm_up() -> None:
    """Import what the first cell would otherwise wait for, and open the snapshot."""
    evaluate("RUSSELL_BETA", ("inflation",))


def main() -> int:
    """Run ``python -m xl_smallcap.hosts.server``; a second one beside a live one ends at once.

    0; 1 where nobody could find it.
    """
    try:
        settings = load_settings()
        if running(settings.home / "run" / "server.json"):
            return 0
        threading.Thread(target=_warm_up, daemon=True).start()
        Server(settings).run()
    except XlSmallcapError as exc:  # a home that is another account's, or a full disk
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
