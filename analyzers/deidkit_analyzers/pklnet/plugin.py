"""PKLNet-style segmenter and ROI rule; one pass of the network serves both."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from typing import ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from deidkit.protocols import Hand, Image, Mask, option
from deidkit_analyzers.pklnet.answer import NAME, Answer, answers, region, seen, valleys
from deidkit_analyzers.pklnet.framing import Frame, View, frame
from deidkit_analyzers.pklnet.geometry import OFFSET, SIDE
from deidkit_analyzers.pklnet.network import PKLNet, PKLNetShape
from deidkit_networks.device import choose, hardware
from deidkit_networks.weights import Weights, build, load

EMBEDDED = Path(__file__).parent / "weights.safetensors"
"""The embedded weights; MODEL_CARD.md beside them documents their training."""
REMEMBERED = 4
"""Number of cached outputs, so that mask and region of a picture, requested in a row, need one forward pass."""


class Localizer:
    """The network on its device, with a cache of its last outputs; thread-safe."""

    def __init__(self, path: Path, device: str) -> None:
        self.path = path
        self._device_name = device
        self._lock = Lock()
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()

    @cached_property
    def device(self) -> torch.device:
        """Device of the network."""
        return choose(self._device_name)

    @cached_property
    def weights(self) -> Weights:
        """Weights as read from the file."""
        return load(self.path, NAME)

    @cached_property
    def network(self) -> PKLNet:
        """The network, loaded and in evaluation mode."""
        network = build(lambda settings: PKLNet(PKLNetShape.of(settings)), self.weights, self.path)
        return network.to(self.device)

    def ask(self, image: Image, hand: Hand, view: View) -> tuple[Frame, Answer]:
        """Run the network on a hand in a picture, or return its cached output.

        Raises:
            SampleError: The hand lies outside the picture.
        """
        shape = self.network.shape
        framed = frame(image, hand, view, (shape.height, shape.width))
        pixels = framed.cut(image)
        key = hashlib.blake2b(pixels.tobytes(), digest_size=16).digest()  # identifies the input by its content
        with self._lock:
            known = self._answers.pop(key, None)
            if known is None:
                (known,) = answers(self.network, torch.from_numpy(pixels).permute(2, 0, 1)[None], self.device)
            self._answers[key] = known
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return framed, known


@cache
def localizer(path: Path, device: str) -> Localizer:
    """Return the localizer of a weight file and device, shared by segmenter and rule."""
    return Localizer(path, device)


@dataclass(frozen=True)
class _PKLNetPart:
    """Common base of segmenter and ROI rule."""

    weights: Path | None = option(
        None, "Weights made by deidkit train pklnet; the embedded ones if left out", primary=True
    )
    view: View = option(
        "hand", "What the network sees: the part around the hand, upright, or as published the whole picture"
    )
    device: str = option("auto", "auto, cpu, cuda or cuda:N")

    version: ClassVar[str] = "1"

    def prepare(self, note: Callable[[str], None]) -> None:
        """Load the network.

        Raises:
            MissingModel: The weights are absent or not of this network.
            UsageError: The device is not available.
        """
        _ = self._localizer.network
        note(f"pklnet: {self.remark()}.")

    def packages(self) -> tuple[str, ...]:
        """Packages whose versions are recorded."""
        return ("torch",)

    def weight_files(self) -> dict[str, Path]:
        """Weight files to be hashed."""
        path = self._localizer.path
        return {path.name: path}

    def resolved(self) -> dict[str, str]:
        """Device that was actually used."""
        return {"device": hardware(self._localizer.device)}

    def remark(self) -> str:
        """What the weights were trained on."""
        which = "the embedded" if self.weights is None else "given"
        return f"{which} weights, trained on {self._localizer.weights.trained_on}"

    @property
    def _localizer(self) -> Localizer:
        return localizer(self.weights or EMBEDDED, self.device)


@dataclass(frozen=True)
class PKLNetSegmenter(_PKLNetPart):
    """PKLNet-style (after Liang et al., IEEE JSTSP 2023): the hand as a network sees it, with some of the forearm.

    The embedded weights are of a narrower network with a smaller input than the published one, and were trained on
    drawn hands.
    """

    def segment(self, image: Image, hand: Hand) -> Mask:
        """Segment one hand: the largest connected component, with small holes filled.

        The keypoints say where to look, and which way is up.

        Raises:
            SampleError: No hand is detected at its place.
        """
        framed, answer = self._localizer.ask(image, hand, self.view)
        seen(answer)
        return _largest(framed.field(answer.field) > 0)


@dataclass(frozen=True)
class PKLNetRule(_PKLNetPart):
    """PKLNet-style (after Liang et al., IEEE JSTSP 2023): the published square, by finger valleys that a network finds.

    The valleys are those between index and middle and between ring and little finger. The keypoints of the hand
    analyzer only say where the hand is and which way is up.
    """

    offset: float = option(
        OFFSET, "Distance of the near edge from the line, in parts of the valleys' distance", minimum=-2, maximum=2
    )
    side: float = option(SIDE, "Side of the square, in the same parts", minimum=0.1, maximum=5)

    def corners(self, hand: Hand, image: Image) -> NDArray[np.float32]:
        """The square's corners; see `deidkit.protocols.RoiRule.corners`.

        The keypoints say where to look, and which way is up.

        Raises:
            SampleError: No hand is detected, or the points are implausible as its finger valleys.
        """
        framed, answer = self._localizer.ask(image, hand, self.view)
        first, second, centre = framed.to_picture(np.stack(valleys(answer)))
        return region(first, second, centre, self.offset, self.side)


def _largest(mask: Mask) -> Mask:
    """Largest connected component, with holes smaller than a thousandth of it filled."""
    _, parts, sizes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    largest = 1 + int(np.argmax(sizes[1:, cv2.CC_STAT_AREA]))
    piece = parts == largest
    _, gaps, holes, _ = cv2.connectedComponentsWithStats((~piece).astype(np.uint8), connectivity=4)
    small = holes[:, cv2.CC_STAT_AREA] < sizes[largest, cv2.CC_STAT_AREA] / 1000
    return np.asarray(piece | small[gaps], bool)
