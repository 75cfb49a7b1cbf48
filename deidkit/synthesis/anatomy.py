"""Shape of a hand: joints and outline, in palm widths.

Coordinates: a right palm with the fingers up; x to the right (the thumb's side), y down, origin at the wrist. A palm
width is the distance between the knuckles of index and little finger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(n, 2) float64 x, y."""

CHAINS = tuple((root, root + 1, root + 2, root + 3) for root in (1, 5, 9, 13, 17))
"""Keypoint indices (MediaPipe's) of thumb, index, middle, ring and little finger, from root to tip."""

_ROOTS = np.array([[0.49, -0.31], [0.345, -1.53], [0.0, -1.57], [-0.315, -1.465], [-0.62, -1.24]])
_LENGTHS = np.array(
    [[0.58, 0.45, 0.35], [0.55, 0.345, 0.30], [0.615, 0.395, 0.32], [0.57, 0.365, 0.315], [0.44, 0.28, 0.28]]
)
_DIRECTIONS = np.radians(
    [[33.0, 29.0, 33.0], [9.0, 5.0, 2.0], [-2.0, -2.0, -4.0], [-10.0, -6.0, -6.0], [-20.0, -17.0, -14.0]]
)
"""Angle of each bone from straight up, positive towards the thumb; fingers slightly spread."""
_HALF_WIDTHS = np.array(
    [[0.235, 0.172, 0.140], [0.158, 0.142, 0.115], [0.160, 0.145, 0.118], [0.150, 0.137, 0.110], [0.132, 0.119, 0.096]]
)
"""Half-width of each finger at the first and second joint above the root, and near the tip."""

WRIST_HALF_WIDTH = 0.46
_GAP = 0.045
"""Minimum distance between two fingers at rest."""
ROI_OFFSET, ROI_SIDE = 0.15, 1.2
"""Offset and side of the ROI, in distances between the finger valleys.

Liang et al., "PKLNet", IEEE J. Sel. Top. Signal Process. 17(3):662, 2023.
"""
WEB = 0.45
"""Position of a finger valley: fraction of the way from the midpoint of two knuckles to that of the next joints."""


@dataclass(frozen=True)
class Anatomy:
    """Proportions of one hand.

    Attributes:
        keypoints: (21, 2) keypoints of the hand at rest, in MediaPipe's order.
        half_widths: (5, 3) half-widths of thumb to little finger at the two joints above the root and near the tip.
        breadth: Scale factor of the palm's breadth.
    """

    keypoints: Points
    half_widths: NDArray[np.float64]
    breadth: float

    def valleys(self) -> Points:
        """(2, 2) finger valleys next to the index and the little finger."""
        return np.stack([self.web(5, 9), self.web(13, 17)])

    def web(self, one: int, other: int) -> NDArray[np.float64]:
        """(2,) bottom of the valley between two fingers, given by the keypoint indices of their knuckles."""
        k = self.keypoints
        knuckles, joints = (k[one] + k[other]) / 2, (k[one + 1] + k[other + 1]) / 2
        return np.asarray(knuckles + WEB * (joints - knuckles))


def draw_anatomy(person: np.random.Generator, hand: np.random.Generator) -> Anatomy:
    """Sample a hand's proportions; `person` drives what both hands share, `hand` what is individual to this one."""

    def varied(shape: tuple[int, ...], spread: float, own: float) -> NDArray[np.float64]:
        return np.asarray(1 + spread * _clipped_normal(person, shape) + own * _clipped_normal(hand, shape))

    lengths = _LENGTHS * varied((), 0.035, 0.003) * varied((5, 1), 0.022, 0.006) * varied((5, 3), 0.015, 0.006)
    roots = _ROOTS * np.stack([np.ones(()), varied((), 0.035, 0.004)]) + 0.004 * _clipped_normal(hand, (5, 2))
    directions = (
        _DIRECTIONS
        + np.radians(1.8) * _clipped_normal(person, (5, 1))
        + np.radians(0.8) * _clipped_normal(hand, (5, 3))
    )
    half_widths = _HALF_WIDTHS * varied((), 0.06, 0.005) * varied((5, 3), 0.02, 0.01)
    breadth = float(varied((), 0.05, 0.005))
    for outer, inner, side in ((1, 2, 1), (3, 2, -1), (4, 3, -1)):
        # Keep the fingers apart at rest, as the outlines of touching ones would merge.
        chains = _chains(roots, lengths, directions)
        across = np.stack([np.cos(directions[inner]), np.sin(directions[inner])], axis=-1)
        gap = side * ((chains[outer, 1:] - chains[inner, 1:]) * across).sum(-1) - half_widths[[outer, inner]].sum(0)
        directions[outer] += side * max(0.0, float(((_GAP - gap) / np.cumsum(lengths[outer])).max()))
    keypoints = np.concatenate([np.zeros((1, 2)), _chains(roots, lengths, directions).reshape(20, 2)])
    keypoints /= np.hypot(*(keypoints[5] - keypoints[17]))
    return Anatomy(keypoints, half_widths, breadth)


