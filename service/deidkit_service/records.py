"""Response records of the API, besides `deidkit_service.submissions.View` and the leaderboard's entries."""

from __future__ import annotations

import msgspec

from deidkit_service.accounts import Role
from deidkit_service.benchmarks import Frozen, Kind


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error, as RFC 9457 has it.

    Attributes:
        type: Always ``about:blank``: the status says what kind it is.
        title: The status in words.
        status: The status of the answer.
        detail: One sentence: why, and what would help.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """Whose token it is; `token` is its public id."""

    token: str
    name: str
    organisation: str
    role: Role


class UploadState(msgspec.Struct, frozen=True, kw_only=True):
    """How many bytes of an upload are there, and of how many."""

    id: str
    offset: int
    size: int


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed, and whether it is gone already."""

    id: str
    removed: bool


class BenchmarkView(msgspec.Struct, frozen=True, kw_only=True):
    """A benchmark as everybody may see it: nothing of where its pictures are.

    Attributes:
        name: Its name.
        title: Its heading.
        description: What it is for.
        fingerprint: SHA-256 of `frozen`.
        accepts: Kinds of submissions.
        pictures_handed_out: Whether submitters may download its pictures.
        created: Seconds since 1970.
        closed: Likewise; None while it is open.
        frozen: Everything that decides the numbers.
        ranked_by: Metric of the leaderboard's order.
    """

    name: str
    title: str
    description: str
    fingerprint: str
    accepts: list[Kind]
    pictures_handed_out: bool
    created: float
    closed: float | None
    frozen: Frozen
    ranked_by: str
