"""Attacks on the workers of a cluster: the same results as on one machine, and what workers hold meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.result import AuditResult

from ..commands import run
from .clusters import command, one_killed, running, waited_for

pytest.importorskip("distributed", reason="Dask is not installed")

Task = Callable[[Any, int], Any]


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


def attacked(palms: Path, output: Path, attackers: Sequence[str], *more: str) -> list[str]:
    given = command(palms, "pixelate", output, *(word for name in attackers for word in ("--attacker", name)))
    return [*given, "--engine", "blur", *more]


@pytest.fixture
def attackers(tmp_path: Path) -> list[str]:
    return ["ignorant", "geometry", f"{tmp_path}/slow.py:Slow", "linkage", "fusion"]


def attacks_of(folder: Path, count: int) -> list[dict[str, Any]]:
    """All that a report says of so many attacks on each engine, but how long they took."""
    result = msgspec.json.decode((folder / "report.json").read_bytes(), type=AuditResult)
    found: list[dict[str, Any]] = msgspec.to_builtins(result.attacks)
    for row in (row for of_engine in found for row in of_engine["attacks"]):
        row.pop("seconds")
    assert {len(of_engine["attacks"]) for of_engine in found} == {count}
    return found


@pytest.mark.nightly
def test_attacks_are_made_by_workers_though_one_is_killed(palms: Path, tmp_path: Path, attackers: list[str]) -> None:
    (tmp_path / "slow.py").write_text(ATTACKER)
    calls = tmp_path / "attacked"
    code, told = run(*attacked(palms, tmp_path / "alone", attackers))
    assert code in (0, 1), told
    calls.unlink()
    with running(tmp_path, workers=3) as cluster, one_killed(cluster, calls) as workers:
        code_together, told = run(*attacked(palms, tmp_path / "together", attackers, "--cluster", cluster.address))
    assert code_together == code, told
    assert "is lost; its tasks are repeated elsewhere" in told
    assert {*calls.read_text().split()} <= workers, "no attack was made where the command runs"
    assert attacks_of(tmp_path / "together", 5) == attacks_of(tmp_path / "alone", 5)
    assert not list((tmp_path / "together").glob("work-*")), "pictures and scores are removed at the end"


class Here:
    """Workers that are this very process."""

    def __init__(
        self, client: object, text: str, resume_hint: str, note: Callable[[str], None], unfit: Callable[[], str]
    ) -> None:
        self._unfit = unfit

    def prepare(self) -> None:
        assert self._unfit() == ""

    def run(self, task: Task, job: Any, count: int, warnings: PluginWarnings, done: Callable[[int, Any], None]) -> None:
        for position in range(count):
            done(position, task(job, position).checked(warnings))


def workers_are(kind: type[Here], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deidkit.pipeline.cluster.workers.Workers", kind)
    monkeypatch.setattr("deidkit.pipeline.cluster.workers.connected", lambda *_: nullcontext())


@pytest.mark.slow
def test_attackers_of_a_cluster_get_the_attacked_pictures_alone_and_find_the_same(
    palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attackers = ("ignorant", "linkage", "fusion")
    of_36 = 24
    monkeypatch.setattr("deidkit.attacks.outcome.MOST_ORIGINALS", of_36)
    monkeypatch.setattr("deidkit.attacks.controls.CONTROL_ORIGINALS", of_36)
    code, told = run(*attacked(palms, tmp_path / "alone", attackers))
    assert code in (0, 1), told
    monkeypatch.setattr("deidkit.pipeline.attack_material.MOST_ORIGINALS", of_36)
    monkeypatch.setattr("deidkit.pipeline.attack_material.CONTROL_ORIGINALS", of_36)
    workers_are(Here, monkeypatch)
    code_together, told = run(*attacked(palms, tmp_path / "together", attackers, "--cluster", "local:2"))
    assert code_together == code, told
    assert attacks_of(tmp_path / "together", 3) == attacks_of(tmp_path / "alone", 3)


@pytest.mark.slow
def test_an_interrupted_cluster_leaves_no_parts_of_attacks_to_later_audits(
    palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def arguments(output: Path, *more: str) -> list[str]:
        return attacked(palms, output, ("ignorant", "fusion"), "--work", f"{output}-work", *more)

    class Interrupted(Here):
        attacks = 0

        def run(
            self, task: Task, job: Any, count: int, warnings: PluginWarnings, done: Callable[[int, Any], None]
        ) -> None:
            Interrupted.attacks += getattr(job, "engine", None) is not None
            super().run(task, job, count, warnings, done)
            if Interrupted.attacks == 3:  # of two attackers, the second engine's first
                raise KeyboardInterrupt

    assert run(*arguments(tmp_path / "alone"))[0] in (0, 1)
    workers_are(Interrupted, monkeypatch)
    assert run(*arguments(tmp_path / "out", "--cluster", "local:2"))[0] == 2
    workers_are(Here, monkeypatch)
    code, told = run(*arguments(tmp_path / "out", "--cluster", "local:2"), "--resume")
    assert code in (0, 1), told
    assert attacks_of(tmp_path / "out", 2) == attacks_of(tmp_path / "alone", 2)
    kept, wanted = ({path.name for path in (tmp_path / f"{name}-work").iterdir()} for name in ("out", "alone"))
    assert kept == wanted


@pytest.mark.slow
def test_each_worker_holds_a_presence_that_is_no_copy_for_dask_to_drop() -> None:
    from distributed import Client, LocalCluster

    from deidkit.pipeline.cluster.workers import Workers

    here = {"processes": False, "dashboard_address": None, "threads_per_worker": 1}
    scheduler = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=2, scheduler_kwargs=scheduler, **here) as cluster, Client(cluster) as client:
        Workers(client, "local:2", "go on", print, str).prepare()
        holders = {key: where for key, where in client.who_has().items() if "presence" in str(key)}
        assert sorted(map(tuple, holders.values())) == sorted((address,) for address in client.nthreads())


def test_nothing_is_kept_where_no_client_is_present() -> None:
    from deidkit.pipeline.cluster.process_cache import Presence, ProcessCache, done_here

    kept: ProcessCache[list[int]] = ProcessCache()
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
def test_workers_that_go_on_hold_nothing_of_an_audit_that_has_ended(
    killed: bool, palms: Path, tmp_path: Path, attackers: list[str]
) -> None:
    from distributed import Client

    (tmp_path / "slow.py").write_text(ATTACKER.replace("sleep(0.3)", "sleep(3)" if killed else "sleep(0)"))
    with running(tmp_path, workers=2) as cluster, Client(cluster.address) as client:
        arguments = attacked(palms, tmp_path / "out", attackers, "--cluster", cluster.address)
        audit = subprocess.Popen([sys.executable, "-m", "deidkit", *arguments], stderr=subprocess.DEVNULL)
        waited_for(lambda: (tmp_path / "attacked").exists())
        assert any(client.run(held).values())
        if killed:
            audit.kill()
        assert audit.wait(timeout=300) in ((-signal.SIGKILL,) if killed else (0, 1))
        waited_for(lambda: not any(client.run(held).values()))
