"""The engine `service`: sends each picture to a third party's web service."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import ClassVar
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from PIL import Image as Pillow

from deidkit.errors import DeidkitError, SampleError, UsageError
from deidkit.images import decode_image
from deidkit.protocols import Failure, HandImage, Image, Sample, option
from deidkit.redaction import secret_parameter
from deidkit_engines.posting import (
    Answer,
    AnswerTooLarge,
    ConnectionLost,
    DeadlineExceeded,
    Posting,
    Request,
    Unreachable,
    proxy,
)
from deidkit_engines.wire_format import Form, WireFormat

WAITS = (1.0, 5.0, 20.0)
"""Seconds before each further try of a service that is busy, fails or does not answer."""

BUSY = (429, 502, 503, 504)
"""Status codes of a temporarily unavailable service."""

ACCEPTED = 202
"""Status code: accepted, the picture can be fetched later."""

REDIRECTS = (301, 302, 303, 307, 308)

REFUSALS = (401, 402, 403, 404, 405, 407, 410)
"""Status codes that concern the request's credentials or address rather than the picture, and so all pictures."""

SAFE = "!$%&'()*+,/:;=?@[]~"
"""Characters that are not percent-encoded in a path and a query."""

IN_A_ROW = 3
"""Consecutive pictures that a service may fail at before it counts as down."""

PATIENCE = 120.0
"""Longest wait, in seconds, that a service may request; the work stops if it requests more."""

POLLING = 1.0
"""Seconds between polls for a pending answer, if the service names none."""

SOONEST = 0.2
"""Shortest interval, in seconds, between polls."""

LATER = "What is finished is kept: give the same command again, that of an audit with --resume."


