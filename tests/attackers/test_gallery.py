"""A whole audit of a gallery: every cheat is shown by what is there for it, and nobody honest is accused."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from gallery import GALLERY, HONEST, accusations

import deidkit


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
        attackers=["pieces"],
        threads=1,
    ).result
    wrong = {
        engine.component.label: accusations(engine, attacked)
        for engine, attacked in zip(result.engines, result.attacks, strict=True)
        if not everything[engine.component.label].judged_rightly(engine, attacked)
    }
    assert wrong == {}
