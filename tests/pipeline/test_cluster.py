"""Audits on the workers of a cluster, real processes on loopback, and results in storage like S3."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from deidkit.cli import main
from deidkit.pipeline.cluster.connecting import connected
from deidkit.result import AuditResult
from deidkit.store import load_scores, opened_store

pytest.importorskip("distributed", reason="Dask is not installed")

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


RECOGNIZER = """
import os
import time
from pathlib import Path

import numpy as np


class Slow:
    \"\"\"Compares mean lines, takes its time, and notes which process it is in.\"\"\"

    version, input, thread_safe, score_range = "1", "roi", True, (0.0, 1.0)

    def extract(self, images):
        return np.stack([image.mean(axis=0) / 255 for image in images])

    def compare(self, probes, references):
        with (Path(__file__).parent / "compared").open("a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(0.05)
        return np.abs(probes[:, None] - references).mean(axis=2)
"""


@pytest.fixture
def engine(tmp_path: Path) -> str:
    (tmp_path / "slow.py").write_text(ENGINE)
    return f"{tmp_path}/slow.py:Slow"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of an S3 server in this process, which other processes find by the environment."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = pytest.importorskip("moto.server", reason="moto's server is not installed")
    serving = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    serving.start()
    host, port = serving.get_host_and_port()
    for name, value in {"ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("templates")
    yield "templates"
    serving.stop()
    s3fs.S3FileSystem.clear_instance_cache()


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
    where = ["--host", "127.0.0.1", "--no-dashboard"]
    with ExitStack() as stack:
        ports = ["--port", "0", "--dashboard-address", "127.0.0.1:0"]
        arguments = ["scheduler", *where, *ports, "--scheduler-file", str(file)]
        scheduler = stack.enter_context(dask_process(*arguments))
        waited_for(lambda: file.exists() and file.stat().st_size > 0)
        address = msgspec.json.decode(file.read_bytes())["address"]
        arguments = ["worker", address, *where, "--no-nanny", "--nthreads", "1", "--local-directory", str(folder)]
        started = [stack.enter_context(dask_process(*arguments, environment=environment)) for _ in range(workers)]
        yield Cluster(address, scheduler, started)


def waited_for(happened: Callable[[], bool], seconds: float = 120) -> None:
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


def command(palms: Path, engine: str, output: Path, *more: str) -> list[str]:
    given = ["audit", "--dataset", f"numbered:{palms},kind=roi", "--engine", engine, "--recognizer", "compcode"]
    return [*given, "--output", str(output), "--db", str(output) + ".db", "--format", "json", "--threads", "1", *more]


def audited(*arguments: str) -> tuple[int, str]:
    told = CliRunner().invoke(main, list(arguments))
    if told.exception and not isinstance(told.exception, SystemExit):
        raise told.exception
    return told.exit_code, told.output


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


@pytest.mark.nightly
def test_a_worker_killed_midway_costs_nothing_and_the_bits_are_those_of_one_machine(
    palms: Path, engine: str, tmp_path: Path
) -> None:
    code, told = audited(*command(palms, engine, tmp_path / "alone"))
    assert code == 0, told
    calls = tmp_path / "calls"
    alone = len(calls.read_text().split())
    calls.unlink()
    with running(tmp_path, workers=3) as cluster:
        arguments = command(palms, engine, tmp_path / "together", "--cluster", cluster.address)
        audit = subprocess.Popen([sys.executable, "-m", "deidkit", *arguments], stderr=subprocess.PIPE, text=True)
        kill_at_work(cluster, calls)
        _, told = audit.communicate(timeout=300)
    assert audit.returncode == 0, told
    assert "is lost; others do its work" in told
    assert "Traceback" not in told and "distributed" not in told
    assert numbers_of(tmp_path / "together") == numbers_of(tmp_path / "alone")
    made = calls.read_text().split()
    assert len(set(made)) >= 2, "a busy machine may leave one of three without a task"
    assert len(made) <= alone + 2, "only what the lost worker was at is made again"
    assert not list((tmp_path / "together").glob("work-*")), "templates are removed at the end"


@pytest.mark.nightly
def test_a_scheduler_that_goes_away_is_one_sentence_and_resume_goes_on(
    palms: Path, engine: str, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    with running(tmp_path, workers=2) as cluster:
        arguments = command(palms, engine, tmp_path / "out")
        arguments += ["--cluster", cluster.address]
        audit = subprocess.Popen([sys.executable, "-m", "deidkit", *arguments], stderr=subprocess.PIPE, text=True)
        waited_for(lambda: len(list((tmp_path / "out").glob("work-*/*.stage"))) > 5)
        cluster.scheduler.kill()
        _, told = audit.communicate(timeout=120)
    assert audit.returncode == 2, told
    assert "cannot be reached any more; what is finished is kept" in told
    assert "Traceback" not in told
    before = len(calls.read_text().split())
    code, told = audited(*command(palms, engine, tmp_path / "out"), "--resume")
    assert code == 0, told
    assert "going on with the interrupted audit" in told
    after = len(calls.read_text().split())
    assert after - before < 10, "what was finished is not made again"
    numbers_of(tmp_path / "out")


@pytest.mark.nightly
def test_a_worker_with_another_version_is_named_before_anything_runs(palms: Path, engine: str, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import importlib.metadata as metadata\n"
        "real = metadata.version\n"
        "metadata.version = lambda name: '0.0.1' if name == 'scipy' else real(name)\n"
    )
    with running(tmp_path, workers=1, environment={"PYTHONPATH": str(tmp_path / "site")}) as cluster:
        code, told = audited(*command(palms, engine, tmp_path / "out", "--cluster", cluster.address))
    assert code == 2
    assert "worker tcp://127.0.0.1:" in told
    assert "scipy 0.0.1 instead of" in told
    assert not (tmp_path / "calls").exists()


@pytest.mark.nightly
def test_results_lie_in_storage_like_s3_and_serve_the_next_audit(
    palms: Path, engine: str, tmp_path: Path, bucket: str
) -> None:
    with_cluster = ["--cluster", "local:2", "--work", f"s3://{bucket}/audits"]
    code, told = audited(*command(palms, engine, tmp_path / "far", *with_cluster))
    assert code == 0, told
    assert audited(*command(palms, engine, tmp_path / "near"))[0] == 0
    assert numbers_of(tmp_path / "far") == numbers_of(tmp_path / "near")
    made = len((tmp_path / "calls").read_text().split())
    assert audited(*command(palms, engine, tmp_path / "again", "--work", f"s3://{bucket}/audits"))[0] == 0
    assert len((tmp_path / "calls").read_text().split()) == made, "a second audit calls no engine"
    assert numbers_of(tmp_path / "again") == numbers_of(tmp_path / "near")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("three", "--cluster three names no cluster: write local:N or tcp://HOST:PORT."),
        ("local:0", "--cluster local:0 names no cluster"),
        ("tcp://127.0.0.1:1", "no Dask scheduler answers at tcp://127.0.0.1:1; start one: dask scheduler"),
    ],
)
def test_what_is_no_cluster_is_one_sentence(
    text: str, said: str, palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deidkit.pipeline.cluster.connecting.ANSWER_SECONDS", 1)
    code, told = audited(*command(palms, "blur", tmp_path / "out", "--cluster", text))
    assert code == 2
    assert said in told


def test_a_path_from_the_working_directory_is_refused_for_other_machines(
    palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(palms.parent)
    code, told = audited(*command(Path(palms.name), "blur", tmp_path / "out", "--cluster", "tcp://127.0.0.1:1"))
    assert code == 2
    assert f"name it in full: {palms}" in told


@pytest.mark.slow
def test_a_path_of_an_engine_in_a_process_of_its_own_is_refused_as_well(
    palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(palms.parent)
    words = ("--cluster", "tcp://127.0.0.1:1", "--isolate")
    code, told = audited(*command(palms, f"folder:{palms.name}", tmp_path / "out", *words))
    assert code == 2
    assert f"name it in full: {palms}" in told


@pytest.mark.slow
def test_processes_of_this_machine_leave_the_port_of_another_cluster_alone() -> None:
    with socket.socket() as other:
        with suppress(OSError):  # somebody else listens there
            other.bind(("127.0.0.1", 8787))
            other.listen()
        with connected("local:1", "") as client:
            assert client.submit(int, "7").result() == 7


@pytest.mark.nightly
def test_isolated_engines_of_workers_give_the_same_bits_and_end_with_them(
    palms: Path, engine: str, tmp_path: Path
) -> None:
    assert audited(*command(palms, engine, tmp_path / "alone"))[0] == 0
    calls = tmp_path / "calls"
    calls.unlink()
    arguments = [*command(palms, engine, tmp_path / "together"), "--cluster", "local:2", "--isolate"]
    done = subprocess.run([sys.executable, "-m", "deidkit", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert numbers_of(tmp_path / "together") == numbers_of(tmp_path / "alone")
    assert str(os.getpid()) not in calls.read_text().split()
    waited_for(lambda: not any(Path(f"/proc/{process}").exists() for process in calls.read_text().split()))


@pytest.mark.nightly
def test_ctrl_c_is_one_sentence_though_the_terminal_sends_it_to_every_process(
    palms: Path, engine: str, tmp_path: Path
) -> None:
    start = (
        "import signal\n"
        "from deidkit.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have set to be ignored\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    arguments = command(palms, engine, tmp_path / "out", "--cluster", "local:2")
    audit = subprocess.Popen(
        [sys.executable, "-c", start, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    waited_for(lambda: (tmp_path / "calls").exists())
    os.killpg(audit.pid, signal.SIGINT)
    _, told = audit.communicate(timeout=120)
    assert audit.returncode == 2, told
    assert "Interrupted. What is finished is kept" in told
    assert "Traceback" not in told


@pytest.mark.nightly
def test_where_no_worker_is_left_the_audit_ends_in_one_sentence(
    palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly = ENGINE.replace("time.sleep(0.3)", "os.kill(os.getpid(), 9)")
    (tmp_path / "deadly.py").write_text(deadly)
    monkeypatch.setattr("deidkit.pipeline.cluster.workers.LONELY_SECONDS", 0.1)
    with running(tmp_path, workers=1) as cluster:
        engine = f"{tmp_path}/deadly.py:Slow"
        code, told = audited(*command(palms, engine, tmp_path / "out", "--cluster", cluster.address))
    assert code == 2
    assert "is lost; others do its work" in told
    assert f"no worker of {cluster.address} is left; what is finished is kept" in told


@pytest.mark.parametrize("line", ["cluster = 'tcp://head:8786'", "work = 's3://bucket/templates'"])
def test_a_configuration_that_nobody_named_sends_nothing_elsewhere(line: str, palms: Path, elsewhere: Path) -> None:
    (elsewhere / "deidkit.toml").write_text(line)
    code, told = audited(*command(palms, "blur", elsewhere / "out"))
    assert code == 2
    assert "deidkit.toml in this folder asks for" in told
    assert "if you trust that file, name it" in told


@pytest.mark.slow
def test_a_scheduler_without_workers_is_one_sentence(
    palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deidkit.pipeline.cluster.workers.FIRST_SECONDS", 0.1)
    with running(tmp_path, workers=0) as cluster:
        code, told = audited(*command(palms, "blur", tmp_path / "out", "--cluster", cluster.address))
    assert code == 2
    assert f"has no worker; start some: dask worker {cluster.address}" in told


@pytest.mark.nightly
def test_parts_of_a_comparison_are_made_by_workers_though_one_is_killed(
    palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow.py").write_text(RECOGNIZER)
    recognizer = f"{tmp_path}/slow.py:Slow"
    calls = tmp_path / "compared"
    monkeypatch.setattr("deidkit.comparison.all_pairs.PROBES", 3)
    monkeypatch.setattr("deidkit.comparison.parts.PART_SCORES", 150)

    def arguments(output: Path, *more: str) -> list[str]:
        given = command(palms, "blur", output, *more)
        given[given.index("compcode")] = recognizer
        return given

    code, told = audited(*arguments(tmp_path / "alone"))
    assert code == 0, told
    calls.unlink()
    with running(tmp_path, workers=3) as cluster:

        def kill_one() -> None:
            waited_for(lambda: calls.exists() and {*calls.read_text().split()} & victims != set())
            os.kill(next(int(pid) for pid in calls.read_text().split() if pid in victims), signal.SIGKILL)

        victims = {str(worker.pid) for worker in cluster.workers}
        killer = Thread(target=kill_one)
        killer.start()
        code, told = audited(*arguments(tmp_path / "together", "--cluster", cluster.address))
        killer.join()
    assert code == 0, told
    assert "is lost; others do its work" in told
    assert len({*calls.read_text().split()} & victims) >= 2
    assert numbers_of(tmp_path / "together", "Slow") == numbers_of(tmp_path / "alone", "Slow")
    assert not list((tmp_path / "together").glob("work-*")), "templates are removed at the end"


def copied(source: Path, engine: str, target: Path, *more: str) -> list[str]:
    return ["deidentify", str(source), str(target), "--engine", engine, "--kind", "roi", *more]


@pytest.mark.nightly
def test_copies_made_by_workers_are_those_of_one_machine_though_one_worker_is_killed(
    palms: Path, engine: str, tmp_path: Path
) -> None:
    code, told = audited(*copied(palms, engine, tmp_path / "alone", "--threads", "1"))
    assert code == 0, told
    calls = tmp_path / "calls"
    calls.unlink()
    with running(tmp_path, workers=3) as cluster:
        arguments = copied(palms, engine, tmp_path / "together", "--cluster", cluster.address, "--json")
        command = [sys.executable, "-m", "deidkit", *arguments]
        work = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        kill_at_work(cluster, calls)
        printed, told = work.communicate(timeout=300)
    assert work.returncode == 0, told
    assert "is lost; others do its work" in told
    alone, together = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (
        tmp_path / "alone", tmp_path / "together",
    ))  # fmt: skip
    assert alone == together
    done = msgspec.json.decode(printed)
    assert (done["written"], done["already_there"], done["failed"]) == (len(list(palms.iterdir())), 0, [])


@pytest.mark.nightly
def test_a_worker_that_sees_other_folders_makes_no_copies(palms: Path, engine: str, tmp_path: Path) -> None:
    hidden = "import sys; from pathlib import Path; Path.is_file = lambda path, real=Path.is_file: (\n"
    hidden += "    False if path.suffix == '.png' else real(path))\n"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(hidden)
    with running(tmp_path, workers=1, environment={"PYTHONPATH": str(tmp_path / "site")}) as cluster:
        code, told = audited(*copied(palms, engine, tmp_path / "out", "--cluster", cluster.address))
    assert code == 2
    assert f"it does not see the pictures in {palms}; name a folder that all machines share" in told
    assert not (tmp_path / "calls").exists()


def test_copies_are_made_on_no_cluster_that_is_none(palms: Path, tmp_path: Path) -> None:
    code, told = audited(*copied(palms, "blur", tmp_path / "out", "--cluster", "three"))
    assert code == 2
    assert "--cluster three names no cluster" in told
    assert not (tmp_path / "out").exists()


ATTACKER = '''
import os
import time
from pathlib import Path

import numpy as np

from deidkit.attacks import Attacker, AttackScores


class Slow(Attacker):
    """Compares mean lines, takes its time, and notes which process it is in."""

    version, tier, knowledge = "1", "T0", "Means of lines."

    def attack(self, material):
        with (Path(__file__).parent / "attacked").open("a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(0.3)
        own, others = (p.regions.mean(axis=1) for p in (material.copies, material.originals))
        distances = np.abs(own[:, None] - others).mean(axis=2).astype(np.float32)
        return AttackScores(distances, material.copies.labels, material.originals.labels)
'''


def attacked(palms: Path, output: Path, *more: str) -> list[str]:
    attackers = ["ignorant", "geometry", f"{output.parent}/slow.py:Slow", "linkage", "fusion"]
    given = command(palms, "pixelate", output, *(word for name in attackers for word in ("--attacker", name)), *more)
    return [*given, "--engine", "blur"]


def attacks_of(folder: Path, count: int) -> list[dict[str, Any]]:
    """All that a report says of so many attacks on each engine, but how long they took."""
    result = msgspec.json.decode((folder / "report.json").read_bytes(), type=AuditResult)
    found: list[dict[str, Any]] = msgspec.to_builtins(result.attacks)
    for row in (row for of_engine in found for row in of_engine["attacks"]):
        row.pop("seconds")
    assert {len(of_engine["attacks"]) for of_engine in found} == {count}
    return found


@pytest.mark.nightly
def test_attacks_are_made_by_workers_though_one_is_killed(palms: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(ATTACKER)
    calls = tmp_path / "attacked"
    code, told = audited(*attacked(palms, tmp_path / "alone"))
    assert code in (0, 1), told
    calls.unlink()
    with running(tmp_path, workers=3) as cluster:
        victims = {str(worker.pid) for worker in cluster.workers}

        def kill_one() -> None:
            waited_for(lambda: calls.exists() and {*calls.read_text().split()} & victims != set())
            os.kill(int(calls.read_text().split()[0]), signal.SIGKILL)

        killer = Thread(target=kill_one)
        killer.start()
        code_together, told = audited(*attacked(palms, tmp_path / "together", "--cluster", cluster.address))
        killer.join()
    assert code_together == code, told
    assert "is lost; others do its work" in told
    assert {*calls.read_text().split()} <= victims, "no attack was made where the command runs"
    assert attacks_of(tmp_path / "together", 5) == attacks_of(tmp_path / "alone", 5)
    assert not list((tmp_path / "together").glob("work-*")), "pictures and scores are removed at the end"


class Here:
    """Workers that are this very process."""

    def __init__(self, *_: object) -> None: ...

    def prepare(self, unfit: Callable[[Any], str], job: Any) -> None:
        assert unfit(job) == ""

    def run(self, task: Callable[[Any, int], Any], job: Any, count: int, done: Callable[[int, Any], None]) -> None:
        for position in range(count):
            done(position, task(job, position))


def workers_are(kind: type[Here], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("deidkit.pipeline.cluster", "deidkit.pipeline.cluster.attacks"):
        monkeypatch.setattr(f"{module}.Workers", kind)
        monkeypatch.setattr(f"{module}.connected", lambda *_: nullcontext())


@pytest.mark.slow
def test_attackers_of_a_cluster_get_the_attacked_pictures_alone_and_find_the_same(
    palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def arguments(output: Path, *more: str) -> list[str]:
        attackers = [word for name in ("ignorant", "linkage", "fusion") for word in ("--attacker", name)]
        return command(palms, "pixelate", output, *attackers, *more)

    of_36 = 24
    monkeypatch.setattr("deidkit.attacks.outcome.MOST_ORIGINALS", of_36)
    monkeypatch.setattr("deidkit.attacks.controls.CONTROL_ORIGINALS", of_36)
    code, told = audited(*arguments(tmp_path / "alone"))
    assert code in (0, 1), told
    monkeypatch.setattr("deidkit.pipeline.attack_material.MOST_ORIGINALS", of_36)
    monkeypatch.setattr("deidkit.pipeline.attack_material.CONTROL_ORIGINALS", of_36)
    workers_are(Here, monkeypatch)
    code_together, told = audited(*arguments(tmp_path / "together", "--cluster", "local:2"))
    assert code_together == code, told
    assert attacks_of(tmp_path / "together", 3) == attacks_of(tmp_path / "alone", 3)


@pytest.mark.slow
def test_an_interrupted_cluster_leaves_no_parts_of_attacks_to_later_audits(
    palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def arguments(output: Path, *more: str) -> list[str]:
        attackers = [word for name in ("ignorant", "fusion") for word in ("--attacker", name)]
        more = (*attackers, "--engine", "blur", "--work", f"{output}-work", *more)
        return command(palms, "pixelate", output, *more)

    class Interrupted(Here):
        attacks = 0

        def run(self, task: Callable[[Any, int], Any], job: Any, count: int, done: Callable[[int, Any], None]) -> None:
            Interrupted.attacks += getattr(job, "engine", None) is not None
            super().run(task, job, count, done)
            if Interrupted.attacks == 3:  # of two attackers, the second engine's first
                raise KeyboardInterrupt

    assert audited(*arguments(tmp_path / "alone"))[0] in (0, 1)
    workers_are(Interrupted, monkeypatch)
    assert audited(*arguments(tmp_path / "out", "--cluster", "local:2"))[0] == 2
    workers_are(Here, monkeypatch)
    code, told = audited(*arguments(tmp_path / "out", "--cluster", "local:2"), "--resume")
    assert code in (0, 1), told
    assert attacks_of(tmp_path / "out", 2) == attacks_of(tmp_path / "alone", 2)
    kept, wanted = ({path.name for path in (tmp_path / f"{name}-work").iterdir()} for name in ("out", "alone"))
    assert kept == wanted


@dataclass
class Word:
    """A job without work."""

    token: str = "word"


@pytest.mark.slow
def test_each_worker_holds_a_presence_that_is_no_copy_for_dask_to_drop() -> None:
    from distributed import Client, LocalCluster

    from deidkit.pipeline.cluster.workers import Workers

    here = {"processes": False, "dashboard_address": None, "threads_per_worker": 1}
    scheduler = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=2, scheduler_kwargs=scheduler, **here) as cluster, Client(cluster) as client:
        workers = Workers(client, "local:2", "go on", print)
        workers.prepare(lambda job: "", Word())
        holders = {key: where for key, where in client.who_has().items() if "presence" in str(key)}
        assert sorted(map(tuple, holders.values())) == sorted((address,) for address in client.nthreads())


def test_nothing_is_kept_where_no_client_is_present() -> None:
    from deidkit.pipeline.cluster.keeping import Kept, Presence, done_here

    kept: Kept[list[int]] = Kept()
    first, second = (done_here(kept.of, "job", lambda: [1]) for _ in range(2))
    assert first is not second
    presence = Presence()
    first, second = (done_here(kept.of, "job", lambda: [1]) for _ in range(2))
    assert first is second
    del presence
    assert done_here(kept.of, "job", lambda: [1]) is not second


def held(worker: str = "") -> int:
    """How many pictures, templates and plugins of audits a process holds."""
    import gc

    from deidkit.pipeline.attack_material import Materials
    from deidkit.pipeline.cluster.worker import Prepared

    gc.collect()
    return sum(isinstance(found, Materials | Prepared) for found in gc.get_objects())


@pytest.mark.nightly
@pytest.mark.parametrize("killed", [False, True])
def test_workers_that_go_on_hold_nothing_of_an_audit_that_has_ended(killed: bool, palms: Path, tmp_path: Path) -> None:
    from distributed import Client

    (tmp_path / "slow.py").write_text(ATTACKER.replace("sleep(0.3)", "sleep(3)" if killed else "sleep(0)"))
    with running(tmp_path, workers=2) as cluster, Client(cluster.address) as client:
        arguments = attacked(palms, tmp_path / "out", "--cluster", cluster.address)
        audit = subprocess.Popen([sys.executable, "-m", "deidkit", *arguments], stderr=subprocess.DEVNULL)
        waited_for(lambda: (tmp_path / "attacked").exists())
        assert any(client.run(held).values())
        if killed:
            audit.kill()
        assert audit.wait(timeout=300) in ((-signal.SIGKILL,) if killed else (0, 1))
        waited_for(lambda: not any(client.run(held).values()))
