"""Controls: whether an attack works at all, and whether it finds what is not there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from deidkit.attacks.contract import Attacker
from deidkit.attacks.material import AttackMaterial, Pictures
from deidkit.attacks.success import SIGNIFICANCE, Success
from deidkit.attacks.weak import WEAK
from deidkit.errors import NotComputable

ControlName = Literal["positive", "weak", "dealt", "constant"]

POSITIVE_SHARE = 0.9
"""Of the recognizer's own success that an attack must reach on copies that are the originals."""

WEAK_SHARE = 0.5
"""The same on copies of the weak anonymizer that it is made for."""

CONTROL_ORIGINALS = 80
"""Originals on which controls are run, at most about."""


@dataclass(frozen=True)
class Control:
    """One control of one attack.

    Attributes:
        name: ``positive``: copies are the originals. ``weak``: copies of an anonymizer that it must break. ``dealt``:
            copies dealt to people at random. ``constant``: copies are one flat grey.
        passed: Whether the attack did what it should.
        rank_1_percent: Its rank-1 identification rate; None where it could not be run.
        sentence: What was seen and what was wanted.
    """

    name: ControlName
    passed: bool
    rank_1_percent: float | None
    sentence: str


def controls_on_originals(attacker: Attacker, material: AttackMaterial, reference_percent: float) -> tuple[Control, ...]:
    """The controls that do not depend on the anonymizer: once for each attacker and data set is enough.

    Args:
        attacker: Whose controls.
        material: Its copies are not looked at.
        reference_percent: Rank-1 identification rate of the best recognizer, originals among originals of other
            captures.
    """
    part = material.limited(CONTROL_ORIGINALS)
    controls = [
        _must_succeed("positive", attacker, _identity(part), POSITIVE_SHARE * reference_percent, "unchanged originals")
    ]
    if attacker.weak:
        copies = replace(part.originals, regions=WEAK[attacker.weak](part.originals.regions))
        weak = _with_copies(part, copies, attacker.weak)
        what = f"originals that were only {attacker.weak}" if attacker.weak != "mosaic" else "a mosaic of the originals"
        controls.append(_must_succeed("weak", attacker, weak, WEAK_SHARE * reference_percent, what))
    flat = {
        name: None if (array := getattr(part.originals, name)) is None else np.full_like(array, 128)
        for name in ("regions", "colours", "contexts")
    }
    constant = _with_copies(part, replace(part.originals, **flat), "constant")
    return (*controls, _must_fail("constant", attacker, constant, "one flat grey for every picture"))


def control_on_copies(attacker: Attacker, material: AttackMaterial) -> Control:
    """Copies dealt to people at random: whoever finds people there finds what is not there."""
    part = material.limited(CONTROL_ORIGINALS)
    order = np.random.default_rng([part.seed, 1]).permutation(len(part.copies))
    dealt = part.copies.rows(order).labelled(part.copies.labels)
    return _must_fail("dealt", attacker, replace(part, copies=dealt, earlier={}), "copies dealt at random")


def _identity(material: AttackMaterial) -> AttackMaterial:
    return _with_copies(material, replace(material.originals, found=None), "")


def _with_copies(material: AttackMaterial, copies: Pictures, weak: str) -> AttackMaterial:
    """The same originals with other copies, and an anonymizer that can be called to make more of them."""
    return replace(
        material, copies=copies, redeidentify=lambda rows, seed: copies.regions[rows], earlier={}
    )


def _must_succeed(
    name: ControlName, attacker: Attacker, material: AttackMaterial, wanted: float, what: str
) -> Control:
    try:
        reached = rank_1_percent(Success(attacker.attack(material), _without_source(material)))
    except NotComputable as error:
        return Control(name, False, None, f"Not run on {what}: {error.reason}")
    sentence = f"Rank 1 on {what} is {reached:.1f} %, wanted are at least {wanted:.1f} %."
    return Control(name, reached >= wanted, reached, sentence)


def _must_fail(name: ControlName, attacker: Attacker, material: AttackMaterial, what: str) -> Control:
    try:
        success = Success(attacker.attack(material), _without_source(material))
    except NotComputable as error:
        return Control(name, False, None, f"Not run on {what}: {error.reason}")
    reached = rank_1_percent(success)
    sentence = f"Rank 1 on {what} is {reached:.1f} %, chance is {100 / success.identities:.1f} %."
    return Control(name, success.p_value > SIGNIFICANCE, reached, sentence)


def _without_source(material: AttackMaterial) -> bool:
    """Whether people have other captures, so that a copy's own original can be left out of the gallery."""
    labels = material.originals.labels
    return len(np.unique(labels.identities)) < len(np.unique(labels.sources))


def rank_1_percent(success: Success) -> float:
    """Rank-1 identification rate in percent."""
    return 100 * float(success.hits.mean())
