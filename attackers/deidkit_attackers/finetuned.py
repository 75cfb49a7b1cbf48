"""T4: published networks, fine-tuned on copies of other people and their originals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from deidkit.attacks import AttackMaterial, AttackScores, Tier
from deidkit.errors import NotComputable
from deidkit.protocols import option
from deidkit_attackers.deep import needs_torch
from deidkit_attackers.selection import by_row, choose

_HEAD_TRAINING = (64, 3e-4)
_FULL_TRAINING = (16, 1e-3)
"""Batch size and Adam learning rate for the last layers and for the whole network."""


@dataclass(frozen=True)
class FineTuned:
    """With torch: ccnet, or eehnet's palm, trained further on copies of other people, in its last layers and whole."""

    network: Literal["ccnet", "eehnet"] = option("ccnet", "Recognizer that is trained further", primary=True)
    layers: Literal["head", "all"] = option(
        "head", "Which are trained: the last alone, or besides, as a second try, all"
    )
    steps: int = option(40, "Steps in which the last layers are trained", minimum=1, maximum=100_000)
    steps_of_all: int = option(60, "Steps in which all layers are trained", minimum=1, maximum=100_000)

    version: ClassVar[str] = "3"
    tier: ClassVar[Tier] = "T4"
    knowledge: ClassVar[str] = (
        "The adversary fine-tunes a network on copies of other people with their originals (semi-informed, parrot)."
    )
    learns: ClassVar[bool] = True
    fewest_subjects: ClassVar[int] = 8
    weak: ClassVar[str] = "mosaic"

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Compare copies of each fold by the network fine-tuned on the other folds, or by the original network.

        Raises:
            NotComputable: torch is not installed, or there are too few copies of other people.
            PluginError: The network cannot be loaded.
        """
        needs_torch()
        from deidkit_attackers import finetuning
        from deidkit_networks.tunable import Tunable

        recognizer = material.recruit(self.network)
        if not isinstance(recognizer, Tunable):
            raise NotComputable(f"'{self.network}' has no network to be trained.", "Use that of this distribution.")
        originals, copies = material.originals, material.copies
        kind = f"palm features, {self.network}"
        theirs = material.memo.rows(kind, originals.regions, recognizer.palm_features)
        material.check()
        ours = material.memo.rows(kind, copies.regions, recognizer.palm_features)
        head = recognizer.palm_head()
        as_it_was = by_row(-finetuning.embedded(head, ours) @ finetuning.embedded(head, theirs).T)
        last = finetuning.distances(head, finetuning.Course(self.steps, *_HEAD_TRAINING), ours, theirs, material)
        found = {"as it was": as_it_was, "last layers": last, "last layers and as it was": by_row(as_it_was + last)}
        if self.layers == "all":
            course = finetuning.Course(self.steps_of_all, *_FULL_TRAINING)
            network = recognizer.palm_network()
            found["all layers"] = finetuning.distances(network, course, copies.regions, originals.regions, material)
        chosen = choose(found, copies.labels, originals.labels, material.folds)
        steps = f"{self.steps} steps" if self.layers == "head" else f"{self.steps} and {self.steps_of_all} steps"
        note = f"trained {steps} on other people, taken: {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=note)
