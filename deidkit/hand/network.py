"""Runs a TensorFlow Lite file with LiteRT, or with OpenCV if LiteRT is not installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.descriptors import stderr_silenced
from deidkit.errors import MissingDependency, MissingModel

Runtime = Literal["litert", "opencv"]

Network = Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]]
"""A square RGB picture -> the outputs in the order of the file, each flattened to (n,) or (rows, columns)."""

_OLDEST_OPENCV = 5
"""Minimum major version: OpenCV 4 shifts keypoints by up to 4 % of the palm's length (4.10 and 4.12)."""


def runtime(choice: Literal["auto", "litert", "opencv"]) -> Runtime:
    """Select the runtime.

    Raises:
        MissingDependency: LiteRT is requested and not installed, or OpenCV is needed and too old.
    """
    here = importlib.util.find_spec("ai_edge_litert") is not None
    if choice == "litert" and not here:
        raise MissingDependency("runtime 'litert' needs 'ai-edge-litert'. Install it with: pip install ai-edge-litert")
    if here and choice != "opencv":
        return "litert"
    if int(cv2.__version__.partition(".")[0]) < _OLDEST_OPENCV:
        raise MissingDependency(
            f"runtime 'opencv' needs OpenCV {_OLDEST_OPENCV}, for {cv2.__version__} misplaces keypoints. "
            f"Install it with: pip install 'opencv-python-headless>={_OLDEST_OPENCV}'"
        )
    return "opencv"


def load(file: Path, outputs: Sequence[str], use: Runtime) -> Network:
    """Open a network for use by one thread.

    Args:
        file: The .tflite file; its input is (1, side, side, 3) float32 in 0..1.
        outputs: Names of the outputs to return, as the file has them.
        use: The runtime.

    Raises:
        MissingModel: The file cannot be opened as a network.
    """
    try:
        return _litert(file, outputs) if use == "litert" else _opencv(file, outputs)
    except (ValueError, RuntimeError, cv2.error) as error:
        raise MissingModel(f"model file {file} cannot be opened with {use}: {str(error).strip()}") from error


def _litert(file: Path, outputs: Sequence[str]) -> Network:
    from ai_edge_litert.interpreter import Interpreter

    with stderr_silenced():  # LiteRT prints a line on first use
        interpreter: Any = Interpreter(str(file), num_threads=1)
        interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]["index"]
    index = {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}

    def run(picture: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        interpreter.set_tensor(entry, picture[None] * np.float32(1 / 255))
        interpreter.invoke()
        return [interpreter.get_tensor(index[name])[0] for name in outputs]

    return run


def _opencv(file: Path, outputs: Sequence[str]) -> Network:
    # The classic engine of OpenCV 5: the new one gives only the first output of these files.
    engine = [getattr(cv2.dnn, name) for name in ("ENGINE_CLASSIC",) if hasattr(cv2.dnn, name)]
    net: Any = cv2.dnn.readNetFromTFLite(str(file), *engine)
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)

    def run(picture: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        net.setInput(cv2.dnn.blobFromImage(picture, 1 / 255))
        return [np.asarray(result)[0] for result in net.forward(list(outputs))]

    return run
