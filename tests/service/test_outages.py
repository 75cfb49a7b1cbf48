"""A database that does not answer for a while, or a score store that cannot be used, ends no worker and no submission."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from deidkit_service.home import Home
from deidkit_service.serving import Workers
from deidkit_service.worker import work

from .conftest import served
from .helpers import until


class Calling(logging.Handler):
    """Calls a function when a line is logged."""

    def __init__(self, called: Callable[[], object]) -> None:
        super().__init__()
        self.called = called
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self.called()


def test_a_worker_waits_for_a_database_that_does_not_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deidkit_service.database.BUSY_MILLISECONDS", 50)
    monkeypatch.setattr("deidkit_service.worker.WAIT_SECONDS", 0.01)
    log = logging.getLogger("deidkit.worker")
    with served(folder) as service, closing(sqlite3.connect(folder / "service.db", isolation_level=None)) as other:
        service.token()  # opens the database
        other.execute("BEGIN IMMEDIATE")
        back = Calling(lambda: other.in_transaction and other.execute("ROLLBACK"))
        log.addHandler(back)
        work(service.home, until_empty=True)
        log.removeHandler(back)
    assert back.lines == ["the service's database does not answer, asking again: database is locked"]


@pytest.mark.slow
def test_a_score_store_that_cannot_be_used_fails_no_submission(
    service, blurred: Callable[[float], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    submitter, store = service.token(), Path(service.home.scores)
    made = service.hand_in(submitter, blurred(4))["id"]
    service.check()
    kept = store.with_name("kept")
    if store.exists():
        shutil.move(store, kept)
    store.write_bytes(b"no database" * 100)
    service.audit()
    assert service.state(submitter, made)["state"] == "running"
    assert "is not a usable database" in caplog.text
    store.unlink()
    if kept.exists():
        shutil.move(kept, store)
    with closing(sqlite3.connect(service.home.folder / "service.db")) as other, other:
        other.execute("UPDATE service_submission SET lease_end = 1")  # as time does
    service.audit()
    assert service.state(submitter, made)["state"] == "done"


def test_a_list_of_processes_shows_no_password(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []

    class Process:
        pid, returncode = 0, None

        def __init__(self, command: list[str], *, env: dict[str, str], **_: object) -> None:
            started.append((command, env))

        def poll(self) -> int | None:
            return 0 if len(started) > 1 else None

        def terminate(self) -> None:
            started.append(([], {}))

        def wait(self, seconds: float) -> None: ...

    monkeypatch.setattr("deidkit_service.serving.subprocess.Popen", Process)
    url = "postgresql+psycopg://deidkit:hunter2@database/deidkit"
    with Workers(Home(folder, url), 1):
        until(lambda: started)
    command, environment = started[0]
    assert "hunter2" not in " ".join(command)
    assert (environment["DEIDKIT_SERVICE_DB"], environment["DEIDKIT_SERVICE_HOME"]) == (url, str(folder))
