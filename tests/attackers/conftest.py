from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deidkit import plugins
from deidkit.attack_sets import attackers_of
from deidkit.attacks import AttackMaterial, AttackPlan, Labels, Pictures, identity_folds, plan_attacks
from deidkit.hand import warp_roi
from deidkit.protocols import Hand
from deidkit.synthesis import HandGenerator

sys.path.insert(0, str(Path(__file__).parent))

from cheats import Anonymizer, People

PEOPLE, CAPTURES = 16, 4


@pytest.fixture(scope="session")
def people() -> People:
    """Regions of drawn hands, placed as the drawing has them."""
    generator, regions = HandGenerator(seed=11, width=300, height=400), []
    for person in range(PEOPLE):
        identity = generator.identity(person)
        for number in range(CAPTURES):
            drawn = generator.sample(identity, number)
            hand = Hand(np.zeros(4, np.float32), drawn.keypoints, None, drawn.handedness, 1.0)
            regions.append(warp_roi(drawn.pixels, drawn.roi_corners, hand))
    return People(np.stack(regions), np.repeat(np.arange(PEOPLE, dtype=np.int32), CAPTURES))


@pytest.fixture(scope="session")
def attack_material() -> Callable[[People, Anonymizer], AttackMaterial]:
    def make(people: People, anonymizer: Anonymizer) -> AttackMaterial:
        numbers = np.arange(len(people.regions), dtype=np.int32)
        labels = Labels(people.identities, people.identities, numbers, np.zeros_like(numbers))
        copies = Pictures(anonymizer(people), labels)
        own = Pictures(anonymizer(replace(people, seed=1_000_003)), labels)
        mtcc = plugins.create("recognizer", "mtcc")[0]
        folds = identity_folds(people.identities)
        return AttackMaterial(Pictures(people.regions, labels), copies, folds, {"mtcc": mtcc}, own)

    return make


@pytest.fixture(scope="session")
def standard(people: People, attack_material: Callable[[People, Anonymizer], AttackMaterial]) -> list[AttackPlan]:
    """The set that an audit runs by default, with the controls that depend on no anonymizer."""
    attackers = {spec: plugins.create("attacker", spec)[0] for spec in attackers_of("standard")}
    return plan_attacks(attackers, attack_material(people, lambda p: p.regions), 100.0)
