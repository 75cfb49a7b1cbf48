"""Tasks of workers: what a task gives back, and how it is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from deidkit.errors import DeidkitError, UsageError
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.workspace import Workspace

V = TypeVar("V")
R = TypeVar("R")


@dataclass(frozen=True)
class TaskDone(Generic[V]):
    """What came of one task.

    Attributes:
        value: The result; None where there is none.
        warnings: Sentences about plugins with their details, see `PluginWarnings`.
        failure: Why the work cannot continue; None if it can.
    """

    value: V | None = None
    warnings: tuple[tuple[str, str], ...] = ()
    failure: DeidkitError | None = None

    def checked(self, warnings: PluginWarnings) -> V | None:
        """The value, after its warnings were added. Raises the failure."""
        for sentence, detail in self.warnings:
            warnings.add(sentence, detail)
        if self.failure is not None:
            raise self.failure
        return self.value


def run_task(unfit: str, work: Callable[[PluginWarnings], V], *, notes_are_stored: bool = False) -> TaskDone[V]:
    """Run a task in a worker.

    Args:
        unfit: Why the worker cannot take part, empty if it can: it may have joined later than the others.
        work: Does the task, and adds its warnings to those given.
        notes_are_stored: Whether notes are stored with the result, so that they need not be sent.
    """
    from distributed import get_worker

    if unfit:
        return TaskDone(failure=UsageError(refused(get_worker().address, unfit)))
    sent: list[tuple[str, str]] = []
    warnings = PluginWarnings(lambda sentence, detail: sent.append((sentence, detail)))
    try:
        value = work(warnings)
    except DeidkitError as error:
        return TaskDone(warnings=tuple(sent), failure=error)
    stored = warnings.notes if notes_are_stored else []
    return TaskDone(value, tuple(warning for warning in sent if warning[0] not in stored))


def refused(address: str, reason: str) -> str:
    """That a worker cannot take part, in one sentence."""
    return f"worker {address} cannot take part: {reason.rstrip('.')}."


def load_required(workspace: Workspace, key: str, record: type[R]) -> R:
    """A record that a task needs. Raises DeidkitError where it is not in the workspace."""
    found = workspace.load(key, record)
    if found is None:
        raise DeidkitError(f"a record that a worker needs is missing or damaged in {workspace.where}; start it again.")
    return found


def damaged_result(workspace: Workspace, resume_hint: str) -> DeidkitError:
    """The error for a result that a worker stored and that cannot be read back."""
    return DeidkitError(
        f"a result that a worker stored in {workspace.where} is damaged and was removed; {resume_hint}."
    )
