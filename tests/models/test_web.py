"""Model files at an address of their own: fetched over real HTTP, cut off, damaged, brought by hand."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from deidkit.errors import MissingModel, UsageError
from deidkit.models import File
from deidkit.models.web import Web

CONTENT = np.random.default_rng(0).bytes(5_000_000)
BEGINS = hashlib.sha256(CONTENT).hexdigest()[:8]
FILE = File(name="weights.pth", origin="weights.pth")


@dataclass
class Server:
    """What it was asked, and how it behaves."""

    address: str
    ranges: list[str] = field(default_factory=list)
    cut_after: int = 0
    cuts: int = 0
    knows_ranges: bool = True
    busy: int = 0


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("deidkit.models.web.PAUSES", (0.0,) * 4)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/weights.pth":
                self.send_error(404, "Not Found")
                return
            if told.busy:
                told.busy -= 1
                self.send_error(503, "Busy")
                return
            asked = self.headers.get("Range", "") if told.knows_ranges else ""
            told.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            rest = CONTENT[start:]
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if told.cuts:
                told.cuts -= 1
                rest = rest[: told.cut_after]
            self.wfile.write(rest)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Server(f"http://127.0.0.1:{http.server_address[1]}/weights.pth")
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield told
    http.shutdown()
    thread.join()
    http.server_close()


def fetch(source: Web, folder: Path) -> bytes:
    source.fetch([FILE], folder, folder, None)
    return (folder / FILE.name).read_bytes()


def test_a_file_comes_as_it_is(server: Server, tmp_path: Path) -> None:
    assert fetch(Web(server.address, 5, BEGINS), tmp_path) == CONTENT
    assert server.ranges == [""]


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_connection_that_is_cut_is_taken_up_again(server: Server, tmp_path: Path, knows_ranges: bool) -> None:
    server.cuts, server.cut_after, server.knows_ranges = 2, 2_000_000, knows_ranges
    assert fetch(Web(server.address, 5, BEGINS), tmp_path) == CONTENT
    assert server.ranges == (["", "bytes=2000000-", "bytes=4000000-"] if knows_ranges else ["", "", ""])


def test_a_connection_that_is_always_cut_ends_in_one_sentence(server: Server, tmp_path: Path) -> None:
    server.cuts, server.cut_after = 1000, 10
    with pytest.raises(MissingModel, match="cannot be reached: the connection was cut"):
        fetch(Web(server.address, 5, BEGINS), tmp_path)


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.busy = 2
    assert fetch(Web(server.address, 5, BEGINS), tmp_path) == CONTENT
    server.busy = 100
    with pytest.raises(MissingModel, match="answers 503 Busy"):
        fetch(Web(server.address, 5, BEGINS), tmp_path)


def test_another_file_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match="not the expected file"):
        fetch(Web(server.address, 5, "00000000"), tmp_path)
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / FILE.name).write_bytes(b"something else")
    with pytest.raises(MissingModel, match="not the expected file"):
        Web(server.address, 5, BEGINS).take([FILE], tmp_path / "given", tmp_path)


def test_what_is_not_there_is_said(server: Server, tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match="answers 404 Not Found"):
        fetch(Web(server.address + "x", 5), tmp_path)
    with pytest.raises(MissingModel, match="cannot be reached"):
        fetch(Web("http://127.0.0.1:9/weights.pth", 5), tmp_path)
    with pytest.raises(MissingModel, match=r"holds no weights\.pth"):
        Web(server.address, 5).take([FILE], tmp_path, tmp_path)
    with pytest.raises(UsageError, match="--revision does not apply"):
        Web(server.address, 5).fetch([FILE], tmp_path, tmp_path, "main")


@pytest.mark.parametrize("as_folder", [True, False])
def test_a_file_brought_by_hand_is_taken(tmp_path: Path, as_folder: bool) -> None:
    given, place = tmp_path / "given", tmp_path / "place"
    given.mkdir()
    place.mkdir()
    (given / FILE.name).write_bytes(CONTENT)
    Web("https://example.org/weights.pth", 5, BEGINS).take([FILE], given if as_folder else given / FILE.name, place)
    assert (place / FILE.name).read_bytes() == CONTENT
