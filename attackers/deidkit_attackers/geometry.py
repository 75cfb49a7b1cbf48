"""T2: compares copies after rotation, mirroring, scaling, shift, inversion, or in a single channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial, AttackScores, Memo, Tier
from deidkit.protocols import option
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row, choose, shortlist

_CHANNELS = ("red", "green", "blue", "saturation", "red minus green", "blue minus green")


_INVERTED = ", inverted"
_FINALISTS = 2
_TRIED_IN_FULL = 8
"""Transformations, out of all, that are tried on each copy at full size."""


class Change(NamedTuple):
    """Transformation applied to a copy before it is compared.

    Attributes:
        angle: Rotation in degrees.
        scale: 1 for none.
        mirrored: Whether left and right are exchanged.
    """

    angle: float = 0.0
    scale: float = 1.0
    mirrored: bool = False

    @property
    def name(self) -> str:
        """Name used in notes."""
        parts = [f"turned by {self.angle:g} degrees"] if self.angle else []
        parts += [f"scaled by {self.scale:g}"] if self.scale != 1 else []
        parts += ["mirrored"] if self.mirrored else []
        return " and ".join(parts) or "unchanged"

    @property
    def off_axis(self) -> bool:
        """Whether the rotation moves corners out of the region, so that only the inscribed disc can be compared."""
        return self.angle % 90 != 0

    def apply(self, regions: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Transform (n, s, s) uint8 regions, with the border replicated."""
        if self.mirrored:
            regions = regions[:, :, ::-1]
        if self.angle == 0 and self.scale == 1:
            return regions
        if self.scale == 1 and self.angle % 90 == 0:
            return np.rot90(regions, int(self.angle // 90), axes=(1, 2))
        side = regions.shape[1]
        middle = (side - 1) / 2
        matrix = cv2.getRotationMatrix2D((middle, middle), self.angle, self.scale)
        size = (side, side)
        turned = [
            cv2.warpAffine(np.ascontiguousarray(region), matrix, size, borderMode=cv2.BORDER_REPLICATE)
            for region in regions
        ]
        return np.asarray(turned, np.uint8)


@dataclass(frozen=True)
class Geometry:
    """Searches transformations of the whole region, with the same freedom for every comparison.

    Covers two adversaries: one who knows the transformation (found on other people) and one who tries every
    transformation on every pair. The one that does better on other people is used.
    """

    angles: int = option(36, "Rotations tried on a full turn", minimum=4, maximum=360)

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T2"
    knowledge: ClassVar[str] = "The adversary suspects a change of geometry, brightness or colour and undoes it."
    learns: ClassVar[bool] = True
    weak: ClassVar[str] = "turned"

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Try every transformation, normal and inverted, on half-size regions; then the best ones at full size."""
        originals, copies = material.originals, material.copies
        search = _Search(copies.regions, originals.regions, material.memo)
        for change in self._changes():
            material.check()
            search.add(change)
        found = search.any_change()
        kept = shortlist(search.found, copies.labels, originals.labels, material.folds, _FINALISTS)
        for change in self._changes():
            if change.name in kept or f"{change.name}{_INVERTED}" in kept:
                material.check()
                found |= search.in_full(change)
        for name, picture in self._channels(copies.colours):
            found |= _both_signs(lines.features(picture), search.full[False], name)
        chosen = choose(found, copies.labels, originals.labels, material.folds)
        note = f"{len(search.found)} changes tried, taken: {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=note)

    def _changes(self) -> Iterator[Change]:
        for mirrored in (False, True):
            for turn in range(self.angles):
                yield Change(angle=turn * 360 / self.angles, mirrored=mirrored)
            for scale in (0.75, 0.87, 1.15, 1.33):
                yield Change(scale=scale, mirrored=mirrored)

    @staticmethod
    def _channels(colours: NDArray[np.uint8] | None) -> Iterator[tuple[str, NDArray[np.float32]]]:
        if colours is None:
            return
        red, green, blue = (colours[..., channel].astype(np.float32) for channel in range(3))
        saturation = colours.max(axis=3).astype(np.float32) - colours.min(axis=3)
        yield from zip(_CHANNELS, (red, green, blue, saturation, red - green, blue - green), strict=True)


class _Search:
    """Tries transformations on small regions and records which of them suits each copy best."""

    def __init__(self, copies: NDArray[np.uint8], originals: NDArray[np.uint8], memo: Memo) -> None:
        self._copies, self._small = copies, lines.halved(copies)
        small = lines.halved(originals)
        self._quick = {
            disc: lines.Gallery(lines.quick_features(small, disc=disc), lines.Shifts(1)) for disc in (False, True)
        }
        self.full = {disc: lines.Gallery(lines.features(originals, disc=disc, memo=memo)) for disc in (False, True)}
        self.found: dict[str, NDArray[np.float32]] = {}
        self._changes: dict[str, Change] = {}

    def add(self, change: Change) -> None:
        """Try one transformation with both signs."""
        probes = lines.quick_features(change.apply(self._small), disc=change.off_axis)
        found = _both_signs(probes, self._quick[change.off_axis], change.name)
        self.found |= found
        self._changes |= dict.fromkeys(found, change)

    def in_full(self, change: Change) -> dict[str, NDArray[np.float32]]:
        """Distances for one transformation of full-size regions, both signs."""
        probes = lines.features(change.apply(self._copies), disc=change.off_axis)
        return _both_signs(probes, self.full[change.off_axis], change.name)

    def any_change(self) -> dict[str, NDArray[np.float32]]:
        """Distances over the transformations that bring each copy closest to any original, chosen without labels."""
        names = list(self.found)
        closest = np.stack([self.found[name].min(axis=1) for name in names])
        searched = by_row(np.min([self.found[name] for name in names], axis=0))
        order = np.argsort(closest, axis=0)[:_TRIED_IN_FULL]
        best = np.full(searched.shape, np.inf, np.float32)
        for disc in (False, True):
            rows, probes, signs = self._tried(order, names, disc=disc)
            if len(rows):
                largest, smallest = lines.similarities(probes, self.full[disc])
                np.minimum.at(best, rows, np.where(signs[:, None] > 0, -largest, smallest))
        return {"any change": by_row(best), "any change, searched coarsely": searched}

    def _tried(
        self, order: NDArray[np.intp], names: list[str], *, disc: bool
    ) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
        """Rows of copies, their features after a transformation, and the sign with which it did well."""
        rows, found, signs = [], [], []
        for place in np.unique(order):
            change = self._changes[names[place]]
            if change.off_axis != disc:
                continue
            wanted = np.flatnonzero((order == place).any(axis=0))
            rows.append(wanted)
            found.append(lines.features(change.apply(self._copies[wanted]), disc=disc))
            signs.append(np.full(len(wanted), -1.0 if names[place].endswith(_INVERTED) else 1.0, np.float32))
        if not rows:
            return np.empty(0, np.intp), np.empty(0, np.float32), np.empty(0, np.float32)
        return np.concatenate(rows), np.concatenate(found), np.concatenate(signs)


def _both_signs(probes: NDArray[np.float32], gallery: lines.Gallery, name: str) -> dict[str, NDArray[np.float32]]:
    largest, smallest = lines.similarities(probes, gallery)
    return {name: by_row(-largest), f"{name}{_INVERTED}": by_row(smallest)}
