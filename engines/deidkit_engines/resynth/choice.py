"""Which of several palms is kept: the one by which a hand's keypoints move least."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from deidkit.hand.mediapipe import MediaPipe
from deidkit.protocols import Hand, Image
from deidkit_engines.resynth.canvas import Canvas, Style
from deidkit_engines.resynth.regions import PalmRegion

SKETCH_WIDTH = 96.0
"""Pixels in a palm width of a sketch: what finds keypoints sees a palm at fewer."""
INDEX, LITTLE = 5, 17
"""Knuckles between which a palm's width is measured."""


class Chooser:
    """Compares palms by sketches of them in a picture; the picture itself is not changed.

    Args:
        picture: (height, width, 3) uint8 RGB.
        palm: Where they are to be drawn, on a hand.
        hand: The hand.
        style: How they are to be painted.
        analyzer: What finds the keypoints.
    """

    def __init__(self, picture: Image, palm: PalmRegion, hand: Hand, style: Style, analyzer: MediaPipe) -> None:
        self._picture, self._palm, self._hand, self._analyzer = picture, palm, hand, analyzer
        # As it finds them itself: another hand analysis puts keypoints elsewhere and measures depth from another point.
        self._before = analyzer.look_again(picture, hand)
        sketch = palm.shrunk(min(1.0, SKETCH_WIDTH / palm.width))
        size = sketch.region.shape[::-1]
        self._small = np.asarray(cv2.resize(picture[palm.window], size, interpolation=cv2.INTER_AREA), np.uint8)
        self._canvas = Canvas(self._small, sketch, style)

    def choice(self, candidates: Sequence[Sequence[np.random.Generator]]) -> int:
        """The number of the palm by which the hand's keypoints move least.

        Args:
            candidates: Identity and grain of each, as `Canvas.painted` takes them.
        """
        return int(np.argmin([self._moved(self._canvas.painted(*streams)) for streams in candidates]))

    def _moved(self, sketch: Image) -> float:
        """How far keypoints move, in the plane and in depth, in palm widths; infinitely where no hand is seen."""
        size = self._palm.region.shape[::-1]
        change = cv2.resize(sketch.astype(np.int16) - self._small, size, interpolation=cv2.INTER_LINEAR)
        drawn = self._picture.copy()
        drawn[self._palm.window] = np.clip(drawn[self._palm.window] + change, 0, 255)
        before, seen = self._before, self._analyzer.look_again(drawn, self._hand)
        if before is None or seen is None:
            return float("inf")
        moved = np.abs(seen.keypoints - before.keypoints).mean() / self._palm.width
        was, now = before.keypoints_3d, seen.keypoints_3d
        if was is not None and now is not None:
            moved += np.abs(now - was).mean() / max(float(np.linalg.norm(was[INDEX] - was[LITTLE])), 1e-6)
        return float(moved)
