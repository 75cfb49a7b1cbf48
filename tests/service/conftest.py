"""A service on a small data set of drawn palm regions, in this process or in processes of its own."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra service: pip install 'fastapi>=0.135' uvicorn python-multipart")

import uvicorn

from deidkit_service.accounts import create_token
from deidkit_service.app import application
from deidkit_service.checker import check_one
from deidkit_service.home import Home
from deidkit_service.queue import Queue
from deidkit_service.worker import work

from .helpers import command

PICTURES = 16


def palm(identity: int, sample: int) -> np.ndarray:
    base = cv2.GaussianBlur(np.random.default_rng(identity).normal(0, 1, (128, 128)).astype(np.float32), (0, 0), 3)
    noise = np.random.default_rng([identity, sample]).normal(0, 4, base.shape)
    return np.clip(128 + 300 * base + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 hands with 2 pictures each."""
    folder = tmp_path_factory.mktemp("secret-originals")
    for identity in range(1, 9):
        for sample in (1, 2):
            cv2.imwrite(str(folder / f"{identity:04d}_{sample:04d}.png"), palm(identity, sample))
    return folder


def create_benchmark(home: Path, data: Path, *more: object, name: str = "palms") -> None:
    words = ["--dataset", f"numbered:{data},kind=roi", "--recognizer", "compcode", "--attack", "none", "--home", home]
    command("service", "benchmark", "create", name, *words, *more)


@pytest.fixture(scope="session")
def prepared(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one benchmark, to be copied."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    create_benchmark(home, data, "--hand-out", "--accept", "pictures", "--accept", "scores", "--accept", "engine",
                     "--accept", "service", "--title", "Drawn palms")  # fmt: skip
    return home


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """A home of one's own."""
    shutil.copytree(prepared, tmp_path / "home")
    return tmp_path / "home"


@dataclass
class Service:
    """A service in this process, and people who use it."""

    home: Home
    client: httpx.Client

    def token(self, organisation: str = "Acme", role: str = "submitter", **more: object) -> dict[str, str]:
        """Headers of somebody new."""
        options = {"days": None, "submissions_a_day": None, **more}
        secret = create_token(self.home.database, f"{role} of {organisation}", organisation, role, **options)[1]  # type: ignore[arg-type]
        return {"Authorization": f"Bearer {secret}"}

    def hand_in(self, headers: dict[str, str], content: bytes, title: str = "One", **more: str) -> dict:
        answer = self.client.put(
            "/api/v1/benchmarks/palms/submissions", params={"title": title, **more}, content=content, headers=headers
        )
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def state(self, headers: dict[str, str], identifier: str) -> dict:
        answer = self.client.get(f"/api/v1/submissions/{identifier}", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def check(self) -> None:
        """Check everything that waits to be."""
        queue = Queue(self.home.database, "test", 600, 3)
        while lease := queue.take("check"):
            check_one(self.home, queue, lease)

    def audit(self) -> None:
        """Audit everything that waits."""
        work(self.home, until_empty=True)


@contextmanager
def served(folder: Path, db: str = "") -> Iterator[Service]:
    """A service of a home, in this process."""
    home = Home.at(folder, db)
    app = application(home)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=60) as client:
                yield Service(home, client)
        finally:  # a test that fails must not wait for the server for ever
            app.state.stopping = server.should_exit = True
            thread.join()
    home.database.close()


@pytest.fixture
def service_on_postgresql(folder: Path, postgresql_database: str) -> Iterator[Service]:
    """A service without benchmarks whose database is PostgreSQL."""
    with served(folder, postgresql_database) as found:
        yield found


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    with served(folder) as found:
        yield found


@dataclass
class Measured:
    """A service with two finished submissions of one organisation, which nobody else sees.

    Attributes:
        service: The service.
        submitter: Headers of who handed them in.
        weak: Id of the submission that blurs less.
        strong: Id of the other.
    """

    service: Service
    submitter: dict[str, str]
    weak: str
    strong: str


@pytest.fixture(scope="session")
def measured(
    prepared: Path, blurred: Callable[[float], bytes], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Measured]:
    folder = tmp_path_factory.mktemp("measured") / "home"
    shutil.copytree(prepared, folder)
    (folder / "service.toml").write_text('auditor = "Audit office; Example Lab"\n')
    with served(folder) as service:
        submitter = service.token("Acme")
        made = [service.hand_in(submitter, blurred(sigma), f"Blur {sigma}")["id"] for sigma in (1, 9)]
        service.check()
        service.audit()
        yield Measured(service, submitter, *made)


@pytest.fixture(scope="session")
def blurred(prepared: Path) -> Callable[[float], bytes]:
    """Zips of copies by blur, under the numbers of the challenge."""
    with zipfile.ZipFile(prepared / "benchmarks" / "palms" / "challenge.zip") as challenge:
        originals = {n: challenge.read(n) for n in challenge.namelist() if n.endswith(".png")}
    assert len(originals) == PICTURES

    def make(sigma: float) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as file:
            for name, content in sorted(originals.items()):
                picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
                file.writestr(
                    zipfile.ZipInfo(name), cv2.imencode(".png", cv2.GaussianBlur(picture, (0, 0), sigma))[1].tobytes()
                )
        return made.getvalue()

    return make


@dataclass
class Running:
    """A service in processes of its own."""

    process: subprocess.Popen[str]
    address: str


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts ``deidkit serve`` and ends it at the end."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: object, log: Path) -> Running:
        line = [sys.executable, "-P", "-m", "deidkit", "serve", "--port", "0", *map(str, words)]
        with log.open("ab") as err:
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=err, text=True, env=environment)
        started.append(process)
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found, said + log.read_text()
        return Running(process, found[0])

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in started:
        process.communicate(timeout=90)
