"""MediaPipe's hand keypoints without the mediapipe package: two small networks and the geometry between them.

The palm detector gives a rotated square for the keypoint network, which is then run twice on rotated squares around
the keypoints. Source: Zhang et al., "MediaPipe Hands: On-device Real-time Hand Tracking", 2020.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deidkit import models
from deidkit.errors import SampleError
from deidkit.hand import network, palm_detector, views
from deidkit.hand.detected_hands import DetectedHands
from deidkit.hand.side import handedness, side
from deidkit.hand.warp import cut, in_picture, square
from deidkit.protocols import Hand, HandAnalyzer, Image, option

MODEL = "hands"
PALM_FILE, KEYPOINT_FILE = "palm_detection_full.tflite", "hand_landmark_full.tflite"
KEYPOINT_SIDE = 224
"""Side of the keypoint network's input in pixels."""

KEYPOINT_OUTPUTS = ("Identity", "Identity_1", "Identity_2", "Identity_3")
"""Keypoints (63,) in input pixels, presence (1,), handedness (1,), keypoints in metres (63,)."""

SAME_HAND = 0.5
"""Mean distance of palm keypoints, in parts of the larger palm's length, below which two detections are one hand."""

_FAINT_SHARE = 0.3
"""Share of the minimum score above which a palm is examined closely if no clear palm was found."""

_PALM = np.array([0, 5, 9, 13, 17])
"""Keypoints of the palm."""

_WITHOUT_FINGERTIPS = np.array([0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18])
"""Keypoints that define the second square: all but the fingertips, which move most."""

_ROTATION = 0.25
"""Rotation of the square in either direction for the two final passes, in radians."""


class _Reading(NamedTuple):
    """Output of the keypoint network for one square, in picture coordinates."""

    keypoints: NDArray[np.float32]
    metres: NDArray[np.float32]
    presence: float
    right: float


