"""The way to the network: requests with the system's certificates and proxy, limits on every answer."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import truststore
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util.retry import Retry
from urllib3.util.ssl_ import create_urllib3_context

from xl_smallcap._version import __version__
from xl_smallcap.config import Settings
from xl_smallcap.errors import SourceError, UnreachableError

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes after decompression; the largest real answer (all vintages of a weekly series) is a tenth of it."""
LONGEST_WAIT = 60.0
"""Seconds a Retry-After may ask for; a longer one is passed on to the user as a sentence."""
_TOTAL_TIMEOUTS = 4.0
_REDIRECTS = 3
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_CHUNK = 64 * 1024
_SECRET = re.compile(r"(api_key|apikey|token|key)=[^&\s\"']+", re.IGNORECASE)


class _Masked(logging.Filter):
    """Take keys out of what the HTTP libraries log."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        masked = _SECRET.sub(r"\1=***", text)
        if masked != text:
            record.msg, record.args = masked, None
        return True


for _name in ("urllib3.connectionpool", "urllib3.util.retry", "urllib3.connection", "requests"):
    logging.getLogger(_name).addFilter(_Masked())


class _SystemTrust(HTTPAdapter):
    """Checks certificates as the system does: a desk's own authority, installed by IT, counts."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["ssl_context"] = _trust()
        return super().init_poolmanager(*args, **kwargs)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["ssl_context"] = _trust()
        return super().proxy_manager_for(*args, **kwargs)


def _trust() -> Any:
    import ssl

    try:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    except ImportError:  # a Python built without the system's trust: the certificates that come with requests
        return create_urllib3_context()


