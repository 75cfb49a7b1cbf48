"""Clusters of real processes on loopback, and an engine that says in which of them it works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest

from deidkit.result import AuditResult
from deidkit.store import load_scores, opened_store

ENGINE = '''
import os
import time
from dataclasses import dataclass
from pathlib import Path

import cv2

@dataclass(frozen=True)
class Slow:
    """Makes a coarse mosaic, takes its time, and notes which process it is in."""

    version = "1"
    deterministic, diverse, batch_size, control = True, False, 4, False

    def deidentify(self, images, seeds):
        with (Path(__file__).parent / "calls").open("a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(0.3)
        return [[self.mosaic(image.pixels)] for image in images]

    @staticmethod
    def mosaic(pixels):
        small = cv2.resize(pixels, (6, 6), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST)
'''


@pytest.fixture
def engine(tmp_path: Path) -> str:
    (tmp_path / "slow.py").write_text(ENGINE)
    return f"{tmp_path}/slow.py:Slow"


@contextmanager
def dask_process(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
    log = subprocess.DEVNULL
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@dataclass
class Cluster:
    """A scheduler and workers that nobody starts again."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def running(folder: Path, workers: int, environment: dict[str, str] | None = None) -> Iterator[Cluster]:
    file = folder / "scheduler.json"
    with ExitStack() as stack:
        ports = ["--port", "0", "--dashboard-address", "127.0.0.1:0"]
        arguments = ["scheduler", "--host", "127.0.0.1", "--no-dashboard", *ports, "--scheduler-file", str(file)]
        scheduler = stack.enter_context(dask_process(*arguments))
        waited_for(lambda: file.exists() and file.stat().st_size > 0)
        address = msgspec.json.decode(file.read_bytes())["address"]
        started = [stack.enter_context(worker(address, folder, environment)) for _ in range(workers)]
        yield Cluster(address, scheduler, started)


@contextmanager
def worker(address: str, folder: Path, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of the scheduler at an address."""
    arguments = ["--host", "127.0.0.1", "--no-dashboard", "--no-nanny", "--nthreads", "1"]
    with dask_process("worker", address, *arguments, "--local-directory", str(folder), environment=environment) as one:
        yield one


def waited_for(happened: Callable[[], bool], seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def kill_at_work(cluster: Cluster, calls: Path) -> None:
    """Kill the worker that called the engine last, of those whose calls stand in a file."""
    waited_for(lambda: calls.exists() and len(calls.read_text().split()) >= 3)
    victim = int(calls.read_text().split()[-1])
    assert victim in [worker.pid for worker in cluster.workers]
    os.kill(victim, signal.SIGKILL)


@contextmanager
def one_killed(cluster: Cluster, calls: Path) -> Iterator[set[str]]:
    """Within the block, the first worker that notes its process in a file is killed; gives the processes of all."""
    workers = {str(worker.pid) for worker in cluster.workers}

    def kill() -> None:
        waited_for(lambda: calls.exists() and not workers.isdisjoint(calls.read_text().split()))
        os.kill(next(int(pid) for pid in calls.read_text().split() if pid in workers), signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    yield workers
    killer.join()


def started(arguments: Sequence[str]) -> subprocess.Popen[str]:
    """A command of deidkit's in a separate process."""
    command = [sys.executable, "-m", "deidkit", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def command(palms: Path, engine: str, output: Path, *more: str) -> list[str]:
    given = ["audit", "--dataset", f"numbered:{palms},kind=roi", "--engine", engine, "--recognizer", "compcode"]
    return [*given, "--output", str(output), "--db", str(output) + ".db", "--format", "json", "--threads", "1", *more]


def numbers_of(folder: Path, recognizer: str = "compcode") -> tuple[dict[str, Any], dict[str, bytes]]:
    """All that a report holds but where and when it was made, and all scores, bit by bit."""
    result = msgspec.json.decode((folder / "report.json").read_bytes(), type=AuditResult)
    plain = msgspec.to_builtins(result)
    for changing in ("audit_id", "provenance", "timings"):
        plain.pop(changing)
    for engine in plain["engines"]:
        engine.pop("seconds_per_image")
        engine["gallery"] = len(engine["gallery"])
    scores = {}
    for kind, of in {"genuine": None, "impostor": None, "deidentified": result.engines[0].component.label}.items():
        with opened_store(str(folder) + ".db", "read") as store:
            scores[kind] = load_scores(store, result.audit_id, recognizer, kind, of).values.tobytes()
    return plain, scores
