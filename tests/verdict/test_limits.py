"""What an audit says that it tried, and what it did not."""

from __future__ import annotations

from dataclasses import replace

from deidkit.result import AttackResult, EngineAttacks
from deidkit.testing import example_result
from deidkit.verdict import attack_classes, limits

from .records import component


def row(name: str, tier: str, status: str) -> AttackResult:
    return AttackResult(
        component=component("attacker", name), tier=tier, tier_name="", knowledge="", scope="palm",
        status=status, sentence="", metrics={}, controls=[], seconds=0.0,
    )  # fmt: skip


def test_an_attack_is_called_run_where_it_came_to_a_result() -> None:
    rows = [
        row("bending", "T2", "resisted"), row("turning", "T2", "inconclusive"), row("mine", "T4", "inconclusive"),
        row("pooling", "T5", "not applicable"),
    ]  # fmt: skip
    attacked = EngineAttacks(engine="e", attacks=rows, strongest=None)
    classes = {found.name: found.run for found in attack_classes(replace(example_result(), attacks=[attacked]))}
    assert classes["Geometry and colours undone"] == "see attacks (bending)"
    assert classes["Matcher trained on copies"] == "without a result, see attacks (mine)"
    assert classes["Several copies of one hand together"] == ""
    assert classes["All attacks combined"] == classes["A key that is kept elsewhere"] == ""
    assert not any(attack_classes(replace(example_result(), attacks=[]))[number].run for number in range(3, 10))


def test_what_never_happened_is_bounded_as_the_intervals_of_the_audit_are() -> None:
    result = example_result()
    people = replace(result, dataset=replace(result.dataset, subjects=12))
    said = " ".join(limits(people))
    assert "With 12 subjects, what never happened may still happen to up to 26.5 % of people" in said
    assert "less than 1 % takes 368 subjects, less than 0.1 % 3688" in said
