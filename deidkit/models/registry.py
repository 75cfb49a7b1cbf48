"""Which models there are: what packages registered in the entry-point group ``deidkit.models``."""

from __future__ import annotations

from collections import Counter

from deidkit.errors import PluginError
from deidkit.models.model import Model
from deidkit.registered import records

GROUP = "deidkit.models"


def installed() -> tuple[Model, ...]:
    """Every model, by name.

    A SHA-256, size or commit stands in one only where it was read from the files themselves.

    Raises:
        PluginError: A package registered something else, or two registered models of one name.
    """
    found = records(GROUP, Model)
    for name, count in Counter(model.name for model in found).items():
        if count > 1:
            raise PluginError(f"{count} packages register a model '{name}' in {GROUP}; uninstall all but one.")
    return tuple(sorted(found, key=lambda model: model.name))
