"""The pictures of an audit in small batches, so that memory is bounded and an interruption loses little."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property

from deidkit.contracts import picture_fault
from deidkit.errors import DeidkitError, SampleError
from deidkit.hand import AnalyzedImage, HandAnalysis
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.process_state import ProcessState
from deidkit.protocols import Dataset, Failure, GreyImage, Sample


@dataclass(frozen=True)
class Batch:
    """Some samples, read and analysed when first needed and dropped with the batch.

    Attributes:
        numbers: Position of each sample in the audit.
        digests: SHA-256 of each.
        raised: What reading a picture raised, errors of deidkit's own left out.
        state: Of the process, to restore after each call of the data set; None for one of deidkit's own.
        named: The data set as a note about what it changes names it.
    """

    numbers: Sequence[int]
    samples: Sequence[Sample]
    digests: Sequence[str]
    dataset: Dataset
    analysis: HandAnalysis
    raised: list[Exception] = field(default_factory=list)
    state: ProcessState | None = None
    named: str = "the data set"
    warnings: PluginWarnings = field(default_factory=PluginWarnings)

    @property
    def contents(self) -> list[tuple[int, str, str]]:
        """Number, kind and SHA-256 of each sample: what a result about the batch depends on besides plugins.

        Results name samples by number, and a picture of the same bytes is read otherwise as a hand than as a palm
        region: without the two, a data set that has changed would be given another's results.
        """
        return [(n, s.kind, d) for n, s, d in zip(self.numbers, self.samples, self.digests, strict=True)]

    @cached_property
    def images(self) -> list[AnalyzedImage | Failure]:
        """Each picture, or why it cannot be read."""
        return [self._read(sample) for sample in self.samples]

    @property
    def readable(self) -> list[AnalyzedImage]:
        """Those that can be read."""
        return [image for image in self.images if not isinstance(image, Failure)]

    @cached_property
    def rois(self) -> list[list[GreyImage | Failure]]:
        """The palm ROI of every hand of each picture, or why there is none."""
        return [[image] if isinstance(image, Failure) else self.analysis.rois(image) for image in self.images]

    def forget(self) -> None:
        """Release the pictures; they are read again when needed."""
        self.__dict__.pop("images", None)
        self.__dict__.pop("rois", None)

    def _read(self, sample: Sample) -> AnalyzedImage | Failure:
        try:
            with self._calling():
                pixels = self.dataset.read(sample)
            if fault := picture_fault(pixels):
                self.raised.append(TypeError(f"a picture is {fault}"))
                return Failure("read", f"the data set gave {fault}")
            return self.analysis.image(sample, pixels)
        except SampleError as error:
            return Failure("read", str(error))
        except DeidkitError:
            raise
        except Exception as error:
            self.raised.append(error)
            return Failure("read", f"the data set raised {type(error).__name__}")

    def _calling(self) -> AbstractContextManager[None]:
        if self.state is None:
            return nullcontext()
        return self.state.restored_after(self.named, self.warnings, thread_safe=True)
