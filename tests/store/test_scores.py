"""Scores come back from the store exactly as they went in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from deidkit.errors import StoreError
from deidkit.result import Component, EngineAttacks, Estimate, StrongestAttack
from deidkit.scores import Scores
from deidkit.store import AuditRecord, StoredAudit, audit_rows, load_result, load_scores, open_store, unfinished
from deidkit.testing.reports import example_result

RECOGNIZER = Component(kind="recognizer", name="mtcc", label="mtcc", version="1", distribution="deidkit 0")
ENGINE = Component(kind="engine", name="blur", label="blur", version="1", distribution="deidkit 0")


@pytest.fixture
def store(tmp_path: Path):
    engine = open_store(str(tmp_path / "a.db"), "write")
    yield engine
    engine.dispose()


def start(store) -> AuditRecord:
    return AuditRecord.start(store, audit_id="a1", plan={"x": 1}, plan_digest="d", version="0", output="there")


def some_scores(count: int, seed: int) -> Scores:
    rng = np.random.default_rng(seed)
    subjects = rng.integers(0, 40, (2, count)).astype(np.int32)
    return Scores(rng.random(count), subjects[0], subjects[1])


def test_scores_of_several_blocks_come_back_bit_for_bit(store) -> None:
    record = start(store)
    scores = some_scores(150_000, 1)
    record.scores(RECOGNIZER, ENGINE, {"deidentified": scores, "diversity": None}, (0.0, 1.0))
    back = load_scores(store, "a1", "mtcc", "deidentified", "blur")
    np.testing.assert_array_equal(back.values, scores.values)
    np.testing.assert_array_equal(back.probe_subjects, scores.probe_subjects)
    np.testing.assert_array_equal(back.reference_subjects, scores.reference_subjects)


@pytest.mark.slow
def test_writing_again_after_an_interruption_replaces_and_does_not_double(store) -> None:
    record = start(store)
    record.scores(RECOGNIZER, None, {"genuine": some_scores(10, 1)}, (0.0, 1.0))
    record.scores(RECOGNIZER, None, {"genuine": some_scores(12, 2)}, (0.0, 1.0))
    assert load_scores(store, "a1", "mtcc", "genuine").count == 12


def test_an_unfinished_audit_is_found_by_its_plan(store) -> None:
    assert unfinished(store, "d") == []
    start(store)
    assert unfinished(store, "d") == [StoredAudit("a1", Path("there"))]
    assert unfinished(store, "another plan") == []
    assert [row.status for row in audit_rows(store)] == ["running"]


def test_what_is_not_there_is_said(store) -> None:
    start(store)
    with pytest.raises(StoreError, match="has no genuine scores of mtcc"):
        load_scores(store, "a1", "mtcc", "genuine")
    with pytest.raises(StoreError, match="has not finished"):
        load_result(store, "a1")
    with pytest.raises(StoreError, match=r"no audit 'zzz' is in the store\. The newest: a1"):
        load_result(store, "zzz")


def test_a_list_shows_the_most_that_a_recognizer_or_an_attack_identifies(store) -> None:
    result = example_result()
    (recognized,) = {cell.engine for cell in result.cells} - {"identity"}
    strongest = StrongestAttack(attacker="linkage", attacks=1, p_value=0.1, metrics={}, always=0, sometimes=0, never=0)
    for share, wanted in ((60.0, 75.0), (90.0, 90.0)):
        rank = Estimate(value=share, unit="percent")
        attack = dataclasses.replace(strongest, metrics={"strongest_rank_1_percent": rank})
        cells = [
            dataclasses.replace(cell, metrics={"rank_1_percent": Estimate(value=75.0, unit="percent")})
            for cell in result.cells
        ]
        attacks = [EngineAttacks(engine=recognized, attacks=[], strongest=attack)]
        record = AuditRecord.start(store, audit_id=f"a{share}", plan={}, plan_digest="d", version="0", output="there")
        record.finish(dataclasses.replace(result, cells=cells, attacks=attacks), [])
        (row,) = [row for row in audit_rows(store) if row.id == f"a{share}"]
        assert row.headline == {recognized: wanted}
