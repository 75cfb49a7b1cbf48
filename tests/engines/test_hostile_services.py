"""A service that answers anything but what it should: one sentence or a failure of the picture, in time and memory."""

from __future__ import annotations

import base64
import gzip
import io
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image as Pillow

from deidkit import plugins
from deidkit.errors import DeidkitError
from deidkit.protocols import Failure
from deidkit.testing import hand_images

Answer = Callable[[socket.socket, int], None]
"""Writes what is answered to the connection of a request, given how many came before it."""


class Hostile:
    """Reads each request whole and answers it with raw bytes."""

    def __init__(self) -> None:
        self.answer: Answer = lambda connection, _: None
        self.asked: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while not self._ended.is_set():
                connection, _ = self._listening.accept()
                with connection, suppress(OSError):
                    connection.settimeout(10)
                    self.asked.append(_request(connection))
                    self.answer(connection, len(self.asked) - 1)

    def close(self) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


def _request(connection: socket.socket) -> bytes:
    """The head of a request; raises OSError where who asks has gone, as they do on a busy machine."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += _more(connection)
    head, _, body = read.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line), 0)
    while len(body) < length:
        body += _more(connection)
    return head


def _more(connection: socket.socket) -> bytes:
    found = connection.recv(65536)
    if not found:
        raise ConnectionResetError
    return found


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hostile]:
    monkeypatch.setattr("deidkit_engines.service.WAITS", (0.01,))
    monkeypatch.setattr("deidkit_engines.service.POLLING", 0.01)
    made = Hostile()
    yield made
    made.close()


def ask(service: Hostile, options: str = "timeout=30") -> np.ndarray | Failure:
    engine, _ = plugins.create("engine", f"service:{service.address}/a,{options}")
    (row,) = engine.deidentify(hand_images()[:1], [0])
    return row[0]


def bomb() -> bytes:
    """A PNG of a few hundred kilobytes that says it has 30,000 x 30,000 pixels."""
    with io.BytesIO() as file:
        Pillow.fromarray(np.zeros((8, 8), np.uint8)).save(file, "PNG")
        whole = bytearray(file.getvalue())
    whole[16:24] = (30_000).to_bytes(4, "big") * 2
    whole[29:33] = zlib.crc32(whole[12:29]).to_bytes(4, "big")
    return bytes(whole)


def said(head: str, body: bytes = b"", length: bool = True) -> Answer:
    ends = f"Content-Length: {len(body)}\r\n" if length else ""
    return lambda connection, _: connection.sendall(f"HTTP/1.1 {head}\r\n{ends}\r\n".encode("latin-1") + body)


def repeated(head: bytes, again: bytes, pause: float = 0.0) -> Answer:
    def answer(connection: socket.socket, _: int) -> None:
        connection.sendall(head)
        until = time.monotonic() + 5
        while time.monotonic() < until:
            connection.sendall(again)
            time.sleep(pause)

    return answer


OK = b"HTTP/1.1 200 OK\r\n"
ZEROS = bytes(10_000_000)
FAILURES: dict[str, tuple[Answer, str]] = {
    "drips a body": (repeated(OK + b"Content-Length: 99999\r\n\r\n", b"x", 0.02), "took longer"),
    "drips its first line": (repeated(b"HTTP/1.1 2", b"0", 0.02), "took longer"),
    "drips headers": (repeated(OK, b"A: b\r\n", 0.02), "took longer"),
    "headers without end": (repeated(OK, b"A: " + b"b" * 60_000 + b"\r\n"), "broke off"),
    "a header without end": (repeated(OK + b"A: ", b"b" * 60_000), "broke off"),
    "early hints without end": (repeated(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.001), "took longer"),
    "chunks without end": (repeated(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.01), "took longer"),
    "a chunk of a negative size": (said("200 OK\r\nTransfer-Encoding: chunked", b"-5\r\nx\r\n", False), "broke off"),
    "a chunk of any size": (said("200 OK\r\nTransfer-Encoding: chunked", b"f" * 30 + b"\r\nx", False), "broke off"),
    "two lengths": (said("200 OK\r\nContent-Length: 3\r\nContent-Length: 7", b"abc", False), "broke off"),
    "a length that is not a number": (said("200 OK\r\nContent-Length: many", b"abc", False), "broke off"),
    "no HTTP": (lambda connection, _: connection.sendall(b"SSH-2.0-OpenSSH_9\r\n"), "broke off"),
    "a status of many digits": (said("2000000 OK"), "broke off"),
    "a line break within a header": (said("200 OK\r\nA: b\r\n\tc\r\n\x00D: e"), "broke off"),
    "other letters in headers": (said("200 \xdc\r\nX-\x41: \xfc\x1b[2J"), ""),
    "nothing": (lambda connection, _: None, "broke off"),
    "a gzip bomb": (said("200 OK\r\nContent-Encoding: gzip", gzip.compress(ZEROS)), "cannot be used"),
    "a deflate bomb": (said("200 OK\r\nContent-Encoding: deflate", zlib.compress(ZEROS)), "cannot be used"),
    "another compression": (said("200 OK\r\nContent-Encoding: br, br, br", b"\x0b\x00\x80"), "cannot be used"),
    "a page": (said("200 OK\r\nContent-Type: image/png", b"<html>\x1b[2J</html>"), "cannot be used"),
    "no content": (said("204 No Content"), "cannot be used"),
    "a bomb of a picture": (said("200 OK", bomb()), "cannot be used"),
    "a bomb in JSON": (
        said("200 OK", json.dumps({"image": base64.b64encode(bomb()).decode()}).encode()), "cannot be used",
    ),
    "JSON of surrogates": (said("200 OK", b'{"image": "\\ud800"}'), "cannot be used"),
    "JSON in other letters": (said("200 OK", '{"image": "QUJD"}'.encode("utf-16")), "cannot be used"),
    "a task that never ends": (said("202 Accepted\r\nLocation: /a"), "took longer"),
    "tasks without end": (
        lambda connection, n: said(f"202 Accepted\r\nLocation: /{n}{'/..' * n}")(connection, n), "took longer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FAILURES)
def test_what_a_hostile_service_answers_is_a_failure_of_that_picture(what: str, service: Hostile) -> None:
    service.answer, why = FAILURES[what]
    made = ask(service, "timeout=0.3") if why == "took longer" else ask(service)
    assert isinstance(made, Failure) and why in made.reason
    assert "\x1b" not in made.reason


STOPS = {
    "a redirect to a file": ("302 Found\r\nLocation: file:///etc/passwd", "points to file://"),
    "a redirect to another host": ("307 Moved\r\nLocation: http://other.example/?t=s3cret", "http://other.example/;"),
    "a redirect to itself": ("301 Moved\r\nLocation: /a", "answers 301 and points to"),
    "a redirect to nowhere": ("302 Found\r\nLocation: http://[", "an address that cannot be read"),
    "a task at nowhere": ("202 Accepted\r\nLocation: http://[", "an address that cannot be read"),
    "a task at a port of letters": ("202 Accepted\r\nLocation: http://h:port/", "from the host that was given"),
    "a task in a file": ("202 Accepted\r\nLocation: file:///etc/passwd", "from the host that was given"),
    "a task at another port": ("202 Accepted\r\nLocation: http://127.0.0.1:1/", "from the host that was given"),
    "a task with a password": ("202 Accepted\r\nLocation: http://a:b@127.0.0.1/", "from the host that was given"),
    "a pause of years": ("503 Busy\r\nRetry-After: 99999999", "to wait 99999999 seconds"),
    "a pause without end": (f"503 Busy\r\nRetry-After: {'9' * 5000}", "to wait"),
    "a pause until the last day": ("429 Busy\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 -2359", "to wait"),
    "a pause of no time": ("503 Busy\r\nRetry-After: -1", "answers 503, after"),
}  # fmt: skip


@pytest.mark.parametrize("what", STOPS)
def test_what_would_lead_elsewhere_stops_the_work_with_a_sentence(what: str, service: Hostile) -> None:
    head, why = STOPS[what]
    service.answer = said(head)
    with pytest.raises(DeidkitError) as told:
        ask(service)
    assert why in str(told.value) and "s3cret" not in str(told.value)
    assert len(service.asked) <= 2


@pytest.mark.parametrize("place", ["/\xfc\x1b[2J", "/a b", "//127.0.0.1\\@other.example/", "/" + "a" * 60_000, "?\x7f"])
def test_odd_addresses_of_tasks_are_a_failure_or_a_sentence(place: str, service: Hostile) -> None:
    def answer(connection: socket.socket, n: int) -> None:
        said(f"202 Accepted\r\nLocation: {place}" if not n else "200 OK", b"?")(connection, n)

    service.answer = answer
    try:
        made = ask(service)
        assert isinstance(made, Failure) and "\x1b" not in made.reason
    except DeidkitError as error:
        assert "proxy" not in str(error)
    assert all(line.startswith((b"POST /a ", b"GET /")) for line in service.asked)