@dataclass
class MediaPipe(HandAnalyzer):
    """MediaPipe's palm detector and hand keypoint network, run by LiteRT or OpenCV."""

    min_confidence: float = option(0.5, "Smallest score of a palm and of its keypoints", minimum=0.05, maximum=0.99)
    max_hands: int = option(20, "Hands in one picture above which the picture fails", minimum=1, maximum=100)
    runtime: Literal["auto", "litert", "opencv"] = option(
        "auto", "What runs the networks: auto takes litert where ai-edge-litert is installed"
    )
    version: str = field(init=False)

    def __post_init__(self) -> None:
        self._runtime = network.runtime(self.runtime)
        # The runtimes differ by fractions of a pixel, so results of one are not those of the other.
        self.version = f"3 with {self._runtime}"
        self._of_thread = threading.local()

    def prepare(self, note: Callable[[str], None]) -> None:
        """Fetch the model files if they are absent, and open them.

        Raises:
            MissingModel: They cannot be fetched, or are damaged.
        """
        models.ensure(MODEL, note)
        self._networks()

    def packages(self) -> tuple[str, ...]:
        """Packages whose versions are recorded."""
        return ("ai-edge-litert",)

    def weight_files(self) -> dict[str, Path]:
        """The two model files, checked. Raises MissingModel."""
        return {name: self._folder / name for name in (PALM_FILE, KEYPOINT_FILE)}

    def detect(self, image: Image) -> DetectedHands:
        """Detect all hands in a picture, the most confident first.

        The picture is searched as a whole and, if it is large, in parts, for distant hands. If no hand is found, it is
        searched again for faint ones, rotated and in parts.

        Raises:
            MissingModel: The model files are absent and cannot be fetched, or are damaged.
            SampleError: There are more than `max_hands` hands.
        """
        height, width = image.shape[:2]
        hands = self._hands(image, views.every_hand(width, height), self.min_confidence)
        for corners in views.closer_looks(width, height):
            if hands:
                break
            hands = self._hands(image, [corners], _FAINT_SHARE * self.min_confidence)
        if len(hands) > self.max_hands:
            raise SampleError(f"{len(hands)} hands found, more than max_hands={self.max_hands} allows")
        return hands

    def _hands(self, image: Image, squares: Iterable[NDArray[np.float32]], minimum: float) -> DetectedHands:
        find_palms, _ = self._networks()
        found: list[Hand] = []
        unread: list[NDArray[np.float32]] = []
        for corners in squares:
            boxes, logits = find_palms(cut(image, corners, palm_detector.SIDE))
            for palm in palm_detector.decode(boxes, logits, minimum):
                if any(_is_palm_of(palm, corners, hand) for hand in found):
                    continue
                hand = self._hand(image, _around_palm(palm, corners))
                if hand is None:
                    unread.append(_square_of(palm, corners))
                elif not any(_is_same_hand(hand, other) for other in found):
                    found.append(hand)
        return DetectedHands(sorted(found, key=lambda hand: -hand.score), unread=_count_unread(unread, found))

    def look_again(self, image: Image, hand: Hand) -> Hand | None:
        """Locate a known hand in a slightly different picture; None if it is not found.

        This skips the palm search, which is most of the work of `detect`.

        Raises:
            MissingModel: The model files are absent and cannot be fetched, or are damaged.
        """
        return self._refine(image, hand.keypoints, [])

    def _hand(self, image: Image, corners: NDArray[np.float32]) -> Hand | None:
        first = self._run_network(image, corners)
        return None if first is None else self._refine(image, first.keypoints, [first])

    def _refine(self, image: Image, keypoints: NDArray[np.float32], otherwise: Sequence[_Reading]) -> Hand | None:
        # A square from keypoints is more accurate than one from a palm. The remaining error depends on its rotation, so
        # two rotations are averaged.
        better = _around_keypoints(keypoints)
        readings = [self._run_network(image, _rotated(better, turn)) for turn in (-_ROTATION, _ROTATION)]
        kept = [reading for reading in readings if reading is not None] or otherwise
        if not kept:
            return None
        keypoints = np.asarray(np.mean([reading.keypoints for reading in kept], axis=0), np.float32)
        metres = np.asarray(np.mean([reading.metres for reading in kept], axis=0), np.float32)
        right = float(np.mean([reading.right for reading in kept]))
        return Hand(
            box=_box(keypoints, image.shape[1], image.shape[0]),
            keypoints=keypoints,
            keypoints_3d=metres,
            handedness=handedness(right, keypoints),
            score=min(float(np.mean([reading.presence for reading in kept])), 1.0),
            side=side(right, keypoints, metres),
        )

    def _run_network(self, image: Image, corners: NDArray[np.float32]) -> _Reading | None:
        """Run the keypoint network on a square; None if it sees no hand."""
        _, find_keypoints = self._networks()
        flat, presence, right, metres = find_keypoints(cut(image, corners, KEYPOINT_SIDE))
        score = float(presence.reshape(-1)[0])
        if not score >= self.min_confidence:  # also rejects NaN
            return None
        across = _unit(corners[1] - corners[0])
        turn = np.array([[across[0], across[1], 0], [-across[1], across[0], 0], [0, 0, 1]], np.float32)
        return _Reading(
            keypoints=in_picture(corners, flat.reshape(21, 3)[:, :2] / KEYPOINT_SIDE),
            metres=metres.reshape(21, 3) @ turn,
            presence=score,
            right=float(right.reshape(-1)[0]),
        )

    def _networks(self) -> tuple[network.Network, network.Network]:
        """Networks of the calling thread, since an interpreter is not thread-safe."""
        if not hasattr(self._of_thread, "networks"):
            files = self.weight_files()
            self._of_thread.networks = (
                network.load(files[PALM_FILE], palm_detector.OUTPUTS, self._runtime),
                network.load(files[KEYPOINT_FILE], KEYPOINT_OUTPUTS, self._runtime),
            )
        networks: tuple[network.Network, network.Network] = self._of_thread.networks
        return networks

    @cached_property
    def _folder(self) -> Path:
        """Folder of the model files, checked once per analyzer."""
        return models.path(MODEL)


