"""T3, learned: restores copies with a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial
from deidkit.protocols import ROI_SIZE, option
from deidkit_attackers.deep import in_one_thread, needs_torch
from deidkit_attackers.learned import LearnedRestoration, Restore
from deidkit_attackers.matching import as_pictures, candidates

_SIDE = 64
_SHADING_SIGMA = 6.0
"""Standard deviation in pixels of the blur subtracted from originals: lines are to be restored, not lighting."""


@dataclass(frozen=True)
class Unet(LearnedRestoration):
    """With torch: a small U-Net learned on copies of other people restores copies, which recognizers compare."""

    steps: int = option(80, "Steps of 16 pairs in which the network of a fold is trained", minimum=1, maximum=100_000)

    weak: ClassVar[str] = "blurred"
    fewest_subjects: ClassVar[int] = 8

    @property
    def trained(self) -> str:
        """See `LearnedRestoration`."""
        return f"a U-Net of {self.steps} steps trained"

    def learn(self, originals: NDArray[np.float32], copies: NDArray[np.float32], material: AttackMaterial) -> Restore:
        """Train the network; see `LearnedRestoration.learn`."""
        needs_torch()
        import torch

        from deidkit_attackers import unet_network

        pairs = torch.from_numpy(_reduced(copies)), torch.from_numpy(_reduced_lines(originals))
        network = in_one_thread(unet_network.train, *pairs, self.steps, material.seed, material.check)

        def restore(pictures: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
            small = in_one_thread(unet_network.restore, network, torch.from_numpy(_reduced(pictures)))
            size = (ROI_SIZE, ROI_SIZE)
            large = [cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in small[:, 0].numpy()]
            return {"restored": np.asarray(large, np.float32)}

        return restore

    def compare(
        self, material: AttackMaterial, restored: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        """Compare by lines and by every recognizer."""
        return candidates(material, as_pictures(restored["restored"]), material.originals.regions)


def _reduced(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 1, 64, 64) float32: reduced pictures of mean 0 and standard deviation 1."""
    small = [cv2.resize(one, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for one in pictures]
    return _standardised(np.asarray(small, np.float32))


def _reduced_lines(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 1, 64, 64) float32: the same with shading removed."""
    small = _reduced(pictures)[:, 0]
    return _standardised(small - np.stack([cv2.GaussianBlur(one, (0, 0), _SHADING_SIGMA) for one in small]))


def _standardised(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    return np.asarray(centred / (centred.std(axis=(1, 2), keepdims=True) + 1e-3), np.float32)[:, None]
