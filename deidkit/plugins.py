"""Finds plugins through entry points; deidkit's own come in by the same door as anyone's."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import Any

from deidkit import options, protocols
from deidkit.errors import DeidkitError, PluginError
from deidkit.models.record import content
from deidkit.result import Component

CONTRACTS: dict[str, type] = {
    "engine": protocols.Engine,
    "recognizer": protocols.Recognizer,
    "dataset": protocols.Dataset,
    "hand_analyzer": protocols.HandAnalyzer,
    "segmenter": protocols.Segmenter,
    "roi_rule": protocols.RoiRule,
    "quality_measure": protocols.QualityMeasure,
    "report": protocols.ReportWriter,
    "trainer": protocols.Trainer,
}
"""Kind of plugin -> what it must offer. The entry-point group is ``deidkit.<kind>s``."""


def installed(kind: str) -> list[EntryPoint]:
    """Every plugin of a kind, by name; imports none of them."""
    return sorted(entry_points(group=f"deidkit.{kind}s"), key=lambda entry: (entry.name, distribution(entry)))


def distribution(entry: EntryPoint) -> str:
    """Package and version that registered a plugin."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def find(kind: str, name: str) -> EntryPoint:
    """The one plugin of a name, not yet imported.

    Raises:
        PluginError: None has that name, or several packages claim it.
    """
    everything = installed(kind)
    found = [entry for entry in everything if entry.name == name]
    spoken = kind.replace("_", " ")
    if not found:
        names = sorted({entry.name for entry in everything})
        near = get_close_matches(name, names, n=1)
        meant = f" Did you mean '{near[0]}'?" if near else ""
        raise PluginError(f"no {spoken} is named '{name}'.{meant} Installed: {', '.join(names) or 'none'}.")
    if len(found) > 1:
        claimants = " and ".join(distribution(entry) for entry in found)
        raise PluginError(
            f"{spoken} '{name}' is claimed by {claimants}; an audit must know which one it measured: "
            "uninstall one of them."
        )
    return found[0]


def load(kind: str, name: str) -> type:
    """Import the class of a plugin.

    Raises:
        PluginError: It is unknown, ambiguous, or does not import; the message names the package and the remedy.
    """
    entry = find(kind, name)
    spoken = f"{kind.replace('_', ' ')} '{name}'"
    try:
        loaded = entry.load()
    except ModuleNotFoundError as error:
        raise _missing(kind, entry, error) from error
    except DeidkitError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{spoken} of {distribution(entry)} failed to import: {error!r}.") from error
    if not isinstance(loaded, type):
        raise PluginError(f"{spoken} of {distribution(entry)} is broken: {entry.value} is not a class.")
    return loaded


@contextmanager
def kept_going() -> Iterator[None]:
    """Where a plugin ends the process, raise a PluginError instead: it could pass for a success."""
    try:
        yield
    except SystemExit as error:
        raise ended_by(error) from error


@kept_going()
def create(
    kind: str,
    text: str,
    extra: Mapping[str, Any] | None = None,
    *,
    note: Callable[[str], None] = lambda sentence: None,
) -> tuple[Any, Component]:
    """Make a plugin from ``name:options``, let it prepare, and describe it.

    A plugin that has to fetch or load something offers ``prepare(note)``; one that uses model files offers
    ``weight_files()``, a mapping from a name to a path, for their hashes; one about which a reader must know
    something, such as what its weights were trained on, offers ``remark()``, a clause that stands in the report; one
    with options that leave something to the machine, such as ``device=auto``, offers ``resolved()``, a mapping from
    their names to what they meant here, which is recorded in their place.

    Args:
        kind: One of `CONTRACTS`.
        text: As the user wrote it.
        extra: Options that are already typed, e.g. from a configuration file.
        note: Called with one sentence where preparing takes a while.

    Raises:
        PluginError: It cannot be loaded or breaks its contract.
        UsageError: An option is wrong.
        MissingModel: A model file is missing and cannot be fetched.
    """
    spec = options.Spec.parse(text)
    spoken = f"{kind.replace('_', ' ')} '{spec.name}'"
    plugin = options.build(load(kind, spec.name), spec.rest, what=spoken, extra=extra)
    check(kind, spec.name, plugin)
    prepare: Callable[[Callable[[str], None]], object] | None = getattr(plugin, "prepare", None)
    if prepare is not None:
        try:
            prepare(note)
        except ModuleNotFoundError as error:
            raise _missing(kind, find(kind, spec.name), error) from error
    return plugin, describe(kind, spec.name, plugin)


