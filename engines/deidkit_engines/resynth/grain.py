"""What lies between the lines of a palm: ridges, the skin's fine net, the camera's noise."""

from __future__ import annotations

import cv2
import numpy as np

from deidkit.protocols import Mask
from deidkit_engines.resynth.levels import coherence, standard
from deidkit_engines.resynth.pyramid import Layer, Layers

SHARES = np.array([0.0, 0.15, 0.3, 0.5, 0.7], np.float32)
"""Shares of an octave's energy, tried one after another, that are grain; the rest is lines."""
ORDINARY = np.array([[0.009, 0.33], [0.016, 0.38], [0.03, 0.43], [0.06, 0.52], [0.13, 0.52], [0.25, 0.43]])
"""Wavelength in palm widths -> coherence of an ordinary palm: means of nine photographs and drawn hands.
With a hand's own, copies are linked with one another."""
WOVEN = np.array([[0.003, 0.0], [0.006, 0.42], [0.018, 0.42], [0.03, 0.0]])
"""Wavelength in palm widths -> share of the grain's amplitude that has a direction: ridges and the skin's fine net."""
WAYS, ALONG, ACROSS = 4, 3.0, 0.6
"""Directions of such grain, and the standard deviations of what draws it out, in pixels of an octave."""
PRONOUNCED = 1.5
"""How much stronger, as a logarithm, grain along the direction of a place is."""
PATCH = 0.25
"""Over how much of a palm width the direction of the grain stays the same."""


def directions_of(shape: tuple[int, ...], width: float, rng: np.random.Generator) -> Layers:
    """(r, c, 2) Cosine and sine of twice the direction of the grain, longer where it is more pronounced.

    Args:
        shape: (h, w) of the window that it is for.
        width: Of the palm in pixels.
        rng: For the directions.
    """
    size = [max(round(2 * side / (PATCH * width)), 2) for side in shape]
    return np.asarray(2 * cv2.GaussianBlur(rng.standard_normal((*size, 2), np.float32), (0, 0), 0.8), np.float32)


def woven(grain: Layer, directions: Layers, wave: float, inside: Mask) -> Layer:
    """Draw grain out along directions, as much as is usual for its wavelength.

    Args:
        grain: (h, w) float32, an octave of noise of standard deviation 1.
        directions: As `directions_of` gives them.
        wave: Wavelength in palm widths.
        inside: (h, w) bool, where it is brought back to standard deviation 1.
    """
    share = np.float32(np.interp(wave, *WOVEN.T))
    if not share:
        return grain
    return standard(share * standard(_drawn_out(grain, directions), inside) + (1 - share) * grain, inside)


def _drawn_out(grain: Layer, directions: Layers) -> Layer:
    twice = cv2.resize(directions, grain.shape[::-1], interpolation=cv2.INTER_CUBIC)
    strongest = np.hypot(twice[..., 0], twice[..., 1])
    reach = np.arange(-6, 7)
    drawn = np.zeros_like(grain)
    for angle in np.pi / WAYS * np.arange(WAYS):
        along = np.cos(angle) * reach + np.sin(angle) * reach[:, None]
        across = np.cos(angle) * reach[:, None] - np.sin(angle) * reach
        kernel = np.exp(-(np.square(along / ALONG) + np.square(across / ACROSS)) / 2)
        turned = twice @ np.array([np.cos(2 * angle), np.sin(2 * angle)], np.float32)
        weight = np.exp(np.float32(PRONOUNCED) * (turned - strongest))
        drawn += weight * cv2.filter2D(grain, -1, (kernel / kernel.sum()).astype(np.float32))
    return drawn


def grained(lines: Layer, grain: Layer, wave: float, inside: Mask) -> Layer:
    """Mix lines with so much grain that places have one direction as much as on an ordinary palm.

    Args:
        lines: (h, w) float32, an octave of lines of standard deviation 1.
        grain: The same of grain.
        wave: Wavelength in palm widths.
        inside: (h, w) bool, where it is measured.
    """
    found = np.minimum.accumulate([coherence(_mixed(lines, grain, share), inside) for share in SHARES])
    aimed = np.interp(wave, *ORDINARY.T)
    return _mixed(lines, grain, np.float32(np.interp(-aimed, -found, SHARES)))


def _mixed(lines: Layer, grain: Layer, share: np.float32) -> Layer:
    return np.asarray(np.sqrt(1 - share) * lines + np.sqrt(share) * grain, np.float32)
