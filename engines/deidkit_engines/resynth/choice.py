"""Chooses, from several candidate palms, the one that moves the hand's keypoints least."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from deidkit.hand.mediapipe import MediaPipe
from deidkit.protocols import Hand, Image
from deidkit_engines.resynth.canvas import Canvas
from deidkit_engines.resynth.regions import PalmRegion, binned

VIEW_WIDTH = 120.0
"""Smallest number of pixels per palm width in the view in which keypoints are located. The network's own input is
coarser, but palms painted for a coarser view lack lines that it responds to."""
REACH = 2.5
"""Margin of the view around a hand's keypoints, in palm widths; the network's input does not reach further."""
INDEX, LITTLE = 5, 17
"""Keypoints of the two knuckles that define the palm width."""

Painting = Callable[[Canvas], Image]
"""Paints one palm on a canvas of any size, with the same random streams each time."""


class Chooser:
    """Compares candidate palms painted in a small view of the hand; the picture itself is not changed.

    Args:
        picture: (height, width, 3) uint8 RGB.
        palm: The region to be replaced.
        hand: The hand it belongs to.
        canvas: The canvas of that region.
        analyzer: Locates the keypoints.
    """

    def __init__(self, picture: Image, palm: PalmRegion, hand: Hand, canvas: Canvas, analyzer: MediaPipe) -> None:
        self._canvas, self._analyzer, self._width = canvas, analyzer, palm.width
        self._step = step = max(1, int(palm.width / VIEW_WIDTH))
        self._sketch = canvas if step == 1 else canvas.sketch(step)
        start, stop = (np.array([getattr(side, end) for side in palm.window[::-1]]) for end in ("start", "stop"))
        wanted = np.ceil((start - hand.keypoints.min(axis=0) + REACH * palm.width) / step)
        before = np.clip(wanted, 0, start // step).astype(int)  # pixels of the view before the window
        low = start - step * before
        high = np.maximum(hand.keypoints.max(axis=0) + REACH * palm.width, stop).astype(int)
        self._view = binned(picture[low[1] : high[1], low[0] : high[0]], step)
        rows, columns = self._sketch.pixels.shape[:2]
        self._box = (slice(before[1], before[1] + rows), slice(before[0], before[0] + columns))
        self._hand = replace(hand, keypoints=((hand.keypoints - low) / step).astype(np.float32))
        # Located anew: other hand analyses place keypoints differently and measure depth from another origin.
        self._before = analyzer.look_again(self._view, self._hand)

    def painted(self, palms: Sequence[Painting]) -> Image:
        """(h, w, 3) uint8 result of `Canvas.painted` for the palm that moves the hand's keypoints least."""
        sketches = [paint(self._sketch) for paint in palms]
        best = int(np.argmin([self._moved(sketch) for sketch in sketches]))
        return sketches[best] if self._sketch is self._canvas else palms[best](self._canvas)

    def _moved(self, sketch: Image) -> float:
        """Mean movement of the 2-D plus that of the 3-D keypoints, in palm widths; infinite if no hand is detected."""
        view = self._view.copy()
        view[self._box] = sketch
        before, seen = self._before, self._analyzer.look_again(view, self._hand)
        if before is None or seen is None:
            return float("inf")
        moved = np.abs(seen.keypoints - before.keypoints).mean() * self._step / self._width
        was, now = before.keypoints_3d, seen.keypoints_3d
        if was is not None and now is not None:
            moved += np.abs(now - was).mean() / max(float(np.linalg.norm(was[INDEX] - was[LITTLE])), 1e-6)
        return float(moved)
