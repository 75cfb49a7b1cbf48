"""Middleware that refuses too large request bodies before they fill memory or disk."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deidkit_service.access import authenticated
from deidkit_service.home import Home
from deidkit_service.refusals import Refusal

SMALL_BODY = 64_000
"""Maximum body, in bytes, of requests that carry no file or are not authenticated."""

FORM_OVERHEAD = 100_000
"""Bytes allowed for a form's fields in addition to its file."""


class BodyLimit:
    """Limits the size of request bodies."""

    def __init__(self, app: ASGIApp, home: Home) -> None:
        self._app, self._home = app, home

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; raises HTTPException 413 once more bytes arrive than its limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit, there = await run_in_threadpool(self._limit, scope), 0

        async def counted() -> Message:
            nonlocal there
            message = await receive()
            there += len(message.get("body", b""))
            if there > limit:
                raise HTTPException(413, f"the request has more than the {limit} bytes that are taken here")
            return message

        await self._app(scope, counted, send)

    def _limit(self, scope: Scope) -> int:
        """Return the maximum body, in bytes, of a request.

        FastAPI reads a whole form before it calls the page, so senders of large forms are authenticated here. The API
        authenticates before it reads a body.
        """
        headers, method, path = Headers(scope=scope), scope["method"], str(scope["path"])
        by_form = method == "POST" and path.startswith("/benchmarks/")
        by_program = (method == "PUT" and path.endswith("/submissions")) or (method == "PATCH" and "/uploads/" in path)
        large = (by_form and self._is_known(headers)) or (by_program and "authorization" in headers)
        return self._home.settings.max_upload_bytes + FORM_OVERHEAD if large else SMALL_BODY

    def _is_known(self, headers: Headers) -> bool:
        try:
            return authenticated(self._home, headers) is not None
        except Refusal:
            return False
