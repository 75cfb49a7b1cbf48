"""Attackers that train networks: what they find, what they say without torch, and what a bad training is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from cheats import Anonymizer, People, Regions

from deidkit import plugins
from deidkit.attacks import WEAK, AttackMaterial, Success, plan_attacks, run_attacks
from deidkit.protocols import Recognizer
from deidkit.testing import AttackerConformance, attack_material

pytest.importorskip("torch", reason="the extra deep is not installed")

Make = Callable[[People, Anonymizer], AttackMaterial]


@cache
def recruit(name: str) -> Recognizer:
    return plugins.create("recognizer", name)[0]  # type: ignore[no-any-return]


@pytest.mark.slow
class TestUnet(AttackerConformance):
    plugin = "unet:steps=4"


@pytest.mark.slow
class TestFineTuned(AttackerConformance):
    @pytest.fixture(params=["finetuned:steps=4", "finetuned:eehnet,layers=all,steps=4,steps_of_all=2"])
    def spec(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def material(self) -> AttackMaterial:
        return replace(attack_material().first_copies(), recruit=recruit)


def found(spec: str, material: AttackMaterial) -> float:
    """Rank 1 in percent."""
    attacker, _ = plugins.create("attacker", spec)
    return 100 * float(Success(attacker.attack(replace(material, recruit=recruit))).hits.mean())


def dark(people: People) -> Regions:
    """Inverted and blurred."""
    return 255 - np.stack([cv2.GaussianBlur(region, (0, 0), 5.0) for region in people.regions])


@pytest.mark.nightly
def test_a_unet_restores_what_a_matcher_alone_does_not_find(people: People, attack_material: Make) -> None:
    material = attack_material(people, dark)
    assert found("unet", material) > 90
    assert max(found(spec, material) for spec in ("ignorant", "parrot")) < 60


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["finetuned", "finetuned:eehnet"])
def test_a_fine_tuned_network_breaks_a_mosaic(spec: str, people: People, attack_material: Make) -> None:
    assert found(spec, attack_material(people, lambda p: WEAK["mosaic"](p.regions))) > 90


@pytest.mark.nightly
def test_a_network_that_is_trained_whole_learns_what_its_last_layers_cannot(
    people: People, attack_material: Make
) -> None:
    material = attack_material(people, dark)
    assert found("finetuned:eehnet,layers=all", material) > 80
    assert found("finetuned:eehnet", material) < 20


@pytest.mark.parametrize(
    "layers", [pytest.param("head", marks=pytest.mark.slow), pytest.param("all", marks=pytest.mark.nightly)]
)
def test_who_was_not_learned_from_is_not_found_by_that(layers: str, people: People, attack_material: Make) -> None:
    """One picture for all is nearest to somebody in each fold: to those whom nothing pushed away, if anything did."""
    spec = f"finetuned:eehnet,layers={layers}"
    assert found(spec, attack_material(people, lambda p: np.full_like(p.regions, 128))) < 10
    draw = np.random.default_rng(5)
    assert found(spec, attack_material(people, lambda p: draw.integers(0, 256, p.regions.shape, np.uint8))) < 12


@pytest.mark.parametrize("spec", ["unet", "finetuned"])
def test_without_torch_an_attack_says_what_to_install(
    spec: str, monkeypatch: pytest.MonkeyPatch, people: People, attack_material: Make
) -> None:
    monkeypatch.setattr("deidkit_attackers.deep.find_spec", lambda name: None)
    attacker, _ = plugins.create("attacker", spec)
    material = attack_material(people, lambda p: p.regions)
    (outcome,) = run_attacks(plan_attacks({spec: attacker}, material, 100.0), material)
    assert outcome.status == "inconclusive"
    assert "torch, which is not installed" in outcome.sentence
    assert "pip install 'torch>=2.6'" in outcome.sentence
    assert not any(control.passed for control in outcome.controls)


@pytest.mark.slow
def test_a_unet_that_has_not_learned_proves_nothing(people: People, attack_material: Make) -> None:
    attacker, _ = plugins.create("attacker", "unet:steps=1")
    material = attack_material(people, lambda p: np.full_like(p.regions, 128))
    (outcome,) = run_attacks(plan_attacks({"unet": attacker}, material, 100.0), material)
    assert outcome.status == "inconclusive"
    assert {control.name for control in outcome.controls if not control.passed} >= {"weak"}
