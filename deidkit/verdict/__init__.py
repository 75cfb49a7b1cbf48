"""The verdict: requirements and policies, and what an audit's numbers, findings and gaps say against them."""

from deidkit.measures.attacks import STRONGEST
from deidkit.verdict.bounds import threshold_range
from deidkit.verdict.limits import AttackClass, attack_classes, limits
from deidkit.verdict.overall import Evidence, evaluated, evidence_notes, exit_code, judge
from deidkit.verdict.policy import Policy, built_in_policies, find_policy, load_policy
from deidkit.verdict.rules import Condition, Minimum, Rule, metric_called

__all__ = [
    "STRONGEST",
    "AttackClass",
    "Condition",
    "Evidence",
    "Minimum",
    "Policy",
    "Rule",
    "attack_classes",
    "built_in_policies",
    "evaluated",
    "evidence_notes",
    "exit_code",
    "find_policy",
    "judge",
    "limits",
    "load_policy",
    "metric_called",
    "threshold_range",
]
