"""Runs the attacks of an audit: controls once on the originals, then every attacker on the copies of each engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from deidkit import attacks
from deidkit.attacks import (
    Attacker,
    AttackMaterial,
    AttackOutcome,
    AttackPlan,
    Labels,
    OfTier,
    Pictures,
    Resampling,
    Strongest,
)
from deidkit.errors import NotComputable
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.records import AttacksRecord, RegionsRecord
from deidkit.pipeline.scoring import Numbering
from deidkit.pipeline.stage_plan import EngineStages, StagePlan
from deidkit.pipeline.stages import StageResults
from deidkit.pipeline.workspace import key_of
from deidkit.plugins import Loaded, create
from deidkit.protocols import Recognizer
from deidkit.result import (
    AttackControl,
    AttackResult,
    Component,
    EngineAttacks,
    Estimate,
    GroupFound,
    PersonFound,
    StrongestAttack,
    TierAttacks,
)
from deidkit.verdict import STRONGEST

FOLD_SEED = 0
"""Of the deal of subjects into folds, and of whatever attackers draw."""


@dataclass(frozen=True)
class _Prepared:
    """What does not depend on the engine."""

    material: AttackMaterial
    plans: list[AttackPlan]


class Attacks:
    """The attacks of one audit.

    Args:
        context: The audit.
        stages: Its stages.
        results: Their results.
        numbering: Whose samples they are.
    """

    def __init__(self, context: AuditContext, stages: StagePlan, results: StageResults, numbering: Numbering) -> None:
        self._context, self._stages, self._results = context, stages, results
        self._numbering = numbering
        self._prepared: _Prepared | None = None
        self._recruits: dict[str, Recognizer] = {}
        self._recruiting = Lock()

    def on(self, stages: EngineStages, reference_percent: float) -> EngineAttacks | None:
        """All attacks on one engine; None where no attack is made.

        Args:
            stages: Of the engine.
            reference_percent: Rank-1 identification rate of the best recognizer among originals.
        """
        if stages.regions is None or self._stages.regions is None:
            return None
        workspace = self._context.workspace
        key = self._key(stages, reference_percent)
        stored = workspace.load(key, AttacksRecord)
        if stored is not None:
            return stored.attacks
        label = stages.engine.component.label
        records = list(self._results.of(stages.regions))
        if not sum(len(record.numbers) for record in records):
            return EngineAttacks(engine=label, attacks=[], strongest=None, reason="no copy was made")
        count = len(self._context.plugins.attackers)
        with (
            self._context.progress.stage(f"attacks, {label}", count) as progress,
            self._context.clock.time(f"attacks, {label}", count),
        ):
            found = self._attacked(stages, self._pictures(records), reference_percent, progress.advance)
        workspace.save(key, AttacksRecord(attacks=found))
        return found

    def _attacked(
        self, stages: EngineStages, copies: Pictures, reference_percent: float, advance: Callable[[], None]
    ) -> EngineAttacks:
        label = stages.engine.component.label
        own = list(self._results.of(stages.own_copies)) if stages.own_copies else []
        calls = sum(record.calls for record in own)
        prepared = self._prepare(reference_percent)
        material = AttackMaterial(
            originals=prepared.material.originals,
            copies=copies,
            folds=prepared.material.folds,
            recognizers=prepared.material.recognizers,
            own=self._pictures([record.regions for record in own]) if any(r.regions.numbers for r in own) else None,
            recruit=prepared.material.recruit,
            seed=FOLD_SEED,
            cancelled=self._context.plugins.cancelled.is_set,
            memo=prepared.material.memo,
        )
        alone = [plan for plan in prepared.plans if not plan.attacker.combines]
        with self._pool() as pool:

            def one(plan: AttackPlan) -> AttackOutcome:
                with self._calling(plan.name):
                    outcome = attacks.run_attack(plan, material)
                advance()
                return outcome

            outcomes = list(pool.map(one, alone))
        for plan in prepared.plans[len(alone) :]:
            with self._calling(plan.name):
                outcomes.append(attacks.run_attack(plan, material, outcomes))
            advance()
        components = {attacker.component.label: attacker.component for attacker in self._context.plugins.attackers}
        rows = [_result(outcome, components[outcome.attacker], prepared.plans) for outcome in outcomes]
        tiers = [_of_tier(found) for found in attacks.strongest_by_tier(outcomes, Resampling())]
        best, reason = None, ""
        try:
            best = _strongest(attacks.strongest(outcomes, Resampling()), self._columns)
        except NotComputable as error:
            reason = str(error)
        return EngineAttacks(engine=label, attacks=rows, strongest=best, reason=reason, calls=calls, tiers=tiers)

    def _prepare(self, reference_percent: float) -> _Prepared:
        if self._prepared is None:
            assert self._stages.regions is not None, "attacks are made where their stages are"
            originals = self._pictures(list(self._results.of(self._stages.regions)))
            plugins = self._context.plugins
            material = AttackMaterial(
                originals=originals,
                copies=originals,
                folds=attacks.identity_folds(originals.labels.subjects, seed=FOLD_SEED),
                recognizers={
                    recognizer.component.label: recognizer.plugin
                    for recognizer in plugins.recognizers
                    if recognizer.plugin.input == "roi"
                },
                recruit=self._recruited,
                seed=FOLD_SEED,
                cancelled=plugins.cancelled.is_set,
            )
            count = len(plugins.attackers)
            with (
                self._context.progress.stage("controls of attacks", count) as progress,
                self._context.clock.time("controls of attacks", count),
            ):
                self._prepared = _Prepared(material, self._plans(material, reference_percent, progress.advance))
        return self._prepared

    def _plans(
        self, material: AttackMaterial, reference_percent: float, advance: Callable[[], None]
    ) -> list[AttackPlan]:
        """Every attack with its controls on the originals; those that combine others last."""
        attackers, budget = self._context.plugins.attackers, self._context.plan.attack_budget
        alone = [attacker for attacker in attackers if not attacker.plugin.combines]
        with self._pool() as pool:

            def one(attacker: Loaded[Attacker]) -> AttackPlan:
                with self._calling(attacker.component.label):
                    found = attacks.controls_on_originals(
                        attacker.plugin, material, reference_percent, budget_seconds=budget
                    )
                advance()
                return AttackPlan(attacker.component.label, attacker.plugin, found, budget)

            plans = list(pool.map(one, alone))
        for attacker in attackers:
            if attacker.plugin.combines:
                earlier = attacks.controls_to_combine(attacker.plugin, plans)
                with self._calling(attacker.component.label):
                    found = attacks.controls_on_originals(attacker.plugin, material, reference_percent, earlier, budget)
                plans.append(AttackPlan(attacker.component.label, attacker.plugin, found, budget))
                advance()
        return plans

    def _recruited(self, name: str) -> Recognizer:
        """A recognizer of the audit by its plain name, else one that is made for the attackers."""
        of_audit = (item for item in self._context.plugins.recognizers if item.component.name == name)
        with self._recruiting:
            if name not in self._recruits:
                chosen = next(of_audit, None) or create("recognizer", name)
                self._recruits[name] = chosen.plugin
            return self._recruits[name]

    def _calling(self, attacker: str) -> AbstractContextManager[None]:
        state, warnings = self._context.process_state, self._context.warnings
        return state.restored_after(f"attacker '{attacker}'", warnings, thread_safe=True)

    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._context.threads)

    def _pictures(self, records: Sequence[RegionsRecord]) -> Pictures:
        samples = np.concatenate([np.asarray(record.numbers, np.int32) for record in records])
        labels = Labels(
            identities=self._numbering.identities[samples],
            subjects=self._numbering.subjects[samples],
            sources=samples,
            seeds=np.concatenate([np.asarray(record.seeds, np.int32) for record in records]),
        )
        contexts = [record.contexts.array for record in records if record.contexts is not None]
        return Pictures(
            regions=_joined([record.regions.array for record in records]),
            labels=labels,
            found=_joined([record.found.array for record in records]),
            contexts=_joined(contexts) if len(contexts) == len(records) else None,
            colours=_coloured(records),
        )

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

    def _key(self, stages: EngineStages, reference_percent: float) -> str:
        assert stages.regions is not None and self._stages.regions is not None
        plugins = self._context.plugins
        return key_of(
            "attacks, by tier",
            self._results.keys_of(self._stages.regions),
            self._results.keys_of(stages.regions),
            self._results.keys_of(stages.own_copies) if stages.own_copies else [],
            [recognizer.component for recognizer in plugins.recognizers],
            [attacker.component for attacker in plugins.attackers],
            stages.engine.component.label,
            reference_percent,
            self._context.plan.attack_budget,
            [self._numbering.identities.tolist(), self._numbering.subjects.tolist(), self._columns],
        )


def _coloured(records: Sequence[RegionsRecord]) -> NDArray[np.uint8] | None:
    """Regions in colours, those of grey batches with three equal channels; None where there are grey pictures alone."""
    if all(record.colours is None for record in records):
        return None
    return _joined(
        [
            np.repeat(record.regions.array[..., None], 3, axis=3) if record.colours is None else record.colours.array
            for record in records
        ]
    )


def _joined(arrays: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return np.concatenate(arrays)


def _result(outcome: AttackOutcome, component: Component, plans: Sequence[AttackPlan]) -> AttackResult:
    attacker = next(plan.attacker for plan in plans if plan.name == outcome.attacker)
    return AttackResult(
        component=component,
        tier=outcome.tier,
        tier_name=attacks.TIERS[outcome.tier],
        knowledge=attacker.knowledge,
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
