"""A hand's maps, seen in a pose under a light: skin colour from pigments, brightness from relief."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Image, Mask
from deidkit.synthesis.pose import Pose
from deidkit.synthesis.scene import cast_shadow, draw_background, draw_light, expose, shade
from deidkit.synthesis.surface import BLOOD, CREASE, HEIGHT, OUTLINE, Surface

# What an amount of 1 of a pigment takes from red, green and blue light (natural logarithm); what bare skin reflects.
_MELANIN = (0.30, 0.55, 0.90)
_HAEMOGLOBIN = (0.10, 0.62, 0.55)
_SKIN = (0.86, 0.72, 0.62)
_SHADOW = (0.9, 1.05, 1.1)
"""Skin lets red light through: its shadows are red. Exponents of the brightness."""


@dataclass(frozen=True)
class Tone:
    """Amounts of pigment: brown melanin, 0.05..1 here, and red haemoglobin, 0.3..0.7."""

    melanin: float
    blood: float


def draw_tone(rng: np.random.Generator) -> Tone:
    """A person's skin tone."""
    return Tone(float(0.05 + 0.95 * rng.beta(1.3, 2.0)), float(rng.uniform(0.3, 0.7)))


def render(
    surface: Surface, tone: Tone, pose: Pose, width: int, height: int, rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Photograph a hand.

    Args:
        surface: The hand's maps.
        tone: Its pigments.
        pose: How it is held.
        width: Of the picture.
        height: Of the picture.
        rng: The sample's own.

    Returns:
        (height, width, 3) uint8 RGB, and where the hand covers more than half a pixel.
    """
    rest = pose.grid(width, height)
    at = surface.on_map(rest)
    # Beyond the maps there is more of the arm below, and nothing elsewhere: repeating the border says both.
    layers = cv2.remap(surface.layers, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    distance, relief, crease, flush = (layers[..., layer] for layer in (OUTLINE, HEIGHT, CREASE, BLOOD))
    cover = np.clip(distance * np.float32(pose.unit) + np.float32(0.5), 0, 1)
    light = draw_light(rng)
    colours = draw_background(rng, width, height)
    colours *= cast_shadow(cover, light, rng)
    hand = np.nonzero(cover.ravel() > 0)[0]

    def seen(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(values.reshape(-1)[hand])

    relief = np.ascontiguousarray(relief)
    to_right, down = (cv2.Scharr(relief, cv2.CV_32F, dx, 1 - dx, scale=pose.unit / 32) for dx in (1, 0))
    diffuse, shine = shade(seen(np.asarray(to_right, np.float32)), seen(np.asarray(down, np.float32)), light)
    brightness = np.log(np.maximum(diffuse, 1e-3))
    lines = np.float32(rng.uniform(0.8, 1.15)) * seen(crease)
    blood = np.float32(tone.blood) * (1 + np.float32(0.5) * seen(flush) + seen(_blotches(rng, width, height)))
    # The skin of the arm and of the back, which shows at the rim, is browner than that of the palm.
    arm = np.clip((seen(rest[..., 1]) - np.float32(0.1)) / np.float32(0.5), 0, 1)
    rim = np.clip(1 - seen(distance) / np.float32(0.06), 0, 1)
    brown = np.float32(tone.melanin) * (1 + np.float32(0.5) * arm + np.float32(0.4) * rim)
    brown = brown * (1 + np.float32(0.35) * lines) + np.float32(0.6) * lines
    blood += np.float32(0.42) * lines
    share = seen(cover)
    for number, plane in enumerate(colours):
        taken = np.float32(_MELANIN[number]) * brown + np.float32(_HAEMOGLOBIN[number]) * blood
        skin = np.float32(_SKIN[number]) * np.exp(np.float32(_SHADOW[number]) * brightness - taken) + shine
        behind = seen(plane)
        plane.reshape(-1)[hand] = behind + share * (skin - behind)
    return expose(colours, light, rng), cover > 0.5


def _blotches(rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    """Blood comes and goes in patches between two pictures."""
    noise = np.zeros((height // 8 + 1, width // 8 + 1), np.float32)
    for cells, weight in ((8, 0.07), (18, 0.05), (40, 0.03)):
        grid = rng.standard_normal((cells * height // width + 1, cells), np.float32)
        noise += np.float32(weight) * cv2.resize(grid, noise.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
