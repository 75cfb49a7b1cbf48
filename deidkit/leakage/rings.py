"""A picture on circles about a centre, where a rotation is a shift: one Fourier transform compares all."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from deidkit.leakage.relief import Plane

ANGLES = 256
"""Samples on a circle: steps of 1.4 degrees."""


@dataclass(frozen=True)
class Angle:
    """How well a picture fits when it is rotated.

    Attributes:
        score: Sum of products without sign; comparable between angles of the same pictures alone.
        mirrored: Whether up and down were exchanged first, about the centre.
        radians: From the x axis towards the y axis, which points down.
        centre: Which of the centres fits.
    """

    score: float
    mirrored: bool
    radians: float
    centre: int


class Rings:
    """A picture on circles.

    Args:
        plane: (h, w) float32, even in contrast; zero where nothing is to be compared.
        centre: x, y in pixels from the plane's corner.
        reach: Radius of the largest circle in pixels.
    """

    def __init__(self, plane: Plane, centre: NDArray[np.float64], reach: float) -> None:
        self.centre = centre
        self._radii = np.arange(1.0, max(2.0, reach), dtype=np.float32)
        along = self._sampled(plane, [centre])[0]
        self._spectrum = fft.rfft(along * self._radii[:, None])  # longer circles hold more of the picture

    def best(self, plane: Plane, centres: list[NDArray[np.float64]]) -> list[Angle]:
        """The angle and the centre at which another picture fits best, without a mirror and with one."""
        spectra = fft.rfft(self._sampled(plane, centres))
        found = []
        for mirrored in (False, True):
            spectrum = self._spectrum if mirrored else np.conj(self._spectrum)
            surface = np.abs(fft.irfft(np.einsum("crk,rk->ck", spectra, spectrum), ANGLES))
            centre, angle = (int(i) for i in np.unravel_index(int(surface.argmax()), surface.shape))
            found.append(Angle(float(surface[centre, angle]), mirrored, 2 * np.pi * angle / ANGLES, centre))
        return found

    def _sampled(self, plane: Plane, centres: list[NDArray[np.float64]]) -> Plane:
        """(centres, radii, angles) float32: a plane along the circles, zero outside of it."""
        turns = np.arange(ANGLES, dtype=np.float32) * np.float32(2 * np.pi / ANGLES)
        middle = np.asarray(centres, np.float32)[:, :, None, None] - np.float32(0.5)
        x = (middle[:, 0] + self._radii[:, None] * np.cos(turns)).reshape(-1, ANGLES)
        y = (middle[:, 1] + self._radii[:, None] * np.sin(turns)).reshape(-1, ANGLES)
        sampled = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(sampled, np.float32).reshape(len(centres), len(self._radii), ANGLES)
