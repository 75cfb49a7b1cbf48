"""The engine `folder`: pictures that a third party has already de-identified."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from deidkit.errors import SampleError, UsageError
from deidkit.findings import AMBIGUOUS, DAMAGED, EXTRA, MISSING, ORIGINAL_BESIDE, OUTSIDE, UNREADABLE, FindingType
from deidkit.images import DAMAGED as DAMAGED_PREFIX
from deidkit.images import decode_image, file_bytes
from deidkit.protocols import Failure, HandImage, Image, Sample, option
from deidkit.result import CoverageFinding
from deidkit_engines.beside import originals_among
from deidkit_engines.matching import (
    Copies,
    Groups,
    Pictures,
    grouped_by_manifest,
    grouped_by_name,
    match,
    mismatch,
    pictures,
)

NO_COPY = "no de-identified picture in the folder"
FEWER = "the folder holds fewer copies than seeds were asked for"
NAMES_UNCLEAR = "the names in the folder do not tell which picture belongs to which original; a manifest does"


@dataclass(frozen=True)
class Folder:
    """Takes finished pictures from a folder.

    A picture belongs to the original of the same relative path or name, or of the name before ``_de-id``;
    ``_de-id_1``, ``_de-id_2`` ... are several copies of one original and stand in for seeds. With ``suffix=_anon``,
    that stands for ``_de-id``. A manifest, a CSV with the columns ``original`` and ``deidentified``, says it in so many
    words instead. Links and names that lead out of the folder are not opened.
    """

    path: Path = option(help="Folder with the finished pictures", primary=True)
    manifest: Path | None = option(
        None, "CSV with the columns original and deidentified, the latter relative to the folder"
    )
    suffix: str = option("", "Suffix that copies add to the names of their originals, instead of _de-id")
    _matched: dict[str, Copies] = field(default_factory=dict, init=False, repr=False, compare=False)

    version: ClassVar[str] = "2"
    deterministic: ClassVar[bool] = True
    thread_safe: ClassVar[bool] = True
    any_size: ClassVar[bool] = True
    finished: ClassVar[bool] = True

    @property
    def diverse(self) -> bool:
        """Whether any original has more than one copy."""
        return any(len(files) > 1 for files in self._groups.values())

    def prepare(self, note: Callable[[str], None] | None = None) -> None:
        """Check the folder before anything else is done.

        Raises:
            UsageError: There is no such folder, no picture in it, or the manifest cannot be used.
        """
        if not self.path.is_dir():
            raise UsageError(f"engine 'folder': {self.path} is not a folder.")
        if not self._pictures.files:
            links = f" but {self._pictures.outside} links, which are not opened" if self._pictures.outside else ""
            raise UsageError(f"engine 'folder': there is no picture in {self.path}{links}.")
        if not self._groups:
            raise UsageError(f"engine 'folder': the manifest {self.manifest} lists no picture that is there.")

    def expect(self, samples: Sequence[Sample]) -> None:
        """Register all samples, so that a name that fits two of them is assigned to neither.

        Raises:
            UsageError: No picture in the folder belongs to any of them, or the data set takes copies for originals; it
                is said before anything is measured.
        """
        self._matched.update(self._match(samples))
        self._refuse_copies_among(samples)
        if samples and not any(copies.files or copies.ambiguous for copies in self._matched.values()):
            raise UsageError(
                f"engine 'folder': no picture in {self.path} belongs to any of the {len(samples)} originals: "
                f"{mismatch(samples, self._groups, by_manifest=self.manifest is not None)}."
            )

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """The finished copies of each picture, of any size: the first for seed 0, the second for seed 1, and so on."""
        return [[self._copy(image, seed) for seed in seeds] for image in images]

    def input_digest(self, sample: Sample) -> str:
        """SHA-256 of the sample's copies, by which changed pictures in the folder are recognized."""
        digest = hashlib.sha256()
        for file in self._of(sample).files:
            digest.update(file.name.encode() + b"\0" + _bytes(file))
        return digest.hexdigest()

    def coverage(self, samples: Sequence[Sample]) -> list[CoverageFinding]:
        """Missing, surplus and damaged copies of all audited samples."""
        matched = self._match(samples)
        counts: Counter[FindingType] = Counter()
        for copies in matched.values():
            counts[AMBIGUOUS] += copies.ambiguous
            counts[MISSING] += not copies.files and not copies.ambiguous
        used = {file for copies in matched.values() for file in copies.files}
        pictures = self._pictures
        counts[EXTRA] = len(set(pictures.files) - used)
        unused = {*pictures.files, *pictures.hidden, *pictures.others} - used
        counts[ORIGINAL_BESIDE] = len(originals_among(sorted(unused), samples))
        counts[OUTSIDE] = self._pictures.outside + self._listed[1]
        for file in sorted(used):
            try:
                decode_image(file_bytes(file))
            except SampleError as error:
                counts[DAMAGED if str(error).startswith(DAMAGED_PREFIX) else UNREADABLE] += 1
        return [kind.found(count) for kind, count in counts.items() if count]

    def delivered_file(self, sample: Sample, seed: int) -> bytes | None:
        """The file of a copy, as the third party delivered it; None where there is none or it cannot be read."""
        files = self._of(sample).files
        try:
            return file_bytes(files[seed]) if 0 <= seed < len(files) else None
        except SampleError:
            return None

    def delivers(self, sample: Sample, seed: int) -> bool:
        """Whether the folder has a file for a copy, readable or not."""
        return 0 <= seed < len(self._of(sample).files)

    def _copy(self, image: HandImage, seed: int) -> Image | Failure:
        copies = self._of(image.sample)
        if not 0 <= seed < len(copies.files):
            return Failure("engine", NAMES_UNCLEAR if copies.ambiguous else FEWER if copies.files else NO_COPY)
        try:
            return decode_image(file_bytes(copies.files[seed]))
        except SampleError as error:
            return Failure("read", str(error))

    def _refuse_copies_among(self, samples: Sequence[Sample]) -> None:
        """Raise where a copy is itself a sample, under another name than its original's."""
        files = {sample.path.resolve(): sample.key for sample in samples if sample.path is not None}
        taken = [
            files[place]
            for key, copies in self._matched.items()
            for place in (file.resolve() for file in copies.files)
            if files.get(place, key) != key
        ]
        if taken:
            raise UsageError(
                f"engine 'folder': {len(taken)} of its pictures lie in the data set, which takes them for originals, "
                f"e.g. {taken[0]}; move {self.path} out of it."
            )

    def _of(self, sample: Sample) -> Copies:
        known = self._matched.get(sample.key)
        return known if known is not None else self._match([sample])[sample.key]

    def _match(self, samples: Sequence[Sample]) -> dict[str, Copies]:
        return match(samples, self._groups, by_manifest=self.manifest is not None)

    @cached_property
    def _pictures(self) -> Pictures:
        return pictures(self.path)

    @property
    def _groups(self) -> Groups:
        return self._listed[0]

    @cached_property
    def _listed(self) -> tuple[Groups, int]:
        """Copies by the name of their original, and how many the manifest names outside of the folder."""
        if self.manifest is not None:
            return grouped_by_manifest(self.manifest, self.path)
        return grouped_by_name(self._pictures.files, self.path, self.suffix), 0


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""  # reading it fails again where that is counted
