"""How many people a requirement needs, held against intervals that are really made."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from deidkit.cli import main
from deidkit.measures.bounds import mean_bounds
from deidkit.measures.planning import Limit, impossible, subjects_needed, subjects_to_decide
from deidkit.result import Estimate


@pytest.mark.parametrize("limit", [50, 80, 95, 99])
def test_as_many_people_pass_and_one_less_do_not(limit: int) -> None:
    import numpy as np

    needed = subjects_needed(Limit("rejection_rate_percent", ">=", limit)).subjects
    assert needed is not None
    assert 100 * mean_bounds(np.ones(needed))[0] >= limit
    assert needed == 1 or 100 * mean_bounds(np.ones(needed - 1))[0] < limit
    assert subjects_needed(Limit("rank_1_percent", "<=", 100 - limit)).subjects == needed


def test_a_requirement_that_no_result_can_meet_is_named_beforehand() -> None:
    rule = Limit("rejection_rate_percent", ">=", 95)
    assert impossible(rule, 30) == (
        "with 30 people no result can pass `rejection_rate_percent >= 95`; at least 72 are needed"
    )
    assert impossible(rule, 72) is None
    assert impossible(Limit("rejection_rate_percent", ">=", 95, on_point=True), 3) is None
    assert "a perfect result is 50" in str(impossible(Limit("linkage_eer_percent", ">=", 60), 10_000))


@pytest.mark.parametrize("name", ["linkage_d_sys", "fid", "kid", "strongest_rank_disclosure_worst_bits"])
def test_a_number_that_never_has_an_interval_can_only_be_required_itself(name: str) -> None:
    need = subjects_needed(Limit(name, "<=", 0.1))
    assert need.subjects is None and "it has no interval; require the number itself by adding 'on point'" in need.reason
    assert subjects_needed(Limit(name, "<=", 0.1, on_point=True)).subjects == 1


def test_an_open_question_says_how_many_people_would_decide_it() -> None:
    rule = Limit("rejection_rate_percent", ">=", 50)
    open_ = Estimate(value=63.5, low=45.3, high=91.7, unit="percent", subjects=20)
    decided = subjects_to_decide(rule, open_)
    assert decided is not None
    assert 63.5 - (63.5 - 45.3) * (20 / decided) ** 0.5 >= 50
    failing = Estimate(value=45.0, low=30.0, high=60.0, unit="percent", subjects=20)
    decided = subjects_to_decide(rule, failing)
    assert decided is not None
    assert 45 + 15 * (20 / decided) ** 0.5 <= 50
    assert subjects_to_decide(rule, Estimate(value=50.0, low=30.0, high=60.0, unit="percent", subjects=20)) is None
    assert subjects_to_decide(rule, Estimate(value=60.0, unit="percent", subjects=20)) is None


def test_more_people_are_no_remedy_where_the_threshold_decides() -> None:
    ends = {"percent_at_threshold_low": 0.0, "percent_at_threshold_high": 97.0}
    open_ = Estimate(value=40.0, low=0.0, high=100.0, unit="percent", subjects=20, parameters=ends)
    assert subjects_to_decide(Limit("rejection_rate_percent", ">=", 95), open_) is None
    assert subjects_to_decide(Limit("rejection_rate_percent", ">=", 99), open_)


def test_the_command_answers_and_its_exit_code_says_whether_it_is_possible() -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["plan", *arguments])
        return done.exit_code, done.output

    code, text = run("rejection_rate_percent >= 95", "--subjects", "30", "--samples", "4")
    assert code == 1
    assert "at least 72 people, 288 pictures" in text
    assert "With 30 people no result can pass" in text
    assert run("rejection_rate_percent >= 95", "--subjects", "72")[0] == 0
    code, text = run("rejecton_rate_percent >= 95")
    assert code == 2 and "Did you mean 'rejection_rate_percent'" in text


def test_limits_above_chance_and_counts_are_planned() -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["plan", *arguments])
        return done.exit_code, done.output

    code, text = run("rank_1_percent <= chance + 5", "--subjects", "51")
    assert code == 1
    assert "at least 52 people" in text
    assert 100 * (1 - 0.025 ** (1 / 52)) <= 100 / 52 + 5 < 100 * (1 - 0.025 ** (1 / 51)) - 100 / 51 + 100 / 52
    assert "no result can pass `rank_1_percent <= chance + 5`; at least 52 are needed" in text
    assert "at least 17 people" in run("linkage EER >= chance - 10")[1]
    assert "at least 1 person; a count is exact" in run("unchanged <= 0", "--subjects", "1")[1]


def test_a_limit_that_is_known_after_an_audit_keeps_no_other_from_being_planned() -> None:
    words = ["plan", "strongest rank-1 <= chance + 5", "rejection_rate_percent >= 95"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "strongest rank-1 <= chance + 5: not known beforehand: " in done.output and "state a number" in done.output
    assert "rejection_rate_percent >= 95: at least 72 people" in done.output
    assert CliRunner().invoke(main, [*words, "--subjects", "30"]).exit_code == 1
    unknown, known = json.loads(CliRunner().invoke(main, [*words, "--subjects", "72", "--json"]).output)
    assert unknown["subjects"] is None and unknown["possible"] is None and "state a number" in unknown["reason"]
    assert known["subjects"] == 72 and known["possible"]
