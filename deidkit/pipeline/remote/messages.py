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
"""Largest size of one message in bytes; a longer one counts as a failure of the engine."""


class Picture(msgspec.Struct, frozen=True):
    """A picture, without the parts of its hand analysis that are computed on request."""

    sample: Sample
    palm: PalmVariant
    pixels: Image
    hands: list[Hand]
    unread_palms: int


class CreateEngine(msgspec.Struct, frozen=True, tag=True):
    """Request to create the engine."""

    choice: str


class CreateEngineReply(msgspec.Struct, frozen=True, tag=True):
    """Properties of the engine that was created."""

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


class ExpectSamples(msgspec.Struct, frozen=True, tag=True):
    """Request to call `Engine.expect`."""

    samples: list[Sample]


class ExpectSamplesReply(msgspec.Struct, frozen=True, tag=True):
    """The value of `Engine.diverse` after the samples are known."""

    value: bool


class InputDigest(msgspec.Struct, frozen=True, tag=True):
    """Request to call `Engine.input_digest`."""

    sample: Sample


class InputDigestReply(msgspec.Struct, frozen=True, tag=True):
    """The digest, or None."""

    value: str | None


class Coverage(msgspec.Struct, frozen=True, tag=True):
    """Request to call `Engine.coverage`."""

    samples: list[Sample]


class CoverageReply(msgspec.Struct, frozen=True, tag=True):
    """The findings about coverage."""

    found: list[CoverageFinding]


class DeliveredFile(msgspec.Struct, frozen=True, tag=True):
    """Request to call `Engine.delivered_file`."""

    sample: Sample
    seed: int


class Delivers(msgspec.Struct, frozen=True, tag=True):
    """Request to call `Engine.delivers`."""

    sample: Sample
    seed: int


class DeliversReply(msgspec.Struct, frozen=True, tag=True):
    """Whether there is a file for the copy."""

    value: bool


class DeliveredFileReply(msgspec.Struct, frozen=True, tag=True):
    """The bytes of the file, or None."""

    data: bytes | None


class DeIdentify(msgspec.Struct, frozen=True, tag=True):
    """Request to call `Engine.deidentify`."""

    pictures: list[Picture]
    seeds: list[int]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A `Failure` that the engine returned."""

    stage: str
    reason: str


class Copy(msgspec.Struct, frozen=True, tag=True):
    """A copy that the engine returned."""

    pixels: NDArray[Any]


class NotAnOutput(msgspec.Struct, frozen=True, tag=True):
    """Placeholder for output that is neither a numeric picture nor a failure."""


class DeIdentifyReply(msgspec.Struct, frozen=True, tag=True):
    """All outputs of the engine, for each picture and seed."""

    items: list[list[Copy | Failed | NotAnOutput]]


class AnalysisRequest(msgspec.Struct, frozen=True, tag=True):
    """Request by the engine for a part of the hand analysis."""

    picture: int
    what: Literal["hand_mask", "palm_mask", "palm_masks", "roi_corners"]
    hand: int = -1


class AnalysisReply(msgspec.Struct, frozen=True, tag=True):
    """The requested part of the hand analysis, or the reason why there is none."""

    arrays: list[NDArray[Any]] = []
    reason: str | None = None


class Note(msgspec.Struct, frozen=True, tag=True):
    """A sentence to show to the user, for example about a download."""

    sentence: str


class Raised(msgspec.Struct, frozen=True, tag=True):
    """An exception that the engine raised.

    Attributes:
        name: Name of its class.
        text: Its message.
        origin: ``sample`` for a SampleError, ``deidkit`` for any other DeidkitError, ``other`` for the rest.
    """

    name: str
    text: str
    origin: Literal["sample", "deidkit", "other"]


Request = CreateEngine | ExpectSamples | InputDigest | Coverage | DeliveredFile | Delivers | DeIdentify | AnalysisReply
Reply = (
    CreateEngineReply
    | ExpectSamplesReply
    | InputDigestReply
    | CoverageReply
    | DeliveredFileReply
    | DeliversReply
    | DeIdentifyReply
    | AnalysisRequest
    | Note
    | Raised
)


def send(connection: Connection, message: Request | Reply) -> None:
    """Send a record."""
    connection.send_bytes(packed(message))


def receive_request(connection: Connection) -> Request:
    """Wait for a request. Raises EOFError when the connection is closed."""
    received: Request = unpacked(connection.recv_bytes(), Request)
    return received


def receive_reply(connection: Connection) -> Reply:
    """Wait for a reply. Raises OSError, EOFError or msgspec.MsgspecError if none can be read."""
    received: Reply = unpacked(connection.recv_bytes(MAX_MESSAGE), Reply)
    return received
