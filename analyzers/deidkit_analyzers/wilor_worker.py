"""Runs WiLoR where its package is: in an environment of its own, below deidkit, which sends pictures and reads hands.

Started by `wilor_process` as ``python -c SOURCE FOLDER DEVICE CONFIDENCE`` by an interpreter that may be as old
as Python 3.9; it imports nothing of deidkit. A message is a line of JSON, and for a picture its bytes behind it:

    to deidkit, once      {"ready": {"package": "...", "torch": "...", "python": "...", "device": "..."}}
    from deidkit          {"height": h, "width": w}, then h * w * 3 bytes, RGB
    to deidkit, for each  {"hands": [{"box": [4], "keypoints": [21][2], "keypoints_3d": [21][3], "right": true}]}
    to deidkit            {"error": "...", "module": "..."} in the place of either; "module" where one is missing

It ends when its input does.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib import import_module, metadata
from typing import Any

PIPELINE = "wilor_mini.pipelines.wilor_hand_pose3d_estimation_pipeline"
"""Module of the package's pipeline."""


def main(folder: str, device: str, confidence: float) -> None:
    """Load WiLoR and answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # keep what libraries print out of the answers

    def say(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        pipeline, about = load(folder, device)
    except ModuleNotFoundError as error:
        say({"error": str(error), "module": error.name or ""})
        return
    except Exception as error:  # from wilor_mini, torch or an incompatible package
        say({"error": f"{type(error).__name__}: {error}"})
        return
    say({"ready": about})
    import numpy as np

    for line in iter(sys.stdin.buffer.readline, b""):
        asked = json.loads(line)
        shape = asked["height"], asked["width"], 3
        pixels = np.frombuffer(sys.stdin.buffer.read(shape[0] * shape[1] * 3), np.uint8).reshape(shape).copy()
        try:
            say({"hands": [hand(found) for found in pipeline.predict(pixels, hand_conf=confidence)]})
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}"})


def load(folder: str, device: str) -> tuple[Any, dict[str, str]]:
    """Load the pipeline; returns it with versions and device."""
    import torch

    make = import_module(PIPELINE).WiLorHandPose3dEstimationPipeline
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    place = torch.device(device)
    kind = torch.float32 if place.type == "cpu" else torch.float16
    pipeline = make(device=place, dtype=kind, wilor_pretrained_dir=folder, verbose=False)
    try:
        package = metadata.version("wilor_mini")
    except metadata.PackageNotFoundError:
        package = ""
    name = "CPU" if place.type == "cpu" else torch.cuda.get_device_name(place)
    return pipeline, {
        "package": package,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": name,
    }


def hand(found: dict[str, Any]) -> dict[str, Any]:
    """Convert the pipeline's record of one hand to plain values for JSON."""
    import numpy as np

    prediction = found["wilor_preds"]

    def numbers(values: Any, *shape: int) -> Any:
        return np.asarray(values, np.float64).reshape(-1)[: int(np.prod(shape))].reshape(shape).tolist()

    return {
        "box": numbers(found["hand_bbox"], 4),
        "keypoints": numbers(prediction["pred_keypoints_2d"], 21, 2),
        "keypoints_3d": numbers(prediction["pred_keypoints_3d"], 21, 3),
        "right": bool(found["is_right"] > 0.5),
    }


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
