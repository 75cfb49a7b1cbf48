"""Renders a hand's maps in a pose and light: skin colour from pigments, shading from relief."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Image, Mask
from deidkit.synthesis.pose import Pose
from deidkit.synthesis.scene import cast_shadow, draw_background, draw_light, expose
from deidkit.synthesis.surface import Surface

# Absorbance (natural logarithm) of red, green and blue light by a unit of each pigment; reflectance of bare skin.
_MELANIN = (0.30, 0.55, 0.90)
_HAEMOGLOBIN = (0.10, 0.62, 0.55)
_SKIN = (0.86, 0.72, 0.62)
_SHADOW = (0.9, 1.05, 1.1)
"""Exponents of the brightness in red, green and blue; skin transmits red light, so its shadows are reddish."""


@dataclass(frozen=True)
class Tone:
    """Skin tone as amounts of pigment: melanin, 0.05..1, and haemoglobin, 0.3..0.7."""

    melanin: float
    blood: float


def draw_tone(rng: np.random.Generator) -> Tone:
    """Sample a person's skin tone."""
    return Tone(float(0.05 + 0.95 * rng.beta(1.3, 2.0)), float(rng.uniform(0.3, 0.7)))


def render(
    surface: Surface, tone: Tone, pose: Pose, width: int, height: int, rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Render a hand: (height, width, 3) uint8 RGB, and the mask of pixels that it covers by more than half."""
    from deidkit.synthesis import rendering_kernels as kernels  # imports numba

    rest = pose.grid(width, height)
    at = surface.on_map(rest)
    # Repeating the border continues the arm below the maps, and the background on the other sides.
    layers = cv2.remap(surface.layers, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    cover, relief = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    kernels.covered(layers, np.float32(pose.unit), cover, relief)
    light = draw_light(rng)
    colours = draw_background(rng, width, height)
    colours *= cast_shadow(cover, light, rng)
    hand = np.flatnonzero(cover)
    to_right, down = (cv2.Scharr(relief, cv2.CV_32F, dx, 1 - dx, scale=pose.unit / 32) for dx in (1, 0))
    shading = kernels.Shading.of(light, lines=rng.uniform(0.8, 1.15), blood=tone.blood, melanin=tone.melanin)
    blotches = _blotches(rng, width, height)
    seen = np.empty((4, len(hand)), np.float32)
    slopes = np.asarray(to_right, np.float32).reshape(-1), np.asarray(down, np.float32).reshape(-1)
    kernels.lit(hand, layers.reshape(-1, 4), slopes, rest[..., 1], blotches.reshape(-1), shading, seen)
    brightness, shine, brown, red = seen
    np.log(brightness, out=brightness)
    skin = np.empty_like(shine)
    for number, plane in enumerate(colours):
        pigments = np.array([_MELANIN[number], _HAEMOGLOBIN[number], _SHADOW[number]], np.float32)
        kernels.absorbed(brightness, brown, red, pigments, skin)
        np.exp(skin, out=skin)
        kernels.laid_over(hand, skin, np.float32(_SKIN[number]), shine, cover.reshape(-1), plane.reshape(-1))
    return expose(colours, light, rng), cover > 0.5


def _blotches(rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    """Smooth random variation of blood in the skin, different in each picture."""
    noise = np.zeros((height // 8 + 1, width // 8 + 1), np.float32)
    for cells, weight in ((8, 0.07), (18, 0.05), (40, 0.03)):
        grid = rng.standard_normal((cells * height // width + 1, cells), np.float32)
        noise += np.float32(weight) * cv2.resize(grid, noise.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
