"""Sets of attackers, which packages register in the entry-point group ``deidkit.attack_sets``."""

from __future__ import annotations

from collections.abc import Sequence

from deidkit.errors import PluginError, UsageError
from deidkit.registered import distribution, entries, sequence

GROUP = "deidkit.attack_sets"

NONE = "none"
"""The set without attackers."""


def set_names() -> list[str]:
    """The names of all sets."""
    return [*dict.fromkeys(entry.name for entry in entries(GROUP)), NONE]


def attackers_of(name: str) -> Sequence[str]:
    """The attackers of a set, as a user writes them.

    Raises:
        UsageError: There is no such set.
        PluginError: Its package is broken, or several packages claim the name.
    """
    if name == NONE:
        return ()
    found = [entry for entry in entries(GROUP) if entry.name == name]
    if not found:
        raise UsageError(f"no set of attackers is named '{name}'. The sets: {', '.join(set_names())}.")
    if len(found) > 1:
        claimants = " and ".join(distribution(entry) for entry in found)
        raise PluginError(f"the set of attackers '{name}' is claimed by {claimants}; uninstall one of them.")
    return sequence(found[0], str)