def _chains(roots: Points, lengths: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """(5, 4, 2) joints of thumb to little finger."""
    steps = lengths[..., None] * np.stack([np.sin(directions), -np.cos(directions)], axis=-1)
    return np.asarray(roots[:, None] + np.concatenate([np.zeros((5, 1, 2)), np.cumsum(steps, axis=1)], axis=1))


def outlines(anatomy: Anatomy) -> list[Points]:
    """Closed outlines whose union is the hand: palm with forearm, then thumb to little finger."""
    return [_palm(anatomy), *(finger(anatomy, number) for number in range(5))]


def finger(anatomy: Anatomy, number: int) -> Points:
    """(n, 2) closed outline of the thumb (0) or a finger (1-4), overlapping the palm."""
    joints = anatomy.keypoints[list(CHAINS[number])]
    first, second, tip = anatomy.half_widths[number]
    start = joints[0] + (-0.35 if number == 0 else 0.25) * (joints[1] - joints[0])
    line = np.stack([start, *joints[1:]])
    line[-1] -= 0.05 * tip * _unit(line[-1] - line[-2])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    base = 0.95 * first if number == 0 else 1.02 * first
    halfway = (along[1:] + along[:-1]) / 2
    where = np.array([0, halfway[0], along[1], halfway[1], along[2], halfway[2], along[3]])
    swell = (first + second) / 2 * (1.0 if number else 0.97)
    widths = np.array([base, (1.18 if number == 0 else 1.01) * first, first, swell, second, 1.03 * second, tip])
    at = np.linspace(0, along[-1], 48)
    centre = np.stack([np.interp(at, along, line[:, axis]) for axis in (0, 1)], axis=1)
    centre = _smoothed(centre, 7)
    half = _smoothed(np.interp(at, where, widths)[:, None], 7)
    forward = _unit(np.gradient(centre, axis=0))
    side = np.stack([-forward[:, 1], forward[:, 0]], axis=1)
    turn = np.linspace(0, np.pi, 18)[1:-1, None]
    cap = centre[-1] + tip * (np.cos(turn) * side[-1] + 1.15 * np.sin(turn) * forward[-1])
    return np.concatenate([centre + half * side, cap, (centre - half * side)[::-1]])


def _palm(anatomy: Anatomy) -> Points:
    k, b = anatomy.keypoints, anatomy.breadth
    web = anatomy.web
    wrist = WRIST_HALF_WIDTH * b
    corners = np.array([
        k[5] + [0.185 * b, -0.20], k[5] + [0.21 * b, 0.02],
        0.5 * k[2] + 0.5 * k[5] + [-0.03, 0.04], 0.7 * k[2] + 0.3 * k[5] + [-0.02, 0.12],
        k[2] + [0.11, 0.16], k[1] + [0.23 * b, -0.03], k[1] + [0.10 * b, 0.22], [wrist, 0.16],
        [wrist * 1.02, 0.5], [wrist * 1.10, 1.1], [wrist * 1.2, 2.2],
        [-wrist * 1.2, 2.2], [-wrist * 1.10, 1.1], [-wrist * 1.02, 0.5],
        [-wrist, 0.16], [-wrist * 1.18, -0.10], [-0.71 * b, -0.45],
        0.5 * k[17] + [-0.50 * b, -0.22], k[17] + [-0.185 * b, 0.12], k[17] + [-0.165 * b, -0.16],
    ])  # fmt: skip
    across = np.stack([web(17, 13), web(13, 9), web(9, 5)]) + np.array([0.0, 0.03])
    return np.concatenate([_rounded(corners), across])


def _rounded(corners: Points) -> Points:
    """Open Catmull-Rom spline through points."""
    padded = np.concatenate([corners[:1], corners, corners[-1:]])
    t = np.linspace(0, 1, 8, endpoint=False)[:, None]
    pieces = []
    for p, q, r, s in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t**2 + (3 * q - p - 3 * r + s) * t**3))
    return np.concatenate([*pieces, corners[-1:]])


def _smoothed(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Moving average along the first axis, with odd reflection at the ends so that straight lines stay straight."""
    half = window // 2
    low = 2 * values[:1] - values[half:0:-1]
    high = 2 * values[-1:] - values[-2 : -half - 2 : -1]
    padded = np.concatenate([low, values, high])
    return np.stack([np.convolve(column, np.full(window, 1 / window), "valid") for column in padded.T], axis=1)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _clipped_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Standard normal values clipped to +-2.2, so that no implausible hands occur."""
    return np.clip(rng.standard_normal(shape), -2.2, 2.2)
