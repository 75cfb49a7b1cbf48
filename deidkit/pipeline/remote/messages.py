"""What an audit and the process of an engine say to each other: typed records as MessagePack, never pickled objects."""

from __future__ import annotations

import math
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Hand, Sample
from deidkit.protocols.images import Handedness, PalmVariant
from deidkit.result import Component, CoverageFinding

MAX_MESSAGE = 2_000_000_000
"""Bytes of one message; what is longer is taken for a failure of the engine."""


class Array(msgspec.Struct, frozen=True):
    """An array of numbers."""

    shape: tuple[int, ...]
    kind: str
    data: bytes

    @classmethod
    def of(cls, array: NDArray[Any]) -> Array:
        """Take the array as it is now."""
        return cls(array.shape, array.dtype.str, np.ascontiguousarray(array).tobytes())

    def array(self) -> NDArray[Any]:
        """The array, read-only. Raises ValueError where the record contradicts itself."""
        kind = np.dtype(self.kind)
        if kind.kind not in "biuf" or math.prod(self.shape) * kind.itemsize != len(self.data):
            raise ValueError("the record of an array contradicts itself")
        return np.frombuffer(self.data, kind).reshape(self.shape)


class SampleRecord(msgspec.Struct, frozen=True):
    """A `Sample`."""

    key: str
    subject: str
    hand: Handedness | None
    session: str | None
    kind: Literal["hand", "roi"]
    path: str | None

    @classmethod
    def of(cls, sample: Sample) -> SampleRecord:
        """Take a sample."""
        path = None if sample.path is None else str(sample.path)
        return cls(sample.key, sample.subject, sample.hand, sample.session, sample.kind, path)

    def sample(self) -> Sample:
        """The sample."""
        path = None if self.path is None else Path(self.path)
        return Sample(self.key, self.subject, self.hand, self.session, self.kind, path)


class HandRecord(msgspec.Struct, frozen=True):
    """A `Hand`."""

    box: Array
    keypoints: Array
    keypoints_3d: Array | None
    handedness: Handedness
    score: float
    side: Literal["palm", "back"] | None

    @classmethod
    def of(cls, hand: Hand) -> HandRecord:
        """Take a hand."""
        in_space = None if hand.keypoints_3d is None else Array.of(hand.keypoints_3d)
        return cls(Array.of(hand.box), Array.of(hand.keypoints), in_space, hand.handedness, hand.score, hand.side)

    def hand(self) -> Hand:
        """The hand."""
        in_space = None if self.keypoints_3d is None else self.keypoints_3d.array().copy()
        box, keypoints = self.box.array().copy(), self.keypoints.array().copy()
        return Hand(box, keypoints, in_space, self.handedness, self.score, self.side)


class Picture(msgspec.Struct, frozen=True):
    """A picture without what is computed when it is asked for."""

    sample: SampleRecord
    palm: PalmVariant
    pixels: Array
    hands: list[HandRecord]
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
    stand_in: str
    packages: list[str]
    paths: list[str]


class Expect(msgspec.Struct, frozen=True, tag=True):
    """Learn which samples there are."""

    samples: list[SampleRecord]


class Diverse(msgspec.Struct, frozen=True, tag=True):
    """Whether different seeds give different results, now that the samples are known."""

    value: bool


class Digest(msgspec.Struct, frozen=True, tag=True):
    """The hash of what is read for a sample."""

    sample: SampleRecord


class Text(msgspec.Struct, frozen=True, tag=True):
    """The hash, if there is one."""

    value: str | None


class Cover(msgspec.Struct, frozen=True, tag=True):
    """What is wrong with what the engine was given."""

    samples: list[SampleRecord]


class Findings(msgspec.Struct, frozen=True, tag=True):
    """The findings."""

    found: list[CoverageFinding]


class Deliver(msgspec.Struct, frozen=True, tag=True):
    """The file of a copy."""

    sample: SampleRecord
    seed: int


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

    pixels: Array


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

    arrays: list[Array] = []
    reason: str | None = None


class Note(msgspec.Struct, frozen=True, tag=True):
    """A sentence while something takes a while."""

    sentence: str


class Raised(msgspec.Struct, frozen=True, tag=True):
    """An exception.

    Attributes:
        name: Of its class.
        text: Its text.
        whose: Whether it is deidkit's, about a sample or about all, or any other.
    """

    name: str
    text: str
    whose: Literal["sample", "deidkit", "other"]


Question = Make | Expect | Digest | Cover | Deliver | DeIdentify | Given
Answer = Made | Diverse | Text | Findings | File | Copies | Needs | Note | Raised


def send(connection: Connection, message: Question | Answer) -> None:
    """Send a record."""
    connection.send_bytes(msgspec.msgpack.encode(message))


def question(connection: Connection) -> Question:
    """Wait for a question. Raises EOFError when the connection is closed."""
    return msgspec.msgpack.decode(connection.recv_bytes(), type=Question)


def answer(connection: Connection) -> Answer:
    """Wait for an answer. Raises OSError, EOFError or msgspec.MsgspecError where there is none."""
    return msgspec.msgpack.decode(connection.recv_bytes(MAX_MESSAGE), type=Answer)
