"""The grain between the lines of a palm: ridges, fine skin texture, camera noise."""

from __future__ import annotations

import cv2
import numpy as np

from deidkit.protocols import Mask
from deidkit_engines.resynth.levels import coherence, standardized
from deidkit_engines.resynth.pyramid import Layer, Layers

SHARES = np.array([0.0, 0.15, 0.3, 0.5, 0.7], np.float32)
"""Candidate shares of grain in an octave's energy; the rest is lines."""
ORDINARY = np.array([[0.009, 0.33], [0.016, 0.38], [0.03, 0.43], [0.06, 0.52], [0.13, 0.52], [0.25, 0.43]])
"""Wavelength in palm widths -> coherence of an average palm: means of nine photographs and drawn hands. A hand's own
coherence would link copies of one person."""
WOVEN = np.array([[0.003, 0.0], [0.006, 0.42], [0.018, 0.42], [0.03, 0.0]])
"""Wavelength in palm widths -> share of the grain's amplitude that is directional: ridges and fine skin texture."""
WAYS, ALONG, ACROSS = 4, 3.0, 0.6
"""Number of directions of such grain, and standard deviations of its filter along and across them, in pixels of the
octave."""
PRONOUNCED = 1.5
"""Log gain of grain along the local direction."""
PATCH = 0.25
"""Correlation length of the grain's direction, in palm widths."""
COARSER = 4
"""Step, in rows and columns, at which that direction is computed."""


def directions_of(shape: tuple[int, ...], width: float, rng: np.random.Generator) -> Layers:
    """(r, c, 2) float32 cosine and sine of twice the grain's random direction; the length is its strength.

    Args:
        shape: (h, w) of the window.
        width: Palm width in pixels.
        rng: Random stream for the directions.
    """
    size = [max(round(2 * side / (PATCH * width)), 2) for side in shape]
    return np.asarray(2 * cv2.GaussianBlur(rng.standard_normal((*size, 2), np.float32), (0, 0), 0.8), np.float32)


def directional(grain: Layer, directions: Layers, wave: float, inside: Mask) -> Layer:
    """Make grain as directional as is usual for its wavelength.

    Args:
        grain: (h, w) float32, an octave of noise with standard deviation 1.
        directions: As returned by `directions_of`.
        wave: Wavelength in palm widths.
        inside: (h, w) bool, where the result is standardized.
    """
    share = np.float32(np.interp(wave, *WOVEN.T))
    if not share:
        return grain
    return standardized(share * standardized(_stretched(grain, directions), inside) + (1 - share) * grain, inside)


def _stretched(grain: Layer, directions: Layers) -> Layer:
    size = [-(-side // COARSER) for side in grain.shape[::-1]]
    twice = cv2.resize(directions, size, interpolation=cv2.INTER_CUBIC)
    strongest = np.hypot(twice[..., 0], twice[..., 1])
    reach = np.arange(-6, 7)
    drawn = np.zeros_like(grain)
    for angle in np.pi / WAYS * np.arange(WAYS):
        along = np.cos(angle) * reach + np.sin(angle) * reach[:, None]
        across = np.cos(angle) * reach[:, None] - np.sin(angle) * reach
        kernel = np.exp(-(np.square(along / ALONG) + np.square(across / ACROSS)) / 2)
        turned = twice @ np.array([np.cos(2 * angle), np.sin(2 * angle)], np.float32)
        weight = cv2.resize(np.exp(np.float32(PRONOUNCED) * (turned - strongest)), grain.shape[::-1])
        drawn += weight * cv2.filter2D(grain, -1, (kernel / kernel.sum()).astype(np.float32))
    return drawn


def mixed_with_grain(lines: Layer, grain: Layer, wave: float, inside: Mask) -> Layer:
    """Mix lines with the share of grain that gives the coherence of an average palm.

    Args:
        lines: (h, w) float32, an octave of lines with standard deviation 1.
        grain: (h, w) float32, the same octave of grain.
        wave: Wavelength in palm widths.
        inside: (h, w) bool, where coherence is measured.
    """
    found = np.minimum.accumulate([coherence(_mixed(lines, grain, share), inside) for share in SHARES])
    aimed = np.interp(wave, *ORDINARY.T)
    return _mixed(lines, grain, np.float32(np.interp(-aimed, -found, SHARES)))


def _mixed(lines: Layer, grain: Layer, share: np.float32) -> Layer:
    return np.asarray(np.sqrt(1 - share) * lines + np.sqrt(share) * grain, np.float32)
