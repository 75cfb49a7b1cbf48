"""Error rates of many scores, found without sorting them all, against definitions over every distance that occurs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from deidkit.errors import NotComputable
from deidkit.measures.error_rates import crossing, det_curve, equal_error_rate, threshold_at_fmr
from deidkit.measures.linkability import d_sys
from deidkit.measures.separability import auc
from deidkit.scores import Distribution, Scores, ordering


@pytest.fixture(params=["sorted", "in buckets"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "in buckets":
        monkeypatch.setattr(ordering, "MANY", 1)
        monkeypatch.setattr(ordering, "BUCKETS", 16)
        monkeypatch.setattr(ordering, "_FEW", 3)
        monkeypatch.setattr(ordering, "_KEPT", 2)


def every_rate(genuine: np.ndarray, impostor: np.ndarray):
    """The distances that occur with the rates at each; first the rates below all of them."""
    values = np.unique(np.concatenate([genuine, impostor]))
    fmr = np.array([0.0, *(np.count_nonzero(impostor <= v) / len(impostor) for v in values)])
    fnmr = np.array([1.0, *(1.0 - np.count_nonzero(genuine <= v) / len(genuine) for v in values)])
    return values, fmr, fnmr


def drawn(seed: int, genuine: int, impostor: int, decimals: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (
        np.round(rng.normal(rng.uniform(0.2, 0.6), 0.1, genuine), decimals),
        np.round(rng.normal(0.5, rng.uniform(0.01, 0.1), impostor), decimals),
    )


scores = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 90), st.sampled_from([1, 2, 3, 15]))


@pytest.mark.slow
@pytest.mark.usefixtures("kept")
@settings(max_examples=60, deadline=None)
@given(scores)
def test_equal_error_rate_crossing_and_fixed_fmr_are_those_of_their_definitions(case) -> None:
    genuine, impostor = drawn(*case)
    values, fmr, fnmr = every_rate(genuine, impostor)
    of = Distribution.of(genuine), Distribution.of(impostor)
    if len(values) == 1:
        with pytest.raises(NotComputable):
            equal_error_rate(*of)
        return
    gap = np.abs(fmr - fnmr)
    best = np.flatnonzero(gap <= gap.min() + 1e-12)
    place = int(best[(len(best) - 1) // 2])
    found = equal_error_rate(*of)
    assert found.eer == (fmr[place] + fnmr[place]) / 2
    assert found.low == (values[place - 1] if place else values[0] - 1)
    assert found.high == values[min(place, len(values) - 1)]
    signed, ends = fmr - fnmr, np.concatenate([values[:1], values])
    first, last = int(np.argmax(signed >= 0)), int(len(signed) - np.argmax(signed[::-1] <= 0) - 1)
    between = crossing(*of)
    if first <= last:
        assert between.eer == fmr[first]
        assert between.threshold == (ends[first] + ends[min(last + 1, len(ends) - 1)]) / 2
    else:
        part = signed[last] / (signed[last] - signed[first])
        assert between.eer == pytest.approx(fmr[last] + part * (fmr[first] - fmr[last]), abs=1e-12)
        assert between.threshold == pytest.approx(ends[last] + part * (ends[first] - ends[last]), abs=1e-12)
    for share in (0.05, 0.3, 1.0):
        if len(impostor) * share < 1:
            continue
        threshold = threshold_at_fmr(of[1], share)
        assert np.count_nonzero(impostor <= threshold) / len(impostor) <= share + 1e-12
        larger = impostor[impostor > threshold]
        if larger.size:  # one more would be too many
            assert np.count_nonzero(impostor <= larger.min()) / len(impostor) > share
            assert threshold == np.nextafter(larger.min(), -np.inf)


@pytest.mark.slow
@pytest.mark.usefixtures("kept")
@settings(max_examples=40, deadline=None)
@given(scores)
def test_areas_curves_and_histograms_agree_with_scikit_learn_and_numpy(case) -> None:
    genuine, impostor = drawn(*case)
    of = Distribution.of(genuine), Distribution.of(impostor)
    labels = np.repeat([1, 0], [len(genuine), len(impostor)])
    alike = -np.concatenate([genuine, impostor])
    area = roc_auc_score(labels, alike)
    assert auc(*of) == pytest.approx(area, abs=1e-12)
    assert auc(of[1], of[0]) == pytest.approx(1 - area, abs=1e-12)
    edges = np.linspace(min(genuine.min(), impostor.min()), max(genuine.max(), impostor.max()) + 0.1, 12)
    for distribution, values in zip(of, (genuine, impostor), strict=True):
        np.testing.assert_array_equal(distribution.counts(edges), np.histogram(values, edges)[0])
        assert distribution.mean == pytest.approx(values.mean(), abs=1e-12)
        assert distribution.std == pytest.approx(values.std(), abs=1e-12)
    if len(np.unique(-alike)) == 1:
        return
    false, true, _ = roc_curve(labels, alike, drop_intermediate=False)
    curve = det_curve(*of)
    there = set(zip(np.round(100 * false, 9), np.round(100 * (1 - true), 9), strict=True))
    assert set(zip(np.round(curve.x, 9), np.round(curve.y, 9), strict=True)) <= there


@pytest.mark.slow
def test_many_scores_with_outliers_are_as_exact_as_few() -> None:
    rng = np.random.default_rng(1)
    impostor = np.concatenate([rng.normal(0.47, 0.02, ordering.MANY), [1e9, -1e9, 3.0]])
    genuine = rng.normal(0.42, 0.03, 5_000)
    found = Distribution.of(impostor)
    assert isinstance(found.order, ordering.Bucketed)
    ascending = np.sort(impostor)
    for threshold in (0.4, 0.47, 2.0, -2e9, 2e9):
        at = np.array([threshold])
        assert found.at_most(at) == np.searchsorted(ascending, threshold, side="right")
    np.testing.assert_array_equal(found.between(0.47, 0.4701), ascending[(ascending >= 0.47) & (ascending < 0.4701)])
    plain = Distribution(ordering.Ascending(ascending), None, found.total)
    assert equal_error_rate(Distribution.of(genuine), found) == equal_error_rate(Distribution.of(genuine), plain)
    assert auc(Distribution.of(genuine), found) == auc(Distribution.of(genuine), plain)
    near = impostor[:-3]
    assert d_sys(Distribution.of(genuine), Distribution.of(near)) == d_sys(
        Distribution.of(genuine), Distribution(ordering.Ascending(np.sort(near)), None, len(near))
    )
    np.testing.assert_array_equal(found.values, ascending)


@pytest.mark.parametrize("values", [8, 64, 4_096])
def test_scores_by_subject_are_those_of_loops(values: int) -> None:
    rng = np.random.default_rng(2)
    number = 3_000
    kept = Scores(
        np.round(rng.random(number), 3),
        rng.choice([2, 3, 5, 9], number).astype(np.int32),
        rng.choice([0, 3, 5, 9], number).astype(np.int32),
    )
    counted = kept.by_subject(values)
    assert counted.subjects.tolist() == [0, 2, 3, 5, 9]
    assert len(counted.values) == min(values, len(np.unique(kept.values)))
    assert counted.counts.sum() == number
    assert counted.values @ counted.counts == pytest.approx(kept.values.sum(), rel=1e-12)
    for row, subject in enumerate(counted.subjects):
        there = (kept.probe_subjects == subject) | (kept.reference_subjects == subject)
        assert counted.shares[row].sum() == there.sum()
        accepted = kept.accepted(0.4)
        assert accepted.accepted[row] == (there & (kept.values <= 0.4)).sum()
        assert accepted.compared[row] == there.sum()
        if values == 4_096:
            wanted = kept.values[~there]
            assert counted.without(subject).mean == pytest.approx(wanted.mean(), abs=1e-12)
