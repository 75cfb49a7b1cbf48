"""The main job: audit anonymizers on a data set against recognizers."""

from deidkit.audit.abandoned import remove_audit
from deidkit.audit.deidentification import CopyOutcome, Deidentification, DeidentificationPlan, deidentify
from deidkit.audit.plan import AuditPlan
from deidkit.audit.plugin_set import build_analysis, open_dataset
from deidkit.audit.reports import write_reports
from deidkit.audit.run import Execution, Outcome, run_audit

__all__ = [
    "AuditPlan",
    "CopyOutcome",
    "Deidentification",
    "DeidentificationPlan",
    "Execution",
    "Outcome",
    "build_analysis",
    "deidentify",
    "open_dataset",
    "remove_audit",
    "run_audit",
    "write_reports",
]
