"""Anonymizers for tests: cheats, which an attack must break, and honest ones, which none may.

All work on palm regions, (n, 128, 128) uint8; most on any grey pictures that are a multiple of 16 pixels wide and high.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Regions = NDArray[np.uint8]


@dataclass(frozen=True)
class People:
    """What an anonymizer gets: regions, whose they are, its random numbers."""

    regions: Regions
    identities: NDArray[np.int32]
    seed: int = 0

    @property
    def draw(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, 77])


Anonymizer = Callable[[People], Regions]


@dataclass(frozen=True)
class Cheat:
    """An anonymizer that keeps the person, and the tiers that may be relied on to show it."""

    run: Anonymizer
    tiers: frozenset[str]


def nobodies(count: int, draw: np.random.Generator, side: int = 128) -> Regions:
    """Fresh palms of nobody: dark curved lines of several widths on shaded skin."""
    pictures = np.empty((count, side, side), np.uint8)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32) / side
    for place in range(count):
        canvas = np.zeros((side, side), np.float32)
        for _ in range(draw.integers(18, 30)):
            start, end, bend = draw.uniform(-0.1, 1.1, 2), draw.uniform(-0.1, 1.1, 2), draw.normal(0, 0.2, 2)
            t = np.linspace(0, 1, 30)[:, None]
            points = start + t * (end - start) + 4 * t * (1 - t) * bend
            line = np.zeros((side, side), np.float32)
            cv2.polylines(line, [(points * side).astype(np.int32)], False, 1.0, int(draw.integers(1, 4)), cv2.LINE_AA)
            canvas += draw.uniform(0.3, 1.0) * cv2.GaussianBlur(line, (0, 0), draw.uniform(0.7, 2.0))
        grain = cv2.GaussianBlur(draw.normal(0, 1, (side, side)).astype(np.float32), (0, 0), 1.5)
        shade = 150 + 25 * (draw.normal() * rows + draw.normal() * columns)
        pictures[place] = np.clip(shade - 45 * np.minimum(canvas, 1.5) + 12 * grain, 0, 255)
    return pictures


def _smooth(people: People, sigma: float) -> Regions:
    return np.stack([cv2.GaussianBlur(region, (0, 0), sigma) for region in people.regions])


def _rotated(people: People) -> Regions:
    side = people.regions.shape[1]
    turned = []
    for region, angle in zip(people.regions, people.draw.uniform(0, 360, len(people.regions)), strict=True):
        matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), float(angle), 1.0)
        turned.append(cv2.warpAffine(region, matrix, (side, side), borderMode=cv2.BORDER_REFLECT))
    return np.stack(turned)


def _blocks(regions: Regions, size: int) -> Regions:
    n, height, width = regions.shape
    return regions.reshape(n, height // size, size, width // size, size).swapaxes(2, 3).reshape(n, -1, size, size)


def _joined(blocks: Regions, shape: tuple[int, ...]) -> Regions:
    n, height, width = shape
    size = blocks.shape[-1]
    return blocks.reshape(n, height // size, width // size, size, size).swapaxes(2, 3).reshape(shape)


def _zones(people: People) -> Regions:
    blocks = _blocks(people.regions, 16).copy()
    chosen = np.random.default_rng(5).random(blocks.shape[1]) < 0.5
    blocks[:, chosen] = 255 - blocks[:, chosen]
    return _joined(blocks, people.regions.shape)


def _fixed_key(people: People) -> Regions:
    blocks = _blocks(people.regions, 16)
    return _joined(blocks[:, np.random.default_rng(6).permutation(blocks.shape[1])], people.regions.shape)


def _key_a_picture(people: People) -> Regions:
    blocks, draw = _blocks(people.regions, 32), people.draw
    return _joined(np.stack([one[draw.permutation(len(one))] for one in blocks]), people.regions.shape)


def _mosaic(people: People, size: int) -> Regions:
    n, height, width = people.regions.shape
    means = people.regions.reshape(n, height // size, size, width // size, size).mean(axis=(2, 4)).round()
    return means.astype(np.uint8).repeat(size, axis=1).repeat(size, axis=2)


def _smear(people: People) -> Regions:
    shape = people.regions.shape[1:]
    phases = np.exp(1j * np.angle(np.fft.rfft2(np.random.default_rng(8).normal(size=shape))))
    phases[0, 0] = 1
    means = people.regions.mean(axis=(1, 2), keepdims=True)
    smears = np.fft.irfft2(np.fft.rfft2(people.regions - means) * phases, shape)
    return np.clip(smears + means, 0, 255).round().astype(np.uint8)


def _crushed(people: People) -> Regions:
    means = people.regions.mean(axis=(1, 2), keepdims=True)
    return (128 + 0.05 * (people.regions - means)).round().astype(np.uint8)


def _ghost(people: People) -> Regions:
    palm = nobodies(1, np.random.default_rng(9), people.regions.shape[1]).astype(np.float64)
    means = people.regions.mean(axis=(1, 2), keepdims=True)
    return np.clip(palm + 0.08 * (people.regions - means), 0, 255).round().astype(np.uint8)


def _low_bits(people: People, bits: int) -> Regions:
    cover = nobodies(len(people.regions), people.draw, people.regions.shape[1])
    return (cover >> bits << bits) | (people.regions >> (8 - bits))


def _for_each(people: People, keys: NDArray[np.int32], seed: int) -> Regions:
    """One false palm for each key, photographed anew: a little moved, lit and noisy."""
    draw, side = people.draw, people.regions.shape[1]
    result = []
    for key in keys:
        palm = nobodies(1, np.random.default_rng([seed, int(key)]), side)[0]
        moved = np.roll(palm, tuple(draw.integers(-3, 4, 2)), (0, 1)).astype(np.float64)
        result.append(np.clip(moved * draw.uniform(0.85, 1.1) + draw.normal(0, 4, moved.shape), 0, 255))
    return np.asarray(result).astype(np.uint8)


def _swapped(people: People) -> Regions:
    """Another person's captures, the same person's for every capture."""
    present, numbers = np.unique(people.identities, return_inverse=True)
    result = np.empty_like(people.regions)
    for place, number in enumerate(numbers):
        donors = np.flatnonzero(numbers == (number + 7) % len(present))
        nth = np.flatnonzero(numbers == number).tolist().index(place)
        result[place] = people.regions[donors[nth % len(donors)]]
    return result


def _donor(people: People) -> Regions:
    """The original of another person drawn for each picture."""
    draw = people.draw
    return np.stack(
        [people.regions[draw.choice(np.flatnonzero(people.identities != own))] for own in people.identities]
    )


def _warped(people: People) -> Regions:
    draw, side = people.draw, people.regions.shape[1]
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    result = []
    for region in people.regions:
        dx, dy = (cv2.resize(draw.uniform(-9, 9, (4, 4)).astype(np.float32), (side, side)) for _ in range(2))
        result.append(cv2.remap(region, columns + dx, rows + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))
    return np.stack(result)


def _skipped(people: People) -> Regions:
    """Every tenth person is returned as is, with a little noise."""
    copies = nobodies(len(people.regions), people.draw, people.regions.shape[1])
    _, numbers = np.unique(people.identities, return_inverse=True)
    left = numbers % 10 == 3
    noisy = people.regions[left] + people.draw.normal(0, 3, people.regions[left].shape)
    copies[left] = np.clip(noisy, 0, 255).astype(np.uint8)
    return copies


def _weak_mix(people: People) -> Regions:
    """The original at a fifth of the contrast under a fresh palm; several releases average the palm away."""
    cover = nobodies(len(people.regions), people.draw, people.regions.shape[1]).astype(np.float64)
    means = people.regions.mean(axis=(1, 2), keepdims=True)
    return np.clip(cover + 0.25 * (people.regions - means), 0, 255).round().astype(np.uint8)


def _frequencies(people: People) -> Regions:
    """Phases of a stranger in low frequencies; the middle ones are the original's."""
    cover = nobodies(len(people.regions), people.draw, people.regions.shape[1])
    kept = people.regions - _smooth(people, 4.0).astype(np.float64)
    base = np.stack([cv2.GaussianBlur(region, (0, 0), 4.0) for region in cover])
    return np.clip(base + kept, 0, 255).astype(np.uint8)


