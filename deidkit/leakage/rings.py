"""Pictures in polar coordinates, in which a rotation is a shift: one Fourier transform compares all angles."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from deidkit.leakage.relief import Plane

ANGLES = 256
"""Samples per circle: steps of 1.4 degrees."""


@dataclass(frozen=True)
class Angle:
    """Fit of a rotated picture.

    Attributes:
        score: Absolute sum of products; comparable only between angles of the same pictures.
        mirrored: Whether it was flipped vertically about the centre first.
        radians: Angle from the x axis towards the y axis, which points down.
        centre: Index of the centre that fits best.
    """

    score: float
    mirrored: bool
    radians: float
    centre: int


class Rings:
    """A picture in polar coordinates.

    Args:
        plane: (h, w) float32, with normalised contrast; 0 outside of the compared area.
        centre: x, y in pixels from the plane's top left corner.
        reach: Radius of the largest circle in pixels.
    """

    def __init__(self, plane: Plane, centre: NDArray[np.float64], radius: float) -> None:
        self.centre = centre
        self._radii = np.arange(1.0, max(2.0, radius), dtype=np.float32)
        along = self._sampled(plane, [centre])[0]
        self._spectrum = fft.rfft(along * self._radii[:, None])  # weighted by area

    def best(self, plane: Plane, centres: list[NDArray[np.float64]]) -> list[Angle]:
        """Best angle and centre for another picture, without and with mirroring."""
        spectra = fft.rfft(self._sampled(plane, centres))
        found = []
        for mirrored in (False, True):
            spectrum = self._spectrum if mirrored else np.conj(self._spectrum)
            surface = np.abs(fft.irfft(np.einsum("crk,rk->ck", spectra, spectrum), ANGLES))
            centre, angle = (int(i) for i in np.unravel_index(int(surface.argmax()), surface.shape))
            found.append(Angle(float(surface[centre, angle]), mirrored, 2 * np.pi * angle / ANGLES, centre))
        return found

    def _sampled(self, plane: Plane, centres: list[NDArray[np.float64]]) -> Plane:
        """(centres, radii, angles) float32: samples of a plane along the circles, 0 outside of it."""
        turns = np.arange(ANGLES, dtype=np.float32) * np.float32(2 * np.pi / ANGLES)
        middle = np.asarray(centres, np.float32)[:, :, None, None] - np.float32(0.5)
        x = (middle[:, 0] + self._radii[:, None] * np.cos(turns)).reshape(-1, ANGLES)
        y = (middle[:, 1] + self._radii[:, None] * np.sin(turns)).reshape(-1, ANGLES)
        sampled = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(sampled, np.float32).reshape(len(centres), len(self._radii), ANGLES)
