"""A palm on circles about a centre, where a rotation is a shift: all angles are compared by one Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.relief import Plane


@dataclass(frozen=True)
class Angle:
    """How well a palm fits when it is rotated.

    Attributes:
        score: Correlation without sign, 0..1.
        mirrored: Whether up and down were exchanged first, about the centre.
        radians: From the x axis towards the y axis, which points down.
        centre: Which of the centres fits.
    """

    score: float
    mirrored: bool
    radians: float
    centre: int


class Rings:
    """A palm on circles.

    Args:
        relief: (h, w) float32, zero outside of the palm.
        weight: (h, w) float32, 1 in the palm, else 0.
        centre: x, y in pixels from the relief's corner; it may lie outside.
        angles: How many samples a circle has.
    """

    def __init__(self, relief: Plane, weight: Plane, centre: NDArray[np.float64], angles: int) -> None:
        rows, columns = np.nonzero(weight)
        distance = np.hypot(columns + 0.5 - centre[0], rows + 0.5 - centre[1])
        first = max(1.0, float(distance.min()))
        last = max(first + 1, float(distance.max()))  # at least one circle, where all of a palm lies on it
        self.radii = np.arange(first, last, 1.0, dtype=np.float32)
        self.centre = centre
        self._angles = angles
        scale = np.sqrt(self.radii)[:, None]  # longer circles hold more of the palm
        along = self.sampled(relief, centre)
        inside = self.sampled(weight, centre)
        self._relief = np.fft.rfft(along * scale * scale)
        self._weight = np.fft.rfft(inside * scale * scale)
        self._norm = max(float(np.linalg.norm(along * scale)), 1e-6)

    def sampled(self, plane: Plane, centre: NDArray[np.float64]) -> Plane:
        """(radii, angles) float32: a plane along the circles, zero outside of it."""
        turns = np.arange(self._angles, dtype=np.float32) * np.float32(2 * np.pi / self._angles)
        x = np.float32(centre[0] - 0.5) + self.radii[:, None] * np.cos(turns)
        y = np.float32(centre[1] - 0.5) + self.radii[:, None] * np.sin(turns)
        return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), dtype=np.float32)

    def best(self, plane: Plane, centres: list[NDArray[np.float64]]) -> list[Angle]:
        """The best angle, and the best that is not beside it, with and without a mirror."""
        samples = np.stack([self.sampled(plane, centre) for centre in centres])
        values, squares = np.fft.rfft(samples), np.fft.rfft(samples * samples)
        found = []
        for mirrored in (False, True):
            relief = self._relief if mirrored else np.conj(self._relief)
            weight = self._weight if mirrored else np.conj(self._weight)
            product = np.fft.irfft((values * relief).sum(axis=1), self._angles)
            energy = np.fft.irfft((squares * weight).sum(axis=1), self._angles)
            floor = max(float(energy.max()) * 1e-3, 1e-3)
            surface = np.abs(product) / (self._norm * np.sqrt(np.maximum(energy, floor)))
            for _ in range(2):
                centre, angle = (int(i) for i in np.unravel_index(int(surface.argmax()), surface.shape))
                found.append(Angle(float(surface[centre, angle]), mirrored, 2 * np.pi * angle / self._angles, centre))
                beside = self._angles // 24
                surface[:, np.arange(angle - beside, angle + beside + 1) % self._angles] = 0
        return found
