"""Kinds of comparison and ranks against what several public tools gave on the same embeddings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deidkit.comparison import PairScores, Templates, compare_all

ORACLES = Path(__file__).parents[1] / "oracles"


class Cosine:
    version, input, score_range = "1", "roi", (0.0, 2.0)

    def extract(self, images):
        raise NotImplementedError

    def compare(self, probes, references):
        return 1.0 - probes @ references.T


class Table:
    """Distances that are written down; a template is its number."""

    version, input, score_range = "1", "roi", (0.0, 1.0)

    def __init__(self, distances: np.ndarray) -> None:
        self.distances = distances

    def extract(self, images):
        raise NotImplementedError

    def compare(self, probes, references):
        return self.distances[np.ix_(probes, references)]


@pytest.fixture(scope="module")
def sets() -> dict[str, np.ndarray]:
    with np.load(ORACLES / "scores.npz") as stored:
        return {name: stored[name] for name in stored.files if name[0] in "DG"}


@pytest.fixture(scope="module")
def ranks() -> dict[str, float]:
    return json.loads((ORACLES / "oracle.json").read_text())["rank1"]


@pytest.fixture(scope="module")
def originals(sets) -> Templates:
    subject = sets["D_orig_subject"].astype(np.int32)
    return Templates(sets["D_orig"], subject, subject, np.arange(len(subject), dtype=np.int32))


@pytest.fixture(scope="module")
def copies(sets) -> Templates:
    subject = sets["D_deid_subject"].astype(np.int32)
    return Templates(sets["D_deid"], subject, subject, sets["D_deid_source"].astype(np.int32))


def assert_same(pairs: PairScores, **similarities: np.ndarray) -> None:
    for kind, wanted in similarities.items():
        np.testing.assert_allclose(
            np.sort(getattr(pairs, kind).values), np.sort(1.0 - wanted), rtol=0, atol=1e-12, err_msg=kind
        )


def rank1(found) -> float:
    return float(found.hit_probability(1).mean())


def test_originals_among_themselves(sets, ranks, originals) -> None:
    pairs = compare_all(Cosine(), originals, threads=2)
    assert_same(pairs, same_source=np.empty(0), same_identity=sets["D_gen"], different_identity=sets["D_imp"])
    assert rank1(pairs.identification_with_source) == ranks["D_orig_leave_one_out"]
    assert rank1(pairs.identification_without_source) == ranks["D_orig_leave_one_out"]


def test_copies_against_originals(sets, ranks, originals, copies) -> None:
    pairs = compare_all(Cosine(), copies, originals, threads=2)
    assert_same(
        pairs,
        same_source=sets["D_deid_self"],
        same_identity=sets["D_deid_mated_other"],
        different_identity=sets["D_deid_nonmated"],
    )
    assert rank1(pairs.identification_with_source) == pytest.approx(ranks["D_deid_vs_all_originals_incl_source"])
    assert rank1(pairs.identification_without_source) == pytest.approx(ranks["D_deid_vs_originals_excl_source"])
    assert (
        pairs.identification_with_source.better.size == pairs.identification_without_source.better.size == len(copies)
    )


def test_copies_among_themselves(sets, copies) -> None:
    pairs = compare_all(Cosine(), copies, identify=False)
    assert_same(
        pairs,
        same_source=sets["D_div_same_source"],
        same_identity=sets["D_link_mated"],
        different_identity=sets["D_link_nonmated"],
    )


def test_cumulative_match_characteristic_with_one_reference_per_subject(ranks, originals, copies) -> None:
    first, later = originals.sources % 5 == 0, copies.sources % 5 > 0
    gallery, probes = (
        Templates(*(field[kept] for field in (t.data, t.identities, t.subjects, t.sources)))
        for t, kept in ((originals, first), (copies, later))
    )
    found = compare_all(Cosine(), probes, gallery).identification_with_source
    rates = [found.hit_probability(rank).mean() for rank in (1, 2, 5, 10)]
    assert rates == pytest.approx(ranks["own_cmc_rank1_2_5_10"])


def test_ties_lie_between_the_optimistic_and_the_pessimistic_count(sets, ranks) -> None:
    number = np.arange(4, dtype=np.int32)
    gallery_identity = sets["G_gallery"].astype(np.int32)
    probe_identity = sets["G_probe"].astype(np.int32)
    found = compare_all(
        Table(1.0 - sets["G_scores"]),
        Templates(number, probe_identity, probe_identity, number + 10),
        Templates(number, gallery_identity, gallery_identity, number),
    ).identification_with_source
    assert np.mean(found.better == 0) == ranks["G_ties"]["optimistic(any tie counts)"]
    assert np.mean((found.better == 0) & (found.ties == 0)) == ranks["G_ties"]["pessimistic(tie = miss)"]
