"""Results of attacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from deidkit.result.components import Component
from deidkit.result.estimates import Estimate


@dataclass(frozen=True, kw_only=True)
class AttackControl:
    """One control of an attack.

    Attributes:
        name: ``positive``, ``weak``, ``constant`` or ``dealt``.
        passed: Whether the attack did what it should.
        rank_1_percent: Its rank-1 identification rate; None where it could not be run.
        sentence: What was seen and what was wanted.
    """

    name: str
    passed: bool
    rank_1_percent: float | None
    sentence: str


@dataclass(frozen=True, kw_only=True)
class PooledPoint:
    """One point of the curve of an attacker that pools copies.

    Attributes:
        copies: Copies of one capture that are pooled.
        rank_1_percent: Rank-1 identification rate, own source left out of the gallery where other captures are there;
            None where no probe has a reference.
        equal_error_percent: Equal error rate of comparisons with other captures of the person; None where there are
            none.
    """

    copies: int
    rank_1_percent: float | None
    equal_error_percent: float | None


@dataclass(frozen=True, kw_only=True)
class AttackResult:
    """One attacker on the copies of one engine.

    Attributes:
        component: The attacker.
        tier: ``T0`` to ``T9``.
        tier_name: The tier in the literature's terms.
        knowledge: What the adversary knows.
        scope: ``palm``, or ``context`` for what stands around it, which is kept out of the headline.
        status: ``succeeded``, ``resisted``, ``inconclusive`` or ``not applicable``.
        sentence: Why.
        metrics: Name -> estimate, points only.
        controls: Those that were run.
        seconds: Wall time without controls.
        curve: Of an attacker that pools copies: success against how many of one capture it holds.
    """

    component: Component
    tier: str
    tier_name: str
    knowledge: str
    scope: Literal["palm", "context"]
    status: Literal["succeeded", "resisted", "inconclusive", "not applicable"]
    sentence: str
    metrics: dict[str, Estimate]
    controls: list[AttackControl]
    seconds: float
    curve: list[PooledPoint] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class PersonFound:
    """How often one person is found.

    Attributes:
        number: Of the person, from 1, in the order of the names in the data set.
        share_percent: Of their copies that are found at rank 1.
    """

    number: int
    share_percent: float


@dataclass(frozen=True, kw_only=True)
class GroupFound:
    """How often the people of a group are found.

    Attributes:
        column: What divides people: ``hand``, ``session`` or a further column of a manifest.
        value: Which of them.
        subjects: How many people.
        rank_1_percent: How often; not computed for a group of very few.
    """

    column: str
    value: str
    subjects: int
    rank_1_percent: Estimate


@dataclass(frozen=True, kw_only=True)
class StrongestAttack:
    """The worst over all attacks on an engine.

    Attributes:
        attacker: Label of the attacker with the best rank 1.
        attacks: How many attacks were compared.
        p_value: Probability that the best of as many attacks does as well by chance.
        metrics: ``strongest_...`` -> estimate; the interval accounts for the choice among the attacks.
        always: People of whom every copy is found at rank 1.
        sometimes: People of whom some copies are.
        never: People of whom none is.
        worst: Those who are found most often, at most five; none who is found no more often than chance finds somebody.
        groups: By hand, session and every further column of a manifest that has few values.
    """

    attacker: str
    attacks: int
    p_value: float
    metrics: dict[str, Estimate]
    always: int
    sometimes: int
    never: int
    worst: list[PersonFound] = field(default_factory=list)
    groups: list[GroupFound] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class TierAttacks:
    """The strongest attack of one tier.

    Attributes:
        tier: ``T0`` to ``T7``; what is found of ``T8`` and ``T9`` stands among the findings on copies.
        tier_name: The tier in the literature's terms.
        scope: ``palm``, or ``context`` for what stands around it, which is kept out of the headline.
        attacker: Label of the attacker of this tier with the best rank 1.
        attacks: How many attacks of this tier were compared.
        p_value: Probability that the best of as many attacks does as well by chance.
        metrics: ``strongest_...`` -> estimate over the attacks of this tier.
    """

    tier: str
    tier_name: str
    scope: Literal["palm", "context"]
    attacker: str
    attacks: int
    p_value: float
    metrics: dict[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class EngineAttacks:
    """All attacks on one engine.

    Attributes:
        engine: The engine's label.
        attacks: One row for each attacker.
        strongest: The worst of them; None where none counts, and then `reason` says why.
        reason: Why there is no strongest attack.
        calls: Pictures that the engine was asked for besides its copies: by an adversary who runs it on his gallery,
            and to see whether it repeats itself.
        tiers: The strongest of each tier of which an attack counts.
    """

    engine: str
    attacks: list[AttackResult]
    strongest: StrongestAttack | None
    reason: str = ""
    calls: int = 0
    tiers: list[TierAttacks] = field(default_factory=list)
