"""The API, ``/api/v1``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from deidkit_service import admission, receiving, submissions, tables
from deidkit_service.access import Caller, ServiceHome, Visitor, visitor
from deidkit_service.accounts import note
from deidkit_service.benchmarks import KINDS, all_benchmarks, find, frozen_of
from deidkit_service.challenge import RECORD, Challenge
from deidkit_service.home import Home
from deidkit_service.leaderboard import Entry, leaderboard
from deidkit_service.openapi import ERRORS, body, file, record
from deidkit_service.records import BenchmarkView, Removed, UploadState, Whose
from deidkit_service.refusals import Refusal
from deidkit_service.submissions import View

# a token that is shown must be valid
router = APIRouter(prefix="/api/v1", dependencies=[Depends(visitor)], responses=ERRORS)


class NewUpload(BaseModel):
    """An upload in parts."""

    sha256: str = Field(description="SHA-256 of the whole file, in hex")
    size: int = Field(description="Bytes of the whole file")


class NewSubmission(BaseModel):
    """A submission: of an upload that is all there, or of an engine that is called."""

    title: str = Field(description="What the leaderboard calls it")
    kind: str = Field("pictures", description="pictures, scores, service or engine")
    upload: str = Field("", description="Id of the upload, for pictures and scores")
    engine: str = Field("", description="Address of the web service, or name of an engine that the operator offers")


def plain(value: Any) -> Any:
    """A record as JSON shows it."""
    return msgspec.to_builtins(value)


@router.get("/me", responses=record(Whose))
def me(caller: Caller) -> Any:
    """Whose token it is and what it may do."""
    whose = Whose(token=caller.token_id, name=caller.name, organisation=caller.organisation, role=caller.role)
    return plain(whose)


@router.get("/benchmarks", responses=record(list[BenchmarkView]))
def benchmarks(home: ServiceHome) -> Any:
    """Every benchmark."""
    return plain([described(row) for row in all_benchmarks(home)])


@router.get("/benchmarks/{name}", responses=record(BenchmarkView))
def benchmark(home: ServiceHome, name: str) -> Any:
    """One benchmark and everything that it froze."""
    return plain(described(found(home, name)))


@router.get("/benchmarks/{name}/leaderboard", responses=record(list[Entry]))
def board(home: ServiceHome, visitor: Visitor, name: str) -> Any:
    """Finished submissions, the strongest attack's lowest success first; others' only where they are published."""
    return plain(leaderboard(home, found(home, name), visitor))


@router.get("/benchmarks/{name}/challenge", responses=record(Challenge))
def challenge(home: ServiceHome, caller: Caller, name: str) -> Response:
    """What a submission of pictures must be like; its numbers tell nothing of the pictures."""
    found(home, name)
    return Response((home.benchmark(name) / RECORD).read_bytes(), media_type="application/json")


@router.get("/benchmarks/{name}/challenge.zip", response_class=FileResponse, responses=file("application/zip"))
def challenge_zip(home: ServiceHome, caller: Caller, name: str) -> FileResponse:
    """The pictures to de-identify, where the operator hands them out."""
    row = found(home, name)
    if not row.handed_out:
        raise Refusal(403, f"the pictures of benchmark '{name}' are not handed out by this service; ask its operator.")
    if not caller.may("submit"):
        raise Refusal(403, f"a {caller.role}'s token cannot download pictures.")
    caller.check_benchmark(name)
    with home.database.writing() as session:
        note(session, home.database.now(session), caller, "pictures downloaded", name)
    return FileResponse(home.benchmark(name) / "challenge.zip", filename=f"{name}.zip", media_type="application/zip")


@router.post("/uploads", status_code=201, responses=record(UploadState, 201))
def upload(home: ServiceHome, caller: Caller, wanted: NewUpload) -> Any:
    """Begin an upload, or continue one that broke off: send the bytes from `offset` on."""
    if not caller.may("submit"):
        raise Refusal(403, f"a {caller.role}'s token cannot upload.")
    return plain(receiving.begin(home, caller, wanted.sha256, wanted.size))


@router.get("/uploads/{identifier}", responses=record(UploadState))
def upload_state(home: ServiceHome, caller: Caller, identifier: str) -> Any:
    """How much of an upload is there."""
    row = receiving.announced(home, caller, identifier)
    return plain(UploadState(id=identifier, offset=home.upload(identifier).stat().st_size, size=row.size))


@router.delete("/uploads/{identifier}", responses=record(Removed))
def forget_upload(home: ServiceHome, caller: Caller, identifier: str) -> Any:
    """Give an upload up; what arrived of it is removed."""
    receiving.forget(home, caller, identifier)
    return plain(Removed(id=identifier, removed=True))


@router.patch("/uploads/{identifier}", responses=record(UploadState), openapi_extra=body("application/octet-stream"))
async def upload_part(home: ServiceHome, caller: Caller, identifier: str, offset: int, request: Request) -> Any:
    """Add the body to an upload; `offset` is how much of it is there."""
    return plain(await receiving.append(home, caller, identifier, offset, request.stream()))


@router.post("/benchmarks/{name}/submissions", status_code=201, responses=record(View, 200, 201))
def submit(home: ServiceHome, caller: Caller, name: str, wanted: NewSubmission, response: Response) -> Any:
    """Hand in what was uploaded, or an engine. The same content a second time is answered with the first, and 200."""
    if wanted.kind in ("pictures", "scores"):
        received = receiving.complete(home, caller, wanted.upload)
        entry = admission.NewSubmission(
            benchmark=name, kind=wanted.kind, title=wanted.title, digest=received.digest, size=received.size
        )
        try:
            made = submissions.create(home, caller, entry, received.path)
        except Refusal as refusal:
            if not refusal.passes:
                receiving.remove(home, wanted.upload)
            raise
        receiving.remove(home, wanted.upload)
    else:
        entry = admission.new_engine_submission(home, name, wanted.kind, wanted.title, wanted.engine)
        made = submissions.create(home, caller, entry, None)
    response.status_code = 201 if made.is_new else 200
    return plain(submissions.get(home, caller, made.identifier))


@router.put(
    "/benchmarks/{name}/submissions",
    status_code=201,
    responses=record(View, 200, 201),
    openapi_extra=body("application/zip", "text/csv", "application/octet-stream"),
)
async def submit_body(
    home: ServiceHome,
    caller: Caller,
    name: str,
    title: str,
    request: Request,
    response: Response,
    kind: str = "pictures",
) -> Any:
    """Hand in the body: a zip of pictures, or a file of scores."""
    await run_in_threadpool(submissions.check_beforehand, home, caller, name, kind, title)
    received = await receiving.receive(home, request.stream())
    entry = admission.NewSubmission(benchmark=name, kind=kind, title=title, digest=received.digest, size=received.size)
    made = await run_in_threadpool(create_submission, home, caller, entry, received.path)
    response.status_code = 201 if made.is_new else 200
    return plain(await run_in_threadpool(submissions.get, home, caller, made.identifier))


@router.get("/benchmarks/{name}/submissions", responses=record(View))
def handed_in(home: ServiceHome, caller: Caller, name: str, kind: str, digest: str) -> Any:
    """One's organisation's submission of the same content, SHA-256 in hex, with which another would be answered."""
    return plain(submissions.get(home, caller, submissions.known(home, caller, name, kind, digest)))


@router.get("/submissions", responses=record(list[View]))
def all_submissions(
    home: ServiceHome,
    caller: Caller,
    benchmark: str = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = submissions.LISTED,
) -> Any:
    """One's organisation's submissions, the newest first; an operator's list has everybody's."""
    return plain(submissions.list_visible(home, caller, benchmark, limit=limit))


@router.get("/submissions/{identifier}", responses=record(View))
def submission(home: ServiceHome, caller: Caller, identifier: str) -> Any:
    """A submission: its state, place in the queue, stage and percentage, the end of its log."""
    return plain(submissions.get(home, caller, identifier))


@router.post("/submissions/{identifier}/cancel", responses=record(View))
def cancel(home: ServiceHome, caller: Caller, identifier: str) -> Any:
    """End a submission that waits or runs."""
    submissions.cancel(home, caller, identifier)
    return plain(submissions.get(home, caller, identifier))


@router.post("/submissions/{identifier}/publish", responses=record(View))
def publish(home: ServiceHome, caller: Caller, identifier: str, shown: bool = True) -> Any:
    """Show a finished submission to everybody, or no longer."""
    submissions.publish(home, caller, identifier, shown=shown)
    return plain(submissions.get(home, caller, identifier))


@router.delete("/submissions/{identifier}", responses=record(Removed, 200, 202))
def delete(home: ServiceHome, caller: Caller, identifier: str, response: Response) -> Any:
    """Remove a submission with pictures, scores, numbers and report; 202 where a worker has to stop first."""
    gone = submissions.delete(home, caller, identifier)
    response.status_code = 200 if gone else 202
    return plain(Removed(id=identifier, removed=gone))


@router.get("/submissions/{identifier}/report.html", response_class=FileResponse, responses=file("text/html"))
def report_page(home: ServiceHome, visitor: Visitor, identifier: str) -> FileResponse:
    """The report as a page."""
    return FileResponse(submissions.report_file(home, visitor, identifier, "report.html"))


@router.get("/submissions/{identifier}/report.json", response_class=FileResponse, responses=file("application/json"))
def report(home: ServiceHome, visitor: Visitor, identifier: str) -> FileResponse:
    """The report with every number."""
    return FileResponse(submissions.report_file(home, visitor, identifier, "report.json"))


def create_submission(home: Home, caller: Caller, entry: admission.NewSubmission, path: Path) -> submissions.Receipt:
    """Hand in an uploaded file; it is gone afterwards, whatever became of it."""
    try:
        return submissions.create(home, caller, entry, path)
    finally:
        path.unlink(missing_ok=True)


def found(home: Home, name: str) -> tables.Benchmark:
    """A benchmark. Raises Refusal where there is none."""
    row = find(home, name)
    if row is None:
        raise Refusal(404, f"there is no benchmark '{name}'.")
    return row


def described(row: tables.Benchmark) -> BenchmarkView:
    """A benchmark as the API shows it."""
    frozen = frozen_of(row)
    return BenchmarkView(
        name=row.name,
        title=row.title,
        description=row.description,
        fingerprint=row.fingerprint,
        accepts=[kind for kind in KINDS if kind in row.accepts],
        pictures_handed_out=row.handed_out,
        created=row.created,
        closed=row.closed,
        frozen=frozen,
        ranked_by=frozen.ranked_by,
    )
