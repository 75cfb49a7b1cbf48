"""Attacks in a verdict: the strongest is judged like any metric; a success without a requirement prevents a PASS."""

from __future__ import annotations

from collections.abc import Iterator

from deidkit.result import EngineAttacks, Estimate
from deidkit.verdict.policy import OF_STRONGEST, Policy

BY_CHANCE = 0.001
"""p-value below which the strongest attack has found people."""

_ON = {"palm": "{} attacks", "context": "{} attacks on what is around the palm"}


def strongest_metrics(attacked: EngineAttacks, tier: str) -> dict[str, dict[str, Estimate]]:
    """Metrics of the strongest attacks that a requirement applies to, by attacked scope.

    Args:
        attacked: Results of the attackers.
        tier: If one is given, the strongest attack of each of its scopes counts: one on the palm does not stand for one
            on its surroundings.
    """
    if tier:
        return {_ON[found.scope].format(tier): found.metrics for found in attacked.tiers if found.tier == tier}
    return {"": attacked.strongest.metrics} if attacked.strongest else {}


def attack_holes(attacked: EngineAttacks | None, policy: Policy) -> Iterator[str]:
    """Reasons why attacks prevent a PASS.

    An attack that finds people although no requirement covers it; or attacks none of which counts, because their
    controls failed or there was too little data: that nobody was found then proves nothing.

    Args:
        attacked: Results of the attackers; None if no attack was requested.
        policy: The requirements.
    """
    if attacked is None:
        return
    judged = any(rule.condition.metric in OF_STRONGEST for rule in policy.rules)
    if attacked.strongest is None:
        yield f"no attack counts: {attacked.reason[:1].lower()}{attacked.reason[1:].rstrip('.')}"
    elif not judged and attacked.strongest.p_value <= BY_CHANCE:
        rank = attacked.strongest.metrics.get("strongest_rank_1_percent")
        share = f"identifies {rank.value:.1f} % of the copies" if rank and rank.value is not None else "finds people"
        yield (
            f"the attack '{attacked.strongest.attacker}' {share}, more than chance does, and no requirement is on it; "
            "require e.g. 'strongest_rank_1_percent <= chance + 15'"
        )
    resisted = [row for row in attacked.attacks if row.scope == "palm" and row.status in ("resisted", "succeeded")]
    if attacked.attacks and not resisted:
        yield "every attack is inconclusive, so that nothing shows what a determined adversary finds"
