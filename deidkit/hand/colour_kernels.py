"""Compiled loops over the colours of GrabCut: its mixtures of Gaussians, and what ties pixels.

Models and weights are those of OpenCV's GrabCut. Importing this module imports numba.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled

Mixture = NDArray[np.float64]
"""(5, 11) Gaussians over colours: the mean; the upper half of the covariance's inverse, row by row; the logarithm of
the density in its middle, but for what all share; that of its share of the mixture."""

_NARROW, _WIDENED = 1e-6, 0.01
"""Determinant from which a covariance is too narrow, and what is then added to its variances."""

_CERTAIN = -700.0
"""Exponent below which densities are so small that it depends on their rounding which Gaussian is the likeliest."""

_SMOOTHNESS = 50.0
"""What ties two neighbours of one colour; on a diagonal it is less by the root of two."""

_DIAGONAL = float(np.sqrt(np.float32(2)))
_FARTHEST = 3 * 255**2
_BACKGROUND, _HAND = cv2.GC_BGD, cv2.GC_FGD


def mixture(
    shares: NDArray[np.float64], means: NDArray[np.float64], spreads: NDArray[np.float64], *, widened: bool = False
) -> Mixture:
    """A mixture.

    Args:
        shares: (5,) of each Gaussian; 0 for one that is none.
        means: (5, 3).
        spreads: (5, 3, 3) covariances.
        widened: Whether those that are too narrow are made wider.

    Raises:
        numpy.linalg.LinAlgError: One of them has no inverse.
    """
    there = shares > 0
    spreads = np.where(there[:, None, None], spreads, np.eye(3))
    narrow = np.linalg.det(spreads) <= _NARROW
    if widened and narrow.any():
        spreads = spreads + _WIDENED * narrow[:, None, None] * np.eye(3)
    determinants = np.linalg.det(spreads)
    if not (determinants > np.finfo(np.float64).eps).all():
        raise np.linalg.LinAlgError
    inverses = np.linalg.inv(spreads)[:, *np.triu_indices(3)]
    share = np.log(shares, out=np.full(len(shares), -np.inf), where=there)
    return np.column_stack([means, inverses, -0.5 * np.log(determinants), share])


def learned(picture: NDArray[np.uint8], place: NDArray[np.bool_], old: Mixture) -> Mixture:
    """The mixture of a place's colours, once each is of its likeliest Gaussian.

    Args:
        picture: (h, w, 3).
        place: (h, w).
        old: Of the same place so far.

    Raises:
        numpy.linalg.LinAlgError: The colours of a Gaussian lie in a plane.
    """
    sums = np.zeros((len(old), 10))
    _sorted(picture, place, old, sums)
    counts, means = sums[:, 0], sums[:, 1:4] / np.maximum(sums[:, :1], 1)
    products = np.empty((len(old), 3, 3))
    rows, columns = np.triu_indices(3)
    products[:, rows, columns] = products[:, columns, rows] = sums[:, 4:] / np.maximum(sums[:, :1], 1)
    return mixture(counts / max(counts.sum(), 1.0), means, products - means[:, :, None] * means[:, None], widened=True)


def tied(
    picture: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    background: Mixture,
    hand: Mixture,
    sides: NDArray[np.float64],
    links: NDArray[np.float64],
) -> None:
    """What ties each pixel that is not sure to the hand, and to its neighbours that are not.

    Args:
        picture: (h, w, 3).
        labels: (h, w), OpenCV's.
        background: Its colours.
        hand: Its colours.
        sides: (h, w), written; not finite where a colour is too far from all others.
        links: (h, w, 8), all 0; written; both as `deidkit.hand.cut_kernels.second_part` takes them.
    """
    unsure = (labels != _BACKGROUND) & (labels != _HAND)
    exponents = np.empty((2, 5, np.count_nonzero(unsure)))
    _exponents(picture[unsure], np.stack([background, hand]), exponents)
    with np.errstate(divide="ignore", invalid="ignore"):
        likely = np.log(np.exp(exponents).sum(axis=1))
        sides[unsure] = likely[1] - likely[0]
    height, width = labels.shape
    neighbours = (
        (picture[:, 1:], picture[:, :-1]), (picture[1:], picture[:-1]),
        (picture[1:, 1:], picture[:-1, :-1]), (picture[1:, :-1], picture[:-1, 1:]),
    )  # fmt: skip
    apart = sum(cv2.norm(one, other, cv2.NORM_L2SQR) for one, other in neighbours)
    pairs = 4 * height * width - 3 * (height + width) + 2
    weights = _SMOOTHNESS * np.exp((-pairs / (2 * apart) if apart else 0.0) * np.arange(_FARTHEST + 1))
    _neighbours(picture, labels, weights, sides, links)


@compiled
def _exponent(red: float, green: float, blue: float, number: int, of: Mixture) -> float:
    """Logarithm of a colour's density by a Gaussian, in parts of that in its middle."""
    red, green, blue = red - of[number, 0], green - of[number, 1], blue - of[number, 2]
    distance = (
        red * (red * of[number, 3] + 2 * (green * of[number, 4] + blue * of[number, 5]))
        + green * (green * of[number, 6] + 2 * blue * of[number, 7])
        + blue * blue * of[number, 8]
    )
    return float(-0.5 * distance)


