"""Plugins that misbehave, and audits with them on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deidkit.cli import main

ENGINE = '''
import os
import sys
import time
from dataclasses import dataclass
import numpy as np
from deidkit.protocols import option

@dataclass(frozen=True)
class Odd:
    """Does what its mode says to pictures of odd sum, and makes noise of the others."""

    mode: str = option("raise", "What", primary=True)
    version = "1"
    deterministic, diverse, batch_size, control = True, False, 4, False

    def deidentify(self, images, seeds):
        return [self.one(image.pixels) for image in images]

    def one(self, pixels):
        if self.mode == "stop" and os.path.exists("stop"):
            raise KeyboardInterrupt
        if self.mode == "wait":
            while not os.path.exists("go"):
                time.sleep(0.01)
        elif int(pixels.sum()) % 2:
            if self.mode == "raise":
                raise RuntimeError("odd sum")
            if self.mode == "names":
                raise FileNotFoundError(2, "No such file", f"/photos/anne-smith/{int(pixels.sum())}.jpg")
            if self.mode == "exit":
                sys.exit(0)
            if self.mode == "none":
                return None
            if self.mode == "small":
                return [pixels[:-1]]
        return [np.random.default_rng(int(pixels.sum())).integers(0, 256, pixels.shape, np.uint8)]

@dataclass(frozen=True)
class Reader:
    """Takes no palm and says in so many words which it was."""

    version, input, score_range = "1", "roi", (0.0, 1.0)

    def extract(self, rois):
        if len(rois) > 1 or int(rois[0].sum()) % 2:
            raise OSError(f"anne-smith does not fit: {int(rois[0].sum())}")
        return rois[0][None, 0].astype(float)

    def compare(self, probes, references):
        return np.clip(abs(probes[:, None] - references[None]).mean(axis=2) / 255, 0, 1)
'''


@pytest.fixture
def odd(install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    site = install(
        "odd_engine",
        ENGINE,
        "[deidkit.engines]\nodd = odd_engine:Odd\n[deidkit.recognizers]\nreader = odd_engine:Reader\n",
    )
    monkeypatch.setenv("PYTHONPATH", str(site))


def command(palms: Path, engine: str, *more: object) -> list[str]:
    dataset = f"numbered:{palms},kind=roi"
    given = [] if "--dataset" in more else ["--dataset", dataset]
    fixed = ["audit", *given, "--engine", engine, "--recognizer", "compcode"]
    return [*fixed, "--quiet", "--format", "json", *map(str, more)]


def audit(palms: Path, engine: str, *more: object) -> Result:
    return CliRunner().invoke(main, command(palms, engine, *more))


def interrupted(palms: Path, *more: object) -> None:
    """An audit of the engine ``odd:stop`` that was interrupted when something was finished."""
    Path("stop").touch()
    result = audit(palms, "odd:stop", *more)
    assert result.exit_code == 2 and "Interrupted" in result.output, result.output
    Path("stop").unlink()


def result_of(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())
