"""Numbers in buckets against the same numbers sorted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deidkit.scores import ordering


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from([np.float32, np.float64]),
    shift=st.sampled_from([0.0, -0.5, 1.0, 1e-12, -3e6, 1e20]),
    spread=st.sampled_from([0.0, 1e-40, 1e-7, 1.0, 1e9]),
    levels=st.sampled_from([2, 50, 2**40]),
)
def test_buckets_answer_as_sorted_numbers_do(seed: int, kind: type, shift: float, spread: float, levels: int) -> None:
    rng = np.random.default_rng(seed)
    values = (shift + spread * np.round(rng.random(400) * levels) / levels).astype(kind)
    values[rng.random(400) < 0.05] = rng.choice([0.0, -0.0, np.finfo(kind).tiny, -np.finfo(kind).smallest_subnormal])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordering, "MANY", 1)
        buckets = ordering.order(values)
    ascending = np.sort(values).astype(np.float64)
    plain = ordering.Ascending(ascending)
    assert buckets.ends == plain.ends
    asked = rng.choice(ascending, 8)
    for number in (*asked, *(asked + 1e-9), *np.nextafter(asked, -np.inf), ascending[0] - 1, ascending[-1] + 1):
        for side in ("left", "right"):
            assert buckets.place(float(number), side) == plain.place(float(number), side)
        for holds in (lambda other, number=number: other >= number, lambda other, number=number: other > number):
            assert buckets.first(holds) == plain.first(holds)
    start, stop = sorted(rng.integers(0, 400, 2))
    np.testing.assert_array_equal(buckets.between(start, stop), ascending[start:stop])
    np.testing.assert_array_equal(buckets.ascending(), ascending)


@pytest.mark.parametrize("far", [1e200, -1e308])
def test_numbers_too_far_apart_for_buckets_are_sorted(far: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "MANY", 3)
    found = ordering.order(np.array([0.5, far, 5e-324, -5e-324]))
    assert isinstance(found, ordering.Ascending)
    assert found.ascending().tolist() == sorted([0.5, far, 5e-324, -5e-324])
