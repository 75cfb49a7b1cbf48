"""The client: checks pictures locally, uploads them in parts and waits for the result."""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from deidkit.errors import DeidkitError, UsageError
from deidkit.progress import Progress
from deidkit_service.challenge import Challenge, packed, parse_challenge, read_challenge
from deidkit_service.checking import Checked, check_folder

PART = 4 << 20
"""Size, in bytes, of the parts of an upload."""

TRIES = 6
WAIT_SECONDS = 1.0

ID = re.compile(r"(?:https?://\S+/submissions/)?([0-9a-f]{12})(?:/report\.html)?/?")
"""Matches the id of a submission, alone or in the URL of its page or report."""

ENDED = ("done", "failed", "cancelled")

SHOWN = ("id", "benchmark", "organisation", "title", "state", "position", "stage", "percent", "stopping", "sentence",
         "verdict", "log")  # fmt: skip
"""Fields that the service's answer about a submission must have."""

RECEIVED = ("id", "offset")
"""Fields that the service's answer about an upload must have."""


@dataclass(frozen=True)
class Server:
    """Address of a service, and the token to use."""

    address: str
    token: str

    @classmethod
    def of(cls, address: str | None, token: str | None) -> Server:
        """Validate address and token. Raises UsageError if one is missing or malformed."""
        try:
            is_address = bool(address and httpx.URL(address).host and address.startswith(("http://", "https://")))
        except httpx.InvalidURL:
            is_address = False
        if address is None or not is_address:
            raise UsageError("name the service with --server, e.g. http://127.0.0.1:8765")
        token = (token or "").strip()
        if not token:
            raise UsageError("this needs a token: put it into the environment variable DEIDKIT_TOKEN.")
        if not all("!" <= character <= "~" for character in token):  # httpx's error would contain it
            raise UsageError("the token has blanks or characters outside of ASCII; copy it again as it was shown.")
        return cls(address.rstrip("/"), token)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """Send a request and return the decoded answer; connection errors are retried where that is safe.

        Raises:
            DeidkitError: The service refuses, or cannot be reached.
        """
        for attempt in range(TRIES):
            try:
                answer = self.send(method, path, **more)
            except httpx.TransportError as error:
                if attempt + 1 == TRIES or method == "PATCH":
                    raise Unreachable(
                        f"{self.address} cannot be reached: {error}. Run the same command again to continue."
                    ) from error
            else:
                if answer.status_code < 500 or attempt + 1 == TRIES:
                    return _content(answer)
            time.sleep(WAIT_SECONDS)
        raise AssertionError("the last try returns or raises")

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a single request to the API, without retries."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.request(method, f"{self.address}/api/v1{path}", headers=headers, timeout=60.0, **more)


class Unreachable(DeidkitError):
    """The service cannot be reached."""


class Refused(DeidkitError):
    """The service refused a request.

    Args:
        status: HTTP status.
        sentence: Why.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def checked(
    folder: Path, challenge: Path | None, *, server: str | None, benchmark: str | None, token: str | None
) -> Checked:
    """Check a folder against a challenge from a file or from a service.

    Raises:
        DeidkitError: There is no such folder, or no challenge.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.")
    if challenge is not None:
        return check_folder(folder, read_challenge(challenge))
    if server is None:
        raise UsageError("name the challenge: --challenge FILE.zip, or --server URL --benchmark NAME.")
    return check_folder(folder, _challenge(Server.of(server, token), benchmark))


def submit(server: Server, benchmark: str | None, kind: str, what: str, title: str, say: Progress) -> dict[str, Any]:
    """Submit a folder or zip of pictures, scores, a web service or an engine; returns the API's record of it.

    Raises:
        DeidkitError: The check fails, the service refuses, or it cannot be reached.
    """
    path = f"{_benchmark_path(benchmark)}/submissions"
    if kind in ("service", "engine"):
        return _record(server.ask("POST", path, json={"kind": kind, "title": title, "engine": what}), SHOWN)
    source = Path(what)
    if kind == "pictures" and source.is_dir():
        found = check_folder(source, _challenge(server, benchmark))
        if found.problems:
            raise UsageError(f"{what} would be refused: {' '.join(found.problems)}")
        for sentence in found.notes:
            say.note(f"note: {sentence}")
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "pictures.zip"
            packed(source, found.files, archive)
            return _upload_and_submit(server, path, kind, title, archive, say)
    if source.is_file():
        return _upload_and_submit(server, path, kind, title, source, say)
    raise UsageError(f"there is no file or folder {what}.")


def _upload_and_submit(server: Server, path: str, kind: str, title: str, file: Path, say: Progress) -> dict[str, Any]:
    """Upload a file and submit it, unless an earlier attempt did so and its answer was lost."""
    with file.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    if (known := _existing_submission(server, path, kind, digest)) is not None:
        return known
    upload = _upload(server, file, digest, say)
    try:
        return _record(server.ask("POST", path, json={"kind": kind, "title": title, "upload": upload}), SHOWN)
    except Refused as refusal:  # the first try in `ask` may have succeeded and used up the upload
        if refusal.status != 404 or (known := _existing_submission(server, path, kind, digest)) is None:
            raise
        return known


