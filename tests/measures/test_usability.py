from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deidkit.measures.usability import TASKS, USABILITY_METRICS, HandReading, usability_difference, usability_metrics

NOTHING = HandReading(box=None, keypoints=None, keypoints_3d=None, roi=None, mask=None)
SHAPE = (100, 200)


def reading() -> HandReading:
    points = np.stack([np.linspace(20, 180, 21), np.linspace(10, 90, 21)], axis=1).astype(np.float32)
    mask = np.zeros(SHAPE, bool)
    mask[20:80, 40:160] = True
    return HandReading(
        box=np.array([20, 10, 180, 90], np.float32),
        keypoints=points,
        keypoints_3d=np.zeros((21, 3), np.float32),
        roi=np.array([[50, 20], [90, 20], [90, 60], [50, 60]], np.float32),
        mask=mask,
    )


def moved(by: HandReading) -> HandReading:
    """Everything 4 pixels to the right and 1 down, 1 cm in 3-D, and 200 of 20,000 pixels of the mask."""
    step = np.array([4, 1], np.float32)
    assert by.box is not None and by.keypoints is not None and by.roi is not None and by.mask is not None
    mask = by.mask.copy()
    mask[0] = True
    return HandReading(
        box=by.box + np.tile(step, 2),
        keypoints=by.keypoints + step,
        keypoints_3d=np.full((21, 3), 0.01, np.float32),
        roi=by.roi + step,
        mask=mask,
    )


def test_errors_are_percent_of_the_stated_range() -> None:
    found = usability_difference(reading(), moved(reading()), SHAPE)
    assert set(found) == set(TASKS)
    # 4 of 200 pixels in x and 1 of 100 in y: (2 % + 1 %) / 2
    for task in ("hand_detection", "keypoints_2d", "roi"):
        assert found[task]["error"] == pytest.approx(1.5, abs=1e-5)
    assert found["keypoints_3d"]["error"] == pytest.approx(5.0, abs=1e-5)  # 1 of 20 cm
    assert found["segmentation"]["error"] == pytest.approx(1.0)


def test_nothing_moved_is_no_error() -> None:
    found = usability_difference(reading(), reading(), SHAPE)
    assert {row["error"] for row in found.values()} == {0.0}


def test_errors_stand_on_the_common_set_beside_the_change_of_success() -> None:
    without_3d = replace(reading(), keypoints_3d=None)
    pictures = [
        usability_difference(reading(), moved(reading()), SHAPE),
        usability_difference(reading(), NOTHING, SHAPE),
        usability_difference(NOTHING, reading(), SHAPE),
        usability_difference(reading(), without_3d, SHAPE),
    ]
    found = usability_metrics(pictures, np.arange(4, dtype=np.int32))
    assert set(found) == set(USABILITY_METRICS)
    box = found["hand_detection_error_percent"]
    assert box.value == pytest.approx(0.75, abs=1e-5)
    assert box.comparisons == 2
    assert box.parameters["pictures_without"] == {
        "the task failed on the copy": 1,
        "the task failed on the original": 1,
    }
    assert "percent of the picture's width" in box.parameters["normaliser"]
    assert found["hand_detection_success_change"].value == pytest.approx(0.0)
    change = found["keypoints_3d_success_change"]
    assert change.value == pytest.approx(-25.0)
    assert change.parameters["success_before_percent"] == pytest.approx(75.0)
    assert change.parameters["success_after_percent"] == pytest.approx(50.0)


def test_no_change_seen_is_not_no_change_possible() -> None:
    pictures = [usability_difference(reading(), reading(), SHAPE)] * 20
    change = usability_metrics(pictures, np.repeat(np.arange(10, dtype=np.int32), 2))["roi_success_change"]
    assert change.value == 0.0
    # 2.5 % chance that none of ten people shows what 30.85 % of people show
    assert change.high == pytest.approx(30.85, abs=0.01)
    assert change.low == pytest.approx(-30.85, abs=0.01)
    assert "10 subjects" in change.interval


def test_a_task_that_no_picture_passes_says_so() -> None:
    pictures = [usability_difference(reading(), NOTHING, SHAPE)] * 6
    found = usability_metrics(pictures, np.arange(6, dtype=np.int32))
    assert found["roi_error_percent"].value is None
    assert found["roi_error_percent"].reason == "The task failed on the copy."
    assert found["roi_success_change"].value == -100.0
    assert found["roi_success_change"].low == -100.0


def test_ready_regions_have_no_usability() -> None:
    found = usability_metrics([], np.empty(0, np.int32))
    assert set(found) == set(USABILITY_METRICS)
    assert all(estimate.value is None and estimate.reason and estimate.remedy for estimate in found.values())
