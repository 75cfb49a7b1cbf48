"""Checks that the service's optional requirements are installed and that it runs on this operating system."""

from __future__ import annotations

import importlib.util

from deidkit import extras
from deidkit.errors import MissingDependency, UsageError
from deidkit.processors import has_process_groups

MODULES = ("fastapi", "python_multipart", "uvicorn")


def check_extra(what: str) -> None:
    """Raise MissingDependency, which names the packages to install, if a module is missing."""
    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if missing:
        listed = extras.requirements().get("service", [])
        needed = " ".join(f"'{requirement}'" for requirement in listed) or " ".join(missing)
        raise MissingDependency(f"{what} needs {' and '.join(missing)}. Install with: pip install {needed}")


def check_system(what: str) -> None:
    """Raise UsageError on systems where a worker could neither interrupt its audit nor notice that its server ended."""
    if not has_process_groups():
        raise UsageError(f"{what} runs on Linux and macOS only; 'deidkit submit' and the pages work from any system.")
