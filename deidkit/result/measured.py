"""Results of recognizers and engines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from deidkit.result.components import Component
from deidkit.result.estimates import Curve, Estimate, Histogram

Weight = Literal["leak", "hole", "note"]
"""What a finding does to a verdict: a leak makes it FAIL, a hole in the evidence keeps it from PASS, a note neither."""


@dataclass(frozen=True, kw_only=True)
class RecognizerResult:
    """Accuracy of one recognizer on the originals: a weak one proves nothing.

    Attributes:
        component: The recognizer.
        metrics: Name -> estimate, on originals only.
        histograms: ``genuine`` and ``impostor``.
        det: FNMR (y) against FMR (x), both in percent, originals only.
        cmc: Identification rate in percent (y) against rank (x), originals only.
        failures_to_acquire: Samples that gave no template.
    """

    component: Component
    metrics: dict[str, Estimate]
    histograms: dict[str, Histogram]
    det: Curve
    cmc: Curve
    failures_to_acquire: int


@dataclass(frozen=True, kw_only=True)
class CoverageFinding:
    """Something wrong with an engine's outputs; made by `deidkit.findings.FindingType.found`.

    Attributes:
        finding: Name of its type, e.g. ``missing``, ``unchanged``, ``metadata``.
        count: How many pictures or files.
        explanation: One clause for the reader.
        weight: What it does to a verdict.
        detail: What was found, where a type has several kinds, e.g. ``GPS position``.
    """

    finding: str
    count: int
    explanation: str
    weight: Weight = "hole"
    detail: str = ""

    @property
    def name(self) -> str:
        """The type with its detail, e.g. ``metadata: GPS position``."""
        return f"{self.finding}: {self.detail}" if self.detail else self.finding


@dataclass(frozen=True, kw_only=True)
class GalleryItem:
    """A de-identified sample to look at.

    Attributes:
        file: Thumbnail of the de-identified picture, relative to the report's folder; begins with the audit's id.
        original: Thumbnail of the original, only with --include-originals.
        caption: Sample number and seed; names no person.
    """

    file: str
    caption: str
    original: str | None = None


@dataclass(frozen=True, kw_only=True)
class EngineResult:
    """What one engine did to the pictures, whatever the recognizer.

    Attributes:
        component: The engine.
        produced: De-identified pictures made.
        expected: Pictures that should have been made.
        seeds: Seeds that were run.
        coverage: Findings about the outputs.
        quality: Name -> estimate (SSIM, PSNR ... whole, inside and outside the palm).
        usability: Name -> estimate (errors on the common set, changes in success rate).
        gallery: De-identified samples to look at.
        seconds_per_image: Mean time of the engine itself.
        warnings: Sentences about this engine's plugin raising or breaking its contract, a part of `AuditResult.raised`.
    """

    component: Component
    produced: int
    expected: int
    seeds: list[int]
    coverage: list[CoverageFinding]
    quality: dict[str, Estimate]
    usability: dict[str, Estimate]
    gallery: list[GalleryItem]
    seconds_per_image: float | None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One engine against one recognizer.

    Attributes:
        engine: The engine's label.
        recognizer: The recognizer's label.
        metrics: Name -> estimate.
        histograms: ``genuine``, ``impostor``, ``deidentified`` (against the very source), ``deidentified_other``
            (against other samples of the identity), ``deidentified_nonmated``, ``diversity``, ``linkage_mated``,
            ``linkage_nonmated``; those that could be made.
        det: Linkage to the very picture a copy was made from: FNMR (y) against FMR (x) in percent.
        det_other: The same for other samples of the identity.
        det_copies: The same for linkage among copies.
        cmc: Identification rate in percent (y) against rank (x), own original in the gallery.
        failures_to_acquire: De-identified pictures that gave no template.
    """

    engine: str
    recognizer: str
    metrics: dict[str, Estimate]
    histograms: dict[str, Histogram]
    det: Curve
    cmc: Curve
    failures_to_acquire: int
    det_other: Curve = field(default_factory=lambda: Curve(x=[], y=[]))
    det_copies: Curve = field(default_factory=lambda: Curve(x=[], y=[]))


@dataclass(frozen=True, kw_only=True)
class FailureCount:
    """Pictures that gave no result, for one reason at one stage.

    Attributes:
        stage: ``read``, ``hand``, ``roi``, ``engine`` ...
        subject: ``original`` or the engine's label.
        reason: One sentence.
        count: How many.
    """

    stage: str
    subject: str
    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Time spent in one stage."""

    stage: str
    items: int
    seconds: float
