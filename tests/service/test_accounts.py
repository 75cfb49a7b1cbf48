"""Who may do what: roles, organisations, quotas, tokens that end, browsers, and what stays of a submission."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy

from deidkit_service import tables
from deidkit_service.accounts import all_tokens, by_secret, create_token, revoke_token
from deidkit_service.refusals import Refusal
from deidkit_service.retention import remove_expired

from .helpers import command


def finished(service, headers: dict[str, str], identifier: str) -> None:
    """As if it had been audited."""
    with service.home.database.writing() as session:
        row = session.get_one(tables.Submission, identifier)
        row.state, row.finished, row.lease = "done", service.home.database.now(session), ""
        row.numbers = {"rank_1_percent": {"value": 10.0, "low": 5.0, "high": 20.0, "unit": "percent"}}
    report = service.home.submission(identifier) / "report"
    report.mkdir()
    for name in ("report.html", "report.json"):
        (report / name).write_text("{}")


def events(service) -> list[str]:
    with service.home.database.reading() as session:
        return [
            f"{e.what} {e.subject}".strip() for e in session.scalars(sqlalchemy.select(tables.Event).order_by("id"))
        ]


@pytest.mark.slow
def test_organisations_do_not_see_each_other_unless_published(service) -> None:
    submitter, stranger, operator = service.token("Acme"), service.token("Other"), service.token("Lab", "operator")
    made = service.hand_in(submitter, b"x", "One")["id"]
    finished(service, submitter, made)
    client = service.client
    paths = [f"/api/v1/submissions/{made}", f"/api/v1/submissions/{made}/report.html", f"/submissions/{made}"]
    paths += [f"/api/v1/submissions/{made}/report.json", f"/submissions/{made}/report.html"]
    for path in paths:
        answers = [client.get(path, headers=headers).status_code for headers in (submitter, operator, stranger)]
        assert answers == [200, 200, 404], path
        missing = client.get(path.replace(made, "0" * 12), headers=stranger)
        assert client.get(path, headers=stranger).text.replace(made, "0" * 12) == missing.text, "both read alike"
    for how, path in (("POST", "/cancel"), ("POST", "/publish"), ("DELETE", "")):
        assert client.request(how, f"/api/v1/submissions/{made}{path}", headers=stranger).status_code == 404
    board = "/api/v1/benchmarks/palms/leaderboard"
    assert [len(client.get(board, headers=h).json()) for h in (submitter, operator, stranger, {})] == [1, 1, 0, 0]
    assert client.get("/api/v1/submissions", headers=stranger).json() == []
    assert client.post(f"/api/v1/submissions/{made}/publish", headers=submitter).json()["published"]
    assert [len(client.get(board, headers=h).json()) for h in (submitter, operator, stranger, {})] == [1, 1, 1, 1]
    assert client.get(f"/submissions/{made}/report.html").status_code == 200
    assert client.get(f"/api/v1/submissions/{made}", headers=stranger).status_code == 404, (
        "the report is public, not the log"
    )
    assert client.post(f"/api/v1/submissions/{made}/publish?shown=false", headers=submitter).status_code == 200
    assert client.get(board).json() == []


def test_a_viewer_looks_and_nothing_else(service) -> None:
    submitter, viewer = service.token("Acme"), service.token("Acme", "viewer")
    made = service.hand_in(submitter, b"x")["id"]
    client = service.client
    assert client.get(f"/api/v1/submissions/{made}", headers=viewer).status_code == 200
    for how, path in (
        ("POST", f"submissions/{made}/cancel"),
        ("DELETE", f"submissions/{made}"),
        ("PUT", "benchmarks/palms/submissions?title=x"),
        ("GET", "benchmarks/palms/challenge.zip"),
    ):
        answer = client.request(how, f"/api/v1/{path}", headers=viewer, content=b"x" if how == "PUT" else None)
        assert answer.status_code == 403 and "viewer" in answer.json()["detail"], path
    begun = client.post("/api/v1/uploads", json={"sha256": "0" * 64, "size": 1}, headers=viewer)
    assert begun.status_code == 403
    assert client.get("/operator", headers=submitter).status_code == 403


def test_quotas_count_what_was_not_in_vain(service) -> None:
    submitter = service.token("Acme", submissions_a_day=2)
    first = service.hand_in(submitter, b"1")["id"]
    service.hand_in(submitter, b"2")
    where = "/api/v1/benchmarks/palms/submissions?title=x"
    refused = service.client.put(where, content=b"3", headers=submitter)
    assert refused.status_code == 429 and "its quota" in refused.json()["detail"]
    assert service.client.post(f"/api/v1/submissions/{first}/cancel", headers=submitter).json()["state"] == "cancelled"
    service.hand_in(submitter, b"3")
    service.check()  # none is a zip: all fail
    service.hand_in(submitter, b"4")
    assert not list((service.home.folder / "uploads").iterdir())


def test_one_token_does_not_fill_the_queue(service, folder: Path) -> None:
    (folder / "service.toml").write_text("waiting = 2\nsubmissions_a_day = 50\n")
    submitter, stranger = service.token("Acme"), service.token("Acme")
    service.hand_in(submitter, b"1")
    service.hand_in(submitter, b"2")
    answer = service.client.put("/api/v1/benchmarks/palms/submissions?title=x", content=b"3", headers=submitter)
    assert answer.status_code == 429 and "2 submissions of this token wait or run" in answer.json()["detail"]
    service.hand_in(stranger, b"3")


def test_tokens_are_kept_as_hashes_and_end(service) -> None:
    identifier, secret = create_token(
        service.home.database, "A", "Acme", "submitter", days=1e-6, submissions_a_day=None
    )
    time.sleep(0.2)
    with pytest.raises(Refusal, match="expired"):
        by_secret(service.home.database, secret)
    identifier, secret = create_token(service.home.database, "B", "Acme", "submitter", days=1, submissions_a_day=None)
    assert by_secret(service.home.database, secret).token_id == identifier
    for file in service.home.folder.glob("service.db*"):
        assert secret.encode() not in file.read_bytes()
    revoke_token(service.home.database, identifier)
    for path in ("/api/v1/me", "/api/v1/benchmarks"):  # also where no token is needed
        answer = service.client.get(path, headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 401 and "WWW-Authenticate" in answer.headers
    assert all(len(token.secret_hash) == 64 for token in all_tokens(service.home.database))


def test_a_token_can_be_for_one_benchmark_only(service) -> None:
    submitter, stranger = service.token("Acme", benchmarks=["palms"]), service.token("Acme", benchmarks=["others"])
    service.hand_in(submitter, b"1")
    refused = service.client.put("/api/v1/benchmarks/palms/submissions?title=x", content=b"2", headers=stranger)
    assert refused.status_code == 403 and "is for others, not for 'palms'" in refused.json()["detail"]
    assert service.client.get("/api/v1/benchmarks/palms/challenge.zip", headers=stranger).status_code == 403
    assert service.client.get("/api/v1/benchmarks/palms/challenge.zip", headers=submitter).status_code == 200


@pytest.mark.slow
def test_delete_really_removes(service, blurred: Callable[[float], bytes]) -> None:
    submitter = service.token()
    waiting = service.hand_in(submitter, blurred(2))["id"]
    service.check()
    answer = service.client.delete(f"/api/v1/submissions/{waiting}", headers=submitter)
    assert (answer.status_code, answer.json()["removed"]) == (200, True)
    done = service.hand_in(submitter, blurred(3))["id"]
    service.check()
    service.audit()
    assert service.state(submitter, done)["state"] == "done"
    assert service.client.delete(f"/api/v1/submissions/{done}", headers=submitter).json() == {
        "id": done,
        "removed": True,
    }
    assert list((service.home.folder / "submissions").iterdir()) == []
    store = sqlalchemy.create_engine(f"sqlite:///{service.home.scores}")
    with store.connect() as connection:
        for table in ("audit", "score_set", "score_block", "metric", "failure", "timing"):
            assert connection.execute(sqlalchemy.text(f"SELECT count(*) FROM {table}")).scalar() == 0, table
    store.dispose()
    assert service.client.get(f"/api/v1/submissions/{done}", headers=submitter).status_code == 404
    assert service.client.delete(f"/api/v1/submissions/{done}", headers=submitter).status_code == 404
    assert [event for event in events(service) if done in event] == [
        f"submission handed in {done}", f"submission deleted {done}",
    ]  # fmt: skip


def test_pictures_go_after_their_time_and_scores_stay(service, blurred, folder: Path) -> None:
    (folder / "service.toml").write_text("retention_days = 1\n")
    submitter = service.token()
    made = service.hand_in(submitter, blurred(2))["id"]
    service.check()
    pictures = service.home.submission(made) / "pictures"
    assert len(list(pictures.iterdir())) == 16
    finished(service, submitter, made)
    remove_expired(service.home)
    assert pictures.is_dir(), "its time has not come"
    with service.home.database.writing() as session:
        session.get_one(tables.Submission, made).finished -= 2 * 86_400
    remove_expired(service.home)
    assert not pictures.exists()
    assert service.client.get(f"/api/v1/submissions/{made}/report.html", headers=submitter).status_code == 200
    assert events(service)[-1] == f"pictures removed after their time {made}"


def test_originals_are_not_served(service, prepared: Path, data: Path) -> None:
    home = service.home.folder
    command("service", "benchmark", "create", "closed", "--home", home, "--dataset", f"numbered:{data},kind=roi",
            "--recognizer", "compcode", "--attack", "none")  # fmt: skip
    headers = service.token("Lab", "operator")
    assert service.client.get("/api/v1/benchmarks/closed/challenge.zip", headers=headers).status_code == 403
    for path in (
        "/static/../benchmarks/palms/challenge.zip",
        "/static/%2e%2e%2fservice.db",
        "/benchmarks/palms/challenge.zip",
    ):
        assert service.client.get(path, headers=headers).status_code in (404, 405), path
    for path in ("/api/v1/benchmarks", "/api/v1/benchmarks/closed", "/benchmarks/closed", "/", "/operator"):
        text = service.client.get(path, headers=headers).text
        assert str(data) not in text and data.name not in text and str(home) not in text, path
    challenge = service.client.get("/api/v1/benchmarks/palms/challenge", headers=headers).text
    service.client.get("/api/v1/benchmarks/palms/challenge.zip", headers=headers)
    assert events(service)[-1] == "pictures downloaded palms"
    assert "_0001" not in challenge, "numbers tell nothing of who is on a picture"


def test_a_browser_signs_in_and_is_safe_from_other_pages(service) -> None:
    headers = service.token("Acme")
    secret = headers["Authorization"].split()[1]
    client = service.client
    wrong = client.post("/sign-in", data={"token": "deidkit_no"}, headers={"accept": "text/html"})
    assert wrong.status_code == 401 and "unknown" in wrong.text
    foreign = client.post("/sign-in", data={"token": secret}, headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    answer = client.post("/sign-in", data={"token": secret, "to": "//evil.example/"})
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and secret not in cookie
    page = client.get("/benchmarks/palms").text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf is not None
    form = {"title": "By hand", "kind": "pictures"}
    file = {"file": ("x.zip", b"x")}
    assert client.post("/benchmarks/palms", data={**form, "csrf": "guessed"}, files=file).status_code == 403
    assert client.put("/api/v1/benchmarks/palms/submissions?title=x", content=b"x").status_code == 403
    handed_in = client.post("/benchmarks/palms", data={**form, "csrf": csrf[1]}, files=file)
    assert handed_in.status_code == 303
    where = handed_in.headers["location"]
    assert client.get(where).status_code == 200
    assert client.post(where, data={"do": "cancel", "csrf": "guessed"}).status_code == 403
    assert client.post(where, data={"do": "cancel", "csrf": csrf[1]}).status_code == 303
    assert "cancelled" in client.get(where).text
    assert client.post("/sign-out", data={"csrf": csrf[1]}).status_code == 303
    client.cookies.set("deidkit_session", cookie.split("=")[1].split(";")[0])
    assert client.get(where, headers={"accept": "text/html"}).status_code == 401, (
        "the session is gone, not only its cookie"
    )


def test_every_answer_forbids_what_it_does_not_need(service) -> None:
    for path in ("/", "/sign-in", "/api/v1/benchmarks", "/nowhere", "/healthz"):
        answer = service.client.get(path, headers={"accept": "text/html"})
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    lost = service.client.get("/nowhere", headers={"accept": "text/html"})
    assert lost.status_code == 404 and "<h1>Not found</h1>" in lost.text
    wrong = service.client.post("/api/v1/uploads", json={"size": "many"}, headers=service.token())
    assert wrong.status_code == 422 and "'sha256' cannot be used" in wrong.json()["detail"]
    assert service.client.get("/api/v1/nowhere").json()["detail"] == "there is nothing at this address."
