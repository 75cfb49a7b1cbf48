"""Known weak anonymizers: the failure of an attacker proves nothing unless it can break its own weak anonymizer."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import ROI_SIZE

Regions = NDArray[np.uint8]
"""(n, 128, 128) uint8 palm regions."""

_KEY = 20_261_129


def turned(regions: Regions) -> Regions:
    """Mirrored, turned upside down and inverted."""
    return np.asarray(255 - regions[:, ::-1, :], np.uint8)


def blurred(regions: Regions) -> Regions:
    """Blurred by a Gaussian of 5 pixels."""
    return np.stack([cv2.GaussianBlur(region, (0, 0), 5.0) for region in regions]).astype(np.uint8)


def smeared(regions: Regions) -> Regions:
    """Filtered by an all-pass with random phases: looks like noise, but loses only what rounding to 8 bits removes."""
    noise = np.random.default_rng(_KEY).normal(size=(ROI_SIZE, ROI_SIZE))
    phases = np.exp(1j * np.angle(np.fft.rfft2(noise)))
    phases[0, 0] = 1.0
    means = regions.mean(axis=(1, 2), keepdims=True)
    smears = np.fft.irfft2(np.fft.rfft2(regions - means) * phases, regions.shape[1:])
    return np.asarray(np.clip(smears + means, 0, 255).round(), np.uint8)


def permuted(regions: Regions) -> Regions:
    """Blocks of 16 pixels permuted with one key, every other one inverted."""
    order = np.random.default_rng(_KEY).permutation((ROI_SIZE // 16) ** 2)
    blocks = regions.reshape(len(regions), 8, 16, 8, 16).swapaxes(2, 3).reshape(len(regions), 64, 16, 16)[:, order]
    blocks[:, ::2] = 255 - blocks[:, ::2]
    return blocks.reshape(len(regions), 8, 8, 16, 16).swapaxes(2, 3).reshape(regions.shape)


def shuffled(regions: Regions) -> Regions:
    """Blocks of 32 pixels permuted with another key for each picture."""
    draw = np.random.default_rng(_KEY)
    blocks = regions.reshape(len(regions), 4, 32, 4, 32).swapaxes(2, 3).reshape(len(regions), 16, 32, 32)
    moved = np.stack([picture[draw.permutation(16)] for picture in blocks])
    return np.asarray(moved.reshape(len(regions), 4, 4, 32, 32).swapaxes(2, 3).reshape(regions.shape), np.uint8)


def mosaic(regions: Regions) -> Regions:
    """Blocks of 8 pixels averaged."""
    means = regions.reshape(len(regions), 16, 8, 16, 8).mean(axis=(2, 4)).round().astype(np.uint8)
    return np.asarray(means.repeat(8, axis=1).repeat(8, axis=2), np.uint8)


def warped(regions: Regions) -> Regions:
    """Warped by a smooth field of up to about 8 pixels, different for each picture."""
    draw = np.random.default_rng(_KEY)
    rows, columns = np.mgrid[0:ROI_SIZE, 0:ROI_SIZE].astype(np.float32)
    result = np.empty_like(regions)
    for place, region in enumerate(regions):
        fields = [cv2.resize(draw.uniform(-8, 8, (4, 4)).astype(np.float32), (ROI_SIZE, ROI_SIZE)) for _ in range(2)]
        result[place] = cv2.remap(
            np.ascontiguousarray(region),
            columns + fields[0],
            rows + fields[1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return result


def noisy(regions: Regions) -> Regions:
    """Noise of 120 grey levels, different for each picture, which averaging of copies removes."""
    noise = np.random.default_rng(_KEY).normal(0, 120, regions.shape)
    return np.asarray(np.clip(regions + noise, 0, 255).round(), np.uint8)


WEAK: dict[str, Callable[[Regions], Regions]] = {
    "turned": turned,
    "blurred": blurred,
    "smeared": smeared,
    "permuted": permuted,
    "shuffled": shuffled,
    "mosaic": mosaic,
    "warped": warped,
    "noisy": noisy,
}
"""Name -> deterministic anonymizer of palm regions."""
