"""Renders web pages from templates with the report's style; texts are escaped, undefined names are errors."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError

import deidkit
from deidkit_reports import numbers
from deidkit_reports.pages import template_environment
from deidkit_service.access import COOKIE, home_of
from deidkit_service.accounts import Person, by_cookie
from deidkit_service.app_files import report_style
from deidkit_service.leaderboard import Number


def page(request: Request, template: str, who: Person | None, code: int = 200, **values: Any) -> Response:
    """Render a template as an HTML response for the person signed in, or for nobody."""
    text = (
        _environment()
        .get_template(template)
        .render(who=who, path=request.url.path, version=deidkit.__version__, **values)
    )
    return HTMLResponse(text, code)


def standalone(template: str, **values: Any) -> str:
    """Render a template as a self-contained HTML file with an inline style sheet."""
    return _environment().get_template(template).render(style=Markup(report_style().decode()), **values)


def refusal_page(request: Request, status: int, sentence: str) -> Response:
    """Render an error message as a page."""
    cookie, who = request.cookies.get(COOKIE), None
    with suppress(SQLAlchemyError):  # the database may be the cause of the error
        who = by_cookie(home_of(request).database, cookie) if cookie else None
    return page(request, "refusal.html.j2", who, status, status=status, sentence=sentence)


@cache
def _environment() -> Environment:
    environment = template_environment("deidkit_service")
    environment.filters |= {"estimate": numbers.text, "estimate_interval": numbers.interval}
    environment.filters |= {"moment": _moment, "shown": _number, "interval": _interval, "size": _size}
    return environment


def _moment(seconds: float | None) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC" if seconds else ""


def _number(number: Number) -> str:
    """Format a number with its unit."""
    assert number.value is not None
    text = numbers.number(number.value, number.unit)
    return f"{text}\u00a0%" if number.unit == "percent" else text


def _interval(number: Number) -> str:
    if number.low is None or number.high is None:
        return "no interval"
    return f"{numbers.number(number.low, number.unit)} to {numbers.number(number.high, number.unit)}"


def _size(count: int) -> str:
    value = float(count)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
