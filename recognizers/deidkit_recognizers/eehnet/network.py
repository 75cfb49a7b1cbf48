"""The network: a spatial transformer for each part of the hand, a small convolutional network, one embedding."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from deidkit_recognizers.eehnet.alignment import HEIGHT, WIDTH

PALM_SIZE, FINGER_SIZE = (96, 96), (80, 32)
"""Height and width of the sampled parts."""

FINGERS = ((1, 4), (5, 8), (9, 12), (13, 16), (17, 20))
"""First and last keypoint of thumb to little finger."""

REACH = 0.1
"""Largest displacement of a part by the localisation network, in parts of its size."""


@dataclass(frozen=True)
class HandShape:
    """Scalable dimensions of the network."""

    width: int = 16
    embedding: int = 192

    def values(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> HandShape:
        """From `values`, perhaps read from JSON."""
        return cls(values["width"], values["embedding"])


class Localization(nn.Module):
    """Refines the placement of the parts from the whole hand; initially the identity."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 12, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(12, 16, 5, stride=2, padding=2), nn.ReLU(),
            nn.AdaptiveAvgPool2d((6, 5)), nn.Flatten(),
            nn.Linear(16 * 30, 48), nn.ReLU(),
        )  # fmt: skip
        self.refine = nn.Linear(48, parts * 6)
        nn.init.zeros_(self.refine.weight)
        nn.init.zeros_(self.refine.bias)

    def forward(self, hands: Tensor) -> Tensor:
        """(n, 1, 288, 224) -> (n, parts, 2, 3) changes of the parts' placement, each within `REACH`."""
        seen = F.avg_pool2d(hands, 4)
        change: Tensor = torch.tanh(self.refine(self.layers(seen)))
        return REACH * change.reshape(len(hands), -1, 2, 3)


def place(keypoints: Tensor) -> Tensor:
    """Placement of palm and fingers from the keypoints.

    Args:
        keypoints: (n, 21, 2), x y in pixels of the aligned hand.

    Returns:
        (n, 6, 2, 3): palm, thumb to little finger; each maps -1..1 across (to the right) and along (downwards, away
        from the finger tips) to x y in pixels.
    """
    wrist, index, little = keypoints[:, 0], keypoints[:, 5], keypoints[:, 17]
    top = (index + little) / 2
    down = (wrist - top) / 2
    across = (index - little) * 0.62
    parts = [torch.stack([across, down * 1.0, top + down], dim=2)]
    for first, last in FINGERS:
        root, tip = keypoints[:, first], keypoints[:, last]
        along = (root - tip) * 0.58
        side = torch.stack([-along[:, 1], along[:, 0]], dim=1) * -0.36
        parts.append(torch.stack([side, along, (root + tip) / 2], dim=2))
    return torch.stack(parts, dim=1)


def sample(hands: Tensor, placement: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut parts of `size` (height, width) out of (n, 1, 288, 224) hands where `place` says, differentiably."""
    scale = torch.tensor([2.0 / WIDTH, 2.0 / HEIGHT], device=hands.device)
    theta = placement * scale[None, :, None]
    theta = torch.cat([theta[:, :, :2], theta[:, :, 2:] - 1.0], dim=2)
    grid = F.affine_grid(theta, [len(hands), 1, *size], align_corners=False)
    return F.grid_sample(hands, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def normalised(hands: Tensor) -> Tensor:
    """Normalise local brightness and contrast, which leaves lines and texture."""
    mean = _averaged(hands)
    spread = _averaged((hands - mean).square()).sqrt()
    return (hands - mean) / (spread + 4.0)


def _averaged(pictures: Tensor) -> Tensor:
    """Local mean over about 28 pixels, computed at a quarter of the size for speed."""
    small = F.avg_pool2d(F.avg_pool2d(pictures, 4), 7, 1, 3, count_include_pad=False)
    return F.interpolate(small, size=pictures.shape[-2:], mode="bilinear", align_corners=False)


def part_network(width: int) -> nn.Sequential:
    """Convolutional network of one part: reduces height and width to a quarter, with `width` channels."""
    return nn.Sequential(
        nn.Conv2d(1, width, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(2 * width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.AvgPool2d(2),
    )  # fmt: skip


class HandNetwork(nn.Module):
    """One embedding from the palm and five fingers."""

    def __init__(self, shape: HandShape | None = None) -> None:
        super().__init__()
        self.shape = shape or HandShape()
        self.localization = Localization(1 + len(FINGERS))
        self.palm = part_network(self.shape.width)
        self.finger = part_network(self.shape.width)
        palm, finger = (size[0] // 8 * (size[1] // 8) * self.shape.width for size in (PALM_SIZE, FINGER_SIZE))
        self.finger_features = len(FINGERS) * finger
        self.embedding = nn.Linear(palm + self.finger_features, self.shape.embedding)

    def parts(self, hands: Tensor, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 1, 96, 96) palms and (n, 5, 1, 80, 32) fingers of normalised hands."""
        even = normalised(hands)
        start = place(keypoints)
        change = self.localization(even)
        # Changes are relative to the part's size, along its own axes.
        axes, centre = start[..., :2], start[..., 2:]
        turned = torch.cat([axes + axes @ change[..., :2], centre + axes @ change[..., 2:]], dim=3)
        palm = sample(even, turned[:, 0], PALM_SIZE)
        fingers = [sample(even, turned[:, number], FINGER_SIZE) for number in range(1, 1 + len(FINGERS))]
        return palm, torch.stack(fingers, dim=1)

    def features(self, hands: Tensor, keypoints: Tensor) -> Tensor:
        """Concatenated features of the parts of (n, 1, 288, 224) hands in 0..255 with (n, 21, 2) keypoints."""
        palm, fingers = self.parts(hands, keypoints)
        seen = self.finger(fingers.flatten(0, 1)).unflatten(0, fingers.shape[:2])
        return torch.cat([self.palm(palm).flatten(1), seen.flatten(1)], dim=1)

    def palm_features(self, regions: Tensor) -> Tensor:
        """The palm's part of `features` for (n, 128, 128) palm regions, fingers up."""
        return _palm_features(self.palm, regions)

    def forward(self, hands: Tensor, keypoints: Tensor) -> Tensor:
        """(n, embedding), not yet of length 1; arguments as for `features`."""
        embedded: Tensor = self.embedding(self.features(hands, keypoints))
        return embedded


class PalmAlone(nn.Module):
    """A copy of the palm's layers of a network: maps palm regions to their contribution to the embedding.

    Args:
        network: Network of whole hands, which is not changed.
    """

    def __init__(self, network: HandNetwork) -> None:
        super().__init__()
        whole = network.embedding
        width = whole.in_features - network.finger_features
        self.palm = copy.deepcopy(network.palm)
        self.head = nn.Linear(width, whole.out_features)
        self.head.load_state_dict({"weight": whole.weight[:, :width].detach(), "bias": whole.bias.detach()})

    def forward(self, regions: Tensor) -> Tensor:
        """(n, 128, 128) palm regions, fingers up -> (n, embedding), not yet of length 1."""
        embedded: Tensor = self.head(_palm_features(self.palm, regions))
        return embedded


def _palm_features(palm: nn.Module, regions: Tensor) -> Tensor:
    even = normalised(regions[:, None].float())
    features: Tensor = palm(F.interpolate(even, PALM_SIZE, mode="bilinear", antialias=True)).flatten(1)
    return features
