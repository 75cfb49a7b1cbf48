"""Conformance suite of attackers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from deidkit.attacks import (
    TIERS,
    Attacker,
    AttackMaterial,
    AttackScores,
    Control,
    Labels,
    NotApplicable,
    Pictures,
    control_on_copies,
    identity_folds,
)
from deidkit.errors import Interruption
from deidkit.hand import warp_roi
from deidkit.protocols import Hand
from deidkit.synthesis import HandGenerator
from deidkit.testing.base import PluginConformance

PEOPLE, CAPTURES, COPIES = 10, 3, 2
_SIZE = (24, 32)
_SEED = 20_261_129  # not used by any audit


@cache
def attack_material() -> AttackMaterial:
    """Ten generated people with three captures each, and two slightly noisy copies of each capture; no recognizer."""
    generator, regions = HandGenerator(_SEED, 240, 320), []
    for person in range(PEOPLE):
        identity = generator.identity(person)
        for number in range(CAPTURES):
            drawn = generator.sample(identity, number)
            hand = Hand(np.zeros(4, np.float32), drawn.keypoints, None, drawn.handedness, 1.0)
            regions.append(warp_roi(drawn.pixels, drawn.roi_corners, hand))
    palms, draw = np.stack(regions), np.random.default_rng(_SEED)
    identities = np.repeat(np.arange(PEOPLE, dtype=np.int32), CAPTURES)
    sources = np.arange(len(palms), dtype=np.int32)
    labels = Labels(identities, identities, sources, np.zeros_like(sources))
    contexts = draw.integers(0, 256, (len(palms), *_SIZE, 3)).astype(np.uint8)
    rows = np.tile(sources, COPIES)
    copied = replace(labels.rows(rows), seeds=np.repeat(np.arange(COPIES, dtype=np.int32), len(palms)))
    noisy = np.clip(palms[rows] + draw.normal(0, 4, (len(rows), *palms.shape[1:])), 0, 255).astype(np.uint8)
    for array in (palms, noisy, contexts):
        array.flags.writeable = False
    originals = Pictures(palms, labels, contexts=contexts)
    copies = Pictures(noisy, copied, contexts=contexts[rows])
    return AttackMaterial(originals, copies, identity_folds(identities), own=originals)


class AttackerConformance(PluginConformance):
    """Subclass me and set ``plugin`` to your attacker's entry point; one that combines others needs `material`."""

    kind = "attacker"

    @pytest.fixture
    def attacker(self, tested: Attacker) -> Attacker:
        """The attacker under test."""
        return tested

    @pytest.fixture
    def material(self, attacker: Attacker) -> AttackMaterial:
        """Material of the attack; override this fixture if more people, a recognizer or earlier scores are needed."""
        return attack_material() if attacker.pools else attack_material().first_copies()

    def test_says_where_it_stands(self, attacker: Attacker) -> None:
        """Tier, knowledge and scope are valid, as every report shows them."""
        assert attacker.tier in TIERS
        assert attacker.knowledge.endswith(".")
        assert attacker.scope in ("palm", "context")

    def test_gives_the_same_scores_again(self, attacker: Attacker, material: AttackMaterial) -> None:
        """Two attacks on the same material give the same scores; its arrays are read-only here."""
        scores, again = attacker.attack(material), attacker.attack(material)
        assert isinstance(scores, AttackScores)
        assert scores.distances.dtype == np.float32
        assert np.array_equal(scores.distances, again.distances)
        assert set(scores.probes.sources) <= set(material.copies.labels.sources)

    def test_finds_nobody_in_copies_dealt_at_random(self, attacker: Attacker, material: AttackMaterial) -> None:
        """The control on shuffled copies passes; an attacker that learns must train on other people only."""
        if attacker.combines:
            pytest.skip("its controls are those of the attackers that it combines")
        control = control_on_copies(attacker, material)
        assert isinstance(control, Control)
        assert control.passed, control.sentence

    def test_ends_when_it_is_cancelled(self, attacker: Attacker, material: AttackMaterial) -> None:
        """A cancelled attack raises Interruption, by calls of `AttackMaterial.check`."""
        with pytest.raises((Interruption, NotApplicable)):
            attacker.attack(replace(material, cancelled=lambda: True))
