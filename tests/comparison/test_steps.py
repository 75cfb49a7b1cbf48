"""Distances in steps against the same distances as floats: not a bit of what comes of them differs."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from deidkit.comparison import ComparisonSettings, PairScores, ShiftedHamming, Templates, all_pairs, compare_all
from deidkit.errors import PluginError
from deidkit.measures.error_rates import equal_error_rate

CODES = ShiftedHamming(1, 3, 9, 7, 0)


class Floats:
    """A recognizer of codes that are already made."""

    score_range = (0.0, 1.0)

    def compare(self, probes, references):
        return CODES.compare(probes, references)


class Steps(Floats):
    """The same in steps."""

    distance_steps = CODES.steps

    def compare_in_steps(self, probes, references):
        return CODES.compare_in_steps(probes, references)


def some_codes(count: int, seed: int, *, hands: bool = False) -> Templates:
    rng = np.random.default_rng(seed)
    identity = rng.integers(0, 14, count).astype(np.int32)
    palms = np.random.default_rng(0).random((14, 3, 9, 7)) < 0.5
    starts = np.concatenate([[0], np.cumsum(rng.integers(1, 3, count))]) if hands else None
    rows = identity if starts is None else np.repeat(identity, np.diff(starts))
    bits = palms[rows] ^ (rng.random((len(rows), 3, 9, 7)) < rng.uniform(0.1, 0.5, (len(rows), 1, 1, 1)))
    return Templates(CODES.pack(bits), identity, identity // 2, np.arange(count, dtype=np.int32) // 2 * 2, starts)


def of_one_identity_each(templates: Templates) -> Templates:
    """With sources that are of one identity."""
    return replace(templates, sources=np.arange(len(templates), dtype=np.int32))


def everything(pairs: PairScores) -> list[np.ndarray]:
    found = []
    for scores in (pairs.same_source, pairs.same_identity, pairs.different_identity):
        found += [np.asarray(getattr(scores, field.name)) for field in fields(scores)]
        counted = scores.by_subject(64)
        found += [counted.values, counted.counts, counted.shares, scores.accepted(0.4).accepted]
    for search in (pairs.identification_with_source, pairs.identification_without_source):
        found += [search.better, search.ties] if search else []
    return found


@pytest.mark.parametrize("limit", [0, 500, 10**6])
@pytest.mark.parametrize("case", ["within", "against", "several hands"])
def test_steps_give_what_floats_give(case: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_pairs, "PROBES", 37)
    monkeypatch.setattr(all_pairs, "REFERENCES", 45)
    probes = of_one_identity_each(some_codes(150, 1, hands=case == "several hands"))
    references = of_one_identity_each(some_codes(80, 2)) if case == "against" else None
    if references is not None:  # of the same samples where they are of the same identities
        references = replace(references, sources=references.sources + 150)
    kept = ComparisonSettings(limit)
    floats, steps = (
        compare_all(recognizer, probes, references, settings=kept, threads=2) for recognizer in (Floats(), Steps())
    )
    for one, other in zip(everything(floats), everything(steps), strict=True):
        np.testing.assert_array_equal(one, other)
    rates = [
        equal_error_rate(pairs.same_identity.distribution(), pairs.different_identity.distribution())
        for pairs in (floats, steps)
    ]
    assert rates[0] == rates[1]
    one, other = (pairs.different_identity.distribution() for pairs in (floats, steps))
    assert (other.total, other.mean, other.std) == pytest.approx((one.total, one.mean, one.std), rel=1e-12)


def test_copies_of_one_sample_are_a_kind_of_their_own() -> None:
    sources = np.repeat(np.arange(20, dtype=np.int32), 3)
    copies = replace(some_codes(60, 3), identities=sources // 2, subjects=sources // 4, sources=sources)
    for limit in (0, 10**6):
        floats, steps = (
            compare_all(recognizer, copies, settings=ComparisonSettings(limit)).same_source
            for recognizer in (Floats(), Steps())
        )
        assert steps.count == 60
        np.testing.assert_array_equal(steps.histogram(0.0, 1.0, 50), floats.histogram(0.0, 1.0, 50))
        np.testing.assert_array_equal(steps.subjects, floats.subjects)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 70])
def test_differing_bits_are_those_that_differ(count: int) -> None:
    one, other = some_codes(count, 4).data, some_codes(45, 5).data
    for references in (other, one):
        wanted = np.bitwise_count(one[:, None] ^ references[None]).sum(axis=2)
        np.testing.assert_array_equal(CODES.compare_in_steps(one, references), wanted)
        np.testing.assert_array_equal(CODES.compare(one, references), wanted / CODES.steps)


@pytest.mark.parametrize("words", [*range(1, 10), 48, 191])
def test_differing_bits_are_counted_in_any_number_of_words(words: int) -> None:
    """Words are counted by fours where the processor has no instruction for it; full ones reach every carry."""
    codes, rng = ShiftedHamming(1, words, 8, 8, 0), np.random.default_rng(words)
    bits = rng.random((40, words, 8, 8)) < rng.random((40, 1, 1, 1))
    bits[0], bits[1], bits[2, -1] = False, True, ~bits[3, -1]
    templates = codes.pack(bits)
    wanted = (bits[:, None] != bits[None]).sum(axis=(2, 3, 4))
    assert wanted[0, 1] == 64 * words
    np.testing.assert_array_equal(codes.compare_in_steps(templates, templates), wanted)
    np.testing.assert_array_equal(codes.compare(templates, templates), wanted / codes.steps)


def test_only_bits_themselves_are_steps() -> None:
    for comparator in (ShiftedHamming(2, 1, 8, 8, 0), ShiftedHamming(1, 2, 8, 8, 1), ShiftedHamming(1, 64, 32, 32, 0)):
        assert comparator.steps is None
        with pytest.raises(ValueError, match="not whole numbers of bits"):
            comparator.compare_in_steps(np.zeros((1, 128), np.uint64), np.zeros((1, 128), np.uint64))


@pytest.mark.parametrize(
    ("name", "bad", "told"),
    [
        ("distance_steps", 0, "its distance_steps are 0"),
        ("distance_steps", 2.0, "its distance_steps are 2.0"),
        ("distance_steps", 2**16, "its distance_steps are 65536"),
        ("distance_steps", 20, "outside of its score_range"),
        ("compare_in_steps", lambda self, p, r: CODES.compare(p, r), "wanted uint16 of shape"),
        ("compare_in_steps", lambda self, p, r: CODES.compare_in_steps(p, r)[:1], "wanted uint16 of shape"),
    ],
)
def test_steps_that_break_the_contract_are_named(name: str, bad: object, told: str, monkeypatch) -> None:
    monkeypatch.setattr(Steps, name, bad)
    with pytest.raises(PluginError, match=f"recognizer Steps breaks its contract.*{told}"):
        compare_all(Steps(), of_one_identity_each(some_codes(40, 6)), threads=1)
