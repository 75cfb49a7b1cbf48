"""Policies and lines: read right, or refused in one sentence before anything is measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deidkit.errors import UsageError
from deidkit.verdict import Condition, Minimum, Policy, Rule, built_in_policies, find_policy, judge, load_policy

from .records import attacked, evidence, percent

POLICY = """
name = "ours"
reason = "For a test."

[minimum]
subjects = 50

[[requirement]]
metric = "RR at FMR 1 %"
limit = ">= 90"
reason = "It is said so."
minimum = {subjects = 10, comparisons = 500}

[[requirement]]
metric = "rank_1_percent"
limit = "<= chance + 5"
reason = "So is this."
recognizers = "mtcc"
bound = "point"
"""


def test_a_policy_is_read_whole() -> None:
    policy = load_policy(POLICY)
    first, second = policy.rules
    assert (policy.name, policy.reason, len(policy.digest)) == ("ours", "For a test.", 64)
    assert first.condition.metric == "rejection_rate_percent_at_fmr_1_percent"
    assert first.minimum == Minimum(50, 500)
    assert (second.condition.on_point, second.condition.from_chance, second.recognizers) == (True, True, "mtcc")
    assert second.concerns("mtcc") and second.concerns("mtcc (preset=B)") and not second.concerns("compcode")
    assert load_policy(POLICY.replace("90", "91")).digest != policy.digest


def test_too_few_subjects_or_comparisons_never_pass_and_may_fail() -> None:
    policy = load_policy(POLICY.partition('[[requirement]]\nmetric = "rank')[0])
    name = "rejection_rate_percent_at_fmr_1_percent"
    assert judge(policy, evidence(**{name: percent(100, 96, 100, subjects=60, comparisons=600)})).status == "PASS"
    few = judge(policy, evidence(**{name: percent(100, 96, 100, subjects=40, comparisons=600)}))
    assert few.status == "INCONCLUSIVE"
    assert few.requirements[0].subjects_needed == 50
    assert "rests on 40 subjects; nothing passes on fewer than 50" in few.requirements[0].explanation
    assert (
        judge(policy, evidence(**{name: percent(100, 96, 100, subjects=60, comparisons=400)})).status == "INCONCLUSIVE"
    )
    assert judge(policy, evidence(**{name: percent(9, 6, 10, subjects=4, comparisons=4)})).status == "FAIL"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = ", "the policy cannot be read"),
        ('name = "a"', "missing required field `reason`"),
        (POLICY + "colour = 3", "unknown field `colour`"),
        (POLICY.replace('"point"', '"upper"'), "it can be 'interval' or 'point'"),
        (POLICY.replace(">= 90", "> 90"), "is not of the form"),
        ('name = "a"\nreason = "b"\nrequirement = []', "states no requirement"),
    ],
)
def test_a_policy_that_cannot_be_read_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=sentence):
        load_policy(text)
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(UsageError, match=r"p\.toml: "):
        find_policy(str(tmp_path / "p.toml"))


def test_a_policy_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'screening'"):
        find_policy("screning")
    with pytest.raises(UsageError, match="no policy"):
        find_policy(str(tmp_path))


@pytest.mark.parametrize("name", built_in_policies())
def test_built_in_policies_give_a_reason_for_every_requirement(name: str) -> None:
    policy = find_policy(name)
    assert policy.name == name
    assert policy.identity_control
    assert all(rule.reason and rule.minimum.subjects for rule in policy.rules)


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        ("RR >= 95", "rejection_rate_percent"),
        ("DIR >= 90", "deid_ratio_percent"),
        ("De-identification Ratio (DIR) >= 90", "deid_ratio_percent"),
        ("Linkage among copies: EER >= 40", "copy_linkage_eer_percent"),
        ("rr at fmr 0.1 % >= 95", "rejection_rate_percent_at_fmr_0_1_percent"),
        ("metadata_findings <= 0", "metadata_count"),
        ("ssim_outside>=0.99", "ssim_outside"),
    ],
)
def test_a_metric_may_be_named_as_the_report_prints_it(text: str, metric: str) -> None:
    assert Rule.parse(text).condition.metric == metric


@pytest.mark.parametrize(
    "text", ["RR > 95", "RR", ">= 3", "RR >= many", "RR >= 95 maybe", "RR >= 3 >= 4", "RR == 3", "RR >= ", ""]
)
def test_what_is_no_requirement_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not of the form"):
        Rule.parse(text)


def test_chance_needs_a_metric_that_has_it() -> None:
    with pytest.raises(UsageError, match="no fixed value for ssim"):
        Rule.parse("ssim >= chance")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("rank1_percent <= 5", "rank_1_percent"),
        ("unchanged_counts <= 0", "unchanged_count"),
        ("Linkage among copies EE >= 3", "copy_linkage_eer_percent"),
    ],
)
def test_an_unknown_metric_is_refused_with_the_nearest(text: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"Did you mean '{meant}'"):
        Policy().with_lines([text]).check(["rank_1_percent", "ssim", "copy_linkage_eer_percent"], ["mtcc"])


def test_a_recognizer_that_is_not_run_is_refused() -> None:
    with pytest.raises(UsageError, match="for the recognizer 'mtcc', which is not among"):
        load_policy(POLICY).check(["rank_1_percent", "rejection_rate_percent_at_fmr_1_percent"], ["compcode"])


@pytest.mark.parametrize(
    ("text", "metric", "limit"),
    [
        ("rr ≥ 95", "rejection_rate_percent", 95.0),
        ("RR => 95 percent", "rejection_rate_percent", 95.0),
        ("Rejection rate at FMR 1 % >= 95", "rejection_rate_percent_at_fmr_1_percent", 95.0),
        ("rank-1 <= .5 %", "rank_1_percent", 0.5),
        ("unchanged <= 0", "unchanged_count", 0.0),
        ("another original ≤ 0", "another_original_count", 0.0),
    ],
)
def test_a_requirement_is_read_as_people_write_it(text: str, metric: str, limit: float) -> None:
    condition = Condition.parse(text)
    assert (condition.metric, condition.limit) == (metric, limit)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("RR >= 0.95", "write 95 for 95 %"),
        ("rank_1_percent <= 0.05", "write 5 for 5 %"),
        ("linkage_auc <= 55", "is at most 1"),
        ("ssim >= 90 %", "its unit is"),
        ("RR >= -5", "is at least 0"),
        ("unchanged < 1", "is not of the form"),
    ],
)
def test_a_limit_in_another_unit_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Condition.parse(text)


def test_a_policy_says_beforehand_that_there_are_too_few_people() -> None:
    sentences = find_policy("publication").impossible_with(40)
    assert sentences[0] == "with 40 people nothing passes publication: it takes 72"
    assert find_policy("publication").impossible_with(72) == []


@pytest.mark.parametrize(
    "text",
    ["RR <= 95", "rank_1_percent >= 10", "rank-1 >= chance", "linkage EER <= 40", "ssim <= 0.9", "metadata >= 1"],
)
def test_a_requirement_that_worse_engines_meet_is_told_of(text: str) -> None:
    (sentence,) = Policy().with_lines([text]).wrong_ways()
    assert f"is better, so that worse engines meet `{text.split()[-2]}`" in sentence


@pytest.mark.parametrize("text", ["RR >= 95", "DIR <= 130", "linkage_eer_percent <= 60", "metadata <= 0", "RR >= 95 %"])
def test_one_that_better_engines_meet_is_not(text: str) -> None:
    assert Policy().with_lines([text]).wrong_ways() == []


@pytest.mark.parametrize(
    ("text", "end"),
    [("ssim >= 2", "at most 1"), ("RR >= 101", "at most 100"), ("rank_1_percent <= -5", "at least 0"),
     ("unchanged <= -1", "a count")],
)  # fmt: skip
def test_a_limit_that_no_result_can_meet_is_refused_and_fails_no_engine(text: str, end: str) -> None:
    with pytest.raises(UsageError, match=f"'{text}' is met by nothing: .* is {end}"):
        Condition.parse(text)


def test_no_number_of_people_is_enough_for_what_no_result_meets() -> None:
    need = Condition.parse("linkage_eer_percent >= 60").subjects_needed()
    assert (need.subjects, need.reason) == (None, "a perfect result is 50, so that no audit can pass")


@pytest.mark.parametrize(
    ("limit", "more", "said"),
    [
        (">= 50", "band_end = nan", "is nan; a band ends at a number above its limit"),
        (">= 50", "band_end = inf", "is inf; a band ends at a number above its limit"),
        (">= 50", "band_end = 40", "is 40; a band ends at a number above its limit"),
        ("<= 50", "band_end = 60", "is 60; a band ends at a number below its limit"),
        (">= 50", "minimum = {subjects = -1}", "Expected `int` >= 0"),
    ],
)
def test_a_band_without_an_end_and_a_negative_minimum_are_refused(limit: str, more: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_policy(
            f'name = "a"\nreason = "b"\n[[requirement]]\nmetric = "DIR"\nlimit = "{limit}"\nreason = "c"\n{more}\n'
        )


OF_A_TIER = """
name = "links"
reason = "Copies are released again and again."

