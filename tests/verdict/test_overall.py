"""No PASS beside a leak or a hole in the evidence, no FAIL of a perfect engine, and one verdict for each engine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deidkit.findings import FINDING_TYPES, FindingType
from deidkit.result import CoverageFinding, EngineAttacks, Verdict
from deidkit.testing import example_result
from deidkit.verdict import Evidence, Policy, built_in_policies, evidence_notes, exit_code, find_policy, judge

from .records import attacked, cell, engine, evidence, percent, recognizer, with_engine

LINES = ("RR >= 95", "copy_linkage_eer_percent >= 40", "ssim >= 0.9")
SEVERITY = {"FAIL": 0, "INCONCLUSIVE": 1, "NO REQUIREMENT": 2, "PASS": 2}

kinds = st.sampled_from(sorted(FINDING_TYPES.values(), key=lambda kind: kind.name))
findings = st.lists(st.builds(lambda kind, count: kind.found(count), kinds, st.integers(1, 100)), max_size=4)


def verdict(given: Evidence, *lines: str) -> Verdict:
    return judge(Policy().with_lines(lines or LINES), given)


def test_an_engine_that_nothing_speaks_against_passes() -> None:
    found = verdict(evidence())
    assert (found.status, found.sentence) == ("PASS", "All 3 checks passed, on these data and recognizers.")
    assert [(e.engine, e.status) for e in found.engines] == [("good", "PASS")]
    assert [(r.metric, r.recognizer) for r in found.requirements if not r.recognizer] == [("ssim", "")]


def test_the_number_of_subjects_that_would_decide_is_given_once() -> None:
    few = percent(90.0, 80.0, 96.0, subjects=30)
    given = evidence(rejection_rate_percent=few)
    one = verdict(given, "RR >= 95").engines[0].sentence
    assert "about 44 in all, would fail it" in one
    assert "would decide" not in one
    assert (
        verdict(given, "RR >= 95", "RR >= 85")
        .engines[0]
        .sentence.endswith("about 120 subjects would decide all of them.")
    )


@pytest.mark.parametrize("kind", FINDING_TYPES.values(), ids=lambda kind: kind.name)
def test_no_finding_of_weight_stands_beside_a_pass(kind: FindingType) -> None:
    expected = {"leak": "FAIL", "hole": "INCONCLUSIVE", "note": "PASS"}[kind.weight]
    found = verdict(evidence(engine(findings=[kind.found(3)])))
    assert (found.status, found.engines[0].status) == (expected, expected)
    assert kind.weight == "note" or kind.explanation in found.sentence
    without = judge(Policy(), evidence(engine(findings=[kind.found(3)])))
    assert without.status == ("FAIL" if kind.weight == "leak" else "NO REQUIREMENT")
    assert kind.weight == "note" or kind.explanation in without.sentence
    required = verdict(evidence(engine(findings=[kind.found(3)])), f"{kind.metric} <= 0")
    assert [r.status for r in required.requirements] == ["FAIL"]
    assert required.status == "FAIL"


def test_a_plugin_cannot_make_a_known_finding_lighter_and_its_own_ones_count() -> None:
    lighter = CoverageFinding(finding="unchanged", count=1, explanation="it is fine", weight="note")
    assert verdict(evidence(engine(findings=[lighter]))).status == "FAIL"
    own = CoverageFinding(finding="watermark", count=1, explanation="it names the person", weight="hole")
    assert verdict(evidence(engine(findings=[own]))).status == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("spoiled", "sentence"),
    [
        (with_engine(evidence(), produced=95), "5 of 100 missing"),
        (with_engine(evidence(), produced=0), "no copy was made"),
        (with_engine(evidence(), warnings=["engine 'good' raised ValueError"]), "engine 'good' raised ValueError"),
        (replace(evidence(), warnings=["recognizer 'strong' raised KeyError"]), "recognizer 'strong' raised KeyError"),
        (replace(evidence(), recognizers=[recognizer(eer=percent(48.6, 45, 52))]), "equal error rate of 48.6 %"),
        (replace(evidence(), recognizers=[recognizer(eer=percent(5.0, 1.0, 25.0))]), "may be up to 25.0 %"),
        (replace(evidence(), recognizers=[recognizer(eer=percent(5.0))]), "has no upper bound"),
        (replace(evidence(), recognizers=[recognizer(eer=percent(None))]), "not known to recognize anybody"),
        (replace(evidence(), recognizers=[]), "nothing is known of strong on originals"),
        (replace(evidence(), cells=[]), "rejection_rate_percent was not measured here"),
        (
            replace(
                evidence(), cells=[cell(rejection_rate_percent=percent(None, reason="No copy.", remedy="Make one."))]
            ),
            "not computed: No copy. Make one",
        ),
        (
            replace(evidence(), cells=[cell("identity", rank_1_percent=percent(60.0, 50.0, 70.0)), cell()]),
            "strong finds only 60.0 % of its copies at rank 1",
        ),
        (
            replace(evidence(), cells=[cell("identity", rejection_rate_percent=percent(40.0, 30.0, 50.0)), cell()]),
            "strong rejects 40.0 % of its copies",
        ),
        (
            replace(evidence(), cells=[cell("identity", rank_1_percent=percent(None)), cell()]),
            "the control identity could not be measured with strong",
        ),
    ],
)
def test_a_hole_in_the_evidence_keeps_an_engine_from_passing(spoiled: Evidence, sentence: str) -> None:
    found = verdict(spoiled)
    assert found.status == "INCONCLUSIVE"
    assert sentence in " ".join([found.sentence, *(check.explanation for check in found.requirements)])
    assert ".." not in found.sentence


def test_an_equal_error_rate_without_interval_is_bounded_by_what_has_one() -> None:
    bare = recognizer(eer=percent(1.0))
    for name, bound, status in (
        ("fnmr_percent_at_fmr_1_percent", percent(5.0, 1.0, 15.0), "PASS"),
        ("fnmr_percent_at_fmr_1_percent", percent(5.0, 1.0, 25.0), "INCONCLUSIVE"),
        ("auc_genuine_impostor", percent(0.99, 0.97, 1.0), "PASS"),
        ("auc_genuine_impostor", percent(0.99, 0.95, 1.0), "INCONCLUSIVE"),
    ):
        changed = replace(bare, metrics={**bare.metrics, name: bound})
        assert verdict(replace(evidence(), recognizers=[changed])).status == status


def test_a_weak_recognizer_fails_an_engine_only_by_identity_that_it_finds() -> None:
    weak = [recognizer(eer=percent(30.0, 25.0, 35.0))]
    accepted = replace(evidence(rejection_rate_percent=percent(40.0, 30.0, 50.0)), recognizers=weak)
    assert verdict(accepted, "RR >= 95").status == "INCONCLUSIVE"
    identified = replace(evidence(rank_1_percent=percent(60.0, 50.0, 70.0)), recognizers=weak)
    assert verdict(identified, "rank-1 <= 20").status == "FAIL"
    unproven = replace(accepted, recognizers=[recognizer(eer=percent(0.0, 0.0, 26.5))])
    assert verdict(unproven, "RR >= 95").status == "FAIL"  # few people saw it, and it knew all of them
    guessed = replace(evidence(rank_1_percent=percent(1.0, 0.5, 2.0)), recognizers=weak)
    assert verdict(guessed, "rank-1 <= 0.1 %").status == "INCONCLUSIVE"  # no more than chance gives
    counted = replace(evidence(failure_to_acquire_percent=percent(9.0, exact=True)), recognizers=weak)
    assert verdict(counted, "FTA <= 5").status == "FAIL"


def test_a_weak_recognizer_beside_a_strong_one_keeps_its_own_rows_open() -> None:
    both = replace(
        evidence(),
        recognizers=[recognizer(), recognizer("weak", percent(30.0, 25.0, 35.0))],
        cells=[cell("identity"), cell("identity", "weak"), cell(), cell("good", "weak")],
    )
    found = verdict(both, "RR >= 95")
    assert {(r.recognizer, r.status) for r in found.requirements} == {("strong", "PASS"), ("weak", "INCONCLUSIVE")}
    assert found.status == "INCONCLUSIVE"


def test_each_engine_has_a_verdict_of_its_own_and_the_worst_is_the_audits() -> None:
    bad, raising = engine("bad"), replace(engine("raising"), warnings=["engine 'raising' raised OSError"])
    yardstick = engine("blur", [FINDING_TYPES["unchanged"].found(100)], baseline=True)
    accepted = percent(20.0, 10.0, 30.0)
    given = replace(
        evidence(),
        engines=[*evidence().engines, bad, raising, yardstick],
        cells=[*evidence().cells, cell("bad", rejection_rate_percent=accepted), cell("raising"),
               cell("blur", rejection_rate_percent=accepted)],
        warnings=raising.warnings,
    )  # fmt: skip
    found = verdict(given)
    assert {e.engine: e.status for e in found.engines} == {"good": "PASS", "bad": "FAIL", "raising": "INCONCLUSIVE"}
    assert found.status == "FAIL"
    assert (
        found.sentence
        == "1 of 3 engines fails: bad. 1 of 3 engines could not be decided: raising. 1 of 3 engines passes: good."
    )
    assert (found.engines[0].engine, found.requirements[0].status) == ("bad", "FAIL")  # what failed stands first
    assert found.engines[0].sentence == (
        "1 of 3 checks failed: Rejection rate (RR) at the EER threshold against strong, even the favourable end of the "
        "95 % interval is 30, required >= 95."
    )


def test_controls_and_baselines_alone_give_nothing_to_judge() -> None:
    alone = replace(evidence(), engines=[engine("identity", [FINDING_TYPES["unchanged"].found(100)], control=True)])
    assert verdict(alone).status == "INCONCLUSIVE"
    assert judge(Policy(), alone).status == "NO REQUIREMENT"


def test_any_recognizer_is_enough_where_the_rule_says_so() -> None:
    rule = replace(Policy().with_lines(["RR >= 95"]).rules[0], recognizers="any")
    both = replace(
        evidence(),
        recognizers=[recognizer(), recognizer("second")],
        cells=[*evidence().cells, cell("good", "second", rejection_rate_percent=percent(50.0, 40.0, 60.0))],
    )
    found = judge(Policy(rules=(rule,)), both)
    assert [(r.recognizer, r.status) for r in found.requirements] == [("strong", "PASS")]
    named = judge(Policy(rules=(replace(rule, recognizers="second"),)), both)
    assert [(r.recognizer, r.status) for r in named.requirements] == [("second", "FAIL")]


@pytest.mark.parametrize("name", built_in_policies())
def test_built_in_policies_pass_a_perfect_engine_of_enough_people_and_never_fail_one_of_few(name: str) -> None:
    chance = percent(100 / 30)
    perfect = evidence(
        rejection_rate_percent_at_fmr_1_percent=percent(100.0, 98.3, 100.0, subjects=220),
        **{m: percent(0.5, 0.0, 2.0, subjects=220) for m in ("rank_1_percent", "rank_1_without_source_percent")},
        **{m: percent(50.0, 48.0, 52.0, subjects=220) for m in ("linkage_eer_percent", "copy_linkage_eer_percent")},
        deid_ratio_percent=percent(100.0, 98.0, 102.0, subjects=220),
    )
    assert judge(find_policy(name), perfect).status == "PASS"
    few = evidence(  # engine 'mask' on the 30 people of the embedded set
        rejection_rate_percent_at_fmr_1_percent=percent(100.0, 88.4, 100.0, subjects=30),
        **{m: percent(5.0, 0.0, 12.5, subjects=30) for m in ("rank_1_percent", "rank_1_without_source_percent")},
        chance_rank_1_percent=chance,
        linkage_eer_percent=percent(48.3, 45.4, 51.9, subjects=30),
        copy_linkage_eer_percent=percent(41.0, 33.8, 46.1, subjects=30),
        deid_ratio_percent=percent(111.2, 109.2, 113.7, subjects=30),
    )
    few = replace(few, attacks=[attacked(percent(12.0, 5.0, 24.0, subjects=30))])
    assert judge(find_policy(name), few).status == ("PASS" if name == "screening" else "INCONCLUSIVE")
    masked = replace(perfect, cells=[perfect.cells[0], *(cell(by="strong", **{**perfect.cells[1].metrics,
                     "deid_ratio_percent": percent(ratio, ratio - 2, ratio + 2, subjects=220)}) for ratio in (74.4, 125.3))])  # fmt: skip
    assert judge(find_policy(name), masked).status == "PASS"  # what was published for masking, MTCC and CCNet
    far = replace(perfect, cells=[perfect.cells[0], cell(deid_ratio_percent=percent(150.0, 140.0, 160.0))])
    assert judge(find_policy(name), far).status != "FAIL"
    assert judge(find_policy(name), replace(perfect, engines=perfect.engines[1:])).status == "INCONCLUSIVE"


@pytest.mark.parametrize("name", built_in_policies())
def test_built_in_policies_fail_what_leaves_identity(name: str) -> None:
    for spoiled in (
        evidence(rejection_rate_percent_at_fmr_1_percent=percent(40.0, 30.0, 50.0)),
        evidence(rank_1_percent=percent(60.0, 50.0, 70.0)),
        evidence(copy_linkage_eer_percent=percent(5.0, 2.0, 8.0)),
        evidence(engine(findings=[FINDING_TYPES["metadata"].found(1, "EXIF")])),
        evidence(engine(findings=[FINDING_TYPES["unchanged"].found(4)])),  # one person's pictures returned as they are
    ):
        assert judge(find_policy(name), spoiled).status == "FAIL"


@pytest.mark.parametrize("name", built_in_policies())
def test_built_in_policies_rest_on_the_strongest_attack(name: str) -> None:
    found = replace(evidence(), attacks=[attacked(percent(98.0, 94.0, 100.0, subjects=220), p_value=0.0005)])
    assert judge(find_policy(name), found).status == "FAIL"
    unattacked = judge(find_policy(name), replace(evidence(), attacks=[]))
    assert unattacked.status == "INCONCLUSIVE"
    assert any("audit with --attack standard" in check.explanation for check in unattacked.requirements)


def test_an_attack_of_which_no_requirement_speaks_stands_beside_no_pass() -> None:
    policy = Policy().with_lines(["rank_1_percent <= 10"])
    assert judge(policy, evidence()).status == "PASS"
    found = replace(evidence(), attacks=[attacked(percent(98.0, 94.0, 100.0), p_value=0.0005)])
    (judged,) = judge(policy, found).engines
    assert judged.status == "INCONCLUSIVE" and "identifies 98.0 % of the copies" in judged.sentence
    none = EngineAttacks(engine="good", attacks=[], strongest=None, reason="No attack counts.")
    assert judge(policy, replace(evidence(), attacks=[none])).status == "INCONCLUSIVE"
    doubtful = replace(evidence(), attacks=[attacked(status="inconclusive")])
    assert judge(policy, doubtful).status == "INCONCLUSIVE"
    assert judge(policy, replace(evidence(), attacks=[])).status == "PASS", "none was asked for"


@given(found=findings, more=kinds, count=st.integers(1, 100), produced=st.integers(0, 100))
def test_a_further_finding_never_improves_a_verdict(
    found: list[CoverageFinding], more: FindingType, count: int, produced: int
) -> None:
    before = verdict(with_engine(evidence(engine(findings=found)), produced=produced))
    after = verdict(with_engine(evidence(engine(findings=[*found, more.found(count)])), produced=produced))
    assert SEVERITY[after.status] <= SEVERITY[before.status]
    assert not (more.weight == "leak" and after.status != "FAIL")
    assert not (more.weight == "hole" and after.status == "PASS")


@pytest.mark.parametrize(
    ("status", "raised", "code"),
    [
        ("PASS", [], 0),
        ("NO REQUIREMENT", [], 0),
        ("FAIL", [], 1),
        ("FAIL", ["engine 'x' raised OSError"], 1),
        ("INCONCLUSIVE", [], 2),
        ("NO REQUIREMENT", ["engine 'x' raised OSError"], 2),
    ],
)
def test_exit_codes(status: str, raised: list[str], code: int) -> None:
    result = replace(example_result(), verdict=Verdict(status=status, sentence="."), raised=raised)  # type: ignore[arg-type]
    assert exit_code(result) == code


def test_an_audit_in_which_no_copy_was_scored_evaluated_nothing() -> None:
    result = replace(example_result(), cells=[], verdict=Verdict(status="NO REQUIREMENT", sentence="."))
    assert exit_code(result) == 2


@pytest.mark.parametrize("kept", ["", "rejection_rate_including_failures_percent"])
def test_an_engine_without_a_copy_is_not_evaluated_however_many_others_are(kept: str) -> None:
    result = replace(example_result(), verdict=Verdict(status="NO REQUIREMENT", sentence="."))
    judged = next(engine.component.label for engine in result.engines if engine.component.judged)
    assert exit_code(result) == 0 and len(result.engines) > 1
    emptied = [
        replace(cell, metrics={kept: percent(100.0, 40.0, 100.0)} if kept else {}) if cell.engine == judged else cell
        for cell in result.cells
    ]
    assert exit_code(replace(result, cells=emptied)) == 2


def test_notes_name_what_makes_numbers_no_evidence_whatever_is_required() -> None:
    assert evidence_notes(evidence()) == []
    bare = replace(evidence(), engines=[engine()], recognizers=[recognizer(eer=percent(30.0, 25.0, 35.0))])
    weak, control = evidence_notes(bare)
    assert weak.startswith("Strong has an equal error rate of 30.0 %")
    assert "--engine identity" in control
