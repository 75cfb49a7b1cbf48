"""Small batches of pictures, so that memory is bounded and an interruption loses little."""

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
        digests: SHA-256 of each sample.
        raised: Exceptions from reading a picture, except deidkit's own.
        state: Process state, restored after each call of the data set; None for a built-in one.
        named: Name of the data set in notes about its side effects.
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
        """Number, kind and SHA-256 of each sample: the dependencies of results about the batch, besides plugins.

        Results refer to samples by number, and the same file is read differently as a hand and as a palm region:
        without number and kind, a changed data set would be given another one's results.
        """
        return [(n, s.kind, d) for n, s, d in zip(self.numbers, self.samples, self.digests, strict=True)]

    @cached_property
    def images(self) -> list[AnalyzedImage | Failure]:
        """Each picture, or the reason why it cannot be read."""
        return [self._read(sample) for sample in self.samples]

    @property
    def readable(self) -> list[AnalyzedImage]:
        """The readable pictures."""
        return [image for image in self.images if not isinstance(image, Failure)]

    @cached_property
    def rois(self) -> list[list[GreyImage | Failure]]:
        """Palm ROI of every hand of each picture, or the reason why there is none."""
        return [[image] if isinstance(image, Failure) else self.analysis.rois(image) for image in self.images]

    def forget(self) -> None:
        """Release the pictures; they are read again on demand."""
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
