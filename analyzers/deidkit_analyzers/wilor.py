"""WiLoR as a hand analyzer, through the package wilor_mini, which the user installs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, metadata
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import numpy as np
import torch

from deidkit import models
from deidkit.errors import MissingDependency, MissingModel
from deidkit.protocols import Hand, Image, option
from deidkit_networks.device import choose, hardware

MODEL = "wilor"
"""Its name in the list of models."""

PIPELINE = "wilor_mini.pipelines.wilor_hand_pose3d_estimation_pipeline"
"""Where the package keeps what is used."""

_AT_WORK = Lock()
"""One picture at a time: the pipeline keeps what it works on."""


@dataclass(frozen=True)
class WiLoR:
    """WiLoR (Potamias et al., arXiv 2409.12259), the keypoints of the published method; not for commercial use.

    It says nothing about how sure it is: every hand found has the score 1, the largest comes first.
    """

    min_confidence: float = option(0.3, "Smallest score of its detector", minimum=0.01, maximum=0.99)
    device: str = option("auto", "auto, cpu, cuda or cuda:N")

    version: ClassVar[str] = "1"

    def prepare(self, note: Callable[[str], None]) -> None:
        """Load the networks.

        Raises:
            MissingDependency: wilor_mini is not installed.
            MissingModel: Its files were not fetched, or cannot be loaded.
            UsageError: The device is not there.
        """
        with _AT_WORK:
            _ = self._pipeline
        note(f"wilor: {self.remark()}.")

    def packages(self) -> tuple[str, ...]:
        """What computes; its version is recorded."""
        return ("torch",)

    def weight_files(self) -> dict[str, Path]:
        """The model files, for their hashes. Raises MissingModel."""
        return {path.name: path for path in sorted((self._folder / "pretrained_models").glob("*"))}

    def remark(self) -> str:
        """Which package runs it."""
        try:
            return f"wilor_mini {metadata.version('wilor_mini')}; for non-commercial purposes"
        except metadata.PackageNotFoundError:
            return "wilor_mini; for non-commercial purposes"

    def resolved(self) -> dict[str, str]:
        """What ``device`` meant here."""
        return {"device": hardware(choose(self.device))}

    def detect(self, image: Image) -> Sequence[Hand]:
        """Every hand in a picture, the largest first; empty when there is none.

        Args:
            image: (height, width, 3) uint8 RGB.
        """
        with _AT_WORK:
            found = self._pipeline.predict(np.array(image), hand_conf=self.min_confidence)
        return sorted((_hand(item) for item in found), key=lambda hand: -float(np.prod(hand.box[2:] - hand.box[:2])))

    @cached_property
    def _folder(self) -> Path:
        return models.path(MODEL)

    @cached_property
    def _pipeline(self) -> Any:
        try:
            pipeline = import_module(PIPELINE).WiLorHandPose3dEstimationPipeline
        except ModuleNotFoundError as error:
            raise MissingDependency(
                f"hand analyzer 'wilor' needs '{error.name}', which deidkit cannot bring: wilor_mini is on no package "
                "index and asks for Python 3.10 and torch up to 2.5; install it as "
                "https://github.com/warmshao/WiLoR-mini says, or use --analyzer mediapipe."
            ) from error
        folder, device = self._folder, choose(self.device)
        kind = torch.float32 if device.type == "cpu" else torch.float16
        try:
            return pipeline(device=device, dtype=kind, wilor_pretrained_dir=str(folder), verbose=False)
        except Exception as error:  # its own, torch's, or of a package it was not made for
            told = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            raise MissingModel(
                f"WiLoR cannot be loaded from {folder}: {told}; wilor_mini was made for torch up to 2.5."
            ) from error


def _hand(item: dict[str, Any]) -> Hand:
    """What the pipeline says of one hand, in deidkit's terms; keypoints come in the same order."""
    told = item["wilor_preds"]
    metres = np.asarray(told["pred_keypoints_3d"], np.float32).reshape(21, 3)
    return Hand(
        box=np.asarray(item["hand_bbox"], np.float32).reshape(-1)[:4],
        keypoints=np.asarray(told["pred_keypoints_2d"], np.float32).reshape(21, 2),
        keypoints_3d=metres - metres.mean(axis=0),
        handedness="right" if item["is_right"] > 0.5 else "left",
        score=1.0,
    )
