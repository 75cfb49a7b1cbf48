"""Background, light and camera of a picture.

Colours are three planes of linear light, (3, height, width) float32; 1 is white.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Image
from deidkit.synthesis.noise import normal_noise

Plane = NDArray[np.float32]
"""(height, width) float32."""
Colours = NDArray[np.float32]
"""(3, height, width) float32, linear light."""


@dataclass(frozen=True)
class _Backdrop:
    """A kind of background: its frequency, range of brightness, strength of tint, and unevenness."""

    frequency: float
    level: tuple[float, float]
    tint: float
    unevenness: float


_BACKDROPS = {
    "bright wall": _Backdrop(0.22, (0.55, 0.95), 0.04, 0.25),
    "dark cloth": _Backdrop(0.25, (0.012, 0.05), 0.15, 0.5),
    "table": _Backdrop(0.18, (0.15, 0.6), 0.2, 0.35),
    "wood": _Backdrop(0.15, (0.08, 0.4), 0.0, 0.8),
    "room": _Backdrop(0.20, (0.1, 0.6), 0.15, 0.3),
}


def draw_background(rng: np.random.Generator, width: int, height: int) -> Colours:
    """Sample a plain or cluttered background, out of focus."""
    kinds = list(_BACKDROPS)
    kind = kinds[rng.choice(len(kinds), p=[backdrop.frequency for backdrop in _BACKDROPS.values()])]
    backdrop = _BACKDROPS[kind]
    level = rng.uniform(*backdrop.level)
    tint = 1 + backdrop.tint * rng.uniform(-1, 1, 3)
    shape = (height // 4 + 1, width // 4 + 1)
    pattern = np.zeros(shape, np.float32)
    for cells in (3, 6, 12):
        pattern += np.float32(0.35 / cells**0.5) * _upsampled(
            rng.standard_normal((cells + 1, cells), np.float32), shape
        )
    if kind == "wood":
        tint = np.array([1.0, rng.uniform(0.6, 0.8), rng.uniform(0.3, 0.55)])
        pattern *= 0.5
        pattern += np.float32(0.12) * _upsampled(rng.standard_normal((4, shape[1] // 3 + 1), np.float32), shape)
    light = np.float32(level) * np.exp(np.float32(backdrop.unevenness) * pattern)
    colour = light[..., None] * tint.astype(np.float32)
    if kind == "room":
        colour = _with_objects(colour, rng, level) * np.exp(np.float32(0.6) * pattern)[..., None]
        colour = np.asarray(cv2.GaussianBlur(colour, (0, 0), rng.uniform(4, 12)), np.float32)
    planes = np.empty((3, height, width), np.float32)
    for small, plane in zip(np.clip(np.moveaxis(colour, 2, 0), 0, 1.5), planes, strict=True):
        cv2.resize(np.ascontiguousarray(small), (width, height), dst=plane, interpolation=cv2.INTER_LINEAR)
    return planes


def _with_objects(colour: NDArray[np.float32], rng: np.random.Generator, level: float) -> NDArray[np.float32]:
    """Add large rectangles of random brightness, as objects far behind."""
    rows, columns = colour.shape[:2]
    for _ in range(rng.integers(5, 12)):
        (x, y), (w, h) = rng.uniform(-0.2, 1, 2), rng.uniform(0.1, 0.7, 2)
        paint = np.clip(level * rng.lognormal(0, 0.7) * (1 + 0.12 * rng.uniform(-1, 1, 3)), 0.01, 1.2)
        box = cv2.boxPoints(((x * columns, y * rows), (w * columns, h * rows), float(rng.normal(0, 12))))
        cv2.fillConvexPoly(colour, np.round(box).astype(np.int32), [float(value) for value in paint])
    return colour


def cast_shadow(cover: Plane, light: Light, rng: np.random.Generator) -> Plane:
    """Factor, 0..1, by which the hand's shadow darkens the background; a distant background gets little shadow."""
    height, width = cover.shape
    depth = max(0.0, rng.uniform(-0.3, 0.75))
    far = rng.uniform(0.02, 0.09) * height
    small = cv2.resize(cover, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    move = np.array([[1, 0, -far / 4 * light.towards[0]], [0, 1, -far / 4 * light.towards[1]]])
    moved = cv2.warpAffine(small, move, (width // 4, height // 4), borderMode=cv2.BORDER_REPLICATE)
    cast = cv2.GaussianBlur(moved, (0, 0), 1 + far / 12)
    return 1 - np.float32(depth) * _upsampled(np.asarray(cast, np.float32), (height, width), cv2.INTER_LINEAR)


@dataclass(frozen=True)
class Light:
    """A directional main light and ambient light.

    Attributes:
        towards: Unit vector to the main light: x right, y down, z to the camera.
        ambient: Share of ambient light.
        colour: RGB factors of the light, including the exposure.
        falloff: Change of the logarithm of brightness over half the picture's width and height.
        gloss: Strength of the skin's specular reflection.
    """

    towards: tuple[float, float, float]
    ambient: float
    colour: tuple[float, float, float]
    falloff: tuple[float, float]
    gloss: float


def draw_light(rng: np.random.Generator) -> Light:
    """Sample the light of one picture, more often from above than from below."""
    slope, around = rng.uniform(0.15, 0.8), rng.uniform(0, 2 * np.pi)
    x, y = slope * np.cos(around), slope * np.sin(around)
    if rng.random() < 0.5:
        y = -abs(y)
    length = float(np.sqrt(x * x + y * y + 1))
    exposure, warmth = rng.uniform(0.82, 1.12), rng.normal(0, 0.07)
    return Light(
        towards=(float(x / length), float(y / length), 1 / length),
        ambient=float(rng.uniform(0.25, 0.5)),
        colour=(exposure * (1 + warmth), exposure * (1 + rng.normal(0, 0.012)), exposure * (1 - 1.2 * warmth)),
        falloff=(float(rng.normal(0, 0.11)), float(rng.normal(0, 0.11))),
        gloss=float(rng.uniform(0.02, 0.10)),
    )


def expose(colours: Colours, light: Light, rng: np.random.Generator) -> Image:
    """Simulate the camera: light falloff and colour, lens blur, sRGB curve, noise, 8-bit output."""
    from deidkit.synthesis.camera_kernels import developed  # imports numba

    height, width = colours.shape[1:]
    x = np.exp(light.falloff[0] * np.linspace(-1, 1, width, dtype=np.float32))
    y = np.exp(light.falloff[1] * np.linspace(-1, 1, height, dtype=np.float32))
    gradient = np.asarray(y[:, None] * x, np.float32)
    blur = float(rng.uniform(0.4, 0.8) + (rng.uniform(0, 1.6) if rng.random() < 0.15 else 0))
    noise = rng.uniform(0.8, 2.6)
    grey = np.float32(0.8 * noise) * normal_noise(rng, (height, width))
    picture = np.empty((height, width, 3), np.uint8)
    for channel, (plane, tint) in enumerate(zip(colours, light.colour, strict=True)):
        focused = cv2.GaussianBlur(plane, (0, 0), blur)
        level = cv2.multiply(focused, gradient, scale=65535 * tint, dtype=cv2.CV_16U)  # saturates
        speckle = normal_noise(rng, (height // 2 + 1, width // 2 + 1)) * np.float32(0.6 * noise)
        speckle = _upsampled(speckle, (height, width), cv2.INTER_LINEAR)
        developed(np.asarray(level, np.uint16), _TONE, grey, speckle, channel, picture)
    return picture


def _upsampled(values: Plane, shape: tuple[int, int], method: int = cv2.INTER_CUBIC) -> Plane:
    return np.asarray(cv2.resize(values, shape[::-1], interpolation=method), np.float32)


_LINEAR = np.linspace(0, 1, 65536)
_TONE = (255 * np.where(_LINEAR <= 0.0031308, 12.92 * _LINEAR, 1.055 * _LINEAR ** (1 / 2.4) - 0.055)).astype(np.float32)
"""sRGB tone curve (IEC 61966-2-1): 16-bit linear level -> 0..255."""
