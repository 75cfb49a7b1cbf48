"""Engines in a process of their own: whatever one does to its process, the audit goes on."""

from __future__ import annotations

from deidkit.pipeline.remote.engine import create, paths_of

__all__ = ["create", "paths_of"]
