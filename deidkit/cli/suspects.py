"""Finds probably wrong identity labels of a data set, for ``deidkit datasets check --recognizer``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deidkit.errors import SampleError, UsageError

if TYPE_CHECKING:
    from deidkit.hand import AnalyzedImage
    from deidkit.progress import Progress
    from deidkit.protocols import Dataset, GreyImage, Sample


@dataclass(frozen=True)
class Suspect:
    """Two samples of different identities that are more alike than half of the genuine pairs.

    Attributes:
        closer: Share, 0..1, of the comparisons between the two identities that are as suspicious.
    """

    keys: tuple[str, str]
    distance: float
    closer: float


@dataclass(frozen=True)
class Suspects:
    """Result of a comparison of all samples.

    Attributes:
        pairs: The closest samples of each suspicious pair of identities, most suspicious first.
        without_template: Number of samples without a template.
    """

    pairs: list[Suspect]
    without_template: int


def find_suspects(dataset: Dataset, samples: Sequence[Sample], recognizer: str, progress: Progress) -> Suspects:
    """Compare all samples with a recognizer.

    Raises:
        UsageError: No two templates are of one identity, or the recognizer does not distinguish people.
    """
    from deidkit import plugins
    from deidkit.comparison import Templates, compare_all, suspect_pairs
    from deidkit.hand import ready_roi
    from deidkit.pipeline import build_analysis
    from deidkit.pipeline.matching import extracted

    loaded = plugins.create("recognizer", recognizer, note=progress.note)
    matcher, component = loaded
    analysis = build_analysis(note=progress.note).analysis
    made: list[np.ndarray] = []
    used: list[Sample] = []
    with progress.stage(f"templates of {component.label}", len(samples)) as stage:
        for sample in samples:
            try:
                pixels = dataset.read(sample)
                picture: AnalyzedImage | GreyImage
                if matcher.input == "roi" and sample.kind == "roi":
                    picture = ready_roi(pixels)
                else:
                    image = analysis.image(sample, pixels)
                    picture = image if matcher.input == "hand" else analysis.roi(image)
                made.append(extracted(loaded, picture))
                used.append(sample)
            except SampleError:
                pass  # counted below
            stage.advance()
    numbers = _numbered([sample.identity for sample in used])
    counted = np.bincount(numbers) if used else np.zeros(0)
    if counted.size < 2 or counted.max() < 2:
        raise UsageError("no two samples of one identity gave a template, so nothing can be said about labels.")
    templates = Templates(
        np.concatenate(made), numbers, _numbered([s.subject for s in used]), np.arange(len(used), dtype=np.int32)
    )
    genuine = compare_all(matcher, templates, identify=False, progress=progress).same_identity.distribution()
    median = float(np.interp(0.5, np.cumsum(genuine.weights) / genuine.total, genuine.values))
    pairs = [
        Suspect((used[p.rows[0]].key, used[p.rows[1]].key), p.distance, p.closer / p.comparisons)
        for p in suspect_pairs(matcher, templates, median)
    ]
    return Suspects(pairs, len(samples) - len(used))


def _numbered(names: Sequence[str]) -> np.ndarray:
    return np.unique(np.asarray(names, dtype=str), return_inverse=True)[1].astype(np.int32)
