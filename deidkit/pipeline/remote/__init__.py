"""Engines in separate processes: whatever one does to its process, the audit continues."""

from __future__ import annotations

from deidkit.pipeline.remote.engine import create, paths_of

__all__ = ["create", "paths_of"]
