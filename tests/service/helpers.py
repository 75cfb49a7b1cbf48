"""What several tests of the service do."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from click.testing import CliRunner

from deidkit.cli import main


def command(*words: object) -> str:
    """What a command prints; it succeeds."""
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def scores(people: int, mated: int, impostors: int, seed: int) -> bytes:
    """A table of scores: so many genuine and de-identified ones, and so many of impostors, of each person."""
    rng = np.random.default_rng(seed)
    lines = ["kind,score,probe_subject,reference_subject"]
    for subject in range(people):
        other = (subject + 3) % people
        lines += [f"genuine,{rng.normal(0.2, 0.03):.4f},{subject},{subject}" for _ in range(mated)]
        lines += [f"impostor,{rng.normal(0.45, 0.02):.4f},{subject},{other}" for _ in range(impostors)]
        lines += [f"deidentified,{rng.normal(0.4, 0.03):.4f},{subject},{subject}" for _ in range(mated)]
    return "\n".join(lines).encode()


def until(happened: Callable[[], object], seconds: float = 300) -> None:
    """Wait for something that takes a while."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.1)
