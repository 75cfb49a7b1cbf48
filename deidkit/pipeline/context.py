"""The context of one audit, or of one run of `deidentify`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deidkit.datasets import Inspection
from deidkit.pipeline.plan import AuditPlan
from deidkit.pipeline.plugin_set import PluginSet
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.process_state import ProcessState
from deidkit.pipeline.workspace import Workspace
from deidkit.progress import Progress
from deidkit.result import Timing


class Clock:
    """Stopwatch of the stages."""

    def __init__(self) -> None:
        self.timings: list[Timing] = []

    @contextmanager
    def time(self, stage: str, items: int) -> Iterator[None]:
        """Time one stage of so many items."""
        started = time.perf_counter()
        yield
        self.timings.append(Timing(stage=stage, items=items, seconds=round(time.perf_counter() - started, 4)))


@dataclass(frozen=True)
class AuditContext:
    """A running audit.

    Attributes:
        gallery: Numbers of the samples whose copies are shown in the report.
        cluster: ``local:N`` or the address of a scheduler whose workers do the slow work; empty for none.
        process_state: State that plugins must leave unchanged.
    """

    audit_id: str
    folder: Path
    plan: AuditPlan
    plugins: PluginSet
    inspection: Inspection
    workspace: Workspace
    warnings: PluginWarnings
    progress: Progress
    threads: int
    gallery: frozenset[int]
    cluster: str = ""
    clock: Clock = field(default_factory=Clock)
    process_state: ProcessState = field(default_factory=ProcessState.now, repr=False)
