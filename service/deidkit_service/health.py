"""Health checks and metrics for monitoring."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from deidkit_service import tables
from deidkit_service.access import ServiceHome

router = APIRouter()

STATES = ("validating", "queued", "running", "done", "failed", "cancelled")


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
def alive() -> dict[str, str]:
    """Liveness: the process answers."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses={503: {"description": "Not ready, with what is missing"}})
def ready(home: ServiceHome) -> Response:
    """Readiness: the database answers and a worker was seen recently; 503 otherwise, with what is missing."""
    try:
        with home.database.reading() as session:
            now = home.database.now(session)
            seen = session.scalar(select(func.max(tables.Worker.seen)))
    except SQLAlchemyError:
        return JSONResponse({"status": "not ready", "missing": "the database does not answer"}, 503)
    if seen is None or now - seen > 2 * home.settings.lease_seconds:
        return JSONResponse({"status": "not ready", "missing": "no worker was seen; start one: deidkit worker"}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(home: ServiceHome) -> PlainTextResponse:
    """Counts for Prometheus, without names of people, submissions or benchmarks."""
    s = tables.Submission
    with home.database.reading() as session:
        now = home.database.now(session)
        counted = {row[0]: row[1] for row in session.execute(select(s.state, func.count()).group_by(s.state))}
        since = now - 2 * home.settings.lease_seconds
        workers = session.scalar(select(func.count()).select_from(tables.Worker).where(tables.Worker.seen > since)) or 0
        oldest = session.scalar(select(func.min(s.queued)).where(s.state == "queued"))
        seconds = session.scalar(select(func.sum(s.finished - s.started)).where(s.state == "done")) or 0.0
    lines = [
        "# HELP deidkit_submissions Submissions by state.",
        "# TYPE deidkit_submissions gauge",
        *(f'deidkit_submissions{{state="{state}"}} {counted.get(state, 0)}' for state in STATES),
        "# HELP deidkit_workers Workers that were seen within two leases.",
        "# TYPE deidkit_workers gauge",
        f"deidkit_workers {workers}",
        "# HELP deidkit_queue_oldest_seconds How long the first of the queue has waited.",
        "# TYPE deidkit_queue_oldest_seconds gauge",
        f"deidkit_queue_oldest_seconds {max(0.0, now - oldest) if oldest else 0.0:.3f}",
        "# HELP deidkit_audit_seconds Time from start to end of all finished audits that are kept.",
        "# TYPE deidkit_audit_seconds gauge",
        f"deidkit_audit_seconds {seconds:.3f}",
    ]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")
