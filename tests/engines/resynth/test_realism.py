"""The benchmark that tells made palms from real ones: real palms are at chance, a black palm is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'scikit-learn>=1.4'")
pytest.importorskip("skimage", reason="needs scikit-image: pip install 'scikit-image>=0.24'")

SCRIPT = Path(__file__).parents[3] / "benchmarks/realism.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)


def auc(line: str) -> tuple[float, float, float]:
    """Value and interval of patches in a row of the first table."""
    value, low, high = line.split("|")[3].replace("[", "").replace("]", "").replace(",", "").split()
    return float(value), float(low), float(high)


@pytest.mark.slow
def test_real_is_at_chance_and_a_mask_is_found() -> None:
    small = ("--side", "96", "--judge", "regression", "--engine", "mask", "--engine", "identity")
    done = run("--dataset", "synthetic:8,pictures=2,width=240,height=320", *small)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "8 people, 16 palms, 9 patches each"
    table = {line.split("|")[1].strip(): line for line in lines[3:9] if line.startswith("|")}
    _, low, high = auc(table["real, other people"])
    assert low <= 0.5 <= high
    assert auc(table["another's palm"])[0] < 0.65
    assert auc(table["identity"]) == (0.5, 0.5, 0.5)  # nothing but the palms tells one from the other
    value, low, _ = auc(table["mask"])
    assert value >= low > 0.95


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "said"), [(("--engine", "nothing"), "nothing"), (("--patch", "23"), "--patch must be 24 or more")]
)
def test_a_mistake_gets_one_sentence(mistake: tuple[str, str], said: str) -> None:
    done = run(*mistake)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
