"""Compare copies with one another pixel by pixel, by what palm matchers treat as noise.

A key that is the same for all pictures leaves nothing that resembles a palm, whether it permutes pixels, adds a code
to noise, sets low bits or flips signs. But two copies of one person remain as similar, pixel by pixel, as their
originals were. Only differences from the surroundings are compared: light and colour of a hand, which an honest engine
may preserve, do not count.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial, Memo
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row, splits

Planes = NDArray[np.float32]
"""(n, h, w) float32."""

_PALM = slice(28, 124), slice(16, 112)
"""Rows and columns of a region that show palm in every hand; the outline of the treated area must not count."""

_LIGHTING_SIGMA, _GRAIN_SIGMA, _STRENGTH_SIGMA = 8.0, 1.2, 2.0
"""Standard deviations, in pixels, of the Gaussians that estimate lighting, remove everything but grain, and average
the strength of noise."""


def pixelwise(regions: NDArray[np.uint8], memo: Memo) -> dict[str, NDArray[np.float32]]:
    """Compare copies with one another.

    Args:
        regions: (n, 128, 128) uint8.
        memo: Cache of the planes of single pictures.

    Returns:
        Name -> (n, n) distances as `by_row` gives them.
    """
    planes = memo.rows("pixelwise", regions, lambda pictures: np.stack([_planes(picture) for picture in pictures]))
    found = {}
    for number, name in enumerate(_NAMES):
        plane = planes[:, number]
        apart = lines.unit(plane - plane.mean(axis=0))
        found[f"{name}, place by place"] = by_row(-apart @ apart.T)
    return found


_NAMES = ("detail", "noise", "strength of noise", "spectrum")


def _planes(region: NDArray[np.uint8]) -> Planes:
    """(4, 96, 96) float32: contrast-normalised detail, noise, local strength of noise, and log spectrum of detail."""
    picture = np.ascontiguousarray(region[_PALM]).astype(np.float32)
    detail = picture - _smooth(picture, _LIGHTING_SIGMA)
    evened = detail / (np.sqrt(_smooth(detail * detail, _LIGHTING_SIGMA)) + 1)
    noise = picture - _smooth(picture, _GRAIN_SIGMA)
    strength = _smooth(np.abs(noise), _STRENGTH_SIGMA)
    taper = np.hanning(len(picture)).astype(np.float32)
    spectrum = np.log1p(np.abs(np.fft.fft2(detail * np.outer(taper, taper)))).astype(np.float32)
    planes = (evened, noise, strength, _smooth(np.asarray(np.fft.fftshift(spectrum)), 1.0))
    return np.stack([plane - plane.mean() for plane in planes])


def _smooth(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


_MARKED_SHARE = 0.01
"""Share of a region's pixels that a mark may cover."""


def marked_places(material: AttackMaterial) -> dict[str, NDArray[np.float32]]:
    """Compare copies at the few pixels that discriminate other people best, as a small mark per person would.

    In pictures of hands only the middle of the region is used, since the outline of the treated area is at its rim.

    Returns:
        Name -> (n, n) distances as `by_row` gives them.
    """
    labels, regions = material.copies.labels, material.copies.regions
    if material.originals.contexts is not None:
        regions = regions[:, *_PALM]
    noise = np.stack([plane - _smooth(plane, _STRENGTH_SIGMA) for plane in regions.astype(np.float32)])
    values = noise.reshape(len(noise), -1)
    found = np.zeros((len(values), len(values)), np.float32)
    for attacked, learned, _ in splits(labels, labels, material.folds):
        material.check()
        ratios, within = _variance_ratios(values[learned], labels.identities[learned])
        places = np.argsort(-ratios)[: int(_MARKED_SHARE * len(ratios))]
        chosen = (values[:, places] - values[:, places].mean(axis=0)) / within[places]
        found[attacked] = -lines.unit(chosen[attacked]) @ lines.unit(chosen).T
    return {"marked places": by_row(found)}


def _variance_ratios(values: Planes, people: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(d,) ratio of the variance between people to that within, and (d,) standard deviations within people."""
    _, numbers, counts = np.unique(people, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), values.shape[1]), np.float32)
    np.add.at(means, numbers, values)
    means /= counts[:, None]
    within = ((values - means[numbers]) ** 2).sum(axis=0) / max(1, len(values) - len(counts)) + 0.1
    return np.asarray(means.var(axis=0) / within, np.float32), np.asarray(np.sqrt(within), np.float32)
