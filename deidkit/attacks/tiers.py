"""The strongest attack of each tier, that is, for each level of adversary knowledge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deidkit.attacks.contract import Tier
from deidkit.attacks.outcome import AttackOutcome
from deidkit.attacks.strongest import Resampling, Strongest, strongest
from deidkit.errors import NotComputable


@dataclass(frozen=True)
class OfTier:
    """The strongest attack of one tier and scope.

    Attributes:
        scope: ``palm``, or ``context`` for its surroundings.
        strongest: The headline over the attacks of this tier.
    """

    tier: Tier
    scope: Literal["palm", "context"]
    strongest: Strongest


def strongest_by_tier(outcomes: Sequence[AttackOutcome], settings: Resampling) -> list[OfTier]:
    """The headline of each tier, in the order of the tiers; tiers without a counting attack are omitted."""
    found = []
    for tier, scope in sorted({(outcome.tier, outcome.scope) for outcome in outcomes}):
        try:
            best = strongest([outcome for outcome in outcomes if outcome.tier == tier], settings, scope)
        except NotComputable:
            continue
        found.append(OfTier(tier, scope, best))
    return found
