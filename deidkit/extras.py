"""The optional requirements of this distribution, by the extras that list them."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires

from deidkit import DISTRIBUTION

_LINE = re.compile(r"(?P<requirement>[^;]+);.*extra\s*==\s*['\"](?P<extra>[\w-]+)['\"].*")


def requirements() -> dict[str, list[str]]:
    """Extra -> its requirements, e.g. ``fastapi>=0.115``; nothing where deidkit runs without being installed."""
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return {}
    found: dict[str, list[str]] = {}
    for line in lines:
        if match := _LINE.fullmatch(line.strip()):
            found.setdefault(match["extra"], []).append(match["requirement"].strip())
    return found
