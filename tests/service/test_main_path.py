"""From handing in to the leaderboard, through the interfaces that people and programs use."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, event

from deidkit.cli import main
from deidkit_service.queue import Queue

from .conftest import served


@pytest.mark.slow
def test_pictures_become_a_report_and_a_place_on_the_leaderboard(
    service, blurred: Callable[[float], bytes], data: Path
) -> None:
    submitter = service.token("Acme")
    made = service.hand_in(submitter, blurred(4), "Blur 4")
    assert (made["state"], made["position"]) == ("validating", None)
    service.check()
    assert service.state(submitter, made["id"])["position"] == 1
    service.audit()
    done = service.state(submitter, made["id"])
    assert (done["state"], done["sentence"], done["verdict"]) == ("done", "", "NO REQUIREMENT")
    report = service.client.get(f"/api/v1/submissions/{made['id']}/report.json", headers=submitter)
    assert report.json()["engines"][0]["produced"] == 16
    (entry,) = service.client.get("/api/v1/benchmarks/palms/leaderboard", headers=submitter).json()
    assert (entry["rank"], entry["title"]) == (1, "Blur 4")
    cell = report.json()["cells"][0]["metrics"]["rank_1_percent"]
    assert entry["numbers"]["rank_1_percent"]["value"] == cell["value"]
    page = service.client.get(f"/submissions/{made['id']}/report.html", headers=submitter).text
    assert "<h1>Blur 4 on " in page
    for text in (report.text, page):  # nothing of this machine, nobody's hand
        assert str(data) not in text and str(service.home.folder) not in text
        assert "Blur 4" in text and "data:image" not in text


def test_the_same_content_is_not_measured_twice(service, blurred: Callable[[float], bytes]) -> None:
    submitter, colleague, other = service.token("Acme"), service.token("Acme"), service.token("Other")
    first = service.hand_in(submitter, blurred(2))
    assert service.hand_in(colleague, blurred(2), "Again")["id"] == first["id"]
    assert service.hand_in(other, blurred(2))["id"] != first["id"]
    assert service.hand_in(submitter, blurred(3))["id"] != first["id"]
    service.client.post(f"/api/v1/submissions/{first['id']}/cancel", headers=submitter)
    assert service.hand_in(submitter, blurred(2))["id"] != first["id"], "a cancelled one is in nobody's way"


def test_a_cancelled_submission_says_that_its_worker_is_stopping(service) -> None:
    submitter = service.token()
    made = service.hand_in(submitter, b"x", kind="scores")
    service.check()
    lease = Queue(service.home.database, "busy", 60, 3).take("audit")
    assert lease is not None and not service.state(submitter, made["id"])["stopping"]
    cancelled = service.client.post(f"/api/v1/submissions/{made['id']}/cancel", headers=submitter).json()
    assert (cancelled["state"], cancelled["stopping"]) == ("running", True)
    assert "Its worker is stopping." in service.client.get(f"/submissions/{made['id']}", headers=submitter).text


@pytest.mark.parametrize("address", ["submissions", "me", "benchmarks/palms/challenge", "submissions/x/events"])
def test_an_unknown_token_is_refused(service, address: str) -> None:
    for headers in ({"Authorization": "Bearer deidkit_wrong"}, {"Authorization": "Basic eDp5"}, {}):
        answer = service.client.get(f"/api/v1/{address}", headers=headers)
        assert answer.status_code == 401
        assert "token" in answer.json()["detail"]


@pytest.mark.parametrize("what", ["", "/events", "/report.json"])
def test_anothers_submission_is_not_there(what: str, service, blurred: Callable[[float], bytes]) -> None:
    made = service.hand_in(service.token("Acme"), blurred(4))["id"]
    for identifier in (made, "x"):
        answer = service.client.get(f"/api/v1/submissions/{identifier}{what}", headers=service.token("Zeta"))
        assert answer.status_code == 404, answer.text


def test_those_who_watch_are_answered(service) -> None:
    assert service.client.get("/healthz").json() == {"status": "ok"}
    assert service.client.get("/readyz").status_code == 503
    assert 'deidkit_submissions{state="queued"} 0' in service.client.get("/metrics").text
    paths = service.client.get("/openapi.json").json()["paths"]
    assert "/api/v1/benchmarks/{name}/submissions" in paths
    service.audit()  # a worker is seen and gone
    assert service.client.get("/readyz").status_code == 503


def test_a_database_that_is_busy_is_no_defect(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deidkit_service.database.BUSY_MILLISECONDS", 50)
    with served(folder) as service:
        headers, wanted = service.token(), {"sha256": "0" * 64, "size": 5}
        with closing(sqlite3.connect(folder / "service.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = service.client.post("/api/v1/uploads", json=wanted, headers=headers)
        assert answer.status_code == 503
        assert "database is busy or does not answer; try again" in answer.json()["detail"]
        assert service.client.post("/api/v1/uploads", json=wanted, headers=headers).status_code == 201


def test_a_database_without_a_table_is_a_defect_that_the_log_names(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with served(folder) as service:
        headers = service.token()
        with closing(sqlite3.connect(folder / "service.db")) as other:
            other.execute("DROP TABLE service_upload")
        answer = service.client.post("/api/v1/uploads", json={"sha256": "0" * 64, "size": 5}, headers=headers)
    assert answer.status_code == 500 and "a defect of deidkit" in answer.json()["detail"]
    assert "no such table: service_upload" in caplog.text


def test_a_database_without_room_names_the_disk(folder: Path) -> None:
    def as_it_is(connection: sqlite3.Connection, record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # no smaller than it is, and no larger from here on

    (folder / "service.toml").write_text("waiting = 1000\n")
    with served(folder) as service:
        headers = service.token()
    event.listen(Engine, "connect", as_it_is)
    try:
        with served(folder) as service:
            new = ({"sha256": f"{number:064x}", "size": 5} for number in range(500))
            answers = (service.client.post("/api/v1/uploads", json=wanted, headers=headers) for wanted in new)
            refused = next(answer for answer in answers if answer.status_code != 201)
    finally:
        event.remove(Engine, "connect", as_it_is)
    assert refused.status_code == 507 and "disk is full" in refused.json()["detail"]


def test_without_the_extra_one_sentence_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deidkit_service.extra.MODULES", ("fastapi", "no_such_module"))
    done = CliRunner().invoke(main, ["serve"])
    assert done.exit_code == 2
    assert "needs no_such_module" in done.output and "pip install '" in done.output and "'fastapi>=" in done.output
    assert "deidkit[" not in done.output and "Traceback" not in done.output


@pytest.mark.parametrize("name", ["serve", "worker"])
def test_a_system_without_process_groups_is_refused(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As Windows, where a worker cannot interrupt its own audit."""
    monkeypatch.delattr(os, "killpg")
    done = CliRunner().invoke(main, [name, "--home", str(tmp_path / "service")])
    assert done.exit_code == 2
    assert f"deidkit {name} runs on Linux and macOS only" in done.output and "Traceback" not in done.output


