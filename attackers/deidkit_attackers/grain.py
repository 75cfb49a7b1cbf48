"""Compare copies by grain statistics that the originals do not explain, weighted by discriminant analysis."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from deidkit.attacks import AttackMaterial, Labels
from deidkit.leakage.residuals import components, residuals, standardised
from deidkit_attackers.frequencies import PALM, Plane, each, smooth, taper
from deidkit_attackers.selection import by_row, splits

_BANDS = (0.6, 1.2, 2.4, 4.8)
"""Standard deviations in pixels of the successive Gaussians that separate the frequency bands."""

_CONTRAST_WINDOW, _CONTRAST_FLOOR = 21, 0.3
"""Side in pixels of the window for local contrast; variance in squared grey levels that is added to it."""

_RINGS = 12
"""Rings of frequencies whose power is measured."""

_LEAST_SPREAD, _LEAST_COMPONENT = 1e-4, 1e-3
"""Standard deviation of a statistic of the originals, and singular value of a component, up to which it is rounding."""

_SHRINKAGE, _REGULARISATION = 0.3, 0.05
"""Shrinkage of the within-person covariance towards its diagonal, since there are few copies per person; standard
deviation added to that of each statistic, since lower values come from rounding."""

_SHAPE = range(3 * (len(_BANDS) - 1))
_DIRECTION = range(_SHAPE.stop, _SHAPE.stop + 2 * len(_BANDS))
_FINENESS = range(_DIRECTION.stop, _DIRECTION.stop + _RINGS)
_LEVEL = _FINENESS.stop
"""Index of the mean grey level."""

_PARTS = {
    "shape of grain": [*_SHAPE],
    "direction of grain": [*_DIRECTION],
    "fineness of grain": [*_FINENESS],
    "shape and fineness of grain": [*_SHAPE, *_FINENESS],
}
"""Names of the groups of statistics that are compared together, and their indices."""


def by_grain(material: AttackMaterial) -> dict[str, NDArray[np.float32]]:
    """Compare copies with one another.

    Returns:
        Name -> (n, n) distances as `by_row` gives them.
    """
    copies, memo = material.copies, material.memo
    ours = memo.rows("grain", copies.regions, each(_statistics))
    theirs = memo.rows("grain", material.originals.regions, each(_statistics))
    rest = _unexplained(ours, theirs, material.source_rows())
    return {
        name: _discriminant_distances(rest[:, part], copies.labels, material.folds) for name, part in _PARTS.items()
    }


def _statistics(region: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Skew, tails and direction of each band, power by ring of frequencies, and lighting."""
    palm = np.ascontiguousarray(region[PALM]).astype(np.float32)
    shape: list[float] = []
    direction: list[float] = []
    above = palm
    for sigma in _BANDS:
        below = smooth(above, sigma)
        band, above = above - below, below
        direction += _direction(band)
        if sigma != _BANDS[-1]:
            shape += _shape(band)
    power = np.abs(fft.rfft2((palm - smooth(palm, 6.0)) * taper(len(palm)), workers=1)) ** 2
    counted, rings, pixels = _rings(len(palm))
    strengths = np.log(np.bincount(rings, power[counted], _RINGS) / pixels + 1)
    coarse = cv2.dct(cv2.resize(above, (16, 16), interpolation=cv2.INTER_AREA))[:2, :2].ravel() / 16
    light = [np.log(float(palm.mean()) + 8), np.log(float(palm.std()) + 1), *coarse[1:3]]
    return np.array([*shape, *direction, *strengths, *light], np.float32)


def _shape(band: Plane) -> tuple[float, float, float]:
    """Skew at the 10 % and 2 % quantiles, and tail length, of a band with normalised contrast."""
    evened = band / np.sqrt(cv2.blur(band * band, (_CONTRAST_WINDOW, _CONTRAST_WINDOW)) + _CONTRAST_FLOOR)
    ordered = np.sort(evened, axis=None)
    least, less, middle, more, most = (
        float(ordered[int(share * len(ordered))]) for share in (0.02, 0.1, 0.5, 0.9, 0.98)
    )
    usual, far = more - less, most - least
    skewed = (
        (more + less - 2 * middle) / (usual + _CONTRAST_FLOOR),
        (most + least - 2 * middle) / (far + 2 * _CONTRAST_FLOOR),
    )
    return *skewed, float(np.log((far + _CONTRAST_FLOOR) / (usual + _CONTRAST_FLOOR)))


