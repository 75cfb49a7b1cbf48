"""Where, when and with what an audit ran."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import deidkit
from deidkit.audit.plan import AuditPlan
from deidkit.result import Component, Provenance

PACKAGES = (
    "numpy", "scipy", "numba", "opencv-python-headless", "pillow", "ai-edge-litert",
    "torch", "diffusers", "transformers", "onnxruntime",
)  # fmt: skip
"""Packages whose version can move a number."""


def collect(
    plan: AuditPlan, *, command: str, started: datetime, finished: datetime, engines: list[tuple[Component, list[int]]]
) -> Provenance:
    """Describe this run.

    Args:
        plan: What was audited.
        command: The command line.
        started: When this run began, UTC.
        finished: When it ended, UTC.
        engines: Each engine with the seeds it was run with.
    """
    return Provenance(
        command=command,
        deidkit=deidkit.__version__,
        commit=_commit(),
        python=platform.python_version(),
        platform=f"{platform.platform()}; {_processor()}; {os.cpu_count()} logical processors",
        packages=_packages(),
        started=started.isoformat(timespec="seconds"),
        finished=finished.isoformat(timespec="seconds"),
        wall_seconds=round((finished - started).total_seconds(), 3),
        seeds={"engines": {c.label: seeds for c, seeds in engines}, "bootstrap": plan.bootstrap_seed},
        options=plan.values(),
    )


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
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


def _commit() -> str:
    """The git commit of a checkout that runs in place, marked where it has local changes; empty for an install."""
    root = Path(deidkit.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return ""
    try:
        head = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "-C", root, "status", "--porcelain", "-uno"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + (" with local changes" if dirty.stdout.strip() else "")
