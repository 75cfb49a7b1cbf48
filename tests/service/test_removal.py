"""What is removed is gone: rows, pages of SQLite files, pictures, originals under numbers, what killed servers left."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from deidkit.cli import main
from deidkit_service import database
from deidkit_service.queue import Queue
from deidkit_service.retention import remove_expired

from .helpers import command

TITLE = "Zebra-striped title"


def texts(home: Path) -> bytes:
    """Everything in the home's files."""
    return b"".join(path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file())


@pytest.mark.slow
def test_a_benchmark_goes_with_its_pictures_and_submissions(service, blurred: Callable[[float], bytes]) -> None:
    submitter, home = service.token("Acme"), service.home.folder
    done = service.hand_in(submitter, blurred(6), TITLE)["id"]
    service.check()
    service.audit()
    service.hand_in(submitter, blurred(5), "Waits")
    assert TITLE.encode() in texts(home) and (home / "benchmarks" / "palms" / "challenge.zip").exists()
    words = command("service", "benchmark", "remove", "palms", "--home", home)
    assert words == "benchmark palms is removed, with 2 submissions\n"
    assert list((home / "benchmarks").iterdir()) == list((home / "submissions").iterdir()) == []
    assert service.client.get(f"/api/v1/submissions/{done}", headers=submitter).status_code == 404
    assert service.client.get("/api/v1/benchmarks").json() == []
    assert TITLE.encode() not in texts(home)


def test_a_benchmark_whose_submissions_run_is_closed_first(service, blurred: Callable[[float], bytes]) -> None:
    submitter, home = service.token("Acme"), service.home.folder
    service.hand_in(submitter, blurred(6))
    service.check()
    queue = Queue(service.home.database, "worker", 60, 3)
    lease = queue.take("audit")
    refused = CliRunner().invoke(main, ["service", "benchmark", "remove", "palms", "--home", str(home)])
    assert refused.exit_code == 2 and "1 submission of benchmark 'palms' must stop first" in refused.output
    assert service.client.get("/api/v1/benchmarks/palms").json()["closed"]
    assert lease is not None and queue.renew(lease) == "cancelled"
    queue.cancelled(lease)
    command("service", "benchmark", "remove", "palms", "--home", home)
    assert list((home / "submissions").iterdir()) == []


def test_a_benchmark_goes_whose_worker_was_killed(service, blurred: Callable[[float], bytes]) -> None:
    service.hand_in(service.token("Acme"), blurred(6))
    service.check()
    assert Queue(service.home.database, "killed", 0.0, 3).take("audit")
    words = command("service", "benchmark", "remove", "palms", "--home", service.home.folder)
    assert words == "benchmark palms is removed, with 1 submission\n"


def test_a_benchmark_whose_folder_stays_is_closed(service, monkeypatch: pytest.MonkeyPatch) -> None:
    home = service.home
    words = ["service", "benchmark", "remove", "palms", "--home", str(home.folder)]

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", "challenge.csv")  # by its name in a folder that is open

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refuse)
        refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 2
    assert f"{home.benchmark('palms')} cannot be removed: Permission denied" in refused.output
    assert service.client.get("/api/v1/benchmarks/palms").json()["closed"]
    command(*words)
    assert service.client.get("/api/v1/benchmarks").json() == []


