"""Messages between an audit and the process of an engine: typed records as MessagePack, never pickled objects."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any, Literal

import msgspec
from numpy.typing import NDArray

from deidkit.pipeline.packing import packed, unpacked
from deidkit.protocols import Hand, Sample
from deidkit.protocols.images import Image, PalmVariant
from deidkit.result import Component, CoverageFinding

MAX_MESSAGE = 2_000_000_000
"""Bytes of one message; what is longer is taken for a failure of the engine."""


class Picture(msgspec.Struct, frozen=True):
    """A picture without what is computed when it is asked for."""

    sample: Sample
    palm: PalmVariant
    pixels: Image
    hands: list[Hand]
    unread_palms: int


class Make(msgspec.Struct, frozen=True, tag=True):
    """Make the engine."""

    choice: str


class Made(msgspec.Struct, frozen=True, tag=True):
    """What the engine is."""

    component: Component
    deterministic: bool
    diverse: bool
    batch_size: int
    control: bool
    reusable: bool
    any_size: bool
    finished: bool
    stand_in: str
    packages: list[str]
    paths: list[str]


class Expect(msgspec.Struct, frozen=True, tag=True):
    """Learn which samples there are."""

    samples: list[Sample]


class Diverse(msgspec.Struct, frozen=True, tag=True):
    """Whether different seeds give different results, now that the samples are known."""

    value: bool


class Digest(msgspec.Struct, frozen=True, tag=True):
    """The hash of what is read for a sample."""

    sample: Sample


class Text(msgspec.Struct, frozen=True, tag=True):
    """The hash, if there is one."""

    value: str | None


class Cover(msgspec.Struct, frozen=True, tag=True):
    """What is wrong with what the engine was given."""

    samples: list[Sample]


class Findings(msgspec.Struct, frozen=True, tag=True):
    """The findings."""

    found: list[CoverageFinding]


class Deliver(msgspec.Struct, frozen=True, tag=True):
    """The file of a copy."""

    sample: Sample
    seed: int


class Has(msgspec.Struct, frozen=True, tag=True):
    """Whether there is a file for a copy."""

    sample: Sample
    seed: int


class Delivers(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Has`."""

    value: bool


class File(msgspec.Struct, frozen=True, tag=True):
    """The bytes of the file, if there is one."""

    data: bytes | None


class DeIdentify(msgspec.Struct, frozen=True, tag=True):
    """De-identify pictures."""

    pictures: list[Picture]
    seeds: list[int]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A `Failure`."""

    stage: str
    reason: str


class Copy(msgspec.Struct, frozen=True, tag=True):
    """A copy."""

    pixels: NDArray[Any]


class Nothing(msgspec.Struct, frozen=True, tag=True):
    """Something else than a picture of numbers or a failure."""


class Copies(msgspec.Struct, frozen=True, tag=True):
    """What the engine returned."""

    items: list[list[Copy | Failed | Nothing]]


class Needs(msgspec.Struct, frozen=True, tag=True):
    """Something of the hand analysis that the engine asks for."""

    picture: int
    what: Literal["hand_mask", "palm_mask", "palm_masks", "roi_corners"]
    hand: int = -1


class Given(msgspec.Struct, frozen=True, tag=True):
    """It, or why there is none."""

    arrays: list[NDArray[Any]] = []
    reason: str | None = None


class Note(msgspec.Struct, frozen=True, tag=True):
    """A sentence while something takes a while."""

    sentence: str


class Raised(msgspec.Struct, frozen=True, tag=True):
    """An exception.

    Attributes:
        name: Of its class.
        origin: Whether it is deidkit's, about a sample or about all, or any other.
    """

    name: str
    text: str
    origin: Literal["sample", "deidkit", "other"]


Request = Make | Expect | Digest | Cover | Deliver | Has | DeIdentify | Given
Reply = Made | Diverse | Text | Findings | File | Delivers | Copies | Needs | Note | Raised


def send(connection: Connection, message: Request | Reply) -> None:
    """Send a record."""
    connection.send_bytes(packed(message))


def receive_request(connection: Connection) -> Request:
    """Wait for a request. Raises EOFError when the connection is closed."""
    received: Request = unpacked(connection.recv_bytes(), Request)
    return received


def receive_reply(connection: Connection) -> Reply:
    """Wait for a reply. Raises OSError, EOFError or msgspec.MsgspecError where there is none."""
    received: Reply = unpacked(connection.recv_bytes(MAX_MESSAGE), Reply)
    return received
