"""Restorations of blurred, averaged, flattened or hidden content; none of them learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import Pictures
from deidkit.protocols import ROI_SIZE
from deidkit_attackers.lines import Levels, once_if_alike

Regions = NDArray[np.float32]
"""(n, 128, 128) float32."""

BLURS = (1.5, 2.5, 4.0, 6.0, 9.0, 13.0)
"""Standard deviations of Gaussian blurs, in pixels."""

MOSAICS = (4, 6, 8, 10, 12, 16, 20, 24)
"""Block sides of mosaics, in pixels."""


def restorations(pictures: Pictures) -> Iterator[tuple[str, Callable[[], Regions]]]:
    """Yield every restoration as its name and a function that computes it."""
    regions = pictures.regions.astype(np.float32)
    yield "as it is", lambda: regions
    yield "mean of all copies subtracted", lambda: regions - regions.mean(axis=0)
    yield "median of all copies subtracted", lambda: np.asarray(regions - np.median(regions, axis=0), np.float32)
    for width in BLURS:
        for noise in (1e-2, 1e-4):
            yield f"Wiener filter for a blur of {width:g}, noise {noise:g}", _bound(wiener, regions, width, noise)
    for width in (2.5, 6.0):
        yield f"Richardson-Lucy for a blur of {width:g}", _bound(richardson_lucy, regions, width)
    for side in MOSAICS:
        yield f"mosaic of {side} interpolated", _bound(interpolated, regions, side)
    if pictures.colours is None:
        yield from _hidden("grey", pictures.regions)
    else:
        for channel, name in enumerate(("red", "green", "blue")):
            yield from _hidden(name, pictures.colours[..., channel])


def wiener(regions: Regions, width: float, noise: float) -> Regions:
    """Undo a Gaussian blur (Wiener 1949).

    Args:
        regions: The copies.
        width: Standard deviation of the blur in pixels.
        noise: Noise power relative to that of the picture.
    """
    response = _gaussian_response(width)
    return _filtered(regions, response / (response**2 + noise))


def richardson_lucy(regions: Regions, width: float, steps: int = 12) -> Regions:
    """Undo a Gaussian blur by expectation maximisation (Richardson 1972, Lucy 1974)."""
    response = _gaussian_response(width)
    observed = np.maximum(regions, 1.0)
    estimate = observed.copy()
    for _ in range(steps):
        blurred = np.maximum(_filtered(estimate, response), 1e-3)
        estimate = estimate * _filtered(np.asarray(observed / blurred, np.float32), response)
    return estimate


def interpolated(regions: Regions, side: int) -> Regions:
    """Interpolate the block means of a mosaic to full size by cubic splines."""
    blocks = -(-ROI_SIZE // side)
    padded = np.pad(regions, ((0, 0), (0, blocks * side - ROI_SIZE), (0, blocks * side - ROI_SIZE)), mode="edge")
    means = padded.reshape(len(regions), blocks, side, blocks, side).mean(axis=(2, 4))
    full = (blocks * side, blocks * side)
    grown = [cv2.resize(mean, full, interpolation=cv2.INTER_CUBIC)[:ROI_SIZE, :ROI_SIZE] for mean in means]
    return np.asarray(grown, np.float32)


def _hidden(name: str, values: NDArray[np.uint8]) -> Iterator[tuple[str, Callable[[], Regions]]]:
    """Yield the lowest one to four bits of a picture, as a name and a function that computes the plane."""
    for bits in (1, 2, 3, 4):
        yield f"lowest {bits} bits of {name}", _bound(lambda v, b: (v & (2**b - 1)).astype(np.float32), values, bits)


def _bound(function: Callable[..., Regions], regions: Levels, *arguments: object) -> Callable[[], Regions]:
    return lambda: once_if_alike(lambda some: function(some, *arguments), regions)


def _gaussian_response(width: float) -> NDArray[np.float32]:
    """(128, 128) response of a Gaussian filter in the cosine domain of `_filtered`."""
    frequency = np.arange(ROI_SIZE) / (2 * ROI_SIZE)
    return np.asarray(np.exp(-2 * (np.pi * width) ** 2 * (frequency[:, None] ** 2 + frequency[None] ** 2)), np.float32)


def _filtered(regions: Regions, response: NDArray[np.float32]) -> Regions:
    """Filter pictures in the cosine domain, which mirrors them at the borders and so avoids ringing."""
    from scipy import fft

    spectra = fft.dctn(regions, axes=(1, 2), workers=1)
    return np.asarray(fft.idctn(spectra * response, axes=(1, 2), workers=1), np.float32)