@compiled
def _sorted(picture: NDArray[np.uint8], place: NDArray[np.bool_], of: Mixture, sums: NDArray[np.float64]) -> None:
    """Number, sums and sums of products of the colours of each Gaussian, (5, 10)."""
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            if not place[row, column]:
                continue
            red, green, blue = (
                float(picture[row, column, 0]), float(picture[row, column, 1]), float(picture[row, column, 2])
            )  # fmt: skip
            best, highest, surest = 0, -np.inf, 0.0
            for number in range(len(of)):
                if of[number, 10] > -np.inf:
                    exponent = _exponent(red, green, blue, number, of)
                    if of[number, 9] + exponent > highest:
                        best, highest, surest = number, of[number, 9] + exponent, exponent
            if surest < _CERTAIN:
                best = _densest(red, green, blue, of)
            sums[best, 0] += 1
            sums[best, 1] += red
            sums[best, 2] += green
            sums[best, 3] += blue
            sums[best, 4] += red * red
            sums[best, 5] += red * green
            sums[best, 6] += red * blue
            sums[best, 7] += green * green
            sums[best, 8] += green * blue
            sums[best, 9] += blue * blue


@compiled
def _densest(red: float, green: float, blue: float, of: Mixture) -> int:
    """The Gaussian of the highest density, the first where all densities round to nothing."""
    best, highest = 0, 0.0
    for number in range(len(of)):
        if of[number, 10] > -np.inf:
            density = np.exp(of[number, 9]) * np.exp(_exponent(red, green, blue, number, of))
            if density > highest:
                best, highest = number, density
    return best


@compiled
def _exponents(colours: NDArray[np.uint8], mixtures: NDArray[np.float64], found: NDArray[np.float64]) -> None:
    """Logarithms of the densities of (n, 3) colours by each Gaussian of each mixture; (mixtures, 5, n), written."""
    for which in range(len(mixtures)):
        of = mixtures[which]
        for number in range(len(of)):
            for i in range(len(colours)):
                red, green, blue = float(colours[i, 0]), float(colours[i, 1]), float(colours[i, 2])
                found[which, number, i] = _exponent(red, green, blue, number, of) + of[number, 9] + of[number, 10]


@compiled
def _apart(picture: NDArray[np.uint8], row: int, column: int, down: int, across: int) -> int:
    total = 0
    for channel in range(3):
        step = int(picture[row, column, channel]) - int(picture[row + down, column + across, channel])
        total += step * step
    return total


@compiled
def _neighbours(
    picture: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    weights: NDArray[np.float64],
    sides: NDArray[np.float64],
    links: NDArray[np.float64],
) -> None:
    """Add what ties pixels to their neighbours; one that is sure stands for its side."""
    height, width = labels.shape
    for row in range(height):
        for column in range(width):
            if labels[row, column] == _BACKGROUND or labels[row, column] == _HAND:
                continue
            for direction in range(8):
                place = direction + (direction > 3)
                down, across = place // 3 - 1, place % 3 - 1
                if not (0 <= row + down < height and 0 <= column + across < width):
                    continue
                weight = weights[_apart(picture, row, column, down, across)]
                if down != 0 and across != 0:
                    weight = weight / _DIAGONAL
                if labels[row + down, column + across] == _BACKGROUND:
                    sides[row, column] -= weight
                elif labels[row + down, column + across] == _HAND:
                    sides[row, column] += weight
                else:
                    links[row, column, direction] = weight