@pytest.mark.parametrize("name", ["serve", "worker", "service", "submission", "submit"])
def test_every_command_is_documented(name: str) -> None:
    import click

    def walk(command: click.Command, words: list[str]) -> None:
        assert command.help, words
        assert CliRunner().invoke(main, [*words, "--help"]).exit_code == 0
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (words, parameter.name)
        for sub, inner in getattr(command, "commands", {}).items():
            walk(inner, [*words, sub])

    command = main.get_command(click.Context(main), name)
    assert command is not None
    walk(command, [name])
    assert name in CliRunner().invoke(main, ["--help"]).output


@pytest.mark.slow
def test_everything_by_the_commands_of_the_manual(folder: Path, start, tmp_path: Path, blurred, monkeypatch) -> None:
    secret = CliRunner().invoke(main, ["service", "token", "create", "--home", str(folder), "--name", "vendor",
                                       "--organisation", "Acme", "--json"]).stdout  # fmt: skip
    monkeypatch.setenv("DEIDKIT_TOKEN", json.loads(secret)["token"])
    running = start("--home", folder, log=tmp_path / "log")
    assert httpx.get(f"{running.address}/healthz").status_code == 200
    copies = tmp_path / "copies"
    copies.mkdir()
    import io
    import zipfile

    zipfile.ZipFile(io.BytesIO(blurred(5))).extractall(copies)
    where = ["--server", running.address, "--benchmark", "palms"]
    checked = CliRunner().invoke(main, ["submission", "check", str(copies), *where])
    assert checked.output == "in order: 16 pictures\n"
    done = CliRunner().invoke(main, ["submit", str(copies), *where, "--title", "Blur 5", "--wait"])
    assert done.exit_code == 0, done.output
    assert "done NO REQUIREMENT" in done.output
    assert httpx.get(f"{running.address}/readyz").json() == {"status": "ready"}
    again = CliRunner().invoke(main, ["submit", str(copies), *where])
    assert again.exit_code == 0 and ": done;" in again.output
    running.process.terminate()
    assert running.process.wait(timeout=90) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()
