"""deidkit audits tools that claim to anonymize palm and hand photographs.

import deidkit

found = deidkit.audit("hands/", engines=["blur", lambda picture: 255 - picture], recognizers=["mtcc"])
found.metric("rank_1_percent", engine="blur")
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

DISTRIBUTION = "hand-deid-audit"
"""Name of the package on an index; ``deidkit`` there is an unrelated program."""

try:
    __version__ = version(DISTRIBUTION)
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

_PUBLIC = {
    "Audit": "deidkit.api",
    "DeidkitError": "deidkit.errors",
    "audit": "deidkit.api",
    "compare": "deidkit.api",
    "deidentify": "deidkit.api",
    "load": "deidkit.api",
    "match": "deidkit.api",
    "metrics": "deidkit.api",
}
"""Name -> module it is imported from when it is first asked for, so that ``import deidkit`` costs nothing."""

__all__ = ["Audit", "DeidkitError", "__version__", "audit", "compare", "deidentify", "load", "match", "metrics"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'deidkit' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
