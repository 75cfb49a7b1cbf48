"""Two identities that look like one are found, whatever the size of blocks, and nobody else is."""

from __future__ import annotations

import numpy as np
import pytest

from deidkit.comparison import Templates, suspect_pairs
from deidkit.errors import UsageError


class Distance:
    """Templates are points on a line."""

    score_range = (0.0, 1e9)

    def compare(self, probes: np.ndarray, references: np.ndarray) -> np.ndarray:
        return np.abs(probes[:, None, 0] - references[None, :, 0]).astype(np.float64)


def people(places: list[float], samples: int) -> Templates:
    """Each person's samples 1 apart, the people where they are put."""
    data = np.concatenate([np.arange(samples) + place for place in places])[:, None]
    identities = np.repeat(np.arange(len(places), dtype=np.int32), samples)
    return Templates(data, identities, identities, np.arange(len(data), dtype=np.int32))


def test_one_hand_under_two_names_is_found() -> None:
    """300 people a hundred apart, of whom 7 and 250 are one; their genuine distances are 1, 1 and 2."""
    places = [100.0 * number for number in range(300)]
    places[250] = places[7] + 0.25
    (pair,) = suspect_pairs(Distance(), people(places, 3), 1.0)
    assert pair.identities == (7, 250)
    assert (pair.distance, pair.comparisons) == (0.25, 9)
    assert pair.closer == 5  # differences -2 .. 2 between samples, plus 0.25: -0.75 and 0.25, of 2 and 3 pairs
    assert pair.rows[1] - pair.rows[0] == (250 - 7) * 3


def test_a_single_sample_under_a_wrong_name_is_found_and_comes_after() -> None:
    templates = people([0.0, 100.0, 200.0, 300.0, 300.5], 3)
    templates.data[4] = 1.125  # the second sample of the second person is of the first
    found = suspect_pairs(Distance(), templates, 1.0)
    assert [pair.identities for pair in found] == [(3, 4), (0, 1)]
    assert found[1].rows == (1, 4) and found[1].distance == 0.125


def test_nobody_is_suspected_where_all_are_apart() -> None:
    assert suspect_pairs(Distance(), people([100.0 * n for n in range(50)], 2), 1.0) == []


def test_a_recognizer_that_tells_nobody_apart_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot distinguish these people"):
        suspect_pairs(Distance(), people([0.0] * 200, 1), 1.0)
