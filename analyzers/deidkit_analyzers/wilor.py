"""WiLoR as a hand analyzer, through the package wilor_mini in a separate environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from deidkit import models
from deidkit.protocols import Hand, Image, option
from deidkit_analyzers.wilor_process import WilorProcess

MODEL = "wilor"
"""Name of the model files."""


@dataclass(frozen=True)
class WiLoR:
    """WiLoR (Potamias et al., arXiv 2409.12259), the keypoints of the published method; not for commercial use.

    Its package needs an old Python and an old torch, so it runs in a separate process. It gives no score: every hand
    found has 1. They come in its detector's order, the surest first, as the published program takes them.
    """

    python: Path | None = option(
        None, "Interpreter of the environment that has wilor_mini; the one that runs deidkit if left out", primary=True
    )
    min_confidence: float = option(0.3, "Smallest score of its detector", minimum=0.01, maximum=0.99)
    device: str = option("auto", "auto, cpu, cuda or cuda:N")

    version: ClassVar[str] = "3"
    external: ClassVar[bool] = True

    def prepare(self, note: Callable[[str], None]) -> None:
        """Start the process and load the networks.

        Raises:
            MissingDependency: wilor_mini is not in that environment.
            MissingModel: The model files were not fetched, or cannot be loaded.
            UsageError: There is no such interpreter.
        """
        models.announce(MODEL, note)
        _ = self._process
        note(f"wilor: {self.remark()}.")

    def weight_files(self) -> dict[str, Path]:
        """Model files to be hashed. Raises MissingModel."""
        return {path.name: path for path in sorted((self._folder / "pretrained_models").glob("*"))}

    def remark(self) -> str:
        """What runs it."""
        about = self._process.about
        named = f"wilor_mini {about['package']}".strip()
        return f"{named} with torch {about['torch']} on Python {about['python']}; for non-commercial purposes"

    def resolved(self) -> dict[str, str]:
        """Device that the process actually uses."""
        return {"device": self._process.about["device"]}

    def detect(self, image: Image) -> Sequence[Hand]:
        """Detect all hands in a picture, in the detector's order; may be empty.

        Raises:
            SampleError: WiLoR fails on this picture.
            PluginError: The process has ended.
        """
        return [_hand(item) for item in self._process.detect(image)]

    @cached_property
    def _folder(self) -> Path:
        return models.path(MODEL)

    @cached_property
    def _process(self) -> WilorProcess:
        return WilorProcess(self.python, self._folder, self.device, self.min_confidence)


def _hand(item: dict[str, Any]) -> Hand:
    """Convert one detection to a `Hand`; keypoints are in the same order."""
    metres = np.asarray(item["keypoints_3d"], np.float32)
    return Hand(
        box=np.asarray(item["box"], np.float32),
        keypoints=np.asarray(item["keypoints"], np.float32),
        keypoints_3d=metres - metres.mean(axis=0),
        handedness="right" if item["right"] else "left",
        score=1.0,
    )
