"""Loads the inputs of ``deidkit compare``: stored audits or JSON reports, optionally a single engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from deidkit.audit_comparison.assembly import Side
from deidkit.errors import UsageError
from deidkit.json_records import record
from deidkit.result import SCHEMA_VERSION, AuditResult
from deidkit.store import load_contributions, load_result, opened_store

REPORT = "report.json"
"""File name of an audit's JSON report."""

_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
"""Matches an audit's id, which means the store even if a folder has the same name."""


def is_report(text: str) -> bool:
    """Whether a text names a JSON report rather than an audit in the store."""
    return Path(_split(text)[0]).suffix == ".json"


def load_sides(texts: Sequence[str], db: str) -> list[Side]:
    """Load audits to compare, see `load_side`; opens the store only if necessary."""
    needs_store = not all(is_report(text) for text in texts)
    with opened_store(db, "read") if needs_store else nullcontext() as store:
        return [load_side(text, store) for text in texts]


def load_side(text: str, store: Engine | None) -> Side:
    """Load one audit to compare.

    Args:
        text: An audit's id, the beginning of one, ``latest``, or the path of its ``report.json`` or of the folder with
            it; behind a slash, or behind ``::`` after a path, the label or name of one of its engines.
        store: An open store; not needed for a report.

    Raises:
        StoreError: No such audit is in the store, several are, or it has not finished.
        UsageError: The file is not a report, or the audit has no such engine.
    """
    what, engine = _split(text)
    if is_report(text):
        side = Side(read_report(Path(what)))
    else:
        assert store is not None, "opened where an audit of the store is named"
        result = load_result(store, what)
        side = Side(result, contributions=load_contributions(store, result.audit_id))
    return Side(side.result, _engines(side.result, engine), side.contributions) if engine else side


def read_report(path: Path) -> AuditResult:
    """Read the result in a ``report.json``. Raises UsageError if it cannot be read or is not one."""
    try:
        result = record(path.read_bytes(), AuditResult)
    except OSError as error:
        raise UsageError(f"the report {path} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} is not a report.json of this deidkit: {error}.") from error
    if result.schema_version > SCHEMA_VERSION:
        raise UsageError(f"{path} was written by a newer deidkit; use that one.")
    return result


def _split(text: str) -> tuple[str, str]:
    """Split a text into audit and engine, which may be empty; a folder stands for the report in it."""
    folder, _, engine = text.partition("::")
    if not _ID.fullmatch(folder) and (Path(folder) / REPORT).is_file():
        return str(Path(folder) / REPORT), engine
    what, mark, engine = text.partition(".json::")
    if mark or text.endswith(".json"):
        return (f"{what}.json", engine) if mark else (text, "")
    what, _, engine = text.partition("/")
    return what, engine


def _engines(result: AuditResult, wanted: str) -> tuple[str, ...]:
    components = [engine.component for engine in result.engines]
    found = [c.label for c in components if c.label == wanted] or [c.label for c in components if c.name == wanted]
    if not found:
        labels = ", ".join(component.label for component in components) or "none"
        raise UsageError(f"audit {result.audit_id} has no engine '{wanted}'. Its engines: {labels}.")
    return tuple(found)
