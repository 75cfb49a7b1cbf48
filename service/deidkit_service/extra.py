"""Says what the service lacks here: its own requirements, or an operating system that it runs on."""

from __future__ import annotations

import importlib.util

from deidkit import extras
from deidkit.errors import MissingDependency, UsageError
from deidkit.processors import has_process_groups

MODULES = ("fastapi", "python_multipart", "uvicorn")


def check_extra(what: str) -> None:
    """Raise MissingDependency, with the requirements by their own names, where a module is missing."""
    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if missing:
        listed = extras.requirements().get("service", [])
        needed = " ".join(f"'{requirement}'" for requirement in listed) or " ".join(missing)
        raise MissingDependency(f"{what} needs {' and '.join(missing)}. Install with: pip install {needed}")


def check_system(what: str) -> None:
    """Raise UsageError where a worker could not interrupt its own audit, nor notice that its server has ended."""
    if not has_process_groups():
        raise UsageError(f"{what} runs on Linux and macOS only; 'deidkit submit' and the pages work from any system.")