def check(kind: str, name: str, plugin: Any) -> None:
    """Hold a plugin against its contract by what it offers, without running it.

    Raises:
        PluginError: Something is missing; the message names it.
    """
    _refuse(kind, name, [member for member in _members(kind) if not hasattr(plugin, member)])


def check_class(kind: str, name: str, plugin: type) -> None:
    """Like `check`, for a class that was not instantiated: its methods only.

    Raises:
        PluginError: A method is missing; the message names it.
    """
    methods = [member for member in _members(kind) if callable(getattr(CONTRACTS[kind], member, None))]
    _refuse(kind, name, [member for member in methods if not hasattr(plugin, member)])


def _members(kind: str) -> list[str]:
    contract = CONTRACTS[kind]
    return sorted({*contract.__annotations__, *(name for name in vars(contract) if not name.startswith("_"))})


def _refuse(kind: str, name: str, missing: list[str]) -> None:
    if missing:
        raise PluginError(
            f"{kind.replace('_', ' ')} '{name}' of {distribution(find(kind, name))} breaks its contract: "
            f"it has no {', '.join(missing)}."
        )


def describe(kind: str, name: str, plugin: Any) -> Component:
    """A plugin as a report names it, with every option and the hash of every weight file."""
    weights: Mapping[str, Path] = getattr(plugin, "weight_files", dict)()
    return Component(
        kind=kind,
        name=name,
        label=options.label(name, plugin),
        version=plugin.version,
        distribution=distribution(find(kind, name)),
        options=options.values(plugin) | getattr(plugin, "resolved", dict)(),
        weights={label: content(path).sha256 for label, path in weights.items()},
        control=bool(getattr(plugin, "control", False)),
        remark=getattr(plugin, "remark", str)(),
    )


def ended_by(error: SystemExit) -> PluginError:
    """What to say of a plugin that ended the process, which could pass for a success, instead of raising an error."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return PluginError(
        f"{_whose(frames)} ended the process (exit code {error.code}) instead of raising an error; tell its authors."
    )


def _whose(frames: Sequence[FrameType]) -> str:
    """The plugin that was at work, by the innermost method of one; else by its package."""
    entries = [(kind, entry) for kind in CONTRACTS for entry in installed(kind)]
    for frame in reversed(frames):
        made_of = type(frame.f_locals.get("self"))
        for kind, entry in entries:
            if getattr(sys.modules.get(entry.module), entry.attr, None) is made_of:
                return f"{kind.replace('_', ' ')} '{entry.name}' of {distribution(entry)}"
    packages = {str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame in frames} - {"deidkit"}
    found = [entry for _, entry in entries if entry.module.partition(".")[0] in packages]
    return f"a plugin of {distribution(found[0])}" if found else "a plugin"


def _missing(kind: str, entry: EntryPoint, error: ModuleNotFoundError) -> PluginError:
    """What to say where a plugin's module, or one that it needs, is not there."""
    spoken, missing = f"{kind.replace('_', ' ')} '{entry.name}'", (error.name or "").partition(".")[0]
    if missing == entry.module.partition(".")[0]:
        return PluginError(f"{spoken} of {distribution(entry)} is broken: {error}.")
    return PluginError(f"{spoken} needs '{missing}'. Install it with: pip install '{_requirement(entry, missing)}'")


def _requirement(entry: EntryPoint, missing: str) -> str:
    """The extra named after the plugin or its folder, or the smallest that brings what is missing; else the package."""
    if entry.dist is None:
        return entry.value
    extras = entry.dist.metadata.get_all("Provides-Extra") or []
    wanted = [entry.name, *entry.module.split(".")[1:]]
    lines = [found.groups() for line in entry.dist.requires or [] if (found := _OF_EXTRA.match(line))]
    size = Counter(extra for _, extra in lines)
    brings = sorted((extra for name, extra in lines if name == missing), key=lambda extra: (size[extra], extra))
    extra = next((name for name in [*wanted, *brings] if name in extras), None)
    return f"{entry.dist.name}[{extra}]" if extra else entry.dist.name


_OF_EXTRA = re.compile(r"([\w.-]+).*;.*\bextra\s*==\s*[\"']([\w.-]+)[\"']")
"""A requirement of an extra, as a package's metadata hold it."""
