"""Usability of copies: five hand analysis tasks before and after de-identification.

The published definition is a mean absolute error in percent of the possible range, without naming the range; the
parameters of each estimate state ours. As a failed task has no error, the error is averaged over the pictures on which
both sides succeed, and reported with the change of the success rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.measures.contributions import of_pictures
from deidkit.measures.evidence import Influence
from deidkit.measures.intervals import DEFAULT_SETTINGS
from deidkit.measures.means import Value, mean_estimate
from deidkit.measures.pictures import USABILITY
from deidkit.protocols import IntervalSettings, Mask
from deidkit.result import Estimate

TASKS = {
    "hand_detection": "mean absolute difference of the box's four coordinates, x in percent of the picture's width, "
    "y of its height",
    "keypoints_2d": "mean absolute difference of the 21 keypoints' coordinates, x in percent of the picture's width, "
    "y of its height",
    "keypoints_3d": "mean absolute difference of the 21 keypoints' coordinates in percent of 0.2 m, about the length "
    "of a hand",
    "roi": "mean absolute difference of the four corners' coordinates, x in percent of the picture's width, y of "
    "its height",
    "segmentation": "percent of the picture's pixels that one mask has and the other has not",
}
"""Task -> how its error is normalised."""

HAND_LENGTH = 0.2
"""Approximate length of a hand, in metres."""

USABILITY_METRICS = tuple(record.name for record in USABILITY)
"""Names of the usability metrics."""

_ERRORS, _CHANGES = USABILITY[::2], USABILITY[1::2]
"""Error and success metrics of each task, in the order of `TASKS`."""


@dataclass(frozen=True)
class HandReading:
    """Results of the hand analysis of a picture; None for each task that failed.

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
    """Compare the readings of a picture and its copy, both of the same (height, width).

    Returns:
        Task -> ``before`` and ``after`` (1 success, 0 failure) and ``error`` in percent, None unless both succeeded.
    """
    height, width = shape[:2]
    pairs = {
        "hand_detection": (original.box, deidentified.box, (width, height)),
        "keypoints_2d": (original.keypoints, deidentified.keypoints, (width, height)),
        "keypoints_3d": (original.keypoints_3d, deidentified.keypoints_3d, (HAND_LENGTH,) * 3),
        "roi": (original.roi, deidentified.roi, (width, height)),
        "segmentation": (original.mask, deidentified.mask, (1,)),
    }
    found: dict[str, dict[str, float | None]] = {}
    for task, (before, after, possible) in pairs.items():
        error: float | None = None
        if before is not None and after is not None:
            apart = before != after if task == "segmentation" else np.abs(np.subtract(before, after, dtype=np.float64))
            error = 100.0 * float(np.mean(apart.reshape(-1, len(possible)) / np.asarray(possible)))
        found[task] = {"before": float(before is not None), "after": float(after is not None), "error": error}
    return found


def usability_metrics(
    pictures: Sequence[Mapping[str, Mapping[str, float | None]]],
    subjects: NDArray[np.int32],
    settings: IntervalSettings | None = DEFAULT_SETTINGS,
) -> dict[str, Estimate]:
    """Compute errors and changes of the success rate from the `usability_difference` of each copy.

    Returns:
        An estimate for each of `USABILITY_METRICS`: errors in percent, lower is better, and changes of the success rate
        in percentage points, negative for a loss.
    """
    if not pictures:
        nothing = Estimate(
            value=None,
            unit="percent",
            reason="There is no copy of a picture of a whole hand.",
            remedy="Audit whole-hand pictures to learn what de-identification costs those who analyse hands.",
        )
        return dict.fromkeys(USABILITY_METRICS, nothing)
    estimates: dict[str, Estimate] = {}
    for (task, normaliser), error, change in zip(TASKS.items(), _ERRORS, _CHANGES, strict=True):
        rows = [picture[task] for picture in pictures]
        estimates[error.name] = mean_estimate(
            [_error(row) for row in rows],
            subjects,
            settings,
            unit=error.unit,
            safer=error.safer,
            parameters={"normaliser": normaliser, "on": "pictures on which both sides succeed"},
        )
        before, after = (np.array([row[side] for row in rows], dtype=np.float64) for side in ("before", "after"))
        estimates[change.name] = mean_estimate(
            (100.0 * (after - before)).tolist(),
            subjects,
            settings,
            unit=change.unit,
            safer=change.safer,
            parameters={
                "success_before_percent": 100.0 * float(before.mean()),
                "success_after_percent": 100.0 * float(after.mean()),
            },
            ends=(-100.0, 100.0),
        )
    return estimates


def usability_contributions(
    pictures: Sequence[Mapping[str, Mapping[str, float | None]]], subjects: NDArray[np.int32]
) -> dict[str, Influence]:
    """Compute each person's contribution to `usability_metrics`; metrics without a value are absent."""
    found: dict[str, Influence | None] = {}
    for task, error, change in zip(TASKS, _ERRORS, _CHANGES, strict=True):
        rows = [picture[task] for picture in pictures]
        changes = [100.0 * ((row["after"] or 0.0) - (row["before"] or 0.0)) for row in rows]
        found[error.name] = of_pictures([_error(row) for row in rows], subjects)
        found[change.name] = of_pictures(changes, subjects)
    return {name: influence for name, influence in found.items() if influence is not None}


def _error(row: Mapping[str, float | None]) -> Value:
    if row["error"] is not None:
        return row["error"]
    failed = [name for name, side in (("original", "before"), ("copy", "after")) if not row[side]]
    return f"the task failed on the {' and the '.join(failed)}"