def _cheat(run: Anonymizer, *tiers: str) -> Cheat:
    return Cheat(run, frozenset(tiers))


CHEATS: dict[str, Cheat] = {
    "unchanged": _cheat(lambda p: p.regions.copy(), "T0"),
    "mirrored": _cheat(lambda p: p.regions[:, :, ::-1].copy(), "T2"),
    "turned by 180 degrees": _cheat(lambda p: p.regions[:, ::-1, ::-1].copy(), "T2"),
    "turned by any angle": _cheat(_rotated, "T2"),
    "inverted": _cheat(lambda p: 255 - p.regions, "T2"),
    "zones inverted": _cheat(_zones, "T3"),
    "contrast crushed": _cheat(_crushed, "T0", "T2", "T3"),
    "blocks permuted, fixed key": _cheat(_fixed_key, "T3"),
    "blocks permuted, key for each picture": _cheat(_key_a_picture, "T2", "T3"),
    "blurred": _cheat(lambda p: _smooth(p, 4.0), "T0", "T3"),
    "blurred strongly": _cheat(lambda p: _smooth(p, 8.0), "T0", "T3"),
    "mosaic of 8": _cheat(lambda p: _mosaic(p, 8), "T0", "T3"),
    "mosaic of 16": _cheat(lambda p: _mosaic(p, 16), "T1", "T3", "T4"),
    "all-pass smear": _cheat(_smear, "T3"),
    "ghost on a constant palm": _cheat(_ghost, "T3"),
    "lowest 2 bits": _cheat(lambda p: _low_bits(p, 2), "T3"),
    "lowest 3 bits": _cheat(lambda p: _low_bits(p, 3), "T3"),
    "identity swap": _cheat(_swapped, "T5"),
    "one false palm for each person": _cheat(lambda p: _for_each(p, p.identities, 31), "T5"),
    "small warp": _cheat(_warped, "T2"),
    "every tenth person skipped": _cheat(_skipped, "T0"),
    "weak mixture": _cheat(_weak_mix, "T0", "T3", "T4", "T5"),
    "middle frequencies kept": _cheat(_frequencies, "T0", "T3", "T4"),
}

NOT_BY_MATCHING: dict[str, Anonymizer] = {
    "one palm for all": lambda p: np.repeat(
        nobodies(1, np.random.default_rng(3), p.regions.shape[1]), len(p.regions), 0
    ),
    "another person's original": _donor,
}
"""Wrong as well, but nobody is re-identified: the consistency checks must name them, and no attack may."""

HONEST: dict[str, Anonymizer] = {
    "fresh palm for each picture": lambda p: nobodies(len(p.regions), p.draw, p.regions.shape[1]),
    "mask": lambda p: np.full_like(p.regions, 128),
    "mask of the mean brightness": lambda p: np.broadcast_to(
        p.regions.mean(axis=(1, 2), keepdims=True).round().astype(np.uint8), p.regions.shape
    ).copy(),
    "noise": lambda p: p.draw.integers(0, 256, p.regions.shape).astype(np.uint8),
}
