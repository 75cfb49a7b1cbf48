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
"""Tier -> what its attackers do, or what the literature calls them."""


class NotApplicable(NotComputable):
    """What an attacker works on is not there at all, so that nothing is missing from the audit without it."""


class Attacker(Plugin):
    """An adversary who wants to know whose copies they are.

    It is deterministic: the same material gives the same scores. Entry-point group ``deidkit.attackers``.

    Attributes:
        tier: Its class in the literature.
        knowledge: What the adversary knows, one sentence.
        scope: ``palm`` for the region that an anonymizer of palms treats; ``context`` for what is around it, which
            says how much identity it leaves untouched and is kept out of the headline.
        learns: Whether it learns, or chooses, on other people. Then it must attack each subject with what it found on
            the other folds alone, and its controls with random labels learn again.
        pools: Whether it wants every copy of an original; any other gets one.
        runs: How often it wants the anonymizer run on every picture of its gallery, with seeds of its own.
        combines: Whether it works on the scores of the attackers before it.
        fewest_subjects: Subjects it needs; with fewer it is not run, and its row says so.
        weak: Name of the weak anonymizer in `deidkit.attacks.WEAK` that it must break to count; empty for none.
            One that combines others must break theirs, what each finds on its own taken together.
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
        """Compare copies with what the adversary has.

        Args:
            material: What there is; must not be written to.

        Returns:
            Distances of copies to a gallery.

        Raises:
            NotApplicable: There is nothing that it could work on, e.g. several copies of one original.
            NotComputable: It lacks something; the reason and the remedy are reported in its row.
            Interruption: `AttackMaterial.check` found the work cancelled.
        """
        raise NotImplementedError
