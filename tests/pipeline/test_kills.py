"""Every command that writes is killed at any moment; started again, it ends with what it gives undisturbed.

A campaign is repeatable: ``DEIDKIT_KILLS=1000 DEIDKIT_SEED=7 pytest -m nightly tests/pipeline/test_kills.py -s`` kills so
often, in turn in each command, at moments drawn from that seed, and prints one line.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

COUNT = int(os.environ.get("DEIDKIT_KILLS", "20"))
SEED = int(os.environ.get("DEIDKIT_SEED", "0"))
MOVES = ("id", "started", "seconds", "file", "original", "when", "command", "db", "created", "timings", "provenance")
"""Parts of names in a report that say when and where it was made, not what was found."""


@dataclass(frozen=True)
class Case:
    """A command that writes.

    Attributes:
        words: The command; ``{palms}`` and ``{store}`` are filled in.
        result: What is the same however often it was killed.
        again: What is added when it is started again.
    """

    words: Sequence[str]
    result: Callable[[Path], Any]
    again: Sequence[str] = ()


def found(value: Any) -> Any:
    """A report without what is another's in each run."""
    if isinstance(value, dict):
        return {key: found(item) for key, item in value.items() if not any(word in key for word in MOVES)}
    return [found(item) for item in value] if isinstance(value, list) else value


def report(folder: Path) -> Any:
    return found(json.loads((folder / "out" / "report.json").read_text()))


def pictures(folder: Path) -> dict[str, str]:
    """Every file but hidden ones: a kill leaves the one that was being written, under a name that nobody reads."""
    files = sorted(path for path in (folder / "out").rglob("[!.]*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


AUDITED = ["--dataset", "numbered:{palms},kind=roi", "--recognizer", "palmcode", "--db", "s.db", "--output", "out"]
CASES = {
    "audit": Case(["audit", *AUDITED, "--engine", "blur", "--format", "json"], report, ["--resume"]),
    "ablate": Case(["ablate", *AUDITED, "--engine", "blur", "--vary", "sigma=1,4"], report, ["--resume"]),
    "report": Case(["report", "latest", "--db", "{store}", "--format", "json", "--output", "out"], report),
    "deidentify": Case(["deidentify", "{palms}", "out", "--kind", "roi", "--engine", "blur"], pictures),
    "synthesize": Case(["synthesize", "out", "--subjects", "2", "--samples", "2"], pictures),
    "train": Case(
        ["train", "ccnet:hidden=16,embedding=16,schedule=cosine,dropout=0.1", "--epochs", "2", "--batch", "8",
         "--dataset", "synthetic:subjects=8,pictures=2,seed=77,width=150,height=200", "--held-out", "0.25",
         "--output", "out"],
        lambda folder: sorted(path.name for path in (folder / "out").glob("weights.*")), ["--resume"],
    ),
}  # fmt: skip
if find_spec("torch") is None:
    del CASES["train"]


def run(words: Sequence[str], folder: Path, seconds: float | None = None) -> int | None:
    """Exit code of a command; None where it was killed."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "deidkit", *words, "--quiet"] if words[0] != "report" else [sys.executable, "-m", "deidkit", *words],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    try:
        _, told = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    assert process.returncode == 0, told
    assert "Traceback" not in told
    return 0


@pytest.mark.nightly
def test_what_is_killed_ends_the_same(palms: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "audited"
    store.mkdir()
    places = {"{palms}": str(palms), "{store}": str(store / "s.db")}

    def filled(words: Sequence[str]) -> list[str]:
        return [word.replace("{palms}", places["{palms}"]).replace("{store}", places["{store}"]) for word in words]

    run(filled(CASES["audit"].words), store)
    undisturbed, lasted = {}, {}
    for name, case in CASES.items():
        (folder := tmp_path / name).mkdir()
        started = time.monotonic()
        run(filled(case.words), folder)
        lasted[name], undisturbed[name] = time.monotonic() - started, case.result(folder)
    rng, killed = random.Random(SEED), dict.fromkeys(CASES, 0)
    for number in range(COUNT):
        name = list(CASES)[number % len(CASES)]
        case, folder = CASES[name], tmp_path / f"killed {number}"
        folder.mkdir()
        if run(filled(case.words), folder, rng.uniform(0.2, 1.0) * lasted[name]) is None:
            killed[name] += 1
            begun = name != "train" or (folder / "out" / "training.json").exists()
            run(filled([*case.words, *(case.again if begun else ())]), folder)
        assert case.result(folder) == undisturbed[name], f"seed {SEED}, kill {number}, {name}"
        shutil.rmtree(folder)
    with capfd.disabled():
        each = ", ".join(f"{name} {count}" for name, count in killed.items())
        print(f"\nkills: seed {SEED}, {COUNT} runs, {sum(killed.values())} killed ({each}), 0 differ")
    assert sum(killed.values()) >= COUNT // 3, killed
