"""T3, learned: inverts the transfer function of an anonymizer that filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial
from deidkit.protocols import ROI_SIZE
from deidkit_attackers.learned import LearnedRestoration, Restore

_NOISE = (1.0, 1e-1, 1e-2, 1e-4)
"""Noise powers that are tried, relative to the mean power of the transfer function."""


@dataclass(frozen=True)
class Transfer(LearnedRestoration):
    """Learns the linear filter from originals to copies, and inverts it.

    H(f) = sum X*(f) Y(f) / sum |X(f)|^2 over pairs of an original X and its copy Y, each less the mean of its set,
    then the Wiener filter H*(f) / (|H(f)|^2 + noise). It undoes every linear filter, all-pass smears included.
    """

    weak: ClassVar[str] = "smeared"

    def learn(self, originals: NDArray[np.float32], copies: NDArray[np.float32], material: AttackMaterial) -> Restore:
        """Estimate the filter by least squares; see `LearnedRestoration.learn`."""
        from scipy import fft

        shared = copies.mean(axis=0)
        inputs = fft.rfft2(originals - originals.mean(axis=0), workers=1)
        outputs = fft.rfft2(copies - shared, workers=1)
        power = (np.abs(inputs) ** 2).sum(axis=0)
        response = (inputs.conj() * outputs).sum(axis=0) / (power + 1e-6 * power.mean() + 1e-12)
        strength = np.abs(response) ** 2
        typical = float(strength.mean()) + 1e-12

        def restore(pictures: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
            spectra = fft.rfft2(pictures - shared, workers=1)
            size = (ROI_SIZE, ROI_SIZE)
            return {
                f"noise {noise:g}": np.asarray(
                    fft.irfft2(spectra * response.conj() / (strength + noise * typical), size, workers=1), np.float32
                )
                for noise in _NOISE
            }

        return restore
