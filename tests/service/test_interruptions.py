"""What a database that goes away, a full disk, a broken line or a kill leaves half done is finished or taken back."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from deidkit.cli import main
from deidkit_service.accounts import revoke_token
from deidkit_service.checker import check_one
from deidkit_service.home import Home
from deidkit_service.queue import Queue
from deidkit_service.retention import remove_expired

from .conftest import Service, create_benchmark, served
from .helpers import command, until

SUBMISSIONS = "/api/v1/benchmarks/palms/submissions"


def uploaded(service: Service, submitter: dict[str, str], content: bytes) -> str:
    """Id of an upload that is all there."""
    wanted = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    made = service.client.post("/api/v1/uploads", json=wanted, headers=submitter).json()["id"]
    answer = service.client.patch(f"/api/v1/uploads/{made}?offset=0", content=content, headers=submitter)
    assert answer.json()["offset"] == len(content)
    return made


def again(service: Service) -> None:
    """Let the lease of an interrupted check end, and check again."""
    with closing(sqlite3.connect(service.home.folder / "service.db")) as other, other:
        other.execute("UPDATE service_submission SET lease_end = 1 WHERE state = 'validating'")
    service.check()


@contextmanager
def refusing(said: str, refuses: Callable[[str, str], bool]) -> Iterator[None]:
    """Let SQLite answer some statements, chosen with their parameters as text, with an error of these words."""
    code = {"database is locked": sqlite3.SQLITE_BUSY, "database or disk is full": sqlite3.SQLITE_FULL}[said]

    def refuse(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if refuses(statement, str(parameters)):
            error = sqlite3.OperationalError(said)
            error.sqlite_errorcode = code
            raise OperationalError(statement, {}, error)

    event.listen(Engine, "before_cursor_execute", refuse)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", refuse)


@pytest.fixture
def no_answer() -> Iterator[list[tuple[str, str]]]:
    """Beginnings of statements, each with a text among its parameters, that the database does not answer."""
    refused: list[tuple[str, str]] = []

    def is_refused(statement: str, parameters: str) -> bool:
        return any(statement.startswith(words) and mark in parameters for words, mark in refused)

    with refusing("database is locked", is_refused):
        yield refused


@pytest.mark.parametrize("mark", ["queued", "lease_end"])
def test_a_check_during_which_the_database_went_is_made_again(
    mark: str, service, blurred: Callable[[float], bytes], monkeypatch: pytest.MonkeyPatch, no_answer: list
) -> None:
    submitter = service.token()
    made = service.hand_in(submitter, blurred(3))["id"]
    queue = Queue(service.home.database, "test", 60, 3)
    lease = queue.take("check")
    assert lease is not None
    if mark == "lease_end":  # it is renewed at each block
        monkeypatch.setattr("deidkit_service.checker.RENEWALS", 1e9)
        no_answer.append(("UPDATE service_submission", lease.key))
    else:
        no_answer.append(("UPDATE service_submission", "queued"))
    with pytest.raises(OperationalError):
        check_one(service.home, queue, lease)
    no_answer.clear()
    assert service.state(submitter, made)["state"] == "validating"
    again(service)
    assert service.state(submitter, made)["state"] == "queued"


def test_a_full_disk_during_a_check_names_the_disk_and_no_path(
    service, blurred: Callable[[float], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    submitter, real = service.token(), Path.open

    def full(path: Path, mode: str = "r", *more: object, **options: object) -> object:
        if mode == "xb" and path.parent.name == "unpacked":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return real(path, mode, *more, **options)  # type: ignore[arg-type]

    made = service.hand_in(submitter, blurred(3))["id"]
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        service.check()
    found = service.state(submitter, made)
    assert found["state"] == "failed" and "the service's disk is full" in found["sentence"]
    assert str(service.home.folder) not in found["sentence"]
    assert service.hand_in(submitter, blurred(3))["id"] != made


def test_a_submission_that_the_database_does_not_take_leaves_nothing(service, no_answer: list) -> None:
    submitter = service.token()
    upload = uploaded(service, submitter, b"scores")
    no_answer.append(("INSERT INTO service_event", "submission handed in"))
    body = {"title": "One", "kind": "scores", "upload": upload}
    assert service.client.post(SUBMISSIONS, json=body, headers=submitter).status_code == 503
    by_body = service.client.put(f"{SUBMISSIONS}?title=x&kind=scores", content=b"others", headers=submitter)
    assert by_body.status_code == 503
    no_answer.clear()
    assert list((service.home.folder / "submissions").iterdir()) == []
    assert service.client.post(SUBMISSIONS, json=body, headers=submitter).status_code == 201, "nothing is sent again"
    assert list((service.home.folder / "uploads").iterdir()) == []


def test_an_upload_that_is_refused_is_kept_for_another_try(service, folder: Path) -> None:
    (folder / "service.toml").write_text("waiting = 1\n")
    submitter = service.token()
    first = service.hand_in(submitter, b"one", kind="scores")["id"]
    body = {"title": "Two", "kind": "scores", "upload": uploaded(service, submitter, b"two")}
    assert service.client.post(SUBMISSIONS, json=body, headers=submitter).status_code == 429
    assert service.client.post(f"/api/v1/submissions/{first}/cancel", headers=submitter).status_code == 200
    assert service.client.post(SUBMISSIONS, json=body, headers=submitter).status_code == 201


@pytest.mark.parametrize(("title", "benchmark", "status"), [("", "palms", 422), ("One", "nowhere", 404)])
def test_an_upload_that_was_refused_for_good_is_given_up(
    title: str, benchmark: str, status: int, service: Service
) -> None:
    submitter = service.token()
    upload = uploaded(service, submitter, b"one")
    body = {"title": title, "kind": "scores", "upload": upload}
    place = f"/api/v1/benchmarks/{benchmark}/submissions"
    assert service.client.post(place, json=body, headers=submitter).status_code == status
    assert service.client.get(f"/api/v1/uploads/{upload}", headers=submitter).status_code == 404
    assert not service.home.upload(upload).exists()


def test_a_full_disk_keeps_nobody_from_reading_and_making_room(service, no_answer: list) -> None:
    submitter = service.token()
    upload = uploaded(service, submitter, b"fills the disk")
    with closing(sqlite3.connect(service.home.folder / "service.db")) as other, other:
        other.execute("UPDATE service_token SET used = 1")  # a while ago
    no_answer += [("UPDATE service_token", ""), ("DELETE FROM service_upload", upload)]
    assert service.client.get("/api/v1/me", headers=submitter).status_code == 200
    service.client.delete(f"/api/v1/uploads/{upload}", headers=submitter)
    assert list((service.home.folder / "uploads").iterdir()) == []


@pytest.mark.parametrize("helps", [True, False])
def test_a_submission_is_removed_though_the_disk_is_full(service, helps: bool) -> None:
    submitter = service.token()
    made = service.hand_in(submitter, b"scores", kind="scores")["id"]
    service.check()
    service.client.post(f"/api/v1/submissions/{made}/cancel", headers=submitter)
    folder = service.home.submission(made)
    folder.mkdir(exist_ok=True)
    (folder / "upload.zip").write_bytes(b"fills the disk")

    def lacks_room(statement: str, parameters: str) -> bool:
        written = "submission deleted" in parameters or statement.startswith("DELETE FROM service_submission")
        return written and (folder.exists() or not helps)

    with refusing("database or disk is full", lacks_room):
        answer = service.client.delete(f"/api/v1/submissions/{made}", headers=submitter)
    assert not folder.exists()
    if helps:
        assert answer.status_code == 200
        return
    assert answer.status_code == 507 and "remove it again when the operator has made room" in answer.json()["detail"]
    assert service.client.delete(f"/api/v1/submissions/{made}", headers=submitter).status_code == 200


def test_a_full_disk_takes_no_files_from_a_submission_that_needs_them(service) -> None:
    submitter = service.token()
    made = service.hand_in(submitter, b"scores", kind="scores")["id"]
    files = sorted(service.home.submission(made).iterdir())

    with refusing("database or disk is full", lambda statement, parameters: "submission deleted" in parameters):
        answer = service.client.delete(f"/api/v1/submissions/{made}", headers=submitter)
    assert answer.status_code == 507 and "its operator has to make room" in answer.json()["detail"]
    assert files and sorted(service.home.submission(made).iterdir()) == files


@pytest.mark.parametrize(
    "words", [["token", "create", "--name", "x", "--organisation", "x"], ["benchmark", "close", "palms"]]
)
@pytest.mark.parametrize(
    ("said", "helps"), [("database or disk is full", "make room"), ("database is locked", "holds it")]
)
def test_a_database_that_takes_nothing_is_one_sentence_for_the_operator(
    words: list[str], said: str, helps: str, folder: Path
) -> None:
    with refusing(said, lambda statement, parameters: statement.startswith(("INSERT", "UPDATE"))):
        done = CliRunner().invoke(main, ["service", *words, "--home", str(folder)])
    assert done.exit_code == 2 and "Traceback" not in done.output
    assert f"the service's database cannot be used: {said}; " in done.output and helps in done.output


def test_what_a_server_that_was_killed_while_it_took_a_submission_left_is_removed(service) -> None:
    kept = service.hand_in(service.token(), b"x", kind="scores")["id"]
    left = service.home.submission("0123456789ab")
    for folder in (left, service.home.submission(kept)):
        folder.mkdir(exist_ok=True)
        (folder / "upload.zip").write_bytes(b"pictures")
        os.utime(folder, (1, 1))
    fresh = service.home.submission("ba9876543210")  # which is being taken: what arrived long ago has just been moved
    fresh.mkdir()
    (fresh / "upload.zip").write_bytes(b"pictures")
    os.utime(fresh / "upload.zip", (1, 1))
    remove_expired(service.home)
    assert {path.name for path in left.parent.iterdir()} == {kept, fresh.name}


def test_a_server_with_the_wrong_database_removes_nothing(service, tmp_path: Path) -> None:
    waiting = service.hand_in(service.token(), b"x", kind="scores")["id"]
    folder, upload = service.home.submission(waiting), service.home.upload("0123456789abcdef")
    for path in (folder / "upload.zip", upload):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"pictures")
        os.utime(path, (1, 1))
    os.utime(folder, (1, 1))
    wrong = Home.at(service.home.folder, str(tmp_path / "another.db"))
    remove_expired(wrong)
    wrong.close()
    assert (folder / "upload.zip").exists() and upload.exists()


def test_a_part_that_arrives_twice_at_once_is_there_once(service) -> None:
    submitter, content = service.token(), b"0123456789" * 1000
    wanted = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    made = service.client.post("/api/v1/uploads", json=wanted, headers=submitter).json()["id"]
    place, started, end = f"/api/v1/uploads/{made}?offset=0", threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield content[:4000]
        started.set()
        end.wait(30)
        yield content[4000:]

    broken = threading.Thread(target=service.client.patch, args=(place,), kwargs={"content": slowly(), "headers": submitter})  # fmt: skip
    broken.start()
    started.wait(30)
    answer = service.client.patch(place, content=content, headers=submitter)
    end.set()
    broken.join()
    assert answer.json()["offset"] == len(content)
    assert service.home.upload(made).read_bytes() == content


def test_a_server_whose_database_is_busy_still_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deidkit_service.database.BUSY_MILLISECONDS", 20_000)
    with served(folder) as service:
        submitter = service.token()
        service.client.get("/api/v1/me", headers=submitter)  # notes that the token was used
        with closing(sqlite3.connect(folder / "service.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            where, options = service.client.base_url.join(f"{SUBMISSIONS}?title=x&kind=scores"), {"headers": submitter}
            waiting = threading.Thread(target=httpx.put, args=(where,), kwargs={"content": b"x", "timeout": 60, **options})  # fmt: skip
            waiting.start()
            until(lambda: [*(folder / "uploads").iterdir()], 30)
            time.sleep(0.5)
            assert service.client.get("/healthz", timeout=5).status_code == 200
            other.execute("ROLLBACK")
            waiting.join()
        assert len(service.client.get("/api/v1/submissions", headers=submitter).json()) == 1


def test_a_page_whose_database_has_gone_says_so_to_those_signed_in(service, no_answer: list) -> None:
    secret = service.token()["Authorization"].split()[1]
    service.client.post("/sign-in", data={"token": secret})
    no_answer.append(("SELECT service_session", ""))
    answer = service.client.get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 503 and "<h1" in answer.text


def test_a_submission_that_was_cancelled_in_its_last_second_is_cancelled(service) -> None:
    submitter = service.token()
    made = service.hand_in(submitter, b"x", kind="scores")["id"]
    service.check()
    queue = Queue(service.home.database, "test", 60, 3)
    lease = queue.take("audit")
    assert lease is not None
    service.client.post(f"/api/v1/submissions/{made}/cancel", headers=submitter)
    assert queue.done(lease, audit_id="", verdict="PASS", numbers={})
    assert service.state(submitter, made)["state"] == "cancelled"


def test_progress_ends_with_the_token(service) -> None:
    submitter = service.token()
    made = service.hand_in(submitter, b"x", kind="scores")["id"]
    token = service.client.get("/api/v1/me", headers=submitter).json()["token"]
    with service.client.stream("GET", f"/api/v1/submissions/{made}/events", headers=submitter, timeout=20) as answer:
        lines = answer.iter_lines()
        next(lines)
        revoke_token(service.home.database, token)
        assert "event: end" in list(lines)


def test_a_benchmark_whose_creation_was_killed_is_removed_by_its_name(folder: Path, data: Path) -> None:
    left = folder / "benchmarks" / "half"
    shutil.copytree(folder / "benchmarks" / "palms", left)
    words = ["--dataset", f"numbered:{data},kind=roi", "--recognizer", "compcode", "--home", str(folder)]
    refused = CliRunner().invoke(main, ["service", "benchmark", "create", "half", *words])
    assert refused.exit_code == 2 and "deidkit service benchmark remove half" in refused.output
    for odd in ("../submissions", ".", "..", "nosuch"):
        refused = CliRunner().invoke(main, ["service", "benchmark", "remove", odd, "--home", str(folder)])
        assert refused.exit_code == 2 and f"no benchmark '{odd}'" in refused.output
    assert "is removed" in command("service", "benchmark", "remove", "half", "--home", folder)
    assert not left.exists() and (folder / "submissions").exists()
    create_benchmark(folder, data, name="half")


def test_a_token_that_has_expired_is_shown_as_such(folder: Path) -> None:
    options = ["--name", "short", "--organisation", "Acme", "--role", "operator", "--home", folder]
    command("service", "token", "create", *options, "--days", "0.000001")
    time.sleep(0.2)
    assert "expired" in command("service", "token", "list", "--home", folder)
    said = CliRunner().invoke(main, ["serve", "--check", "--home", str(folder)]).output
    assert "an operator's token" in said
