"""T3, learned: linear inversion of any anonymizer by kernel ridge regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial
from deidkit.protocols import ROI_SIZE
from deidkit_attackers.learned import LearnedRestoration, Restore

_SIDE = 64
_STRENGTHS = (1e-3, 1e-1)
"""Ridge parameters relative to the mean of the kernel's diagonal."""


@dataclass(frozen=True)
class Inversion(LearnedRestoration):
    """Ridge regression of originals on copies, in its dual form: X' = K(Y', Y) (K(Y, Y) + r I)^-1 X.

    The result lies in the span of the training originals, so it improves with the number of people.
    """

    weak: ClassVar[str] = "permuted"
    fewest_subjects: ClassVar[int] = 20

    def learn(self, originals: NDArray[np.float32], copies: NDArray[np.float32], material: AttackMaterial) -> Restore:
        """Compute the dual weights; see `LearnedRestoration.learn`."""
        inputs, outputs = _flat(copies), _flat(originals)
        input_mean, output_mean = inputs.mean(axis=0), outputs.mean(axis=0)
        inputs, outputs = inputs - input_mean, outputs - output_mean
        kernel = inputs @ inputs.T
        scale = float(np.trace(kernel)) / len(kernel) + 1e-9

        def restore(pictures: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
            against = (_flat(pictures) - input_mean) @ inputs.T
            found = {}
            for strength in _STRENGTHS:
                solved = np.linalg.solve(kernel + strength * scale * np.eye(len(kernel), dtype=np.float32), outputs)
                small = (against @ solved).reshape(-1, _SIDE, _SIDE)
                found[f"ridge {strength:g}"] = np.stack([_resized(picture, ROI_SIZE) for picture in small])
            return found

        return restore


def _flat(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 4096) float32 vectors of mean 0 and standard deviation 1, independent of brightness and contrast."""
    small = np.stack([_resized(picture, _SIDE) for picture in pictures]).reshape(len(pictures), -1)
    small -= small.mean(axis=1, keepdims=True)
    return np.asarray(small / (small.std(axis=1, keepdims=True) + 1e-3), np.float32)


def _resized(picture: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    method = cv2.INTER_AREA if side < len(picture) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.ascontiguousarray(picture), (side, side), interpolation=method), np.float32)
