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
from deidkit.processors import limited_library_threads
from deidkit.result import (
    AttackControl,
    AttackResult,
    EngineAttacks,
    Estimate,
    PersonFound,
    StrongestAttack,
    TierAttacks,
)
from deidkit.verdict import STRONGEST

Controls = tuple[Control, ...]
"""Controls of one attacker on the originals."""

Advance = Callable[[], None]
"""Called when an attacker is done."""


def key_of_part(key: str, index: int) -> str:
    """Storage key of one attacker's controls, or attack outcome, from a cluster worker."""
    return key_of("of one attacker", key, index)


@dataclass(frozen=True)
class AttackRequest:
    """A request for the controls or attacks of some attackers.

    Attributes:
        key: Hash of the dependencies other than the attacker.
        indices: Indices of the attackers in the audit.
    """

    key: str
    indices: Sequence[int]
    warnings: PluginWarnings
    advance: Advance


class AttackRunner(Protocol):
    """Runs attackers, in this process or elsewhere; an attacker is named by its index among those of the audit."""

    def controls(self, request: AttackRequest, before: Mapping[int, Controls]) -> list[Controls]:
        """The controls of some attackers."""
        ...

    def outcomes(
        self,
        request: AttackRequest,
        stages: EngineStages,
        controls: Mapping[int, Controls],
        before: Mapping[int, AttackOutcome],
    ) -> list[AttackOutcome]:
        """The attacks of some attackers on an engine."""
        ...


class LocalAttackRunner:
    """Attacks in the threads of this process; satisfies `AttackRunner`."""

    def __init__(self, context: AuditContext, materials: Materials, reference_percent: float) -> None:
        self._context, self._materials, self._reference_percent = context, materials, reference_percent

    def controls(self, request: AttackRequest, before: Mapping[int, Controls]) -> list[Controls]:
        """See `AttackRunner.controls`."""
        material = self._materials.for_controls

        def one(index: int) -> Controls:
            attacker = self._context.plugins.attackers[index].plugin
            plans = [self._plan(other, before[other]) for other in before]
            earlier = attacks.controls_to_combine(attacker, plans) if attacker.combines else None
            budget = self._context.plan.attack_budget
            with self._calling(index, request.warnings):
                found = attacks.controls_on_originals(attacker, material, self._reference_percent, earlier, budget)
            request.advance()
            return found

        with limited_library_threads(), ThreadPoolExecutor(self._context.threads) as pool:
            return list(pool.map(one, request.indices))

    def outcomes(
        self,
        request: AttackRequest,
        stages: EngineStages,
        controls: Mapping[int, Controls],
        before: Mapping[int, AttackOutcome],
    ) -> list[AttackOutcome]:
        """See `AttackRunner.outcomes`."""
        material, earlier = self._materials.of(stages), list(before.values())

        def one(index: int) -> AttackOutcome:
            with self._calling(index, request.warnings):
                found = attacks.run_attack(self._plan(index, controls[index]), material, earlier)
            request.advance()
            return found

        with limited_library_threads(), ThreadPoolExecutor(self._context.threads) as pool:
            return list(pool.map(one, request.indices))

    def _plan(self, index: int, controls: Controls) -> AttackPlan:
        attacker = self._context.plugins.attackers[index]
        return AttackPlan(attacker.component.label, attacker.plugin, controls, self._context.plan.attack_budget)

    def _calling(self, index: int, warnings: PluginWarnings) -> AbstractContextManager[None]:
        label = self._context.plugins.attackers[index].component.label
        return self._context.process_state.restored_after(f"attacker '{label}'", warnings, thread_safe=True)


class Attacks:
    """The attacks of one audit."""

    def __init__(
        self,
        context: AuditContext,
        stages: StagePlan,
        results: StageResults,
        numbering: Numbering,
        reference_percent: float,
        runner: AttackRunner,
    ) -> None:
        self._context, self._stages, self._results = context, stages, results
        self._numbering, self._reference_percent, self._runner = numbering, reference_percent, runner
        attackers = context.plugins.attackers
        self._combining = [index for index, attacker in enumerate(attackers) if attacker.plugin.combines]
        self._independent = [index for index in range(len(attackers)) if index not in self._combining]

    def run(self) -> list[EngineAttacks]:
        """Run all attacks on every engine; empty without attackers."""
        if self._stages.regions is None:
            return []
        found = [self._run(stages) for stages in self._stages.engines if stages.regions is not None]
        self._discard_parts(self._key(None))
        return found

    def _run(self, stages: EngineStages) -> EngineAttacks:
        key = self._key(stages)
        attacked = self._attacked(key, stages)
        self._discard_parts(key)
        return attacked

    def _discard_parts(self, key: str) -> None:
        """Remove the results that cluster workers stored for this run or an earlier one of the audit."""
        indices = range(len(self._context.plugins.attackers))
        self._context.workspace.discard(key_of_part(key, index) for index in indices)

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
        own = warnings.nested()
        own.include(of_controls.sentences, of_controls.notes)  # per engine, since its result may be used alone
        with self._timed(f"attacks, {label}") as advance:
            request = AttackRequest(key, self._independent, own, advance)
            outcomes = dict(zip(self._independent, self._runner.outcomes(request, stages, controls, {}), strict=True))
            for index in self._combining:  # each may combine the preceding ones
                one = replace(request, indices=[index])
                outcomes[index] = self._runner.outcomes(one, stages, controls, outcomes)[0]
            attacked = self._result(stages, outcomes)
        workspace.save(key, AttacksRecord(attacks=attacked, warnings=own.sentences, notes=own.notes))
        return attacked

    @cached_property
    def _controls(self) -> tuple[dict[int, Controls], PluginWarnings]:
        """Controls of every attacker by index, combining attackers last, and warnings about them."""
        key, own = self._key(None), self._context.warnings.nested()
        with self._timed("controls of attacks") as advance:
            request = AttackRequest(key, self._independent, own, advance)
            controls = dict(zip(self._independent, self._runner.controls(request, {}), strict=True))
            for index in self._combining:
                controls[index] = self._runner.controls(replace(request, indices=[index]), controls)[0]
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
        rows = [_row(outcomes[index], attackers[index]) for index in outcomes]
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
        """Grouping columns: column -> value of each sample."""
        samples = self._context.inspection.samples
        names = dict.fromkeys(name for sample in samples for name, _ in sample.traits)
        columns: dict[str, list[str | None]] = {
            "hand": [sample.hand for sample in samples],
            "session": [sample.session for sample in samples],
        }
        return columns | {name: [dict(sample.traits).get(name) for sample in samples] for name in names}

    def _key(self, engine: EngineStages | None) -> str:
        """Hash of the dependencies of the attacks on an engine, or of the controls on the originals."""
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
        metrics=_with_prefix(best.metrics),
    )


def _with_prefix(metrics: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Metrics of a strongest attack, under the names used in requirements."""
    return {f"{STRONGEST}{name}": estimate for name, estimate in metrics.items()}


def _strongest(found: Strongest, columns: Mapping[str, Sequence[str | None]]) -> StrongestAttack:
    return StrongestAttack(
        attacker=found.attacker,
        attacks=found.attacks,
        p_value=found.p_value,
        metrics=_with_prefix(found.metrics),
        always=found.subjects.always,
        sometimes=found.subjects.sometimes,
        never=found.subjects.never,
        worst=[PersonFound(number=n + 1, share_percent=100 * share) for n, share in found.subjects.worst()],
        groups=attacks.group_success(found.search, columns),
    )
