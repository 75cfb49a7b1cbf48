"""The contract of attackers."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Literal

from deidkit.errors import NotComputable
from deidkit.protocols import Plugin

if TYPE_CHECKING:
    from deidkit.attacks.material import AttackMaterial
    from deidkit.attacks.scores import AttackScores

Tier = Literal["T0", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9"]

TIERS: dict[Tier, str] = {
    "T0": "ignorant",
    "T1": "informed",
    "T2": "geometric and photometric",
    "T3": "restoration",
    "T4": "parrot (semi-informed)",
    "T5": "linkage",
    "T6": "context",
    "T7": "fusion",
    "T8": "file forensics",
    "T9": "consistency",
}
"""Tier -> name of its attacks in the literature, or a description."""


class NotApplicable(NotComputable):
    """The attack does not apply to this data, so that its absence is not a gap of the audit."""


class Attacker(Plugin):
    """An adversary who tries to identify the people behind copies.

    It is deterministic: the same material gives the same scores. Entry-point group ``deidkit.attackers``.

    Attributes:
        tier: Its class in the literature.
        knowledge: What the adversary knows, one sentence.
        scope: ``palm`` for the region that a palm anonymizer treats; ``context`` for its surroundings, whose result
            shows how much identity remains untreated and is not part of the headline.
        learns: Whether it learns, or selects, on other people. Then it must attack each subject with what was learned
            on the other folds only, and its controls with random labels repeat the learning.
        pools: Whether it uses all copies of an original; all others get one.
        runs: Number of anonymizer runs it needs on every picture of its gallery, with its own seeds.
        combines: Whether it combines the scores of preceding attackers.
        fewest_subjects: Minimum number of subjects; with fewer it is not run, and its row says so.
        weak: Name of the weak anonymizer in `deidkit.attacks.WEAK` that it must break to count; empty for none. An
            attacker that combines others must break theirs, given the union of their individual results.
    """

    tier: Tier
    knowledge: str
    scope: Literal["palm", "context"] = "palm"
    learns: bool = False
    pools: bool = False
    runs: int = 0
    combines: bool = False
    fewest_subjects: int = 3
    weak: str = ""

    @abstractmethod
    def attack(self, material: AttackMaterial) -> AttackScores:
        """Compare copies with the adversary's gallery.

        Args:
            material: The available data; read-only.

        Returns:
            Distances of copies to a gallery.

        Raises:
            NotApplicable: The data do not allow this attack, e.g. there is one copy per original.
            NotComputable: A requirement is missing; its row gives the reason and the remedy.
            Interruption: `AttackMaterial.check` found the work cancelled.
        """
        raise NotImplementedError
