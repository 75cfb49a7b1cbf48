"""Comparisons and dossiers of finished submissions, and the public key of the dossiers' signatures."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from deidkit.audit_changes import Comparison
from deidkit_service import leaderboard, submissions
from deidkit_service.access import ServiceHome, Visitor
from deidkit_service.api import found, plain
from deidkit_service.comparing import MOST, Unlike, compared
from deidkit_service.openapi import ERRORS, file, record
from deidkit_service.rendering import page
from deidkit_service.signing import DOSSIER, public_key

router = APIRouter()

Chosen = Annotated[
    list[str], Query(alias="submission", description="Id of each; the others are compared with the first")
]

Forced = Annotated[bool, Query(description="Compare those that differ in more than their engines all the same")]


@router.get("/api/v1/benchmarks/{name}/compare", responses=ERRORS | record(Comparison))
def comparison(home: ServiceHome, visitor: Visitor, name: str, chosen: Chosen, force: Forced = False) -> Any:
    """Two finished submissions or more, number by number: better, worse or within the noise of the first."""
    return plain(compared(home, visitor, found(home, name).name, chosen, force=force))


@router.get(
    "/api/v1/submissions/{identifier}/dossier.zip",
    response_class=FileResponse,
    responses=ERRORS | file("application/zip"),
)
def dossier(home: ServiceHome, visitor: Visitor, identifier: str) -> FileResponse:
    """The dossier: report as PDF, every number, how they were made, signed by the service."""
    path = submissions.report_file(home, visitor, identifier, DOSSIER)
    return FileResponse(path, filename=f"{identifier}-dossier.zip", media_type="application/zip")


@router.get("/api/v1/key.pub", response_class=Response, responses=ERRORS | file("application/x-pem-file"))
def key(home: ServiceHome) -> Response:
    """The public key that dossiers are verified with."""
    return Response(public_key(home), media_type="application/x-pem-file")


@router.get("/benchmarks/{name}/compare", include_in_schema=False)
def compare_page(
    home: ServiceHome,
    visitor: Visitor,
    request: Request,
    name: str,
    submission: Annotated[list[str], Query()] = [],  # noqa: B006  FastAPI copies it
    force: bool = False,
) -> Response:
    """Page to choose submissions and compare them with the first."""
    row = found(home, name)
    entries = leaderboard.leaderboard(home, row, visitor)
    chosen, content, unlike = list(dict.fromkeys(submission)), "", ""
    if len(chosen) > 1:
        try:
            made = compared(home, visitor, row.name, chosen, force=force)
        except Unlike as error:
            unlike = str(error)
        else:
            from deidkit_reports import audits  # slow to import: it draws figures

            content = audits.content(made)
    return page(
        request,
        "compare.html.j2",
        visitor,
        benchmark=row,
        entries=entries,
        chosen=chosen,
        content=content,
        unlike=unlike,
        most=MOST,
    )
