"""Score metrics against independent oracles where they are at hand, and against their invariants everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deidkit.errors import NotComputable
from deidkit.measures import (
    Acquisition,
    CellScores,
    IntervalSettings,
    cell_metrics,
    recognizer_metrics,
    score_estimates,
)
from deidkit.measures.error_rates import TABLE_FMR, det_curve, equal_error_rate, share_at, threshold_at_fmr
from deidkit.measures.identification import identification_rate
from deidkit.measures.linkability import d_sys, null_d_sys
from deidkit.measures.separability import auc, d_prime, deid_ratio, rank_based_deid_ratio
from deidkit.scores import Distribution, Identification, Scores

ORACLES = Path(__file__).parents[1] / "oracles"
SIGN = {"A": -1, "B": -1, "C": 1}
"""Sets A and B hold similarities, C distances."""


@pytest.fixture(scope="module")
def oracle() -> dict:
    return json.loads((ORACLES / "oracle.json").read_text())


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    found = {}
    for name in ("scores.npz", "scores_blindspot.npz"):
        with np.load(ORACLES / name) as stored:
            found |= {key: stored[key] for key in stored.files}
    return found


def distances(arrays: dict[str, np.ndarray], name: str) -> Distribution:
    return Distribution.of(SIGN.get(name[0], -1) * arrays[name])


@pytest.mark.parametrize("name", "ABC")
def test_agrees_with_independent_libraries(name: str, oracle: dict, arrays: dict) -> None:
    genuine, impostor, copies = (distances(arrays, f"{name}_{kind}") for kind in ("gen", "imp", "deid"))
    point = equal_error_rate(genuine, impostor)
    assert point.eer == pytest.approx(oracle["sklearn"][name]["eer_nearest"], abs=1e-12)
    assert auc(genuine, impostor) == pytest.approx(oracle["sklearn"][name]["auc"], abs=1e-9)
    for fmr, fnmr in oracle["sklearn"][name]["fnmr_at_fmr_le"].items():
        assert 1 - share_at(genuine, threshold_at_fmr(impostor, float(fmr))) == pytest.approx(fnmr, abs=1e-12)
    assert d_prime(genuine, impostor) == pytest.approx(oracle["dprime_DIR"][name]["ddof0"]["d_gi"], abs=1e-9)
    assert d_prime(genuine, copies) == pytest.approx(oracle["dprime_DIR"][name]["ddof0"]["d_gd"], abs=1e-9)
    assert deid_ratio(genuine, impostor, copies).ratio == pytest.approx(
        oracle["dprime_DIR"][name]["ddof0"]["DIR"], abs=1e-9
    )
    rejected = 1 - share_at(copies, point.threshold)
    assert rejected == pytest.approx(oracle["rejection_rate"][name]["RR_sklearn_thr"], abs=1e-12)


@pytest.mark.parametrize(("omega", "key"), [(1.0, None), (0.1, "omega_0.1"), (10.0, "omega_10.0")])
@pytest.mark.parametrize(
    ("name", "mated", "nonmated"),
    [
        ("A_deid_vs_nonmated", "A_deid", "A_deid_nonmated"),
        ("A_gen_vs_imp", "A_gen", "A_imp"),
        ("D_link_copies", "D_link_mated", "D_link_nonmated"),
        ("E_perfect", "E_perfect_gen", "E_perfect_imp"),
        ("E_same", "E_same_gen", "E_same_imp"),
    ],
)
def test_linkability_agrees_in_both_forms(name, mated, nonmated, omega, key, oracle: dict, arrays: dict) -> None:
    wanted = oracle["D_sys"][name] if key is None else oracle["D_sys"][name][key]
    # in the oracle's own orientation: which of two bins a score on their edge falls into turns with the sign
    pair = Distribution.of(arrays[mated]), Distribution.of(arrays[nonmated])
    assert d_sys(*pair, omega) == pytest.approx(wanted["own_sum"], abs=1e-9)
    assert d_sys(*pair, omega, trapezoid=True) == pytest.approx(wanted["own_trapz"], abs=1e-9)


def test_linkability_of_one_law_is_as_biased_as_published(oracle: dict) -> None:
    wanted = oracle["analytic_and_simulation"]["D_sys_null_bias"]["300 mated/3000 non-mated/30 bins"]["sum_mean"]
    rng = np.random.default_rng(3)
    mean, upper = null_d_sys(Distribution.of(rng.normal(size=300)), Distribution.of(rng.normal(size=3000)))
    assert mean == pytest.approx(wanted, abs=0.015)
    assert mean < upper < 0.15


def test_what_the_deid_ratio_does_not_see_is_seen_by_linkage(arrays: dict, oracle: dict) -> None:
    """Copies 98 % of the way to an impostor, 98 % rejected, and linkable with an EER of 2.6 %."""
    sets = {
        "genuine": "H2_gen",
        "impostor": "H2_imp",
        "deidentified": "H2_deid",
        "deidentified_nonmated": "H2_deid_nonmated",
    }
    scores = {kind: lone(-arrays[name]) for kind, name in sets.items()}
    found = score_estimates(scores, None)
    wanted = oracle["analytic_and_simulation"]["blindspot_H2_spread_factor"]
    assert found["deid_ratio_percent"].value == pytest.approx(100 * wanted["DIR"], abs=1e-7)
    assert found["deid_ratio_mean_shift"].value == pytest.approx(wanted["mean_shift_ratio"], abs=1e-9)
    assert found["deid_ratio_spread_factor"].value == pytest.approx(wanted["spread_factor"], abs=1e-9)
    assert found["rejection_rate_percent"].value == pytest.approx(
        100 * wanted["RR"], abs=0.2
    )  # 3 of 2000: our threshold is mid-gap
    assert found["linkage_eer_percent"].value == pytest.approx(100 * wanted["linkage_EER"], abs=0.1)
    assert found["linkage_auc"].value == pytest.approx(wanted["linkage_AUC"], abs=1e-6)


def test_a_gap_gives_the_middle_threshold_and_the_range_of_rejection_rates(arrays: dict, oracle: dict) -> None:
    wanted = oracle["eer_threshold_gap"]
    scores = {
        "genuine": lone(-arrays["E_perfect_gen"]),
        "impostor": lone(-arrays["E_perfect_imp"]),
        "deidentified": lone(-arrays["GAP_deid"]),
    }
    rejection = score_estimates(scores, None)["rejection_rate_percent"]
    assert -rejection.parameters["threshold"] == pytest.approx(wanted["thresholds"]["bob(mid-gap)"], abs=1e-9)
    assert rejection.value == pytest.approx(100 * wanted["RR_by_library"]["bob(mid-gap)"], abs=1e-9)
    assert rejection.parameters["percent_at_threshold_low"] == pytest.approx(
        100 * wanted["RR_by_library"]["sklearn"], abs=2.0
    )
    assert rejection.parameters["percent_at_threshold_high"] == pytest.approx(
        100 * wanted["RR_by_library"]["just_above_max_impostor"], abs=1e-9
    )


def lone(values: np.ndarray) -> Scores:
    """Scores each of whose comparisons is of one subject of its own."""
    subjects = np.arange(len(values), dtype=np.int32)
    return Scores(np.asarray(values, dtype=np.float64), subjects, subjects)


def acquisition(attempts: int, failures: int) -> Acquisition:
    """One picture of each subject."""
    subjects = np.arange(attempts, dtype=np.int32)
    return Acquisition.of(subjects, subjects[failures:])


scores_of = hnp.arrays(np.float64, st.integers(2, 60), elements=st.integers(0, 20).map(lambda v: v / 20))


@settings(max_examples=60, deadline=None)
@given(genuine=scores_of, impostor=scores_of, data=st.data())
def test_order_alone_decides_rates_auc_and_the_rank_based_ratio(genuine, impostor, data) -> None:
    copies = data.draw(scores_of)
    assume(np.unique(np.concatenate([genuine, impostor])).size > 1)
    plain = [Distribution.of(values) for values in (genuine, impostor, copies)]
    bent = [Distribution.of(np.exp(3 * values) - 5) for values in (genuine, impostor, copies)]
    assert equal_error_rate(*plain[:2]).eer == pytest.approx(equal_error_rate(*bent[:2]).eer, abs=1e-12)
    assert auc(*plain[:2]) == pytest.approx(auc(*bent[:2]), abs=1e-12)
    if auc(*plain[:2]) > 0.51:
        assert rank_based_deid_ratio(*plain) == pytest.approx(rank_based_deid_ratio(*bent), abs=1e-9)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(genuine=scores_of, impostor=scores_of)
def test_the_equal_error_rate_keeps_its_rule(genuine, impostor) -> None:
    assume(np.unique(np.concatenate([genuine, impostor])).size > 1)
    point = equal_error_rate(Distribution.of(genuine), Distribution.of(impostor))
    fmr = np.mean(impostor <= point.threshold)
    fnmr = np.mean(genuine > point.threshold)
    assert (fmr, fnmr) == (pytest.approx(point.fmr), pytest.approx(point.fnmr))
    assert point.eer == pytest.approx((fmr + fnmr) / 2)
    everywhere = np.concatenate([[-1], genuine, impostor])
    gaps = [abs(np.mean(impostor <= t) - np.mean(genuine > t)) for t in everywhere]
    assert abs(fmr - fnmr) == pytest.approx(min(gaps), abs=1e-12)
    twice = equal_error_rate(Distribution.of(np.tile(genuine, 2)), Distribution.of(np.tile(impostor, 2)))
    assert twice.eer == pytest.approx(point.eer, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(impostor=scores_of, fmr=st.sampled_from([0.5, 0.2, 0.1]))
def test_a_threshold_never_accepts_more_impostors_than_allowed(impostor, fmr: float) -> None:
    distribution = Distribution.of(impostor)
    if len(impostor) * fmr < 1:
        with pytest.raises(NotComputable, match="too few"):
            threshold_at_fmr(distribution, fmr)
        return
    threshold = threshold_at_fmr(distribution, fmr)
    assert np.mean(impostor <= threshold) <= fmr + 1e-12
    above = impostor[impostor > threshold]
    if above.size:  # and none further would do
        assert np.mean(impostor <= above.min()) > fmr


def test_ratio_of_the_paper_by_hand() -> None:
    genuine, impostor, copies = (Distribution.of(np.array(v)) for v in ([0.1, 0.3], [0.7, 0.9], [0.4, 0.6]))
    found = deid_ratio(genuine, impostor, copies)
    assert found.mean_shift == pytest.approx((0.2 - 0.5) / (0.2 - 0.8))
    assert found.spread_factor == pytest.approx(1.0)
    nearer = deid_ratio(genuine, impostor, Distribution.of(np.array([0.0, 0.1])))
    assert nearer.ratio < 0  # nearer than a genuine sample: the sign says so


def test_what_is_not_defined_says_why_and_never_gives_a_number() -> None:
    empty = Scores(np.empty(0), np.empty(0, np.int32), np.empty(0, np.int32))
    one = lone(np.array([0.2]))
    settings = IntervalSettings()
    alone = recognizer_metrics(empty, empty, None, acquisition(2, 0), settings)
    reversed_ = recognizer_metrics(
        lone(np.array([0.8, 0.9])), lone(np.array([0.1, 0.2])), None, acquisition(4, 0), settings
    )
    nothing = cell_metrics(CellScores(one, one), acquisition(3, 3), settings)
    for estimates in (alone.estimates, reversed_.estimates, nothing.estimates):
        for name, estimate in estimates.items():
            if estimate.value is None:
                assert estimate.reason, name
                assert estimate.low is None
            else:
                assert np.isfinite(estimate.value), name
    assert alone.estimates["eer_percent"].value is None
    assert "two or more samples" in alone.estimates["eer_percent"].remedy
    assert nothing.estimates["deid_ratio_percent"].value is None
    assert nothing.estimates["failure_to_acquire_percent"].value == 100.0
    assert nothing.estimates["rejection_rate_including_failures_percent"].value == 100.0
    wrong = score_estimates(
        {"genuine": lone(np.array([0.8, 0.9])), "impostor": lone(np.array([0.1, 0.2])), "deidentified": one},
        None,
    )
    assert "does not distinguish identities" in wrong["deid_ratio_percent"].reason


def test_a_recognizer_that_says_one_thing_proves_nothing() -> None:
    """Neither its rejections nor its failure to link are evidence."""
    kinds = ("genuine", "impostor", "deidentified", "deidentified_other", "deidentified_nonmated")
    found = score_estimates({kind: lone(np.full(400, 0.1)) for kind in kinds}, IntervalSettings())
    for name in ("eer_percent", "rejection_rate_percent", "rejection_rate_percent_at_fmr_1_percent", "linkage_d_sys",
                 "linkage_eer_percent", "linkage_other_eer_percent", "deid_ratio_percent", "d_prime_genuine_impostor"):  # fmt: skip
        assert found[name].value is None, name
        assert found[name].reason
    assert "identities are not distinguished" in found["rejection_rate_percent"].reason


def test_a_threshold_that_accepts_nobody_proves_nothing() -> None:
    """A matcher that says yes or no, and yes to one stranger in twenty, has no threshold at an FMR of 1 %."""
    genuine, impostor = np.repeat([0.0, 1.0], [95, 5]), np.repeat([0.0, 1.0], [50, 950])
    sets = {"genuine": lone(genuine), "impostor": lone(impostor), "deidentified": lone(genuine)}
    found = score_estimates(sets, IntervalSettings())
    assert found["eer_percent"].value == pytest.approx(5)
    assert found["fnmr_percent_at_fmr_1_percent"].value == 100
    assert found["rejection_rate_percent_at_fmr_1_percent"].value is None  # the copies are no worse than originals
    assert "accepts no genuine comparison either" in found["rejection_rate_percent_at_fmr_1_percent"].reason


def test_scores_of_any_scale_are_scores() -> None:
    rng = np.random.default_rng(0)
    plain = {
        "genuine": rng.normal(0.2, 0.05, 90),
        "impostor": rng.normal(0.5, 0.05, 900),
        "deidentified": rng.random(60),
    }
    found = score_estimates({kind: lone(values) for kind, values in plain.items()}, None)
    tiny = score_estimates({kind: lone(1e-14 * values) for kind, values in plain.items()}, None)
    for name in ("eer_percent", "rejection_rate_percent", "deid_ratio_percent", "d_prime_genuine_impostor"):
        assert tiny[name].value == pytest.approx(found[name].value, rel=1e-9), name


def test_linkage_to_the_own_picture_and_to_other_samples_are_two_numbers() -> None:
    """Copies that keep their own picture's identity and nothing else: one links them all, the other none."""
    rng = np.random.default_rng(1)
    sets = {
        "genuine": rng.normal(0.2, 0.03, 200),
        "impostor": rng.normal(0.5, 0.03, 2000),
        "deidentified": rng.normal(0.1, 0.02, 100),
        "deidentified_other": rng.normal(0.5, 0.03, 300),
        "deidentified_nonmated": rng.normal(0.5, 0.03, 2000),
    }
    found = score_estimates({kind: lone(values) for kind, values in sets.items()}, None)
    assert found["linkage_eer_percent"].value == 0.0
    assert found["linkage_other_eer_percent"].value == pytest.approx(50, abs=5)


