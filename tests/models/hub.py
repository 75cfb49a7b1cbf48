"""A Hugging Face Hub of one's own: the part of its protocol that downloads use, over real HTTP on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = 10_000
"""From this size on a file is kept as the Hub keeps large ones: by its SHA-256."""


@dataclass
class Hub:
    """Repositories by name and revision, what was asked for, and where to break off."""

    address: str = ""
    content: dict[str, bytes] = field(default_factory=dict)
    commit: str = "c0ffee" + "0" * 34
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    break_off: dict[str, int] = field(default_factory=dict)
    spoil: set[str] = field(default_factory=set)
    silent: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def files(self, revision: str) -> dict[str, bytes] | None:
        if revision in ("main", self.commit):
            return self.content
        return self.commits.get(revision)

    def sent(self, name: str) -> list[str]:
        """The Range header of every request for a file's content."""
        return [span for method, path, span in self.asked if method == "GET" and path.endswith(f"/{name}")]


def blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def serve() -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append((self.command, path, self.headers.get("Range", "")))
            if path.startswith("/api/models/"):
                self.listing(path.removeprefix("/api/models/"))
                return
            _, _, rest = path.partition("/resolve/")
            revision, _, name = rest.partition("/")
            data = (hub.files(revision) or {}).get(name)
            if data is None:
                self.refuse("EntryNotFound")
            else:
                self.file(revision, name, data)

        def listing(self, path: str) -> None:
            repository, _, revision = path.partition("/revision/")
            files = hub.files(revision or "main")
            if files is None:
                self.refuse("RevisionNotFound")
                return
            siblings = []
            for name, data in files.items():
                sibling: dict[str, object] = {"rfilename": name}
                if not hub.silent:
                    sibling |= {"size": len(data), "blobId": blob(data)}
                    if len(data) >= LARGE:
                        sha256 = hashlib.sha256(data).hexdigest()
                        sibling["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 130}
                siblings.append(sibling)
            commit = hub.commit if files is hub.content else revision
            body = json.dumps({"id": repository, "sha": commit, "siblings": siblings}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def refuse(self, code: str) -> None:
            self.send_response(404)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def file(self, revision: str, name: str, data: bytes) -> None:
            etag = hashlib.sha256(data).hexdigest() if len(data) >= LARGE else blob(data)
            if name in hub.spoil:
                data = data[:-1] + bytes([data[-1] ^ 1])
            span = self.headers.get("Range")
            start = int(span.removeprefix("bytes=").split("-")[0]) if span else 0
            self.send_response(206 if span else 200)
            self.send_header("ETag", f'"{etag}"')
            self.send_header("X-Repo-Commit", hub.commit if revision == "main" else revision)
            self.send_header("Content-Length", str(len(data) - start))
            if span:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            if self.command == "HEAD":
                return
            end = hub.break_off.pop(name, None)
            self.wfile.write(data[start:end])
            if end is not None:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
