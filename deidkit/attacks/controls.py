"""Controls of attacks: whether an attack works at all, and whether it reports false successes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Literal

import numpy as np

from deidkit.attacks.contract import Attacker
from deidkit.attacks.material import AttackMaterial, Pictures
from deidkit.attacks.scores import AttackScores
from deidkit.attacks.success import SIGNIFICANCE, Success
from deidkit.attacks.weak_anonymizers import WEAK
from deidkit.errors import DeidkitError, Interruption, NotComputable

ControlName = Literal["positive", "weak", "dealt", "constant"]

POSITIVE_SHARE = 0.9
"""Share of the recognizer's rank-1 rate that an attack must reach when the copies are the originals."""

WEAK_SHARE = 0.5
"""Share of it that the attack must reach on copies of its weak anonymizer."""

BUDGET_SECONDS = 600.0
"""Wall-clock limit, in seconds, of one attack and of each of its controls."""

CONTROL_ORIGINALS = 48
"""Approximate largest number of originals used for controls."""


@dataclass(frozen=True)
class Control:
    """One control of one attack.

    Attributes:
        name: ``positive``: copies are the originals. ``weak``: copies of an anonymizer that it must break, or for one
            that combines others what each of them found on its own. ``dealt``:
            copies assigned to people at random. ``constant``: copies are one flat grey.
        passed: Whether the attack behaved as required.
        rank_1_percent: Its rank-1 identification rate; None if it could not be run.
        sentence: The observed and the required result.
        scores: Input to the controls of attackers that combine others; None if it could not be run.
        given_up: Whether it exceeded its time limit.
    """

    name: ControlName
    passed: bool
    rank_1_percent: float | None
    sentence: str
    scores: AttackScores | None = field(default=None, repr=False)
    given_up: bool = False


def controls_on_originals(
    attacker: Attacker,
    material: AttackMaterial,
    reference_percent: float,
    earlier: Mapping[str, Sequence[Control]] | None = None,
    budget_seconds: float = BUDGET_SECONDS,
) -> tuple[Control, ...]:
    """Run the controls that do not depend on the anonymizer: once per attacker and data set.

    After a control that exceeds its time limit no other is run.

    Args:
        attacker: The attacker under control.
        material: The originals; its copies are not used.
        reference_percent: Rank-1 identification rate of the best recognizer, originals among originals of other
            captures.
        earlier: Name -> controls of other attackers on the same originals, for an attacker that combines them.
        budget_seconds: Wall-clock limit of each control.
    """
    part = material.limited(CONTROL_ORIGINALS)
    originals = replace(part.originals, found=None)
    if attacker.pools:
        originals = _duplicated(originals)
    before = earlier or {}
    required = POSITIVE_SHARE * reference_percent
    positive = _with_copies(part, originals, before, "positive")
    controls = [_must_succeed("positive", attacker, positive, required, budget_seconds)]
    if _has_weak(attacker, before) and not controls[-1].given_up:
        broken = originals
        if attacker.weak:
            broken = replace(originals, regions=WEAK[attacker.weak](originals.regions), colours=None)
        required = WEAK_SHARE * reference_percent
        controls.append(
            _must_succeed("weak", attacker, _with_copies(part, broken, before, "weak"), required, budget_seconds)
        )
    if controls[-1].given_up:
        return tuple(controls)
    flat = replace(
        originals,
        regions=np.full_like(originals.regions, 128),
        colours=None if originals.colours is None else np.full_like(originals.colours, 128),
        contexts=None if originals.contexts is None else np.full_like(originals.contexts, 128),
    )
    return (*controls, _must_fail("constant", attacker, _with_copies(part, flat, before, "constant"), budget_seconds))


def control_on_copies(
    attacker: Attacker,
    material: AttackMaterial,
    earlier: Mapping[str, Sequence[Control]] | None = None,
    budget_seconds: float = BUDGET_SECONDS,
) -> Control:
    """Run the control with random identities: an attack that succeeds on them reports false successes."""
    part = material.limited(CONTROL_ORIGINALS)
    order = np.random.default_rng([part.seed, 1]).permutation(len(part.copies))
    dealt = part.copies.rows(order).labelled(part.copies.labels)
    scores = _scores_of(earlier or {}, "dealt")
    return _must_fail("dealt", attacker, replace(part, copies=dealt, earlier=scores), budget_seconds)


