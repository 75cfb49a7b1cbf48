"""Stages: each result is computed once, stored under the hash of its dependencies, and read once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from deidkit.pipeline.batch_work import BatchWork
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.records import StageRecord

R = TypeVar("R", bound=StageRecord)


class Stage(ABC, Generic[R]):
    """One kind of result, computed batch by batch."""

    record: type[R]

    @abstractmethod
    def key(self, work: BatchWork) -> str:
        """Hash of all dependencies of the result."""

    @abstractmethod
    def make(self, work: BatchWork) -> R:
        """Compute the result."""


class StageResults:
    """The results of all stages of an audit, batch by batch."""

    def __init__(self, context: AuditContext, batches: Sequence[BatchWork]) -> None:
        self._context = context
        self.batches = batches
        self._keys: dict[Stage[StageRecord], dict[int, str]] = defaultdict(dict)

    def ensure(self, stage: Stage[R], work: BatchWork) -> None:
        """Compute the result of a batch unless it is stored."""
        key = stage.key(work)
        if not self._context.workspace.has(key):
            self._context.workspace.save(key, stage.make(work))
        self._keys[stage][work.position] = key  # type: ignore[index]

    def made_elsewhere(self, stage: Stage[R], work: BatchWork, key: str) -> None:
        """Register the key of a batch's result from another process."""
        self._keys[stage][work.position] = key  # type: ignore[index]

    def of(self, stage: Stage[R]) -> Iterator[R]:
        """Yield the results of all batches, in order; each is read once, and computed again if damaged."""
        for work in self.batches:
            key = self._keys[stage][work.position]  # type: ignore[index]
            record = self._context.workspace.load(key, stage.record)
            if record is None:
                record = stage.make(work)
                work.forget()
            self._context.warnings.include(record.warnings, record.notes)
            yield record

    def keys_of(self, stage: Stage[R]) -> list[str]:
        """The keys of the results of every batch, in order."""
        keys = self._keys[stage]  # type: ignore[index]
        return [keys[work.position] for work in self.batches]

    def discard(self, stage: Stage[R]) -> None:
        """Remove the results of a stage from the workspace."""
        self._context.workspace.discard(self._keys[stage].values())  # type: ignore[index]
