"""Gates of what is done with scores: error rates, files, the store."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness

# isort: split
import numpy as np
from gate import Finding, Gate, Size, by_processor

from deidkit.measures.error_rates import equal_error_rate
from deidkit.scores import Distribution


def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Genuine and impostor scores, one of the first for 300 of the others."""
    rng = np.random.default_rng(0)
    return rng.normal(0.42, 0.03, count // 300), rng.normal(0.47, 0.02, count - count // 300)


def equal_error(size: Size) -> list[Finding]:
    """Exact EER of stored scores, against scikit-learn's curve of fewer, a score at a time."""
    from sklearn.metrics import roc_curve

    def ours(genuine: np.ndarray, impostor: np.ndarray) -> float:
        return equal_error_rate(Distribution.of(genuine), Distribution.of(impostor)).eer

    def peer(genuine: np.ndarray, impostor: np.ndarray) -> float:
        labels = np.repeat([1, 0], [len(genuine), len(impostor)])
        false, true, _ = roc_curve(labels, -np.concatenate([genuine, impostor]), drop_intermediate=False)
        place = np.argmin(np.abs(false - (1 - true)))
        return float((false[place] + 1 - true[place]) / 2)

    few, many = drawn(size.of(3_400_000)), drawn(size.of(31_000_000))
    assert abs(ours(*few) - peer(*few)) < 1e-12
    candidates = [
        harness.Candidate("many", lambda: ours(*many), size.of(31_000_000)),
        harness.Candidate("few", lambda: ours(*few), size.of(3_400_000)),
        harness.Candidate("scikit-learn", lambda: peer(*few), size.of(3_400_000), slow=True),
    ]
    measured = harness.measure(candidates, min(size.rounds, 7), sample=0.03)
    ratio = measured.seconds["scikit-learn"] / measured.seconds["many"]
    name = f"exact EER of {size.of(31_000_000):,} scores"
    seconds = measured.seconds["many"] * size.of(31_000_000)
    limit = 0.03 if size.tenth else 0.3  # on any machine; the ratio says whether the code has become slower
    rows = [
        Finding(
            f"{name}: scikit-learn takes", ratio, "x the time", "at least", by_processor(100, 75), None, measured.again
        ),
        Finding(f"{name}: time", seconds, "s", "at most", limit, limit, measured.again),
    ]
    return rows + by_pyeer(few, measured.seconds["few"], size)


def by_pyeer(few: tuple[np.ndarray, np.ndarray], seconds: float, size: Size) -> list[Finding]:
    """The same against pyeer, on a tenth of the scores."""
    try:
        from pyeer.eer_info import get_eer_stats
    except ModuleNotFoundError:  # it needs a setuptools that still has pkg_resources
        print(f"{'':44} left out: the peer pyeer is not installed or does not import")
        return []
    genuine, impostor = few[0][::10], few[1][::10]
    start = time.process_time()
    peer = get_eer_stats(genuine, impostor, ds_scores=True).eer
    each = (time.process_time() - start) / (len(genuine) + len(impostor))
    ours = equal_error_rate(Distribution.of(genuine), Distribution.of(impostor)).eer
    assert abs(ours - peer) < 1e-3, "the two rules differ by less than one comparison"
    return [
        Finding(
            "exact EER: pyeer takes",
            each / seconds,
            "x the time",
            "at least",
            by_processor(620, 400),
            full_size_only=True,
        )
    ]


def metrics_command(size: Size) -> list[Finding]:
    """`deidkit metrics` in a process of its own: processor time, start included, and peak memory.

    The time in those of a process that imports numba, without which nothing starts, and adds the scores up.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for full, gate, of_tenth, seconds in ((3_400_000, 4.0, 2.0, 1), (31_000_000, 7.0, 4.0, 3)):
            count = size.of(full)
            path = Path(folder, f"{count}.npz")
            genuine, impostor = drawn(count)
            np.savez(path, genuine=genuine, impostor=impostor)
            del genuine, impostor
            runs, sums = [], []
            for _ in range(2 if size.tenth else 4):
                sums.append(_child(_ADD_UP, str(path))[0])
                runs.append(_child(_COMMAND, "metrics", str(path), "--json"))
            name, used = f"deidkit metrics, {count:,} scores", min(run[0] for run in runs)
            ratio, aimed = used / min(sums), "" if size.tenth else f", of which {seconds} is aimed at"
            row, most = f"{name}: processor time", of_tenth if size.tenth else gate
            found.append(Finding(row, ratio, "x a sum's", "at most", most, reading=f"{used:.2f} s{aimed}"))
            found.append(Finding(f"{name}: peak memory", min(run[1] for run in runs), "MB", "at most", 600, 600))
    return found


_ADD_UP = "import sys, numba, numpy\nscores = numpy.load(sys.argv[1])\nfor name in scores: scores[name].sum()\n"
_COMMAND = "import sys\nfrom deidkit.cli import main\nmain(sys.argv[1:])\n"


def _child(program: str, *arguments: str) -> tuple[float, float]:
    """Processor seconds and peak MB of a program in Python, measured from inside at its end."""
    measured = (
        "import atexit, pathlib, resource, sys\n"
        "def tell():\n"
        "    used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "    lines = pathlib.Path('/proc/self/status').read_text().splitlines()\n"
        "    peak = next(line.split()[1] for line in lines if line.startswith('VmHWM'))\n"
        "    print(used.ru_utime + used.ru_stime, peak, file=sys.stderr)\n"
        "atexit.register(tell)\n"
    )
    command = [sys.executable, "-c", measured + program, *arguments]
    told = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr
    seconds, kilobytes = told.split()[-2:]
    return float(seconds), int(kilobytes) * 1024 / 1e6


def store(size: Size) -> list[Finding]:
    """Scores into the store, through what an audit calls, against rows by SQLAlchemy Core."""
    from sqlalchemy import Column, Float, Integer, MetaData, Table, create_engine, insert

    from deidkit.result import Component
    from deidkit.scores import Scores
    from deidkit.store import AuditRecord
    from deidkit.store.opening import opened_store

    count = size.of(1_000_000)
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(0.47, 0.012, count) * 3072) / 3072  # of codes of 3,072 bits
    subjects = np.repeat(np.arange(count // 1000, dtype=np.int32), 1000)
    scores = Scores(values, subjects, np.tile(np.arange(1000, dtype=np.int32), count // 1000))
    component = Component(kind="recognizer", name="x", label="x", version="1", distribution="", options={}, weights={})
    with tempfile.TemporaryDirectory() as folder:
        ours, peer = Path(folder, "ours.db"), Path(folder, "peer.db")
        table = Table("score", MetaData(), *(Column(name, Integer) for name in "pr"), Column("value", Float))
        other = create_engine(f"sqlite:///{peer}")
        table.create(other)
        rows = [
            {"value": value, "p": p, "r": r}
            for value, p, r in zip(
                values.tolist(), scores.probe_subjects.tolist(), scores.reference_subjects.tolist(), strict=True
            )
        ]

        def by_core() -> None:
            with other.begin() as connection:
                connection.execute(insert(table), rows)

        with opened_store(str(ours), "write") as engine:
            record = AuditRecord.start(engine, audit_id="a", plan={}, plan_digest="d", version="0", output=folder)
            before = ours.stat().st_size

            def by_us() -> None:
                record.scores(component, None, {"impostor": scores}, (0.0, 1.0))

            candidates = [
                harness.Candidate("ours", by_us, count),
                harness.Candidate("Core", by_core, count, slow=True),
            ]
            measured = harness.measure(candidates, min(size.rounds, 5))
            taken = sum(path.stat().st_size for path in Path(folder).glob("ours.db*")) - before
        other.dispose()
    ratio = measured.seconds["Core"] / measured.seconds["ours"]
    name = f"{count:,} scores into the store"
    return [
        Finding(f"{name}: SQLAlchemy Core takes", ratio, "x the time", "at least", 62, 80, measured.again),
        Finding(f"{name}: with subjects, a score takes", taken / count, "bytes", "at most", 2, 2, full_size_only=True),
    ]


GATES = [Gate("eer", equal_error), Gate("metrics", metrics_command), Gate("store", store)]
