"""A sample of all comparisons: everybody in it equally often, unbiased, and with intervals that include it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from deidkit.comparison import ComparisonSettings, Templates, all_pairs, compare_all
from deidkit.errors import UsageError
from deidkit.measures import IntervalSettings, score_estimates

PEOPLE, EACH = 120, 3


class Distance:
    """Distance of points in a square; distances of two people depend on both."""

    version, input, score_range = "1", "roi", (0.0, 1.5)

    def compare(self, probes, references):
        return np.sqrt(np.square(probes[:, None] - references[None]).sum(axis=2)).astype(np.float64)


@pytest.fixture(autouse=True)
def small_stripes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_pairs, "PROBES", 9)


def people(seed: int) -> Templates:
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(PEOPLE, dtype=np.int32), EACH)
    data = np.clip(rng.random((PEOPLE, 2))[subjects] + rng.normal(0, 0.12, (len(subjects), 2)), 0, 1)
    order = rng.permutation(len(subjects))  # nothing is in succession
    return Templates(data[order], subjects[order], subjects[order], np.arange(len(subjects), dtype=np.int32))


def sampled(seed: int, pairs: int, monkeypatch: pytest.MonkeyPatch, draw: int = 0):
    original = all_pairs.sampled_layout
    with monkeypatch.context() as patch:
        patch.setattr(all_pairs, "sampled_layout", lambda *sets, **how: original(*sets, **how, seed=draw))
        return compare_all(Distance(), people(seed), settings=ComparisonSettings(pairs=pairs), threads=2)


def test_everybody_meets_equally_many_and_all_mated_comparisons_are_made() -> None:
    everybody = people(1)
    full = compare_all(Distance(), everybody)
    found = compare_all(Distance(), everybody, settings=ComparisonSettings(pairs=12_000))
    np.testing.assert_array_equal(np.sort(found.same_identity.values), np.sort(full.same_identity.values))
    assert 9_000 < found.different_identity.count + found.same_identity.count <= 12_000
    assert found.identification_with_source is None
    met = Counter(found.different_identity.probe_subjects) + Counter(found.different_identity.reference_subjects)
    assert len(met) == PEOPLE
    assert max(met.values()) <= min(met.values()) + 2 * 9 * EACH  # a person's own group may have one person fewer


def test_copies_meet_their_own_originals_and_equally_many_others() -> None:
    originals, copies = people(1), people(2)
    order = np.argsort(copies.subjects, kind="stable")[np.argsort(np.argsort(originals.subjects, kind="stable"))]
    copies = Templates(copies.data[order], originals.identities, originals.subjects, originals.sources)
    full = compare_all(Distance(), copies, originals, identify=False)
    found = compare_all(Distance(), copies, originals, settings=ComparisonSettings(pairs=20_000))
    for kind in ("same_source", "same_identity"):
        one, other = (np.sort(getattr(pairs, kind).values) for pairs in (found, full))
        np.testing.assert_array_equal(one, other)
    as_probes = Counter(found.different_identity.probe_subjects)
    as_references = Counter(found.different_identity.reference_subjects)
    assert len(as_probes) == len(as_references) == PEOPLE
    assert found.different_identity.count < 20_000 < full.different_identity.count


def test_so_few_that_people_do_not_meet_are_refused_and_enough_are_no_sample() -> None:
    with pytest.raises(UsageError, match="--sample-pairs 300 is too few"):
        compare_all(Distance(), people(1), settings=ComparisonSettings(pairs=300))
    whole = compare_all(Distance(), people(1), settings=ComparisonSettings(pairs=10**6))
    assert whole.identification_with_source is not None


@pytest.mark.slow
def test_the_number_of_all_comparisons_lies_in_the_intervals_of_samples_and_in_their_middle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rates(pairs):
        sets = {"genuine": pairs.same_identity, "impostor": pairs.different_identity}
        wanted = ("eer_percent", "fnmr_percent_at_fmr_1_percent", "impostor_mean", "auc_genuine_impostor")
        found = score_estimates(sets, IntervalSettings())
        return {name: found[name] for name in wanted}

    full = rates(compare_all(Distance(), people(3), identify=False))
    draws = [rates(sampled(3, 8_000, monkeypatch, draw)) for draw in range(40)]
    for name, whole in full.items():
        values = np.array([draw[name].value for draw in draws])
        held = sum(draw[name].low <= whole.value <= draw[name].high for draw in draws)
        assert held >= 38, name
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean() - whole.value) <= max(4 * error, 0.02 * whole.value), name
        widths = [draw[name].high - draw[name].low for draw in draws]
        assert np.median(widths) >= 0.98 * (whole.high - whole.low), name
