"""``/openapi.json`` says what the API really answers, and errors are those of RFC 9457."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import Measured


def references(part: Any) -> Iterator[str]:
    """Every reference in a document."""
    if isinstance(part, dict):
        yield from [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from references(inner)


def answer_schema(document: dict[str, Any], path: str, method: str, status: int) -> dict[str, Any]:
    """The record that an address is said to answer with, or that of the items of a list."""
    schema = document["paths"][path][method]["responses"][str(status)]["content"]["application/json"]["schema"]
    schema = schema.get("items", schema)
    return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]


def test_the_description_is_whole(service) -> None:
    document = service.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert {reference.rpartition("/")[2] for reference in references(document)} <= {*schemas}
    assert "HTTPValidationError" not in schemas, "no error looks like that"
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            if path.startswith("/api/v1"):
                assert "application/problem+json" in described["responses"]["4XX"]["content"], (path, method)
    secured = document["paths"]["/api/v1/submissions"]["get"]["security"]
    assert [*secured[0]] == ["token"] and document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert (
        "application/zip" in document["paths"]["/api/v1/benchmarks/{name}/submissions"]["put"]["requestBody"]["content"]
    )


@pytest.mark.slow
def test_answers_are_as_described(measured: Measured) -> None:
    client, headers = measured.service.client, measured.submitter
    document = client.get("/openapi.json").json()
    for path, query in (
        ("/api/v1/me", ""),
        ("/api/v1/benchmarks", ""),
        ("/api/v1/benchmarks/{name}", ""),
        ("/api/v1/benchmarks/{name}/leaderboard", ""),
        ("/api/v1/benchmarks/{name}/challenge", ""),
        ("/api/v1/benchmarks/{name}/compare", f"?submission={measured.weak}&submission={measured.strong}"),
        ("/api/v1/submissions", ""),
        ("/api/v1/submissions/{identifier}", ""),
    ):
        schema = answer_schema(document, path, "get", 200)
        answer = client.get(path.format(name="palms", identifier=measured.weak) + query, headers=headers)
        found = answer.json()
        for record in found if isinstance(found, list) else [found]:
            assert {*schema.get("required", [])} <= {*record} <= {*schema["properties"]}, path
    body = {"sha256": "0" * 64, "size": 10}
    begun = client.post("/api/v1/uploads", json=body, headers=headers)
    schema = answer_schema(document, "/api/v1/uploads", "post", 201)
    assert begun.status_code == 201 and {*begun.json()} == {*schema["properties"]}
    part = client.patch(f"/api/v1/uploads/{begun.json()['id']}?offset=0", content=b"x", headers=headers)
    assert part.json() == {"id": begun.json()["id"], "offset": 1, "size": 10}


def test_errors_are_problems(service) -> None:
    for path, status in (("/api/v1/me", 401), ("/api/v1/nothing", 404), ("/api/v1/submissions?limit=x", 401)):
        answer = service.client.get(path)
        assert answer.headers["content-type"] == "application/problem+json"
        found = answer.json()
        assert (answer.status_code, found["status"], found["type"]) == (status, status, "about:blank")
        assert found["detail"].endswith((".", "TOKEN")) and found["title"]
    headers = service.token()
    answer = service.client.get("/api/v1/submissions?limit=x", headers=headers)
    assert answer.status_code == 422 and "'limit' cannot be used" in answer.json()["detail"]


def test_monitors_may_ask_for_the_head_alone(service) -> None:
    assert service.client.head("/healthz").status_code == 200
    assert service.client.head("/readyz").status_code == 503
