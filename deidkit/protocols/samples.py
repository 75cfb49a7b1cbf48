"""Samples of a data set and what is known about a picture of a hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from deidkit.protocols.images import Handedness, Image, Mask, PalmVariant


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of a data set, known by name only: no pixel has been read.

    Attributes:
        key: Unique name inside the data set, stable between machines (a relative path with forward slashes).
        subject: The person, as the data set names them.
        hand: Which hand, if the data set has it.
        session: The capture session, if the data set has it.
        kind: ``"hand"`` for a picture of a whole hand, ``"roi"`` for a palm region already cut out.
        path: The file, or None for a sample that is generated.
        traits: What else the data set knows, as names and values, e.g. ``("skin type", "V")``: groups of people, whose
            success is compared.
    """

    key: str
    subject: str
    hand: Handedness | None = None
    session: str | None = None
    kind: Literal["hand", "roi"] = "hand"
    path: Path | None = None
    traits: tuple[tuple[str, str], ...] = ()

    @property
    def identity(self) -> str:
        """What a recognizer distinguishes: one hand of one subject."""
        return f"{self.subject}/{self.hand}" if self.hand else self.subject


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one picture gave no result: an outcome that is counted, not an exception.

    Attributes:
        stage: Where: ``read``, ``hand``, ``roi``, ``engine``, ``template``, ``quality`` ...
        reason: One short sentence in lower case that names no file, no person.
    """

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hand:
    """One hand found in a picture.

    Attributes:
        box: (4,) float32, x0 y0 x1 y1 in pixels.
        keypoints: (21, 2) float32, x y in pixels; 0 wrist, 1-4 thumb, 5-8 index, 9-12 middle, 13-16 ring,
            17-20 little, from the knuckle to the tip.
        keypoints_3d: (21, 3) float32 in metres about the hand's centre, or None.
        handedness: Of the person, not of the picture.
        score: The analyzer's confidence in 0..1.
        side: Which side of the hand is seen; None where the analyzer cannot say.
    """

    box: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    keypoints_3d: NDArray[np.float32] | None
    handedness: Handedness
    score: float
    side: Literal["palm", "back"] | None = None


class HandImage(Protocol):
    """A picture with its hand analysis, computed when first asked for."""

    @property
    def sample(self) -> Sample:
        """Which sample of the data set this is."""
        ...

    @property
    def pixels(self) -> Image:
        """The upright RGB picture; read-only."""
        ...

    @property
    def hands(self) -> Sequence[Hand]:
        """Every hand found, the most confident first; empty for an ROI and where none was found."""
        ...

    @property
    def palm(self) -> PalmVariant:
        """Which of the published palm polygons this audit uses."""
        ...

    def hand_mask(self) -> Mask:
        """Where the hands are; all True for an ROI. Raises SampleError when no hand was found."""
        ...

    def palm_mask(self) -> Mask:
        """The palm polygons of all hands within the hand mask; all True for an ROI.

        Raises SampleError when no hand was found.
        """
        ...
