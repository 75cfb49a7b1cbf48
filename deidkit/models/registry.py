"""Which models there are: what packages registered in the entry-point group ``deidkit.models``."""

from __future__ import annotations

from deidkit.models.model import Model
from deidkit.registered import records

GROUP = "deidkit.models"


def installed() -> tuple[Model, ...]:
    """Every model, by name.

    A SHA-256, size or commit stands in one only where it was read from the files themselves.

    Raises:
        PluginError: A package registered something else, or two registered models of one name.
    """
    return tuple(sorted(records(GROUP, Model), key=lambda model: model.name))
