"""Records of stage results in the workspace."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from deidkit.leakage import CopyRecord
from deidkit.protocols import Image
from deidkit.result import EngineAttacks

COMPRESSION_LEVEL = 1
"""Compression level of pictures: the difference of copy and original is mostly zeros, so the fastest suffices."""


class StoredPicture(msgspec.Struct, frozen=True):
    """Lossless copy: the difference from the original, modulo 256, if both have the same size."""

    shape: tuple[int, int, int]
    difference: bool
    data: bytes

    @classmethod
    def of(cls, copy: Image, original: Image) -> StoredPicture:
        """Store a copy."""
        difference = copy.shape == original.shape
        pixels = copy - original if difference else copy
        packed = zstandard.compress(np.ascontiguousarray(pixels).data, COMPRESSION_LEVEL)
        return cls((copy.shape[0], copy.shape[1], 3), difference, packed)

    def pixels(self, original: Image) -> Image:
        """Reconstruct the copy from the original it was stored with: (height, width, 3) uint8."""
        pixels = np.frombuffer(zstandard.decompress(self.data), np.uint8).reshape(self.shape)
        return pixels + original if self.difference else pixels


class FailedSample(msgspec.Struct, frozen=True):
    """A picture without a result: an original, or the copy of it with a seed."""

    number: int
    stage: str
    reason: str
    seed: int | None = None


class StageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Base class of all stage results.

    Attributes:
        warnings: Sentences about plugins that raised or violated their contract.
        notes: Sentences about process state that plugins changed and that was restored.
    """

    warnings: list[str] = []
    notes: list[str] = []


class OriginalsRecord(StageRecord, frozen=True, kw_only=True):
    """A batch of originals as pictures.

    Attributes:
        unreadable: Those that cannot be read.
        numbers: Sample number of each that can be read.
        pixel_hashes: SHA-256 of the pixels of each of these.
        fingerprints: (n, `deidkit.leakage.LENGTH`) uint8 of these.
        hands: How many hands each of these shows; 1 for a ready palm region.
        backs: How many of the hands show the back.
    """

    unreadable: list[FailedSample]
    numbers: list[int]
    pixel_hashes: list[str]
    fingerprints: NDArray[np.uint8]
    hands: list[int]
    backs: int


class TemplatesRecord(StageRecord, frozen=True, kw_only=True):
    """Templates of a batch by one recognizer.

    Attributes:
        templates: (n, ...) templates; None where there is none.
        numbers: (n,) sample number of each.
        seeds: (n,) seed of each copy; empty for originals.
    """

    templates: NDArray[Any] | None
    numbers: list[int]
    seeds: list[int] = []
    failures: list[FailedSample] = []


class CopyEntry(msgspec.Struct, frozen=True):
    """One copy that an engine made.

    Attributes:
        number: Of its original.
        seed: It was made with.
        sha256: Of its size and pixels.
        carried: What its file holds besides the pixels, where a third party delivered one; see
            `deidkit.images.file_findings`.
        original_in_file: Whether one of these shows the original.
        encoding: How the file was written, see `deidkit.images.file_encoding`; empty where there is none.
    """

    number: int
    seed: int
    sha256: str
    carried: list[str] = []
    original_in_file: bool = False
    encoding: str = ""


class CopiesRecord(StageRecord, frozen=True, kw_only=True):
    """What an engine made of a batch, pixels left out.

    Attributes:
        copies: In the order of the originals, then of the seeds.
    """

    copies: list[CopyEntry]
    failures: list[FailedSample]
    seconds: float


class PixelsRecord(StageRecord, frozen=True, kw_only=True):
    """The pixels of a batch's copies, in their order."""

    pictures: list[StoredPicture]


class CopyExamination(msgspec.Struct, frozen=True):
    """Findings about the pixels of one copy.

    Attributes:
        number: Of its original.
        seed: It was made with.
        sha256: Of its pixels as the engine returned them.
        leak: Whether and how it shows its original.
        untreated_hands: Hands, of several, that are unchanged in the copy.
        unchanged_share: Largest share, over the hands, of a region of interest that is the original's to the bit;
            None where there is no region or no such size.
        quality: Metric -> value of SSIM, PSNR ... whole and by region.
        usability: Task -> success before and after, and error; None for a ready palm region.
    """

    number: int
    seed: int
    sha256: str
    leak: CopyRecord
    untreated_hands: int
    unchanged_share: float | None
    quality: dict[str, float | None]
    usability: dict[str, dict[str, float | None]] | None


class ExaminationRecord(StageRecord, frozen=True, kw_only=True):
    """Findings about a batch's copies.

    Attributes:
        fingerprints: (n, `deidkit.leakage.LENGTH`) uint8 of these.
    """

    copies: list[CopyExamination]
    fingerprints: NDArray[np.uint8]


class MeasureRecord(StageRecord, frozen=True, kw_only=True):
    """Values of one quality measure for a batch's copies, in their order: (n, ...), None where there is none."""

    values: NDArray[Any] | None
    numbers: list[int]


class RegionsRecord(StageRecord, frozen=True, kw_only=True):
    """Input of attackers, one row per picture in which a palm can be placed.

    Attributes:
        seeds: Seed of each copy; 0 for an original.
        regions: (n, 128, 128) uint8, placed as in the original.
        found: (n, 128, 128) uint8, as found in the copy itself where it was found there.
        contexts: (n, h, w, 3) uint8 RGB, the picture reduced with the palm masked out; None for ready palm regions.
        colours: (n, 128, 128, 3) uint8 RGB of `regions`; None for originals, and where all pictures are grey.
    """

    numbers: list[int]
    seeds: list[int]
    regions: NDArray[np.uint8]
    found: NDArray[np.uint8]
    contexts: NDArray[np.uint8] | None
    colours: NDArray[np.uint8] | None = None


class OwnCopiesRecord(StageRecord, frozen=True, kw_only=True):
    """Results of running an engine again on a batch, by an adversary or by the audit itself.

    Attributes:
        regions: Of the copies that the adversary made with seeds of his own.
        calls: How many pictures the engine was asked for.
        repeated: Copies that were asked for a second time, with the seed of the first.
        changed: How many of these were other pictures than at the first time.
        tried: Originals of which a copy was made again, with the same seed, another one, or mirrored.
        shown: Numbers of the samples whose original is in a repeated copy, but not in the first one.
    """

    regions: RegionsRecord
    calls: int
    repeated: int
    changed: int
    tried: int
    shown: list[int]


class AttacksRecord(StageRecord, frozen=True, kw_only=True):
    """Results of all attackers on one engine."""

    attacks: EngineAttacks


class Thumbnail(msgspec.Struct, frozen=True):
    """A small picture of one copy, and of its original where the user asked for that; WebP."""

    number: int
    copy: bytes
    original: bytes | None = None


class ThumbnailsRecord(StageRecord, frozen=True, kw_only=True):
    """The small pictures of a batch that a report may show."""

    thumbnails: list[Thumbnail]
