"""What packages register beside their plugins: model files, metrics, sets of attackers; deidkit's own in the same way.

An entry point of such a group names a sequence of records in a module that is quick to import: what can be fetched,
required or listed is known without the plugin, and without what that needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from deidkit.errors import PluginError

R = TypeVar("R")


def entries(group: str) -> list[EntryPoint]:
    """The entry points of a group, by name; imports none of them."""
    return sorted(entry_points(group=group), key=lambda entry: (entry.name, distribution(entry)))


def distribution(entry: EntryPoint) -> str:
    """Package and version that registered an entry point."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


@cache
def records(group: str, kind: type[R]) -> tuple[R, ...]:
    """Every record that packages registered in a group.

    Raises:
        PluginError: One cannot be imported, or is of another type; the message names the package.
    """
    return tuple(record for entry in entries(group) for record in sequence(entry, kind))


def sequence(entry: EntryPoint, kind: type[R]) -> Sequence[R]:
    """What one entry point registers. Raises PluginError as `records`."""
    named = f"'{entry.name}' in {entry.group}, registered by {distribution(entry)},"
    try:
        found = entry.load()
    except Exception as error:
        raise PluginError(f"{named} cannot be imported: {error!r}; update or uninstall that package.") from error
    if not isinstance(found, list | tuple) or not all(isinstance(record, kind) for record in found):
        raise PluginError(f"{named} is no sequence of {kind.__name__}; tell its authors.")
    return found