def _direction(band: Plane) -> tuple[float, float]:
    """Cosine and sine of twice the dominant gradient angle, standardised by its anisotropy."""
    across, down = (cv2.Sobel(band, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    one, other, both = (float((a * b).mean()) for a, b in ((across, across), (down, down), (across, down)))
    whole = one + other + 0.3
    return (one - other) / whole, 2 * both / whole


@cache
def _rings(side: int) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]:
    """Mask of the compared coefficients, ring of each, and coefficients per ring times the side in pixels."""
    down, across = np.abs(np.fft.fftfreq(side) * side)[:, None], np.arange(side // 2 + 1)[None]
    height = np.hypot(down, across)
    counted = (height >= 2) & (height < side / 2)
    rings = (np.log2(height[counted] / 2) * _RINGS / np.log2(side / 4)).astype(np.int64)
    return counted, rings, np.maximum(np.bincount(rings, minlength=_RINGS), 1) * float(side)


def _unexplained(
    copies: NDArray[np.float32], originals: NDArray[np.float32], sources: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(n, k) residuals of the copies' statistics that neither the originals nor the mean level explain.

    Linear regression on the same statistic of the original, on principal components of all statistics, and on the
    copy's mean level, which scales any noise that is given the colour of the hand.

    Args:
        copies: (n, k) statistics of the copies.
        originals: (m, k) statistics of the originals.
        sources: (n,) row of each copy's original, -1 for none.
    """
    own = np.where((sources >= 0)[:, None], originals[sources], originals.mean(axis=0)).astype(np.float64)
    before, after = standardised(own, least=_LEAST_SPREAD), copies.astype(np.float64)
    shared, level = components(before, least=_LEAST_COMPONENT), after[:, _LEVEL]
    rests = [residuals(after[:, column], shared, before[:, column], level) for column in range(after.shape[1])]
    return np.stack(rests, axis=1)


def _discriminant_distances(
    values: NDArray[np.float64], labels: Labels, folds: NDArray[np.int32]
) -> NDArray[np.float32]:
    """(n, n) distances of the copies of each fold by Fisher discriminants learned on the other folds.

    Each direction is weighted by the share of its variance that is between people.
    """
    found = np.zeros((len(values), len(values)), np.float32)
    for attacked, learned, _ in splits(labels, labels, folds):
        _, people, counts = np.unique(labels.identities[learned], return_inverse=True, return_counts=True)
        free = len(people) - len(counts)
        if free < 1 or len(counts) < 2:
            continue
        known = values[learned] - values[learned].mean(axis=0)
        means = np.zeros((len(counts), values.shape[1]))
        np.add.at(means, people, known)
        means /= counts[:, None]
        within = known - means[people]
        scale = np.sqrt((within**2).sum(axis=0) / free) + _REGULARISATION
        scatter = (within / scale).T @ (within / scale) / free
        scatter = (
            (1 - _SHRINKAGE) * scatter
            + _SHRINKAGE * np.diag(np.diagonal(scatter))
            + _REGULARISATION * np.eye(len(scatter))
        )
        sizes, axes = np.linalg.eigh(scatter)
        whitening = axes / np.sqrt(sizes) / scale[:, None]
        between = (means @ whitening).T @ (means @ whitening) / (len(counts) - 1)
        sizes, axes = np.linalg.eigh(between)
        beyond_chance = np.maximum(sizes - 1 / counts.mean(), 0)
        projected = values @ whitening @ axes * np.sqrt(beyond_chance / (beyond_chance + 1))
        squares = (projected**2).sum(axis=1)
        apart = by_row(squares[:, None] + squares - 2 * projected @ projected.T)
        found[attacked] = (apart + apart.T)[attacked]  # normalised by both the probe's and the reference's spread
    return by_row(found)
