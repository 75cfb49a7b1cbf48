"""Copies compared with one another place by place, by what every matcher of palms takes for noise.

A key that is the same for all pictures leaves nothing that looks like a palm, whether it permutes pixels, adds a code
to noise, sets low bits or turns signs; but it leaves two copies of one person as alike, place by place, as their
originals were. What differs from its surroundings alone is compared: light and colour of a hand, which an honest
engine may keep, tell nobody here.
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
"""Rows and columns of a region that show the palm of every hand: the outline of what was treated is no identity."""

_SURROUNDINGS, _GRAIN, _AREA = 8.0, 1.2, 2.0
"""Standard deviations in pixels: of the surroundings that light and shade are, of grain, and of the places at which its
strength is compared."""


def pixelwise(regions: NDArray[np.uint8], memo: Memo) -> dict[str, NDArray[np.float32]]:
    """Compare copies with one another.

    Args:
        regions: (n, 128, 128) uint8.
        memo: Where the planes of single pictures are kept.

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
    """(4, 96, 96): what differs from its surroundings, evened; noise; how strong it is; how frequent, wherever."""
    picture = np.ascontiguousarray(region[_PALM]).astype(np.float32)
    detail = picture - _smooth(picture, _SURROUNDINGS)
    evened = detail / (np.sqrt(_smooth(detail * detail, _SURROUNDINGS)) + 1)
    noise = picture - _smooth(picture, _GRAIN)
    strength = _smooth(np.abs(noise), _AREA)
    taper = np.hanning(len(picture)).astype(np.float32)
    spectrum = np.log1p(np.abs(np.fft.fft2(detail * np.outer(taper, taper)))).astype(np.float32)
    planes = (evened, noise, strength, _smooth(np.asarray(np.fft.fftshift(spectrum)), 1.0))
    return np.stack([plane - plane.mean() for plane in planes])


def _smooth(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


_LEARNED = 0.01
"""Share of the places of a region that a mark may take."""


def marked_places(material: AttackMaterial) -> dict[str, NDArray[np.float32]]:
    """Compare copies at the few places that tell other people apart best, as a small mark of each person would.

    The outline of what was treated lies at the rim of the regions of hands; of these the middle alone is taken.

    Returns:
        Name -> (n, n) distances as `by_row` gives them.
    """
    labels, regions = material.copies.labels, material.copies.regions
    if material.originals.contexts is not None:
        regions = regions[:, *_PALM]
    noise = np.stack([plane - _smooth(plane, _AREA) for plane in regions.astype(np.float32)])
    values = noise.reshape(len(noise), -1)
    found = np.zeros((len(values), len(values)), np.float32)
    for attacked, learned, _ in splits(labels, labels, material.folds):
        material.check()
        ratios, within = _ratios(values[learned], labels.identities[learned])
        places = np.argsort(-ratios)[: int(_LEARNED * len(ratios))]
        chosen = (values[:, places] - values[:, places].mean(axis=0)) / within[places]  # what all copies share
        found[attacked] = -lines.unit(chosen[attacked]) @ lines.unit(chosen).T
    return {"marked places": by_row(found)}


def _ratios(values: Planes, people: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(d,) variance between people in parts of that within, and (d,) deviations within."""
    _, numbers, counts = np.unique(people, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), values.shape[1]), np.float32)
    np.add.at(means, numbers, values)
    means /= counts[:, None]
    within = ((values - means[numbers]) ** 2).sum(axis=0) / max(1, len(values) - len(counts)) + 0.1
    return np.asarray(means.var(axis=0) / within, np.float32), np.asarray(np.sqrt(within), np.float32)
