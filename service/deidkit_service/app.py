"""The web application: API, pages, error handling and common response headers."""

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
"""Content security policy of reports, which have inline styles and no scripts."""


def application(home: Home) -> FastAPI:
    """Build the web application of a service."""
    app = FastAPI(
        title="deidkit",
        version=deidkit.__version__,
        description="Audits of anonymizers of palm and hand photographs.",
        docs_url=None,  # it would load scripts from another host
        redoc_url=None,
    )
    app.state.home = home
    app.state.stopping = False
    for module in (health, api, evidence, live, operating, pages):
        app.include_router(module.router)
    describe(app)
    app.add_exception_handler(DeidkitError, _respond_to_error)
    app.add_exception_handler(HTTPException, _respond_to_error)
    app.add_exception_handler(RequestValidationError, _respond_to_error)
    app.add_exception_handler(DataError, _respond_to_error)
    app.add_exception_handler(OperationalError, _respond_to_error)
    app.add_exception_handler(Exception, _respond_to_error)
    app.add_middleware(BodyLimit, home=home)
    app.middleware("http")(_with_headers)
    return app


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    is_report = request.url.path.endswith("/report.html")
    response.headers["Content-Security-Policy"] = REPORT_POLICY if is_report else POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if not request.url.path.startswith("/static/"):
        response.headers["Cache-Control"] = "no-store"
    return response


async def _respond_to_error(request: Request, error: Exception) -> Response:
    """Respond with one sentence: RFC 9457 JSON for programs, a page for browsers."""
    status, sentence = _status_and_sentence(error)
    if isinstance(error, OperationalError):  # other defects are logged by the server
        log.error("%s %s: %d", request.method, request.url.path, status, exc_info=error)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=sentence)
        return JSONResponse(msgspec.to_builtins(problem), status, headers, media_type=PROBLEM_TYPE)
    return await run_in_threadpool(refusal_page, request, status, sentence)


def _status_and_sentence(error: Exception) -> tuple[int, str]:
    """HTTP status and message of an error; details of unexpected errors go only to the server's log."""
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
    """Whether a retry may succeed: of SQLite's errors only a lock, not, for example, a missing table."""
    if isinstance(error.orig, sqlite3.OperationalError):
        primary = error.orig.sqlite_errorcode & 0xFF  # the upper bytes are the extended code
        return primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return True  # PostgreSQL raises it for connections, locks and resources
