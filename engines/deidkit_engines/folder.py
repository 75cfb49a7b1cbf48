"""A third party's finished pictures: nothing is run, everything is checked."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from deidkit.errors import SampleError, UsageError
from deidkit.findings import AMBIGUOUS, DAMAGED, EXTRA, METADATA, MISSING, FindingType
from deidkit.images import metadata_findings, read_image
from deidkit.protocols import Failure, HandImage, Image, Sample, option
from deidkit.result import CoverageFinding
from deidkit_engines.matching import Copies, Groups, grouped_by_manifest, grouped_by_name, match, pictures

NO_COPY = "no de-identified picture in the folder"
FEWER = "the folder holds fewer copies than seeds were asked for"
NAMES_UNCLEAR = "the names in the folder do not tell which picture belongs to which original; a manifest does"


@dataclass(frozen=True)
class Folder:
    """Takes finished pictures from a folder.

    A picture belongs to the original of the same relative path or name, or of the name before ``_de-id``;
    ``_de-id_1``, ``_de-id_2`` ... are several copies of one original and stand in for seeds. A manifest, a CSV with the
    columns ``original`` and ``deidentified``, says it in so many words instead.
    """

    path: Path = option(help="Folder with the finished pictures", primary=True)
    manifest: Path | None = option(
        None, "CSV with the columns original and deidentified, the latter relative to the folder"
    )
    _matched: dict[str, Copies] = field(default_factory=dict, init=False, repr=False, compare=False)

    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = True
    batch_size: ClassVar[int] = 8
    thread_safe: ClassVar[bool] = True
    control: ClassVar[bool] = False
    any_size: ClassVar[bool] = True

    @property
    def diverse(self) -> bool:
        """Whether any original has more than one copy."""
        return any(len(files) > 1 for files in self._groups.values())

    def prepare(self, note: Callable[[str], None] | None = None) -> None:
        """Look at the folder before anything else is done.

        Raises:
            UsageError: There is no such folder, no picture in it, or the manifest cannot be used.
        """
        if not self.path.is_dir():
            raise UsageError(f"engine 'folder': {self.path} is not a folder.")
        if not self._files:
            raise UsageError(f"engine 'folder': there is no picture in {self.path}.")
        if not self._groups:
            raise UsageError(f"engine 'folder': the manifest {self.manifest} lists no picture that is there.")

    def expect(self, samples: Sequence[Sample]) -> None:
        """Learn all samples there are, so that a name which fits two of them is taken for neither."""
        self._matched.update(self._match(samples))

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """The finished copies of each picture, of any size: the first for seed 0, the second for seed 1, and so on."""
        return [[self._copy(image, seed) for seed in seeds] for image in images]

    def input_digest(self, sample: Sample) -> str:
        """SHA-256 of the sample's copies, so that new pictures in the folder are not taken for the old."""
        digest = hashlib.sha256()
        for file in self._of(sample).files:
            digest.update(file.name.encode() + b"\0" + _bytes(file))
        return digest.hexdigest()

    def coverage(self, samples: Sequence[Sample]) -> list[CoverageFinding]:
        """What the folder lacks, has too much of, or gives away beside the pixels.

        Args:
            samples: Every sample that is audited.
        """
        matched = self._match(samples)
        counts: Counter[FindingType] = Counter()
        for copies in matched.values():
            counts[AMBIGUOUS] += copies.ambiguous
            counts[MISSING] += not copies.files and not copies.ambiguous
        used = {file for copies in matched.values() for file in copies.files}
        counts[EXTRA] = len(set(self._files) - used)
        carried: Counter[str] = Counter()
        for file in sorted(used):
            try:
                carried.update(metadata_findings(file))
            except SampleError:
                counts[DAMAGED] += 1
        found = [kind.found(count) for kind, count in counts.items() if count]
        return found + [METADATA.found(count, detail) for detail, count in sorted(carried.items())]

    def _copy(self, image: HandImage, seed: int) -> Image | Failure:
        copies = self._of(image.sample)
        if not 0 <= seed < len(copies.files):
            return Failure("engine", NAMES_UNCLEAR if copies.ambiguous else FEWER if copies.files else NO_COPY)
        try:
            return read_image(copies.files[seed])
        except SampleError as error:
            return Failure("engine", f"the de-identified picture cannot be read: {error}")

    def _of(self, sample: Sample) -> Copies:
        known = self._matched.get(sample.key)
        return known if known is not None else self._match([sample])[sample.key]

    def _match(self, samples: Sequence[Sample]) -> dict[str, Copies]:
        return match(samples, self._groups, by_manifest=self.manifest is not None)

    @cached_property
    def _files(self) -> list[Path]:
        return pictures(self.path)

    @cached_property
    def _groups(self) -> Groups:
        if self.manifest is not None:
            return grouped_by_manifest(self.manifest, self.path)
        return grouped_by_name(self._files, self.path)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""  # reading it fails again where that is counted
