"""The built-in data set of generated hands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

from deidkit.errors import SampleError
from deidkit.protocols import Handedness, Image, Sample, option
from deidkit.synthesis import SMALLEST, VERSION, HandGenerator, HandIdentity, HandTruth, SyntheticHand

Hands = Literal["one", "both", "left", "right"]

_KEY = re.compile(r"s(\d{4,})_([lr])_(\d+)", re.ASCII)
_SIDES: dict[str, Handedness] = {"l": "left", "r": "right"}


@dataclass(frozen=True)
class Synthetic:
    """Procedural pictures of whole hands, drawn when they are read.

    A sample ``s0001_l_2`` is the second picture of subject 1's left hand. It does not change when more subjects or
    pictures are asked for. Seed 0 is the audit's default: recognizers trained on drawn hands must have seen other
    seeds only, or they are tested on what they were trained on.
    """

    subjects: int = option(30, "How many people", minimum=1, primary=True)
    pictures: int = option(4, "Pictures of each hand", minimum=1)
    seed: int = option(0, "Which population: two seeds have no hand in common", minimum=0)
    hands: Hands = option("one", "Hands of each person: one (odd numbers left, even right), both, left or right")
    width: int = option(600, "Width of a picture in pixels", minimum=SMALLEST)
    height: int = option(800, "Height of a picture in pixels", minimum=SMALLEST)

    version: ClassVar[str] = VERSION
    licence: ClassVar[str] = "none needed, the hands are nobody's"

    @property
    def description(self) -> str:
        """Description of the data for model cards of networks trained on it."""
        return f"procedural palms (drawn hands of nobody, seed {self.seed})"

    def samples(self) -> Iterable[Sample]:
        """Iterate over all samples, subject by subject."""
        for subject in range(1, self.subjects + 1):
            yield from self.samples_of(subject)

    def samples_of(self, subject: int) -> Iterator[Sample]:
        """Iterate over the samples of one subject; subjects are numbered from 1."""
        for hand in hands_of(self.hands, subject):
            for number in range(1, self.pictures + 1):
                yield Sample(f"s{subject:04d}_{hand[0]}_{number}", f"s{subject:04d}", hand)

    def read(self, sample: Sample) -> Image:
        """(height, width, 3) uint8. Raises SampleError for a sample that is not of this data set."""
        subject, hand, number = self._numbers(sample)
        return self.generator.picture(_identity(self.generator, subject, hand), number)

    def truth(self, sample: Sample) -> SyntheticHand:
        """Generate a sample with keypoints, mask and ROI. Raises SampleError for a sample of another data set."""
        subject, hand, number = self._numbers(sample)
        return self.generator.sample(_identity(self.generator, subject, hand), number)

    def positions(self, sample: Sample) -> HandTruth:
        """Compute a sample's keypoints and ROI without rendering it.

        Raises:
            SampleError: The sample is not of this data set.
        """
        subject, hand, number = self._numbers(sample)
        return self.generator.truth(_identity(self.generator, subject, hand), number)

    def digest(self, sample: Sample) -> str:
        """SHA-256, in hex, of the generator's version, seed and size and the sample's numbers."""
        subject, hand, number = self._numbers(sample)
        g = self.generator
        recipe = f"deidkit.synthesis {VERSION} {g.seed} {g.width}x{g.height} {subject} {hand} {number}"
        return hashlib.sha256(recipe.encode()).hexdigest()

    @property
    def generator(self) -> HandGenerator:
        """The generator of the hands."""
        return HandGenerator(self.seed, self.width, self.height)

    def _numbers(self, sample: Sample) -> tuple[int, Handedness, int]:
        match = _KEY.fullmatch(sample.key)
        if match:
            subject, hand, number = int(match[1]), _SIDES[match[2]], int(match[3])
            known = 1 <= subject <= self.subjects and 1 <= number <= self.pictures
            if known and hand in hands_of(self.hands, subject):
                return subject, hand, number
        raise SampleError("not a sample of this synthetic data set")


def hands_of(hands: Hands, subject: int) -> tuple[Handedness, ...]:
    """Hands of a subject that belong to the data set."""
    if hands == "both":
        return ("left", "right")
    if hands == "one":
        return ("left" if subject % 2 else "right",)
    return (hands,)


@lru_cache(maxsize=4)
def _identity(generator: HandGenerator, subject: int, hand: Handedness) -> HandIdentity:
    """Cache of recent hands, as reading is mostly sequential and a hand costs as much as two of its pictures."""
    return generator.identity(subject, hand)
