"""Engines in separate processes: a crash of an engine does not end the audit."""

from __future__ import annotations

from deidkit.pipeline.remote.engine import create, paths_of

__all__ = ["create", "paths_of"]
