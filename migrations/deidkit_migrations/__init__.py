"""Alembic migrations of the score store."""
