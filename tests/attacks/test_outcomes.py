"""Controls, statuses and the strongest of many attacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np
import pytest

from deidkit.attacks import (
    Attacker,
    AttackMaterial,
    AttackOutcome,
    AttackScores,
    Labels,
    NotApplicable,
    Pictures,
    Resampling,
    Success,
    Tier,
    identity_folds,
    plan_attacks,
    run_attacks,
    strongest,
    strongest_by_tier,
)
from deidkit.errors import Interruption, NotComputable

SETTINGS = Resampling(resamples=400)
PEOPLE, CAPTURES = 20, 4


@dataclass(frozen=True)
class Peeking(Attacker):
    """Reads the person off the first pixel of a region, or does what a test asks."""

    does: Literal["match", "cheat", "raise", "wait", "nothing", "absent"] = "match"

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T0"
    knowledge: ClassVar[str] = "The adversary reads a number."

    def attack(self, material: AttackMaterial) -> AttackScores:
        probes, references = material.copies.labels, material.originals.labels
        if self.does == "raise":
            raise RuntimeError("a name that nobody must see")
        if self.does == "absent":
            raise NotApplicable("There is nothing to attack.")
        if self.does == "wait":
            for _ in range(10_000):
                material.check()
        ours = material.copies.regions[:, 0, 0].astype(np.float32)
        theirs = material.originals.regions[:, 0, 0].astype(np.float32)
        if self.does == "cheat":
            ours, theirs = probes.identities.astype(np.float32), references.identities.astype(np.float32)
        distances = np.abs(ours[:, None] - theirs[None])
        return AttackScores(np.zeros_like(distances) if self.does == "nothing" else distances, probes, references)


@dataclass(frozen=True)
class Surroundings(Peeking):
    """The same, of what stands around the palm."""

    scope: ClassVar[Literal["palm", "context"]] = "context"


@dataclass(frozen=True)
class Combining(Attacker):
    """Says whom it may combine, and gives the scores of the last."""

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T7"
    knowledge: ClassVar[str] = "The adversary combines."
    combines: ClassVar[bool] = True

    def attack(self, material: AttackMaterial) -> AttackScores:
        *_, last = material.earlier.values()
        return replace(last, note=f"of {', '.join(material.earlier)}")


def material(numbers: Callable[[np.ndarray], np.ndarray], captures: int = CAPTURES) -> AttackMaterial:
    identities = np.repeat(np.arange(PEOPLE, dtype=np.int32), captures)
    rows = np.arange(len(identities), dtype=np.int32)
    labels = Labels(identities, identities, rows, np.zeros_like(rows))
    regions = np.zeros((len(rows), 128, 128), np.uint8)
    regions[:, 0, 0] = identities * 5
    copied = regions.copy()
    copied[:, 0, 0] = numbers(identities)
    return AttackMaterial(Pictures(regions, labels), Pictures(copied, labels), identity_folds(identities))


def identity(identities: np.ndarray) -> np.ndarray:
    return identities * 5


def nobody(identities: np.ndarray) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 100, len(identities))


def only(attacker: Attacker, attacked: AttackMaterial) -> AttackOutcome:
    (outcome,) = run_attacks(plan_attacks({"peeking": attacker}, attacked, 100.0), attacked)
    return outcome


def test_an_attack_that_works_succeeds_or_is_resisted() -> None:
    broken = only(Peeking(), material(identity))
    assert broken.status == "succeeded"
    assert broken.metrics["rank_1_percent"].value == 100.0
    assert broken.metrics["linkage_eer_percent"].value == 0.0
    assert broken.metrics["anonymity_set"].value == pytest.approx(1.0)
    assert broken.metrics["rank_disclosure_bits"].value == pytest.approx(np.log2(PEOPLE))
    assert only(Peeking(), material(nobody)).status == "resisted"


def test_a_combination_takes_nothing_from_around_the_palm() -> None:
    attackers = {"palm": Peeking(), "around": Surroundings(), "all": Combining()}
    attacked = material(identity)
    *_, combined = run_attacks(plan_attacks(attackers, attacked, 100.0), attacked)
    assert combined.sentence.count("of palm") == 1
    assert "around" not in combined.sentence


def test_an_attack_that_never_works_proves_nothing() -> None:
    outcome = only(Peeking("nothing"), material(nobody))
    assert outcome.status == "inconclusive"
    assert [control.name for control in outcome.controls if not control.passed] == ["positive"]
    assert outcome.metrics["rank_1_percent"].value == pytest.approx(100 / PEOPLE)  # by the ties


def test_an_attack_that_finds_people_in_dealt_copies_does_not_count() -> None:
    outcome = only(Peeking("cheat"), material(nobody))
    assert outcome.status == "inconclusive"
    assert not outcome.counts
    with pytest.raises(NotComputable):
        strongest([outcome], SETTINGS)


def test_an_attacker_that_raises_is_named_and_gives_no_secret_away() -> None:
    attacked = material(identity)
    plans = plan_attacks({"peeking": Peeking()}, attacked, 100.0)
    (outcome,) = run_attacks([replace(plans[0], attacker=Peeking("raise"))], attacked)
    assert outcome.status == "inconclusive"
    assert "RuntimeError" in outcome.sentence
    assert "nobody must see" not in outcome.sentence


def test_a_control_that_raises_fails() -> None:
    (plan,) = plan_attacks({"peeking": Peeking("raise")}, material(identity), 100.0)
    assert [control.passed for control in plan.controls] == [False, False]
    assert "RuntimeError" in plan.controls[0].sentence
    assert "nobody must see" not in plan.controls[0].sentence


def test_an_attacker_that_takes_too_long_is_given_up_and_an_interruption_is_passed_on() -> None:
    attacked = material(identity)
    plan = replace(plan_attacks({"peeking": Peeking()}, attacked, 100.0)[0], attacker=Peeking("wait"))
    (outcome,) = run_attacks([replace(plan, budget_seconds=0.0)], attacked)
    assert outcome.status == "inconclusive"
    assert "longer than" in outcome.sentence
    with pytest.raises(Interruption):
        run_attacks([plan], replace(attacked, cancelled=lambda: True))


def test_after_a_control_that_takes_too_long_nothing_else_is_run() -> None:
    attacked = material(identity)
    slow, quick = plan_attacks({"slow": Peeking("wait"), "quick": Peeking()}, attacked, 100.0, budget_seconds=1e-4)
    assert [control.name for control in slow.controls] == ["positive"]
    too_slow, other = run_attacks([slow, replace(quick, budget_seconds=60.0)], attacked)
    assert too_slow.status == "inconclusive"
    assert "longer than 0.0001 s" in too_slow.sentence
    assert "--attack-budget" in too_slow.sentence
    assert other.status == "succeeded"


def test_an_attack_on_what_is_not_there_is_no_gap() -> None:
    assert only(Peeking("absent"), material(nobody)).status == "not applicable"


def test_few_people_are_inconclusive() -> None:
    attacked = material(identity)
    rows = np.flatnonzero(attacked.originals.labels.identities < 4)
    few = replace(attacked, originals=attacked.originals.rows(rows), copies=attacked.copies.rows(rows))
    assert "4 identities" in only(Peeking(), few).sentence


def test_one_capture_each_is_searched_with_its_own_original() -> None:
    outcome = only(Peeking(), material(identity, captures=1))
    assert outcome.status == "succeeded"
    assert outcome.metrics["rank_1_percent"].value is None
    assert outcome.metrics["rank_1_with_source_percent"].value == 100.0
    assert strongest([outcome], SETTINGS).metrics["rank_1_percent"].parameters["own_source"] == "in the gallery"


def noise(seed: int, found: int = 0) -> AttackOutcome:
    """An attack by chance that finds the first few people for certain."""
    labels = material(identity).originals.labels
    distances = np.random.default_rng(seed).random((len(labels), len(labels))).astype(np.float32)
    own = labels.identities[:, None] == labels.identities[None]
    distances[own & (labels.identities < found)[:, None]] -= 2
    return AttackOutcome(f"noise {seed}", "T0", "palm", "resisted", "", scores=AttackScores(distances, labels, labels))


def test_the_best_of_many_attacks_by_chance_is_not_taken_for_success() -> None:
    outcomes = [noise(seed) for seed in range(12)]
    headline = strongest(outcomes, SETTINGS)
    rank_1 = headline.metrics["rank_1_percent"]
    assert headline.attacks == 12
    assert headline.p_value > 0.05
    assert rank_1.value is not None and rank_1.value > rank_1.parameters["chance_percent"] == pytest.approx(
        5.0, abs=0.5
    )
    assert rank_1.value <= rank_1.parameters["chance_of_the_strongest_percent"] + 3


def test_the_interval_covers_the_choice_among_attacks() -> None:
    alone = strongest([noise(1)], SETTINGS).metrics["rank_1_percent"]
    among = strongest([noise(seed) for seed in range(12)], SETTINGS).metrics["rank_1_percent"]
    assert among.low is not None and alone.low is not None and alone.high is not None and among.high is not None
    assert among.low >= alone.low
    assert among.high >= alone.high


def test_a_few_people_who_are_always_found_are_seen() -> None:
    headline = strongest([noise(1), noise(2, found=2)], SETTINGS)
    assert headline.attacker == "noise 2"
    assert headline.p_value < 0.01  # a tenth of the people: by acceptance at a small FMR, not by rank 1
    assert headline.subjects.always >= 2
    assert headline.subjects.always + headline.subjects.sometimes + headline.subjects.never == PEOPLE


@pytest.mark.slow
def test_nobody_is_named_who_may_be_found_by_chance() -> None:
    named = [strongest([noise(3 * seed), noise(3 * seed + 1), noise(3 * seed + 2)], SETTINGS) for seed in range(20)]
    assert sum(bool(headline.subjects.worst()) for headline in named) <= 3  # one is expected
    assert strongest([noise(1), noise(2, found=1)], SETTINGS).subjects.worst() == []  # one of 20 people: p is 1 / 20
    assert strongest([noise(1), noise(2, found=3)], SETTINGS).subjects.worst() == [(0, 1.0), (1, 1.0), (2, 1.0)]
    assert len(strongest([noise(1), noise(2, found=PEOPLE)], SETTINGS).subjects.worst()) == 5


def test_acceptance_by_chance_is_the_false_match_rate() -> None:
    scores = noise(4).scores
    assert scores is not None
    success = Success(scores)
    assert success.by_chance(success.accepted(0.01).astype(float)).mean() == pytest.approx(0.01, abs=0.003)
    with pytest.raises(NotComputable, match="too few"):
        success.accepted(1e-5)


def finding(copies: int) -> AttackOutcome:
    """An attack that finds so many copies, of as many people as it takes, and no other."""
    labels = material(identity).originals.labels
    distances = np.ones((len(labels), len(labels)), np.float32)
    distances[labels.identities[:, None] == labels.identities[None]] = 2
    distances[:copies] = 3 - distances[:copies]
    return AttackOutcome("finding", "T0", "palm", "resisted", "", scores=AttackScores(distances, labels, labels))


def test_fewer_people_found_never_widen_a_bound() -> None:
    found = [0, 1, 2, 4, 8, 20, 40, 60, 72, 76, 78, 79, 80]
    metrics = [strongest([finding(copies)], SETTINGS).metrics for copies in found]
    rates = [each["rank_1_percent"] for each in metrics]
    assert [rate.value for rate in rates] == pytest.approx([100 * copies / 80 for copies in found])
    for fewer, more in pairwise(rates):
        assert fewer.high <= more.high
        assert fewer.low <= more.low
    nobody_found, everybody_found = 100 * (1 - 0.025 ** (1 / PEOPLE)), 100 * 0.025 ** (1 / PEOPLE)
    assert (rates[0].low, rates[0].high) == (0.0, pytest.approx(nobody_found))
    assert (rates[-1].low, rates[-1].high) == (pytest.approx(everybody_found), 100.0)
    for less, more in pairwise(each["anonymity_set"] for each in metrics):
        assert less.low >= more.low
        assert less.high >= more.high
    errors = [each["linkage_eer_percent"] for each in metrics]
    assert errors[-1].value == 0.0
    for worse, better in pairwise(reversed(errors)):
        assert worse.high <= better.high + 1e-9


def test_each_tier_has_a_strongest_of_its_own_with_an_interval() -> None:
    outcomes = [replace(noise(1), tier="T0"), replace(noise(2, found=PEOPLE), tier="T3"), replace(noise(3), tier="T3")]
    outcomes += [replace(noise(4, found=4), tier="T6", scope="context"), replace(noise(5), tier="T7", scores=None)]
    ignorant, restoring, around = strongest_by_tier(outcomes, SETTINGS)
    assert [(found.tier, found.scope) for found in (ignorant, restoring, around)] == [
        ("T0", "palm"), ("T3", "palm"), ("T6", "context"),
    ]  # fmt: skip
    assert restoring.strongest.attacks == 2
    assert restoring.strongest.metrics["rank_1_percent"].value == 100.0
    rank_1 = ignorant.strongest.metrics["rank_1_percent"]
    assert rank_1 == strongest([outcomes[0]], SETTINGS).metrics["rank_1_percent"]
    assert rank_1.low is not None and rank_1.high is not None and rank_1.low < rank_1.high < 50
    assert around.strongest.metrics["rank_1_percent"].value >= 20
