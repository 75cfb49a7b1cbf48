"""Provenance of an audit: where, when and with which versions it ran."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import deidkit
from deidkit.pipeline.code import commit
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.engine_calls import seeds_of
from deidkit.protocols import Plugin
from deidkit.result import Provenance

PACKAGES = ("numpy", "scipy", "numba", "opencv-python-headless", "pillow")
"""Core packages whose versions can affect results; plugins name their own."""


@dataclass(frozen=True)
class Run:
    """One run of an audit."""

    command: str
    started: datetime


def collect(run: Run, context: AuditContext, finished: datetime) -> Provenance:
    """Describe a run that ended at a time in UTC."""
    plan, plugins = context.plan, context.plugins
    seeds = {engine.component.label: seeds_of(engine.plugin, plan.seeds) for engine in plugins.engines}
    return Provenance(
        command=run.command,
        deidkit=deidkit.__version__,
        commit=commit(),
        python=platform.python_version(),
        platform=f"{platform.platform()}; {_processor()}; {os.cpu_count()} logical processors",
        packages=packages_of([loaded.plugin for loaded in plugins.parts]),
        started=run.started.isoformat(timespec="seconds"),
        finished=finished.isoformat(timespec="seconds"),
        wall_seconds=round((finished - run.started).total_seconds(), 3),
        seeds={"engines": seeds},
        options=plan.values(),
    )


def packages_of(plugins: Iterable[Plugin]) -> dict[str, str]:
    """Package -> version, for packages of the core and of plugins that can affect results."""
    named = [name for plugin in plugins for name in plugin.packages()]
    found = {}
    for name in dict.fromkeys([*PACKAGES, *named]):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
