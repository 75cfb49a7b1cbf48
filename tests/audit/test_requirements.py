"""Requirements are judged on the unfavourable end of the interval, and never pass on a number that is not there."""

from __future__ import annotations

import pytest

from deidkit.audit.requirements import Rule, check_names, verdict
from deidkit.errors import UsageError
from deidkit.result import Cell, Component, Curve, EngineResult, Estimate


def engine(label: str, *, control: bool = False, quality: dict[str, Estimate] | None = None) -> EngineResult:
    component = Component(kind="engine", name=label, label=label, version="1", distribution="x", control=control)
    return EngineResult(
        component=component,
        produced=1,
        expected=1,
        seeds=[0],
        coverage=[],
        quality=quality or {},
        usability={},
        gallery=[],
        seconds_per_image=None,
    )


def cell(label: str, **metrics: Estimate) -> Cell:
    empty = Curve(x=[], y=[])
    return Cell(
        engine=label, recognizer="r", metrics=metrics, histograms={}, det=empty, cmc=empty, failures_to_acquire=0
    )


def percent(value: float | None, low: float | None = None, high: float | None = None, reason: str = "") -> Estimate:
    return Estimate(value=value, unit="percent", low=low, high=high, reason=reason)


def judge(text: str, *cells: Cell, engines: list[EngineResult] | None = None) -> str:
    return verdict([Rule.parse(text)], engines or [engine("e")], list(cells)).status


def test_the_bound_decides_not_the_point() -> None:
    good = cell("e", rr=percent(96.0, 92.0, 99.0))
    assert judge("rr >= 95", good) == "FAIL"
    assert judge("rr >= 95 on point", good) == "PASS"
    assert judge("rr >= 92", good) == "PASS"
    assert judge("rr <= 98.5", good) == "FAIL"
    assert judge("rr <= 99", good) == "PASS"


def test_what_was_not_computed_is_inconclusive_never_a_pass() -> None:
    assert judge("rr >= 95", cell("e", rr=percent(None, reason="no impostors"))) == "INCONCLUSIVE"
    assert judge("rr >= 95", cell("e", rr=percent(99.0))) == "INCONCLUSIVE"
    assert judge("rr >= 95", cell("e")) == "INCONCLUSIVE"


def test_an_exact_count_is_judged_by_its_value_and_says_so() -> None:
    counted = Estimate(value=4.0, unit="percent", exact=True)
    result = verdict([Rule.parse("fta <= 5"), Rule.parse("fta <= 3")], [engine("e")], [cell("e", fta=counted)])
    assert [requirement.status for requirement in result.requirements] == ["PASS", "FAIL"]
    assert result.requirements[0].explanation == "counted exactly: 4, required <= 5"


def test_a_failure_outweighs_what_is_inconclusive() -> None:
    assert judge("rr >= 95", cell("e", rr=percent(None)), cell("e", rr=percent(90, 80, 95))) == "FAIL"


def test_controls_are_not_judged() -> None:
    control = engine("c", control=True)
    both = judge(
        "rr >= 95", cell("c", rr=percent(0, 0, 0)), cell("e", rr=percent(99, 98, 100)), engines=[control, engine("e")]
    )
    assert both == "PASS"
    assert judge("rr >= 95", cell("c", rr=percent(0, 0, 0)), engines=[control]) == "INCONCLUSIVE"


def test_quality_is_judged_once_for_each_engine() -> None:
    result = verdict([Rule.parse("ssim >= 0.9")], [engine("e", quality={"ssim": percent(0.95, 0.93, 0.97)})], [])
    assert [(r.status, r.recognizer) for r in result.requirements] == [("PASS", "")]


def test_no_requirement_gives_no_verdict() -> None:
    assert verdict([], [engine("e")], []).status == "NO REQUIREMENT"


@pytest.mark.parametrize("text", ["rr > 95", "rr", ">= 3", "rr >= many", "RR >= 3", "rr >= 95 maybe"])
def test_what_is_no_requirement_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not of the form"):
        Rule.parse(text)


def test_an_unknown_metric_is_refused_before_the_work() -> None:
    with pytest.raises(UsageError, match="Did you mean 'rank_1_percent'"):
        check_names([Rule.parse("rank1_percent <= 5")], ["rank_1_percent", "ssim"])