def test_what_a_reader_keeps_in_the_journal_is_said(
    service, blurred: Callable[[float], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_MILLISECONDS", 10)
    home = service.home.folder
    service.hand_in(service.token("Acme"), blurred(6), TITLE)
    reader = sqlite3.connect(home / "service.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM service_submission").fetchone()
    words = command("service", "benchmark", "remove", "palms", "--home", home)
    assert "still holds what was removed" in words and TITLE.encode() in texts(home)
    reader.close()
    remove_expired(service.home)
    assert TITLE.encode() not in texts(home)


def test_what_cannot_be_removed_yet_is_removed_later(
    service, blurred: Callable[[float], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    submitter = service.token("Acme")
    first, second = (service.hand_in(submitter, blurred(sigma), str(sigma))["id"] for sigma in (6, 7))
    really = shutil.rmtree

    def stuck(path: Path, **more: object) -> None:
        if Path(path).name == first:
            raise OSError(39, "Directory not empty")
        really(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", stuck)
        answers = [service.client.delete(f"/api/v1/submissions/{each}", headers=submitter) for each in (first, second)]
        assert [answer.status_code for answer in answers] == [202, 200]
        assert service.client.get(f"/api/v1/submissions/{first}", headers=submitter).status_code == 404
        assert service.client.get("/api/v1/submissions", headers=submitter).json() == []
        assert service.home.submission(first).exists()
    remove_expired(service.home)
    assert not service.home.submission(first).exists()


def test_a_submission_whose_worker_has_to_stop_is_shown_to_nobody(service, blurred: Callable[[float], bytes]) -> None:
    submitter, operator = service.token("Acme"), service.token("Office", role="operator")
    made = service.hand_in(submitter, blurred(6), TITLE)["id"]
    service.check()
    Queue(service.home.database, "worker", 60, 3).take("audit")
    assert TITLE in service.client.get("/operator", headers=operator).text
    assert service.client.delete(f"/api/v1/submissions/{made}", headers=submitter).status_code == 202
    assert service.client.get("/api/v1/submissions", headers=submitter).json() == []
    for who, page in ((submitter, "/"), (operator, "/"), (operator, "/operator")):
        assert TITLE not in service.client.get(page, headers=who).text


def test_pictures_that_cannot_be_removed_are_not_recorded_as_removed(
    service, blurred: Callable[[float], bytes], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    submitter = service.token("Acme")
    made = service.hand_in(submitter, blurred(6), TITLE)["id"]
    service.check()
    pictures, really = service.home.submission(made) / "pictures", shutil.rmtree
    pictures.mkdir(exist_ok=True)

    def stuck(path: Path, **more: object) -> None:
        if Path(path) == pictures:
            raise OSError(16, "Device or resource busy")
        really(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", stuck)
        answer = service.client.post(f"/api/v1/submissions/{made}/cancel", headers=submitter)
        assert answer.status_code == 200, answer.text
        with sqlite3.connect(service.home.folder / "service.db") as long_ago:
            long_ago.execute("UPDATE service_submission SET finished = 0")
        long_ago.close()
        remove_expired(service.home)
        assert pictures.exists() and caplog.text.count(f"the pictures of submission {made} are not removed yet") == 2
    remove_expired(service.home)
    assert not pictures.exists()


def test_a_folder_among_the_uploads_keeps_nothing_else(service) -> None:
    uploads, before = service.home.folder / "uploads", time.time() - 7200
    for name in ("lost+found", "0000000000000000.part"):
        (uploads / name).mkdir()
    (uploads / "0123456789abcdef.part").write_bytes(b"x")
    for path in uploads.iterdir():
        os.utime(path, (before, before))
    remove_expired(service.home)
    assert {path.name for path in uploads.iterdir()} == {"lost+found", "0000000000000000.part"}
    assert not (service.home.folder / "service.db-wal").stat().st_size


def test_an_upload_that_cannot_be_removed_keeps_nothing_else(service, caplog: pytest.LogCaptureFixture) -> None:
    submitter, home = service.token("Acme"), service.home
    stuck, removed = (
        service.client.post("/api/v1/uploads", json={"sha256": digit * 64, "size": 10}, headers=submitter).json()["id"]
        for digit in "01"
    )
    home.upload(stuck).unlink()
    home.upload(stuck).mkdir()
    with sqlite3.connect(home.folder / "service.db") as long_ago:
        long_ago.execute("UPDATE service_upload SET created = 0")
    long_ago.close()
    remove_expired(home)
    assert list((home.folder / "uploads").iterdir()) == [home.upload(stuck)]
    assert f"{home.upload(stuck)} is not removed yet" in caplog.text and removed not in caplog.text
    assert not (home.folder / "service.db-wal").stat().st_size
    home.upload(stuck).rmdir()
    remove_expired(home)
    assert service.client.get(f"/api/v1/uploads/{stuck}", headers=submitter).status_code == 404


def test_what_a_killed_server_had_received_is_removed(service) -> None:
    submitter, uploads = service.token("Acme"), service.home.folder / "uploads"
    body = {"sha256": "0" * 64, "size": 10}
    kept = service.client.post("/api/v1/uploads", json=body, headers=submitter).json()["id"]
    for name in (f"{kept}.part", "0123456789abcdef.part", "fedcba9876543210.part"):
        (uploads / name).write_bytes(b"x")
    before = time.time() - 7200
    for name in (f"{kept}.part", "0123456789abcdef.part"):
        os.utime(uploads / name, (before, before))
    remove_expired(service.home)
    assert {path.name for path in uploads.iterdir()} == {f"{kept}.part", "fedcba9876543210.part"}


def test_uploads_are_given_up_and_have_a_limit(service, folder: Path) -> None:
    (folder / "service.toml").write_text("waiting = 2\n")
    submitter = service.token("Acme")

    def begin(digit: str, who: dict[str, str] = submitter) -> object:
        return service.client.post("/api/v1/uploads", json={"sha256": digit * 64, "size": 10}, headers=who)

    first = begin("1").json()["id"]
    assert [begin("2").status_code, begin("1").status_code] == [201, 201]
    refused = begin("3")
    assert refused.status_code == 429 and first in refused.text
    assert begin("3", service.token("Bolt")).status_code == 201, "others have their own"
    assert service.client.delete(f"/api/v1/uploads/{first}", headers=service.token("Bolt")).status_code == 404
    assert service.client.delete(f"/api/v1/uploads/{first}", headers=submitter).json()["removed"]
    assert not service.home.upload(first).exists()
    assert begin("3").status_code == 201


def test_submissions_are_followed_cancelled_and_removed_by_command(
    service, blurred: Callable[[float], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    submitter = service.token("Acme")
    monkeypatch.setenv("DEIDKIT_TOKEN", submitter["Authorization"].split()[1])
    monkeypatch.setenv("DEIDKIT_SERVER", str(service.client.base_url))
    made = service.hand_in(submitter, blurred(6), "Blur 6")["id"]
    service.check()
    assert made in command("submission", "list") and "Blur 6" in command("submission", "list", "--benchmark", "palms")
    assert "Blur 6" not in command("submission", "list", "--benchmark", "others")
    assert command("submission", "show", made) == "queued, number 1 in the queue\n"
    page = f"{str(service.client.base_url).rstrip('/')}/submissions/{made}"
    assert command("submission", "show", page) == "queued, number 1 in the queue\n"
    for action in ("show", "cancel", "remove"):
        for odd in ("", "../benchmarks", "../me", f"{made}/events", f"{page}/events", f"{made}?x", "%00"):
            refused = CliRunner().invoke(main, ["submission", action, odd])
            assert refused.exit_code == 2 and f"'{odd}' is not the id of a submission" in refused.output
    assert command("submission", "cancel", made) == "cancelled\n"
    again = CliRunner().invoke(main, ["submission", "cancel", made])
    assert again.exit_code == 2 and "there is nothing to cancel" in again.output
    assert command("submission", "remove", made) == "removed\n"
    gone = CliRunner().invoke(main, ["submission", "show", made])
    assert gone.exit_code == 2 and f"there is no submission '{made}'" in gone.output
