"""The web application: API, pages and what all responses share."""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DataError, OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

import deidkit
from deidkit.errors import DeidkitError
from deidkit_service import api, evidence, health, live, operating, pages
from deidkit_service.database import is_full
from deidkit_service.home import Home
from deidkit_service.limiting import BodyLimit
from deidkit_service.openapi import PROBLEM_TYPE, describe
from deidkit_service.records import Problem
from deidkit_service.refusals import Refusal
from deidkit_service.rendering import refusal_page

log = logging.getLogger("deidkit.app")

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
"""A report has its style within, and nothing that runs."""


def application(home: Home) -> FastAPI:
    """The application of a service."""
    app = FastAPI(
        title="deidkit",
        version=deidkit.__version__,
        description="Audits of anonymizers of palm and hand photographs.",
        docs_url=None,  # its page would come from another host
        redoc_url=None,
    )
    app.state.home = home
    app.state.stopping = False
    for module in (health, api, evidence, live, operating, pages):
        app.include_router(module.router)
    describe(app)
    app.add_exception_handler(DeidkitError, _refused)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(DataError, _refused)
    app.add_exception_handler(OperationalError, _refused)
    app.add_exception_handler(Exception, _refused)
    app.add_middleware(BodyLimit, home=home)
    app.middleware("http")(_surrounded)
    return app


async def _surrounded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    is_report = request.url.path.endswith("/report.html")
    response.headers["Content-Security-Policy"] = REPORT_POLICY if is_report else POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if not request.url.path.startswith("/static/"):
        response.headers["Cache-Control"] = "no-store"
    return response


async def _refused(request: Request, error: Exception) -> Response:
    """One sentence: as JSON for programs, as a page for people."""
    status, sentence = _status_and_sentence(error)
    if isinstance(error, OperationalError):  # other defects are logged by the server
        log.error("%s %s: %d", request.method, request.url.path, status, exc_info=error)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=sentence)
        return JSONResponse(msgspec.to_builtins(problem), status, headers, media_type=PROBLEM_TYPE)
    return await run_in_threadpool(refusal_page, request, status, sentence)


def _status_and_sentence(error: Exception) -> tuple[int, str]:
    """Status and sentence of an error; a defect's own words stay in the server's log."""
    if isinstance(error, HTTPException):
        nothing = error.status_code == 404
        return error.status_code, "there is nothing at this address." if nothing else f"{error.detail}."
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        return 422, f"'{where}' cannot be used: {first['msg']}."
    if isinstance(error, DeidkitError):
        return (error.status if isinstance(error, Refusal) else 422), str(error)
    if isinstance(error, DataError):
        return 422, "the request holds a character or a number that the database does not take."
    if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or is_full(error):
        return 507, "the service's disk is full; its operator has to make room."
    if isinstance(error, OperationalError) and _database_is_busy(error):
        return 503, "the service's database is busy or does not answer; try again in a while, or tell its operator."
    return 500, "this is a defect of deidkit; the operator finds the lines to report in the server's log."


def _database_is_busy(error: OperationalError) -> bool:
    """Whether another try may be answered; of SQLite's errors a lock is one, and a table that is missing is none."""
    if isinstance(error.orig, sqlite3.OperationalError):
        primary = error.orig.sqlite_errorcode & 0xFF  # the rest says more exactly which
        return primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return True  # PostgreSQL's are connections, locks and resources
