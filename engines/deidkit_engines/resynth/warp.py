"""A smooth map of the plane that takes landmarks to landmarks.

Bookstein, "Principal warps: thin-plate splines and the decomposition of deformations", IEEE Trans. Pattern Anal.
Mach. Intell. 11(6):567, 1989; the bending is damped, so that a badly found keypoint bends the plane a little only.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.synthesis.anatomy import Points

DAMPING = 3e-3
"""Weight of the bending energy; landmarks are about one unit apart."""


@dataclass(frozen=True)
class ThinPlate:
    """The map; made by `fitted`.

    Attributes:
        landmarks: (n, 2) where it is pinned, source side.
        bending: (n, 2) weight of each landmark's kernel.
        affine: (3, 2) constant, x and y parts.
    """

    landmarks: Points
    bending: NDArray[np.float64]
    affine: NDArray[np.float64]

    @classmethod
    def fitted(cls, source: Points, target: Points) -> ThinPlate:
        """The map that takes each source landmark near its target.

        Args:
            source: (n, 2), at least three that are not on a line, in units of their own spread.
            target: (n, 2), any unit.
        """
        n = len(source)
        system = np.zeros((n + 3, n + 3))
        system[:n, :n] = _kernel(source, source) + DAMPING * np.eye(n)
        system[:n, n:] = np.column_stack([np.ones(n), source])
        system[n:, :n] = system[:n, n:].T
        solved = np.linalg.solve(system, np.concatenate([target, np.zeros((3, 2))]))
        return cls(source, solved[:n], solved[n:])

    def __call__(self, points: Points) -> Points:
        """(m, 2) Where points of the source plane lie in the target plane."""
        bent = _kernel(points.astype(np.float32), self.landmarks.astype(np.float32)) @ self.bending.astype(np.float32)
        return np.asarray(bent + self.affine[0] + points @ self.affine[1:])

    @property
    def scale(self) -> float:
        """Target units in one source unit, on the whole."""
        return float(np.sqrt(abs(np.linalg.det(self.affine[1:]))))


def _kernel(points: Points, landmarks: Points) -> NDArray[np.float64]:
    """(m, n) r^2 log r^2 between points and landmarks."""
    square = np.square(points[:, :1] - landmarks[:, 0]) + np.square(points[:, 1:] - landmarks[:, 1])
    return np.asarray(square * cv2.log(np.maximum(square, 1e-12)))
