"""The other kinds of submissions: scores, an installed engine, a web service; and uploads in parts."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from deidkit import api
from deidkit.progress import Silent
from deidkit_service import tables
from deidkit_service.client import Server
from deidkit_service.client import submit as submit_to
from deidkit_service.privacy import path_hider

from .helpers import command, scores


def test_scores_only_become_every_score_metric(service) -> None:
    submitter = service.token()
    content = scores(20, mated=4, impostors=60, seed=1)
    made = service.hand_in(submitter, content, "Closed matcher", kind="scores")
    service.check()
    service.audit()
    done = service.state(submitter, made["id"])
    assert done["state"] == "done", done
    answer = service.client.get(f"/api/v1/submissions/{made['id']}/report.json", headers=submitter).json()
    assert answer["estimates"]["deid_ratio_percent"]["subjects"] == 20
    assert 0 < answer["estimates"]["eer_percent"]["value"] < 5 or answer["estimates"]["eer_percent"]["value"] == 0
    page = service.client.get(f"/submissions/{made['id']}/report.html", headers=submitter)
    assert page.status_code == 200 and "measured elsewhere" in page.text
    assert service.client.get("/api/v1/benchmarks/palms/leaderboard", headers=submitter).json() == [], (
        "not of this data set"
    )


def test_scores_that_cannot_be_read_fail_in_a_sentence(service) -> None:
    submitter = service.token()
    for content in (b"a,b\n1,2\n", b"\x00\x01", b"PK\x03\x04 no zip"):
        made = service.hand_in(submitter, content, kind="scores")
        service.check()
        service.audit()
        found = service.state(submitter, made["id"])
        assert found["state"] == "failed" and found["sentence"], found
        assert str(service.home.folder) not in found["sentence"]


@pytest.fixture
def vendor() -> Iterator[str]:
    """A web service that blurs what it gets."""

    class Blur(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            picture = cv2.imdecode(np.frombuffer(self.rfile.read(int(self.headers["Content-Length"])), np.uint8), 1)
            data = cv2.imencode(".png", cv2.GaussianBlur(picture, (0, 0), 3))[1].tobytes()
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Blur)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/blur"
    server.shutdown()
    thread.join()
    server.server_close()


def submit(service, headers: dict[str, str], kind: str, engine: str):
    return service.client.post(
        "/api/v1/benchmarks/palms/submissions",
        json={"title": "Theirs", "kind": kind, "engine": engine},
        headers=headers,
    )


@pytest.mark.slow
def test_a_web_service_is_called_where_the_operator_allows_its_host(service, folder: Path, vendor: str) -> None:
    (folder / "service.toml").write_text('service_hosts = ["127.0.0.1"]\n')
    submitter = service.token()
    for address in (
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://127.0.0.1@evil.example/",
        "http://a,b/",
    ):
        refused = submit(service, submitter, "service", address)
        assert refused.status_code == 422, address
    made = submit(service, submitter, "service", vendor)
    assert made.status_code == 201, made.text
    service.check()
    service.audit()
    done = service.state(submitter, made.json()["id"])
    assert done["state"] == "done", done
    assert done["numbers"]["ssim"]["value"] < 1
    report = service.client.get(f"/api/v1/submissions/{done['id']}/report.json", headers=submitter).text
    assert vendor not in report, "nobody else learns the address"
    assert '"label": "Theirs"' in report
    assert submit(service, submitter, "service", vendor).json()["id"] != done["id"], "it may have changed unseen"


@pytest.mark.slow
def test_an_installed_engine_gives_what_the_command_line_gives(service, folder: Path, data: Path) -> None:
    (folder / "service.toml").write_text('[engines]\ncoarse = "pixelate:block=24"\n')
    submitter = service.token()
    unknown = submit(service, submitter, "engine", "program:rm -rf /")
    assert unknown.status_code == 422 and "offered: coarse" in unknown.json()["detail"]
    made = submit(service, submitter, "engine", "coarse").json()
    service.check()
    service.audit()
    report = service.client.get(f"/api/v1/submissions/{made['id']}/report.json", headers=submitter).json()
    assert submit(service, submitter, "engine", "coarse").json()["id"] == made["id"]
    direct = api.audit(f"numbered:{data},kind=roi", "pixelate:block=24", "compcode", attack="none")
    for name, estimate in direct.result.cells[0].metrics.items():
        assert report["cells"][0]["metrics"][name]["value"] == estimate.value, name


def test_a_benchmark_takes_only_what_it_says(service, data: Path) -> None:
    command("service", "benchmark", "create", "narrow", "--home", service.home.folder, "--dataset",
            f"numbered:{data},kind=roi", "--recognizer", "compcode", "--attack", "none")  # fmt: skip
    submitter = service.token()
    where = "/api/v1/benchmarks/narrow/submissions"
    answer = service.client.put(f"{where}?title=x&kind=scores", content=b"x", headers=submitter)
    assert answer.status_code == 422 and "takes pictures, not scores" in answer.json()["detail"]
    command("service", "benchmark", "close", "narrow", "--home", service.home.folder)
    answer = service.client.put(f"{where}?title=x", content=b"x", headers=submitter)
    assert answer.status_code == 409 and "closed" in answer.json()["detail"]


def test_an_upload_goes_on_after_a_broken_line(service, blurred: Callable[[float], bytes], tmp_path: Path) -> None:
    content = blurred(2)
    submitter = service.token()
    digest = hashlib.sha256(content).hexdigest()
    begun = service.client.post(
        "/api/v1/uploads", json={"sha256": digest, "size": len(content)}, headers=submitter
    ).json()
    part = f"/api/v1/uploads/{begun['id']}"
    assert service.client.patch(f"{part}?offset=0", content=content[:1000], headers=submitter).json()["offset"] == 1000
    assert service.client.patch(f"{part}?offset=0", content=content[:1000], headers=submitter).status_code == 409
    assert service.client.get(part, headers=service.token("Other")).status_code == 404
    body = {"title": "x", "upload": begun["id"]}
    early = service.client.post("/api/v1/benchmarks/palms/submissions", json=body, headers=submitter)
    assert early.status_code == 409 and "1000 of" in early.json()["detail"]
    (tmp_path / "copies.zip").write_bytes(content)

    notes: list[str] = []

    class Said(Silent):
        def note(self, sentence: str) -> None:
            notes.append(sentence)

    server = Server(str(service.client.base_url).rstrip("/"), submitter["Authorization"].split()[1])
    made = submit_to(server, "palms", "pictures", str(tmp_path / "copies.zip"), "Gone on", Said())
    assert notes == [f"continuing at byte 1000 of {len(content)}"]
    assert made["digest"] == digest and list((service.home.folder / "uploads").iterdir()) == []


def test_what_arrives_otherwise_than_announced_is_sent_again(service) -> None:
    submitter = service.token()
    begun = service.client.post("/api/v1/uploads", json={"sha256": "1" * 64, "size": 3}, headers=submitter).json()
    service.client.patch(f"/api/v1/uploads/{begun['id']}?offset=0", content=b"abc", headers=submitter)
    body = {"title": "x", "upload": begun["id"]}
    answer = service.client.post("/api/v1/benchmarks/palms/submissions", json=body, headers=submitter)
    assert answer.status_code == 422 and "SHA-256 differs" in answer.json()["detail"]
    anew = service.client.post("/api/v1/uploads", json={"sha256": "1" * 64, "size": 3}, headers=submitter).json()
    assert anew["offset"] == 0


def test_reports_name_an_embedded_data_set_and_no_place_on_this_machine(service) -> None:
    row = tables.Submission(id="0123", kind="engine", engine="blur")
    for dataset, told, shown in (
        ("synthetic", "synthetic (30 people)", "synthetic (30 people)"),
        ("synthetic:subjects=8", "synthetic:subjects=8", "synthetic:subjects=8"),
        ("numbered:/secret/hands,kind=roi", "see /secret/hands/0001.png", "see benchmark palms/0001.png"),
        ("numbered:/secret/a+b", "/secret/a+b/1.png", "benchmark palms/1.png"),
        ("manifest:/secret/a.csv,aliases=/other/b.csv", "/other/b.csv: line 3", "benchmark palms: line 3"),
    ):
        hide = path_hider(service.home, row, tables.Benchmark(name="palms", dataset=dataset))
        assert hide(told) == shown
