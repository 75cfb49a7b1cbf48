"""Thin-plate spline that maps landmarks to landmarks.

Bookstein, "Principal warps: thin-plate splines and the decomposition of deformations", IEEE Trans. Pattern Anal.
Mach. Intell. 11(6):567, 1989. The bending is regularized, so that a badly located keypoint distorts the plane little.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.synthesis.anatomy import Points

DAMPING = 3e-3
"""Weight of the bending energy; landmarks are about one unit apart."""
TOGETHER = 4096
"""Points mapped at a time; their kernels fit into the processor's cache."""


@dataclass(frozen=True)
class ThinPlate:
    """A thin-plate spline, fitted by `fitted`.

    Attributes:
        landmarks: (n, 2) float64, source landmarks.
        bending: (n, 2) float64, weights of their kernels.
        affine: (3, 2) float64, constant, x and y coefficients.
    """

    landmarks: Points
    bending: NDArray[np.float64]
    affine: NDArray[np.float64]

    @classmethod
    def fitted(cls, source: Points, target: Points) -> ThinPlate:
        """Fit a spline that maps each source landmark close to its target.

        Args:
            source: (n, 2), at least three that are not collinear, scaled to a spread of about 1.
            target: (n, 2), any unit.
        """
        n = len(source)
        system = np.zeros((n + 3, n + 3))
        system[:n, :n] = _kernel(source.T, source) + DAMPING * np.eye(n)
        system[:n, n:] = np.column_stack([np.ones(n), source])
        system[n:, :n] = system[:n, n:].T
        solved = np.linalg.solve(system, np.concatenate([target, np.zeros((3, 2))]))
        return cls(source, solved[:n], solved[n:])

    def __call__(self, points: Points) -> Points:
        """Map (m, 2) points of the source plane to the target plane."""
        landmarks, bending = self.landmarks.astype(np.float32), self.bending.T.astype(np.float32)
        x_and_y = np.ascontiguousarray(points.T, np.float32)
        bent = np.empty((2, len(points)), np.float32)
        for start in range(0, len(points), TOGETHER):
            part = slice(start, start + TOGETHER)
            np.matmul(bending, _kernel(x_and_y[:, part], landmarks), out=bent[:, part])
        return np.asarray(bent.T + self.affine[0] + points @ self.affine[1:])

    @property
    def scale(self) -> float:
        """Scale of the affine part: target units per source unit."""
        return float(np.sqrt(abs(np.linalg.det(self.affine[1:]))))


def _kernel(x_and_y: NDArray[np.floating], landmarks: NDArray[np.floating]) -> NDArray[np.floating]:
    """(n, m) r^2 log r^2 between (n, 2) landmarks and (2, m) points."""
    square = np.square(x_and_y[0] - landmarks[:, :1])
    square += np.square(x_and_y[1] - landmarks[:, 1:])
    np.maximum(square, 1e-12, out=square)
    square *= np.asarray(cv2.log(square))
    return np.asarray(square)
