from __future__ import annotations

import numpy as np

from deidkit.hand import palm_detector


def outputs() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((2016, 18), np.float32), np.full((2016, 1), -20, np.float32)


def test_nothing_is_found_where_no_score_is_high() -> None:
    assert palm_detector.decode(*outputs(), minimum=0.5) == []


def test_a_palm_is_where_its_anchor_is() -> None:
    boxes, logits = outputs()
    row, column, anchor = 3, 10, 1
    index = (row * 24 + column) * 2 + anchor
    boxes[index, 2:4] = [38.4, 19.2]
    boxes[index, 4:6], boxes[index, 8:10] = [0, 19.2], [0, -19.2]
    logits[index] = 3
    (palm,) = palm_detector.decode(boxes, logits, minimum=0.5)
    assert np.allclose(palm.centre, [(column + 0.5) / 24, (row + 0.5) / 24])
    assert np.isclose(palm.side, 0.2)
    assert np.allclose(palm.direction, [0, -0.2], atol=1e-6)
    assert np.isclose(palm.score, 1 / (1 + np.exp(-3)))


def test_overlapping_boxes_are_averaged_by_score_and_others_kept() -> None:
    boxes, logits = outputs()
    first, second, far = 2 * (5 * 24 + 5), 2 * (5 * 24 + 6), 24 * 24 * 2 + 6 * (9 * 12 + 9)
    boxes[[first, second, far], 2:4] = 60
    logits[first], logits[second], logits[far] = 2, 1, 0.5
    palm, other = palm_detector.decode(boxes, logits, minimum=0.5)
    scores = 1 / (1 + np.exp(-np.array([2.0, 1.0])))
    assert np.isclose(palm.centre[0], (scores @ [5.5, 6.5]) / scores.sum() / 24)
    assert np.allclose(other.centre, 9.5 / 12)


def test_boxes_without_area_do_no_harm() -> None:
    boxes, logits = outputs()
    logits[:40] = 5
    assert len(palm_detector.decode(boxes, logits, minimum=0.5)) == 40
