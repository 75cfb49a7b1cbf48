"""Cheating anonymizers are broken, each by the tier that is there for it; honest ones are not accused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from cheats import CHEATS, HONEST, NOT_BY_MATCHING, Anonymizer, People

from deidkit import plugins
from deidkit.attacks import (
    WEAK,
    AttackMaterial,
    AttackPlan,
    Pictures,
    Resampling,
    controls_on_originals,
    run_attacks,
    strongest,
)

Make = Callable[[People, Anonymizer], AttackMaterial]

CAPTURES = 4
"""Of each person, one after the other."""

MODEST = {"weak mixture"}
"""Many copies are found, but not most."""

SKIPPED = "every tenth person skipped"
"""Two people of sixteen: seen by all attacks together, too few for one of them."""

EASIER = {"turned by 180 degrees", "blocks permuted, fixed key", "blurred", "mosaic of 8", "lowest 3 bits"}
"""Each keeps more of the palm than another cheat of its kind."""

SETTINGS = Resampling(resamples=300)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.nightly if name in EASIER else ()) for name in CHEATS]
)
def test_a_cheat_is_broken(name: str, people: People, attack_material: Make, standard: list[AttackPlan]) -> None:
    outcomes = run_attacks(standard, attack_material(people, CHEATS[name].run))
    headline = strongest(outcomes, SETTINGS)
    if name == SKIPPED:
        assert headline.p_value < 0.05
        return
    rank_1 = headline.metrics["rank_1_percent"]
    assert headline.p_value < 0.01
    if name not in MODEST:
        assert rank_1.value is not None and rank_1.value > 60
        assert rank_1.low is not None and rank_1.low > rank_1.parameters["chance_of_the_strongest_percent"]
    succeeded = {outcome.tier for outcome in outcomes if outcome.status == "succeeded"}
    assert succeeded & CHEATS[name].tiers, f"only {succeeded}"


@pytest.mark.slow
@pytest.mark.parametrize("name", [*HONEST, *NOT_BY_MATCHING])
def test_nobody_is_accused_who_hides_everybody(
    name: str, people: People, attack_material: Make, standard: list[AttackPlan]
) -> None:
    outcomes = run_attacks(standard, attack_material(people, {**HONEST, **NOT_BY_MATCHING}[name]))
    assert strongest(outcomes, SETTINGS).p_value > 0.01
    assert [outcome.attacker for outcome in outcomes if outcome.status == "succeeded"] == []


@pytest.mark.slow
def test_every_attack_passes_its_controls(standard: list[AttackPlan]) -> None:
    failed = [
        f"{plan.name}: {control.sentence}"
        for plan in standard
        for control in plan.controls
        if not control.passed and plan.name != "context"  # there is nothing around a palm region
    ]
    assert failed == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "weak"),
    [
        ("geometry", "turned"),
        ("restoration", "blurred"),
        ("transfer", "smeared"),
        ("blocks", "permuted"),
        ("parrot", "mosaic"),
        ("parrot:head=correlation", "mosaic"),
        ("parrot:features=embeddings", "mosaic"),
        ("patches", "warped"),
        ("pieces", "shuffled"),
    ],
)
def test_an_attacker_breaks_what_it_is_made_for(spec: str, weak: str, people: People, attack_material: Make) -> None:
    attacker, _ = plugins.create("attacker", spec)
    material = attack_material(people, lambda p: WEAK[weak](p.regions))
    search = attacker.attack(material).identification(without_source=True)
    assert search.hit_probability(1).mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["parrot", "parrot:head=correlation"])
def test_a_parrot_passes_its_controls_on_few_people(spec: str, people: People, attack_material: Make) -> None:
    """Twelve people in two pictures each: too few to learn good directions from, enough to attack with."""
    rows = np.flatnonzero(np.arange(len(people.regions)) % CAPTURES < 2)[:24]
    few = People(people.regions[rows], people.identities[rows])
    attacker, _ = plugins.create("attacker", spec)
    controls = controls_on_originals(attacker, attack_material(few, lambda p: p.regions), 100.0)
    assert [control.sentence for control in controls if not control.passed] == []


KEYED: dict[str, Anonymizer] = {
    "a code in noise": lambda p: np.stack(
        [
            np.clip(fresh + 3.0 * np.random.default_rng([5, who]).choice([-1, 1], fresh.shape), 0, 255)
            for fresh, who in zip(HONEST["fresh palm for each picture"](p), p.identities, strict=True)
        ]
    ).astype(np.uint8),
    "the strength of noise": lambda p: np.clip(
        140 + p.draw.normal(0, 1, p.regions.shape) * (24 - np.minimum(p.regions // 10, 20)), 0, 255
    ).astype(np.uint8),
}
"""Nothing in these looks like a palm, and copies of one person are alike place by place."""


def _small_marks(people: People) -> np.ndarray:
    """Five small squares in a corner of a fresh palm, lighter or darker by the digits of the person's number."""
    regions = HONEST["fresh palm for each picture"](people).astype(np.int16)
    for region, who in zip(regions, people.identities, strict=True):
        for digit in range(5):
            region[2:6, 2 + 6 * digit : 6 + 6 * digit] += 8 if who >> digit & 1 else -8
    return np.clip(regions, 0, 255).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("name", KEYED)
