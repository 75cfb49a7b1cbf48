"""Audits on the workers of a cluster, real processes on loopback, and results in storage like S3."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread

import pytest

import deidkit
from deidkit.pipeline.cluster.connection import connected

from ..commands import run
from .clusters import ENGINE, command, kill_at_work, numbers_of, one_killed, running, started, waited_for, worker

pytest.importorskip("distributed", reason="Dask is not installed")

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


def of_another_version(folder: Path) -> dict[str, str]:
    """Environment of a process that has another version of deidkit."""
    package = folder / "other" / "deidkit"
    shutil.copytree(Path(deidkit.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    with (package / "__init__.py").open("a") as file:
        file.write("__version__ = '0.0.1'\n")
    return {"PYTHONPATH": str(package.parent)}


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


@pytest.mark.nightly
def test_a_worker_killed_midway_costs_nothing_and_the_bits_are_those_of_one_machine(
    palms: Path, engine: str, tmp_path: Path
) -> None:
    code, told = run(*command(palms, engine, tmp_path / "alone"))
    assert code == 0, told
    calls = tmp_path / "calls"
    alone = len(calls.read_text().split())
    calls.unlink()
    with running(tmp_path, workers=3) as cluster:
        audit = started(command(palms, engine, tmp_path / "together", "--cluster", cluster.address))
        kill_at_work(cluster, calls)
        _, told = audit.communicate(timeout=300)
    assert audit.returncode == 0, told
    assert "is lost; its tasks are repeated elsewhere" in told
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
        audit = started(command(palms, engine, tmp_path / "out", "--cluster", cluster.address))
        waited_for(lambda: len(list((tmp_path / "out").glob("work-*/*.stage"))) > 5)
        cluster.scheduler.kill()
        _, told = audit.communicate(timeout=120)
    assert audit.returncode == 2, told
    assert "cannot be reached any more; what is finished is kept" in told
    assert "Traceback" not in told
    before = len(calls.read_text().split())
    code, told = run(*command(palms, engine, tmp_path / "out"), "--resume")
    assert code == 0, told
    assert "resuming the interrupted audit" in told
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
        code, told = run(*command(palms, engine, tmp_path / "out", "--cluster", cluster.address))
    assert code == 2
    assert "worker tcp://127.0.0.1:" in told
    assert "scipy 0.0.1 instead of" in told
    assert not (tmp_path / "calls").exists()


@pytest.mark.nightly
def test_a_worker_with_other_code_of_deidkit_is_told_so(palms: Path, engine: str, tmp_path: Path) -> None:
    with running(tmp_path, workers=1, environment=of_another_version(tmp_path)) as cluster:
        code, told = run(*command(palms, engine, tmp_path / "out", "--cluster", cluster.address))
    assert code == 2
    assert "code of deidkit" in told and "install the same versions everywhere" in told
    assert "workspace" not in told
    assert not (tmp_path / "calls").exists()


@pytest.mark.nightly
@pytest.mark.parametrize("joins", ["before", "midway"])
def test_a_worker_of_another_version_is_left_out_and_the_others_go_on(
    joins: str, palms: Path, engine: str, tmp_path: Path
) -> None:
    code, told = run(*command(palms, engine, tmp_path / "alone"))
    assert code == 0, told
    calls = tmp_path / "calls"
    calls.unlink()
    other = of_another_version(tmp_path)
    with running(tmp_path, workers=1) as cluster, ExitStack() as stack:
        if joins == "before":
            stack.enter_context(worker(cluster.address, tmp_path, other))
            with connected(cluster.address, "") as client:
                client.wait_for_workers(2)
        audit = started(command(palms, engine, tmp_path / "together", "--cluster", cluster.address))
        waited_for(lambda: calls.exists() or audit.poll() is not None)
        if joins == "midway":
            stack.enter_context(worker(cluster.address, tmp_path, other))
        _, told = audit.communicate(timeout=300)
    assert audit.returncode == 0, told
    assert len(re.findall(r"worker tcp://127.0.0.1:\d+ cannot take part: it has ", told)) == 1, told
    assert f"deidkit 0.0.1 instead of {deidkit.__version__}" in told
    assert "install the same versions everywhere. It is left out." in told
    assert "is lost" not in told and "Traceback" not in told
    assert set(calls.read_text().split()) == {str(cluster.workers[0].pid)}
    assert numbers_of(tmp_path / "together") == numbers_of(tmp_path / "alone")


@pytest.mark.nightly
def test_where_only_a_worker_of_another_version_is_left_the_audit_ends_and_resumes(
    palms: Path, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deidkit.pipeline.cluster.workers.NO_WORKER_SECONDS", 0.1)
    calls = tmp_path / "calls"
    with running(tmp_path, workers=1) as cluster, ExitStack() as stack:

        def replace() -> None:
            waited_for(lambda: calls.exists() and len(calls.read_text().split()) >= 3)
            stack.enter_context(worker(cluster.address, tmp_path, of_another_version(tmp_path)))
            with connected(cluster.address, "") as client:
                client.wait_for_workers(2)
            cluster.workers[0].kill()

        replacer = Thread(target=replace)
        replacer.start()
        code, told = run(*command(palms, engine, tmp_path / "out", "--cluster", cluster.address))
        replacer.join()
    assert code == 2, told
    assert f"no worker of {cluster.address} is left; what is finished is kept" in told
    assert run(*command(palms, engine, tmp_path / "out"), "--resume")[0] == 0


@pytest.mark.nightly
def test_results_lie_in_storage_like_s3_and_serve_the_next_audit(
    palms: Path, engine: str, tmp_path: Path, bucket: str
) -> None:
    with_cluster = ["--cluster", "local:2", "--work", f"s3://{bucket}/audits"]
    code, told = run(*command(palms, engine, tmp_path / "far", *with_cluster))
    assert code == 0, told
    assert run(*command(palms, engine, tmp_path / "near"))[0] == 0
    assert numbers_of(tmp_path / "far") == numbers_of(tmp_path / "near")
    made = len((tmp_path / "calls").read_text().split())
    assert run(*command(palms, engine, tmp_path / "again", "--work", f"s3://{bucket}/audits"))[0] == 0
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
    monkeypatch.setattr("deidkit.pipeline.cluster.connection.ANSWER_SECONDS", 1)
    code, told = run(*command(palms, "blur", tmp_path / "out", "--cluster", text))
    assert code == 2
    assert said in told


def test_a_path_from_the_working_directory_is_refused_for_other_machines(
    palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(palms.parent)
    code, told = run(*command(Path(palms.name), "blur", tmp_path / "out", "--cluster", "tcp://127.0.0.1:1"))
    assert code == 2
    assert f"name it in full: {palms}" in told


@pytest.mark.slow
def test_a_path_of_an_engine_in_a_process_of_its_own_is_refused_as_well(
    palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(palms.parent)
    words = ("--cluster", "tcp://127.0.0.1:1", "--isolate")
    code, told = run(*command(palms, f"folder:{palms.name}", tmp_path / "out", *words))
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
    assert run(*command(palms, engine, tmp_path / "alone"))[0] == 0
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
    monkeypatch.setattr("deidkit.pipeline.cluster.workers.NO_WORKER_SECONDS", 0.1)
    with running(tmp_path, workers=1) as cluster:
        engine = f"{tmp_path}/deadly.py:Slow"
        code, told = run(*command(palms, engine, tmp_path / "out", "--cluster", cluster.address))
    assert code == 2
    assert "is lost; its tasks are repeated elsewhere" in told
    assert f"no worker of {cluster.address} is left; what is finished is kept" in told


@pytest.mark.parametrize("line", ["cluster = 'tcp://head:8786'", "work = 's3://bucket/templates'"])
def test_a_configuration_that_nobody_named_sends_nothing_elsewhere(line: str, palms: Path, elsewhere: Path) -> None:
    (elsewhere / "deidkit.toml").write_text(line)
    code, told = run(*command(palms, "blur", elsewhere / "out"))
    assert code == 2
    assert "deidkit.toml in this folder asks for" in told
    assert "if you trust that file, name it" in told


@pytest.mark.slow
def test_a_scheduler_without_workers_is_one_sentence(
    palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deidkit.pipeline.cluster.workers.FIRST_WORKER_SECONDS", 0.1)
    with running(tmp_path, workers=0) as cluster:
        code, told = run(*command(palms, "blur", tmp_path / "out", "--cluster", cluster.address))
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
    monkeypatch.setattr("deidkit.comparison.part_runner.PART_SCORES", 150)

    def arguments(output: Path, *more: str) -> list[str]:
        given = command(palms, "blur", output, *more)
        given[given.index("compcode")] = recognizer
        return given

    code, told = run(*arguments(tmp_path / "alone"))
    assert code == 0, told
    calls.unlink()
    with running(tmp_path, workers=3) as cluster, one_killed(cluster, calls) as workers:
        code, told = run(*arguments(tmp_path / "together", "--cluster", cluster.address))
    assert code == 0, told
    assert "is lost; its tasks are repeated elsewhere" in told
    assert len({*calls.read_text().split()} & workers) >= 2
    assert numbers_of(tmp_path / "together", "Slow") == numbers_of(tmp_path / "alone", "Slow")
    assert not list((tmp_path / "together").glob("work-*")), "templates are removed at the end"
