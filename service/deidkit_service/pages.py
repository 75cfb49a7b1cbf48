"""Web pages: overview, benchmark, submission and sign-in."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, RedirectResponse, Response

from deidkit_service import admission, leaderboard, receiving, submissions
from deidkit_service.access import COOKIE, Sender, ServiceHome, Viewer, Visitor
from deidkit_service.accounts import SESSION_SECONDS, by_secret, close_session, open_session
from deidkit_service.api import create_submission, found
from deidkit_service.app_files import report_style, static
from deidkit_service.benchmarks import all_benchmarks, frozen_of
from deidkit_service.refusals import Refusal
from deidkit_service.rendering import page
from deidkit_service.signing import DOSSIER

router = APIRouter(include_in_schema=False)

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

OWN = ("service.css", "service.js", "icon.svg")


@router.get("/")
def start(home: ServiceHome, visitor: Visitor, request: Request) -> Response:
    """Start page: the service, its benchmarks and the user's submissions."""
    mine = submissions.list_visible(home, visitor, limit=50) if visitor else []
    benchmarks = [(row, frozen_of(row)) for row in all_benchmarks(home)]
    return page(request, "start.html.j2", visitor, benchmarks=benchmarks, mine=mine)


@router.get("/benchmarks/{name}")
def benchmark(home: ServiceHome, visitor: Visitor, request: Request, name: str) -> Response:
    """Page of a benchmark: configuration, leaderboard and submission form."""
    row = found(home, name)
    entries, columns = leaderboard.leaderboard(home, row, visitor), leaderboard.columns(row)
    return page(
        request,
        "benchmark.html.j2",
        visitor,
        benchmark=row,
        frozen=frozen_of(row),
        entries=entries,
        columns=columns,
        reasons=leaderboard.reasons(entries, [name for name, _ in columns]),
        engines=sorted(home.settings.engines) if visitor else [],
    )


@router.get("/submissions/{identifier}")
def submission(home: ServiceHome, who: Viewer, request: Request, identifier: str) -> Response:
    """Page of a submission: its state, progress and results."""
    seen = submissions.get(home, who, identifier)
    dossier = home.submission(identifier) / "report" / DOSSIER
    return page(
        request,
        "submission.html.j2",
        who,
        submission=seen,
        benchmark=found(home, seen.benchmark),
        dossier=dossier.stat().st_size if dossier.is_file() else 0,
    )


@router.get("/submissions/{identifier}/report.html")
def report(home: ServiceHome, visitor: Visitor, identifier: str) -> Response:
    """HTML report of a finished submission."""
    return FileResponse(submissions.report_file(home, visitor, identifier, "report.html"), media_type="text/html")


@router.post("/benchmarks/{name}")
async def submit(
    home: ServiceHome,
    who: Sender,
    name: str,
    title: Annotated[str, Form()],
    kind: Annotated[str, Form()] = "pictures",
    engine: Annotated[str, Form()] = "",
    file: UploadFile | None = None,
) -> Response:
    """Create a submission from the form of a benchmark's page."""
    if kind in ("pictures", "scores"):
        if file is None or not file.size:
            raise Refusal(422, "choose a file to hand in.")
        received = await receiving.receive(home, _blocks(file))
        entry = admission.NewSubmission(
            benchmark=name, kind=kind, title=title, digest=received.digest, size=received.size
        )
        made = await run_in_threadpool(create_submission, home, who, entry, received.path)
    else:
        entry = admission.new_engine_submission(home, name, kind, title, engine)
        made = await run_in_threadpool(submissions.create, home, who, entry, None)
    return _redirect_to(f"/submissions/{made.identifier}")


@router.post("/submissions/{identifier}")
def change(home: ServiceHome, who: Sender, identifier: str, do: Annotated[str, Form()]) -> Response:
    """Cancel, delete, publish or withdraw a submission, as the buttons of its page request."""
    if do == "delete":
        submissions.delete(home, who, identifier)
        return _redirect_to("/")
    if do == "cancel":
        submissions.cancel(home, who, identifier)
    elif do in ("publish", "withdraw"):
        submissions.publish(home, who, identifier, shown=do == "publish")
    else:
        raise Refusal(422, "there is no such button.")
    return _redirect_to(f"/submissions/{identifier}")


@router.get("/sign-in")
def sign_in_page(visitor: Visitor, request: Request, to: str = "/") -> Response:
    """Sign-in page, which asks for a token."""
    return page(request, "sign_in.html.j2", visitor, to=_local_address(to), sentence="")


@router.post("/sign-in")
def sign_in(
    home: ServiceHome, request: Request, token: Annotated[str, Form()], to: Annotated[str, Form()] = "/"
) -> Response:
    """Open a browser session with a token."""
    to = _local_address(to)
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refusal(403, "the form came from another page; sign in on this service's own.")
    try:
        who = by_secret(home.database, token.strip())
    except Refusal as error:
        return page(request, "sign_in.html.j2", None, error.status, to=to, sentence=str(error))
    answer = _redirect_to(to)
    cookie: dict[str, Any] = {"httponly": True, "samesite": "strict", "secure": home.settings.secure_cookies}
    answer.set_cookie(COOKIE, open_session(home.database, who), max_age=SESSION_SECONDS, **cookie)
    return answer


@router.post("/sign-out")
def sign_out(home: ServiceHome, _who: Sender, request: Request) -> Response:
    """End the browser session."""
    close_session(home.database, request.cookies.get(COOKIE, ""))
    answer = _redirect_to("/")
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/static/{name}")
def asset(name: str) -> Response:
    """Serve style sheets, script and icon; ``report.css`` comes from `deidkit_reports`."""
    if name == "report.css":
        return Response(report_style(), media_type=TYPES["css"])
    if name not in OWN:
        raise Refusal(404, "there is nothing at this address.")
    return Response(static(name), media_type=TYPES[name.rpartition(".")[2]])


@router.get("/favicon.ico")
def icon() -> Response:
    """Serve the icon that browsers request by default."""
    return Response(static("icon.svg"), media_type=TYPES["svg"])


async def _blocks(file: UploadFile) -> Any:
    while block := await file.read(1 << 20):
        yield block


def _local_address(address: str) -> str:
    """Return the address if it is on this service, otherwise ``/``: prevents open redirects."""
    is_own = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return quote(address, safe="/?=&-_.") if is_own else "/"


def _redirect_to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303)
