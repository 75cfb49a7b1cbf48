"""Names the packages to install where the service's own requirements are missing."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import PackageNotFoundError, requires

from deidkit.errors import MissingDependency

MODULES = ("fastapi", "python_multipart", "uvicorn")

DISTRIBUTION = "hand-deid-audit"


def check_extra(what: str) -> None:
    """Raise MissingDependency, with the requirements by their own names, where a module is missing."""
    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if missing:
        needed = " ".join(f"'{requirement}'" for requirement in _requirements()) or " ".join(missing)
        raise MissingDependency(f"{what} needs {' and '.join(missing)}. Install with: pip install {needed}")


def _requirements() -> list[str]:
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return []
    found = [re.fullmatch(r"(?P<requirement>[^;]+);\s*extra\s*==\s*['\"]service['\"]", line.strip()) for line in lines]
    return [match["requirement"].strip() for match in found if match]
