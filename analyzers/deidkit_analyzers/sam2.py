"""SAM 2 as a segmenter, prompted with the hand's keypoints as the published method does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from deidkit import models
from deidkit.errors import MissingModel, SampleError
from deidkit.protocols import Hand, Image, Mask, option
from deidkit_analyzers import sam2_checkpoint
from deidkit_networks.device import choose, data_type, hardware, resolve

SIZES = ("sam2-large", "sam2-tiny")
"""Models known by name; anything else is the path of a folder."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""RGB mean and standard deviation of ImageNet."""

_INFERENCE_LOCK = Lock()
"""Serializes inference: parallel calls would multiply the memory without being faster."""


@dataclass(frozen=True)
class Sam2:
    """SAM 2 (Ravi et al., arXiv 2408.00714), shown all 21 keypoints; one mask, closed as in arXiv 2504.08272."""

    weights: str = option(
        "sam2-large",
        "sam2-large as published, sam2-tiny, a folder with a Sam2Model of transformers, or the authors' .pt file",
        primary=True,
    )
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = option(
        "auto", "Of the network; auto: float32 on a CPU, bfloat16 on a GPU"
    )

    version: ClassVar[str] = "2"

    def prepare(self, note: Callable[[str], None]) -> None:
        """Fetch the weights if they are absent, and load the network.

        Raises:
            MissingModel: The weights cannot be fetched, or are damaged.
            UsageError: The device is not available.
        """
        if self.weights in SIZES:
            models.ensure(self.weights, note)
        _ = self._network
        note(f"sam2: {self.remark()}, on {self._device}.")

    def packages(self) -> tuple[str, ...]:
        """Packages whose versions are recorded."""
        return ("torch", "transformers")

    def weight_files(self) -> dict[str, Path]:
        """Weight files to be hashed."""
        if self._folder.is_file():
            return {self._folder.name: self._folder}
        return {path.name: path for path in sorted(self._folder.glob("*")) if path.suffix in (".safetensors", ".bin")}

    def remark(self) -> str:
        """Which network it is."""
        return f"the network {self.weights if self.weights in SIZES else self._folder.name}"

    def resolved(self) -> dict[str, str]:
        """Device and precision that were actually used."""
        return {"device": hardware(self._device), "precision": resolve(self.precision, self._device)}

    def segment(self, image: Image, hand: Hand) -> Mask:
        """Segment one hand, prompted by its keypoints, then close the mask with a 5 x 5 kernel, 2 iterations.

        Raises:
            SampleError: All keypoints lie outside of the picture.
        """
        height, width = image.shape[:2]
        inside = (hand.keypoints >= 0).all(axis=1) & (hand.keypoints < (width, height)).all(axis=1)
        if not inside.any():
            raise SampleError("the hand's keypoints lie outside of the picture")
        with _INFERENCE_LOCK, torch.inference_mode():
            field = self._field(image, hand.keypoints[inside])
        mask = (field > 0).to(torch.uint8).cpu().numpy()
        closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8), iterations=2)
        return np.asarray(closed, bool)

    def _field(self, image: Image, keypoints: NDArray[np.float32]) -> Tensor:
        """(height, width) mask logits, above 0 on the hand."""
        network, device, (height, width) = self._network, self._device, image.shape[:2]
        side = int(network.config.prompt_encoder_config.image_size)
        points = torch.from_numpy(keypoints) * torch.tensor([side / width, side / height])
        found = network(
            pixel_values=_prepared(image, side).to(device, network.dtype),
            input_points=points[None, None].to(device),  # float32: half precision would be off by pixels
            input_labels=torch.ones((1, 1, len(points)), dtype=torch.int64, device=device),
            multimask_output=False,
        ).pred_masks
        return F.interpolate(found[0].float(), (height, width), mode="bilinear", align_corners=False)[0, 0]

    @cached_property
    def _folder(self) -> Path:
        return models.path(self.weights) if self.weights in SIZES else Path(self.weights).expanduser()

    @cached_property
    def _device(self) -> torch.device:
        return choose(self.device)

    @cached_property
    def _network(self) -> Any:
        network = sam2_checkpoint.network(self._folder) if self._folder.is_file() else self._from_folder()
        kind = data_type(resolve(self.precision, self._device))
        return network.to(device=self._device, dtype=kind).eval().requires_grad_(False)

    def _from_folder(self) -> Any:
        from transformers import Sam2Model
        from transformers.utils import logging

        if not self._folder.is_dir():
            raise MissingModel(f"there is no file or folder {self._folder} with a network of SAM 2.")

        precision = resolve(self.precision, self._device)
        before = logging.get_verbosity()
        logging.set_verbosity_error()  # the published files also hold unused parts for video
        try:
            network, report = Sam2Model.from_pretrained(
                self._folder, local_files_only=True, torch_dtype=data_type(precision), output_loading_info=True
            )
        except Exception as error:  # each library raises its own error for a missing or damaged file
            raise MissingModel(f"{self._folder} holds no Sam2Model of transformers: {_first_line(error)}") from error
        finally:
            logging.set_verbosity(before)
        if report["missing_keys"]:
            raise MissingModel(
                f"{self._folder} is incomplete: it has no weights for {sorted(report['missing_keys'])[0]}."
            )
        return network


def _prepared(image: Image, side: int) -> Tensor:
    """(1, 3, side, side) whole picture, stretched to a square as in SAM 2's training."""
    pixels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None] / 255.0
    resized = F.interpolate(pixels, (side, side), mode="bilinear", align_corners=False, antialias=True)
    mean, std = (torch.tensor(value)[:, None, None] for value in (MEAN, STD))
    return (resized - mean) / std


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".") + "."
