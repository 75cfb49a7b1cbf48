"""What an audit prints: nothing that it found stands in a table alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deidkit.cli.audit_summary import show_result
from deidkit.result import EngineAttacks, Estimate, FailureCount, StrongestAttack
from deidkit.testing.reports import example_result


@pytest.mark.parametrize(("p_value", "told"), [(0.0007, True), (0.2, False)])
def test_an_attack_that_finds_people_is_told_in_words(
    p_value: float, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    result = example_result()
    rank_1 = Estimate(
        value=35.0, low=22.0, high=50.0, unit="percent", parameters={"chance_of_the_strongest_percent": 13.3}
    )
    best = StrongestAttack(
        attacker="patches",
        attacks=13,
        p_value=p_value,
        metrics={"strongest_rank_1_percent": rank_1},
        always=3,
        sometimes=9,
        never=8,
    )
    attacked = [EngineAttacks(engine=engine.component.label, attacks=[], strongest=best) for engine in result.engines]
    show_result(replace(result, attacks=attacked))
    sentence = "the attack 'patches' finds 35.0 % of the copies at rank 1, the luckiest guess 13.3 %"
    assert capsys.readouterr().out.replace("\n", " ").count(sentence) == int(told)  # not of the control


def test_why_copies_are_missing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    result = example_result()
    first = result.engines[0]
    label = first.component.label
    failures = [FailureCount(stage="engine", subject=label, reason=reason, count=count)
                for reason, count in (("the program wrote no picture", 1), ("the program ended with exit code 3", 2))]  # fmt: skip
    engines = [replace(first, produced=1, expected=4), *result.engines[1:]]
    show_result(replace(result, engines=engines, failures=failures))
    sentence = f"{label}: made 1 of 4 copies; most often: the program ended with exit code 3 (2)."
    assert sentence in capsys.readouterr().out.replace("\n", " ")
