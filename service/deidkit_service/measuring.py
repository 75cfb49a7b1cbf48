"""The audit plan of a benchmark, and checks that an audit followed it."""

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
"""File in the benchmark's folder with a copy of the policy from when the benchmark was created."""


def plan_of(home: Home, row: tables.Benchmark, engine: str) -> AuditPlan:
    """Return the audit plan of a benchmark for one engine."""
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
    """Return the path of a benchmark's policy file; empty if it has none."""
    policy = home.benchmark(row.name) / POLICY
    return str(policy) if policy.exists() else ""


def check_version(row: tables.Benchmark) -> None:
    """Raise UsageError if the benchmark was frozen with another version of deidkit."""
    frozen = frozen_of(row)
    if frozen.deidkit != deidkit.__version__:
        raise UsageError(
            f"benchmark '{row.name}' was frozen with deidkit {frozen.deidkit}, this worker has {deidkit.__version__}: "
            "run a worker of that version, or make a new benchmark."
        )


def check_result(row: tables.Benchmark, result: AuditResult) -> None:
    """Raise DatasetError or UsageError if the result was not measured with the benchmark's frozen configuration."""
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
