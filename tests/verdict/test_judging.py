"""One number against one requirement: the unfavourable end passes, the favourable end fails, between nothing is known."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from deidkit.result import Estimate
from deidkit.verdict import Rule
from deidkit.verdict.judging import Judgement, judge_metric

from .records import percent


def judged(text: str, estimate: Estimate, **more: Estimate) -> Judgement:
    rule = Rule.parse(text)
    return judge_metric(rule, {rule.condition.metric: estimate, **more})


@pytest.mark.parametrize(
    ("text", "low", "value", "high", "status"),
    [
        ("RR >= 95", 92.0, 96.0, 99.0, "INCONCLUSIVE"),
        ("RR >= 92", 92.0, 96.0, 99.0, "PASS"),
        ("RR >= 99.5", 92.0, 96.0, 99.0, "FAIL"),
        ("RR >= 50", 45.3, 63.5, 91.7, "INCONCLUSIVE"),
        ("RR >= 95", 47.8, 100.0, 100.0, "INCONCLUSIVE"),  # five people, every copy rejected
        ("RR <= 98.5", 92.0, 96.0, 99.0, "INCONCLUSIVE"),
        ("RR <= 99", 92.0, 96.0, 99.0, "PASS"),
        ("RR <= 91", 92.0, 96.0, 99.0, "FAIL"),
    ],
)
def test_each_end_of_the_interval_decides_one_way(
    text: str, low: float, value: float, high: float, status: str
) -> None:
    assert judged(text, percent(value, low, high)).status == status


def test_a_rate_that_hangs_on_the_threshold_asks_for_a_fixed_one_and_not_for_people() -> None:
    ends = {"percent_at_threshold_low": 0.0, "percent_at_threshold_high": 97.0}
    found = judged("RR >= 95", dataclasses.replace(percent(40.0, 0.0, 100.0), parameters=ends))
    assert (found.status, found.subjects_needed) == ("INCONCLUSIVE", None)
    assert "more subjects need not decide it: require the rate at a fixed false match rate" in found.explanation


def test_a_point_is_judged_where_it_is_asked_for_or_is_a_count() -> None:
    assert judged("RR >= 95 on point", percent(96.0, 92.0, 99.0)).status == "PASS"
    assert judged("RR >= 97 on point", percent(96.0, 92.0, 99.0)).status == "FAIL"
    assert judged("FTA <= 5", percent(4.0, exact=True)).explanation == "counted exactly: 4, required <= 5"
    assert judged("FTA <= 3", percent(4.0, exact=True)).status == "FAIL"


@pytest.mark.parametrize(
    "estimate",
    [
        percent(None, reason="no impostors"),
        percent(99.0),
        percent(float("nan"), 96.0, 100.0),
        percent(99.0, float("nan"), 100.0),
        percent(99.0, 100.0, 96.0),
    ],
)
def test_what_is_no_number_or_has_no_interval_never_passes(estimate: Estimate) -> None:
    assert judged("RR >= 95", estimate).status == "INCONCLUSIVE"
    assert judged("RR <= 100", estimate).status == "INCONCLUSIVE"


def test_a_single_end_decides_on_its_own_side_only() -> None:
    assert judged("RR >= 95", percent(99.0, 96.0, None)).status == "PASS"
    assert judged("RR >= 95", percent(80.0, None, 90.0)).status == "FAIL"
    assert judged("RR >= 95", percent(99.0, None, 100.0)).status == "INCONCLUSIVE"


def test_the_thresholds_of_one_equal_error_rate_widen_the_rejection_rate() -> None:
    arbitrary = percent(
        98.0, 96.0, 99.0, parameters={"percent_at_threshold_low": 98.4, "percent_at_threshold_high": 1.6}
    )
    found = judged("RR >= 95", arbitrary)
    assert (found.status, found.measured, found.subjects_needed) == ("INCONCLUSIVE", 1.6, None)
    assert judged("RR >= 99.5", arbitrary).status == "FAIL"


def test_linkage_far_from_chance_is_a_link_on_either_side() -> None:
    assert judged("copy_linkage_eer_percent >= 40", percent(50.0, 45.0, 55.0)).status == "PASS"
    turned = judged("copy_linkage_eer_percent >= 40", percent(90.0, 85.0, 95.0))
    assert (turned.status, turned.measured) == ("FAIL", 15.0)
    assert judged("copy_linkage_eer_percent >= 40", percent(55.0, 45.0, 70.0)).status == "INCONCLUSIVE"
    assert judged("copy_linkage_eer_percent >= 40", percent(48.0, 45.0, None)).status == "INCONCLUSIVE"
    assert judged("copy_linkage_eer_percent >= 40", percent(5.0, None, 9.0)).status == "FAIL"
    assert judged("linkage_auc <= 0.6", Estimate(value=0.5, unit="probability", low=0.45, high=0.56)).status == "PASS"
    assert judged("linkage_auc <= 0.6", Estimate(value=0.2, unit="probability", low=0.1, high=0.3)).status == "FAIL"


def test_a_limit_relative_to_chance_follows_the_number_of_people() -> None:
    chance = {"chance_rank_1_percent": percent(10.0)}
    assert judged("rank-1 <= chance + 5", percent(12.0, 9.0, 14.9), **chance).status == "PASS"
    assert judged("rank-1 <= chance + 5", percent(20.0, 16.0, 24.0), **chance).status == "FAIL"
    assert judged("rank-1 <= chance", percent(10.0, 9.0, 14.9), **chance).status == "INCONCLUSIVE"
    assert judged("rank-1 <= chance + 5", percent(1.0, 0.5, 2.0)).status == "INCONCLUSIVE"
    assert judged("copy_linkage_eer_percent >= chance - 10", percent(49.0, 42.0, 51.0)).status == "PASS"
    assert (
        "required <= 15 (chance 10 + 5)"
        in judged("rank-1 <= chance + 5", percent(12.0, 9.0, 14.9), **chance).explanation
    )


def test_the_number_of_subjects_that_would_decide_follows_the_width() -> None:
    # no exception among 30: the width falls with n, and fewer than 72 cannot pass whatever is seen
    assert judged("RR >= 95", percent(100.0, 88.4, 100.0, subjects=30)).subjects_needed == 72
    # else with the root of n: twice as near takes four times as many
    passing, failing = (judged(f"RR >= {limit}", percent(90.0, 80.0, 96.0, subjects=30)) for limit in (85, 95))
    assert (passing.subjects_needed, failing.subjects_needed) == (120, 44)  # to fail: 30 * (6 / 5)^2
    assert "about 120 in all, would let it pass, if they gave the same number" in passing.explanation
    assert "about 44 in all, would fail it" in failing.explanation
    assert judged("RR >= 90", percent(90.0, 80.0, 96.0, subjects=30)).subjects_needed is None


@given(
    people=st.integers(3, 200),
    exceptions=st.lists(st.integers(0, 200), min_size=2, max_size=2),
    limit=st.integers(1, 99),
    comparison=st.sampled_from([">=", "<="]),
)
def test_fewer_exceptions_never_worsen_a_judgement(
    people: int, exceptions: list[int], limit: int, comparison: str
) -> None:
    """Exact bounds (Clopper-Pearson) for copies accepted, or for copies identified."""
    order = ["FAIL", "INCONCLUSIVE", "PASS"]
    found = []
    for count in sorted(min(number, people) for number in exceptions):
        hits = people - count if comparison == ">=" else count
        low = 100 * beta.ppf(0.025, hits, people - hits + 1) if hits else 0.0
        high = 100 * beta.ppf(0.975, hits + 1, people - hits) if hits < people else 100.0
        estimate = percent(100 * hits / people, low, high, subjects=people)
        found.append(order.index(judged(f"RR at FMR 1 % {comparison} {limit}", estimate).status))
    assert found[0] >= found[1]
