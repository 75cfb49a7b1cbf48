"""What a submitter types wrongly, or another server answers, gets one sentence, without the token."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from deidkit.cli import main


def refused(*words: object) -> str:
    """What a command says that is a user's mistake."""
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 2 and "Traceback" not in done.output, done.output
    return done.output


@pytest.fixture
def other() -> Iterator[str]:
    """The address of a server that is none of deidkit's."""

    class Other(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("token", ["sécret", "se\tcret", "se cret", "secret\r\nX: y"])
def test_a_token_that_cannot_be_sent_is_not_shown(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDKIT_TOKEN", token)
    said = refused("submission", "list", "--server", "http://127.0.0.1:9")
    assert "the token has blanks or characters outside of ASCII" in said and "cret" not in said


def test_blanks_around_a_token_are_no_part_of_it(service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDKIT_TOKEN", service.token()["Authorization"].split()[1] + "\r\n")
    assert CliRunner().invoke(main, ["submission", "list", "--server", str(service.client.base_url)]).exit_code == 0


@pytest.mark.parametrize("address", ["http://", "http://[::1", "http://127.0.0.1:port", "127.0.0.1:8765"])
def test_an_address_that_is_none_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDKIT_TOKEN", "any")
    assert "name the service with --server" in refused("submission", "list", "--server", address)


def test_a_benchmark_is_looked_up_by_its_whole_name(service, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDKIT_TOKEN", service.token()["Authorization"].split()[1])
    monkeypatch.setenv("DEIDKIT_SERVER", str(service.client.base_url))
    said = refused("submit", tmp_path, "--benchmark", "palms?x=1")
    assert "there is no benchmark 'palms?x=1'" in said


@pytest.mark.parametrize("lost", [1, 99])
def test_what_was_handed_in_is_not_sent_again_though_the_answer_was_lost(
    service, lost: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = service.token()
    monkeypatch.setenv("DEIDKIT_TOKEN", token["Authorization"].split()[1])
    monkeypatch.setattr("deidkit_service.client.WAIT_SECONDS", 0.0)
    real, sent, left = httpx.request, [], [lost]

    def request(method: str, url: str, **more: object) -> httpx.Response:
        answer = real(method, url, **more)  # type: ignore[arg-type]
        sent.append(method)
        if method == "POST" and url.endswith("/submissions") and left[0]:
            left[0] -= 1
            raise httpx.ReadError("the line broke")
        return answer

    monkeypatch.setattr(httpx, "request", request)
    file = tmp_path / "scores.csv"
    file.write_bytes(b"kind,score")
    words = ["submit", str(file), "--kind", "scores", "--benchmark", "palms", "--server", str(service.client.base_url)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == (0 if lost == 1 else 2), done.output
    left[0] = 0
    again = CliRunner().invoke(main, words)
    assert again.exit_code == 0 and sent.count("PATCH") == 1, again.output
    (made,) = service.client.get("/api/v1/submissions", headers=token).json()
    assert made["id"] in again.output and (lost > 1 or made["id"] in done.output)
    assert [*(service.home.folder / "uploads").iterdir()] == []


@pytest.mark.parametrize("words", [["list"], ["show", "0" * 12], ["cancel", "0" * 12], ["remove", "0" * 12]])
def test_another_server_is_told_from_a_service(words: list[str], other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDKIT_TOKEN", "any")
    assert "is --server the address of a deidkit service?" in refused("submission", *words, "--server", other)
