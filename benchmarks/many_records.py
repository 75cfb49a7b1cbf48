"""An audit of very many people but for its pictures: python benchmarks/many_records.py [OPTIONS].

What stages would find is made up for 10,000 subjects x 5 samples unless told otherwise: MTCC templates, those of a
person alike, fingerprints, and copies that are their originals, as `identity` makes them. All else, from the workspace
to the report, is the program's own: this is its memory, and the time that does not depend on pictures. Other options go
to `deidkit audit`: --sample-pairs 30000000, --db, --output, --resume.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator

import harness

# isort: split
import numpy as np

from deidkit.cli import main
from deidkit.datasets.synthetic import Synthetic
from deidkit.leakage import LENGTH, CopyRecord
from deidkit.pipeline import stages_of_copies, stages_of_originals
from deidkit.pipeline.batch_work import BatchWork
from deidkit.pipeline.records import (
    CopiesRecord,
    CopyEntry,
    CopyExamination,
    ExaminationRecord,
    OriginalsRecord,
    TemplatesRecord,
    ThumbnailsRecord,
)
from deidkit.pipeline.workspace import key_of
from deidkit.protocols import Sample

SAMPLES = 5
WORDS = 192
"""Of an MTCC template, preset A."""

LEAK = CopyRecord(changes=("unchanged",), size=None, turn=None, geometry="in place", detail=1.0, found=1.0, chance=0.6)
QUALITY = {"ssim": 1.0, "ssim_inside": 1.0, "ms_ssim": 1.0} | dict.fromkeys(
    ("ssim_outside", "psnr", "psnr_inside", "psnr_outside")
)


def samples(dataset: Synthetic) -> Iterator[Sample]:
    for person in range(dataset.subjects):
        for number in range(SAMPLES):
            yield Sample(f"s{person:05d}_{number}", f"s{person:05d}", kind="roi")


def digest(dataset: Synthetic, sample: Sample) -> str:
    return hashlib.sha256(sample.key.encode()).hexdigest()


def templates(work: BatchWork, salt: int) -> TemplatesRecord:
    """An eighth of the bits differs from the person's."""

    def words(*seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 2**64, WORDS, dtype=np.uint64)

    numbers = list(work.batch.numbers)
    found = [words(n // SAMPLES) ^ (words(n, salt, 1) & words(n, salt, 2) & words(n, salt, 3)) for n in numbers]
    return TemplatesRecord(templates=np.stack(found), numbers=numbers, seeds=[0] * len(numbers))


def prints(work: BatchWork, salt: int) -> np.ndarray:
    rng = np.random.default_rng([work.position, salt])
    return rng.integers(0, 256, (len(work.batch.numbers), LENGTH), dtype=np.uint8)


def originals(stage: object, work: BatchWork) -> OriginalsRecord:
    batch = work.batch
    return OriginalsRecord(
        unreadable=[],
        numbers=list(batch.numbers),
        pixel_hashes=list(batch.digests),
        fingerprints=prints(work, 0),
        hands=[1] * len(batch.numbers),
        backs=0,
    )


def copies(stage: object, work: BatchWork) -> CopiesRecord:
    entries = [CopyEntry(n, 0, d) for n, d in zip(work.batch.numbers, work.batch.digests, strict=True)]
    return CopiesRecord(copies=entries, failures=[], seconds=0.1)


def examined(stage: object, work: BatchWork) -> ExaminationRecord:
    found = [
        CopyExamination(
            number=number,
            seed=0,
            sha256=sha,
            leak=LEAK,
            untreated_hands=0,
            unchanged_share=1.0,
            quality=dict(QUALITY),
            usability=None,
        )
        for number, sha in zip(work.batch.numbers, work.batch.digests, strict=True)
    ]
    return ExaminationRecord(copies=found, fingerprints=prints(work, 1))


def key(stage: object, name: str, work: BatchWork, *further: object) -> str:
    return key_of(name, work.batch.contents, *further)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="An audit of very many people but for its pictures.",
        epilog="Other options go to deidkit audit.",
        allow_abbrev=False,
    )
    parser.add_argument("--subjects", type=int, default=10_000, help="10000 by default")
    chosen, options = parser.parse_known_args()
    Synthetic.samples, Synthetic.digest = samples, digest  # type: ignore[method-assign, assignment]
    stages_of_originals.Originals.make = originals  # type: ignore[method-assign, assignment]
    stages_of_originals.OriginalTemplates.make = lambda stage, work: templates(work, 0)  # type: ignore[method-assign]
    stages_of_copies.Copies.make = copies  # type: ignore[method-assign, assignment]
    stages_of_copies.CopyTemplates.make = lambda stage, work: templates(work, 1)  # type: ignore[method-assign]
    stages_of_copies.Examinations.make = examined  # type: ignore[method-assign, assignment]
    stages_of_copies.Thumbnails.make = lambda stage, work: ThumbnailsRecord(thumbnails=[])  # type: ignore[method-assign]
    stages_of_copies._OfCopies._key = key  # type: ignore[method-assign, assignment]
    dataset = f"synthetic:{chosen.subjects}"
    given = ["--dataset", dataset, "--engine", "identity", "--recognizer", "mtcc", "--attack", "none"]
    try:
        main(["audit", *given, *options])
    finally:
        print(f"{harness.peak_megabytes():.0f} MB at most", file=sys.stderr)
