"""The main job: audit anonymizers on a data set against recognizers."""

from deidkit.pipeline.abandoned import remove_audit, temporary_folder, was_killed
from deidkit.pipeline.copying import CopyOutcome, DeidentificationPlan
from deidkit.pipeline.deidentification import Deidentification, deidentify
from deidkit.pipeline.plan import AuditPlan
from deidkit.pipeline.plugin_set import build_analysis, open_dataset
from deidkit.pipeline.reports import write_reports
from deidkit.pipeline.run import Execution, Outcome, is_interrupted, run_audit

__all__ = [
    "AuditPlan",
    "CopyOutcome",
    "Deidentification",
    "DeidentificationPlan",
    "Execution",
    "Outcome",
    "build_analysis",
    "deidentify",
    "is_interrupted",
    "open_dataset",
    "remove_audit",
    "run_audit",
    "temporary_folder",
    "was_killed",
    "write_reports",
]