def _existing_submission(server: Server, path: str, kind: str, digest: str) -> dict[str, Any] | None:
    """Ask the service for the organisation's submission of the same content; None if there is none."""
    try:
        return _record(server.ask("GET", path, params={"kind": kind, "digest": digest}), SHOWN)
    except Refused as refusal:
        if refusal.status in (404, 405):  # the latter from an older service
            return None
        raise


def submissions_of(server: Server, benchmark: str | None) -> list[dict[str, Any]]:
    """Return the organisation's submissions, newest first. Raises DeidkitError if the service refuses."""
    found = server.ask("GET", "/submissions", params={"benchmark": benchmark} if benchmark else {})
    return [_record(one, SHOWN) for one in (found if isinstance(found, list) else [found])]


def wait_for(server: Server, identifier: str, say: Progress) -> dict[str, Any]:
    """Wait until a submission has ended and return it; reports its progress through `say`."""
    shown = ""
    while True:
        now = _record(server.ask("GET", f"/submissions/{identifier}"), SHOWN)
        if now["state"] in ENDED:
            return now
        if told(now) != shown:
            shown = told(now)
            say.note(shown)
        time.sleep(WAIT_SECONDS)


def ask_about(server: Server, method: str, submission: str, action: str = "") -> dict[str, Any]:
    """Send a request about one submission, named by its id or URL; `action` is a path such as ``/cancel``.

    Raises:
        UsageError: It is neither an id nor such an address.
        DeidkitError: The service refuses, or cannot be reached.
    """
    found = ID.fullmatch(submission.strip())
    if found is None:
        raise UsageError(
            f"'{submission[:80]}' is not the id of a submission, 12 of 0-9 and a-f; see: deidkit submission list"
        )
    return _record(
        server.ask(method, f"/submissions/{found[1]}{action}"), ("removed",) if method == "DELETE" else SHOWN
    )


def told(submission: Mapping[str, Any]) -> str:
    """Describe the state of a submission in words."""
    state = str(submission["state"])
    if state in ENDED:
        return " ".join(filter(None, (state, submission["verdict"], submission["sentence"])))
    place = f", number {submission['position']} in the queue" if submission["position"] else ""
    stage = f": {submission['stage']}" if submission["stage"] else ""
    part = f", about {submission['percent'] // 10 * 10} % of the audit" if state == "running" else ""
    return f"{state}{place}{stage}{part}"


def _upload(server: Server, file: Path, digest: str, say: Progress) -> str:
    """Upload a file in parts, continuing an earlier attempt; returns the upload's id."""
    with file.open("rb") as source:
        size = file.stat().st_size
        begun = _record(server.ask("POST", "/uploads", json={"sha256": digest, "size": size}), RECEIVED)
        identifier, offset, failed = str(begun["id"]), int(begun["offset"]), 0
        if offset:
            say.note(f"continuing at byte {offset} of {size}")
        with say.stage("upload", size) as stage:
            stage.advance(offset)
            while offset < size:
                source.seek(offset)
                try:
                    part = source.read(PART)
                    answer = server.ask("PATCH", f"/uploads/{identifier}", params={"offset": offset}, content=part)
                    received, failed = int(_record(answer, RECEIVED)["offset"]), 0
                except (Unreachable, Refused) as error:
                    failed += 1
                    if failed == TRIES or (isinstance(error, Refused) and error.status != 409):
                        raise
                    time.sleep(WAIT_SECONDS)
                    received = int(_record(server.ask("GET", f"/uploads/{identifier}"), RECEIVED)["offset"])
                stage.advance(max(0, received - offset))
                offset = received
    return identifier


def _challenge(server: Server, benchmark: str | None) -> Challenge:
    answer = server.send("GET", f"{_benchmark_path(benchmark)}/challenge")
    _content(answer)
    return parse_challenge(answer.content)


def _benchmark_path(benchmark: str | None) -> str:
    if not benchmark:
        raise UsageError("name the benchmark with --benchmark.")
    return f"/benchmarks/{quote(benchmark, safe='')}"


def _content(answer: httpx.Response) -> Any:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if answer.status_code < 400 and content is not None:
        return content
    message = content.get("detail") if isinstance(content, Mapping) else None
    raise Refused(answer.status_code, f"the service answers {answer.status_code}: {message or answer.reason_phrase}")


def _record(content: Any, members: Collection[str]) -> dict[str, Any]:
    if not isinstance(content, dict) or not content.keys() >= set(members):
        raise DeidkitError("the service's answer is not understood; is --server the address of a deidkit service?")
    return content
