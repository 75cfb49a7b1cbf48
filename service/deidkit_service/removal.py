"""Removes submissions and benchmarks with all their files, scores and rows."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, func, or_, select, update

from deidkit.errors import DeidkitError, StoreError, UsageError, os_errors_as
from deidkit_service import tables
from deidkit_service.accounts import note
from deidkit_service.home import Home, remove_folder
from deidkit_service.queue import ENDED, abandoned

log = logging.getLogger("deidkit.removal")

_S = tables.Submission


def remove(home: Home, identifier: str) -> bool:
    """Remove an ended submission with everything but its entries in the activity log.

    Returns:
        Whether everything is removed; if not, the log says why, and the checker tries again later.
    """
    try:
        try:
            forget_scores(home, identifier)
        except StoreError:  # for example a full disk: removing the files makes room
            home.forget(identifier, reports=True)
            raise
        home.forget(identifier, reports=True)
    except (DeidkitError, OSError) as error:
        log.warning("submission %s is not removed yet: %s", identifier, error)
        return False
    with home.database.writing() as session:
        session.execute(delete(_S).where(_S.id == identifier))  # the checker may have deleted the row meanwhile
    return True


def forget_scores(home: Home, identifier: str) -> None:
    """Remove a submission's audits from the score store, with the templates that unfinished ones left."""
    from deidkit.pipeline import remove_audit
    from deidkit.store import audit_rows, opened_store

    if not home.db and not Path(home.scores).exists():  # nothing was ever measured
        return
    folder = str(home.submission(identifier) / "audit")
    with opened_store(home.scores, "read") as store:
        for audit in [row.id for row in audit_rows(store) if row.output == folder]:
            remove_audit(store, audit)


def _remove_unfinished(home: Home, name: str) -> RemovedBenchmark:
    """Remove the folder of a benchmark whose creation was killed. Raises UsageError if there is none."""
    if name not in {path.name for path in (home.folder / "benchmarks").iterdir()}:
        raise UsageError(f"there is no benchmark '{name}'; see: deidkit service benchmark list")
    folder = home.benchmark(name)
    with os_errors_as(UsageError, f"{folder} cannot be removed"):
        remove_folder(folder)
    return RemovedBenchmark(0, True)


@dataclass(frozen=True)
class RemovedBenchmark:
    """Result of the removal of a benchmark.

    Attributes:
        submissions: Number of submissions removed with it.
        is_wiped: Whether the database's journal holds no removed rows any more.
    """

    submissions: int
    is_wiped: bool


def count(submissions: int) -> str:
    """Format a number of submissions."""
    return f"{submissions} submission{'' if submissions == 1 else 's'}"


def remove_benchmark(home: Home, name: str) -> RemovedBenchmark:
    """Remove a benchmark with its numbered pictures, and all of its submissions; its data set is not touched.

    Raises:
        UsageError: It does not exist, or submissions or its folder could not be removed yet; it is then closed.
    """
    with home.database.writing() as session:
        row = session.get(tables.Benchmark, name, with_for_update=True)
        if row is None:
            return _remove_unfinished(home, name)
        now = home.database.now(session)
        row.closed = row.closed or now
        mine = _S.benchmark == name
        idle = or_(_S.state.in_(("validating", "queued")) & (_S.lease == ""), abandoned(now))
        session.execute(update(_S).where(mine).values(wanted_end="delete"))
        session.execute(update(_S).where(mine, idle).values(state="cancelled", finished=now, lease="", lease_end=0.0))
        ended = list(session.scalars(select(_S.id).where(mine, _S.state.in_(ENDED))))
        note(session, now, None, "benchmark being removed", name)
    for identifier in ended:
        remove(home, identifier)
    with home.database.writing() as session:
        left = session.scalar(select(func.count()).select_from(_S).where(mine)) or 0
        if left:
            raise UsageError(
                f"{count(left)} of benchmark '{name}' must stop first or cannot be removed yet, and it is closed "
                "meanwhile; run the command again in a while."
            )
        try:
            remove_folder(home.benchmark(name))
        except OSError as error:
            raise UsageError(
                f"{home.benchmark(name)} cannot be removed: {error.strerror or error}; benchmark "
                f"'{name}' is closed and its submissions are gone: make it removable and run the command again."
            ) from error
        session.execute(delete(tables.Benchmark).where(tables.Benchmark.name == name))
        note(session, home.database.now(session), None, "benchmark removed", name)
    return RemovedBenchmark(len(ended), home.database.wipe())
