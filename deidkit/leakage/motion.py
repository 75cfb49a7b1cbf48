"""Estimation of small similarity transforms: residual shift, rotation and scale of a palm that was found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.relief import Plane
from deidkit.leakage.turns import Affine

_LARGEST = 4.0
"""Largest displacement of the region's rim per step, in pixels."""


class Motion:
    """Gauss-Newton steps on a relief's gradients (Lucas and Kanade 1981), for shift, rotation and scale.

    Args:
        relief: (h, w) float32, the template.
        mask: (h, w) bool, pixels that are compared.
    """

    def __init__(self, relief: Plane, mask: NDArray[np.bool_]) -> None:
        self._mask = mask
        rows, columns = np.nonzero(mask)
        self.centre = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
        x, y = columns + 0.5 - self.centre[0], rows + 0.5 - self.centre[1]
        self._radius = max(float(np.hypot(x, y).max()), 1.0)
        slopes = np.asarray(np.gradient(relief))
        gy, gx = slopes[0][mask], slopes[1][mask]
        system = np.stack([relief[mask], gx, gy, x * gy - y * gx, x * gx + y * gy], axis=1).astype(np.float32)
        normal = (system.T @ system).astype(np.float64)
        normal[np.diag_indices(5)] += 1e-6 * np.trace(normal) / 5 + 1e-9
        self._solution = (np.linalg.inv(normal) @ system.T).astype(np.float32)

    def step(self, found: Plane) -> Affine:
        """Affine map, in pixels, from a point of the relief to its position in `found`."""
        factor, shift_x, shift_y, turn, growth = (float(value) for value in self._solution @ found[self._mask])
        if abs(factor) < 1e-3:
            return np.eye(2, 3)
        # found(p + d(p)) = factor * relief(p), so that found - factor * relief = -factor * gradient . d
        dx, dy, angle, scale = (-value / factor for value in (shift_x, shift_y, turn, growth))
        reach = max(abs(dx), abs(dy), abs(angle) * self._radius, abs(scale) * self._radius)
        dx, dy, angle, scale = (value * min(1.0, _LARGEST / max(reach, 1e-9)) for value in (dx, dy, angle, scale))
        linear = np.array([[1 + scale, -angle], [angle, 1 + scale]])
        return np.column_stack([linear, self.centre - linear @ self.centre + [dx, dy]])