def _has_weak(attacker: Attacker, earlier: Mapping[str, Sequence[Control]]) -> bool:
    """Whether the attacker has a weak anonymizer to break: its own, or those of several attackers it combines."""
    return bool(attacker.weak) or (attacker.combines and len(_scores_of(earlier, "weak")) > 1)


def _duplicated(pictures: Pictures) -> Pictures:
    """Repeat each picture, as two copies."""
    count = len(pictures)
    doubled = pictures.rows(np.tile(np.arange(count), 2))
    seeds = np.repeat(np.arange(2, dtype=np.int32), count)
    return doubled.labelled(replace(doubled.labels, seeds=seeds))


def _with_copies(
    material: AttackMaterial, copies: Pictures, earlier: Mapping[str, Sequence[Control]], name: ControlName
) -> AttackMaterial:
    """The same originals with other copies, as from a callable, deterministic anonymizer."""
    return replace(material, copies=copies, own=copies, earlier=_scores_of(earlier, name))


def _scores_of(earlier: Mapping[str, Sequence[Control]], name: ControlName) -> dict[str, AttackScores]:
    return {
        attacker: control.scores
        for attacker, controls in earlier.items()
        for control in controls
        if control.name == name and control.scores is not None
    }


def _must_succeed(
    name: ControlName, attacker: Attacker, material: AttackMaterial, required: float, budget_seconds: float
) -> Control:
    success = _run_control(name, attacker, material, budget_seconds)
    if isinstance(success, Control):
        return success
    reached = rank_1_percent(success)
    sentence = f"Rank 1 on {_copies_text(name, attacker)} is {reached:.1f} %, at least {required:.1f} % is required."
    return Control(name, reached >= required - 1e-9, reached, sentence, success.scores)


def _must_fail(name: ControlName, attacker: Attacker, material: AttackMaterial, budget_seconds: float) -> Control:
    success = _run_control(name, attacker, material, budget_seconds)
    if isinstance(success, Control):
        return success
    reached = rank_1_percent(success)
    sentence = (
        f"Rank 1 on {_copies_text(name, attacker)} is {reached:.1f} %, chance is {100 / success.identities:.1f} %."
    )
    return Control(name, success.p_value > SIGNIFICANCE, reached, sentence, success.scores)


def _run_control(
    name: ControlName, attacker: Attacker, material: AttackMaterial, budget_seconds: float
) -> Success | Control:
    """Run a control; a failed control if the attack gave no result."""
    labels = material.originals.labels
    several = len(np.unique(labels.identities)) < len(np.unique(labels.sources))
    given_up = False
    start = monotonic()
    timed = replace(material, cancelled=lambda: material.cancelled() or monotonic() - start > budget_seconds)
    try:
        return Success(attacker.attack(timed), without_source=several)
    except NotComputable as error:
        reason = error.reason
    except Interruption:
        if material.cancelled():
            raise
        given_up, reason = True, f"it took longer than {budget_seconds:g} s"
    except DeidkitError as error:
        reason = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a faulty plugin must not end the audit, whatever it raises
        reason = f"it raised {type(error).__name__}; report it to its authors"
    return Control(name, False, None, f"Not run on {_copies_text(name, attacker)}: {reason}", given_up=given_up)


def _copies_text(name: ControlName, attacker: Attacker) -> str:
    """Description of a control's copies."""
    if name == "weak":
        return (
            f"the weak anonymizer '{attacker.weak}'" if attacker.weak else "the weak anonymizers of those it combines"
        )
    return {
        "positive": "originals given as copies",
        "dealt": "copies assigned to people at random",
        "constant": "one flat grey picture for everybody",
    }[name]


def rank_1_percent(success: Success) -> float:
    """Rank-1 identification rate in percent."""
    return 100 * float(success.hits.mean())
