"""All comparisons against loops over pairs, whatever the number of threads and the way scores are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deidkit.comparison import ComparisonSettings, ScoreHistogram, Templates, all_pairs, compare_all, histogram
from deidkit.errors import PluginError

from .points import Distance


def some_templates(
    count: int, identities: int, seed: int, sources: np.ndarray | None = None, decimals: int = 2
) -> Templates:
    rng = np.random.default_rng(seed)
    identity = rng.integers(0, identities, count).astype(np.int32)
    return Templates(
        data=np.round(rng.random((count, 1)), decimals),  # few decimals: many ties
        identities=identity,
        subjects=(identity // 2).astype(np.int32),
        sources=np.arange(count, dtype=np.int32) if sources is None else sources,
    )


def pair(first: int, second: int, references: Templates | None) -> tuple[int, int]:
    """Two subjects; of a set that is compared with itself, in no order."""
    return (min(first, second), max(first, second)) if references is None else (first, second)


def by_hand(probes: Templates, references: Templates | None):
    gallery = references or probes
    kinds: list[list[tuple[float, int, int]]] = [[], [], []]
    for i, j in product(range(len(probes.data)), range(len(gallery.data))):
        if references is None and j <= i:
            continue
        if probes.identities[i] != gallery.identities[j]:
            kind = 2
        else:
            kind = 0 if probes.sources[i] == gallery.sources[j] else 1
        distance = abs(probes.data[i, 0] - gallery.data[j, 0])
        kinds[kind].append((distance, *pair(probes.subjects[i], gallery.subjects[j], references)))
    return [sorted(kind) for kind in kinds]


def searched_by_hand(probes: Templates, references: Templates | None, *, without_source: bool):
    gallery = references or probes
    rows = []
    for i in range(len(probes.data)):
        best: dict[int, float] = {}
        for j in range(len(gallery.data)):
            if references is None and i == j:
                continue
            same = gallery.identities[j] == probes.identities[i]
            if same and without_source and gallery.sources[j] == probes.sources[i]:
                continue
            distance = abs(probes.data[i, 0] - gallery.data[j, 0])
            identity = int(gallery.identities[j])
            best[identity] = min(best.get(identity, np.inf), distance)
        own = best.pop(int(probes.identities[i]), None)
        if own is not None:
            rows.append((sum(d < own for d in best.values()), sum(d == own for d in best.values()), probes.subjects[i]))
    return rows


def rows(scores, references: Templates | None) -> list[tuple[float, int, int]]:
    both = zip(scores.values, scores.probe_subjects, scores.reference_subjects, strict=True)
    return sorted((value, *pair(one, other, references)) for value, one, other in both)


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(all_pairs, "PROBES", 7)
        patch.setattr(all_pairs, "REFERENCES", 11)
        yield


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("case", ["within", "against"])
def test_scores_and_searches_agree_with_loops_over_pairs(case: str, threads: int) -> None:
    originals = some_templates(40, 9, 1)
    if case == "within":
        probes, references = originals, None
    else:
        sources = np.repeat(np.arange(20, dtype=np.int32), 2)
        copies = some_templates(40, 9, 2, sources)
        probes = Templates(copies.data, originals.identities[sources], originals.subjects[sources], sources)
        references = originals
    pairs = compare_all(Distance(), probes, references, threads=threads)
    wanted = by_hand(probes, references)
    assert [rows(s, references) for s in (pairs.same_source, pairs.same_identity, pairs.different_identity)] == wanted
    for without, found in (
        (False, pairs.identification_with_source),
        (True, pairs.identification_without_source),
    ):
        assert found is not None
        assert list(zip(found.better, found.ties, found.subjects, strict=True)) == searched_by_hand(
            probes, references, without_source=without
        )
        assert found.gallery_identities == len(np.unique(originals.identities))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("case", ["within", "against"])
def test_a_search_in_which_hardly_anybody_is_as_close_misses_none_who_is(case: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    number = np.arange(90, dtype=np.int32)
    identity = np.sort(rng.integers(0, 12, 90)).astype(np.int32)  # of 1 to 15 pictures: more and fewer than a block
    near = identity / 12 + 0.01 * rng.random(90)
    stray = rng.random(90) < 0.05
    near[stray] = rng.random(int(stray.sum()))
    originals = Templates(np.round(near[:, None], 2), identity, identity // 2, number)
    if case == "within":
        probes, references = originals, None
    else:
        probes, references = Templates(np.round(near[:, None], 3), identity, identity // 2, number), originals
    pairs = compare_all(Distance(), probes, references, threads=2)
    for without, found in ((False, pairs.identification_with_source), (True, pairs.identification_without_source)):
        assert found is not None
        rows_found = list(zip(found.better, found.ties, found.subjects, strict=True))
        assert rows_found == searched_by_hand(probes, references, without_source=without)


def test_identities_in_another_order_are_found_all_the_same() -> None:
    originals, copies = some_templates(60, 12, 1), some_templates(50, 14, 2, np.arange(100, 150, dtype=np.int32))
    pairs = compare_all(Distance(), copies, originals, threads=2)
    for without, found in (
        (False, pairs.identification_with_source),
        (True, pairs.identification_without_source),
    ):
        rows_found = list(zip(found.better, found.ties, found.subjects, strict=True))
        assert rows_found == searched_by_hand(copies, originals, without_source=without)


def test_copies_among_themselves_give_diversity_and_linkage() -> None:
    sources = np.repeat(np.arange(10, dtype=np.int32), 3)
    identities = (sources // 2).astype(np.int32)
    copies = Templates(np.random.default_rng(0).random((30, 1)), identities, identities, sources)
    pairs = compare_all(Distance(), copies, identify=False)
    assert [pairs.same_source.count, pairs.same_identity.count, pairs.different_identity.count] == [30, 45, 360]
    assert pairs.identification_with_source is None


@pytest.mark.parametrize("max_scores", [0, 10**6])
def test_neither_blocks_nor_threads_change_a_bit(max_scores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    templates = some_templates(90, 20, 5, decimals=3)
    found = []
    for probes, references, threads in [(7, 11, 1), (90, 90, 1), (16, 64, 4), (1, 5, 3)]:
        monkeypatch.setattr(all_pairs, "PROBES", probes)
        monkeypatch.setattr(all_pairs, "REFERENCES", references)
        pairs = compare_all(Distance(), templates, settings=ComparisonSettings(max_scores), threads=threads)
        contents = []
        for scores in (pairs.same_source, pairs.same_identity, pairs.different_identity):
            contents += [np.asarray(getattr(scores, field.name)) for field in fields(scores)]
        for search in (pairs.identification_with_source, pairs.identification_without_source):
            contents += [search.better, search.ties, search.subjects]
        found.append(contents)
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 60), subjects=st.integers(1, 12))
def test_a_histogram_keeps_moments_exactly_and_scores_to_its_resolution(seed: int, count: int, subjects: int) -> None:
    templates = some_templates(count, 2 * subjects, seed, decimals=6)
    exact = compare_all(Distance(), templates).different_identity
    counted = compare_all(Distance(), templates, settings=ComparisonSettings(0), threads=2).different_identity
    assert counted.count == exact.count
    if exact.count == 0:
        return
    assert isinstance(counted, ScoreHistogram)
    assert counted.resolution == pytest.approx(1 / 65_536)
    kept, full = counted.distribution(), exact.distribution()
    assert kept.mean == pytest.approx(full.mean, abs=1e-9)
    assert kept.std == pytest.approx(full.std, abs=1e-9)
    middles = np.repeat(kept.values, kept.weights.astype(int))
    assert np.abs(middles - full.values).max() <= counted.resolution / 2 + 1e-9
    np.testing.assert_array_equal(counted.subjects, exact.subjects)
    # what lies on an edge but for rounding may be counted on its other side
    assume(not np.isclose(16 * full.values, np.rint(16 * full.values), rtol=0, atol=1e-8).any())
    np.testing.assert_array_equal(counted.histogram(0.0, 1.0, 16), exact.histogram(0.0, 1.0, 16))


def test_constant_scores_have_no_spread() -> None:
    templates = some_templates(50, 9, 6)
    constant = Templates(np.full((50, 1), 0.3), templates.identities, templates.subjects, templates.sources)
    pairs = compare_all(Distance(), constant, settings=ComparisonSettings(0))
    assert pairs.different_identity.distribution().std == 0.0
    search = pairs.identification_with_source
    assert search.hit_probability(1) == pytest.approx(1 / search.gallery_identities)


def test_a_histogram_knows_subjects_as_single_scores_do() -> None:
    templates = some_templates(150, 40, 4, decimals=6)  # both identities of a subject: comparisons within subjects too
    exact = compare_all(Distance(), templates).different_identity
    counted = compare_all(Distance(), templates, settings=ComparisonSettings(0)).different_identity
    of_exact, of_counted = exact.by_subject(4_096), counted.by_subject(4_096)
    for subject in (3, 7):
        wanted, found = of_exact.without(subject), of_counted.without(subject)
        assert found.total == wanted.total
        assert found.mean == pytest.approx(wanted.mean, abs=counted.resolution)
        assert found.std == pytest.approx(wanted.std, abs=1 / 1024)
    for threshold in (0.1, 0.4321, 0.9):
        one, other = exact.accepted(threshold), counted.accepted(threshold)
        np.testing.assert_array_equal(one.subjects, other.subjects)
        np.testing.assert_array_equal(one.compared, other.compared)
        np.testing.assert_allclose(one.accepted, other.accepted, atol=3)
        assert (one.total, one.total_accepted) == (other.total, pytest.approx(other.total_accepted, abs=3))


def test_histograms_of_very_many_subjects_are_coarser_and_count_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    templates = some_templates(150, 40, 4, decimals=6)
    fine = compare_all(Distance(), templates, settings=ComparisonSettings(0)).different_identity
    monkeypatch.setattr(histogram, "MARGINAL_COUNTERS", 1)
    coarse = compare_all(Distance(), templates, settings=ComparisonSettings(0)).different_identity
    assert (fine.marginals.shape[1], coarse.marginals.shape[1]) == (1_024, 256)
    np.testing.assert_array_equal(coarse.marginals, fine.marginals.reshape(-1, 256, 4).sum(axis=2))
    np.testing.assert_array_equal(coarse.counts, fine.counts)


def test_no_subject_is_left_of_one() -> None:
    templates = some_templates(20, 8, 1)
    alone = Templates(templates.data, templates.identities, np.zeros(20, np.int32), templates.sources)
    for limit in (0, 1_000):
        scores = compare_all(Distance(), alone, settings=ComparisonSettings(limit)).different_identity
        assert scores.by_subject(4_096).without(0).total == 0.0


@pytest.mark.parametrize(
    "bad",
    [
        lambda p, r: np.zeros((len(p), len(r) + 1)),
        lambda p, r: np.full((len(p), len(r)), np.nan),
        lambda p, r: np.full((len(p), len(r)), 1.5),
        lambda p, r: np.zeros((len(p), len(r)), dtype=int),
    ],
)
def test_a_recognizer_that_breaks_its_contract_is_named(bad, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Distance, "compare", lambda self, p, r: bad(p, r))
    with pytest.raises(PluginError, match="recognizer Distance breaks its contract"):
        compare_all(Distance(), some_templates(5, 2, 0))


@pytest.mark.parametrize("limit", [0, 10**6])
def test_single_precision_is_kept_as_it_is_and_searched_as_it_is(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    templates = some_templates(60, 9, 2)
    rounded = Templates(templates.data.astype(np.float32), templates.identities, templates.subjects, templates.sources)
    found = []
    for kind in (np.float32, np.float64):
        monkeypatch.setattr(Distance, "compare", lambda self, p, r, kind=kind: np.abs(p[:, :1] - r[:, 0]).astype(kind))
        found.append(compare_all(Distance(), rounded, settings=ComparisonSettings(limit), threads=2))
    for name in ("same_identity", "different_identity"):
        one, other = (getattr(pairs, name) for pairs in found)
        for field in fields(one):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))
        assert one.distribution().mean == other.distribution().mean
    for name in ("identification_with_source", "identification_without_source"):
        one, other = (getattr(pairs, name) for pairs in found)
        assert (one.better.tolist(), one.ties.tolist()) == (other.better.tolist(), other.ties.tolist())


def test_a_recognizer_that_uses_its_memory_again_is_read_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    templates, memory = some_templates(60, 9, 4), np.empty(10_000)
    plain = compare_all(Distance(), templates, threads=1)

    def again(self, probes, references):
        block = memory[: len(probes) * len(references)].reshape(len(probes), len(references))
        block[:] = np.abs(probes[:, :1] - references[:, 0])
        return block

    monkeypatch.setattr(Distance, "compare", again)
    found = compare_all(Distance(), templates, threads=1)
    np.testing.assert_array_equal(found.different_identity.values, plain.different_identity.values)
    np.testing.assert_array_equal(found.same_identity.values, plain.same_identity.values)


def test_a_recognizer_of_two_precisions_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = iter([np.float32, *[np.float64] * 100])
    monkeypatch.setattr(Distance, "compare", lambda self, p, r: np.abs(p[:, :1] - r[:, 0]).astype(next(kinds)))
    with pytest.raises(PluginError, match=r"compare\(\) gave float64 where it gave float32 before"):
        compare_all(Distance(), some_templates(40, 9, 0), threads=1)


def test_a_range_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Distance, "score_range", (0.0, float("inf")))
    with pytest.raises(PluginError, match="recognizer Distance breaks its contract: its score_range"):
        compare_all(Distance(), some_templates(5, 2, 0))


def test_what_a_recognizer_raises_in_a_thread_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self, probes, references):
        raise OSError("no more memory")

    monkeypatch.setattr(Distance, "compare", fails)
    with pytest.raises(PluginError, match="no more memory"):
        compare_all(Distance(), some_templates(60, 5, 0), threads=3)


def test_labels_that_contradict_one_another_are_refused() -> None:
    number = np.arange(3, dtype=np.int32)
    with pytest.raises(ValueError, match="one source"):
        compare_all(Distance(), Templates(np.zeros((3, 1)), number, number, np.zeros(3, dtype=np.int32)))
    with pytest.raises(ValueError, match="equally many"):
        Templates(np.zeros((2, 1)), number, number, number)


def test_probes_nobody_is_there_for_are_left_out() -> None:
    identities = np.array([0, 0, 1, 2], dtype=np.int32)
    templates = Templates(np.arange(4.0)[:, None] / 4, identities, identities, np.array([0, 0, 2, 3], dtype=np.int32))
    pairs = compare_all(Distance(), templates)
    assert (pairs.identification_with_source.better.size, pairs.identification_without_source.better.size) == (2, 0)
    stranger = Templates(np.zeros((1, 1)), *(np.array([9], dtype=np.int32) for _ in range(3)))
    assert compare_all(Distance(), stranger, templates).identification_with_source.better.size == 0


def test_too_little_to_compare_gives_empty_sets() -> None:
    alone = some_templates(1, 1, 0)
    pairs = compare_all(Distance(), alone)
    assert [pairs.same_source.count, pairs.same_identity.count, pairs.different_identity.count] == [0, 0, 0]
    assert pairs.identification_with_source is not None
    assert pairs.identification_with_source.better.size == 0
