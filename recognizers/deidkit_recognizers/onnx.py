"""Bring your own recognizer: any ONNX network that turns a picture into an embedding.

A small TOML file next to the model (``matcher.toml`` for ``matcher.onnx``) says what the network takes and how its
embeddings are compared:

    [input]
    region = "roi"          # "roi": the 128 x 128 grey palm; "hand": the box around the hand, in colour
    size = [112, 112]       # height, width
    channels = 3            # 1 grey, 3 RGB
    mean = [0.5, 0.5, 0.5]  # subtracted from values in 0..1, one a channel
    std = [0.5, 0.5, 0.5]   # divided by afterwards

    [output]
    name = "embedding"      # optional; the first output otherwise
    metric = "arccos"       # "cosine", "arccos" or "euclidean", all on embeddings scaled to length 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit import toml
from deidkit.errors import MissingModel, SampleError, UsageError
from deidkit.protocols import Image, option
from deidkit_recognizers import distances

LARGEST_DESCRIPTION = 64 * 1024
"""Bytes of a description; one needs a few hundred."""

LARGEST_NUMBER = 1e9
"""Of a mean and a standard deviation; beyond, float32 cannot scale pixels with them."""

LARGEST_SIDE = 4096
"""Pixels; larger pictures than a network is ever given."""

_KEYS = {"input": {"region", "size", "channels", "mean", "std"}, "output": {"name", "metric"}}


@dataclass(frozen=True)
class OnnxRecognizer:
    """An ONNX network as recognizer, described by a TOML file next to it."""

    model: Path = option(help="The network, an .onnx file with a .toml of the same name next to it", primary=True)

    version: ClassVar[str] = "1"
    score_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    thread_safe: ClassVar[bool] = True

    def packages(self) -> tuple[str, ...]:
        """What computes; its version is recorded."""
        return ("onnxruntime",)

    def weight_files(self) -> dict[str, Path]:
        """The network and its description, for their hashes."""
        return {self.model.name: self.model, self._description_file.name: self._description_file}

    def prepare(self, note: object = None) -> None:
        """Load the network and check it by its description.

        Raises:
            MissingModel: A file is not there or is not an ONNX network.
            UsageError: The description does not fit.
        """
        self._check_shape()

    @property
    def input(self) -> Literal["roi", "hand"]:
        """What the description asks for."""
        region: Literal["roi", "hand"] = self._description["input"]["region"]
        return region

    def extract(self, images: Sequence[Any]) -> NDArray[np.float32]:
        """ROIs (128 x 128 uint8) or hand images, as the description says -> (n, d) float32 of length 1.

        Raises:
            SampleError: The network gives no usable embedding.
        """
        prepared = np.stack([self._prepare_one(image) for image in images])
        session, name = self._session, self._session.get_inputs()[0].name
        fixed = isinstance(session.get_inputs()[0].shape[0], int)
        parts = [prepared[i : i + 1] for i in range(len(prepared))] if fixed else [prepared]
        try:
            output = np.concatenate([session.run([self._output_name], {name: part})[0] for part in parts])
            embeddings = output.reshape(len(images), -1).astype(np.float32)
        except Exception as error:  # whatever the network's nodes find wrong; onnxruntime has no common class
            raise SampleError(f"the network of {self.model.name} fails on it: {str(error).splitlines()[0]}") from error
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not (lengths > 0).all():
            raise SampleError("the network gave an embedding of length zero or with values that are not finite")
        return np.asarray(embeddings / lengths, dtype=np.float32)

    def compare(self, probes: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distances in 0..1 by the metric of the description; see `deidkit_recognizers.distances`."""
        return distances.METRICS[self._description["output"]["metric"]](probes, references)

    @property
    def _description_file(self) -> Path:
        return self.model.with_suffix(".toml")

    @cached_property
    def _description(self) -> dict[str, Any]:
        path = self._description_file
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_DESCRIPTION + 1)
        except OSError as error:
            raise MissingModel(
                f"the ONNX recognizer needs {path}, which says what its network takes and how embeddings are "
                "compared; see the page on recognizers for its few lines."
            ) from error
        if len(content) > LARGEST_DESCRIPTION:
            raise UsageError(f"{path} is larger than {LARGEST_DESCRIPTION // 1024} KiB, too large for a description.")
        try:
            values = toml.parsed(content.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not text in UTF-8 (byte {error.start}); write it again.") from error
        except ValueError as error:
            raise UsageError(f"{path} is not valid TOML: {error}.") from error
        return _complete(values, path)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        if not self.model.is_file():
            raise MissingModel(f"there is no ONNX network at {self.model}.")
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1  # the core runs several batches at a time
        settings.log_severity_level = 4  # what fails is said in one sentence
        try:
            return onnxruntime.InferenceSession(str(self.model), settings, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise MissingModel(
                f"{self.model} is not an ONNX network that can be run here: {str(error).splitlines()[0]}"
            ) from error

    @property
    def _output_name(self) -> str:
        expected: str | None = self._description["output"]["name"]
        return expected or self._session.get_outputs()[0].name

    def _check_shape(self) -> None:
        asked = self._description["input"]
        names = [output.name for output in self._session.get_outputs()]
        if self._output_name not in names:
            raise UsageError(
                f"{self._description_file}: the network has no output '{self._output_name}'; it has {', '.join(names)}."
            )
        inputs = self._session.get_inputs()
        expected = [asked["channels"], *asked["size"]]
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            raise UsageError(f"{self.model} must take one input of shape (batch, channels, height, width).")
        actual = inputs[0].shape[1:]
        if any(isinstance(have, int) and have != want for have, want in zip(actual, expected, strict=True)):
            raise UsageError(
                f"{self._description_file} says channels, height, width {expected}; the network takes {actual}."
            )

    def _prepare_one(self, image: Any) -> NDArray[np.float32]:
        asked = self._description["input"]
        picture: Image = image if asked["region"] == "roi" else _hand_box(image)
        height, width = asked["size"]
        shrinking = picture.shape[0] > height
        resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
        if asked["channels"] == 1 and resized.ndim == 3:
            resized = cv2.cvtColor(resized, cv2.COLOR_RGB2GRAY)
        planes = np.atleast_3d(resized).astype(np.float32) / 255.0
        planes = np.broadcast_to(planes, (height, width, asked["channels"]))
        scaled = (planes - np.float32(asked["mean"])) / np.float32(asked["std"])
        return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32)


def _hand_box(image: Any) -> Image:
    """The box around the most confident hand; the whole picture for one that is a ready ROI."""
    if image.sample.kind == "roi":
        whole: Image = image.pixels
        return whole
    if not image.hands:
        raise SampleError("no hand found")
    height, width = image.pixels.shape[:2]
    x0, y0, x1, y1 = np.rint(image.hands[0].box).astype(int)
    cut: Image = image.pixels[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    if cut.size == 0:
        raise SampleError("the hand lies outside the picture")
    return cut


def _complete(values: dict[str, Any], path: Path) -> dict[str, Any]:
    """Fill in defaults and refuse what is not understood."""
    for section, keys in values.items():
        if section in _KEYS and not isinstance(keys, dict):
            raise UsageError(f"{path}: {section} must be a table, [{section}], not {keys!r}.")
        unknown = [section] if section not in _KEYS else [key for key in keys if key not in _KEYS[section]]
        if unknown:
            raise UsageError(f"{path}: '{unknown[0]}' is not understood; known are [input] and [output] with "
                             f"{', '.join(sorted(_KEYS['input'] | _KEYS['output']))}.")  # fmt: skip
    asked = {"region": "roi", "size": [128, 128], "channels": 1, "mean": None, "std": None, **values.get("input", {})}
    output = {"name": None, "metric": "cosine", **values.get("output", {})}
    if asked["region"] not in ("roi", "hand"):
        raise UsageError(f'{path}: region must be "roi" or "hand", not {asked["region"]!r}.')
    if type(asked["channels"]) is not int or asked["channels"] not in (1, 3):
        raise UsageError(f"{path}: channels must be 1 or 3, not {asked['channels']!r}.")
    for name, neutral in (("mean", 0.0), ("std", 1.0)):
        asked[name] = [neutral] * asked["channels"] if asked[name] is None else asked[name]
        if not isinstance(asked[name], list) or len(asked[name]) != asked["channels"]:
            raise UsageError(f"{path}: {name} must list one number for each of {asked['channels']} channels.")
    numbers = [*asked["mean"], *asked["std"]]
    if not all(type(number) in (int, float) and abs(number) <= LARGEST_NUMBER for number in numbers):
        raise UsageError(f"{path}: mean and std must be numbers, std not 0.")
    if any(abs(number) < 1 / LARGEST_NUMBER for number in asked["std"]):
        raise UsageError(f"{path}: mean and std must be numbers, std not 0.")
    size = asked["size"]
    if not (
        isinstance(size, list)
        and len(size) == 2
        and all(type(side) is int for side in size)
        and all(0 < side <= LARGEST_SIDE for side in size)
    ):
        raise UsageError(f"{path}: size must be [height, width] in pixels, 1 to {LARGEST_SIDE}, not {size!r}.")
    if not isinstance(output["name"], str | None):
        raise UsageError(f"{path}: the output's name must be text, not {output['name']!r}.")
    if output["metric"] not in list(distances.METRICS):
        raise UsageError(f"{path}: metric must be one of {', '.join(distances.METRICS)}, not {output['metric']!r}.")
    return {"input": asked, "output": output}
