"""Explanations of database errors, with remedies."""

from __future__ import annotations

REMEDIES = {
    "25006": "It is read-only, such as a standby; name the primary server.",
    "42501": "Connect as the user who owns the database, or let the owner grant this user its schema and tables.",
}
"""SQLSTATE -> remedy; codes of the SQL standard and of PostgreSQL."""

CHECK = (
    "Check that the server runs and has a free connection, and its address, the name of the database, the user and "
    "the password (~/.pgpass or PGPASSWORD)."
)
"""Remedy for an unreachable server, which has no code."""


def cause(error: Exception) -> str:
    """First line of the database's message, without a full stop."""
    message = str(getattr(error, "orig", None) or error) or type(error).__name__
    return message.splitlines()[0].rstrip(".")


def remedy(error: Exception, otherwise: str) -> str:
    """Remedy for an error; `otherwise` if its code is unknown."""
    origin = getattr(error, "orig", None)
    state = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None)
    return REMEDIES.get(state or "", otherwise)
