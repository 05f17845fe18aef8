"""What goes over the loopback address: frames, each within a time and a size, after both sides have proved the token.

A frame is four bytes of length (big-endian) and JSON. A connection begins with ``{"hello": challenge}`` of the client.
The server answers ``{"challenge": own, "proof": p}`` with p = HMAC-SHA256(token, "server:challenge:own"), and the
client ``{"proof": q}`` with "client" in place of "server". The token itself is never sent: whoever has come to listen
on the port of a server that is gone learns nothing and is not believed.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import secrets
import socket
import struct
import time
from typing import Any

LARGEST_FRAME = 64 * 1024 * 1024
LARGEST_HELLO = 1024
"""Bytes a stranger may send before it has shown that it knows the token."""
HELLO_SECONDS = 5.0
"""Seconds that the whole of both proofs may take."""
EXCHANGE_SECONDS = 600.0
"""Seconds that one question and its answer may take."""


class NotOursError(ConnectionError):
    """The other side does not know the token."""


def proof(token: str, side: str, challenge: str, own: str) -> str:
    """Return what shows that one knows the token."""
    return hmac.new(token.encode(), f"{side}:{challenge}:{own}".encode(), hashlib.sha256).hexdigest()


def receive(link: socket.socket, largest: int, deadline: float | None) -> Any:
    """Read one frame. The JSON; None at the end of the stream."""
    head = _exactly(link, 4, deadline)
    if head is None:
        return None
    (size,) = struct.unpack(">I", head)
    if size > largest:
        raise ValueError("frame too large")
    body = _exactly(link, size, deadline)
    return None if body is None else json.loads(body)


def _exactly(link: socket.socket, size: int, deadline: float | None) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the frame took too long")
            link.settimeout(left)
        part = link.recv(min(size - len(received), 1 << 16))
        if not part:
            return None
        received += part
    return bytes(received)


def send(link: socket.socket, content: Any) -> None:
    """Write one frame."""
    body = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    link.sendall(struct.pack(">I", len(body)) + body)


def prove_to_client(link: socket.socket, token: str, about: dict[str, Any]) -> bool:
    """Carry out the server's side of the proofs. Whether it is."""
    deadline = time.monotonic() + HELLO_SECONDS
    hello = receive(link, LARGEST_HELLO, deadline)
    challenge = hello.get("hello") if isinstance(hello, dict) else None
    if not isinstance(challenge, str) or not challenge:
        return False
    own = secrets.token_hex(16)
    send(link, {"challenge": own, "proof": proof(token, "server", challenge, own)})
    answer = receive(link, LARGEST_HELLO, deadline)
    given = answer.get("proof", "") if isinstance(answer, dict) else ""
    if not hmac.compare_digest(str(given).encode(), proof(token, "client", challenge, own).encode()):
        return False
    send(link, {"ok": True, **about})
    return True


def connect(port: int, token: str) -> tuple[socket.socket, dict[str, Any]]:
    """Connect to our server, and believe it only after its proof.

    link: ready for questions; about: what the server says of itself.
    """
    link = socket.create_connection(("127.0.0.1", port), timeout=HELLO_SECONDS)
    try:
        deadline = time.monotonic() + HELLO_SECONDS
        challenge = secrets.token_hex(16)
        send(link, {"hello": challenge})
        answer = receive(link, LARGEST_HELLO, deadline)
        own = answer.get("challenge", "") if isinstance(answer, dict) else ""
        given = answer.get("proof", "") if isinstance(answer, dict) else ""
        if not hmac.compare_digest(str(given).encode(), proof(token, "server", challenge, str(own)).encode()):
            raise NotOursError("whoever listens there does not know the token")
        send(link, {"proof": proof(token, "client", challenge, str(own))})
        about = receive(link, LARGEST_HELLO, deadline)
        if not isinstance(about, dict) or not about.get("ok"):
            raise NotOursError("the server did not accept us")
    except BaseException:
        with contextlib.suppress(OSError):
            link.close()
        raise
    return link, about
