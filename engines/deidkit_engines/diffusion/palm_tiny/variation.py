"""How the pictures that palm-tiny learns from are varied: what is cut out of them, how it is turned, in which light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.hand import palm_region
from deidkit.protocols import Image, Mask, PalmVariant
from deidkit.training import Example
from deidkit_engines.diffusion.geometry import EXEMPLARS, Square, hand_square, palm_square, resized
from deidkit_engines.diffusion.palm_tiny.networks import EXEMPLAR, SIZE

VARIANTS = 3
"""Variants that are kept of each picture."""

SQUARES = 4
"""Example squares that are kept of each variant."""

POLYGONS: list[PalmVariant] = ["paper", "program"]
"""What is painted: the published polygons, which need no region of interest."""

WHOLE_PALM, UPRIGHT = 0.15, 0.5
"""Shares of the variants: a palm region already cut out, all of which is painted; a hand whose fingers point up."""


@dataclass(frozen=True)
class Variant:
    """What the networks learn from.

    Attributes:
        picture: (SIZE, SIZE, 3) uint8, a hand or a palm region.
        palm: (SIZE, SIZE) bool, what is to be painted.
        squares: (SQUARES, EXEMPLAR, EXEMPLAR, 3) uint8, parts of the palm.
    """

    picture: Image
    palm: Mask
    squares: NDArray[np.uint8]


def variants(example: Example) -> list[Variant]:
    """`VARIANTS` of a picture; the same ones at every call. Raises SampleError where no hand was found."""
    rng = np.random.default_rng(list(example.sample.key.encode()))
    return [_variant(example, rng) for _ in range(VARIANTS)]


def _variant(example: Example, rng: np.random.Generator) -> Variant:
    pixels = _lit(example.pixels, rng)
    polygon = rng.choice(POLYGONS)
    full = palm_square(example.hand, polygon)
    mirrored = bool(rng.random() < 0.5)
    if rng.random() < WHOLE_PALM:
        inner = round(rng.uniform(0.55, 0.75) * full.side)
        border = (full.side - inner) // 2
        full = Square(full.x + border, full.y + border, inner)
        picture = _cut(pixels, _middle(full), inner, rng.uniform(-0.2, 0.2), mirrored, SIZE)
        palm = np.ones((SIZE, SIZE), bool)
    else:
        square = hand_square(example.hand)
        middle = _middle(square) + rng.uniform(-0.04, 0.04, 2) * square.side
        side = square.side * rng.uniform(0.92, 1.12)
        angle = rng.normal(0.0, 0.3) if rng.random() < UPRIGHT else rng.uniform(-math.pi, math.pi)
        region = palm_region(example.hand, polygon, pixels.shape[:2]) & example.mask
        picture = _cut(pixels, middle, side, angle, mirrored, SIZE)
        palm = _cut(region.astype(np.uint8) * 255, middle, side, angle, mirrored, SIZE) >= 128
    return Variant(picture, palm, np.stack([_square(pixels, full, rng) for _ in range(SQUARES)]))


def _square(pixels: Image, full: Square, rng: np.random.Generator) -> Image:
    """A turned, mirrored, blurred square of the palm: of a side that will be shown, or of any one between."""
    shares = list(EXEMPLARS.values())
    share = rng.choice(shares) if rng.random() < 0.6 else np.exp(rng.uniform(np.log(min(shares)), 0.0))
    middle = _middle(full) + rng.uniform(-0.1, 0.1, 2) * full.side
    part = _cut(pixels, middle, max(2.0, full.side * share), rng.uniform(-0.3, 0.3), bool(rng.random() < 0.5), EXEMPLAR)
    if rng.random() < 0.5:
        part = np.asarray(cv2.GaussianBlur(part, (0, 0), rng.uniform(0.3, 2.0)), np.uint8)
    return part


def _cut(
    pixels: NDArray[np.uint8], middle: NDArray[np.float64], side: float, angle: float, mirrored: bool, size: int
) -> NDArray[np.uint8]:
    """A turned square, resized; beyond the border the nearest pixel is repeated."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    source = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0]]) * side / 2
    if mirrored:
        source[:, 0] *= -1.0
    large = size * max(1, math.ceil(side / size))  # to be averaged, as the engine does where it shrinks
    target = np.array([[0, 0], [large, 0], [large, large]], np.float32)
    move = cv2.getAffineTransform((source @ turn + middle).astype(np.float32), target)
    cut = cv2.warpAffine(pixels, move, (large, large), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return resized(np.asarray(cut, np.uint8), size)


def _lit(pixels: Image, rng: np.random.Generator) -> Image:
    """The picture in another light: brightness, contrast, colour."""
    values = pixels.astype(np.float32) / 255.0
    grey = values.mean(axis=2, keepdims=True)
    values = grey + rng.uniform(0.5, 1.3) * (values - grey)
    values = np.clip(values, 0.0, 1.0) ** np.exp(rng.uniform(-0.3, 0.5))
    gain = np.exp(rng.normal(0.0, 0.06, 3) + rng.uniform(-0.6, 0.2)).astype(np.float32)
    return np.asarray(np.clip(values * gain, 0.0, 1.0) * 255.0 + 0.5, np.uint8)


def _middle(square: Square) -> NDArray[np.float64]:
    return np.array([square.x, square.y]) + square.side / 2
