"""T4: published networks, trained further on copies of other people with their originals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from deidkit.attacks import AttackMaterial, AttackScores, Tier
from deidkit.errors import NotComputable
from deidkit.protocols import option
from deidkit_attackers.deep import in_one_thread, needs_torch
from deidkit_attackers.selection import by_row, choose, splits


@dataclass(frozen=True)
class FineTuned:
    """With torch: the last layers of ccnet, or of eehnet's palm, trained further on copies of other people."""

    network: Literal["ccnet", "eehnet"] = option("ccnet", "Recognizer whose head is trained further", primary=True)
    steps: int = option(40, "Steps in which the head of a fold is trained", minimum=1, maximum=100_000)

    version: ClassVar[str] = "2"
    tier: ClassVar[Tier] = "T4"
    knowledge: ClassVar[str] = (
        "The adversary fine-tunes a network on copies of other people with their originals (semi-informed, parrot)."
    )
    learns: ClassVar[bool] = True
    fewest_subjects: ClassVar[int] = 8
    weak: ClassVar[str] = "mosaic"

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Copies of each fold by a head trained on the other folds, or by that and the first one, against originals.

        Raises:
            NotComputable: torch is not installed, or there are too few copies of other people.
            PluginError: The network cannot be had.
        """
        needs_torch()
        from deidkit_attackers import finetuning
        from deidkit_networks.tunable import TunableHead

        recognizer = material.recruit(self.network)
        if not isinstance(recognizer, TunableHead):
            raise NotComputable(f"'{self.network}' has no head that can be trained.", "Use that of this distribution.")
        originals, copies = material.originals, material.copies
        kind = f"palm features, {self.network}"
        theirs = material.memo.rows(kind, originals.regions, recognizer.palm_features)
        material.check()
        ours = material.memo.rows(kind, copies.regions, recognizer.palm_features)
        head = recognizer.palm_head()
        gallery = finetuning.embedded(head, theirs)
        found = {
            "before": by_row(-finetuning.embedded(head, ours) @ gallery.T),
            "fine-tuned": np.zeros((len(copies), len(originals)), np.float32),
        }
        for attacked, learned, known in splits(copies.labels, originals.labels, material.folds):
            people = copies.labels.identities[learned], originals.labels.identities[known]
            if len(np.unique(people[0])) < 3:
                raise NotComputable("Fewer than 3 other people can be learned from.", "Use more subjects.")
            pairs = finetuning.Pairs(ours[learned], people[0], theirs[known], people[1])
            tuned = in_one_thread(finetuning.tuned, head, pairs, self.steps, material.seed, material.check)
            found["fine-tuned"][attacked] = by_row(-finetuning.embedded(tuned, ours[attacked]) @ gallery.T)
        found["both"] = by_row(found["before"] + found["fine-tuned"])
        chosen = choose(found, copies.labels, originals.labels, material.folds)
        note = f"its head trained {self.steps} steps on other people, taken: {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=note)
