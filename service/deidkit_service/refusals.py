"""Errors of a request: one sentence for the caller, and the HTTP status that goes with it."""

from __future__ import annotations

from http import HTTPStatus

from deidkit.errors import DeidkitError


class Refusal(DeidkitError):
    """A request is refused.

    Args:
        status: HTTP status.
        sentence: Reason and remedy.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status

    @property
    def passes(self) -> bool:
        """Whether the same request may be granted later."""
        return self.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def not_found(what: str, name: str) -> Refusal:
    """Return a 404 that does not reveal whether the thing exists but belongs to another organisation."""
    return Refusal(404, f"there is no {what} '{name}' that this token may see.")
