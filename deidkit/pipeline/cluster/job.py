"""Messages between a cluster and its client, and the versions that all its processes must share."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

import deidkit
from deidkit.errors import DeidkitError
from deidkit.pipeline import provenance
from deidkit.pipeline.code import code_digest, commit
from deidkit.pipeline.plan import AuditPlan
from deidkit.pipeline.workspace import key_of
from deidkit.plugins import Loaded
from deidkit.protocols import Sample

Environment = Mapping[str, str]
"""What can move a number -> its version."""


class Probe(msgspec.Struct, frozen=True):
    """Lies in the workspace so that a worker can tell whether it sees the same one."""

    token: str


@dataclass(frozen=True)
class ClusterJob:
    """An audit as its workers get it.

    Attributes:
        token: Identifies it among all jobs, interrupted ones of the same audit included.
        audit_id: Of the audit.
        folder: Its output folder, which workers leave alone.
        plan: What is audited.
        place: Folder or address of the workspace.
        samples: The samples.
        digests: SHA-256 of each.
        gallery: Numbers of the samples whose copies the report shows.
        environment: What the audit computes with; workers must have the same.
    """

    token: str
    audit_id: str
    folder: Path
    plan: AuditPlan
    place: str
    samples: list[Sample]
    digests: list[str]
    gallery: frozenset[int]
    environment: Environment

    @property
    def probe_key(self) -> str:
        """Where the probe lies: that of an earlier run of the audit is replaced."""
        return key_of("probe", self.audit_id)


@dataclass(frozen=True)
class PluginWarning:
    """A warning about a plugin; the detail is for the person at the terminal only."""

    sentence: str
    detail: str


@dataclass(frozen=True)
class BatchDone:
    """What came of one batch.

    Attributes:
        keys: Of its results, in the order of `StagePlan.all`.
        warnings: What was said about plugins meanwhile.
        failure: Why the audit cannot continue; None if it can.
    """

    keys: tuple[str, ...] = ()
    warnings: tuple[PluginWarning, ...] = ()
    failure: DeidkitError | None = None


def environment(plugins: Sequence[Loaded[Any]]) -> dict[str, str]:
    """What this process computes with, given all plugins that take part."""
    found = {"Python": platform.python_version(), "deidkit": deidkit.__version__, "commit": commit()}
    found["code of deidkit"] = code_digest()[:12]
    found |= provenance.packages_of([loaded.plugin for loaded in plugins])
    for component in (loaded.component for loaded in plugins):
        content = msgspec.json.encode(component, order="sorted")
        found[f"{component.kind.replace('_', ' ')} {component.label}"] = (
            f"{component.version} ({key_of(content.decode())[:8]})"
        )
    return found


def refused(address: str, reason: str) -> str:
    """That a worker cannot take part, in one sentence."""
    return f"worker {address} cannot take part: {reason.rstrip('.')}."


def differences(wanted: Environment, here: Environment) -> str:
    """What a worker has otherwise, in words; empty where nothing is."""
    return ", ".join(
        f"{name} {here.get(name) or 'not at all'} instead of {wanted.get(name) or 'none'}"
        for name in dict.fromkeys([*wanted, *here])
        if here.get(name) != wanted.get(name)
    )
