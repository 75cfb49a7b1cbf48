"""Scores of an attack agree with the comparison of an audit, and shapes are held."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deidkit.attacks import AttackMaterial, AttackScores, Labels, Pictures, identity_folds
from deidkit.comparison import Templates, compare_all


class Table:
    """Distances that are written down; a template is its number."""

    version, input, score_range = "1", "roi", (-100.0, 100.0)

    def __init__(self, distances: np.ndarray) -> None:
        self.distances = distances

    def extract(self, images):
        raise NotImplementedError

    def compare(self, probes, references):
        return self.distances[np.ix_(probes, references)].astype(np.float64)


def labels(identities: list[int], sources: list[int] | None = None, seed: int = 0) -> Labels:
    own = np.asarray(identities, np.int32)
    numbers = np.arange(len(own), dtype=np.int32) if sources is None else np.asarray(sources, np.int32)
    return Labels(own, own, numbers, np.full(len(own), seed, np.int32))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(1, 4), st.booleans())
def test_searches_and_kinds_are_those_of_an_audit(seed: int, people: int, captures: int, within: bool) -> None:
    draw = np.random.default_rng(seed)
    known = labels(np.repeat(np.arange(people), captures).tolist())
    distances = draw.integers(0, 6, (len(known), len(known))).astype(np.float32)  # ties are frequent
    if within:
        distances = np.minimum(distances, distances.T)
    templates = Templates(np.arange(len(known)), known.identities, known.subjects, known.sources)
    pairs = compare_all(Table(distances), templates, None if within else templates)
    scores = AttackScores(distances, known, known, within=within)
    for ours, theirs in (
        (scores.same_source(), pairs.same_source),
        (scores.same_identity(), pairs.same_identity),
        (scores.different_identity(), pairs.different_identity),
    ):
        assert np.array_equal(ours.distribution().values, theirs.distribution().values)
    for without, search in (
        (False, pairs.identification_with_source),
        (True, pairs.identification_without_source),
    ):
        found = scores.identification(without_source=without)
        assert search is not None
        assert np.array_equal(found.better, search.better)
        assert np.array_equal(found.ties, search.ties)


def test_what_does_not_fit_is_refused() -> None:
    known = labels([0, 1])
    with pytest.raises(ValueError, match="shape"):
        AttackScores(np.zeros((2, 3), np.float32), known, known)
    with pytest.raises(ValueError, match="finite"):
        AttackScores(np.full((2, 2), np.nan, np.float32), known, known)


def test_folds_share_no_subject_and_are_equally_large() -> None:
    subjects = np.repeat(np.arange(3, 25, dtype=np.int32), 4)
    folds = identity_folds(subjects, seed=3)
    sizes = np.bincount(folds[np.unique(subjects)])
    assert len(sizes) == 5
    assert sizes.max() - sizes.min() <= 1


def test_limited_material_keeps_people_with_several_captures() -> None:
    known = labels(np.repeat(np.arange(60), 10).tolist())
    regions = np.zeros((600, 128, 128), np.uint8)
    copies = Pictures(regions, known)
    material = AttackMaterial(Pictures(regions, known), copies, identity_folds(known.subjects)).limited(80)
    _, counts = np.unique(material.originals.labels.identities, return_counts=True)
    assert len(counts) == 20
    assert set(counts) == {4}
    assert set(material.copies.labels.sources) == set(material.originals.labels.sources)
    assert (material.originals.labels.sources[material.source_rows()] == material.copies.labels.sources).all()
