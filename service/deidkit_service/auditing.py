"""Audit of one submission: runs the pipeline and writes a report without paths of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from deidkit.errors import DeidkitError, StoreError
from deidkit.pipeline import Execution, run_audit, write_reports
from deidkit.processors import available
from deidkit.progress import Progress
from deidkit.result import AuditResult
from deidkit.store import audit_rows, load_result, opened_store
from deidkit_service import tables
from deidkit_service.home import Home
from deidkit_service.measuring import check_result, check_version, plan_of, policy_of
from deidkit_service.privacy import path_hider
from deidkit_service.signing import DOSSIER, write_dossier

PICTURES = "folder:pictures,manifest=pictures.csv"
"""Engine of submitted pictures; paths are relative to the submission's folder, so that no report reveals it."""


def audit_submission(
    home: Home, row: tables.Submission, benchmark: tables.Benchmark, progress: Progress
) -> AuditResult:
    """Audit a submission, resuming what another worker began, and write its report; returns the published result.

    Raises:
        DeidkitError: The submission cannot be evaluated.
    """
    check_version(benchmark)
    folder = home.submission(row.id)
    audit = folder / "audit"
    begun = begun_in(home, audit)
    result = begun.result if begun else None
    if result is None:
        with working_directory(folder):
            plan = plan_of(home, benchmark, engine_of(home, row))
            execution = Execution(
                db=home.scores,
                output=audit,
                resume=begun is not None,
                overwrite=True,
                threads=home.settings.threads or available(),
                command=f"deidkit serve: submission {row.id} to benchmark {benchmark.name}",
                formats=(),
            )
            result = run_audit(plan, execution, progress).result
    check_result(benchmark, result)
    public = _publishable(home, benchmark, row, result)
    report = folder / "report"
    report.mkdir(mode=0o700, exist_ok=True)
    write_reports(public, report, ["html", "json"], overwrite=True)
    with progress.stage("dossier", None):
        try:
            write_dossier(home, public, policy_of(home, benchmark), report / DOSSIER, audit)
        except DeidkitError as error:  # the submission is valid without one
            progress.note(f"no dossier: {error}")
    return public


def engine_of(home: Home, row: tables.Submission) -> str:
    """Return the engine of a submission in the form of ``deidkit audit --engine``."""
    if row.kind == "service":
        return f"service:{row.engine}"
    return home.settings.engines[row.engine] if row.kind == "engine" else PICTURES


@contextmanager
def working_directory(folder: Path) -> Iterator[None]:
    """Change the working directory temporarily; it changes for all threads of the process."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@dataclass(frozen=True)
class Begun:
    """An audit begun by a worker that did not finish the submission; with the result if the audit itself is done."""

    audit_id: str
    result: AuditResult | None


def begun_in(home: Home, audit: Path) -> Begun | None:
    """Find the audit that was begun in a folder; None if there is none."""
    with suppress(StoreError), opened_store(home.scores, "read") as store:
        for row in audit_rows(store):
            if row.output == str(audit):
                return Begun(row.id, load_result(store, row.id) if row.status == "done" else None)
    return None


def _publishable(home: Home, benchmark: tables.Benchmark, row: tables.Submission, result: AuditResult) -> AuditResult:
    """Remove paths of this machine from a result, and its gallery, as an engine may have returned originals."""
    engines = [replace(engine, gallery=[]) for engine in result.engines]
    if row.kind != "engine":  # the submitter's title says more than 'folder' or 'service'
        engines[0] = replace(engines[0], component=replace(engines[0].component, name=row.title))
    shown = replace(result, engines=engines)
    text = msgspec.json.encode(shown).decode()
    if row.kind != "engine":  # before `path_hider` changes it; an installed engine's label may be a common word
        text = text.replace(_json_escaped(result.engines[0].component.label), _json_escaped(row.title))
    return msgspec.json.decode(path_hider(home, row, benchmark)(text), type=AuditResult)


def _json_escaped(text: str) -> str:
    """Escape a text as within a JSON string."""
    return msgspec.json.encode(text).decode()[1:-1]
