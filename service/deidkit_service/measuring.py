"""The audit that a benchmark requires, and whether an audit was that one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

import deidkit
from deidkit import defaults
from deidkit.errors import DatasetError, UsageError
from deidkit.pipeline import AuditPlan
from deidkit.result import AuditResult, Component
from deidkit_service import tables
from deidkit_service.benchmarks import frozen_of
from deidkit_service.home import Home

POLICY = "policy.toml"
"""In the benchmark's folder: the policy as it was when the benchmark was made."""


def plan_of(home: Home, row: tables.Benchmark, engine: str) -> AuditPlan:
    """The audit of one engine by a benchmark."""
    frozen = frozen_of(row)
    return AuditPlan(
        dataset=row.dataset,
        engines=(engine, *((defaults.CONTROL,) if frozen.identity_control and engine != defaults.CONTROL else ())),
        recognizers=tuple(frozen.recognizers),
        seeds=frozen.seeds,
        policy=policy_of(home, row),
        requirements=tuple(frozen.requirements),
        attack=frozen.attack,
        attackers=tuple(frozen.attackers),
    )


def policy_of(home: Home, row: tables.Benchmark) -> str:
    """File of a benchmark's policy; empty where it has none."""
    policy = home.benchmark(row.name) / POLICY
    return str(policy) if policy.exists() else ""


def check_version(row: tables.Benchmark) -> None:
    """Refuse, before anything is measured, what this deidkit would measure otherwise. Raises UsageError."""
    frozen = frozen_of(row)
    if frozen.deidkit != deidkit.__version__:
        raise UsageError(
            f"benchmark '{row.name}' was frozen with deidkit {frozen.deidkit}, this worker has {deidkit.__version__}: "
            "run a worker of that version, or make a new benchmark."
        )


def check_result(row: tables.Benchmark, result: AuditResult) -> None:
    """Refuse numbers that were not measured by what the benchmark froze. Raises DatasetError or UsageError."""
    frozen = frozen_of(row)
    if result.dataset.fingerprint != frozen.dataset_fingerprint:
        raise DatasetError(
            f"the data set of benchmark '{row.name}' has changed since the benchmark was made; the operator must "
            "bring it back or make a new benchmark."
        )
    used = [*result.hand_analysis, *(r.component for r in result.recognizers), *result.attackers]
    if _plain(used) != _plain(frozen.components) or result.verdict.policy_digest != frozen.policy_digest:
        raise UsageError(
            f"a recognizer, an attacker or a requirement is not what benchmark '{row.name}' froze; the operator must "
            "bring back that version or make a new benchmark."
        )


def _plain(components: Sequence[Component]) -> bytes:
    return msgspec.json.encode(list(components), order="sorted")
