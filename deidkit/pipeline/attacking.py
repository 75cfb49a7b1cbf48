"""Runs the attacks of an audit: controls once on the originals, then every attacker on the copies of each engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from deidkit import attacks
from deidkit.attacks import Attacker, AttackOutcome, AttackPlan, Control, OfTier, Resampling, Strongest
from deidkit.errors import NotComputable
from deidkit.pipeline.attack_material import Materials
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.numbering import Numbering
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.records import AttacksRecord
from deidkit.pipeline.stage_plan import EngineStages, StagePlan
from deidkit.pipeline.stages import StageResults
from deidkit.pipeline.workspace import key_of
from deidkit.plugins import Loaded
from deidkit.result import (
    AttackControl,
    AttackResult,
    EngineAttacks,
    Estimate,
    GroupFound,
    PersonFound,
    StrongestAttack,
    TierAttacks,
)
from deidkit.verdict import STRONGEST

Controls = tuple[Control, ...]
"""Of one attacker, on the originals."""

Advance = Callable[[], None]
"""Called when an attacker is done."""


def key_of_part(key: str, place: int) -> str:
    """Where a worker of a cluster leaves the controls of one attacker, or what came of its attack.

    Args:
        key: Hash of what they depend on besides the attacker.
        place: The attacker.
    """
    return key_of("of one attacker", key, place)


@dataclass(frozen=True)
class Asked:
    """What attackers are asked for.

    Attributes:
        key: Hash of what it depends on besides the attacker.
        places: The attackers.
        warnings: Where those about attackers are added.
        advance: See `Advance`.
    """

    key: str
    places: Sequence[int]
    warnings: PluginWarnings
    advance: Advance


class Hands(Protocol):
    """Who does the work of attackers; an attacker is known by its place among those of the audit."""

    def controls(self, asked: Asked, before: Mapping[int, Controls]) -> list[Controls]:
        """The controls of some attackers.

        Args:
            asked: Whose, and who is told.
            before: Controls of others, for those that combine them.
        """
        ...

    def outcomes(
        self,
        asked: Asked,
        stages: EngineStages,
        controls: Mapping[int, Controls],
        before: Mapping[int, AttackOutcome],
    ) -> list[AttackOutcome]:
        """The attacks of some attackers on an engine.

        Args:
            asked: Whose, and who is told.
            stages: Of the engine.
            controls: Of these attackers.
            before: What came of others, for those that combine them.
        """
        ...


class HandsHere:
    """Attacks in the threads of this process; satisfies `Hands`.

    Args:
        context: The audit.
        materials: What attackers get.
        reference_percent: Rank-1 identification rate of the best recognizer among originals.
    """

    def __init__(self, context: AuditContext, materials: Materials, reference_percent: float) -> None:
        self._context, self._materials, self._reference_percent = context, materials, reference_percent

    def controls(self, asked: Asked, before: Mapping[int, Controls]) -> list[Controls]:
        """See `Hands.controls`."""
        material = self._materials.for_controls

        def one(place: int) -> Controls:
            attacker = self._context.plugins.attackers[place].plugin
            plans = [self._plan(other, before[other]) for other in before]
            earlier = attacks.controls_to_combine(attacker, plans) if attacker.combines else None
            budget = self._context.plan.attack_budget
            with self._calling(place, asked.warnings):
                found = attacks.controls_on_originals(attacker, material, self._reference_percent, earlier, budget)
            asked.advance()
            return found

        with ThreadPoolExecutor(self._context.threads) as pool:
            return list(pool.map(one, asked.places))

    def outcomes(
        self,
        asked: Asked,
        stages: EngineStages,
        controls: Mapping[int, Controls],
        before: Mapping[int, AttackOutcome],
    ) -> list[AttackOutcome]:
        """See `Hands.outcomes`."""
        material, earlier = self._materials.of(stages), list(before.values())

        def one(place: int) -> AttackOutcome:
            with self._calling(place, asked.warnings):
                found = attacks.run_attack(self._plan(place, controls[place]), material, earlier)
            asked.advance()
            return found

        with ThreadPoolExecutor(self._context.threads) as pool:
            return list(pool.map(one, asked.places))

    def _plan(self, place: int, controls: Controls) -> AttackPlan:
        attacker = self._context.plugins.attackers[place]
        return AttackPlan(attacker.component.label, attacker.plugin, controls, self._context.plan.attack_budget)

    def _calling(self, place: int, warnings: PluginWarnings) -> AbstractContextManager[None]:
        label = self._context.plugins.attackers[place].component.label
        return self._context.process_state.restored_after(f"attacker '{label}'", warnings, thread_safe=True)


class Attacks:
    """The attacks of one audit.

    Args:
        context: The audit.
        stages: Its stages.
        results: Their results.
        numbering: Whose samples they are.
        reference_percent: Rank-1 identification rate of the best recognizer among originals.
        hands: Who does the work.
    """

    def __init__(
        self,
        context: AuditContext,
        stages: StagePlan,
        results: StageResults,
        numbering: Numbering,
        reference_percent: float,
        hands: Hands,
    ) -> None:
        self._context, self._stages, self._results = context, stages, results
        self._numbering, self._reference_percent, self._hands = numbering, reference_percent, hands
        attackers = context.plugins.attackers
        self._combining = [place for place, attacker in enumerate(attackers) if attacker.plugin.combines]
        self._alone = [place for place in range(len(attackers)) if place not in self._combining]

    def on_all(self) -> list[EngineAttacks]:
        """All attacks on every engine; none where no attack is made."""
        if self._stages.regions is None:
            return []
        found = [self._on(stages) for stages in self._stages.engines if stages.regions is not None]
        self._discard_parts(self._key(None))
        return found

    def _on(self, stages: EngineStages) -> EngineAttacks:
        key = self._key(stages)
        attacked = self._attacked(key, stages)
        self._discard_parts(key)
        return attacked

    def _discard_parts(self, key: str) -> None:
        """Remove what workers of a cluster left, those of an earlier run of this audit among them."""
        places = range(len(self._context.plugins.attackers))
        self._context.workspace.discard(key_of_part(key, place) for place in places)

    def _attacked(self, key: str, stages: EngineStages) -> EngineAttacks:
        assert stages.regions is not None, "attacks are made where their stages are"
        workspace, warnings = self._context.workspace, self._context.warnings
        stored = workspace.load(key, AttacksRecord)
        if stored is not None:
            warnings.include(stored.warnings, stored.notes)
            return stored.attacks
        label = stages.engine.component.label
        if not sum(len(record.numbers) for record in self._results.of(stages.regions)):
            return EngineAttacks(engine=label, attacks=[], strongest=None, reason="no copy was made")
        controls, of_controls = self._controls
        own = warnings.within()
        own.include(of_controls.sentences, of_controls.notes)  # with each engine, whose result may be used alone
        with self._timed(f"attacks, {label}") as advance:
            asked = Asked(key, self._alone, own, advance)
            outcomes = dict(zip(self._alone, self._hands.outcomes(asked, stages, controls, {}), strict=True))
            for place in self._combining:  # of those that combine others, each may combine the ones before
                outcomes[place] = self._hands.outcomes(replace(asked, places=[place]), stages, controls, outcomes)[0]
            attacked = self._result(stages, outcomes)
        workspace.save(key, AttacksRecord(attacks=attacked, warnings=own.sentences, notes=own.notes))
        return attacked

    @cached_property
    def _controls(self) -> tuple[dict[int, Controls], PluginWarnings]:
        """Of every attacker, by its place, those of attackers that combine others last; and what was said meanwhile."""
        key, own = self._key(None), self._context.warnings.within()
        with self._timed("controls of attacks") as advance:
            asked = Asked(key, self._alone, own, advance)
            controls = dict(zip(self._alone, self._hands.controls(asked, {}), strict=True))
            for place in self._combining:
                controls[place] = self._hands.controls(replace(asked, places=[place]), controls)[0]
        return controls, own

    @contextmanager
    def _timed(self, name: str) -> Iterator[Advance]:
        count = len(self._context.plugins.attackers)
        with self._context.progress.stage(name, count) as progress, self._context.clock.time(name, count):
            yield lambda: progress.advance()

    def _result(self, stages: EngineStages, outcomes: Mapping[int, AttackOutcome]) -> EngineAttacks:
        label, attackers = stages.engine.component.label, self._context.plugins.attackers
        own = self._results.of(stages.own_copies) if stages.own_copies else []
        calls = sum(record.calls for record in own)
        rows = [_row(outcomes[place], attackers[place]) for place in outcomes]
        found = list(outcomes.values())
        tiers = [_of_tier(of_tier) for of_tier in attacks.strongest_by_tier(found, Resampling())]
        best, reason = None, ""
        try:
            best = _strongest(attacks.strongest(found, Resampling()), self._columns)
        except NotComputable as error:
            reason = str(error)
        return EngineAttacks(engine=label, attacks=rows, strongest=best, reason=reason, calls=calls, tiers=tiers)

    @cached_property
    def _columns(self) -> dict[str, list[str | None]]:
        """What divides people into groups: column -> value of each sample."""
        samples = self._context.inspection.samples
        names = dict.fromkeys(name for sample in samples for name, _ in sample.traits)
        columns: dict[str, list[str | None]] = {
            "hand": [sample.hand for sample in samples],
            "session": [sample.session for sample in samples],
        }
        return columns | {name: [dict(sample.traits).get(name) for sample in samples] for name in names}

    def _key(self, engine: EngineStages | None) -> str:
        """Hash of what the attacks on an engine, or the controls on the originals, depend on."""
        assert self._stages.regions is not None, "attacks are made where their stages are"
        plugins, own = self._context.plugins, engine.own_copies if engine else None
        return key_of(
            "attacks, with warnings",
            self._results.keys_of(self._stages.regions),
            self._results.keys_of(engine.regions) if engine and engine.regions else [],
            self._results.keys_of(own) if own else [],
            [recognizer.component for recognizer in plugins.recognizers],
            [attacker.component for attacker in plugins.attackers],
            engine.engine.component.label if engine else "",
            self._reference_percent,
            self._context.plan.attack_budget,
            [self._numbering.identities.tolist(), self._numbering.subjects.tolist(), self._columns],
        )


def _row(outcome: AttackOutcome, attacker: Loaded[Attacker]) -> AttackResult:
    return AttackResult(
        component=attacker.component,
        tier=outcome.tier,
        tier_name=attacks.TIERS[outcome.tier],
        knowledge=attacker.plugin.knowledge,
        scope=outcome.scope,
        status=outcome.status,
        sentence=outcome.sentence,
        metrics=outcome.metrics,
        controls=[
            AttackControl(
                name=control.name,
                passed=control.passed,
                rank_1_percent=control.rank_1_percent,
                sentence=control.sentence,
            )
            for control in outcome.controls
        ],
        seconds=round(outcome.seconds, 3),
        curve=[] if outcome.scores is None else list(outcome.scores.curve),
    )


def _of_tier(found: OfTier) -> TierAttacks:
    best = found.strongest
    return TierAttacks(
        tier=found.tier,
        tier_name=attacks.TIERS[found.tier],
        scope=found.scope,
        attacker=best.attacker,
        attacks=best.attacks,
        p_value=best.p_value,
        metrics=_named(best.metrics),
    )


def _named(metrics: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Metrics of a strongest attack under the names that a requirement takes."""
    return {f"{STRONGEST}{name}": estimate for name, estimate in metrics.items()}


def _strongest(found: Strongest, columns: Mapping[str, Sequence[str | None]]) -> StrongestAttack:
    return StrongestAttack(
        attacker=found.attacker,
        attacks=found.attacks,
        p_value=found.p_value,
        metrics=_named(found.metrics),
        always=found.subjects.always,
        sometimes=found.subjects.sometimes,
        never=found.subjects.never,
        worst=[PersonFound(number=n + 1, share_percent=100 * share) for n, share in found.subjects.worst()],
        groups=[
            GroupFound(column=g.column, value=g.value, subjects=g.subjects, rank_1_percent=g.rank_1_percent)
            for g in attacks.group_success(found.search, columns)
        ],
    )
