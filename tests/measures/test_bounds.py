"""The bound of a mean over people: exact where it is known, monotone everywhere, and never optimistic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaincinv

from deidkit.measures.bounds import mean_bounds


@pytest.mark.parametrize(("people", "exceptions"), [(1, 0), (2, 1), (3, 0), (30, 0), (30, 1), (30, 15), (400, 3)])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_is_clopper_and_pearson_where_people_are_all_or_nothing(
    people: int, exceptions: int, confidence: float
) -> None:
    values = np.concatenate([np.ones(exceptions), np.zeros(people - exceptions)])
    tail = (1 - confidence) / 2
    low = betaincinv(exceptions, people - exceptions + 1, tail) if exceptions else 0.0
    high = betaincinv(exceptions + 1, people - exceptions, 1 - tail)
    assert mean_bounds(values, confidence=confidence) == pytest.approx((low, high), abs=1e-6)


shares = st.lists(st.integers(0, 4), min_size=1, max_size=25).map(lambda counts: np.array(counts) / 4)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(values=shares, data=st.data())
def test_fewer_exceptions_never_give_a_worse_bound(values: np.ndarray, data: st.DataObject) -> None:
    person = data.draw(st.integers(0, len(values) - 1))
    fewer = values.copy()
    fewer[person] = data.draw(st.sampled_from(np.arange(0.0, values[person] + 0.1, 0.25)))
    weights = np.array(data.draw(st.lists(st.integers(1, 9), min_size=len(values), max_size=len(values))))
    worse, better = mean_bounds(values, weights), mean_bounds(fewer, weights)
    assert better[0] <= worse[0] + 1e-7
    assert better[1] <= worse[1] + 1e-7


@settings(max_examples=100, deadline=None)
@given(values=shares)
def test_holds_the_mean_and_does_not_mind_the_scale(values: np.ndarray) -> None:
    low, high = mean_bounds(values)
    assert 0.0 <= low <= values.mean() <= high <= 1.0
    scaled = mean_bounds(200 * values - 100, lowest=-100.0, highest=100.0)
    assert scaled == pytest.approx((200 * low - 100, 200 * high - 100), abs=1e-5)


def test_narrows_where_people_agree() -> None:
    """All-or-nothing people are the worst case; people who are all alike say more."""
    apart = mean_bounds(np.repeat([0.0, 1.0], 20))
    alike = mean_bounds(np.full(40, 0.5))
    assert alike[1] - alike[0] < (apart[1] - apart[0]) / 2


def test_many_people_are_the_normal_case() -> None:
    values = np.random.default_rng(0).random(1_500)
    reach = 1.96 * values.std() / np.sqrt(len(values))
    assert mean_bounds(values) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("share", "correlation"), [(0.01, 0.3), (0.03, 0.3), (0.03, 0.8), (0.1, 0.3), (0.5, 0.1)])
@pytest.mark.parametrize("people", [10, 30])
def test_rare_events_of_correlated_trials_are_covered(people: int, share: float, correlation: float) -> None:
    rng = np.random.default_rng(3)
    size = 1 / correlation - 1
    below = above = 0
    for _ in range(1_000):
        counts = rng.binomial(4, rng.beta(share * size, (1 - share) * size, people))
        low, high = mean_bounds(counts / 4)
        below += share < low
        above += share > high
    assert below <= 35 and above <= 35, (below, above)  # 2.5 % of 1,000 and two standard deviations
