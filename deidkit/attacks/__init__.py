"""Attacks: adversaries who try to identify the people behind copies, and what their success means."""

from deidkit.attacks.contract import TIERS, Attacker, NotApplicable, Tier
from deidkit.attacks.controls import (
    BUDGET_SECONDS,
    CONTROL_ORIGINALS,
    Control,
    control_on_copies,
    controls_on_originals,
)
from deidkit.attacks.groups import group_success
from deidkit.attacks.labels import Labels
from deidkit.attacks.material import AttackMaterial, Pictures, identity_folds, limited_rows
from deidkit.attacks.memo import Compute, Memo
from deidkit.attacks.outcome import (
    MOST_ORIGINALS,
    AttackOutcome,
    AttackPlan,
    controls_to_combine,
    plan_attacks,
    run_attack,
    run_attacks,
)
from deidkit.attacks.scores import AttackScores
from deidkit.attacks.strongest import Resampling, Strongest, strongest
from deidkit.attacks.subject_success import SubjectSuccess
from deidkit.attacks.success import Success
from deidkit.attacks.tiers import OfTier, strongest_by_tier
from deidkit.attacks.weak_anonymizers import WEAK
from deidkit.result import PooledPoint

__all__ = [
    "BUDGET_SECONDS",
    "CONTROL_ORIGINALS",
    "MOST_ORIGINALS",
    "TIERS",
    "WEAK",
    "AttackMaterial",
    "AttackOutcome",
    "AttackPlan",
    "AttackScores",
    "Attacker",
    "Compute",
    "Control",
    "Labels",
    "Memo",
    "NotApplicable",
    "OfTier",
    "Pictures",
    "PooledPoint",
    "Resampling",
    "Strongest",
    "SubjectSuccess",
    "Success",
    "Tier",
    "control_on_copies",
    "controls_on_originals",
    "controls_to_combine",
    "group_success",
    "identity_folds",
    "limited_rows",
    "plan_attacks",
    "run_attack",
    "run_attacks",
    "strongest",
    "strongest_by_tier",
]
