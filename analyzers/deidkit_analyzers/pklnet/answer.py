"""Output of the network for one picture, and checks of its plausibility."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deidkit.errors import SampleError
from deidkit.hand import square_below
from deidkit.protocols import Mask
from deidkit_analyzers.pklnet.blocks import resized
from deidkit_analyzers.pklnet.geometry import OFFSET, SIDE
from deidkit_analyzers.pklnet.network import BACKGROUND, HAND, PKLNet, normalize

NAME = "pklnet"
TOWARDS_HAND = 1.5
"""Added to the logit of hand against background: the edge class lies more inside the outline than outside, and with it
the place where the two are equally likely. Chosen on training pictures."""
SMALLEST_HAND, CERTAIN = 0.01, 4.0
"""Minimum share of the frame whose hand logit exceeds `CERTAIN`; surfaces without a hand reach logits of 2 or 3."""
MOST_APART = 0.5
"""Maximum distance between a valley's heat map and regression estimates, relative to the valleys' distance."""
MOST_ASTRAY = 0.25
"""Maximum distance of a valley from the hand mask, relative to the valleys' distance."""
MOST_OFF_HAND = 0.3
"""Maximum share of the region outside the hand mask (rejection rule of PalmNet's localizer: Genovese et al.,
IEEE Trans. Inf. Forensics Security 14(12):3160, 2019)."""


@dataclass(frozen=True)
class Answer:
    """Output of the network for one frame.

    Attributes:
        field: (h, w) float32, above 0 where the hand is; the frame's size.
        by_heatmap: (3, 2) float64, valley next to the index finger, next to the little finger, centre; in pixels.
        by_regression: (3, 2) as the other head says.
    """

    field: NDArray[np.float32]
    by_heatmap: NDArray[np.float64]
    by_regression: NDArray[np.float64]


def answers(network: PKLNet, frames: Tensor, device: torch.device) -> Iterator[Answer]:
    """Run the network on (n, 3, h, w) uint8 frames one by one, so that results do not depend on the batch."""
    height, width = frames.shape[2:]
    half = np.array([width, height]) / 2
    for picture in frames:
        with torch.inference_mode():
            located = network(normalize(picture[None].to(device)))
            logits = resized(located.logits, (height, width))[0]
            field = (logits[HAND] - logits[BACKGROUND] + TOWARDS_HAND).float().cpu().numpy()
        ways = (located.by_heatmap, located.by_regression)
        by_heatmap, by_regression = ((way[0].double().cpu().numpy() + 1) * half for way in ways)
        yield Answer(field, by_heatmap, by_regression)


def seen(answer: Answer) -> Mask:
    """(h, w) bool mask of the hand in the frame. Raises SampleError if no hand is detected with certainty."""
    if not float((answer.field > CERTAIN).mean()) >= SMALLEST_HAND:
        raise SampleError("no hand is seen where it should be")
    return np.asarray(answer.field > 0, bool)


def valleys(answer: Answer) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the valley next to the index finger, that next to the little finger, and the region's centre.

    Raises:
        SampleError: No hand is detected, or the points are implausible for it.
    """
    hand = seen(answer)
    first, second, centre = (answer.by_heatmap + answer.by_regression) / 2
    distance = float(np.linalg.norm(second - first))
    disagreement = np.linalg.norm(answer.by_heatmap - answer.by_regression, axis=1)[:2].max()
    if not np.isfinite(distance) or disagreement > MOST_APART * distance:
        raise SampleError("the finger valleys are not found with certainty")
    y, x = np.nonzero(hand)
    for valley in (first, second):
        if np.hypot(x + 0.5 - valley[0], y + 0.5 - valley[1]).min() > MOST_ASTRAY * distance:
            raise SampleError("a finger valley lies off the hand")
    if _off(hand, region(first, second, centre)) > MOST_OFF_HAND:
        raise SampleError(f"more than {MOST_OFF_HAND:.0%} of the palm region lies off the hand".replace("%", " %"))
    return first, second, centre


def region(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    centre: NDArray[np.float64],
    offset: float = OFFSET,
    side: float = SIDE,
) -> NDArray[np.float32]:
    """PKLNet's region: a square beside the valleys' line, on the centre's side; see `deidkit.hand.roi.square_below`.

    Raises:
        SampleError: The points do not define a square.
    """
    return square_below(first, second, centre, offset, side, "centre of the palm")


def _off(hand: NDArray[np.bool_], corners: NDArray[np.float32]) -> float:
    """Share of a square outside a mask, sampled on a 16 x 16 grid."""
    steps = (np.arange(16) + 0.5) / 16
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    places = corners[0] + steps[None, :, None] * across + steps[:, None, None] * down
    x, y = np.floor(places.reshape(-1, 2)).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < hand.shape[1]) & (y < hand.shape[0])
    return 1.0 - float(hand[y[inside], x[inside]].sum()) / len(x)
