"""Web requests with an end: whatever a server does, one takes no longer than it may and can be cut from outside."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Lock, Timer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from deidkit.errors import Interruption

CONNECTING = 10.0
"""Seconds that each step towards a connection may take."""

LARGEST = 1 << 28
"""Bytes of an answer that are read at most."""


class NobodyThere(Exception):
    """There is no connection to the server; the text says why, in words that hold nothing of the request."""


class TooLate(Exception):
    """The answer was not whole in time."""


class BrokenOff(Exception):
    """The server ended the connection before its answer, or answered something that is not HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: its status, the body of a success, and where a redirect points to."""

    status: int
    body: bytes = b""
    location: str = ""


def proxy(address: str) -> str:
    """Host and port of the proxy by which a request goes, as the environment says; an empty text for none."""
    parts = urlsplit(address)
    found = urllib.request.getproxies().get(parts.scheme, "")
    if not found or urllib.request.proxy_bypass(parts.netloc):
        return ""
    unnamed = found.rpartition("@")[2]  # without its user's name and password
    return unnamed.rpartition("://")[2].strip("/")


class Posting:
    """Sends requests until it is stopped. Follows no redirect: it would take picture and token to another address."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lines: set[socket.socket] = set()
        self._stopped = Event()

    def post(self, address: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """Send one request.

        Args:
            address: Where to, ASCII only.
            body: What is sent.
            headers: Sent with it.
            seconds: How long it may take from the connection to the end of the answer.

        Raises:
            NobodyThere: There is no connection.
            TooLate: It takes too long.
            BrokenOff: The connection ends too early.
            Interruption: It was cut by `stop`, or is asked for after that.
        """
        request = urllib.request.Request(address, body, dict(headers), method="POST")
        late = Event()
        try:
            with self._watched(seconds, late) as connected:
                answer = _answer(urllib.request.build_opener(_Handler(connected), _NoRedirect), request)
            broken = False
        except (OSError, HTTPException) as error:
            broken = True
            if isinstance(getattr(error, "reason", error), TimeoutError):
                late.set()
        except ValueError:  # its text may hold a header or the password of a proxy
            raise NobodyThere("the request cannot be made, look at the proxy in the environment") from None
        self._go_on()
        if late.is_set():
            raise TooLate
        if broken:
            raise BrokenOff
        return answer

    def wait(self, seconds: float) -> None:
        """Let time pass. Raises Interruption as soon as it is stopped."""
        self._stopped.wait(seconds)
        self._go_on()

    def stop(self) -> None:
        """Cut every request under way and send no more."""
        with self._lock:
            self._stopped.set()
            for line in self._lines:
                _cut(line)

    @contextmanager
    def _watched(self, seconds: float, late: Event) -> Iterator[Callable[[socket.socket], None]]:
        """Gives what is to be called with a request's socket: from then on time runs, and it can be stopped."""
        timers: list[Timer] = []
        lines: list[socket.socket] = []

        def end() -> None:
            late.set()
            for line in lines:
                _cut(line)

        def connected(line: socket.socket) -> None:
            line.settimeout(seconds)
            with self._lock:
                self._go_on()
                self._lines.add(line)
            lines.append(line)
            timers.append(Timer(seconds, end))
            timers[-1].daemon = True
            timers[-1].start()

        try:
            yield connected
        finally:
            for timer in timers:
                timer.cancel()
            with self._lock:
                self._lines.difference_update(lines)

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise Interruption("the web service is not asked any more.")


def _answer(opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> Answer:
    try:
        with opener.open(request, timeout=CONNECTING) as answer:
            body = answer.read(LARGEST)
            if answer.length and len(body) < LARGEST:
                raise ConnectionError("the answer is shorter than it says")
            return Answer(answer.status, body)
    except HTTPError as error:
        with error:
            return Answer(error.code, location=error.headers.get("Location") or "")


def _cut(line: socket.socket) -> None:
    """End a connection under the thread that waits for it; closing it would leave that waiting."""
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)  # not that of TLS, which is not made for two threads


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none: it becomes an answer like any other."""


class _Connection(HTTPConnection):
    connected: Callable[[socket.socket], None]

    def connect(self) -> None:
        try:
            super().connect()
        except OSError as error:
            raise NobodyThere(f"{error.strerror or error}".rstrip(".")) from None
        self.connected(self.sock)


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens connections that tell when they stand."""

    def __init__(self, connected: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._connected = connected

    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self._connection_of(_Connection), request)

    def https_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self._connection_of(_SecureConnection), request)

    def _connection_of(self, kind: type[_Connection]) -> Any:
        def make(host: str, **options: Any) -> _Connection:
            connection = kind(host, **options)
            connection.connected = self._connected
            return connection

        return make
