"""Records that packages register besides their plugins, deidkit's own included: models, metrics, sets of attackers.

An entry point of such a group names a sequence of records in a module that is quick to import: what can be fetched,
required or listed is known without the plugin, and without what that needs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.metadata import Distribution, EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import Protocol, TypeVar, cast

from deidkit.errors import PluginError


class Named(Protocol):
    """A record with a name."""

    @property
    def name(self) -> str:
        """Of the record, once in its group."""
        ...


R = TypeVar("R")
N = TypeVar("N", bound=Named)


def entries(group: str) -> list[EntryPoint]:
    """The entry points of a group, by name; imports none of them."""
    return list(_entries(group, tuple(_path_and_time(path) for path in sys.path)))


@lru_cache(maxsize=64)
def _entries(group: str, places: tuple[tuple[str, int], ...]) -> list[EntryPoint]:
    """As `entries`, once for as long as nothing is installed: the metadata of all packages are read for it."""
    return sorted(_all_entry_points(places).select(group=group), key=lambda entry: (entry.name, distribution(entry)))


@lru_cache(maxsize=1)
def _all_entry_points(places: tuple[tuple[str, int], ...]) -> EntryPoints:
    return cast(EntryPoints, entry_points())  # the stubs know what Python 3.9 gave


def _path_and_time(path: str) -> tuple[str, int]:
    """A folder or archive of modules, and when something was last put into it."""
    try:
        return path, Path(path or os.curdir).stat().st_mtime_ns
    except OSError:
        return path, 0


def distribution(entry: EntryPoint) -> str:
    """Package and version that registered an entry point."""
    return _name_and_version(entry.dist) if entry.dist else entry.value


@lru_cache(maxsize=64)
def _name_and_version(package: Distribution) -> str:
    """Package and version; reading its metadata takes a while."""
    return f"{package.name} {package.version}"


@cache
def records(group: str, kind: type[N], taken: frozenset[str] = frozenset()) -> tuple[N, ...]:
    """Every record that packages registered in a group.

    Raises:
        PluginError: One cannot be imported, is of another type, or has a name that is taken; the message names the
            package.
    """
    found: dict[str, N] = {}
    owners: dict[str, str] = {}
    for entry in entries(group):
        for record in sequence(entry, kind):
            if record.name in taken or record.name in found:
                raise PluginError(
                    f"'{record.name}' in {group} is registered by {owners.get(record.name, 'deidkit itself')} and by "
                    f"{distribution(entry)}; uninstall the one that you do not mean, or report it to its authors."
                )
            found[record.name], owners[record.name] = record, distribution(entry)
    return tuple(found.values())


def sequence(entry: EntryPoint, kind: type[R]) -> Sequence[R]:
    """What one entry point registers. Raises PluginError as `records`."""
    named = f"'{entry.name}' in {entry.group}, registered by {distribution(entry)},"
    try:
        found = entry.load()
    except (Exception, SystemExit) as error:
        raise PluginError(f"{named} cannot be imported: {error!r}; update or uninstall that package.") from error
    if not isinstance(found, list | tuple) or not all(isinstance(record, kind) for record in found):
        raise PluginError(f"{named} is not a sequence of {kind.__name__}; report it to its authors.")
    return found
