"""The queue on SQLite and on PostgreSQL: nothing lost, nothing twice, whoever dies."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deidkit_service import tables
from deidkit_service.database import Database
from deidkit_service.queue import Queue, positions

sqlalchemy = pytest.importorskip("sqlalchemy")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        made = Database(str(tmp_path / "service.db"))
    else:
        made = Database(request.getfixturevalue("postgresql_database"))
    with made.writing() as session:
        session.add(tables.Token(id="t", secret_hash="x", name="n", organisation="o", role="submitter", created=0.0))
        session.add(
            tables.Benchmark(
                name="b",
                title="",
                description="",
                dataset="",
                frozen={},
                fingerprint="",
                accepts=[],
                handed_out=False,
                created=0.0,
            )
        )
    yield made
    made.close()


@pytest.fixture
def put(database: Database) -> Callable[[int], None]:
    def add(count: int, state: str = "queued") -> None:
        with database.writing() as session:
            session.add_all(
                tables.Submission(
                    id=f"{number:04d}",
                    benchmark="b",
                    token_id="t",
                    organisation="o",
                    title="",
                    kind="pictures",
                    digest=str(number),
                    state=state,
                    created=float(number),
                    queued=float(number),
                )
                for number in range(count)
            )

    return add


def row(database: Database, identifier: str) -> tables.Submission:
    with database.reading() as session:
        return session.get_one(tables.Submission, identifier)


@pytest.mark.slow
def test_many_workers_take_each_of_200_once_and_in_order(database: Database, put: Callable[[int], None]) -> None:
    put(200)
    taken: list[str] = []

    def work(name: str) -> None:
        queue = Queue(database, name, 60, 3)
        while lease := queue.take("audit"):
            taken.append(lease.submission)
            queue.tell(lease, "at it", 50, "a line\n")
            assert queue.renew(lease) == "held"
            assert queue.done(lease, audit_id="", verdict="", numbers={})

    threads = [threading.Thread(target=work, args=[f"w{n}"]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(taken) == Counter({f"{n:04d}": 1 for n in range(200)})
    assert all(abs(place - int(identifier)) < 20 for place, identifier in enumerate(taken))
    with database.reading() as session:
        assert {r.state for r in session.scalars(sqlalchemy.select(tables.Submission))} == {"done"}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_another_worker_has_done_meanwhile_is_not_taken_again(
    database: Database, put: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(2)
    slow, fast, really = Queue(database, "slow", 60, 3), Queue(database, "fast", 60, 3), secrets.token_hex

    def overtaken(length: int) -> str:
        monkeypatch.setattr(secrets, "token_hex", really)
        lease = fast.take("audit")  # while the other has read what waits; SQLite has one writer at a time
        assert lease and lease.submission == "0000" and fast.done(lease, audit_id="a", verdict="", numbers={})
        return really(length)

    monkeypatch.setattr(secrets, "token_hex", overtaken)
    lease = slow.take("audit")
    assert lease and lease.submission == "0001"
    assert row(database, "0000").state == "done"


def test_who_says_nothing_loses_the_work_and_changes_nothing_any_more(database: Database, put) -> None:
    put(1)
    dead, heir = Queue(database, "dead", 0.0, 3), Queue(database, "heir", 60, 3)
    first = dead.take("audit")
    second = heir.take("audit")
    assert first and second and first.submission == second.submission and first.key != second.key
    assert heir.take("audit") is None
    assert dead.renew(first) == "lost"
    dead.tell(first, "late", 99, "late\n")
    assert not dead.done(first, audit_id="wrong", verdict="", numbers={}) and not dead.failed(first, "wrong")
    assert heir.done(second, audit_id="right", verdict="PASS", numbers={"a": {"value": 1.0}})
    found = row(database, "0000")
    assert (found.state, found.audit_id, found.attempts, found.stage) == ("done", "right", 2, "")


def test_a_clock_that_goes_back_prolongs_no_dead_workers_lease(
    database: Database, put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(1)
    dead, heir, clock = Queue(database, "dead", 60, 3), Queue(database, "heir", 60, 3), [10_000.0]
    monkeypatch.setattr(Database, "now", lambda *_: clock[0])
    first = dead.take("audit")
    dead.idle()
    clock[0] -= 3600
    assert first and heir.take("audit") is None, "it may live, and renews its lease in time"
    assert dead.renew(first) == "held"
    with database.reading() as session:
        assert session.get_one(tables.Worker, "dead").seen == clock[0]
    clock[0] += 61
    second = heir.take("audit")
    assert second and second.submission == first.submission


def test_what_kills_every_worker_fails_with_a_sentence(database: Database, put) -> None:
    put(2)
    queue = Queue(database, "dying", 0.0, 3)
    assert [lease.submission for _ in range(3) if (lease := queue.take("audit"))] == ["0000"] * 3
    following = queue.take("audit")
    assert following and following.submission == "0001"
    found = row(database, "0000")
    assert found.state == "failed" and "3 workers stopped" in found.sentence


def test_a_worker_that_is_stopped_gives_back_and_costs_nothing(database: Database, put) -> None:
    put(2)
    queue = Queue(database, "stopped", 60, 3)
    lease = queue.take("audit")
    assert lease and queue.give_back(lease)
    with database.reading() as session:
        assert positions(session) == {"0000": 1, "0001": 2}
    assert row(database, "0000").attempts == 0
    again = queue.take("audit")
    assert again and again.submission == "0000"


def test_what_nobody_wants_is_not_begun_and_ends_where_its_worker_died(database: Database, put) -> None:
    put(3)
    queue = Queue(database, "one", 0.0, 3)
    running = queue.take("audit")
    with database.writing() as session:
        for number in (0, 1):
            session.get_one(tables.Submission, f"000{number}").wanted_end = "cancel"
    assert running and running.submission == "0000" and queue.renew(running) == "cancelled"
    following = queue.take("audit")
    assert following and following.submission == "0002"
    assert [row(database, f"000{n}").state for n in range(3)] == ["cancelled", "cancelled", "running"]


@pytest.mark.slow
def test_what_was_checked_waits_to_be_audited(database: Database, put) -> None:
    put(1, "validating")
    queue = Queue(database, "one", 60, 3)
    assert queue.take("audit") is None
    lease = queue.take("check")
    assert lease and queue.take("check") is None and queue.checked(lease)
    assert row(database, "0000").state == "queued" and row(database, "0000").attempts == 0
    assert queue.take("audit") is not None
