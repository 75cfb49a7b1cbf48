"""The result of an audit: every number in every report, and all that is needed to repeat it.

The JSON report is exactly `AuditResult`; the HTML, CSV and LaTeX reports read nothing else.
"""

from deidkit.result.attacks import (
    AttackControl,
    AttackResult,
    EngineAttacks,
    GroupFound,
    PersonFound,
    PooledPoint,
    StrongestAttack,
    TierAttacks,
)
from deidkit.result.audit import SCHEMA_VERSION, AuditResult
from deidkit.result.components import Component, DatasetSummary, Exclusion, Provenance
from deidkit.result.estimates import Curve, Estimate, Histogram
from deidkit.result.measured import (
    Cell,
    CoverageFinding,
    EngineResult,
    FailureCount,
    GalleryItem,
    RecognizerResult,
    Timing,
    Weight,
)
from deidkit.result.rows import Row, rows
from deidkit.result.verdict import EngineVerdict, Requirement, Status, Verdict

__all__ = [
    "SCHEMA_VERSION",
    "AttackControl",
    "AttackResult",
    "AuditResult",
    "Cell",
    "Component",
    "CoverageFinding",
    "Curve",
    "DatasetSummary",
    "EngineAttacks",
    "EngineResult",
    "EngineVerdict",
    "Estimate",
    "Exclusion",
    "FailureCount",
    "GalleryItem",
    "GroupFound",
    "Histogram",
    "PersonFound",
    "PooledPoint",
    "Provenance",
    "RecognizerResult",
    "Requirement",
    "Row",
    "Status",
    "StrongestAttack",
    "TierAttacks",
    "Timing",
    "Verdict",
    "Weight",
    "rows",
]
