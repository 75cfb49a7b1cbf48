"""T6: identification by the surroundings of the palm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial, AttackScores, NotApplicable, Tier
from deidkit.protocols import ROI_SIZE
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row, choose

_COLOUR_BINS = 6


@dataclass(frozen=True)
class Context:
    """Compares pictures whose palm is masked out: fingers, outline, sleeve, rings, background."""

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T6"
    knowledge: ClassVar[str] = "The adversary looks at everything but the palm (context)."
    scope: ClassVar[Literal["palm", "context"]] = "context"
    learns: ClassVar[bool] = True

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Compare line features at two scales, colours, and both together.

        Raises:
            NotApplicable: The pictures are palm regions without a context.
        """
        originals, copies = material.originals, material.copies
        if originals.contexts is None or copies.contexts is None:
            raise NotApplicable(
                "The pictures are palm regions: nothing stands around the palm.", "Audit pictures of whole hands."
            )
        material.check()
        ours, theirs = lines.features(_grey(copies.contexts)), lines.features(_grey(originals.contexts))
        compared = lines.TwoScales(theirs, lines.Shifts(6, 2)).distances(ours, "lines")
        found = {name: by_row(distances) for name, distances in compared.items()} | {
            "colours": by_row(
                _colour_distances(_colour_histograms(copies.contexts), _colour_histograms(originals.contexts))
            ),
        }
        found["lines and colours"] = by_row(np.mean(list(found.values()), axis=0))
        chosen = choose(found, copies.labels, originals.labels, material.folds)
        note = f"palm masked out, compared by {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=note)


def _grey(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = (ROI_SIZE, ROI_SIZE)
    return np.stack(
        [
            cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
            for picture in pictures
        ]
    ).astype(np.uint8)


def _colour_histograms(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 4 * 216) float32: square roots of the colour histograms of each picture's four quarters."""
    height, width = pictures.shape[1] // 2, pictures.shape[2] // 2
    binned = (pictures.astype(np.int32) * _COLOUR_BINS) // 256
    codes = (binned[..., 0] * _COLOUR_BINS + binned[..., 1]) * _COLOUR_BINS + binned[..., 2]
    quarters = [
        codes[:, :height, :width],
        codes[:, :height, width:],
        codes[:, height:, :width],
        codes[:, height:, width:],
    ]
    counts = [
        np.bincount(quarter.ravel(), minlength=_COLOUR_BINS**3) / quarter.size
        for picture in zip(*quarters, strict=True)
        for quarter in picture
    ]
    return np.sqrt(np.asarray(counts, np.float32).reshape(len(pictures), -1))


def _colour_distances(probes: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.float32]:
    """(p, g) one minus the Bhattacharyya coefficient, averaged over the quarters."""
    return np.asarray(1 - probes @ gallery.T / 4, np.float32)
