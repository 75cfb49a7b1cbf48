"""A third party's finished pictures: nothing is run, everything is checked."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import ClassVar

import cv2
import numpy as np

from deidkit.errors import SampleError, UsageError
from deidkit.images import PICTURE_SUFFIXES, image_size, metadata_findings, read_image
from deidkit.protocols import Failure, HandImage, Image, Sample, option
from deidkit.result import CoverageFinding

_COPY = re.compile(r"^(?P<stem>.+?)(?:_de-id(?:_(?P<number>\d+))?)?$")
MISSING = "no de-identified picture in the folder"


@dataclass(frozen=True)
class Folder:
    """Takes finished pictures from a folder.

    A picture belongs to the original of the same relative path or stem, or of the stem before ``_de-id``;
    ``_de-id_1``, ``_de-id_2`` ... are several copies of one original and stand in for seeds. A manifest, a CSV with the
    columns ``original`` and ``deidentified``, says it in so many words instead.
    """

    path: Path = option(help="Folder with the finished pictures", primary=True)
    manifest: Path | None = option(
        None, "CSV with the columns original and deidentified, paths relative to the folders"
    )

    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = True
    diverse: ClassVar[bool] = True
    batch_size: ClassVar[int] = 16
    control: ClassVar[bool] = False

    def prepare(self, note: object = None) -> None:
        """Look at the folder before anything else is done.

        Raises:
            UsageError: There is no such folder, no picture in it, or the manifest cannot be used.
        """
        if not self.path.is_dir():
            raise UsageError(f"engine 'folder': {self.path} is not a folder.")
        if not self._files:
            raise UsageError(f"engine 'folder': there is no picture in {self.path}.")
        if self.manifest is not None and not self._listed:
            raise UsageError(f"engine 'folder': the manifest {self.manifest} lists no picture that is there.")

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """The finished copies of each picture: the first for the first seed, and so on.

        A copy of another size is brought to the original's, so that it can be audited at all; `coverage` counts it.
        """
        return [self._copies(image, seeds) for image in images]

    def input_digest(self, sample: Sample) -> str:
        """SHA-256 of the sample's copies, so that new pictures in the folder are not taken for the old."""
        digest = hashlib.sha256()
        for file in self._of(sample):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()

    def coverage(self, samples: Sequence[Sample]) -> list[CoverageFinding]:
        """What the folder lacks, has too much of, or gives away beside the pixels.

        Args:
            samples: Every sample that is audited.
        """
        used = [file for sample in samples for file in self._of(sample)]
        counts = Counter(used)
        missing = sum(not self._of(sample) for sample in samples)
        extra = len(set(self._files) - set(used))
        shared = sum(count > 1 for count in counts.values())
        resized = sum(self._is_resized(sample, file) for sample in samples for file in self._of(sample))
        carried = Counter(finding for file in counts for finding in _carried(file))
        found = [
            CoverageFinding(
                finding="missing",
                count=missing,
                explanation="originals without a de-identified picture: a black box that skips pictures leaves them as "
                "they are",
                serious=True,
            ),
            CoverageFinding(
                finding="extra",
                count=extra,
                explanation="pictures in the folder that belong to no sample of the data set",
                serious=False,
            ),
            CoverageFinding(
                finding="shared",
                count=shared,
                explanation="pictures that more than one sample claims by name; a manifest tells them apart",
                serious=True,
            ),
            CoverageFinding(
                finding="resized",
                count=resized,
                explanation="pictures of another size than their original, brought to its size for the audit",
                serious=False,
            ),
            *(
                CoverageFinding(
                    finding=f"metadata: {name}",
                    count=count,
                    explanation="files that carry this beside the pixels; it can name the person or show the original",
                    serious=True,
                )
                for name, count in sorted(carried.items())
            ),
        ]
        return [finding for finding in found if finding.count]

    def _copies(self, image: HandImage, seeds: Sequence[int]) -> list[Image | Failure]:
        files = self._of(image.sample)
        results: list[Image | Failure] = []
        for position in range(len(seeds)):
            if position >= len(files):
                said = MISSING if not files else "the folder holds fewer copies than seeds were asked for"
                results.append(Failure("engine", said))
                continue
            try:
                results.append(_sized(read_image(files[position]), image.pixels))
            except SampleError as error:
                results.append(Failure("engine", f"the de-identified picture cannot be read: {error}"))
        return results

    def _of(self, sample: Sample) -> list[Path]:
        key = PurePosixPath(sample.key)
        if self.manifest is not None:
            return self._listed.get(key.as_posix(), self._listed.get(key.name, []))
        nested = self._by_path.get(key.with_suffix("").as_posix())
        return nested if nested is not None else self._by_stem.get(key.stem, [])

    @cached_property
    def _files(self) -> list[Path]:
        return sorted(
            file for file in self.path.rglob("*") if file.suffix.lower() in PICTURE_SUFFIXES and file.is_file()
        )

    @cached_property
    def _by_path(self) -> dict[str, list[Path]]:
        return _grouped((file.relative_to(self.path).with_suffix("").as_posix(), file) for file in self._files)

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        return _grouped((file.stem, file) for file in self._files)

    @cached_property
    def _listed(self) -> dict[str, list[Path]]:
        assert self.manifest is not None
        listed: dict[str, list[Path]] = defaultdict(list)
        try:
            with self.manifest.open(newline="", encoding="utf-8-sig") as file:
                rows = csv.DictReader(file)
                if not {"original", "deidentified"} <= set(rows.fieldnames or ()):
                    raise UsageError(f"the manifest {self.manifest} needs the columns original and deidentified.")
                for row in rows:
                    copy = self.path / row["deidentified"]
                    if copy.is_file():
                        listed[PurePosixPath(row["original"].replace("\\", "/")).as_posix()].append(copy)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise UsageError(f"the manifest {self.manifest} cannot be read: {error}.") from error
        return dict(listed)

    def _is_resized(self, sample: Sample, copy: Path) -> bool:
        if sample.path is None:
            return False
        try:
            return image_size(sample.path) != image_size(copy)
        except SampleError:
            return False


def _carried(file: Path) -> list[str]:
    """What a file carries beside the pixels; nothing for one that cannot be read, which is a failure of its own."""
    try:
        return metadata_findings(file)
    except SampleError:
        return []


def _grouped(named: object) -> dict[str, list[Path]]:
    """Copies by the name of their original, in the order of their numbers."""
    numbered: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    for name, file in named:  # type: ignore[attr-defined]
        match = _COPY.match(name)
        assert match is not None
        numbered[match["stem"]].append((int(match["number"] or 0), file))
    return {name: [file for _, file in sorted(copies)] for name, copies in numbered.items()}


def _sized(picture: Image, original: Image) -> Image:
    height, width = original.shape[:2]
    if picture.shape == original.shape:
        return picture
    shrinks = picture.shape[0] > height
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), dtype=np.uint8)
