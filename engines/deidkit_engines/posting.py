"""Web requests with a hard time limit that can be cancelled from another thread, whatever the server does."""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event, Lock
from typing import Any
from urllib.parse import urlsplit

import httpx

from deidkit.errors import Interruption

CONNECTING = 10.0
"""Seconds allowed for establishing a connection."""

LARGEST = 1 << 28
"""Largest answer, in bytes, that is read."""

ISSUER_UNKNOWN = range(18, 22)
"""OpenSSL's error codes for untrusted certificates: 18 and 19 self-signed, 20 and 21 missing issuer."""


class Unreachable(Exception):
    """No connection could be established; the text gives the reason and contains nothing of the request."""


class DeadlineExceeded(Exception):
    """The answer was not complete within the time limit."""


class ConnectionLost(Exception):
    """The server closed the connection before answering, or its answer is not HTTP."""


class AnswerTooLarge(Exception):
    """The answer is larger than any picture."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `parts` is its body in httpx's terms: ``content``, ``json`` or ``files``."""

    method: str
    address: str
    headers: Mapping[str, str]
    parts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer.

    Attributes:
        body: Of a success.
        location: Where a redirect, or the answer to a task that was accepted, is.
        retry_after: Seconds after which to ask again, as the server says; None where it says nothing.
    """

    status: int
    body: bytes = b""
    location: str = ""
    retry_after: float | None = None


def proxy(address: str) -> str:
    """Host and port of the proxy that the environment sets for an address; an empty text for none."""
    unnamed = _proxy(address).rpartition("@")[2]  # without its user's name and password
    return unnamed.rpartition("://")[2].strip("/")


class Posting:
    """Sends requests until stopped. Follows no redirect, which would send picture and token to another address."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = set()
        self._stopped = Event()

    def send(self, request: Request, seconds: float) -> Answer:
        """Send one request and wait for its answer, so many seconds from the connection to its end.

        Raises:
            Unreachable: There is no connection.
            DeadlineExceeded: It takes too long.
            ConnectionLost: The connection ends too early.
            AnswerTooLarge: The answer has more than `LARGEST` bytes.
            Interruption: It was cut by `stop`, or is asked for after that.
        """
        try:
            return asyncio.run(self._cancellable(request, seconds))
        except asyncio.CancelledError:
            raise _stopped() from None
        except TimeoutError:
            raise DeadlineExceeded from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise Unreachable(_cause(error)) from None
        except httpx.TransportError:
            raise ConnectionLost from None
        except (httpx.InvalidURL, ImportError, ValueError):  # its text may hold a header or the password of a proxy
            raise Unreachable("the request cannot be made, look at the proxy in the environment") from None

    def wait(self, seconds: float) -> None:
        """Sleep. Raises Interruption as soon as the client is stopped."""
        if self._stopped.wait(seconds):
            raise _stopped()

    def stop(self) -> None:
        """Cancel all open requests and refuse new ones."""
        with self._lock:
            self._stopped.set()
            for loop, task in self._running:
                loop.call_soon_threadsafe(task.cancel)

    async def _cancellable(self, request: Request, seconds: float) -> Answer:
        task = asyncio.current_task()
        assert task is not None
        entry = (asyncio.get_running_loop(), task)
        with self._lock:
            if self._stopped.is_set():
                raise _stopped()
            self._running.add(entry)
        try:
            return await _answer(request, seconds)
        finally:
            with self._lock:  # before the loop is closed, which `stop` could not call any more
                self._running.discard(entry)


async def _answer(request: Request, seconds: float) -> Answer:
    connecting = min(CONNECTING, seconds)
    async with (
        asyncio.timeout(connecting + seconds),
        httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=connecting),
            verify=ssl.create_default_context(),  # the certificates that this machine trusts
            trust_env=False,  # the proxy is the one that was named, and no password comes from a .netrc
            proxy=_proxy(request.address) or None,
        ) as client,
        client.stream(
            request.method,
            request.address,
            headers={**request.headers, "Accept-Encoding": "identity"},
            **request.parts,
        ) as response,
        asyncio.timeout(seconds),
    ):
        body = bytearray()
        if response.is_success:
            async for part in response.aiter_raw():
                body += part
                if len(body) > LARGEST:
                    raise AnswerTooLarge
        location = response.headers.get("Location") or response.headers.get("Operation-Location") or ""
        return Answer(response.status_code, bytes(body), location, _retry_after(response.headers.get("Retry-After")))


def _retry_after(text: str | None) -> float | None:
    """Seconds from now given by a Retry-After header; None if it is neither a number nor a date."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter by a time zone of many digits
        return None
    return max(0.0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())


def _proxy(address: str) -> str:
    """The proxy's address including its credentials; an empty text for none."""
    parts = urlsplit(address)
    found = urllib.request.getproxies().get(parts.scheme, "")
    if not found or urllib.request.proxy_bypass(parts.netloc):
        return ""
    return found if "://" in found else f"http://{found}"


def _cause(error: BaseException) -> str:
    """The operating system's error text if there is one, otherwise httpx's."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError):
            why = f"its certificate is not accepted, certificate verify failed: {found.verify_message.rstrip('.')}"
            trust = "; the environment variable SSL_CERT_FILE names a file with certificates to trust"
            return why + trust * (found.verify_code in ISSUER_UNKNOWN)
        if isinstance(found, ssl.SSLError):
            plain = "; perhaps its address begins with http://" * (found.reason == "WRONG_VERSION_NUMBER")
            return f"no encrypted connection ({found.reason or 'TLS failed'}){plain}"
        if isinstance(found, OSError) and found.strerror:
            return found.strerror.rstrip(".")
        found = found.__cause__ or found.__context__
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {CONNECTING:g} seconds"
    return "no connection" if isinstance(error, httpx.ProxyError) else str(error).rstrip(".") or "no connection"


def _stopped() -> Interruption:
    return Interruption("requests to the web service have stopped.")
