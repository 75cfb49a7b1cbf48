"""A matcher of palm lines that is fast enough to search many changes of a picture.

Features are the responses of log-Gabor filters (Field, J. Opt. Soc. Am. A 4, 1987) in six orientations at two scales,
each divided by its magnitude. What remains is close to its sign, as in the coding recognizers: brightness and contrast
do not matter, and inverting the picture negates the features. Two pictures are compared by the correlation of their
features, maximised over small shifts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import Memo
from deidkit.protocols import ROI_SIZE

Levels = NDArray[np.uint8] | NDArray[np.float32]
"""(n, ...) pictures with any range of values."""

ORIENTATIONS = 6
SIDE = 32
"""Side of the feature maps: every fourth pixel is sampled."""

WAVELENGTHS = (13.0, 26.0)
"""Wavelengths of the finer and the coarser filters, in pixels."""

COARSE = ", coarse"
"""Suffix of names of comparisons at the coarser scale only."""

_BATCH = 64
_CACHED_BYTES = 128 * 2**20
_TAPER = 10
"""Pixels over which a picture fades at its border, which the Fourier transform would treat as an edge."""


@dataclass(frozen=True)
class Shifts:
    """Grid of shifts that are tried between two pictures.

    Attributes:
        most: Largest shift, in samples of four pixels, along rows and along columns.
        step: Distance between shifts, in samples.
    """

    most: int = 2
    step: int = 1

    def __iter__(self) -> Iterator[tuple[int, int]]:
        span = range(-self.most, self.most + 1, self.step)
        return ((dy, dx) for dy in span for dx in span)


def features(regions: Levels, *, disc: bool = False, memo: Memo | None = None) -> NDArray[np.float32]:
    """Line features.

    Args:
        regions: (n, 128, 128), any range of values.
        disc: Whether to use only the disc that stays within the region under any rotation.
        memo: Cache of the features, for reuse by other attackers; None for no caching.

    Returns:
        (n, 12, 32, 32) float32 in -1..1; all 0 for a flat picture.
    """
    if memo is not None:
        return memo.rows(f"line features, disc {disc}", regions, lambda pictures: features(pictures, disc=disc))
    found = np.empty((len(regions), len(WAVELENGTHS) * ORIENTATIONS, SIDE, SIDE), np.float32)
    return _in_batches(regions, disc, found)


def once_if_alike(compute: Callable[[Levels], NDArray[np.float32]], pictures: Levels) -> NDArray[np.float32]:
    """Apply a per-picture function; compute it once if all pictures are equal, as in the control with flat ones.

    Args:
        compute: (n, ...) -> (n, ...) float32.
        pictures: (n, ...).
    """
    if len(pictures) > 2 and np.array_equal(pictures[0], pictures[-1]) and (pictures == pictures[0]).all():
        return np.repeat(compute(pictures[:2])[:1], len(pictures), axis=0)  # two pictures: see `_features`
    return compute(pictures)


def _in_batches(regions: Levels, disc: bool, found: NDArray[np.float32]) -> NDArray[np.float32]:
    def coded(some: Levels) -> NDArray[np.float32]:
        for start in range(0, len(some), _BATCH):
            part = some[start : start + _BATCH]
            found[start : start + len(part)] = _features(part, disc)
        return found[: len(some)]

    return once_if_alike(coded, regions)


def _features(regions: Levels, disc: bool) -> NDArray[np.float32]:
    from scipy import fft

    if len(regions) == 1:  # NumPy sums a single picture in a different order
        return _features(regions[[0, 0]], disc)[:1]
    pictures = regions.astype(np.float32)
    size = regions.shape[1]
    window = _disc_window(size) if disc else _window(size)
    pictures -= np.einsum("nhw,hw->n", pictures, window)[:, None, None] / window.sum()
    pictures *= window
    spectra = fft.fft2(pictures, workers=1)
    filters = _filters() if size == ROI_SIZE else _quick_filters()
    half = filters.shape[1] // 2
    rows = np.r_[0:half, -half:0]
    kept = spectra[:, rows[:, None], rows[None]][:, None] * filters
    responses = fft.ifft2(kept, workers=1).real.astype(np.float32)
    sizes = np.abs(responses)
    typical = sizes.mean(axis=(2, 3), keepdims=True)
    # Suppress rounding noise of flat pictures.
    floor = 1e-5 * (np.abs(regions).max(axis=(1, 2)).astype(np.float32)[:, None, None, None] + 1e-6)
    coded = responses / (sizes + 0.5 * typical + floor)
    coded *= _sampled(window, 2 * half)
    coded[regions.reshape(len(regions), -1).max(axis=1) == regions.reshape(len(regions), -1).min(axis=1)] = 0
    return np.asarray(coded, np.float32)


class Gallery:
    """Features of the references, normalised at every shift once if that fits in memory."""

    def __init__(self, found: NDArray[np.float32], shifts: Shifts | None = None) -> None:
        """Prepare references.

        Args:
            found: (g, f, s, s) features.
            shifts: Shifts that are tried.
        """
        self.shifts = shifts or Shifts()
        self._found = found
        size = found.nbytes * len(list(self.shifts))
        self._kept = list(self._normalised_shifts()) if size <= _CACHED_BYTES else None

    def __len__(self) -> int:
        return len(self._found)

    def shifted(self) -> Iterator[NDArray[np.float32]]:
        """Yield the references at each shift, cropped to the common area: (g, d) of norm 1."""
        yield from self._normalised_shifts() if self._kept is None else self._kept

    def cropped(self, probes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Crop probes to the same area: (p, d) of norm 1."""
        most, side = self.shifts.most, probes.shape[2]
        return unit(probes[:, :, most : side - most, most : side - most])

    def _normalised_shifts(self) -> Iterator[NDArray[np.float32]]:
        most, side = self.shifts.most, self._found.shape[2]
        for dy, dx in self.shifts:
            yield unit(self._found[:, :, most + dy : side - most + dy, most + dx : side - most + dx])


