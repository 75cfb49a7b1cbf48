"""Training of the PKLNet-style network."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deidkit.errors import SampleError
from deidkit.protocols import option
from deidkit.training import Example
from deidkit_analyzers.pklnet.answer import NAME, answers, region, valleys
from deidkit_analyzers.pklnet.augmentation import KEPT_MARGIN, Scene, plain, varied
from deidkit_analyzers.pklnet.framing import frame
from deidkit_analyzers.pklnet.geometry import outline_near, valleys_of
from deidkit_analyzers.pklnet.losses import combined, terms
from deidkit_analyzers.pklnet.network import PKLNet, PKLNetShape, normalize
from deidkit_networks.trainable import Batch
from deidkit_networks.training import NetworkTrainer

PUBLISHED_CHANNELS = (32, 64, 64, 64)
SMALLEST_PLACE = 5 / 3
"""Height of a stored training picture relative to the input's, to leave room for augmentation."""
VARIED_SEED = 5
"""Fixed seed for the augmentation of held-out pictures in evaluation."""


@dataclass(frozen=True)
class PKLNetTrainer(NetworkTrainer[PKLNet]):
    """PKLNet-style (after Liang et al., IEEE JSTSP 2023); every default is the published setting.

    One pass learns which pixels are hand and where the valleys next to the index and the little finger are: focal loss
    of the segmentation, distances of the valleys to the truth and to the outline near it, of the region's centre, and
    the shape of the heat maps; AdamW; the learning rate halved after every tenth of the training.
    """

    height: int = option(400, "Height of the input in pixels; its width is three quarters of it", minimum=64)
    channels: float = option(1.0, "Factor on the backbone's channels", minimum=0.25, maximum=4)
    context: int = option(512, "Channels of the object-contextual representation", minimum=8)
    points: int = option(64, "Channels of the keypoint part, a multiple of 8", minimum=8)
    learning_rate: float = option(1e-4, "Of AdamW, at the start", minimum=1e-7, maximum=1)
    schedule: Literal["published", "cosine"] = option("published", "How the learning rate falls")
    average: float = option(
        0.0,
        "Decay of the moving average of the weights that is published instead; 0 for none",
        minimum=0,
        maximum=0.9999,
    )

    version = "1"
    name = NAME
    views = 1
    batch = 8
    epochs = 500.0
    truth = True

    @property
    def shape(self) -> PKLNetShape:
        """Size of the network."""
        first, second, third, fourth = (8 * max(1, round(self.channels * width / 8)) for width in PUBLISHED_CHANNELS)
        stem = 8 * max(1, round(self.channels * 64 / 8))
        return PKLNetShape(self.height, (first, second, third, fourth), stem, self.context, self.points)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.shape.height, self.shape.width

    def keep(self, example: Example) -> dict[str, NDArray[np.generic]]:
        """Store the picture around the hand, its mask, three points and the outline near two of them, for `varied`.

        Raises:
            SampleError: No hand was found, or its region cannot be placed.
        """
        size = (round(SMALLEST_PLACE * self.size[0]), round(SMALLEST_PLACE * self.size[1]))
        seen = frame(example.pixels, example.hand, "hand", size, KEPT_MARGIN)
        u0, v0, u1, v1 = seen.target

        def cut(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
            part = seen.cut(image)[v0:v1, u0:u1]
            around = (v0, size[0] - v1, u0, size[1] - u1)
            return np.asarray(cv2.copyMakeBorder(part, *around, cv2.BORDER_REPLICATE), np.uint8)

        mask = cut(255 * example.mask.astype(np.uint8)) > 127
        points = seen.from_picture(valleys_of(example.corners, example.keypoints[5] - example.keypoints[17]))
        if not ((points > 0) & (points < size[::-1])).all():
            raise SampleError("the palm lies at the edge of the picture")
        return {
            "picture": cut(example.pixels),
            "mask": mask.astype(np.uint8),
            "points": points.astype(np.float32),
            "outlines": np.stack([outline_near(mask, point) for point in points[:2]]),
        }

    def build(self, identities: int) -> PKLNet:
        """Build the network."""
        return PKLNet(self.shape).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def optimizer(self, module: PKLNet) -> torch.optim.Optimizer:
        """AdamW, weight decay 0.01, as published."""
        return torch.optim.AdamW(module.parameters(), self.learning_rate, weight_decay=0.01)

    def rate(self, progress: float) -> float:
        """Published: StepLR(200 of 2000 epochs, 0.5). Cosine: with a warm-up of a fiftieth."""
        if self.schedule == "cosine":
            return min(1.0, 0.02 + progress / 0.02) * (0.5 * (1.0 + math.cos(math.pi * min(1.0, progress))) + 5e-3)
        return float(0.5 ** math.floor(10.0 * min(progress, 0.999)))

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Convert stored pictures to inputs, masks, points and outlines at the input's size."""
        return _as_batch(varied(batch, self.size, generator))

    def loss(self, module: PKLNet, batch: Batch, labels: Tensor, progress: float) -> Tensor:
        """Combined loss of the five terms; see `losses.combined`."""
        located = module(batch["input"].contiguous(memory_format=torch.channels_last))
        return combined(terms(located, self.size, batch["mask"], batch["points"], batch["outlines"]))

    def evaluate(self, module: PKLNet, batches: Iterable[Batch], labels: NDArray[np.int64]) -> dict[str, float]:
        """Mask overlap and corner error on held-out pictures, plain and augmented."""
        generator = torch.Generator().manual_seed(VARIED_SEED)
        device = next(module.parameters()).device
        found: dict[str, _Tally] = {"": _Tally(), "varied_": _Tally()}
        for batch in batches:
            kept = {name: value.cpu() for name, value in batch.items()}
            found[""].add(module, plain(kept, self.size), device)
            found["varied_"].add(module, varied(kept, self.size, generator), device)
        return {prefix + name: value for prefix, tally in found.items() for name, value in tally.means().items()}

    def publish(self, module: PKLNet) -> tuple[dict[str, Tensor], dict[str, object]]:
        """The network."""
        return module.state_dict(), module.shape.values()


def _as_batch(scene: Scene) -> Batch:
    return {
        "input": normalize(scene.pictures), "mask": scene.mask, "points": scene.points, "outlines": scene.outlines
    }  # fmt: skip


class _Tally:
    """Accumulates errors over one kind of pictures."""

    def __init__(self) -> None:
        self.overlaps: list[float] = []
        self.errors: list[float] = []
        self.refused = 0

    def add(self, module: PKLNet, scene: Scene, device: torch.device) -> None:
        for number, answer in enumerate(answers(module, scene.pictures.byte(), device)):
            mask, true = answer.field > 0, scene.mask[number].numpy()
            self.overlaps.append(float((mask & true).sum() / max(1, (mask | true).sum())))
            corners = region(*scene.points[number].double().numpy())
            try:
                found = region(*valleys(answer))
            except SampleError:
                self.refused += 1
                continue
            apart = np.linalg.norm(found - corners, axis=1).mean()
            self.errors.append(float(apart / np.linalg.norm(corners[1] - corners[0])))

    def means(self) -> dict[str, float]:
        """``iou_percent``, ``corner_error_percent`` of the region's side where it was found, ``refused_percent``."""
        count = max(1, len(self.overlaps))
        return {
            "iou_percent": 100.0 * float(np.mean(self.overlaps)),
            "corner_error_percent": 100.0 * float(np.mean(self.errors)) if self.errors else math.nan,
            "refused_percent": 100.0 * self.refused / count,
        }
