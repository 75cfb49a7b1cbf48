"""Authentication: a token in the header, or the session cookie of a browser."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Depends, Form, Request
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from deidkit_service.accounts import Person, by_cookie, by_secret
from deidkit_service.home import Home
from deidkit_service.refusals import Refusal

COOKIE = "deidkit_session"

BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="A token from the operator.")
"""Declares the scheme in the OpenAPI description only; `authenticated` checks the token."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def home_of(request: Request) -> Home:
    """Return the home of the service that handles the request."""
    home: Home = request.app.state.home
    return home


def authenticated(home: Home, headers: Headers) -> Person | None:
    """Authenticate a request by its headers; None without a token or session.

    Raises:
        Refusal: The token is not valid.
    """
    words = headers.get("authorization", "").split()
    if words:
        if len(words) != 2 or words[0].lower() != "bearer":
            raise Refusal(401, "show a token as: Authorization: Bearer TOKEN")
        return by_secret(home.database, words[1])
    cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE)
    return by_cookie(home.database, cookie) if cookie else None


def visitor(request: Request) -> Person | None:
    """Return the authenticated person; None without a token or session. Raises Refusal if the token is not valid."""
    return authenticated(home_of(request), request.headers)


def person(
    found: Annotated[Person | None, Depends(visitor)], request: Request, _described: Annotated[object, Depends(BEARER)]
) -> Person:
    """Return the authenticated person. Raises Refusal without a token or session, or for a wrong CSRF token."""
    if found is None:
        raise Refusal(401, "this needs a token: Authorization: Bearer TOKEN, or sign in.")
    if found.csrf and request.method not in SAFE_METHODS:
        check_csrf(found, request.headers.get("x-csrf-token", ""))
    return found


def operator(found: Annotated[Person, Depends(person)]) -> Person:
    """Return the authenticated operator. Raises Refusal for anybody else."""
    if not found.may("operate"):
        raise Refusal(403, "this is for operators.")
    return found


def check_csrf(found: Person, given: str) -> None:
    """Raise Refusal unless the CSRF token belongs to the person's session."""
    if not secrets.compare_digest(found.csrf.encode(), given.encode()):
        raise Refusal(403, "the form has expired or came from another page; load the page again.")


def signed_in(found: Annotated[Person | None, Depends(visitor)]) -> Person:
    """Return the person who requests a page. Raises Refusal if not signed in."""
    if found is None:
        raise Refusal(401, "sign in with a token to see this.")
    return found


def sender(found: Annotated[Person, Depends(signed_in)], csrf: Annotated[str, Form()]) -> Person:
    """Return the person who submits a form. Raises Refusal if not signed in or if the form's CSRF token is wrong."""
    check_csrf(found, csrf)
    return found


Visitor = Annotated[Person | None, Depends(visitor)]
Caller = Annotated[Person, Depends(person)]
Viewer = Annotated[Person, Depends(signed_in)]
Sender = Annotated[Person, Depends(sender)]
Operator = Annotated[Person, Depends(operator)]
ServiceHome = Annotated[Home, Depends(home_of)]