def similarities(probes: NDArray[np.float32], gallery: Gallery) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Correlate every probe with every reference: maximum and minimum over shifts.

    Args:
        probes: (p, f, s, s) features.
        gallery: Features of the references.

    Returns:
        Two (p, g) float32 in -1..1. The negated minimum is the maximum for the inverted probe.
    """
    middle = gallery.cropped(probes)
    largest = np.full((len(probes), len(gallery)), -1.0, np.float32)
    smallest = np.full_like(largest, 1.0)
    for moved in gallery.shifted():
        found = middle @ moved.T
        np.maximum(largest, found, out=largest)
        np.minimum(smallest, found, out=smallest)
    return largest, smallest


def distances(probes: NDArray[np.float32], gallery: Gallery) -> NDArray[np.float32]:
    """(p, g) float32 in 0..2: one minus the correlation, maximised over shifts."""
    return np.asarray(1 - similarities(probes, gallery)[0], np.float32)


class TwoScales:
    """References for comparison at both scales and at the coarser scale only."""

    def __init__(self, found: NDArray[np.float32], shifts: Shifts | None = None) -> None:
        """Prepare references; see `Gallery`."""
        self._both, self._coarse = Gallery(found, shifts), Gallery(coarse(found), shifts)

    def distances(self, probes: NDArray[np.float32], name: str) -> dict[str, NDArray[np.float32]]:
        """(p, g) distances of (p, 12, 32, 32) features, under `name` for both scales and `name` + `COARSE` for one."""
        return {
            name: distances(probes, self._both),
            f"{name}{COARSE}": distances(coarse(probes), self._coarse),
        }


def quick_features(regions: Levels, *, disc: bool = False) -> NDArray[np.float32]:
    """(n, 6, 16, 16) float32 features at the coarser scale from half-size regions, for large searches.

    Args:
        regions: (n, 64, 64), any range of values.
        disc: See `features`.
    """
    return _in_batches(regions, disc, np.empty((len(regions), ORIENTATIONS, SIDE // 2, SIDE // 2), np.float32))


def halved(regions: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, 128, 128) -> (n, 64, 64) uint8 means of 2 x 2 pixels."""
    sums = regions.reshape(len(regions), ROI_SIZE // 2, 2, ROI_SIZE // 2, 2).sum(axis=(2, 4), dtype=np.uint16)
    return np.asarray((sums + 2) // 4, np.uint8)


def coarse(found: NDArray[np.float32]) -> NDArray[np.float32]:
    """The features at the coarser scale only, as a view."""
    return found[:, ORIENTATIONS:]


_ROUNDED = 1e-3
"""Root mean square of features up to which they are rounding noise: those of a flat picture reach 7e-4."""


def unit(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Flatten (n, ...) to (n, d) rows of norm 1; rows that are 0 but for rounding become 0."""
    flat = planes.reshape(len(planes), -1)
    sizes = np.linalg.norm(flat, axis=1, keepdims=True)
    least = _ROUNDED * np.sqrt(flat.shape[1])
    return np.asarray(flat / np.where(sizes > least, sizes, np.inf), np.float32)


@lru_cache(maxsize=1)
def _filters() -> NDArray[np.complex64]:
    return np.concatenate([_oriented(wavelength, ROI_SIZE, SIDE) for wavelength in WAVELENGTHS])


@lru_cache(maxsize=1)
def _quick_filters() -> NDArray[np.complex64]:
    return _oriented(WAVELENGTHS[1] / 2, ROI_SIZE // 2, SIDE // 2)


def _oriented(wavelength: float, size: int, side: int) -> NDArray[np.complex64]:
    """(6, side, side) complex64: even log-Gabor filters on the lowest frequencies of a (size, size) picture."""
    frequency = np.fft.fftfreq(side) * side / size  # cycles per pixel
    fy, fx = np.meshgrid(frequency, frequency, indexing="ij")
    radius, angle = np.hypot(fy, fx), np.arctan2(fy, fx)
    radius[0, 0] = 1.0
    band = np.exp(-(np.log(radius * wavelength) ** 2) / (2 * np.log(0.6) ** 2))
    band[0, 0] = 0.0
    band[side // 2, :] = band[:, side // 2] = 0.0  # the Nyquist frequency has no counterpart of opposite sign
    filters = []
    for number in range(ORIENTATIONS):
        apart = np.angle(np.exp(2j * (angle - number * np.pi / ORIENTATIONS))) / 2
        filters.append(band * np.exp(-(apart**2) / (2 * (np.pi / ORIENTATIONS * 0.7) ** 2)))
    return np.asarray(filters, np.complex64)


@lru_cache(maxsize=2)
def _window(size: int) -> NDArray[np.float32]:
    ramp = np.minimum(1.0, (np.arange(size) + 0.5) / (_TAPER * size / ROI_SIZE))
    edge = np.sin(np.pi / 2 * np.minimum(ramp, ramp[::-1])) ** 2
    return np.asarray(np.outer(edge, edge), np.float32)


@lru_cache(maxsize=2)
def _disc_window(size: int) -> NDArray[np.float32]:
    middle = np.arange(size) - (size - 1) / 2
    depth = size / 2 - np.hypot(middle[:, None], middle[None])
    return np.asarray(np.sin(np.pi / 2 * np.clip(depth / (_TAPER * size / ROI_SIZE), 0, 1)) ** 2, np.float32)


def _sampled(window: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    step = len(window) // side
    return np.asarray(window[::step, ::step] > 0.25, np.float32)
