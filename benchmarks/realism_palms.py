"""Palm regions of real pictures, of an engine's copies and of controls, cut into patches."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from realism_features import features_of

from deidkit import plugins
from deidkit.errors import SampleError, UsageError
from deidkit.hand import AnalyzedImage, HandAnalysis
from deidkit.pipeline import build_analysis, open_dataset
from deidkit.protocols import Failure, Image

ANOTHERS = "another's palm"
HALVINGS = 10
LIGHT = 0.2
"""Standard deviation, in regions, of the average that is a hand's own light and colour under another's palm."""

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Palms:
    """Palm regions of one making, in patches.

    Attributes:
        people: (n,) whose picture each comes from.
        patches: (n, k, patch, patch, 3) RGB, 0..255, not rounded.
        values: (n, k, features) what a discriminator without a network sees of them.
    """

    people: NDArray[np.int64]
    patches: Pixels
    values: NDArray[np.float64]

    def of_people(self, names: dict[int, int]) -> Palms:
        """Those of some people, under other names."""
        kept = self.rows([row for row, person in enumerate(self.people) if int(person) in names])
        return Palms(np.array([names[int(person)] for person in kept.people]), kept.patches, kept.values)

    def rows(self, which: Sequence[int]) -> Palms:
        """Some of them."""
        rows = np.array(which, np.int64)
        return Palms(self.people[rows], self.patches[rows], self.values[rows])


@dataclass(frozen=True)
class Collected:
    """What data sets gave.

    Attributes:
        real: The originals.
        trials: Real and made palms: of each engine, and of another's palm.
        names: ``group: what`` of each feature.
        failures: What was left out, and why.
    """

    real: Palms
    trials: dict[str, tuple[Palms, Palms]]
    names: tuple[str, ...]
    failures: Counter[str]


class _Regions:
    """Regions as they come."""

    def __init__(self) -> None:
        self.pixels: list[Pixels] = []
        self.people: list[int] = []

    def add(self, region: Pixels, person: int) -> None:
        self.pixels.append(region)
        self.people.append(person)


def collect(datasets: Sequence[str], engines: Sequence[str], copies: int, side: int, patch: int) -> Collected:
    """Cut the palm regions out of all pictures, and out of all copies at the same place.

    Args:
        datasets: As an audit takes them.
        engines: As an audit takes them.
        copies: Of each picture, by engines that can make several.
        side: Of a region in pixels.
        patch: Of a patch in pixels.
    """
    analysis, _ = build_analysis()
    loaded = {name: plugins.create("engine", name).plugin for name in engines}
    real, made = _Regions(), {name: _Regions() for name in engines}
    failures: Counter[str] = Counter()
    people: dict[str, int] = {}
    for choice in datasets:
        dataset = open_dataset(choice, print).plugin
        for sample in dataset.samples():
            person = people.setdefault(f"{choice} {sample.subject}", len(people))
            try:
                image = analysis.image(sample, dataset.read(sample))
                real.add(_region(analysis, image, image.pixels, side), person)
            except SampleError as error:
                failures[f"original: {error}"] += 1
                continue
            for name, engine in loaded.items():
                for copy in engine.deidentify([image], list(range(copies if engine.diverse else 1)))[0]:
                    if isinstance(copy, Failure):
                        failures[f"{name}: {copy.reason}"] += 1
                    else:
                        made[name].add(_region(analysis, image, copy, side), person)
    if len(set(real.people)) < 4:
        raise UsageError(f"palms of {len(set(real.people))} people were found, and 4 are needed; name more data sets.")
    originals, names = _in_patches(real, patch)
    described = {name: (originals, _in_patches(regions, patch)[0]) for name, regions in made.items() if regions.pixels}
    return Collected(originals, {ANOTHERS: _anothers(real, originals, patch), **described}, names, failures)


def _region(analysis: HandAnalysis, placed_by: AnalyzedImage, pixels: Image, side: int) -> Pixels:
    """What recognizers cut out, of the place where the original's region is, larger than they do and not rounded.

    Rounding once more, as another's palm would be, could be told by the finest noise.
    """
    analysis.roi_placed_as(placed_by, placed_by)  # refuses what they refuse
    corners = analysis.corners(placed_by)
    samples = max(1, math.ceil(float(np.linalg.norm(corners[1] - corners[0])) / side))
    fine = side * samples
    target = np.array([[0, 0], [fine, 0], [fine, fine], [0, fine]], np.float32)
    transform = cv2.getPerspectiveTransform(corners - np.float32(0.5), target - np.float32(0.5))
    warped = cv2.warpPerspective(pixels.astype(np.float32), transform, (fine, fine), flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(warped, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _in_patches(regions: _Regions, patch: int) -> tuple[Palms, tuple[str, ...]]:
    pixels = np.stack(regions.pixels)
    count = pixels.shape[1] // patch
    whole = pixels[:, : count * patch, : count * patch].reshape(-1, count, patch, count, patch, 3)
    patches = np.ascontiguousarray(whole.swapaxes(2, 3)).reshape(-1, patch, patch, 3)
    values, names = features_of(patches)
    grid = (len(pixels), count * count)
    palms = Palms(np.array(regions.people), patches.reshape(*grid, patch, patch, 3), values.reshape(*grid, -1))
    return palms, names


def _anothers(real: _Regions, originals: Palms, patch: int) -> tuple[Palms, Palms]:
    """Another real person's palm, all that is finer than light and colour, in each palm's own light and colour.

    People lend each other their palms in twos, one three where they are odd, who pass for one: nobody's palm is judged
    by what has learned from it.
    """
    people = np.random.default_rng(0).permutation(np.unique(real.people))
    circles = np.array_split(people, len(people) // 2)
    passes_for = {int(person): number for number, circle in enumerate(circles) for person in circle}
    lender = {int(a): int(b) for circle in circles for a, b in zip(circle, np.roll(circle, 1), strict=True)}
    laid = _Regions()
    used: Counter[int] = Counter()
    for region, person in zip(real.pixels, real.people, strict=True):
        own = [pixels for pixels, owner in zip(real.pixels, real.people, strict=True) if owner == lender[person]]
        laid.add(_laid_in(region, own[used[person] % len(own)]), person)
        used[person] += 1
    return originals.of_people(passes_for), _in_patches(laid, patch)[0].of_people(passes_for)


def _laid_in(region: Pixels, other: Pixels) -> Pixels:
    own, relief = (np.log(pixels.astype(np.float64) + 8) for pixels in (region, other))
    low = [cv2.GaussianBlur(p, (0, 0), LIGHT * len(region), borderType=cv2.BORDER_REFLECT) for p in (own, relief)]
    return np.asarray(np.clip(np.exp(low[0] + relief - low[1]) - 8, 0, 255), np.float32)


def halves_of_people(real: Palms) -> Iterator[tuple[Palms, Palms]]:
    """Palms of some people and of as many others, at random; two and two pass for one and are left out together."""
    people = np.unique(real.people)
    for seed in range(HALVINGS):
        pairs = np.random.default_rng(seed).permutation(people)[: len(people) // 2 * 2].reshape(-1, 2)
        one, other = ({int(person): n for n, person in enumerate(half)} for half in pairs.T)
        yield real.of_people(one), real.of_people(other)


def halves_of_pictures(real: Palms) -> Iterator[tuple[Palms, Palms]]:
    """Some palms of each person and as many others, at random; nothing where only one person has several."""
    for seed in range(HALVINGS):
        rng = np.random.default_rng(seed)
        one: list[int] = []
        other: list[int] = []
        for person in np.unique(real.people):
            own = rng.permutation(np.flatnonzero(real.people == person))
            half = len(own) // 2
            one += list(own[:half])
            other += list(own[half : 2 * half])
        if len(np.unique(real.people[one])) > 1:  # a judge learns on some and is asked about others
            yield real.rows(one), real.rows(other)
