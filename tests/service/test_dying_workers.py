"""Workers that are killed with -9 or stopped in the middle of an audit, as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy

from deidkit_service import tables
from deidkit_service.accounts import create_token
from deidkit_service.home import Home

from .helpers import command, until

pytestmark = pytest.mark.nightly

ENGINE = '''
import os, time
from pathlib import Path
import cv2

def slow(picture):
    """Blurs, takes its time, and notes who asked."""
    with Path(__file__).with_name("asked").open("a") as file:
        file.write(f"{os.getpid()} {picture.sum()}\\n")
    time.sleep(0.3)
    return cv2.GaussianBlur(picture, (0, 0), 3)

def again(picture):
    return slow(picture)
'''


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, data: Path, tmp_path: Path) -> Iterator[Home]:
    """A service with a slow engine, whose leases last six seconds."""
    db = ""
    if request.param == "postgresql":
        db = request.getfixturevalue("postgresql_database")
    (tmp_path / "slow_engine.py").write_text(ENGINE)
    folder = tmp_path / "home"
    folder.mkdir()
    engines = "".join(f'{name} = "{tmp_path}/slow_engine.py:{name}"\n' for name in ("slow", "again"))
    (folder / "service.toml").write_text(f"lease_seconds = 6.0\nthreads = 1\n[engines]\n{engines}")
    command("service", "benchmark", "create", "palms", "--home", folder, "--db", db, "--dataset",
            f"numbered:{data},kind=roi", "--recognizer", "compcode", "--attack", "none", "--accept", "engine")  # fmt: skip
    made = Home.at(folder, db)
    yield made
    made.database.close()


@pytest.fixture
def workers(home: Home, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        line = [sys.executable, "-P", "-m", "deidkit", "worker", "--home", str(home.folder), "--db", home.db]
        with (tmp_path / "log").open("ab") as log:
            started.append(subprocess.Popen(line, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def asked(home: Home) -> list[list[str]]:
    path = home.folder.parent / "asked"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def row(home: Home, identifier: str) -> tables.Submission:
    with home.database.reading() as session:
        return session.get_one(tables.Submission, identifier)


def known(home: Home, identifier: str) -> bool:
    with home.database.reading() as session:  # a new one: an open one would go on seeing what it saw first
        return session.get(tables.Submission, identifier) is not None


def hand_in(address: str, home: Home, engine: str) -> str:
    secret = create_token(home.database, "vendor", "Acme", "submitter", days=None, submissions_a_day=None)[1]
    answer = httpx.post(
        f"{address}/api/v1/benchmarks/palms/submissions",
        json={"title": engine, "kind": "engine", "engine": engine},
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def numbers(home: Home, identifier: str) -> object:
    report = json.loads((home.submission(identifier) / "report" / "report.json").read_text())
    return [cell["metrics"] for cell in report["cells"]], report["engines"][0]["quality"]


def test_an_audit_whose_worker_is_killed_ends_with_equal_numbers_and_nothing_twice(
    home: Home, workers: Callable[[], subprocess.Popen[bytes]], start, tmp_path: Path
) -> None:
    running = start("--home", home.folder, "--db", home.db, "--workers", "0", log=tmp_path / "serve.log")
    both = [workers(), workers()]
    identifier = hand_in(running.address, home, "slow")
    until(lambda: len(asked(home)) >= 10)
    (busy,) = {int(pid) for pid, _ in asked(home)}
    (victim,) = (process for process in both if process.pid == busy)
    victim.kill()
    victim.wait()
    until(lambda: row(home, identifier).attempts == 2, 60)
    until(lambda: row(home, identifier).state == "done")
    assert {int(pid) for pid, _ in asked(home)} == {process.pid for process in both}
    times = Counter(picture for _, picture in asked(home))
    assert len(times) == 16 and max(times.values()) <= 2
    assert sum(times.values()) < 16 + 10, "what was finished was not done again"
    undisturbed = hand_in(running.address, home, "again")
    until(lambda: row(home, undisturbed).state == "done")
    assert numbers(home, identifier) == numbers(home, undisturbed)
    store = sqlalchemy.create_engine(home.scores if home.db else f"sqlite:///{home.scores}")
    with store.connect() as connection:
        audits = connection.execute(sqlalchemy.text("SELECT status, output FROM audit")).all()
    store.dispose()
    assert sorted(audits) == sorted(("done", str(home.submission(i) / "audit")) for i in (identifier, undisturbed))


def test_a_worker_that_is_stopped_leaves_its_audit_to_another_at_once(
    home: Home, workers: Callable[[], subprocess.Popen[bytes]], start, tmp_path: Path
) -> None:
    running = start("--home", home.folder, "--db", home.db, "--workers", "0", log=tmp_path / "serve.log")
    first = workers()
    identifier = hand_in(running.address, home, "slow")
    until(lambda: len(asked(home)) >= 10)
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=60) == 0
    found = row(home, identifier)
    assert (found.state, found.lease, found.attempts) == ("queued", "", 0)
    workers()
    until(lambda: row(home, identifier).state == "done")
    assert len(asked(home)) < 16 + 10
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_an_audit_that_is_cancelled_or_deleted_stops_and_leaves_nothing(
    home: Home, workers: Callable[[], subprocess.Popen[bytes]], start, tmp_path: Path
) -> None:
    running = start("--home", home.folder, "--db", home.db, "--workers", "0", log=tmp_path / "serve.log")
    workers()
    secret = create_token(home.database, "vendor", "Acme", "submitter", days=None, submissions_a_day=None)[1]
    headers = {"Authorization": f"Bearer {secret}"}
    for count, (how, address) in enumerate((("POST", "/cancel"), ("DELETE", "")), start=1):
        identifier = hand_in(running.address, home, "slow")
        before = len(asked(home))
        until(lambda before=before: len(asked(home)) >= before + 4)
        answer = httpx.request(how, f"{running.address}/api/v1/submissions/{identifier}{address}", headers=headers)
        assert answer.status_code in (200, 202), answer.text
        if how == "POST":
            until(lambda identifier=identifier: row(home, identifier).state == "cancelled")
            until(lambda identifier=identifier: not (home.submission(identifier) / "audit").exists())
        else:
            until(lambda identifier=identifier: not known(home, identifier))
            assert not home.submission(identifier).exists()
        assert len(asked(home)) < 16 * count
    listed = httpx.get(f"{running.address}/api/v1/submissions", headers=headers).json()
    assert [item["state"] for item in listed] == ["cancelled"]
