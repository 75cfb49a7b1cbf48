"""An audit of very many people from end to end: python benchmarks/many_people.py [OPTIONS].

Draws ready regions for 10,000 subjects x 5 samples unless told otherwise, audits `blur` on them by MTCC without attacks
in a process of its own, and prints its time and peak memory. With --kill the process gets signal 9 after a third of its
pictures and is resumed. All else goes to `deidkit audit`: --sample-pairs 50000000, or --engine identity for another
engine. The pictures are smooth noise that differs by person: memory and time do not depend on what they show, but for
the search for originals in copies, which ends at once where a copy is its original.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

SIDE = 128


def draw(folder: Path, subjects: int, samples: int) -> None:
    """One grey picture for each sample, a person's much alike."""
    for subject in range(subjects):
        rng = np.random.default_rng(subject)
        person = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE), dtype=np.float32), (0, 0), 3)
        for sample in range(samples):
            own = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE), dtype=np.float32), (0, 0), 3)
            picture = np.clip(128 + 400 * (person + 0.5 * own), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / f"{subject + 1:05d}_{sample + 1:03d}.png"), picture)


FILES, BATCH = 7, 8
"""What an audit of one engine and one recognizer keeps of each batch of pictures: two kinds of templates, and so on."""


def run(command: list[str], kill_when: Path | None = None, files: int = 0) -> tuple[int, float, float]:
    """Exit code, seconds, and peak memory in MB of a command; killed once so many results are there."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=sys.stderr)
    while kill_when is not None and process.poll() is None:
        if len(list(kill_when.glob("out/work-*/*.stage"))) > files:
            process.send_signal(signal.SIGKILL)
            kill_when = None
        time.sleep(0.5)
    _, status, used = os.wait4(process.pid, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - start, used.ru_maxrss / 1024


def main(subjects: int, samples: int, options: list[str], *, killed: bool) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "palms")
        folder.mkdir()
        start = time.monotonic()
        draw(folder, subjects, samples)
        print(f"{subjects} x {samples} regions drawn in {time.monotonic() - start:.0f} s", flush=True)
        command = [sys.executable, "-m", "deidkit", "audit", "--dataset", f"numbered:{folder},kind=roi"]
        command += [] if "--engine" in options else ["--engine", "blur"]
        command += ["--recognizer", "mtcc", "--attack", "none", "--format", "json"]
        command += ["--db", f"{scratch}/scores.db", *options]
        if killed:
            third = subjects * samples * FILES // BATCH // 3
            code, seconds, peak = run([*command, "--output", f"{scratch}/out"], Path(scratch), third)
            print(f"killed after {seconds:.0f} s (exit code {code}), {peak:.0f} MB at most", flush=True)
            command.append("--resume")
        else:
            command += ["--output", f"{scratch}/out"]
        code, seconds, peak = run(command)
        print(f"audited in {seconds:.0f} s (exit code {code}), {peak:.0f} MB at most")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="An audit of very many people from end to end.",
        epilog="Other options go to deidkit audit.",
        allow_abbrev=False,
    )
    parser.add_argument("--subjects", type=int, default=10_000, help="10000 by default")
    parser.add_argument("--samples", type=int, default=5, help="of each subject; 5 by default")
    parser.add_argument("--kill", action="store_true", help="kill the audit after a third of its pictures; resume it")
    given, others = parser.parse_known_args()
    main(given.subjects, given.samples, others, killed=given.kill)