class Pace:
    """At most so many requests to one host in any minute; safe between threads."""

    def __init__(
        self, a_minute: int, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._most, self._clock, self._sleep = a_minute, clock, sleep
        self._lock = threading.Lock()
        self._sent: dict[str, deque[float]] = {}

    def wait(self, host: str) -> None:
        """Return when the next request to a host may go out."""
        while True:
            with self._lock:
                sent, now = self._sent.setdefault(host, deque()), self._clock()
                while sent and now - sent[0] >= 60.0:
                    sent.popleft()
                if len(sent) < self._most:
                    sent.append(now)
                    return
                pause = 60.0 - (now - sent[0])
            self._sleep(pause)


class Client:
    """GET with time limits, retries, a largest size and no way to another host."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._local = threading.local()
        self._gone: dict[str, str] = {}
        self.stopped = threading.Event()
        self._pace = Pace(settings.requests_a_minute, sleep=self._pause)

    def _pause(self, seconds: float) -> None:
        if self.stopped.wait(seconds):
            raise SourceError("stopped.")

    def stop(self) -> None:
        """Let every request under way end at its next breath."""
        self.stopped.set()

    def get(self, url: str, params: Mapping[str, str] | None = None, who: str = "") -> bytes:
        """Fetch one address. The whole body, decompressed."""
        settings = self._settings
        host = urlsplit(url).netloc
        what = f"{who} ({host})" if who else host
        publisher = f"{who.partition(',')[0]} ({host})" if who else host
        retry = Retry(total=settings.retries, backoff_factor=settings.retry_seconds, backoff_max=LONGEST_WAIT)
        while True:
            answer: requests.Response | None = None
            try:
                if host in self._gone:
                    raise UnreachableError(f"{what}: {self._gone[host]}", f"{publisher}: {self._gone[host]}")
                self._pace.wait(host)
                answer, body = self._once(url, params, what)
                if body is not None:
                    return body
                failure: SourceError = SourceError(
                    f"{what} answered {answer.status_code} {answer.reason or ''}".rstrip() + "."
                )
            except (requests.RequestException, HTTPError, OSError) as exc:
                reason = _told(exc, settings.timeout_seconds)
                failure = UnreachableError(f"{what}: {reason}", f"{publisher}: {reason}")
                if isinstance(exc, requests.exceptions.SSLError):
                    raise failure from None
            raw = None if answer is None else answer.raw
            pause = _retry_after(answer)
            if pause > LONGEST_WAIT:
                raise SourceError(f"{what} asks to wait {pause:.0f} seconds; refresh again then.")
            final = "the name is not known" in str(failure)
            try:
                if final:
                    raise MaxRetryError(None, "", None)  # type: ignore[arg-type]  # no pool: only its type is meant
                retry = retry.increment("GET", "", response=raw, error=None if raw else HTTPError("again"))
            except MaxRetryError:
                if final or "connection refused" in str(failure):
                    self._gone[host] = str(failure).partition(": ")[2]
                tries = settings.retries + 1
                if final or tries == 1:
                    raise failure from None
                said = f"{str(failure)[:-1]}, {tries} tries."
                if isinstance(failure, UnreachableError):
                    raise UnreachableError(said, failure.publisher) from None
                raise SourceError(said) from None
            if self.stopped.wait(pause or retry.get_backoff_time()):
                raise failure

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.headers["User-Agent"] = f"Mozilla/5.0 (compatible; xl_smallcap/{__version__})"
            session.headers["Accept-Encoding"] = "gzip, deflate"
            session.mount("https://", _SystemTrust(max_retries=0))
            session.mount("http://", HTTPAdapter(max_retries=0))
            self._local.session = session
        return session

    def _once(self, url: str, params: Mapping[str, str] | None, what: str) -> tuple[requests.Response, bytes | None]:
        """One try: the body, or None where another try may help."""
        deadline = time.monotonic() + _TOTAL_TIMEOUTS * self._settings.timeout_seconds
        query: Mapping[str, str] | None = params
        for _ in range(_REDIRECTS + 1):
            answer = self._session().get(
                url, params=query, stream=True, allow_redirects=False, timeout=self._settings.timeout_seconds
            )
            with answer:
                if answer.is_redirect:
                    target = urljoin(url, answer.headers["Location"])
                    if urlsplit(target)[:2] != urlsplit(url)[:2]:
                        raise SourceError(
                            f"{what} sends us to another host, {urlsplit(target).netloc}; that is not followed. Is a "
                            "proxy asking for a login?"
                        )
                    url, query = target, None
                    continue
                if answer.status_code in _PASSING:
                    return answer, None
                if answer.status_code != 200:
                    raise SourceError(_refused(what, answer.status_code, answer.reason))
                return answer, self._body(answer, what, deadline)
        raise SourceError(f"{what} redirects in a circle.")

    def _body(self, answer: requests.Response, what: str, deadline: float) -> bytes:
        body = bytearray()
        # read1 gives what has come, so that a trickle meets the deadline; iter_content would wait for a whole chunk
        while part := answer.raw.read1(_CHUNK, decode_content=True):
            body += part
            if len(body) > LARGEST_ANSWER:
                raise SourceError(
                    f"{what} sends more than {LARGEST_ANSWER >> 20} MB for one series; that is not a series."
                )
            if time.monotonic() > deadline:
                raise SourceError(
                    f"{what} is too slow: not finished in {_TOTAL_TIMEOUTS * self._settings.timeout_seconds:g} seconds."
                )
            if self.stopped.is_set():
                raise SourceError(f"{what}: stopped.")
        promised = answer.headers.get("Content-Length")
        got = answer.raw.tell() if promised else 0
        if promised and promised.isdigit() and got < int(promised):
            raise requests.exceptions.ChunkedEncodingError(f"{got} of {promised} bytes")
        return bytes(body)


def _retry_after(answer: requests.Response | None) -> float:
    """Seconds an answer asks to wait; 0 where it does not, or not in a way that can be read."""
    text = answer.headers.get("Retry-After") if answer is not None else None
    if not text:
        return 0.0
    try:
        return max(0.0, float(Retry().parse_retry_after(text)))
    except (HTTPError, ValueError):
        return 0.0


def _refused(what: str, status: int, reason: str) -> str:
    hints = {
        400: "the question was not understood; is the key or the symbol right?",
        401: "a key is needed, or the one given is wrong.",
        403: "it refuses this program or this network; a proxy, or a key of its own, may help.",
        404: "it does not know this symbol.",
        407: "the proxy asks for a login.",
    }
    return f"{what} answered {status} {reason}: {hints.get(status, 'that is not an answer we can use.')}"


_ON_THE_WAY: tuple[tuple[str, str], ...] = (
    (
        "CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError|SSLCert",
        "the certificate is not trusted by this system, so nothing was read. A desk's proxy with a certificate of "
        "its own must be installed in the system's store.",
    ),
    ("ProxyError", "the proxy does not let us through."),
    ("Timeout|timed out", "no answer within {timeout:g} seconds."),
    ("getaddrinfo|NameResolution|Name or service", "the name is not known; is there a network?"),
    ("ContentDecodingError|DecodeError", "the answer is damaged (it cannot be decompressed)."),
    (
        "ChunkedEncodingError|IncompleteRead|ProtocolError|reset by peer",
        "the connection ended in the middle of the answer.",
    ),
    ("refused", "nobody answers there (connection refused)."),
)


def _told(exc: BaseException, timeout: float) -> str:
    """Say what went wrong on the way, without the address."""
    text = f"{type(exc).__name__} {exc} {exc.__cause__} {exc.__context__}"
    said = (say for pattern, say in _ON_THE_WAY if re.search(pattern, text))
    return next(said, "the connection broke.").format(timeout=timeout)
