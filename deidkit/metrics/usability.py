"""What de-identification cost those who use the picture: five tasks, before and after.

The published definition is a mean absolute error in percent of the possible range; which range is not said. Each one is
stated in the parameters of its estimate. A task that fails on one side has no error, so the error is over the pictures
on which both sides succeed, and stands beside the change of the success rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.metrics.bootstrap import BootstrapSettings
from deidkit.metrics.quality import mean_estimate
from deidkit.protocols import Mask
from deidkit.result import Estimate

TASKS = {
    "hand_detection": "mean absolute difference of the box's four coordinates, x in percent of the picture's width, "
    "y of its height",
    "keypoints_2d": "mean absolute difference of the 21 keypoints' coordinates, x in percent of the picture's width, "
    "y of its height",
    "keypoints_3d": "mean absolute difference of the 21 keypoints' coordinates in percent of 0.2 m, a hand's length",
    "roi": "mean absolute difference of the four corners' coordinates, x in percent of the picture's width, y of "
    "its height",
    "segmentation": "percent of the picture's pixels that one mask has and the other has not",
}
"""Task -> how its error is normalised."""

HAND_LENGTH = 0.2
"""Metres."""

USABILITY_METRICS = tuple(f"{task}_{what}" for task in TASKS for what in ("error_percent", "success_change"))
"""Names of the usability metrics."""


@dataclass(frozen=True)
class HandReading:
    """What the hand analysis says about a picture; None for each task that failed.

    Attributes:
        box: (4,) x0 y0 x1 y1 in pixels.
        keypoints: (21, 2) x y in pixels.
        keypoints_3d: (21, 3) in metres.
        roi: (4, 2) corners in pixels.
        mask: (h, w) bool.
    """

    box: NDArray[np.float32] | None
    keypoints: NDArray[np.float32] | None
    keypoints_3d: NDArray[np.float32] | None
    roi: NDArray[np.float32] | None
    mask: Mask | None


def usability_difference(
    original: HandReading, deidentified: HandReading, shape: tuple[int, ...]
) -> dict[str, dict[str, float | None]]:
    """How far the readings of one picture and its copy lie apart.

    Args:
        original: Reading of the original.
        deidentified: Reading of the copy.
        shape: Height and width of both.

    Returns:
        Task -> ``before`` and ``after`` (1 success, 0 failure) and ``error`` in percent, None unless both succeeded.
    """
    height, width = shape[:2]
    size = np.array([width, height], dtype=np.float64)
    pairs = {
        "hand_detection": (original.box, deidentified.box),
        "keypoints_2d": (original.keypoints, deidentified.keypoints),
        "keypoints_3d": (original.keypoints_3d, deidentified.keypoints_3d),
        "roi": (original.roi, deidentified.roi),
        "segmentation": (original.mask, deidentified.mask),
    }
    found: dict[str, dict[str, float | None]] = {}
    for task, (before, after) in pairs.items():
        error: float | None = None
        if before is not None and after is not None:
            if task == "segmentation":
                error = 100.0 * float(np.mean(before != after))
            elif task == "keypoints_3d":
                error = 100.0 * float(np.mean(np.abs(before - after))) / HAND_LENGTH
            else:
                apart = np.abs(np.asarray(before, np.float64) - np.asarray(after, np.float64)).reshape(-1, 2)
                error = 100.0 * float(np.mean(apart / size))
        found[task] = {"before": float(before is not None), "after": float(after is not None), "error": error}
    return found


def usability_metrics(
    pictures: Sequence[Mapping[str, Mapping[str, float | None]]],
    subjects: NDArray[np.int32],
    settings: BootstrapSettings | None = None,
) -> dict[str, Estimate]:
    """Errors on the common set and changes of the success rate, task by task.

    Args:
        pictures: What `usability_difference` gave for each copy.
        subjects: (n,) subject number of each.
        settings: How intervals are made.

    Returns:
        An estimate for each of `USABILITY_METRICS`; lower errors and smaller losses of success are better.
    """
    how = settings or BootstrapSettings()
    if not pictures:
        nothing = Estimate(
            value=None,
            unit="percent",
            reason="The data set holds no pictures of whole hands.",
            remedy="Audit whole-hand pictures to learn what de-identification costs those who analyse hands.",
        )
        return dict.fromkeys(USABILITY_METRICS, nothing)
    estimates: dict[str, Estimate] = {}
    for task, normaliser in TASKS.items():
        rows = [picture[task] for picture in pictures]
        estimates[f"{task}_error_percent"] = mean_estimate(
            [row["error"] for row in rows],
            subjects,
            how,
            unit="percent",
            safer="lower",
            reason="the task failed on the original or on the copy",
            parameters={"normaliser": normaliser, "on": "pictures on which both sides succeed"},
        )
        before, after = ([row[side] or 0.0 for row in rows] for side in ("before", "after"))
        estimates[f"{task}_success_change"] = mean_estimate(
            [100.0 * (b - a) for a, b in zip(before, after, strict=True)],
            subjects,
            how,
            unit="percentage points",
            safer="higher",
            reason="",
            parameters={
                "success_before_percent": 100.0 * float(np.mean(before)),
                "success_after_percent": 100.0 * float(np.mean(after)),
            },
        )
    return estimates
