"""From stage results to the result of an audit: comparison, metrics, verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import numpy as np

from deidkit.comparison import Templates
from deidkit.errors import DatasetError
from deidkit.measures import Acquisition, CellScores, Contributions, IntervalSettings, MetricKey, cell_metrics
from deidkit.measures.evidence import Influence
from deidkit.pipeline import provenance, scoring, summary
from deidkit.pipeline.attack_material import Materials
from deidkit.pipeline.attacking import AttackRunner, Attacks, LocalAttackRunner
from deidkit.pipeline.cluster import ClusterAttackRunner
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.engine_calls import seeds_of
from deidkit.pipeline.numbering import number
from deidkit.pipeline.records import TemplatesRecord
from deidkit.pipeline.scoring import OriginalScores
from deidkit.pipeline.stage_plan import EngineStages, RecognizerStages, StagePlan
from deidkit.pipeline.stages import Stage, StageResults
from deidkit.pipeline.summary import EngineSummaries, EngineSummary, FailureLog
from deidkit.result import SCHEMA_VERSION, AuditResult, Cell, Component, EngineAttacks, RecognizerResult
from deidkit.store import AuditRecord, FailureRow
from deidkit.verdict import Evidence, Policy, evidence_notes, judge


@dataclass(frozen=True)
class Evaluation:
    """Result of an audit, with the further data that are stored and written.

    Attributes:
        failures: All pictures without a result at some stage.
        engines: Summary of each engine, with the pictures to show.
        contributions: Contribution of each person to each metric.
    """

    result: AuditResult
    failures: list[FailureRow]
    engines: list[EngineSummary]
    contributions: Contributions


class Evaluator:
    """Compares templates and computes metrics from the stage results."""

    def __init__(self, context: AuditContext, stages: StagePlan, results: StageResults, record: AuditRecord) -> None:
        self._context, self._stages, self._results, self._record = context, stages, results, record
        self._numbering = number(context.inspection.samples)
        self._settings = IntervalSettings()
        self._failures = FailureLog()
        self._contributions: dict[MetricKey, Influence] = {}

    def run(self, run: provenance.Run, policy: Policy) -> Evaluation:
        """Compute the result. Raises DatasetError if a recognizer got no template of any original."""
        context = self._context
        recognizers, cells = self._recognition()
        originals = summary.originals(context, self._stages, self._results)
        summaries = EngineSummaries(context, self._results, originals.pictures, self._failures)
        engines = [summaries.of(stages) for stages in self._stages.engines]
        engine_results = [engine.result for engine in engines]
        for engine in engines:
            for scope, found in engine.contributions.items():
                self._keep(scope, engine.result.component.label, "", found)
        attacked = self._attacks(recognizers)
        context.process_state.restored_now(context.warnings)
        warnings = context.warnings.sentences
        evidence = Evidence(
            recognizers=recognizers, engines=engine_results, cells=cells, warnings=warnings, attacks=attacked
        )
        result = AuditResult(
            schema_version=SCHEMA_VERSION,
            audit_id=context.audit_id,
            provenance=provenance.collect(run, context, datetime.now(UTC)),
            dataset=originals.dataset,
            hand_analysis=context.plugins.analysis_components,
            quality_measures=[measure.component for measure in context.plugins.quality],
            recognizers=recognizers,
            engines=engine_results,
            cells=cells,
            failures=self._failures.counts(),
            timings=context.clock.timings,
            verdict=judge(policy, evidence),
            notes=[*self._sampled(), *evidence_notes(evidence), *map(_as_sentence, context.warnings.notes)],
            raised=list(warnings),
            attackers=[attacker.component for attacker in context.plugins.attackers],
            attacks=attacked,
        )
        return Evaluation(result, self._failures.rows, engines, self._contributions)

    def _sampled(self) -> list[str]:
        pairs = self._context.plan.sample_pairs
        if pairs is None:
            return []
        return [
            f"Where there are more than {pairs} comparisons among originals, of copies with originals or among copies, "
            "a sample of them was made (--sample-pairs): every person was compared with equally many others, drawn at "
            "random. The intervals include it; identification was not computed."
        ]

    def _attacks(self, recognizers: list[RecognizerResult]) -> list[EngineAttacks]:
        ranks = [recognizer.metrics["rank_1_percent"].value for recognizer in recognizers]
        reference = max((rank for rank in ranks if rank is not None), default=100.0)
        with self._runner(reference) as runner:
            return Attacks(self._context, self._stages, self._results, self._numbering, reference, runner).run()

    def _runner(self, reference: float) -> AbstractContextManager[AttackRunner]:
        """Run attacks on the cluster's workers, or in this process's threads."""
        context, stages, results = self._context, self._stages, self._results
        if context.cluster:
            return ClusterAttackRunner(context, stages, results, reference)
        return nullcontext(LocalAttackRunner(context, Materials(context, stages, results, self._numbering), reference))

    def _recognition(self) -> tuple[list[RecognizerResult], list[Cell]]:
        recognizers: list[RecognizerResult] = []
        cells: list[Cell] = []
        for stages in self._stages.recognizers:
            of_originals = self._compared_originals(stages)
            with self._timed(stages.recognizer.component.label):
                measured = scoring.measure_originals(of_originals, self._settings)
                recognizers.append(scoring.recognizer_result(of_originals, measured))
            self._keep("recognizer", "", stages.recognizer.component.label, measured.contributions)
            cells += [self._cell(engine, of_originals) for engine in self._stages.engines]
        return recognizers, cells

    def _compared_originals(self, stages: RecognizerStages) -> OriginalScores:
        recognizer = stages.recognizer
        templates, records = self._templates(stages.templates, None)
        if templates is None:
            raise DatasetError(summary.nothing_acquired(recognizer.component, records))
        with self._context.clock.time(f"comparison, {recognizer.component.label}", len(templates)):
            acquisition = Acquisition.of(self._numbering.subjects, templates.subjects)
            scores = scoring.compare_originals(recognizer, templates, acquisition, self._context)
        stored = scoring.original_sets(scores)
        self._record.scores(recognizer.component, None, stored, recognizer.plugin.score_range)
        return scores

    def _cell(self, stages: EngineStages, of_originals: OriginalScores) -> Cell:
        engine, recognizer = stages.engine, of_originals.recognizer
        seeds = seeds_of(engine.plugin, self._context.plan.seeds)
        attempted = np.repeat(self._numbering.subjects, len(seeds))
        copies, records = self._templates(stages.templates[recognizer.component.label], engine.component)
        if copies is None:
            pairs, acquisition = of_originals.pairs, Acquisition.of(attempted, attempted[:0])
            scores = CellScores(pairs.same_identity, pairs.different_identity)
            return self._measured(engine.component, of_originals, scores, acquisition)
        name = f"{engine.component.label} x {recognizer.component.label}"
        with self._context.clock.time(f"comparison, {name}", len(copies)):
            scores = scoring.compare_copies(of_originals, copies, self._context)
        stored = scoring.copy_sets(scores)
        self._record.scores(recognizer.component, engine.component, stored, recognizer.plugin.score_range)
        with self._timed(name):
            acquisition = Acquisition.of(attempted, scoring.acquired_subjects(records, self._numbering))
            return self._measured(engine.component, of_originals, scores, acquisition)

    def _measured(
        self, engine: Component, of_originals: OriginalScores, scores: CellScores, acquisition: Acquisition
    ) -> Cell:
        measured = cell_metrics(scores, acquisition, self._settings)
        self._keep("cell", engine.label, of_originals.recognizer.component.label, measured.contributions)
        return scoring.cell(engine, of_originals, scores, acquisition, measured)

    def _keep(self, scope: str, engine: str, recognizer: str, found: Mapping[str, Influence]) -> None:
        self._contributions |= {MetricKey(scope, engine, recognizer, name): found[name] for name in found}

    def _templates(
        self, stage: Stage[TemplatesRecord], engine: Component | None
    ) -> tuple[Templates | None, list[TemplatesRecord]]:
        records = list(self._results.of(stage))
        for record in records:
            self._failures.add(engine, record.failures)
        templates = scoring.gathered(records, self._numbering)
        # Drop the templates from the records to save memory; only their numbers are needed from here on.
        return templates, [msgspec.structs.replace(record, templates=None) for record in records]

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        stage = f"metrics, {name}"
        with self._context.clock.time(stage, 1), self._context.progress.stage(stage, 1) as progress:
            yield
            progress.advance()


def _as_sentence(note: str) -> str:
    return f"{note[0].upper()}{note[1:]}."
