"""Ratios of processor time that hold on a busy machine.

Every candidate runs in the same process, in shuffled interleaved rounds; the smallest time of each counts, and the
first candidate runs twice under two names: where those two differ by more than a tenth, the run is void and repeated.
See README.md for what was measured about this.

Import this module before numpy: it holds every thread pool to one thread.
"""

from __future__ import annotations

import gc
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

for _pool in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{_pool}_NUM_THREADS"] = "1"

AGAIN = "the first one again"


@dataclass(frozen=True)
class Candidate:
    """Something to measure.

    Attributes:
        name: In the table.
        run: What is timed.
        items: How many items (pairs, pictures) one run handles; times are compared per item.
        slow: Run once only, for peers that take many seconds.
    """

    name: str
    run: Callable[[], object]
    items: int = 1
    slow: bool = False


@dataclass(frozen=True)
class Measured:
    """Processor seconds per item, and whether the A/A row and the share of the processor allow them to be believed."""

    seconds: dict[str, float]
    again: float
    share: float

    @property
    def valid(self) -> bool:
        return 0.9 <= self.again <= 1.1


def measure(candidates: Sequence[Candidate], rounds: int = 15, sample: float = 0.05, attempts: int = 3) -> Measured:
    """Measure candidates against one another; a run whose A/A row is off is repeated up to `attempts` times."""
    quick = [c for c in candidates if not c.slow]
    repeats = {c.name: _repeats(c, sample) for c in quick}
    slow = {c.name: _once(c, 1)[0] / c.items for c in candidates if c.slow}
    for _ in range(attempts):
        best: dict[str, float] = dict(slow)
        processor = wall = 0.0
        gc.disable()
        try:
            for _ in range(rounds):
                order = [(c.name, c) for c in quick] + [(AGAIN, quick[0])]
                random.shuffle(order)
                for name, candidate in order:
                    used, passed = _once(candidate, repeats[candidate.name])
                    processor, wall = processor + used, wall + passed
                    each = used / repeats[candidate.name] / candidate.items
                    best[name] = min(best.get(name, each), each)
        finally:
            gc.enable()
        again = best.pop(AGAIN) / best[quick[0].name]
        measured = Measured({c.name: best[c.name] for c in candidates}, again, processor / wall)
        if measured.valid:
            break
    return measured


def _once(candidate: Candidate, repeats: int) -> tuple[float, float]:
    used, passed = time.process_time(), time.perf_counter()
    for _ in range(repeats):
        candidate.run()
    return time.process_time() - used, time.perf_counter() - passed


def _repeats(candidate: Candidate, sample: float) -> int:
    candidate.run()  # compiles, fills caches
    used, _ = _once(candidate, 1)
    return max(1, round(sample / max(used, 1e-6)))


def print_table(title: str, measured: Measured, subject: str, unit: str, notes: dict[str, str] | None = None) -> None:
    """Print the rate of every candidate and how many times as long as the subject it takes."""
    void = "" if measured.valid else "   VOID: the A/A row is off, the machine is too busy"
    print(f"\n{title}\n  A/A {measured.again:.2f}, processor time per second {measured.share:.2f}{void}")
    width = max(map(len, measured.seconds))
    for name, seconds in measured.seconds.items():
        ratio = seconds / measured.seconds[subject]
        note = (notes or {}).get(name, "")
        print(f"  {name:{width}}  {_rate(1 / seconds)} {unit}/s  {ratio:>9.3g} x the time  {note}".rstrip())


def _rate(value: float) -> str:
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:7.2f} {prefix}"
    return f"{value:7.2f}  "


def wall_seconds(run: Callable[[], object], rounds: int = 3) -> float:
    """Smallest wall-clock time, for what runs in several threads."""
    return min(_once(Candidate("", run), 1)[1] for _ in range(rounds))


def in_fresh_process(script: Path, *arguments: str, environment: dict[str, str] | None = None) -> list[str]:
    """Run `script arguments` in a new interpreter and return the words it prints."""
    finished = subprocess.run(
        [sys.executable, str(script), *arguments],
        env={**os.environ, **(environment or {})},
        check=True,
        capture_output=True,
        text=True,
    )
    return finished.stdout.split()


def peak_megabytes() -> float:
    """Largest memory this process has held so far; on Linux not what it inherited from its parent, as rusage says."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024 / 1e6
    factor = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * factor / 1e6


def memory_now() -> float:
    """Megabytes that this process holds; from here on `peak_megabytes` counts anew.

    What was held for a moment before, as to draw the data, would hide what is to be measured. Linux only.
    """
    Path("/proc/self/clear_refs").write_text("5")
    return peak_megabytes()
