"""The operator's page, and the page about the user's own token."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select

from deidkit_service import admission, submissions, tables
from deidkit_service.access import ServiceHome, Viewer
from deidkit_service.accounts import all_tokens
from deidkit_service.queue import UNDER_WAY
from deidkit_service.refusals import Refusal
from deidkit_service.rendering import page

router = APIRouter(include_in_schema=False)

EVENTS = 100


@router.get("/token")
def token(home: ServiceHome, who: Viewer, request: Request) -> Response:
    """Page about the user's token: holder, permissions and used quota."""
    settings = home.settings
    quota = settings.submissions_a_day if who.submissions_a_day is None else who.submissions_a_day
    with home.database.reading() as session:
        row = session.get_one(tables.Token, who.token_id)
    used = admission.used_today(home, who)
    return page(request, "token.html.j2", who, token=row, quota=quota, used=used, settings=settings)


@router.get("/operator")
def operator(home: ServiceHome, who: Viewer, request: Request) -> Response:
    """Page with workers, queue, tokens and the activity log."""
    if not who.may("operate"):
        raise Refusal(403, "this page is for operators.")
    with home.database.reading() as session:
        now = home.database.now(session)
        workers = list(session.scalars(select(tables.Worker).order_by(tables.Worker.started)))
        events = list(session.scalars(select(tables.Event).order_by(tables.Event.id.desc()).limit(EVENTS)))
    waiting = submissions.list_visible(home, who, states=UNDER_WAY)
    return page(
        request,
        "operator.html.j2",
        who,
        workers=workers,
        events=events,
        waiting=waiting,
        tokens=all_tokens(home.database),
        now=now,
        late=2 * home.settings.lease_seconds,
    )
