"""Removes submissions and benchmarks with everything that is kept of them."""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import delete, func, select, update

from deidkit.errors import DeidkitError, UsageError
from deidkit_service import tables
from deidkit_service.accounts import note
from deidkit_service.home import Home, remove_folder
from deidkit_service.queue import ENDED

log = logging.getLogger("deidkit.removal")

_S = tables.Submission


def remove(home: Home, identifier: str) -> bool:
    """Remove everything that is kept of an ended submission but its entries in the activity log.

    Returns:
        Whether all is gone; where it is not, the log says why, and the checker tries again.
    """
    try:
        forget_scores(home, identifier)
        home.forget(identifier, reports=True)
    except (DeidkitError, OSError) as error:
        log.warning("submission %s is not removed yet: %s", identifier, error)
        return False
    with home.database.writing() as session:
        session.execute(delete(_S).where(_S.id == identifier))  # which the checker may have done meanwhile
    return True


def forget_scores(home: Home, identifier: str) -> None:
    """Remove what the score store has of a submission, and the templates of an audit that was not finished."""
    from deidkit.pipeline import remove_audit
    from deidkit.store import audit_rows, opened_store

    if not home.db and not Path(home.scores).exists():  # nothing was ever measured
        return
    folder = str(home.submission(identifier) / "audit")
    with opened_store(home.scores, "read") as store:
        for audit in [row.id for row in audit_rows(store) if row.output == folder]:
            remove_audit(store, audit)


def remove_benchmark(home: Home, name: str) -> int:
    """Remove a benchmark with its numbered pictures, and all of its submissions; its data set is not touched.

    Returns:
        How many submissions were removed.

    Raises:
        UsageError: There is none of that name, or submissions are still there; the benchmark is then closed.
    """
    with home.database.writing() as session:
        row = session.get(tables.Benchmark, name, with_for_update=True)
        if row is None:
            raise UsageError(f"there is no benchmark '{name}'; see: deidkit service benchmark list")
        now = home.database.now(session)
        row.closed = row.closed or now
        mine = _S.benchmark == name
        idle = _S.state.in_(("validating", "queued")) & (_S.lease == "")
        session.execute(update(_S).where(mine).values(wanted_end="delete"))
        session.execute(update(_S).where(mine, idle).values(state="cancelled", finished=now))
        ended = list(session.scalars(select(_S.id).where(mine, _S.state.in_(ENDED))))
        note(session, now, None, "benchmark being removed", name)
    for identifier in ended:
        remove(home, identifier)
    with home.database.writing() as session:
        left = session.scalar(select(func.count()).select_from(_S).where(mine)) or 0
        if left:
            raise UsageError(
                f"{left} submissions of benchmark '{name}' are being stopped or cannot be removed yet, and it is "
                "closed meanwhile; run the command again in a while."
            )
        remove_folder(home.benchmark(name))
        session.execute(delete(tables.Benchmark).where(tables.Benchmark.name == name))
        note(session, home.database.now(session), None, "benchmark removed", name)
    home.database.wipe()
    return len(ended)
