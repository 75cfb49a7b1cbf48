"""All comparisons against loops over pairs, whatever the number of threads and the way scores are kept."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from deidkit.comparison import ScoreHistogram, Templates, all_pairs, compare_all
from deidkit.errors import PluginError


class Distance:
    """Distance of points on a line: a recognizer small enough to check by hand."""

    version, input, score_range = "1", "roi", (0.0, 1.0)

    def extract(self, images):
        raise NotImplementedError

    def compare(self, probes, references):
        return np.abs(probes[:, :1] - references[:, 0]).astype(np.float64)


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
        kinds[kind].append((distance, probes.subjects[i], gallery.subjects[j]))
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


def rows(scores) -> list[tuple[float, int, int]]:
    return sorted(zip(scores.values, scores.probe_subjects, scores.reference_subjects, strict=True))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_pairs, "PROBES", 7)
    monkeypatch.setattr(all_pairs, "REFERENCES", 11)


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
    assert [rows(s) for s in (pairs.same_source, pairs.same_identity, pairs.different_identity)] == wanted
    for without, found in (
        (False, pairs.identification_with_source),
        (True, pairs.identification_without_source),
    ):
        assert found is not None
        assert list(zip(found.better, found.ties, found.subjects, strict=True)) == searched_by_hand(
            probes, references, without_source=without
        )
        assert found.gallery_identities == len(np.unique(originals.identities))


def test_copies_among_themselves_give_diversity_and_linkage() -> None:
    sources = np.repeat(np.arange(10, dtype=np.int32), 3)
    identities = (sources // 2).astype(np.int32)
    copies = Templates(np.random.default_rng(0).random((30, 1)), identities, identities, sources)
    pairs = compare_all(Distance(), copies, identify=False)
    assert [pairs.same_source.count, pairs.same_identity.count, pairs.different_identity.count] == [30, 45, 360]
    assert pairs.identification_with_source is None


def test_a_histogram_keeps_moments_exactly_and_scores_to_its_resolution() -> None:
    templates = some_templates(120, 60, 3, decimals=6)
    exact = compare_all(Distance(), templates).different_identity
    counted = compare_all(Distance(), templates, max_scores=1000, threads=2).different_identity
    assert isinstance(counted, ScoreHistogram)
    assert counted.count == exact.count
    assert counted.resolution == pytest.approx(1 / 65_536)
    kept, full = counted.distribution(), exact.distribution()
    assert kept.mean == pytest.approx(full.mean, abs=1e-12)
    assert kept.std == pytest.approx(full.std, abs=1e-9)
    middles = np.repeat(kept.values, kept.weights.astype(int))
    assert np.abs(middles - full.values).max() <= counted.resolution
    np.testing.assert_array_equal(counted.subjects, exact.subjects)


def test_resampling_a_histogram_follows_the_definition_to_first_order() -> None:
    templates = some_templates(200, 200, 4, decimals=6)
    exact = compare_all(Distance(), templates).different_identity
    counted = compare_all(Distance(), templates, max_scores=1000).different_identity
    unchanged = np.ones(100)
    assert counted.resampled(unchanged).mean == pytest.approx(exact.resampled(unchanged).mean, abs=1e-3)
    spread = {"exact": [], "histogram": []}
    for seed in range(40):
        weights = np.random.default_rng(seed).multinomial(100, np.full(100, 0.01)).astype(float)
        spread["exact"].append(exact.resampled(weights).mean)
        spread["histogram"].append(counted.resampled(weights).mean)
    assert np.corrcoef(spread["exact"], spread["histogram"])[0, 1] > 0.97
    assert np.std(spread["histogram"]) == pytest.approx(np.std(spread["exact"]), rel=0.1)


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


def test_too_little_to_compare_gives_empty_sets() -> None:
    alone = some_templates(1, 1, 0)
    pairs = compare_all(Distance(), alone)
    assert [pairs.same_source.count, pairs.same_identity.count, pairs.different_identity.count] == [0, 0, 0]
    assert pairs.identification_with_source is not None
    assert pairs.identification_with_source.better.size == 0
