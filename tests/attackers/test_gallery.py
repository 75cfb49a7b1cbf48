"""A whole audit of a gallery: every cheat is shown by what is there for it, and nobody honest is accused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from gallery import GALLERY, HONEST, SCENES, accusations, told_around

import deidkit
from deidkit.synthesis import HandGenerator


@pytest.mark.nightly
def test_a_palm_that_is_treated_before_a_telling_background_is_told_by_what_stands_around_it(tmp_path: Path) -> None:
    generator = HandGenerator(seed=29, width=360, height=480)
    for person in range(8):
        wall = np.random.default_rng(person).integers(40, 216, (24, 18, 3)).astype(np.uint8)
        wall = cv2.resize(wall, (360, 480), interpolation=cv2.INTER_CUBIC)
        for capture in range(3):
            drawn = generator.sample(generator.identity(person), capture)
            picture = np.where(drawn.mask[:, :, None], drawn.pixels, wall)
            cv2.imwrite(str(tmp_path / f"{person + 1:04d}_{capture + 1:04d}.png"), picture[:, :, ::-1])
    result = deidkit.audit(
        f"numbered:{tmp_path}",
        [exhibit.make(name) for name, exhibit in SCENES.items()],
        "mtcc",
        attack="quick",
        attackers=["context"],
        threads=1,
    ).result
    wrong = {
        engine.component.label: accusations(engine, attacked) | told_around(attacked)
        for engine, attacked in zip(result.engines, result.attacks, strict=True)
        if not SCENES[engine.component.label].judged_rightly(engine, attacked)
    }
    assert wrong == {}
    of_palms, of_nothing = result.attacks
    assert accusations(result.engines[0], of_palms) == set()
    assert told_around(of_nothing) == set()


@pytest.mark.nightly
def test_every_cheat_is_shown_and_nobody_honest_accused(tmp_path: Path, people) -> None:  # type: ignore[no-untyped-def]
    for number, (region, person) in enumerate(zip(people.regions[:40], people.identities[:40], strict=True)):
        if number % 4 < 3:
            cv2.imwrite(str(tmp_path / f"{person + 1:04d}_{number % 4 + 1:04d}.png"), region)
    everything = {**GALLERY, **HONEST}
    result = deidkit.audit(
        f"numbered:{tmp_path},kind=roi",
        [exhibit.make(name) for name, exhibit in everything.items()],
        "mtcc",
        attack="quick",
        attackers=["pieces", "informed"],
        threads=1,
    ).result
    wrong = {
        engine.component.label: accusations(engine, attacked)
        for engine, attacked in zip(result.engines, result.attacks, strict=True)
        if not everything[engine.component.label].judged_rightly(engine, attacked)
    }
    assert wrong == {}
