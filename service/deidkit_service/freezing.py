"""Creates benchmarks: inspects a data set, then freezes and fingerprints everything that decides the numbers."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

import deidkit
from deidkit import defaults, plugins
from deidkit.datasets import Inspection, inspect_dataset
from deidkit.errors import DatasetError, UsageError
from deidkit.options import declared, default
from deidkit.pipeline import AuditPlan, build_analysis, open_dataset
from deidkit.progress import Progress
from deidkit.verdict import Policy, find_policy
from deidkit.verdict.policy import policy_text
from deidkit_service import tables
from deidkit_service.accounts import note
from deidkit_service.benchmarks import Frozen, Kind, find, frozen_of
from deidkit_service.challenge import RECORD, Challenge, shuffled, write_challenge, write_numbers
from deidkit_service.home import Home
from deidkit_service.measuring import POLICY

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,58}")


@dataclass(frozen=True, kw_only=True)
class Definition:
    """Definition of a benchmark by the operator.

    Attributes:
        name: Name of the benchmark, also in its URL.
        dataset: As ``deidkit audit --dataset`` takes it.
        recognizers: As ``--recognizer``.
        attack: As ``--attack``.
        attackers: As ``--attacker``.
        policy: As ``--policy``; empty for none.
        requirements: As ``--require``.
        seeds: Number of copies of each picture.
        title: Heading of its page; empty for the name.
        description: Purpose of the benchmark, shown to everybody.
        accepts: Kinds of submissions that are accepted.
        handed_out: Whether submitters may download its pictures.
    """

    name: str
    dataset: str
    recognizers: tuple[str, ...]
    attack: str = defaults.ATTACK
    attackers: tuple[str, ...] = ()
    policy: str = ""
    requirements: tuple[str, ...] = ()
    seeds: int = 1
    title: str = ""
    description: str = ""
    accepts: tuple[Kind, ...] = ("pictures",)
    handed_out: bool = False


def create_benchmark(home: Home, definition: Definition, say: Progress) -> tables.Benchmark:
    """Create a benchmark: inspect its data set, freeze and fingerprint its configuration, and number its pictures.

    Raises:
        DeidkitError: The name is taken, or the data set, a plugin or the policy cannot be used.
    """
    if not _NAME.fullmatch(definition.name):
        raise UsageError("a benchmark's name has 1 to 59 letters a-z, digits and hyphens.")
    folder = home.benchmark(definition.name)
    if find(home, definition.name) is not None:
        raise UsageError(
            f"there is a benchmark '{definition.name}' already; what is frozen is not changed: take another name."
        )
    if folder.exists():
        raise UsageError(
            f"another command is creating benchmark '{definition.name}', or was killed while it did; in that case: "
            f"deidkit service benchmark remove {definition.name}"
        )
    policy = find_policy(definition.policy).with_lines(definition.requirements)
    kept = policy_text(definition.policy) if definition.policy else ""  # a copy, as the file may change
    dataset = open_dataset(definition.dataset, say.note)
    inspection = inspect_dataset(dataset.plugin, progress=say)
    if inspection.problem:
        raise DatasetError(f"no benchmark can be made of {dataset.component.label}: {inspection.problem}.")
    frozen = _freeze(definition, dataset.component.name, inspection, policy, say)
    folder.mkdir(mode=0o700)
    try:
        if kept:
            (folder / POLICY).write_text(kept, encoding="utf-8")
        write_numbers(folder, shuffled(inspection.samples))
        record = _challenge(home, definition, frozen, inspection)
        (folder / RECORD).write_bytes(msgspec.json.encode(record))
        if definition.handed_out:
            write_challenge(folder, dataset.plugin, inspection.samples, folder / "challenge.zip")
        return _stored(home, definition, frozen, absolute(dataset.component.name, dataset.plugin))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def export_challenge(home: Home, name: str, target: Path) -> None:
    """Write the zip of a benchmark's pictures for the operator to hand out.

    Raises:
        DeidkitError: There is no such benchmark, or its data set has changed.
    """
    row = find(home, name)
    if row is None:
        raise UsageError(f"there is no benchmark '{name}'; see: deidkit service benchmark list")
    dataset = open_dataset(row.dataset, lambda sentence: None).plugin
    inspection = inspect_dataset(dataset)
    if inspection.fingerprint != frozen_of(row).dataset_fingerprint:
        raise DatasetError(f"the data set of benchmark '{name}' has changed since the benchmark was made.")
    write_challenge(home.benchmark(name), dataset, inspection.samples, target)


def absolute(name: str, plugin: Any) -> str:
    """Write a plugin's name and options with absolute paths, so that they hold in any working directory."""
    fields = declared(type(plugin))
    parts: list[str] = []
    for key, declaration in fields.items():
        value = getattr(plugin, key)
        if value == default(declaration):
            continue
        text = "+".join(map(str, value)) if isinstance(value, tuple) else str(value)
        text = str(value.resolve()) if isinstance(value, Path) else text
        primary = bool(declaration.metadata.get("primary"))
        parts.insert(0 if primary else len(parts), text if primary else f"{key}={text}")
    return f"{name}:{','.join(parts)}" if parts else name


def _freeze(definition: Definition, dataset: str, inspection: Inspection, policy: Policy, say: Progress) -> Frozen:
    plan = AuditPlan(
        dataset=definition.dataset,
        engines=(defaults.CONTROL,),
        recognizers=definition.recognizers,
        attack=definition.attack,
        attackers=definition.attackers,
    )
    analysis = build_analysis(plan.analyzer, plan.segmenter, plan.roi_rule, plan.palm, note=say.note).components
    recognizers = [plugins.create("recognizer", choice, note=say.note).component for choice in plan.recognizers]
    attackers = [plugins.create("attacker", choice, note=say.note).component for choice in plan.all_attackers]
    return Frozen(
        deidkit=deidkit.__version__,
        dataset=dataset,
        dataset_fingerprint=inspection.fingerprint,
        samples=len(inspection.samples),
        subjects=len({sample.subject for sample in inspection.samples}),
        identities=len({sample.identity for sample in inspection.samples}),
        components=[*analysis, *recognizers, *attackers],
        recognizers=list(definition.recognizers),
        attack=definition.attack,
        attackers=list(definition.attackers),
        policy=policy.name,
        policy_digest=policy.digest,
        requirements=list(definition.requirements),
        seeds=definition.seeds,
        identity_control=policy.identity_control,
    )


def _challenge(home: Home, definition: Definition, frozen: Frozen, inspection: Inspection) -> Challenge:
    settings = home.settings
    digits = max(4, len(str(len(inspection.samples))))
    return Challenge(
        benchmark=definition.name,
        fingerprint=frozen.fingerprint,
        copies=definition.seeds,
        names=[f"{number:0{digits}d}" for number in range(1, len(inspection.samples) + 1)],
        max_files=settings.max_files,
        max_pixels=settings.max_pixels,
        max_unpacked_bytes=settings.max_unpacked_bytes,
        max_upload_bytes=settings.max_upload_bytes,
    )


def _stored(home: Home, definition: Definition, frozen: Frozen, dataset: str) -> tables.Benchmark:
    with home.database.writing() as session:
        now = home.database.now(session)
        row = tables.Benchmark(
            name=definition.name,
            title=definition.title or definition.name,
            description=definition.description,
            dataset=dataset,
            frozen=msgspec.to_builtins(frozen),
            fingerprint=frozen.fingerprint,
            accepts=list(definition.accepts),
            handed_out=definition.handed_out,
            created=now,
        )
        session.add(row)
        note(session, now, None, "benchmark created", definition.name)
    return row
