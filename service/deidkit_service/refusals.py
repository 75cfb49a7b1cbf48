"""Errors of a request: one sentence for the caller, and the HTTP status that goes with it."""

from __future__ import annotations

from http import HTTPStatus

from deidkit.errors import DeidkitError


class Refusal(DeidkitError):
    """What was asked for is not done.

    Args:
        status: HTTP status.
        sentence: Why, and what would help.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status

    @property
    def passes(self) -> bool:
        """Whether the same request may be granted later."""
        return self.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def not_found(what: str, name: str) -> Refusal:
    """The same for what does not exist and for what belongs to another organisation."""
    return Refusal(404, f"there is no {what} '{name}' that this token may see.")
