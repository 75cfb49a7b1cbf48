"""A web service that anonymizes, on this machine, and answers as a test wants it to."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageFilter

from deidkit import plugins
from deidkit.protocols import Failure
from deidkit.testing import hand_images


@dataclass
class Vendor:
    """A service: what it was asked, and what it answers; behind the answers it has is a picture for every request."""

    address: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    answers: list[int | str] = field(default_factory=list)
    damaged: bool = False
    location: str = "/elsewhere"
    closing: threading.Event = field(default_factory=threading.Event)
    http: ThreadingHTTPServer | None = None


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            told.asked.append((self.path, self.headers.get("Authorization", "")))
            code = told.answers.pop(0) if told.answers else 200
            body = b"no picture"
            if isinstance(code, str):
                self.misbehave(code)
                return
            if code == 200 and not told.damaged:
                with Pillow.open(io.BytesIO(data)) as picture, io.BytesIO() as file:
                    seed = int(self.path.rpartition("=")[2]) if "seed=" in self.path else 0
                    inverted = Pillow.fromarray(255 - np.asarray(picture) - np.uint8(seed))
                    made = picture.filter(ImageFilter.GaussianBlur(2)) if self.path == "/blur" else inverted
                    made.save(file, "PNG")
                    body = file.getvalue()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            if 300 <= code < 400:
                self.send_header("Location", told.location)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            told.asked.append((self.path, "GET"))
            self.send_error(404)

        def misbehave(self, how: str) -> None:
            """Break off, say nothing, or drip head or body without an end."""
            self.close_connection = True
            if how == "short":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n\x89PNG")
            if how in ("break", "short"):
                return
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"" if how == "head" else b"\r\n"))
            with suppress(OSError):
                while not told.closing.wait(0.05):
                    self.wfile.write({"head": b"X-Drip: 1\r\n", "body": b"\x89", "silent": b""}[how])

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Vendor(f"http://127.0.0.1:{http.server_address[1]}/anonymize", http=http)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    monkeypatch.setattr("deidkit_engines.service.WAITS", (0.01, 0.01))
    yield told
    told.closing.set()
    http.shutdown()
    thread.join()
    http.server_close()


def ask(vendor: Vendor, *answers: int | str, options: str = "") -> np.ndarray | Failure:
    vendor.answers = list(answers)
    engine, _ = plugins.create("engine", f"service:{vendor.address}{options}")
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    return output
