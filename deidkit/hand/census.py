"""Statistics of the hands in a data set: how many per picture, and which side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from deidkit.errors import SampleError
from deidkit.hand.detected_hands import DetectedHands
from deidkit.processors import available
from deidkit.progress import Progress
from deidkit.protocols import Dataset, HandAnalyzer, Sample

CUT_OUT = " If they are palm regions that were cut out, say kind=roi, e.g. --dataset numbered:PATH,kind=roi."


@dataclass(frozen=True)
class HandCensus:
    """Hands found in pictures of whole hands.

    Attributes:
        hands_per_picture: Number of hands -> number of pictures.
        sides: ``palm``, ``back`` or ``not known`` -> number of hands.
        unread: Number of pictures with a palm whose keypoints could not be placed.
        failures: Reason for a failed detection -> number of pictures.
    """

    hands_per_picture: dict[int, int] = field(default_factory=dict)
    sides: dict[str, int] = field(default_factory=dict)
    unread: int = 0
    failures: dict[str, int] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """One sentence for each result that matters to an audit of palms."""
        pictures, hands = sum(self.hands_per_picture.values()), sum(self.sides.values())
        none = self.hands_per_picture.get(0, 0)
        several = sum(count for number, count in self.hands_per_picture.items() if number > 1)
        backs, unknown = self.sides.get("back", 0), self.sides.get("not known", 0)
        notes = []
        if none:
            notes.append(f"no hand was found in {none} of {pictures} pictures.{CUT_OUT if 2 * none > pictures else ''}")
        if several:
            notes.append(f"{several} of {pictures} pictures show several hands; all are de-identified.")
        if self.unread:
            notes.append(
                f"{self.unread} of {pictures} pictures show a palm on which no keypoints can be placed; they fail."
            )
        if backs:
            notes.append(f"{backs} of {hands} hands show the back; exclude their pictures, for a back has no palm.")
        if unknown:
            notes.append(f"{unknown} of {hands} hands may show palm or back; they are taken for palms.")
        return notes + [f"hands were not counted in {count} pictures: {why}." for why, count in self.failures.items()]


def count_hands(dataset: Dataset, samples: Sequence[Sample], analyzer: HandAnalyzer, progress: Progress) -> HandCensus:
    """Detect hands in every picture of a whole hand; ROIs are skipped."""
    hand_samples = [sample for sample in samples if sample.kind == "hand"]
    with progress.stage("looking for hands", len(hand_samples)) as stage, ThreadPoolExecutor(available()) as pool:

        def look(sample: Sample) -> DetectedHands | str:
            try:
                hands = analyzer.detect(dataset.read(sample))
                return hands if isinstance(hands, DetectedHands) else DetectedHands(hands)
            except SampleError as error:
                return str(error)
            finally:
                stage.advance()

        answers = list(pool.map(look, hand_samples))
    found = [answer for answer in answers if isinstance(answer, DetectedHands)]
    return HandCensus(
        hands_per_picture=dict(sorted(Counter(map(len, found)).items())),
        sides=dict(Counter(hand.side or "not known" for hands in found for hand in hands).most_common()),
        unread=sum(hands.unread > 0 for hands in found),
        failures=dict(Counter(answer for answer in answers if isinstance(answer, str)).most_common()),
    )
