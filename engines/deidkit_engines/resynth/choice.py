"""Which of several palms is kept: the one by which a hand's keypoints move least."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from deidkit.hand.mediapipe import MediaPipe
from deidkit.protocols import Hand, Image
from deidkit_engines.resynth.canvas import Canvas
from deidkit_engines.resynth.regions import PalmRegion, binned

VIEW_WIDTH = 120.0
"""Pixels in a palm width, at least, of the view in which keypoints are looked for: the network sees a palm at
fewer, but palms that are painted for a coarser view lack lines that it looks at."""
REACH = 2.5
"""How far a view reaches beyond a hand's keypoints, in palm widths; the network looks no further."""
INDEX, LITTLE = 5, 17
"""Knuckles between which a palm's width is measured."""

Painting = Callable[[Canvas], Image]
"""Paints one palm on a canvas of any size, with the same streams of chance each time."""


class Chooser:
    """Compares palms by sketches of them in a small view of a hand; the picture itself is not changed.

    Args:
        picture: (height, width, 3) uint8 RGB.
        palm: Where they are to be drawn.
        hand: Whose palm it is.
        canvas: What they are drawn on.
        analyzer: What finds the keypoints.
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
        # As it finds them itself: another hand analysis puts keypoints elsewhere and measures depth from another point.
        self._before = analyzer.look_again(self._view, self._hand)

    def painted(self, palms: Sequence[Painting]) -> Image:
        """The palm by which the hand's keypoints move least, as `Canvas.painted` gives it."""
        sketches = [paint(self._sketch) for paint in palms]
        best = int(np.argmin([self._moved(sketch) for sketch in sketches]))
        return sketches[best] if self._sketch is self._canvas else palms[best](self._canvas)

    def _moved(self, sketch: Image) -> float:
        """How far keypoints move, in the plane and in depth, in palm widths; infinitely where no hand is seen."""
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
