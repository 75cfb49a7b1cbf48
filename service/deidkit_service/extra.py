"""Names the packages to install where the service's own requirements are missing."""

from __future__ import annotations

import importlib.util

from deidkit import extras
from deidkit.errors import MissingDependency

MODULES = ("fastapi", "python_multipart", "uvicorn")


def check_extra(what: str) -> None:
    """Raise MissingDependency, with the requirements by their own names, where a module is missing."""
    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if missing:
        listed = extras.requirements().get("service", [])
        needed = " ".join(f"'{requirement}'" for requirement in listed) or " ".join(missing)
        raise MissingDependency(f"{what} needs {' and '.join(missing)}. Install with: pip install {needed}")
