"""Copies are linked by a texture that is chosen for each person, wherever it lies, and not by what an honest one keeps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest
from cheats import Regions, nobodies

from deidkit import plugins
from deidkit.attacks import AttackMaterial, AttackScores, Labels, Pictures, Success, identity_folds

PEOPLE, CAPTURES = 9, 3
SIDE = 128

Draw = np.random.Generator
Texture = Callable[[np.ndarray, int, Draw], np.ndarray]
"""A fresh palm, the person, random numbers of the copy -> what the engine shows."""


@cache
def originals() -> tuple[Regions, Labels]:
    """Palms of some people, each of a brightness and with a strength of grain of its own, that hardly vary."""
    numbers = np.arange(PEOPLE * CAPTURES, dtype=np.int32)
    who = np.repeat(np.arange(PEOPLE, dtype=np.int32), CAPTURES)
    palms = np.concatenate([nobodies(1, np.random.default_rng([2, person])) for person in who])
    draw = np.random.default_rng(3)
    shown = [
        palm * (0.8 + 0.04 * person) + draw.normal(0, 1 + person, palm.shape)
        for palm, person in zip(palms, who, strict=True)
    ]
    return np.clip(shown, 0, 255).astype(np.uint8), Labels(who, who, numbers, np.zeros_like(numbers))


@cache
def fresh() -> Regions:
    return nobodies(PEOPLE * CAPTURES, np.random.default_rng(4))


def linked(texture: Texture, *, colours: bool = False) -> AttackScores:
    regions, labels = originals()
    shown = [
        texture(palm.astype(np.float32), int(person), np.random.default_rng([5, number]))
        for number, (palm, person) in enumerate(zip(fresh(), labels.identities, strict=True))
    ]
    copies = np.clip(np.round(shown), 0, 255).astype(np.uint8)
    grey = np.stack([cv2.cvtColor(copy, cv2.COLOR_RGB2GRAY) for copy in copies]) if colours else copies
    material = AttackMaterial(
        Pictures(regions, labels),
        Pictures(grey, labels, colours=copies if colours else None),
        identity_folds(labels.subjects),
    )
    attacker, _ = plugins.create("attacker", "linkage")
    return attacker.attack(material)


def _own_noise(person: int) -> np.ndarray:
    return np.random.default_rng([6, person]).normal(0, 8, (SIDE, SIDE))


def _turned(palm: np.ndarray, person: int, draw: Draw) -> np.ndarray:
    noise = np.rot90(_own_noise(person), int(draw.integers(4)))
    return palm + (noise[:, ::-1] if draw.random() < 0.5 else noise)


def _moved(palm: np.ndarray, person: int, draw: Draw) -> np.ndarray:
    return palm + np.roll(_own_noise(person), draw.integers(0, SIDE, 2), (0, 1))


def _repeated(palm: np.ndarray, person: int, draw: Draw) -> np.ndarray:
    step, shown = 2 + person, palm.copy()
    shown[1::step] = shown[::step][: len(shown[1::step])]
    return shown


def _directed(palm: np.ndarray, person: int, draw: Draw) -> np.ndarray:
    angle = np.pi * person / PEOPLE
    line = np.zeros((9, 9), np.float32)
    ends = [tuple(round(4 + way * 4 * turn) for turn in (np.cos(angle), np.sin(angle))) for way in (-1, 1)]
    cv2.line(line, ends[0], ends[1], 1.0)
    noise = cv2.filter2D(draw.normal(0, 1, palm.shape).astype(np.float32), -1, line)
    return palm + 8 * noise / noise.std()


def _sharp(palm: np.ndarray, person: int, draw: Draw) -> np.ndarray:
    return cv2.GaussianBlur(palm + draw.normal(0, 8, palm.shape).astype(np.float32), (0, 0), 0.4 + 0.3 * person)


def _wave_in_red(palm: np.ndarray, person: int, draw: Draw) -> np.ndarray:
    across, angle = np.arange(SIDE) / SIDE, np.pi * person / PEOPLE
    places = across[None] * np.cos(angle) + across[:, None] * np.sin(angle)
    shown = np.repeat(palm[..., None], 3, axis=2) * np.array([0.95, 0.8, 0.7])
    shown[..., 0] += 6 * np.sin(2 * np.pi * 25 * places + draw.uniform(0, 7))
    return shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("texture", "by"),
    [
        (_turned, "frequencies, however turned"),
        (_moved, "frequencies"),
        (_repeated, "rows and columns"),
        (_directed, "frequencies"),
        (_sharp, "fineness of grain"),
        (_wave_in_red, "frequencies of colours"),
    ],
)
def test_a_texture_of_each_person_links_fresh_palms(texture: Texture, by: str) -> None:
    scores = linked(texture, colours=texture is _wave_in_red)
    assert by in scores.note
    assert Success(scores).p_value <= 0.001


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["nothing", "brightness", "strength of grain", "mean alone"])
def test_what_an_honest_engine_keeps_of_the_hand_links_nothing(kept: str) -> None:
    means = iter(originals()[0].mean(axis=(1, 2)))

    def shown(palm: np.ndarray, person: int, draw: Draw) -> np.ndarray:
        mean = next(means)
        if kept == "mean alone":
            return np.full_like(palm, mean)
        palm = palm - palm.mean() + mean if kept == "brightness" else palm
        return palm + draw.normal(0, 1 + person, palm.shape) if kept == "strength of grain" else palm

    assert Success(linked(shown)).p_value > 0.01