def test_what_looks_like_noise_is_linked_all_the_same(name: str, people: People, attack_material: Make) -> None:
    attacker, _ = plugins.create("attacker", "linkage")
    scores = attacker.attack(attack_material(people, KEYED[name]))
    assert "place by place" in scores.note or "frequencies" in scores.note
    assert scores.identification(without_source=True).hit_probability(1).mean() > 0.6


def _few_pixels_kept(people: People) -> np.ndarray:
    """Fresh palms in which every sixth pixel of every sixth row is the original's."""
    regions = HONEST["fresh palm for each picture"](people)
    regions[:, ::6, ::6] = people.regions[:, ::6, ::6]
    return regions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "engine", "by"), [("linkage", _small_marks, "marked places"), ("parrot", _few_pixels_kept, "kept places")]
)
def test_a_little_of_each_person_is_found_where_it_is(
    name: str, engine: Callable[[People], np.ndarray], by: str, people: People, attack_material: Make
) -> None:
    attacker, _ = plugins.create("attacker", name)
    scores = attacker.attack(attack_material(people, engine))
    assert by in scores.note
    assert scores.identification(without_source=True).hit_probability(1).mean() > 0.3


@pytest.mark.slow
def test_pooling_copies_finds_more_than_one_copy(people: People, attack_material: Make) -> None:
    releases = 8
    material = attack_material(people, lambda p: p.regions)
    weak = CHEATS["weak mixture"].run
    regions = np.concatenate([weak(replace(people, seed=seed)) for seed in range(releases)])
    several = material.copies.rows(np.tile(np.arange(len(people.regions)), releases))
    seeds = np.repeat(np.arange(releases, dtype=np.int32), len(people.regions))
    copies = Pictures(regions, replace(several.labels, seeds=seeds))
    attacker, _ = plugins.create("attacker", "pooling")
    curve = attacker.attack(replace(material, copies=copies)).curve
    assert [point.copies for point in curve] == [1, 2, 4, 8]
    assert curve[-1].rank_1_percent is not None and curve[0].rank_1_percent is not None
    assert curve[-1].rank_1_percent > curve[0].rank_1_percent + 20


@pytest.mark.slow
def test_colours_are_searched_channel_by_channel(people: People, attack_material: Make) -> None:
    material = attack_material(people, HONEST["fresh palm for each picture"])
    colours = np.repeat(material.copies.regions[..., None], 3, axis=3)
    colours[..., 2] = people.regions
    attacker, _ = plugins.create("attacker", "geometry")
    scores = attacker.attack(replace(material, copies=replace(material.copies, colours=colours)))
    assert "blue" in scores.note
    assert scores.identification(without_source=True).hit_probability(1).mean() > 0.9


@pytest.mark.slow
def test_context_finds_what_stands_around_the_palm(people: People, attack_material: Make) -> None:
    material = attack_material(people, HONEST["mask"])
    draw = np.random.default_rng(3)
    backgrounds = draw.integers(0, 256, (len(np.unique(people.identities)), 16, 12, 3)).astype(np.uint8)
    scenes = backgrounds[people.identities].repeat(12, axis=1).repeat(12, axis=2)
    scenes = np.clip(scenes + draw.normal(0, 5, scenes.shape), 0, 255).astype(np.uint8)
    attacker, _ = plugins.create("attacker", "context")
    assert attacker.scope == "context"
    originals, copies = (replace(part, contexts=scenes) for part in (material.originals, material.copies))
    scores = attacker.attack(replace(material, originals=originals, copies=copies))
    assert scores.identification(without_source=True).hit_probability(1).mean() > 0.9
