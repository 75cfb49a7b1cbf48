"""What intervals say, on scores whose right intervals are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deidkit.cli.scorefiles import read_scores
from deidkit.measures import Acquisition, CellScores, IntervalSettings, cell_metrics, score_estimates
from deidkit.result import Estimate
from deidkit.scores import Scores

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases" / "scores"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="needs the folder `shared` with cases beside the checkout")
RR = "rejection_rate_percent"


def scores(values: np.ndarray, probes: np.ndarray, references: np.ndarray | None = None) -> Scores:
    ends = [np.asarray(end, dtype=np.int32) for end in (probes, probes if references is None else references)]
    return Scores(np.asarray(values, dtype=np.float64), *ends)


def people(count: int = 30, gap: float = 0.2) -> dict[str, Scores]:
    """Originals of some people, four each, whose genuine and impostor scores lie `gap` apart."""
    rng = np.random.default_rng(0)
    first, second = (end.ravel() for end in np.triu_indices(4 * count, 1))
    first, second = first // 4, second // 4
    own = first == second
    genuine = rng.uniform(0.1, 0.28, own.sum())
    impostor = rng.uniform(0.28 + gap, 0.32 + gap, (~own).sum())
    return {
        "genuine": scores(genuine, first[own]),
        "impostor": scores(impostor, first[~own], second[~own]),
    }


ORIGINALS = people()


def rejection(accepted: np.ndarray, copies: int = 4) -> Estimate:
    """The rejection rate where each of some people has that many copies accepted."""
    of = np.repeat(np.arange(len(accepted)), copies)
    values = np.where(np.tile(np.arange(copies), len(accepted)) < np.repeat(accepted, copies), 0.1, 0.9)
    return score_estimates({**ORIGINALS, "deidentified": scores(values, of)}, IntervalSettings())[RR]


def test_none_one_and_two_exceptions_are_in_order() -> None:
    none, one, two, whole = (rejection(np.array([*some, *[0] * (30 - len(some))])) for some in ([], [1], [1, 1], [4]))
    assert (none.value, none.high) == (100.0, 100.0)
    assert none.low == pytest.approx(100 * 0.025 ** (1 / 30), abs=1e-3)
    assert "97.5 %, one-sided, 30 subjects" in none.interval
    assert none.low > one.low > two.low > whole.low
    assert one.high < 100 and "95 %, two-sided, 30 subjects" in one.interval
    assert whole.low == pytest.approx(100 - 17.217, abs=1e-2)  # Clopper and Pearson, 1 of 30


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(accepted=st.lists(st.integers(0, 4), min_size=2, max_size=30), data=st.data())
def test_fewer_accepted_copies_never_worsen_a_bound(accepted: list[int], data: st.DataObject) -> None:
    person = data.draw(st.integers(0, len(accepted) - 1))
    fewer = [*accepted]
    fewer[person] = data.draw(st.integers(0, accepted[person]))
    worse, better = rejection(np.array(accepted)), rejection(np.array(fewer))
    assert better.low >= worse.low - 1e-5
    assert better.high >= worse.high - 1e-5


def test_subjects_are_those_who_have_copies() -> None:
    estimate = rejection(np.zeros(3, dtype=int))
    assert estimate.subjects == 3
    assert (estimate.low, estimate.high) == (pytest.approx(29.24, abs=0.01), 100.0)


def test_people_who_only_stand_for_comparison_are_no_evidence() -> None:
    """Copies of six people, compared with the originals of thirty: linkage rests on six."""
    of = np.repeat(np.arange(6), 4)
    strangers = scores(
        np.full(24 * 29, 0.9), np.repeat(of, 29), (np.repeat(of, 29) + np.tile(np.arange(1, 30), 24)) % 30
    )
    sets = {**ORIGINALS, "deidentified": scores(np.full(24, 0.1), of), "deidentified_nonmated": strangers}
    estimate = score_estimates(sets, IntervalSettings())["linkage_eer_percent"]
    assert (estimate.value, estimate.subjects) == (0.0, 6)
    assert estimate.high == pytest.approx(100 * (1 - 0.025 ** (1 / 6)), abs=0.1)


def test_two_hands_of_a_person_are_one_cluster() -> None:
    """As many hands again of the same people, alike, change nothing."""
    one, both = rejection(np.array([4, 0, 0, 0, 0, 0])), rejection(np.array([8, 0, 0, 0, 0, 0]), copies=8)
    assert (one.low, one.high) == pytest.approx((both.low, both.high))


def test_failures_to_acquire_are_random_too() -> None:
    """Of 15 of 30 people every copy fails, those of the others are accepted."""
    of = np.repeat(np.arange(30, dtype=np.int32), 4)
    acquired = of[of < 15]
    cell = CellScores(ORIGINALS["genuine"], ORIGINALS["impostor"], scores(np.full(60, 0.1), acquired))
    found = cell_metrics(cell, Acquisition.of(of, acquired), IntervalSettings()).estimates
    for name in ("rejection_rate_including_failures_percent", "failure_to_acquire_percent"):
        assert found[name].value == 50.0
        assert (found[name].low, found[name].high) == pytest.approx((31.3, 68.7), abs=0.05), name
        assert found[name].subjects == 30


def test_near_zero_errors_the_threshold_is_what_is_uncertain() -> None:
    """Copies within the gap between genuine and impostor scores: any rejection rate is as good as any other."""
    of = np.repeat(np.arange(30), 4)
    wide = people(gap=0.4)
    copies = scores(np.random.default_rng(1).uniform(0.35, 0.6, 120), of)
    estimate = score_estimates({**wide, "deidentified": copies}, IntervalSettings())[RR]
    assert estimate.parameters["percent_at_threshold_low"] == 100.0
    assert estimate.parameters["percent_at_threshold_high"] == 0.0
    assert (estimate.low, estimate.high) == (0.0, 100.0)


def test_errors_of_few_people_give_a_bound_that_allows_for_others() -> None:
    none = score_estimates(people(gap=0.4), IntervalSettings())["eer_percent"]
    three = people(gap=0.4)
    three["impostor"].values[:3] = 0.25
    some = score_estimates(three, IntervalSettings())["eer_percent"]
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(11.57, abs=0.01)
    assert some.high >= none.high
    assert some.low < 0.2


def test_no_one_asked_and_nobody_known() -> None:
    found = score_estimates(ORIGINALS, None)["eer_percent"]
    assert (found.low, found.high, found.interval) == (None, None, "none asked for")


def test_a_mean_is_students_t_over_people() -> None:
    """One genuine comparison a person: the interval of textbooks."""
    rng = np.random.default_rng(2)
    values = rng.normal(0.2, 0.05, 20)
    impostor = scores(rng.normal(0.6, 0.05, 190), *(end for end in np.triu_indices(20, 1)))
    found = score_estimates({"genuine": scores(values, np.arange(20)), "impostor": impostor}, IntervalSettings())
    reach = 2.093024 * values.std(ddof=1) / np.sqrt(20)
    assert found["genuine_mean"].low == pytest.approx(values.mean() - reach, rel=1e-6)
    assert found["genuine_mean"].high == pytest.approx(values.mean() + reach, rel=1e-6)


def test_few_people_and_no_difference_get_no_interval_of_a_mean() -> None:
    few = score_estimates(people(4), IntervalSettings())
    assert few["d_prime_genuine_impostor"].low is None
    assert "4 subjects are too few" in few["d_prime_genuine_impostor"].interval
    same = {**ORIGINALS, "genuine": scores(np.full(180, 0.2), ORIGINALS["genuine"].probe_subjects)}
    found = score_estimates(same, IntervalSettings())["genuine_mean"]
    assert found.low is None and "no subject differs" in found.interval


def test_many_scores_are_grouped_and_hardly_change_an_interval() -> None:
    rng = np.random.default_rng(3)
    first, second = np.triu_indices(40, 1)
    repeats = 40
    own = rng.normal(0, 0.02, 40)
    sets = {
        "genuine": scores(rng.normal(0.2, 0.03, 8_000) + np.repeat(own, 200), np.repeat(np.arange(40), 200)),
        "impostor": scores(
            rng.normal(0.45, 0.03, repeats * len(first)) + np.repeat(own[first] + own[second], repeats),
            np.repeat(first, repeats),
            np.repeat(second, repeats),
        ),
    }
    found = score_estimates(sets, IntervalSettings())
    rounded = {kind: Scores(s.values.round(3), s.probe_subjects, s.reference_subjects) for kind, s in sets.items()}
    few_values = score_estimates(rounded, IntervalSettings())
    for name in ("d_prime_genuine_impostor", "impostor_mean", "auc_genuine_impostor", "eer_percent"):
        one, other = found[name], few_values[name]
        assert one.high - one.low == pytest.approx(other.high - other.low, rel=0.05), name


@needs_cases
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("accepted_0_of_120", (88.42, 88.44), (100, 100)),
        ("accepted_1_of_120", (82.8, 88.42), (99, 100)),
        ("accepted_2_of_120", (78, 87.5), (98.3, 99.9)),
        ("copies_of_3_of_30", (29.2, 29.3), (100, 100)),
    ],
)
def test_the_cases_of_rejection_are_read_right(name: str, low: tuple, high: tuple) -> None:
    sets = read_scores(CASES / f"{name}.npz", similarity=False).sets
    found = score_estimates(sets, IntervalSettings())[RR]
    assert low[0] <= found.low <= low[1]
    assert high[0] <= found.high <= high[1]


@needs_cases
def test_the_other_cases_are_read_right() -> None:
    found = {}
    for name in ("eer_no_overlap", "eer_three_low_impostors", "constant_recognizer"):
        sets = read_scores(CASES / f"{name}.npz", similarity=False).sets
        found[name] = score_estimates(sets, IntervalSettings())
    none, three = (found[name]["eer_percent"] for name in ("eer_no_overlap", "eer_three_low_impostors"))
    assert none.high == pytest.approx(11.57, abs=0.01)
    assert none.low <= three.low and none.high <= three.high
    assert found["constant_recognizer"][RR].value is None
