"""What a web service may take and answer beside plain pictures, and how long it is asked; with a real server."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image as Pillow

from deidkit import plugins
from deidkit.errors import DeidkitError
from deidkit.protocols import Failure
from deidkit.testing import hand_images

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


class Server:
    """Answers by a function of method, path, headers and body; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Message]] = []
        self.reply: Callable[[str, str, Message, bytes], Reply] = lambda *_: (200, {}, b"")
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                server.asked.append((self.command, self.path, self.headers))
                status, headers, answer = server.reply(self.command, self.path, self.headers, body)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}/a"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever)
    thread.start()
    monkeypatch.setattr("deidkit_engines.service.WAITS", (0.01, 0.01, 0.01))
    monkeypatch.setattr("deidkit_engines.service.POLLING", 0.01)
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


def inverted(picture: bytes) -> bytes:
    with Pillow.open(io.BytesIO(picture)) as opened, io.BytesIO() as file:
        Pillow.fromarray(255 - np.asarray(opened)).save(file, "PNG")
        return file.getvalue()


def ask(server: Server, options: str = "", count: int = 1) -> list[np.ndarray | Failure]:
    engine, _ = plugins.create("engine", f"service:{server.address}{options}")
    return [output for (output,) in engine.deidentify(hand_images()[:count], [0])]


def assert_inverted(output: np.ndarray | Failure) -> None:
    assert isinstance(output, np.ndarray), output
    assert np.array_equal(output, 255 - hand_images()[0].pixels)


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_json_with_the_picture_in_base64(server: Server, prefix: str) -> None:
    def reply(_: str, __: str, headers: Message, body: bytes) -> Reply:
        assert headers["Content-Type"] == "application/json"
        made = base64.b64encode(inverted(base64.b64decode(json.loads(body)["photo"]))).decode()
        return 200, {"Content-Type": "application/json"}, json.dumps({"results": [{"image": prefix + made}]}).encode()

    server.reply = reply
    assert_inverted(ask(server, ",form=json,member=photo,answer=results.0.image")[0])


def test_a_form_with_the_picture_as_a_file(server: Server) -> None:
    def reply(_: str, __: str, headers: Message, body: bytes) -> Reply:
        whole = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body
        (part,) = BytesParser(policy=HTTP).parsebytes(whole).iter_parts()
        assert part.get_param("name", header="Content-Disposition") == "file"
        assert part.get_content_type() == "image/png"
        return 200, {}, inverted(part.get_payload(decode=True))

    server.reply = reply
    assert_inverted(ask(server, ",form=multipart,member=file")[0])


@pytest.mark.parametrize("header", ["Location", "Operation-Location"])
def test_a_picture_that_is_being_made_is_fetched(server: Server, header: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_TOKEN", "t0ken")
    made: list[bytes] = []

    def reply(method: str, _: str, __: Message, body: bytes) -> Reply:
        if method == "POST":
            made.append(inverted(body))
            return 202, {header: "/tasks/7", "Retry-After": "0"}, b""
        return (202, {}, b"") if len(server.asked) < 4 else (200, {}, made[0])

    server.reply = reply
    assert_inverted(ask(server, ",token=VENDOR_TOKEN")[0])
    assert [asked[:2] for asked in server.asked] == [("POST", "/a"), *[("GET", "/tasks/7")] * 3]
    assert {asked[2]["Authorization"] for asked in server.asked} == {"Bearer t0ken"}


@pytest.mark.parametrize("location", ["http://other.example/7?code=s3cret", None])
def test_a_picture_is_fetched_from_nowhere_else(server: Server, location: str | None) -> None:
    server.reply = lambda *_: (202, {"Location": location} if location else {}, b"")
    with pytest.raises(DeidkitError, match=r"answers 202 and names .* for the picture") as told:
        ask(server)
    assert len(server.asked) == 1 and "s3cret" not in str(told.value)


@pytest.mark.slow
def test_a_picture_that_is_never_made_is_a_failure_in_time(server: Server) -> None:
    server.reply = lambda *_: (202, {"Location": "/a"}, b"")
    (output,) = ask(server, ",timeout=0.2")
    assert isinstance(output, Failure) and output.reason == "the service took longer than 0.2 seconds"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}",
        b'{"image": 3}',
        b'{"image": "%"}',
        b'{"image": "AAAA"}',
        b"{" * 100_000,
        b'{"image": [' + b"{}," * 70_000,
    ],
)
def test_json_without_a_picture_is_a_failure_of_that_picture(server: Server, body: bytes) -> None:
    server.reply = lambda *_: (200, {}, body)
    (output,) = ask(server, ",form=json")
    assert isinstance(output, Failure) and "the service's picture cannot be used" in output.reason


def test_a_service_says_when_to_ask_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deidkit_engines.service.WAITS", (600.0,))
    server.reply = lambda _, __, ___, body: (
        (429, {"Retry-After": "0"}, b"") if len(server.asked) == 1 else (200, {}, inverted(body))
    )
    assert_inverted(ask(server)[0])


def test_a_time_that_cannot_be_read_says_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deidkit_engines.service.WAITS", (0.0,))
    server.reply = lambda *_: (503, {"Retry-After": "Mon, 01 Jan 2026 00:00:00 +99999999999999"}, b"")
    with pytest.raises(DeidkitError, match="answers 503, after 2 tries"):
        ask(server)


@pytest.mark.parametrize("when", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_service_that_wants_to_be_left_alone_stops_the_work_at_once(server: Server, when: str) -> None:
    server.reply = lambda *_: (503, {"Retry-After": when}, b"")
    with pytest.raises(DeidkitError, match=r"answers 503 and asks to wait \d+ seconds\. What is finished"):
        ask(server)
    assert len(server.asked) == 1


def test_a_service_that_fails_at_every_picture_stops_the_work_at_the_third(server: Server) -> None:
    server.reply = lambda *_: (500, {}, b"")
    with pytest.raises(DeidkitError, match="failed at 3 pictures in succession; at the last it answered 500"):
        ask(server, count=4)
    assert len(server.asked) == 4 + 1 + 1, "every try for the first, one for each that follows"


@pytest.mark.slow
def test_a_service_that_serves_again_starts_anew(server: Server) -> None:
    def reply(_: str, __: str, ___: Message, body: bytes) -> Reply:
        return (200, {}, inverted(body)) if len(server.asked) in (6, 11) else (500, {}, b"")

    server.reply = reply
    engine, _ = plugins.create("engine", f"service:{server.address}")
    images = hand_images()[:1] * 6  # fails with four tries, with one, serves, the same again
    outputs = [output for (output,) in (engine.deidentify([image], [0])[0] for image in images)]
    assert [isinstance(output, Failure) for output in outputs] == [True, True, False, True, False, True]


def test_an_answer_without_end_is_no_picture(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deidkit_engines.posting.LARGEST", 1000)
    server.reply = lambda *_: (200, {}, b"x" * 100_000)
    (output,) = ask(server)
    assert isinstance(output, Failure) and "larger than any picture" in output.reason
