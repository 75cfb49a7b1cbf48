"""The worst of many: one is the plain interval, and many are covered though the worst is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from deidkit.measures.bounds import mean_bounds
from deidkit.measures.evidence import Evidence
from deidkit.measures.joint import influence_of_shares, influences, least_favourable
from deidkit.measures.registry import CELL
from deidkit.scores import Scores

PEOPLE = np.repeat(np.arange(30, dtype=np.int32), 4)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_one_alone_gets_the_bound_of_its_mean(share: float) -> None:
    successes = (np.random.default_rng(4).random(120) < share).astype(float)
    found = least_favourable([influence_of_shares(successes, PEOPLE)], "lower", (0.0, 1.0))
    wanted = mean_bounds(successes.reshape(30, 4).mean(axis=1))
    assert (found.low, found.high) == pytest.approx(wanted, abs=0.006)
    again = least_favourable([influence_of_shares(successes, PEOPLE)], "lower", (0.0, 1.0))
    assert found == again


def test_the_worst_is_chosen_by_its_bound_and_its_interval_is_wider_than_its_own() -> None:
    rng = np.random.default_rng(5)
    many = [influence_of_shares((rng.random(120) < 0.1).astype(float), PEOPLE) for _ in range(12)]
    few = influence_of_shares(np.array([1.0, 0.0, 0.0]), np.arange(3, dtype=np.int32))
    chosen = least_favourable(many, "lower", (0.0, 1.0))
    own = least_favourable([many[chosen.index]], "lower", (0.0, 1.0))
    assert chosen.high > own.high and chosen.low <= own.low + 1e-9
    assert least_favourable([*many, few], "lower", (0.0, 1.0)).index == 12  # three people allow for far more
    upside_down = [influence_of_shares(np.zeros(120), PEOPLE), influence_of_shares(np.ones(120), PEOPLE)]
    assert least_favourable(upside_down, "higher", (0.0, 1.0)).index == 0


def test_numbers_without_ends_take_students_t() -> None:
    values = np.random.default_rng(6).normal(size=12)
    influence = influence_of_shares(values, np.arange(12, dtype=np.int32))
    found = least_favourable([influence], "higher")
    reach = 2.201 * values.std(ddof=1) / np.sqrt(12)
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach), rel=0.1)
    few = least_favourable([influence_of_shares(values[:3], np.arange(3, dtype=np.int32))], "higher")
    assert few.low is None and "too few" in few.text


def test_influences_of_an_engine_add_up_to_its_numbers() -> None:
    rng = np.random.default_rng(7)
    first, second = np.triu_indices(20, 1)
    people = np.arange(20, dtype=np.int32)
    sets = {
        "genuine": Scores(rng.normal(0.2, 0.03, 20), people, people),
        "impostor": Scores(rng.normal(0.5, 0.03, 190), first.astype(np.int32), second.astype(np.int32)),
        "deidentified": Scores(rng.uniform(0.2, 0.5, 20), people, people),
    }
    found = influences(CELL, Evidence(sets, {}))
    rejection = found["rejection_rate_percent"]
    assert rejection.pseudo_values.mean() == pytest.approx(rejection.value)
    assert "linkage_eer_percent" not in found
    worst = least_favourable([rejection, rejection], "higher", (0.0, 100.0))
    assert worst.low < rejection.value < worst.high


@pytest.mark.slow
def test_the_worst_of_ten_is_covered() -> None:
    rng = np.random.default_rng(8)
    missed = 0
    for _ in range(300):
        person = rng.beta(1, 9, (30, 1))
        many = [
            influence_of_shares((rng.random((30, 4)) < person).ravel().astype(float), PEOPLE) for _ in range(10)
        ]  # all ten truly 10 %
        found = least_favourable(many, "lower", (0.0, 1.0), draws=2_000)
        missed += not found.low <= 0.1 <= found.high
    assert missed <= 24
