"""The score store: what an audit measured, kept so that it can be read, compared and reported again."""

from deidkit.store.opening import backup, hide_password, open_store, opened_store, schema
from deidkit.store.reading import (
    AuditRow,
    audit_rows,
    find_audit,
    load_contributions,
    load_result,
    load_scores,
    measured,
)
from deidkit.store.writing import (
    AuditRecord,
    FailureRow,
    StoredAudit,
    audits_of,
    finished,
    is_done,
    remove_rows,
    unfinished,
)

__all__ = [
    "AuditRecord",
    "AuditRow",
    "FailureRow",
    "StoredAudit",
    "audit_rows",
    "audits_of",
    "backup",
    "find_audit",
    "finished",
    "hide_password",
    "is_done",
    "load_contributions",
    "load_result",
    "load_scores",
    "measured",
    "open_store",
    "opened_store",
    "remove_rows",
    "schema",
    "unfinished",
]