def test_linkability_of_more_comparisons_than_labels_can_be_dealt_out() -> None:
    """Counts of a large audit; the deals of half as many agree with those without replacement."""
    edges = np.linspace(0, 1, 201)

    def counted(total: float) -> Distribution:
        weights = np.round(total * np.exp(-((edges - 0.5) ** 2) / 0.02))
        return Distribution.of(edges, weights)

    large = null_d_sys(counted(50), counted(2e8))
    small = null_d_sys(counted(50), counted(2e4))
    assert counted(2e8).total > 1e9
    assert large == pytest.approx(small, abs=0.01)


def test_identification_takes_ties_by_expectation() -> None:
    search = Identification(
        better=np.array([0, 0, 1], np.int32),
        ties=np.array([0, 1, 0], np.int32),
        subjects=np.array([0, 1, 2], np.int32),
        gallery_identities=4,
    )
    assert identification_rate(search, 1) == pytest.approx((1 + 0.5 + 0) / 3)
    assert identification_rate(search, 2) == pytest.approx(1.0)
    constant = Identification(*(np.array([v], np.int32) for v in (0, 3, 0)), gallery_identities=4)
    assert identification_rate(constant) == pytest.approx(0.25)  # constant scores are chance


def test_the_curve_of_a_report_is_exact_where_tables_read_it() -> None:
    rng = np.random.default_rng(9)
    genuine, impostor = rng.normal(0, 1, 20_000), rng.normal(2, 1, 50_000)
    curve = det_curve(Distribution.of(genuine), Distribution.of(impostor))
    assert len(curve.x) < 410
    for fmr in TABLE_FMR:
        read = curve.y[int(np.searchsorted(curve.x, 100 * fmr, side="right")) - 1]
        threshold = threshold_at_fmr(Distribution.of(impostor), fmr)
        assert read == pytest.approx(100 * (1 - share_at(Distribution.of(genuine), threshold)))
