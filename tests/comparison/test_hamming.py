"""The compiled shifted Hamming distance against its definition written out in numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deidkit.comparison import ShiftedHamming


def by_definition(comparator: ShiftedHamming, probe: np.ndarray, reference: np.ndarray) -> float:
    """Mean over groups of the smallest share of differing bits over all shifts."""
    height, width, span = comparator.height, comparator.width, comparator.max_shift
    total = 0.0
    for group in range(comparator.groups):
        planes = slice(group * comparator.planes_per_group, (group + 1) * comparator.planes_per_group)
        shares = []
        for dy in range(-span, span + 1):
            for dx in range(-span, span + 1):
                a = probe[planes, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
                b = reference[planes, max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
                shares.append((a != b).mean())
        total += min(shares)
    return total / comparator.groups


@settings(max_examples=30, deadline=None)
@given(
    groups=st.integers(1, 3),
    planes=st.integers(1, 3),
    height=st.integers(4, 33),
    width=st.integers(4, 64),
    shift=st.integers(0, 3),
    count=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_agrees_with_the_definition_for_any_layout(groups, planes, height, width, shift, count, seed) -> None:
    comparator = ShiftedHamming(groups, planes, height, width, shift)
    rng = np.random.default_rng(seed)
    bits = rng.random((count, comparator.planes, height, width)) < rng.random()
    templates = comparator.pack(bits)
    np.testing.assert_array_equal(comparator.unpack(templates), bits)
    distances = comparator.compare(templates[:2], templates)
    wanted = [[by_definition(comparator, probe, reference) for reference in bits] for probe in bits[:2]]
    np.testing.assert_allclose(distances, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("comparator", [ShiftedHamming(2, 6, 32, 32, 2), ShiftedHamming(12, 1, 32, 32, 4)])
def test_a_shift_within_reach_costs_nothing_and_distances_are_symmetric(comparator: ShiftedHamming) -> None:
    rng = np.random.default_rng(1)
    bits = rng.random((1, 12, 40, 40)) < 0.5
    moved = np.stack([bits[0, :, 4:36, 4:36], bits[0, :, 5:37, 2:34], bits[0, :, 8:40, 8:40]])
    distances = comparator.compare(comparator.pack(moved), comparator.pack(moved))
    assert distances[0, 1] == 0.0
    assert (distances[0, 2] == 0.0) == (comparator.max_shift >= 4)
    np.testing.assert_array_equal(distances, distances.T)
    np.testing.assert_array_equal(np.diag(distances), 0.0)


def test_planes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="larger than the largest shift"):
        ShiftedHamming(1, 1, 32, 8, 8)
    with pytest.raises(ValueError, match="expected"):
        ShiftedHamming(1, 1, 32, 32, 0).pack(np.zeros((1, 2, 32, 32), dtype=bool))
