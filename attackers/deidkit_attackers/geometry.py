"""T2: the copy turned, mirrored, scaled, shifted, inverted, or seen in one channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial, Attacker, AttackScores, Tier
from deidkit.protocols import ROI_SIZE, option
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row, choose

_CHANNELS = ("red", "green", "blue", "saturation", "red minus green", "blue minus green")


class Change(NamedTuple):
    """What is undone before comparing.

    Attributes:
        angle: Of the turn, in degrees.
        scale: 1 for none.
        mirrored: Whether left and right are exchanged.
    """

    angle: float = 0.0
    scale: float = 1.0
    mirrored: bool = False

    @property
    def name(self) -> str:
        """As a note tells it."""
        parts = [f"turned by {self.angle:g} degrees"] if self.angle else []
        parts += [f"scaled by {self.scale:g}"] if self.scale != 1 else []
        parts += ["mirrored"] if self.mirrored else []
        return " and ".join(parts) or "unchanged"

    def apply(self, regions: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(n, 128, 128) uint8 -> the same, changed; what comes from outside repeats the border."""
        if self.mirrored:
            regions = regions[:, :, ::-1]
        if self.angle == 0 and self.scale == 1:
            return regions
        if self.scale == 1 and self.angle % 90 == 0:
            return np.rot90(regions, int(self.angle // 90), axes=(1, 2))
        middle = (ROI_SIZE - 1) / 2
        matrix = cv2.getRotationMatrix2D((middle, middle), self.angle, self.scale)
        size = (ROI_SIZE, ROI_SIZE)
        turned = [
            cv2.warpAffine(np.ascontiguousarray(region), matrix, size, borderMode=cv2.BORDER_REPLICATE)
            for region in regions
        ]
        return np.asarray(turned, np.uint8)


@dataclass(frozen=True)
class Geometry(Attacker):
    """Searches changes of the whole region, with the same freedom for every comparison.

    Two adversaries in one: who knows the change, which is found on other people, and who tries every change on every
    pair; on other people it shows which of them does better.
    """

    angles: int = option(36, "Rotations tried on a full turn", minimum=4, maximum=360)

    tier: ClassVar[Tier] = "T2"
    knowledge: ClassVar[str] = "The adversary suspects a change of geometry, brightness or colour and undoes it."
    learns: ClassVar[bool] = True
    weak: ClassVar[str] = "turned"

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Every change, normal and inverted, fine and coarse."""
        originals, copies = material.originals, material.copies
        upright, disc = lines.features(originals.regions), lines.features(originals.regions, disc=True)
        best: dict[str, NDArray[np.float32]] = {}
        kept: dict[str, NDArray[np.float32]] = {}
        for change in self._changes():
            material.check()
            turned = change.angle % 90 != 0
            changed = change.apply(copies.regions)
            found = self._both_signs(lines.features(changed, disc=turned), disc if turned else upright, change.name)
            kept |= found
            for name, distances in found.items():
                sign = "inverted" if name.endswith("inverted") else "normal"
                smallest = best.setdefault(sign, distances.copy())
                np.minimum(smallest, distances, out=smallest)
        for name, picture in self._channels(copies.colours):
            kept |= self._both_signs(lines.features(picture), upright, name)
        everything = kept | {f"any change, {sign}": by_row(distances) for sign, distances in best.items()}
        both = np.minimum(best["normal"], best["inverted"])
        everything["any change, either sign"] = by_row(both)
        chosen = choose(everything, copies.labels, originals.labels, material.folds)
        note = f"{len(kept)} changes tried, taken: {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=note)

    def _changes(self) -> Iterator[Change]:
        for mirrored in (False, True):
            for turn in range(self.angles):
                yield Change(angle=turn * 360 / self.angles, mirrored=mirrored)
            for scale in (0.75, 0.87, 1.15, 1.33):
                yield Change(scale=scale, mirrored=mirrored)

    @staticmethod
    def _both_signs(
        probes: NDArray[np.float32], gallery: NDArray[np.float32], name: str
    ) -> dict[str, NDArray[np.float32]]:
        largest, smallest = lines.similarities(probes, gallery)
        return {name: by_row(-largest), f"{name}, inverted": by_row(smallest)}

    @staticmethod
    def _channels(colours: NDArray[np.uint8] | None) -> Iterator[tuple[str, NDArray[np.float32]]]:
        if colours is None:
            return
        red, green, blue = (colours[..., channel].astype(np.float32) for channel in range(3))
        saturation = colours.max(axis=3).astype(np.float32) - colours.min(axis=3)
        yield from zip(_CHANNELS, (red, green, blue, saturation, red - green, blue - green), strict=True)
