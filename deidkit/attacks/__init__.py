"""Attacks: adversaries who want to know whose copies they are, and what their success says."""

from deidkit.attacks.contract import TIERS, Attacker, Tier
from deidkit.attacks.material import AttackMaterial, Labels, Pictures, identity_folds
from deidkit.attacks.scores import AttackScores, PooledPoint

__all__ = [
    "TIERS",
    "AttackMaterial",
    "AttackScores",
    "Attacker",
    "Labels",
    "Pictures",
    "PooledPoint",
    "Tier",
    "identity_folds",
]
