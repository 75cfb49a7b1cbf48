"""Authentication: a token in the header, or the cookie of a browser that showed one."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Depends, Form, Request

from deidkit_service.accounts import Person, by_cookie, by_secret
from deidkit_service.home import Home
from deidkit_service.refusals import Refusal

COOKIE = "deidkit_session"

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def home_of(request: Request) -> Home:
    """The service that the request is to."""
    home: Home = request.app.state.home
    return home


def somebody(request: Request) -> Person | None:
    """Who asks, None for nobody in particular.

    Raises:
        Refusal: A token is shown that is not valid; or a browser's form comes without what the page gave it.
    """
    home = home_of(request)
    words = request.headers.get("authorization", "").split()
    if words:
        if len(words) != 2 or words[0].lower() != "bearer":
            raise Refusal(401, "show a token as: Authorization: Bearer TOKEN")
        return by_secret(home.database, words[1])
    cookie = request.cookies.get(COOKIE)
    return by_cookie(home.database, cookie) if cookie else None


def person(found: Annotated[Person | None, Depends(somebody)], request: Request) -> Person:
    """Who asks. Raises Refusal where nobody says who."""
    if found is None:
        raise Refusal(401, "this needs a token: Authorization: Bearer TOKEN, or sign in.")
    if found.csrf and request.method not in SAFE_METHODS:
        check_csrf(found, request.headers.get("x-csrf-token", ""))
    return found


def operator(found: Annotated[Person, Depends(person)]) -> Person:
    """Who asks, an operator. Raises Refusal for anybody else."""
    if not found.may("operate"):
        raise Refusal(403, "this is for operators.")
    return found


def check_csrf(found: Person, given: str) -> None:
    """Refuse what a browser sends without what one of our pages gave it. Raises Refusal."""
    if not secrets.compare_digest(found.csrf.encode(), given.encode()):
        raise Refusal(403, "the form has expired or came from another page; load the page again.")


def signed_in(found: Annotated[Person | None, Depends(somebody)]) -> Person:
    """Who looks at a page. Raises Refusal for nobody."""
    if found is None:
        raise Refusal(401, "sign in with a token to see this.")
    return found


def sender(found: Annotated[Person, Depends(signed_in)], csrf: Annotated[str, Form()]) -> Person:
    """Who sends a form of one of our pages. Raises Refusal for nobody, and for a form that is not ours."""
    check_csrf(found, csrf)
    return found


Somebody = Annotated[Person | None, Depends(somebody)]
Asker = Annotated[Person, Depends(person)]
Viewer = Annotated[Person, Depends(signed_in)]
Sender = Annotated[Person, Depends(sender)]
Operator = Annotated[Person, Depends(operator)]
TheHome = Annotated[Home, Depends(home_of)]
