"""Compiled loops give the bits that NumPy and OpenCV would, or pictures would differ from those drawn before."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.synthesis.camera_kernels import developed
from deidkit.synthesis.pose_kernels import distances
from deidkit.synthesis.rendering_kernels import Shading, lit
from deidkit.synthesis.scene import Light

Plane = NDArray[np.float32]
LIGHT = Light((0.31, -0.42, 0.85), 0.37, (1.0, 1.0, 1.0), (0.0, 0.0), 0.07)


def test_the_light_on_skin() -> None:
    rng = np.random.default_rng(4)
    shape = (60, 70)
    layers, along = rng.normal(0, 0.3, (*shape, 4)).astype(np.float32), rng.normal(0, 1, shape).astype(np.float32)
    slopes = [rng.normal(0, 0.8, shape).astype(np.float32).ravel() for _ in range(2)]
    blotches = rng.normal(0, 0.1, shape).astype(np.float32).ravel()
    pixels = np.flatnonzero(rng.random(shape) < 0.4)
    seen = np.empty((4, len(pixels)), np.float32)
    shading = Shading.of(LIGHT, lines=0.97, blood=0.43, melanin=0.61)
    lit(pixels, layers.reshape(-1, 4), (slopes[0], slopes[1]), along, blotches, shading, seen)
    brightness, shine = _shaded(slopes[0][pixels], slopes[1][pixels])
    distance, _, crease, flush = layers.reshape(-1, 4)[pixels].T
    lines = np.float32(0.97) * crease
    blood = np.float32(0.43) * (1 + np.float32(0.5) * flush + blotches[pixels]) + np.float32(0.42) * lines
    arm = np.clip((along.ravel()[pixels] - np.float32(0.1)) / np.float32(0.5), 0, 1)
    rim = np.clip(1 - distance / np.float32(0.06), 0, 1)
    brown = np.float32(0.61) * (1 + np.float32(0.5) * arm + np.float32(0.4) * rim)
    brown = brown * (1 + np.float32(0.35) * lines) + np.float32(0.6) * lines
    np.testing.assert_array_equal(seen, [np.maximum(brightness, 1e-3), shine, brown, blood])


def _shaded(slope_x: Plane, slope_y: Plane) -> tuple[Plane, Plane]:
    x, y, z = LIGHT.towards
    upright = 1 / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    diffuse = np.maximum(((z - x * slope_x - y * slope_y) * upright + 0.25) / 1.25, 0)
    half = float(np.sqrt(x * x + y * y + (z + 1) ** 2))
    mirrored = np.maximum(((z + 1) - x * slope_x - y * slope_y) * upright / half, 0)
    for _ in range(4):
        mirrored = mirrored * mirrored
    brightness = LIGHT.ambient * (0.4 + 0.6 * upright) + np.float32(1 - LIGHT.ambient) * diffuse
    return brightness, np.float32(LIGHT.gloss) * mirrored


def test_the_camera() -> None:
    rng = np.random.default_rng(5)
    level = rng.integers(0, 65536, (50, 41), np.uint16)
    tone = np.linspace(-40, 300, 65536, dtype=np.float32)
    grey, speckle = (rng.normal(0, 3, level.shape).astype(np.float32) for _ in range(2))
    picture = np.zeros((*level.shape, 3), np.uint8)
    developed(level, tone, grey, speckle, 1, picture)
    np.testing.assert_array_equal(picture[..., 1], cv2.add(tone[level], grey + speckle, dtype=cv2.CV_8U))
    assert not picture[..., [0, 2]].any()


def test_the_nearest_flesh() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.normal(0, 1, (2, 500))
    segments, radii, owners = rng.normal(0, 1, (7, 2, 2)), rng.uniform(0, 0.2, 7), np.array([0, 0, 1, 2, 2, 2, 3])
    nearest = np.full((4, 500), np.inf)
    distances(x, y, segments, radii, owners, nearest)
    starts, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    dx, dy = x - starts[:, :1], y - starts[:, 1:]
    part = np.clip((along[:, :1] * dx + along[:, 1:] * dy) / (along**2).sum(1)[:, None], 0, 1)
    dx, dy = dx - part * along[:, :1], dy - part * along[:, 1:]
    apart = np.sqrt(dx * dx + dy * dy) - radii[:, None]
    np.testing.assert_array_equal(nearest, np.minimum.reduceat(apart, [0, 2, 3, 6], axis=0))
