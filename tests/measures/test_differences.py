"""Differences between two audits: of the same people by person, of others from both intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deidkit.measures import registry
from deidkit.measures.differences import paired, unpaired, width_of
from deidkit.measures.evidence import influence_of_shares
from deidkit.result import Estimate

PEOPLE = np.arange(40, dtype=np.int32)


def shares(values: np.ndarray):
    return influence_of_shares(values, PEOPLE)


def test_what_makes_a_person_easy_in_both_audits_cancels() -> None:
    rng = np.random.default_rng(1)
    easy = rng.normal(50, 20, 40)
    before, after = shares(easy), shares(easy + rng.normal(-3, 1, 40))
    found = paired(before, after, None)
    assert found.high is not None and found.high < 0
    differences = after.pseudo_values - before.pseudo_values
    reach = 2.0227 * differences.std(ddof=1) / math.sqrt(40)  # Student's t of 39 degrees of freedom
    assert (found.low, found.high) == pytest.approx((differences.mean() - reach, differences.mean() + reach), rel=1e-3)


def test_nothing_that_differs_among_some_people_does_not_mean_nothing() -> None:
    found = paired(shares(np.zeros(40)), shares(np.zeros(40)), 100.0)
    exact = 100 * (1 - 0.025 ** (1 / 40))  # of no exception among 40
    assert found.high == pytest.approx(exact, rel=0.01)
    assert found.low == pytest.approx(-exact, rel=0.01)


@pytest.mark.parametrize("true", [0.0, 15.0])
def test_the_interval_of_rates_covers_the_true_difference(true: float) -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        person = rng.uniform(0.2, 0.7, 40)
        before = 100.0 * rng.binomial(4, person) / 4
        after = 100.0 * rng.binomial(4, person + true / 100) / 4
        found = paired(shares(before), shares(after), 100.0)
        assert found.low is not None and found.high is not None
        covered += found.low <= true <= found.high
    assert covered >= 190


def test_people_of_one_audit_only_widen_and_too_few_say_so() -> None:
    few = influence_of_shares(np.ones(3), PEOPLE[:3])
    assert paired(few, shares(np.zeros(40)), 100.0).low is None
    assert "too few" in paired(few, few, None).text


def test_intervals_of_different_people_are_combined_by_hand() -> None:
    before = Estimate(value=40.0, unit="percent", low=30.0, high=48.0)
    after = Estimate(value=60.0, unit="percent", low=54.0, high=72.0)
    found = unpaired(before, after)
    assert (found.low, found.high) == pytest.approx((20 - math.hypot(6, 8), 20 + math.hypot(12, 10)))
    bare = Estimate(value=40.0, unit="percent", interval="not computed: 4 subjects are too few")
    assert "4 subjects are too few" in unpaired(bare, after).text


def test_only_rates_and_probabilities_have_a_range_that_counts() -> None:
    widths = {name: width_of(registry.metric(name)) for name in
              ("rank_1_percent", "linkage_auc", "deid_ratio_percent", "ssim", "roi_success_change", "tomorrow")}  # fmt: skip
    assert widths == {
        "rank_1_percent": 100.0, "linkage_auc": 1.0, "deid_ratio_percent": None, "ssim": None,
        "roi_success_change": 200.0, "tomorrow": None,
    }  # fmt: skip
