"""Response descriptions for ``/openapi.json``: schemas of records, media types of files, RFC 9457 errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from deidkit.audit_changes import Comparison
from deidkit_service.challenge import Challenge
from deidkit_service.leaderboard import Entry
from deidkit_service.records import BenchmarkView, Problem, Removed, UploadState, Whose
from deidkit_service.submissions import View

PROBLEM_TYPE = "application/problem+json"

RECORDS = (BenchmarkView, Challenge, Comparison, Entry, Problem, Removed, UploadState, View, Whose)

_TEMPLATE = "#/components/schemas/{name}"

Responses = dict[int | str, dict[str, Any]]

_PROBLEM = {PROBLEM_TYPE: {"schema": {"$ref": _TEMPLATE.format(name="Problem")}}}

ERRORS: Responses = {
    "4XX": {"description": "Refused", "content": _PROBLEM},
    "5XX": {"description": "Busy, full or broken", "content": _PROBLEM},
}


def record(kind: type | Any, *codes: int) -> Responses:
    """Describe JSON responses of a record type, or of a collection of records, under these status codes."""
    (schema,), _ = _schemas([kind])
    return {code: {"content": {"application/json": {"schema": schema}}} for code in codes or (200,)}


def file(media_type: str) -> Responses:
    """Describe a response that is a file."""
    schema = {} if media_type == "application/json" else {"type": "string", "format": "binary"}
    return {200: {"content": {media_type: {"schema": schema}}}}


def body(*media_types: str) -> dict[str, Any]:
    """Describe a request body that is read as raw bytes."""
    schema = {"type": "string", "format": "binary"}
    content = {media_type: {"schema": schema} for media_type in media_types}
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI) -> None:
    """Add the schemas of all records to an application's OpenAPI description."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            made["components"]["schemas"] |= _schemas(RECORDS)[1]
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _schemas(kinds: Sequence[type | Any]) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """Return the schema of each type, and the schemas of the records that they refer to."""
    return msgspec.json.schema_components(kinds, ref_template=_TEMPLATE)
