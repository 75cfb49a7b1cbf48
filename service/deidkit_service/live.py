"""Live progress of submissions as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from deidkit_service import submissions
from deidkit_service.access import Caller, ServiceHome, authenticated, signed_in
from deidkit_service.home import Home
from deidkit_service.openapi import ERRORS
from deidkit_service.queue import ENDED
from deidkit_service.refusals import Refusal

router = APIRouter(prefix="/api/v1", responses=ERRORS)

EVERY_SECONDS = 0.7


def _check_access(home: ServiceHome, caller: Caller, identifier: str) -> None:
    """Raise Refusal, before the stream begins, if the submission does not exist or is not visible to the caller."""
    submissions.get(home, caller, identifier)


def _current_view(home: Home, request: Request, identifier: str) -> submissions.View:
    """Return the submission. Raises Refusal once the token or session is no longer valid."""
    return submissions.get(home, signed_in(authenticated(home, request.headers)), identifier)


@router.get(
    "/submissions/{identifier}/events", response_class=EventSourceResponse, dependencies=[Depends(_check_access)]
)
async def events(home: ServiceHome, identifier: str, request: Request) -> AsyncIterable[ServerSentEvent]:
    """A submission whenever something about it changes, until it has ended; the last event is named `end`."""
    before: submissions.View | None = None
    while not request.app.state.stopping:
        try:
            now = await run_in_threadpool(_current_view, home, request, identifier)
        except Refusal:
            yield ServerSentEvent(raw_data="{}", event="end")
            return
        if now != before:
            before = now
            ended = now.state in ENDED
            yield ServerSentEvent(raw_data=msgspec.json.encode(now).decode(), event="end" if ended else "state")
            if ended:
                return
        await asyncio.sleep(EVERY_SECONDS)