[[requirement]]
metric = "strongest_rank_1_percent"
limit = "<= chance + 20"
attackers = "T2"
reason = "Whoever turns a copy must not find anybody."
"""


def test_a_requirement_may_be_for_attacks_of_one_tier() -> None:
    policy = load_policy(OF_A_TIER)
    passed = judge(policy, evidence()).requirements[0]
    assert (passed.status, passed.text) == ("PASS", "strongest_rank_1_percent <= chance + 20 by T2")
    found = replace(evidence(), attacks=[attacked(percent(98.0, 94.0, 100.0), p_value=0.0005)])
    assert judge(policy, found).requirements[0].status == "FAIL"
    assert "T2 attacks: even the favourable end" in judge(policy, found).requirements[0].explanation
    of_none = load_policy(OF_A_TIER.replace("T2", "T5"))
    assert judge(of_none, evidence()).requirements[0].status == "INCONCLUSIVE"
    assert policy.digest != of_none.digest


@pytest.mark.parametrize("scopes", [("context", "palm"), ("palm", "context")])
def test_a_requirement_for_a_tier_holds_for_each_scope_of_its_attacks(scopes: tuple[str, str]) -> None:
    found_by = attacked(percent(98.0, 94.0, 100.0), p_value=0.0005)
    tiers = [replace(of.tiers[0], scope=scope) for of, scope in zip((attacked(), found_by), scopes, strict=True)]
    both = replace(evidence(), attacks=[replace(attacked(), tiers=tiers)])
    checks = judge(load_policy(OF_A_TIER), both).requirements
    assert [check.status for check in checks] == ["FAIL", "PASS"]
    around = checks[0 if scopes[1] == "context" else 1].explanation
    assert around.startswith("T2 attacks on what is around the palm: ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (OF_A_TIER.replace("T2", "any"), "it can be 'all', of which the strongest counts, or a tier: T0"),
        (OF_A_TIER.replace("T2", "T8"), "What T8 and T9 find are counts of findings"),
        (OF_A_TIER.replace("strongest_rank", "rank"), "'rank_1_percent' is not a metric of attacks"),
    ],
)
def test_attackers_that_no_requirement_can_be_for_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        load_policy(text)


def test_a_tier_that_is_not_attacked_with_is_refused() -> None:
    policy = load_policy(OF_A_TIER)
    policy.check(["strongest_rank_1_percent"], ["mtcc"], {"T0", "T2"})
    with pytest.raises(UsageError, match="for attacks of tier T2, and this audit makes none; add one with --attacker"):
        policy.check(["strongest_rank_1_percent"], ["mtcc"], {"T0"})
