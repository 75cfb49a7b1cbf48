"""Pose of a hand before the camera: a map from picture pixels to the hand at rest.

Each bone has an affine map, and a point blends those of nearby bones (inverse linear blend skinning); then the whole
hand is rotated, translated, scaled and tilted. A small smooth displacement models stretching of the skin.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.synthesis.anatomy import CHAINS, WRIST_HALF_WIDTH, Anatomy, Points

_SHARPNESS = 26.0
"""Decay rate of a bone's blend weight with distance, per palm width."""
_THUMB = 2
_STEP = 8
"""Grid spacing, in pixels, at which the map is computed; it is smooth enough for interpolation."""


@dataclass(frozen=True)
class Pose:
    """One pose of one hand.

    Attributes:
        bones: (b, 2, 3) affine maps from the posed hand back to the hand at rest.
        segments: (s, 2, 2) axes of the posed bones.
        owners: (s,) index of the bone of each axis, ascending.
        radii: (s,) radius of the flesh around each axis.
        camera: (3, 3) homography from the posed hand, in palm widths, to picture pixels.
        waves: (w, 5) displacement of the skin: wave vector, phase, displacement x, y.
    """

    bones: NDArray[np.float64]
    segments: NDArray[np.float64]
    owners: NDArray[np.int64]
    radii: NDArray[np.float64]
    camera: NDArray[np.float64]
    waves: NDArray[np.float64]

    @property
    def unit(self) -> float:
        """Approximate number of pixels in one palm width."""
        return float(np.sqrt(abs(np.linalg.det(self.camera[:2, :2]))))

    def back(self, pixels: Points) -> Points:
        """Map points of the picture to the hand at rest, in palm widths."""
        from deidkit.synthesis.pose_kernels import distances  # imports numba

        inverse = np.linalg.inv(self.camera)
        x, y, depth = inverse[:, :2] @ pixels.T + inverse[:, 2:]
        x, y = x / depth, y / depth
        nearest = np.full((len(self.bones), len(x)), np.inf)
        distances(x, y, self.segments, self.radii, self.owners, nearest)
        np.maximum(nearest, -0.12, out=nearest)
        nearest[_THUMB] *= 0.6  # the thumb's root moves the palm with it
        pull = np.exp(-_SHARPNESS * (nearest - nearest.min(0)))
        pull /= pull.sum(0)
        blended = self.bones.reshape(-1, 6).T @ pull
        rest = np.stack([blended[0] * x + blended[1] * y + blended[2], blended[3] * x + blended[4] * y + blended[5]])
        waves = np.sin(self.waves[:, :2] @ rest + self.waves[:, 2:3])
        return np.asarray((rest + self.waves[:, 3:].T @ waves).T)

    def grid(self, width: int, height: int) -> NDArray[np.float32]:
        """(height, width, 2) float32 `back` at every pixel's centre, interpolated from a coarse grid."""
        columns, rows = width // _STEP + 3, height // _STEP + 3
        x, y = np.meshgrid((np.arange(columns) - 0.5) * _STEP, (np.arange(rows) - 0.5) * _STEP)
        coarse = self.back(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(rows, columns, 2).astype(np.float32)
        large = cv2.resize(coarse, (columns * _STEP, rows * _STEP), interpolation=cv2.INTER_LINEAR)
        # Grid point j lies at pixel (j + 1/2) of the enlarged grid's cells, and at picture x = (j - 1/2) * step.
        return np.asarray(large[_STEP : _STEP + height, _STEP : _STEP + width])

    def forth(self, points: Points) -> Points:
        """Map points of the hand at rest to the picture, by inverting `back` with Newton's method."""
        guess = points @ self.camera[:, :2].T + self.camera[:, 2]
        pixels = guess[:, :2] / guess[:, 2:]
        probes = np.array([[0, 0], [0.5, 0], [0, 0.5]])[:, None]
        for _ in range(8):
            here, right, below = np.split(self.back((pixels + probes).reshape(-1, 2)), 3)
            slopes = 2 * np.stack([right - here, below - here], axis=2)
            step = np.linalg.solve(slopes, (points - here)[..., None])[..., 0]
            pixels = pixels + np.clip(step, -20, 20)
        return np.asarray(pixels)


def draw_pose(anatomy: Anatomy, rng: np.random.Generator, width: int, height: int) -> Pose:
    """Sample a pose."""
    effort = float(
        np.exp(np.clip(rng.normal(-0.45, 0.65), -1.5, 1.3))
    )  # how far the pose departs from a flat hand at rest
    bones, segments, owners, radii = _bones(anatomy, rng, effort)
    return Pose(bones, segments, owners, radii, _camera(anatomy, rng, effort, width, height), _waves(rng, effort))


def _bones(
    anatomy: Anatomy, rng: np.random.Generator, effort: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    k = anatomy.keypoints
    bones = [np.array([[1.0, 0, 0], [0, 1, 0]])]
    axes = [(0, np.stack([k[0] + [0.05, -0.25], k[root]]), 0.2) for root in (5, 9, 13, 17)]
    axes += [(0, np.stack([k[5], k[9]]), 0.2), (0, np.stack([k[9], k[13]]), 0.2), (0, np.stack([k[13], k[17]]), 0.2)]
    forearm = rng.normal(0, np.radians(5))
    turned = _rotation(forearm)
    down = np.array([[0.0, 0.35], [0.0, 2.2]])
    bones.append(np.concatenate([turned.T, np.zeros((2, 1))], axis=1))
    axes.append((1, down @ turned.T, WRIST_HALF_WIDTH))
    spread = np.clip(effort * rng.normal(0, 0.55), -1.5, 1.5)
    for number, chain in enumerate(CHAINS):
        joint = k[chain[0]]
        angle = 0.0
        fan = (number - 2.4) * np.radians(2.0) * spread  # from closed to spread fingers
        bends = effort * rng.normal(0, np.radians([2.0, 1.6, 1.6] if number else [2.2, 3.2, 3.2]))
        bends[0] += -fan if number else np.radians(3) * spread
        curled = rng.beta(1.2, 5) * 0.16
        for bone, (one, other) in enumerate(pairwise(chain)):
            angle += np.clip(bends[bone], -0.2, 0.2)
            rest = k[other] - k[one]
            along = rest / np.hypot(*rest)
            shorter = 1 - curled * (0.5, 0.8, 1.0)[bone] - abs(rng.normal(0, 0.012))
            if number == 0 and bone == 0:
                shorter = 1 - 0.3 * curled
            stretch = np.eye(2) + (shorter - 1) * np.outer(along, along)
            forward = _rotation(angle) @ stretch
            inverse = np.linalg.inv(forward)
            bones.append(np.concatenate([inverse, (k[one] - inverse @ joint)[:, None]], axis=1))
            after = joint + forward @ rest
            start = joint + (0.3 if bone == 0 else 0.06) * (after - joint)
            beyond = after + (0.15 * (after - joint) if bone == 2 else 0)
            axes.append((len(bones) - 1, np.stack([start, beyond]), anatomy.half_widths[number][min(bone, 2)]))
            joint = after
    owners, segments, radii = zip(*axes, strict=True)
    return np.stack(bones), np.stack(segments), np.array(owners), np.array(radii)


def _camera(anatomy: Anatomy, rng: np.random.Generator, effort: float, width: int, height: int) -> NDArray[np.float64]:
    """Sample the camera's homography such that the hand fills most of the picture's height."""
    length = float(-anatomy.keypoints[12, 1]) + 0.12
    unit = min(height / (length + 0.75), width / 2.75) * rng.uniform(0.94, 1.03)
    angle = np.clip(rng.normal(0, np.radians(6)), -0.24, 0.24)
    tilt = np.clip(effort * rng.normal(0, 0.012, 2), -0.035, 0.035)
    middle = np.array([0.18, -1.15])
    tilted = np.array([[1.0, 0, 0], [0, 1, 0], [tilt[0], tilt[1], 1]])
    tilted[:2, :2] *= 1 - np.abs(tilt)[:, None] * rng.uniform(0.2, 1.0)
    rotated = np.eye(3)
    rotated[:2, :2] = _rotation(angle)
    place = np.array([width / 2, height * 0.545]) + unit * rng.uniform(-0.09, 0.09, 2)
    to_pixels = np.array([[unit, 0, place[0]], [0, unit, place[1]], [0, 0, 1]])
    centred = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]])
    return np.asarray(to_pixels @ tilted @ rotated @ centred)


def _waves(rng: np.random.Generator, effort: float) -> NDArray[np.float64]:
    count = 10
    length, direction = rng.uniform(0.35, 1.2, count), rng.uniform(0, 2 * np.pi, count)
    vectors = 2 * np.pi / length[:, None] * np.stack([np.cos(direction), np.sin(direction)], axis=1)
    size = 0.0016 * effort * length[:, None] * rng.standard_normal((count, 2))
    return np.concatenate([vectors, rng.uniform(0, 2 * np.pi, (count, 1)), size], axis=1)


def _rotation(angle: float) -> NDArray[np.float64]:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
