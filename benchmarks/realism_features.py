"""What a discriminator without a network sees of a square patch of skin, each feature with a name."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.feature import local_binary_pattern

RINGS = (1, 2, 3.2, 5, 8, 12, 16)
"""Waves in a patch of 32 pixels between which the bands of the spectrum lie; of other patches, in proportion."""
WAYS = 4
"""Directions into which a band is divided: across (waves from left to right), falling, along, rising."""
OCTAVES = (0.7, 1.4, 2.8, 5.6)
"""Standard deviations, in pixels, between which the differences of Gaussians lie."""

Values = NDArray[np.float64]


def features_of(patches: NDArray[np.float32]) -> tuple[Values, tuple[str, ...]]:
    """Describe (n, side, side, 3) RGB patches: (n, features) values, and ``group: what`` of each feature."""
    found = [_described(patch) for patch in patches]
    return np.array([list(each.values()) for each in found]), tuple(found[0])


def _described(patch: NDArray[np.float32]) -> dict[str, float]:
    logarithms = np.log(patch.astype(np.float64) + 8)
    light = logarithms.mean(axis=2)
    red, blue = logarithms[..., 0] - logarithms[..., 1], logarithms[..., 2] - logarithms[..., 1]
    return {
        **_spectrum(light, red, blue),
        **_colours(light, red, blue),
        **_details(light, red, blue),
        **_edges(light),
        **_small_patterns(patch),
    }


def _power(plane: Values) -> tuple[Values, Values, Values]:
    """Power, waves in 32 pixels, and direction of the waves in half turns, of a plane whose slope is taken away."""
    side = len(plane)
    ramp = np.linspace(-1, 1, side)
    flat = plane - plane.mean()
    flat = flat - ramp * (flat @ ramp).mean() / (ramp @ ramp) - ramp[:, None] * (ramp @ flat).mean() / (ramp @ ramp)
    window = np.hanning(side + 2)[1:-1]
    power = np.square(np.abs(np.fft.fft2(flat * np.outer(window, window))))
    down, right = np.meshgrid(*[np.fft.fftfreq(side) * 32] * 2, indexing="ij")
    return power, np.hypot(down, right), np.arctan2(down, right) / np.pi % 1


def _spectrum(light: Values, red: Values, blue: Values) -> dict[str, float]:
    power, radius, way = _power(light)
    sector = np.round(way * WAYS).astype(int) % WAYS
    found = {}
    for low, high in pairwise(RINGS):
        ring = (radius >= low) & (radius < high)
        total = np.log(power[ring].mean() + 1e-9)
        found[f"spectrum: {low}-{high}"] = total
        shares = [np.log(power[ring & (sector == w)].mean() + 1e-9) - total for w in range(WAYS)]
        found |= {f"direction: {low}-{high} way {w}": share for w, share in enumerate(shares)}
        found[f"direction: {low}-{high} strongest"] = max(shares)
    for name, plane in (("red", red), ("blue", blue)):
        power = _power(plane)[0]
        for low, high in pairwise(RINGS[::2]):
            found[f"colour grain: {name} {low}-{high}"] = np.log(power[(radius >= low) & (radius < high)].mean() + 1e-9)
    return {name: float(value) for name, value in found.items()}


def _colours(light: Values, red: Values, blue: Values) -> dict[str, float]:
    return {
        "colour: light": float(light.mean()),
        "colour: red": float(red.mean()),
        "colour: blue": float(blue.mean()),
        "colour: red spread": float(np.log(red.std() + 1e-3)),
        "colour: blue spread": float(np.log(blue.std() + 1e-3)),
    }


def _details(light: Values, red: Values, blue: Values) -> dict[str, float]:
    """How details are distributed, how their colour goes with their lightness, and octave with octave."""
    octaves = [
        [one - two for one, two in pairwise(cv2.GaussianBlur(plane, (0, 0), s) for s in OCTAVES)]
        for plane in (light, red, blue)
    ]
    found = {}
    for number, (detail, *tones) in enumerate(zip(*octaves, strict=True)):
        spread = detail.std() + 1e-6
        found[f"distribution: skewness {number}"] = (detail**3).mean() / spread**3
        found[f"distribution: kurtosis {number}"] = np.log((detail**4).mean() / spread**4 + 1e-3)
        quiet, median, loud = np.quantile(np.abs(detail), [0.25, 0.5, 0.95]) + 1e-6
        found[f"distribution: quiet {number}"] = np.log(quiet / median)
        found[f"distribution: loud {number}"] = np.log(loud / median)
        for name, tone in zip(("red", "blue"), tones, strict=True):
            found[f"line colour: {name} slope {number}"] = (detail * tone).mean() / spread**2
            found[f"line colour: {name} correlation {number}"] = _correlation(detail, tone)
    loudness = [np.abs(detail) for detail in octaves[0]]
    for number, (fine, coarse) in enumerate(pairwise(loudness)):
        found[f"across scales: {number} and {number + 1}"] = _correlation(fine, coarse)
    for number, (fine, coarse) in enumerate(pairwise(octaves[0])):
        found[f"across scales: signed {number} and {number + 1}"] = _correlation(fine, coarse)
    local = [cv2.GaussianBlur(each, (0, 0), 2 * s) for each, s in zip(loudness, OCTAVES[1:], strict=True)]
    found |= {f"across scales: patchy {n}": np.log(p.std() / (p.mean() + 1e-6) + 1e-3) for n, p in enumerate(local)}
    return {name: float(value) for name, value in found.items()}


def _correlation(one: Values, other: Values) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).mean() / (a.std() * b.std() + 1e-9))


def _edges(light: Values) -> dict[str, float]:
    """How steep, and how strongly of one direction about each pixel, seen sharp and softly."""
    found = {}
    for sigma in (0.7, 2.0):
        soft = cv2.GaussianBlur(light, (0, 0), sigma)
        right, down = cv2.Sobel(soft, cv2.CV_64F, 1, 0), cv2.Sobel(soft, cv2.CV_64F, 0, 1)
        low, middle, high = np.quantile(np.hypot(right, down), [0.1, 0.5, 0.95]) + 1e-6
        found |= {f"edges: median {sigma}": np.log(middle), f"edges: steep {sigma}": np.log(high / middle)}
        found[f"edges: flat {sigma}"] = np.log(low / middle)
        xx, yy, xy = (cv2.GaussianBlur(p, (0, 0), 2 * sigma) for p in (right * right, down * down, right * down))
        coherence = np.hypot(xx - yy, 2 * xy) / (xx + yy + 1e-9)
        found |= {f"edges: coherence {sigma}": coherence.mean(), f"edges: coherence spread {sigma}": coherence.std()}
    return {name: float(value) for name, value in found.items()}


def _small_patterns(patch: NDArray[np.float32]) -> dict[str, float]:
    """Histograms of uniform local binary patterns (Ojala et al., IEEE TPAMI 24(7):971, 2002) at two radii."""
    grey = np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY))
    found = {}
    for radius in (1, 2):
        soft = np.rint(16 * cv2.GaussianBlur(grey, (0, 0), 0.5 * radius)).astype(np.int32)
        codes = local_binary_pattern(soft, 8, radius, "uniform")
        counts = np.bincount(codes.astype(int).ravel(), minlength=10) / codes.size
        found |= {f"small patterns: {radius} {number}": float(share) for number, share in enumerate(counts)}
    return found