def _around_palm(palm: palm_detector.Palm, view: NDArray[np.float32]) -> NDArray[np.float32]:
    """Square for the keypoint network: fingers up, 2.6 palms wide, shifted by half a palm towards the fingers."""
    unit = float(np.linalg.norm(view[1] - view[0]))
    up = _unit(in_picture(view, palm.direction) - view[0])
    centre = in_picture(view, palm.centre) + 0.5 * palm.side * unit * up
    return square(centre, 2.6 * palm.side * unit, _angle(up))


def _around_keypoints(keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
    """Square around keypoints for another pass of the keypoint network."""
    up = _unit((keypoints[5] + 2 * keypoints[9] + keypoints[13]) / 4 - keypoints[0])
    axes = np.stack([[-up[1], up[0]], -up], axis=1)  # columns: across and down
    own = keypoints[_WITHOUT_FINGERTIPS] @ axes
    low, high = own.min(axis=0), own.max(axis=0)
    side = float((high - low).max())
    centre = axes @ ((low + high) / 2) + 0.1 * side * up
    return square(centre, 2.0 * side, _angle(up))


def _rotated(corners: NDArray[np.float32], angle: float) -> NDArray[np.float32]:
    """Rotate a square clockwise about its centre."""
    across = corners[1] - corners[0]
    return square(corners.mean(axis=0), float(np.linalg.norm(across)), float(np.arctan2(across[1], across[0])) + angle)


def _unit(vector: NDArray[np.floating]) -> NDArray[np.float32]:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > 0 else [0.0, -1.0], np.float32)


def _angle(up: NDArray[np.float32]) -> float:
    """Clockwise angle of a square whose upper side faces a direction."""
    return float(np.arctan2(up[0], -up[1]))


def _box(keypoints: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """(4,) Bounding box of the keypoints, grown by a tenth of its longer side and clipped to the picture."""
    low, high = keypoints.min(axis=0), keypoints.max(axis=0)
    margin = 0.1 * float((high - low).max())
    limit = np.array([width, height], np.float32)
    return np.concatenate([np.clip(low - margin, 0, limit), np.clip(high + margin, 0, limit)]).astype(np.float32)


def _is_same_hand(one: Hand, other: Hand) -> bool:
    """Whether two detections are the same hand."""
    apart = np.linalg.norm(one.keypoints[_PALM] - other.keypoints[_PALM], axis=1).mean()
    return bool(apart < SAME_HAND * max(_length(one), _length(other)))


def _is_palm_of(palm: palm_detector.Palm, view: NDArray[np.float32], hand: Hand) -> bool:
    """Whether a palm clearly belongs to a detected hand: same place and similar size."""
    corners, length = _square_of(palm, view), _length(hand)
    apart = float(np.linalg.norm(corners.mean(axis=0) - hand.keypoints[_PALM].mean(axis=0)))
    return apart < SAME_HAND * length and length / 2 < float(np.linalg.norm(corners[1] - corners[0])) < 2.5 * length


def _count_unread(squares: list[NDArray[np.float32]], hands: list[Hand]) -> int:
    """Number of distinct palms without keypoints, apart from all hands."""
    apart: list[NDArray[np.float32]] = []
    for corners in squares:
        middle, size = corners.mean(axis=0), float(np.linalg.norm(corners[1] - corners[0]))
        on_hand = any((hand.box[:2] <= middle).all() and (middle <= hand.box[2:]).all() for hand in hands)
        if not on_hand and all(np.linalg.norm(middle - other.mean(axis=0)) > size for other in apart):
            apart.append(corners)
    return len(apart)


def _square_of(palm: palm_detector.Palm, view: NDArray[np.float32]) -> NDArray[np.float32]:
    """(4, 2) The palm's bounding square in the picture, upright in the view."""
    half = palm.side / 2 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
    return in_picture(view, palm.centre + half)


def _length(hand: Hand) -> float:
    """Distance from the wrist to the middle finger's knuckle, in pixels."""
    return float(np.linalg.norm(hand.keypoints[9] - hand.keypoints[0]))
