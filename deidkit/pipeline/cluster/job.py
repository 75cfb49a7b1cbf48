"""An audit as the workers of a cluster get it, and the versions that all processes must share."""

from __future__ import annotations

import hashlib
import platform
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

import deidkit
from deidkit.attack_sets import NONE
from deidkit.errors import UsageError
from deidkit.pipeline import provenance
from deidkit.pipeline.code import code_digest, commit
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.plan import AuditPlan
from deidkit.pipeline.storage import is_address
from deidkit.pipeline.workspace import key_of
from deidkit.plugins import Loaded
from deidkit.protocols import Sample

RESUME_HINT = "run the same command with --resume"
"""How an audit continues after its work on a cluster ended."""

Environment = Mapping[str, str]
"""What can move a number -> its version."""


class Probe(msgspec.Struct, frozen=True):
    """Lies in the workspace so that a worker can check whether it sees the same one."""

    token: str


@dataclass(frozen=True)
class ClusterJob:
    """An audit as its workers get it.

    Attributes:
        token: Identifies it among all jobs, interrupted ones of the same audit included.
        folder: Its output folder, which workers leave alone.
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
        """Where the probe lies, for a worker with other code as well; that of an earlier run is replaced."""
        return hashlib.sha256(f"probe {self.audit_id}".encode()).hexdigest()

    @classmethod
    def of(cls, context: AuditContext) -> ClusterJob:
        """Describe an audit to workers, and put the probe into its workspace.

        Raises:
            UsageError: The audit names a path that means something else, or nothing, on another machine.
        """
        if not context.cluster.startswith("local:"):
            for path in context.plugins.named_paths():
                if not path.is_absolute():
                    raise UsageError(
                        f"{path} is named from the working directory, which workers of other machines do not have; "
                        f"name it in full: {path.resolve()}"
                    )
        where = context.workspace.where
        job = cls(
            token=secrets.token_hex(8),
            audit_id=context.audit_id,
            folder=context.folder,
            # by name, since a worker's package may know another set under that name
            plan=replace(context.plan, attack=NONE, attackers=context.plan.all_attackers),
            place=where if is_address(where) else str(Path(where).resolve()),
            samples=context.inspection.samples,
            digests=context.inspection.digests,
            gallery=context.gallery,
            environment=environment(context.plugins.parts),
        )
        context.workspace.save(job.probe_key, Probe(job.token))
        return job


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


def differences(expected: Environment, actual: Environment) -> str:
    """What a worker has otherwise, in words; empty where nothing is."""
    return ", ".join(
        f"{name} {actual.get(name) or 'not at all'} instead of {expected.get(name) or 'none'}"
        for name in dict.fromkeys([*expected, *actual])
        if actual.get(name) != expected.get(name)
    )
