"""What a plugin must offer, and the records that travel between the stages of an audit.

Words are those of ISO/IEC 2382-37 and 19795-1. A *subject* is a person; an *identity* is what a recognizer is asked
to tell apart, here one hand of one subject. Scores are DISTANCES everywhere: lower means more alike.

A plugin is a class, registered under an entry point. Its options are the fields of a dataclass, declared with
`option()`; deidkit reads their types, limits and help from there, so that the command line, the configuration file
and the report all know them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from deidkit.metrics import BootstrapSettings
    from deidkit.progress import Progress
    from deidkit.result import AuditResult, Estimate
    from deidkit.training import TrainingJob

Image = NDArray[np.uint8]
"""An upright RGB picture: shape (height, width, 3), dtype uint8, values 0..255."""

GreyImage = NDArray[np.uint8]
"""A grey picture: shape (height, width), dtype uint8, values 0..255. A palm ROI is one of 128 x 128 pixels."""

Mask = NDArray[np.bool_]
"""True where the region is: shape (height, width), dtype bool."""

ROI_SIZE = 128
"""Side of a palm region of interest in pixels (Zhang et al. 2003 and all recognizers here)."""

Handedness = Literal["left", "right"]

PalmVariant = Literal["paper", "program"]
"""Which keypoints bound the palm (arXiv 2504.08272: its text, and its authors' program)."""


def option(
    default: Any = dataclasses.MISSING,
    help: str = "",  # noqa: A002 - the word every command line uses
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[Any] | None = None,
    primary: bool = False,
) -> Any:
    """Declare one option of a plugin as a dataclass field.

    Args:
        default: The value when the user gives none; leave it out to make the option required.
        help: One sentence that ends without a full stop.
        minimum: Smallest value allowed, for numbers.
        maximum: Largest value allowed, for numbers.
        choices: The values allowed.
        primary: Whether a bare value after the plugin's name is meant, as in ``folder:PATH``.

    Returns:
        A dataclass field.
    """
    metadata = {"help": help, "minimum": minimum, "maximum": maximum, "choices": choices, "primary": primary}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of a data set, known by name only: no pixel has been read.

    Attributes:
        key: Unique name inside the data set, stable between machines (a relative path with forward slashes).
        subject: The person, as the data set names them.
        hand: Which hand, where the data set tells.
        session: The capture session, where the data set tells.
        kind: ``"hand"`` for a picture of a whole hand, ``"roi"`` for a palm region already cut out.
        path: The file, or None for a sample that is generated.
    """

    key: str
    subject: str
    hand: Handedness | None = None
    session: str | None = None
    kind: Literal["hand", "roi"] = "hand"
    path: Path | None = None

    @property
    def identity(self) -> str:
        """What a recognizer tells apart: one hand of one subject."""
        return f"{self.subject}/{self.hand}" if self.hand else self.subject


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one picture gave no result: an outcome that is counted, not an exception.

    Attributes:
        stage: Where: ``read``, ``hand``, ``roi``, ``engine``, ``template``, ``quality`` ...
        reason: One short sentence in lower case that names no file, no person.
    """

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hand:
    """One hand found in a picture.

    Attributes:
        box: (4,) float32, x0 y0 x1 y1 in pixels.
        keypoints: (21, 2) float32, x y in pixels; 0 wrist, 1-4 thumb, 5-8 index, 9-12 middle, 13-16 ring,
            17-20 little, from the knuckle to the tip.
        keypoints_3d: (21, 3) float32 in metres about the hand's centre, or None.
        handedness: Of the person, not of the picture.
        score: The analyzer's confidence in 0..1.
    """

    box: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    keypoints_3d: NDArray[np.float32] | None
    handedness: Handedness
    score: float


class HandImage(Protocol):
    """A picture with its hand analysis, computed when first asked for."""

    @property
    def sample(self) -> Sample:
        """Which sample of the data set this is."""
        ...

    @property
    def pixels(self) -> Image:
        """The upright RGB picture; read-only."""
        ...

    @property
    def hands(self) -> Sequence[Hand]:
        """Every hand found, the most confident first; empty for an ROI and where none was found."""
        ...

    @property
    def palm(self) -> PalmVariant:
        """Which of the published palm polygons this audit uses."""
        ...

    def hand_mask(self) -> Mask:
        """Where the hands are; all True for an ROI. Raises SampleError when no hand was found."""
        ...

    def palm_mask(self) -> Mask:
        """The palm polygons of all hands within the hand mask; all True for an ROI.

        Raises SampleError when no hand was found.
        """
        ...


@runtime_checkable
class Dataset(Protocol):
    """A data set: names first, pixels when asked."""

    version: str

    def samples(self) -> Iterable[Sample]:
        """Every sample, in a stable order, without reading pixels."""
        ...

    def read(self, sample: Sample) -> Image:
        """The pixels of one sample. Raises SampleError when they cannot be read."""
        ...

    def digest(self, sample: Sample) -> str:
        """SHA-256, in hex, of what the pixels come from (the file's bytes, or the generator's recipe)."""
        ...


@runtime_checkable
class Engine(Protocol):
    """An anonymizer.

    Attributes:
        version: Of the implementation; a new one where results may change.
        deterministic: Whether one input and seed always give one result.
        diverse: Whether different seeds give different results; if not, only the first seed is run.
        batch_size: How many pictures the engine wants at a time.
        control: True for an engine that is there to calibrate the audit, not to be judged (``identity``).

    One that also says ``thread_safe = True`` is called from several threads at a time; any other is not. One that
    can change without its options, version or files telling says ``reusable = False``: its copies serve the audit they
    were made in, resumed or not, and no later one with the same ``--work``. One that says ``any_size = True`` may give
    pictures of another size than the original: they are brought to it, and the report counts them.

    One that offers ``stop()`` has it called from another thread when the work is interrupted: it soon ends what is
    under way and begins nothing more; calls that cannot end properly raise `deidkit.errors.Interruption`.
    """

    version: str
    deterministic: bool
    diverse: bool
    batch_size: int
    control: bool

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> Sequence[Sequence[Image | Failure]]:
        """De-identify each picture once per seed.

        Args:
            images: The originals. Their pixels must not be written to.
            seeds: One or more; the same seed gives the same picture whatever else is in the batch.

        Returns:
            For each picture a sequence with one item per seed: a new RGB uint8 array of the original's size (of any
            with ``any_size``), or a `Failure` where this picture cannot be de-identified.
        """
        ...


@runtime_checkable
class Recognizer(Protocol):
    """A biometric recognizer: extracts templates and compares them.

    Attributes:
        version: Of the implementation; a new one where scores may change.
        input: ``"roi"`` when it takes 128 x 128 grey palm ROIs, ``"hand"`` when it takes whole pictures.
        score_range: Smallest and largest distance it can return.

    One that also says ``thread_safe = True`` extracts in several threads at a time; any other in one.
    """

    version: str
    input: Literal["roi", "hand"]
    score_range: tuple[float, float]

    def extract(self, images: Sequence[Any]) -> NDArray[Any]:
        """Turn a batch into templates.

        Args:
            images: `GreyImage` ROIs or `HandImage`s, as `input` says.

        Returns:
            One array whose first axis is the batch; dtype and further axes are the same for every batch.
        """
        ...

    def compare(self, probes: NDArray[Any], references: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Distances between two blocks of templates.

        Args:
            probes: (p, ...) templates.
            references: (r, ...) templates.

        Returns:
            (p, r) float distances within `score_range`; symmetric, lower means more alike. Releases the GIL where
            it can: the core calls it from several threads.
        """
        ...


@runtime_checkable
class HandAnalyzer(Protocol):
    """Finds hands and their keypoints; called from several threads."""

    version: str

    def detect(self, image: Image) -> Sequence[Hand]:
        """Every hand in a picture, the most confident first; empty when there is none."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """Separates a hand from its background; called from several threads."""

    version: str

    def segment(self, image: Image, hand: Hand) -> Mask:
        """The mask of one hand."""
        ...


@runtime_checkable
class RoiRule(Protocol):
    """Places the palm's region of interest; called from several threads."""

    version: str

    def corners(self, hand: Hand, image: Image) -> NDArray[np.float32]:
        """The region's corners.

        Args:
            hand: The hand found in the picture.
            image: The picture; a rule that needs only the keypoints does not look at it. Must not be written to.

        Returns:
            (4, 2) float32, x y in pixels, in the order top left, top right, bottom right, bottom left of the upright
            ROI, whose top is the finger side. Raises SampleError where the rule cannot be applied.
        """
        ...


@runtime_checkable
class QualityMeasure(Protocol):
    """A measure of what de-identification cost the picture, beside those that every audit has; called from threads.

    Attributes:
        metric: Its name in reports, e.g. ``lpips``; none that deidkit gives to a number of its own.
    """

    version: str
    metric: str

    def measure(self, original: Image, copies: Sequence[Image]) -> NDArray[np.floating[Any]]:
        """What is to be known about the copies of one original.

        Args:
            original: The original; must not be written to.
            copies: One or more, of the same size.

        Returns:
            (n, ...) float, one entry for each copy; further axes are the same at every call.
        """
        ...

    def estimate(
        self,
        measured: NDArray[Any],
        samples: NDArray[np.int32],
        subjects: NDArray[np.int32],
        settings: BootstrapSettings,
    ) -> Estimate:
        """One number for all copies of an engine.

        Args:
            measured: (n, ...) what `measure` gave.
            samples: (n,) number of the original of each.
            subjects: (n,) subject number of each.
            settings: How intervals are made.
        """
        ...


@runtime_checkable
class ReportWriter(Protocol):
    """Writes the result of an audit in one format."""

    version: str

    def write(self, result: AuditResult, folder: Path) -> Sequence[Path]:
        """Write the files into an existing folder and return their paths, the main one first.

        The folder holds the pictures that the result names, as far as they are still there.
        """
        ...


@runtime_checkable
class Trainer(Protocol):
    """Makes the weights of a network from a data set."""

    version: str

    def train(self, job: TrainingJob, progress: Progress) -> Sequence[Path]:
        """Train, or go on training.

        Args:
            job: What to train on, how long, where to write.
            progress: Told how far the work is.

        Returns:
            The files written, the weights first.

        Raises:
            DatasetError: The data set does not do for it.
            UsageError: An option does not fit, or the output folder holds another training.
        """
        ...