class _Failing:
    """Counts consecutive pictures that a service failed at, over all threads."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = Lock()

    def add(self) -> int:
        """Count one more, and return how many there are."""
        with self._lock:
            self.count += 1
            return self.count

    def clear(self) -> None:
        """Reset the count after a success."""
        with self._lock:
            self.count = 0


@dataclass(frozen=True)
class Service:
    """Sends each picture to a web service: POST of a PNG without metadata, answered with the de-identified picture.

    The answer is the picture, or JSON with it in base64, or 202 and the address to fetch it from. With ``seeds=true``
    the address gets ``seed=N`` as a query. Originals leave this machine: use it only with a service that may see them.
    """

    url: str = option(help="Address that takes the pictures, e.g. https://host/anonymize", primary=True)
    seeds: bool = option(False, "Whether the service takes a seed and so makes several copies")
    token: str = option("", "Name of the environment variable that holds a bearer token; empty for none")
    query: str = option("", "Name of the environment variable that holds a query for the address; empty for none")
    timeout: float = option(60.0, "Seconds that one whole answer may take", minimum=0.1, maximum=86_400)
    form: Form = option("picture", "What is posted: the picture, a json object with it in base64, or a multipart form")
    member: str = option("image", "Name of the JSON object's member, or the form's part, that holds the picture")
    answer: str = option("", "Where a JSON answer holds the picture, e.g. result.image; as member if left out")

    _failing: _Failing = field(default_factory=_Failing, init=False, repr=False, compare=False)
    _posting: Posting = field(default_factory=Posting, init=False, repr=False, compare=False)
    _files: dict[tuple[str, int], bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    version: ClassVar[str] = "1"
    external: ClassVar[bool] = True
    deterministic: ClassVar[bool] = False
    batch_size: ClassVar[int] = 4
    reusable: ClassVar[bool] = False
    any_size: ClassVar[bool] = True

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self._address)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            shown = re.sub("//[^/]*@", "//", re.split("[?;#]", self.url)[0])
            raise UsageError(f"engine 'service': '{shown}' is not a web address, e.g. https://host/anonymize.")
        if "@" in urlsplit(self.url).netloc:
            raise UsageError("engine 'service': the address must not contain a name or password; use token=VARIABLE.")
        if name := secret_parameter("&".join(re.split("[?;#]", self.url)[1:])):
            raise UsageError(
                f"engine 'service': the value of '{name}' in the address would appear in the report; leave it out, and "
                "have query=VARIABLE name an environment variable with that part, name=value, or token=VARIABLE one "
                "with a bearer token."
            )

    @property
    def diverse(self) -> bool:
        """Whether the service takes a seed."""
        return self.seeds

    def prepare(self, note: Callable[[str], None]) -> None:
        """Say where pictures go. Raises UsageError where token or query is absent, or must not or cannot be sent."""
        self._headers()
        self._with_query(0)
        parts, between = urlsplit(self._address), proxy(self._address)
        sent = f"originals are sent to {parts.hostname}{', unencrypted' * (parts.scheme == 'http')}"
        note(f"service: {sent}{f', by the proxy {between} of the environment' * bool(between)}.")

    def remark(self) -> str:
        """A remark for reports: what an audit cannot know about a service."""
        return "a web service, which may change unnoticed: the version that answered was audited"

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Send one request for each picture and seed; see `deidkit.protocols.Engine.deidentify`.

        Raises:
            DeidkitError: The service is down, refuses the caller, or redirects to another address; the work
                stops and can be continued later.
            Interruption: It was stopped.
        """
        self._files.clear()
        return [[self._ask(image, seed) for seed in seeds] for image in images]

    def delivered_file(self, sample: Sample, seed: int) -> bytes | None:
        """The file that the service answered for a copy of the last `deidentify`; None where there is none."""
        return self._files.get((sample.key, seed))

    def stop(self) -> None:
        """Cancel the current request, and send no more."""
        self._posting.stop()

    def _ask(self, image: HandImage, seed: int) -> Image | Failure:
        """A picture's copy. After a failed picture, others get one try each until the service succeeds again."""
        headers = {**self._headers(), **self._format.headers()}
        request = Request("POST", self._with_query(seed), headers, self._format.body(_png(image.pixels)))
        reason = ""
        waits = (0.0,) if self._failing.count else (0.0, *WAITS)
        asked_for: float | None = None
        for wait in waits:
            self._posting.wait(wait if asked_for is None else asked_for)
            asked_for, is_down = None, False
            try:
                answer = self._answered(request)
            except Unreachable as error:
                reason, is_down = f"cannot be reached: {error}", True
            except DeadlineExceeded:
                reason = f"took longer than {self.timeout:g} seconds"
            except ConnectionLost:
                reason = "broke off its answer"
            except AnswerTooLarge:
                return Failure("engine", "the service's answer is larger than any picture")
            else:
                if answer.status not in (500, *BUSY):
                    self._failing.clear()
                    return self._taken(answer, image.sample, seed)
                is_down, asked_for = answer.status in BUSY, answer.retry_after
                reason = f"{'answers' if is_down else 'answered'} {answer.status}"
                if asked_for is not None and asked_for > PATIENCE:
                    raise self._serves_nobody(f"{reason} and asks to wait {asked_for:.0f} seconds")
        if is_down:
            raise self._serves_nobody(f"{reason}, after {len(waits)} tries" if len(waits) > 1 else reason)
        if self._failing.add() >= IN_A_ROW:
            raise self._serves_nobody(f"failed at {IN_A_ROW} pictures in succession; at the last it {reason}")
        return Failure("engine", f"the service {reason}")

    def _serves_nobody(self, why: str) -> DeidkitError:
        return DeidkitError(f"engine 'service': {urlsplit(self._address).hostname} {why}. {LATER}")

    def _answered(self, request: Request) -> Answer:
        """The answer to a request; a pending one is polled for, all within the time limit."""
        end = time.monotonic() + self.timeout
        answer = self._posting.send(request, self.timeout)
        place = ""
        while answer.status == ACCEPTED:
            named = _target(place or request.address, answer.location) if answer.location or place else "no address"
            place = _joined(place or request.address, answer.location) if answer.location else place
            if not place or urlsplit(place)[:2] != urlsplit(self._address)[:2]:
                raise DeidkitError(
                    f"engine 'service': {urlsplit(self._address).hostname} answers 202 and names {named} for the "
                    "picture; it is fetched from the host that was given and no other."
                )
            wait = POLLING if answer.retry_after is None else max(answer.retry_after, SOONEST)
            if time.monotonic() + wait >= end:
                raise DeadlineExceeded
            self._posting.wait(wait)
            headers = {name: value for name, value in request.headers.items() if name != "Content-Type"}
            answer = self._posting.send(Request("GET", place, headers), max(end - time.monotonic(), 0.1))
        return answer

    def _taken(self, answer: Answer, sample: Sample, seed: int) -> Image | Failure:
        """The picture in an answer, or the failure."""
        if answer.status in REDIRECTS:
            raise DeidkitError(
                f"engine 'service': {urlsplit(self._address).hostname} answers {answer.status} and points to "
                f"{_target(self._address, answer.location)}; pictures go to the address that is given and to no other, "
                "so give that one if it is right."
            )
        if answer.status in REFUSALS:
            raise DeidkitError(
                f"engine 'service': {urlsplit(self._address).hostname} answers {answer.status}, which is about "
                f"who asks, or where, and not about the picture; look at the token and the address. {LATER}"
            )
        if not 200 <= answer.status < 300:
            return Failure("engine", f"the service answered {answer.status}")
        try:
            file = self._files[sample.key, seed] = self._format.picture(answer.body)
            return decode_image(file)
        except SampleError as error:
            return Failure("engine", f"the service's picture cannot be used: {error}")

    def _headers(self) -> dict[str, str]:
        """What is sent with each picture. Raises UsageError, without the token, where that is absent or no token."""
        headers = {"Accept": "image/*, application/json;q=0.5", "User-Agent": "Python-urllib"}
        if self.token:
            token = self._secret_of(self.token, "token")
            if not all("!" <= character <= "~" for character in token):
                raise UsageError(
                    f"engine 'service': the value of the environment variable {self.token} is not a bearer token: one "
                    "has no blanks and no characters outside of ASCII."
                )
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _with_query(self, seed: int) -> str:
        """The address that is asked, with the rest of its query. Raises UsageError where the query is absent."""
        query = [urlsplit(self._address).query]
        if self.query:
            query.append(quote(self._secret_of(self.query, "query").lstrip("?&"), safe=SAFE))
        if self.seeds:
            query.append(f"seed={seed}")
        return urlunsplit(urlsplit(self._address)._replace(query="&".join(filter(None, query))))

    def _secret_of(self, variable: str, what: str) -> str:
        """What an environment variable holds. Raises UsageError where it is absent, or a proxy would read it."""
        value = os.environ.get(variable, "").strip()
        if not value:
            raise UsageError(f"engine 'service': there is no environment variable {variable} with the {what}.")
        between = proxy(self._address)
        if between and urlsplit(self._address).scheme == "http":
            raise UsageError(
                f"engine 'service': the proxy {between} of the environment would read the {what} on its way to "
                f"{urlsplit(self._address).hostname}; give an address with https, or name the host in no_proxy."
            )
        return value

    @property
    def _format(self) -> WireFormat:
        return WireFormat(self.form, self.member, self.answer or self.member)

    @cached_property
    def _address(self) -> str:
        """The address as sent: percent-encoded and without a fragment. Raises ValueError."""
        parts = urlsplit(self.url)
        host = (parts.hostname or "").encode("idna").decode()
        host = f"[{host}]" if ":" in host else host
        place = host if parts.port is None else f"{host}:{parts.port}"
        path, query = (quote(part, safe=SAFE) for part in (parts.path, parts.query))
        return urlunsplit((parts.scheme, place, path, query, ""))


def _joined(address: str, location: str) -> str:
    """The address that a location names; an empty text where it cannot be read."""
    try:
        return urljoin(address, location)
    except ValueError:
        return ""


def _target(address: str, location: str) -> str:
    """The target of a redirect without its query, which may be confidential."""
    try:
        parts = urlsplit(urljoin(address, location))
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.scheme}://{parts.hostname}{port}{quote(parts.path)}"


def _png(pixels: Image) -> bytes:
    with io.BytesIO() as file:
        Pillow.fromarray(pixels).save(file, "PNG")
        return file.getvalue()
