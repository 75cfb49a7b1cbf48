"""Finds plugins, makes them and describes them; deidkit's own use the same entry points as any other's.

A plugin is named by its entry point (``blur``), by where its class is (``mymodule:Class``, ``./file.py:Class``), or is
an object that a program made.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, version
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import Any, Generic, NamedTuple, TypeVar

from deidkit import contracts, local_plugins, options, protocols
from deidkit.attacks.contract import Attacker
from deidkit.errors import DeidkitError, MissingPackage, PluginError, did_you_mean
from deidkit.models.record import content
from deidkit.registered import distribution, entries
from deidkit.result import Component
from deidkit.training.contract import Trainer

P = TypeVar("P")

CONTRACTS: dict[str, type[protocols.Plugin]] = {
    "attacker": Attacker,
    "engine": protocols.Engine,
    "recognizer": protocols.Recognizer,
    "dataset": protocols.Dataset,
    "hand_analyzer": protocols.HandAnalyzer,
    "segmenter": protocols.Segmenter,
    "roi_rule": protocols.RoiRule,
    "quality_measure": protocols.QualityMeasure,
    "report": protocols.ReportWriter,
    "trainer": Trainer,
}
"""Kind of plugin -> what it must offer. The entry-point group is ``deidkit.<kind>s``."""


class Loaded(NamedTuple, Generic[P]):
    """A plugin that is ready for use, with its record in reports."""

    plugin: P
    component: Component


def installed(kind: str) -> list[EntryPoint]:
    """Installed plugins of a kind, by name; none is imported."""
    return entries(f"deidkit.{kind}s")


def find(kind: str, name: str) -> EntryPoint:
    """Find the plugin of a name, without importing it.

    Raises:
        PluginError: None has that name, or several packages claim it.
    """
    everything = installed(kind)
    found = [entry for entry in everything if entry.name == name]
    if not found:
        names = sorted({entry.name for entry in everything})
        hint = did_you_mean(name, names)
        raise PluginError(f"no {words(kind)} is named '{name}'.{hint} Installed: {', '.join(names) or 'none'}.")
    if len(found) > 1:
        claimants = " and ".join(distribution(entry) for entry in found)
        raise PluginError(
            f"{words(kind)} '{name}' is claimed by {claimants}; an audit must know which one it measured: "
            "uninstall one of them."
        )
    return found[0]


def words(kind: str) -> str:
    """Name of a kind of plugin in messages."""
    return kind.replace("_", " ")


def load(kind: str, name: str) -> type[Any]:
    """Import the class of a plugin and complete it with the defaults of its contract.

    Raises:
        PluginError: It is unknown, ambiguous, or does not import; the message names the package and the remedy.
    """
    entry = find(kind, name)
    try:
        loaded = entry.load()
    except ModuleNotFoundError as error:
        raise _missing(kind, entry, error) from error
    except DeidkitError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"{words(kind)} '{name}' of {distribution(entry)} failed to import: {error!r}.") from error
    if not isinstance(loaded, type):
        raise PluginError(f"{words(kind)} '{name}' of {distribution(entry)} is broken: {entry.value} is not a class.")
    return contracts.completed(loaded, CONTRACTS[kind])


@contextmanager
def exits_as_errors() -> Iterator[None]:
    """Raise a PluginError if a plugin ends the process, as its exit code might mean success."""
    try:
        yield
    except SystemExit as error:
        raise ended_by(error) from error


@contextmanager
def errors_attributed_to(component: Component, what: str) -> Iterator[None]:
    """Call a plugin within this block: an error that is none of deidkit's becomes one that names the plugin.

    Raises:
        DeidkitError: What the plugin raises, if that is one; a PluginError else.
    """
    try:
        with exits_as_errors():
            yield
    except (DeidkitError, KeyboardInterrupt):
        raise
    except BaseException as error:  # native extensions may raise BaseExceptions
        raise PluginError(
            f"{words(component.kind)} '{component.label}' of {component.distribution} raised {error!r} when asked for "
            f"its {what}; report it to its authors."
        ) from error


@exits_as_errors()
def create(
    kind: str,
    choice: object,
    extra: Mapping[str, object] | None = None,
    *,
    note: Callable[[str], None] = lambda sentence: None,
) -> Loaded[Any]:
    """Make a plugin, let it prepare, and describe it.

    Args:
        kind: One of `CONTRACTS`.
        choice: ``name:options`` as a user writes it, ``module:Class``, ``./file.py:Class``, or an object or, for an
            engine, a function that takes an RGB uint8 picture and returns one.
        extra: Options that are already typed, e.g. from a configuration file.
        note: Called with one sentence where preparing takes a while.

    Raises:
        PluginError: It cannot be loaded or breaks its contract.
        UsageError: An option is wrong.
        MissingModel: A model file is missing and cannot be fetched.
    """
    if not isinstance(choice, str):
        local = local_plugins.of_object(choice, CONTRACTS[kind])
        return _prepared(kind, local.name, local.plugin, local.origin, note)
    if local_plugins.is_reference(choice) and not _is_installed(kind, choice):
        local = local_plugins.of_reference(choice, CONTRACTS[kind])
        return _prepared(kind, local.name, local.plugin, local.origin, note)
    spec = options.Spec.parse(choice)
    cls = load(kind, spec.name)
    plugin = options.build(cls, spec.rest, what=f"{words(kind)} '{spec.name}'", extra=extra)
    return _prepared(kind, spec.name, plugin, local_plugins.Origin(distribution(find(kind, spec.name))), note)


@dataclass(frozen=True)
class Choice:
    """A plugin as a user named it, of which none is made yet.

    Attributes:
        named: What stands before the options.
        name: What reports call it.
        rest: The options, as written.
    """

    named: str
    name: str
    cls: type[Any]
    rest: str

    def label(self, rest: str, what: str) -> str:
        """How a report names one with these options. Raises UsageError where one is wrong."""
        return options.label(self.name, options.build(self.cls, rest, what=what))


def chosen(kind: str, text: str) -> Choice:
    """Find the class that ``name:options``, ``module:Class:options`` or ``./file.py:Class:options`` means.

    Raises:
        PluginError: It cannot be loaded, or is no class.
    """
    if local_plugins.is_reference(text) and not _is_installed(kind, text):
        found = local_plugins.named(text)
        if not isinstance(found.named, type):
            raise PluginError(f"'{found.reference}' is not a class, and has no options.")
        cls = contracts.completed(found.named, CONTRACTS[kind])
        return Choice(found.reference, found.name, cls, found.options)
    spec = options.Spec.parse(text)
    return Choice(spec.name, spec.name, load(kind, spec.name), spec.rest)


def _is_installed(kind: str, choice: str) -> bool:
    name = options.Spec.parse(choice).name
    return any(entry.name == name for entry in installed(kind))


def _prepared(
    kind: str, name: str, plugin: protocols.Plugin, origin: local_plugins.Origin, note: Callable[[str], None]
) -> Loaded[Any]:
    contracts.check(f"{words(kind)} '{name}' of {origin.distribution}", plugin, CONTRACTS[kind])
    try:
        plugin.prepare(note)
    except ModuleNotFoundError as error:
        if origin.files:
            raise PluginError(f"{words(kind)} '{name}' needs '{error.name}', which is not installed.") from error
        raise _missing(kind, find(kind, name), error) from error
    return Loaded(plugin, describe(kind, name, plugin, origin))


def check_class(kind: str, name: str, cls: type) -> None:
    """Check the class of a plugin against its contract without making one: its methods only.

    Raises:
        PluginError: A method is missing; the message names it.
    """
    contracts.check_class(f"{words(kind)} '{name}' of {distribution(find(kind, name))}", cls, CONTRACTS[kind])


def describe(kind: str, name: str, plugin: protocols.Plugin, origin: local_plugins.Origin | None = None) -> Component:
    """A plugin as a report names it, with every option and the hash of every weight file."""
    origin = origin or local_plugins.Origin(distribution(find(kind, name)))
    files: dict[str, Path] = {**origin.files, **plugin.weight_files()}
    return Component(
        kind=kind,
        name=name,
        label=options.label(name, plugin),
        version=plugin.version,
        distribution=origin.distribution,
        options=options.values(plugin) | dict(plugin.resolved()),
        weights={label: content(path).sha256 for label, path in files.items()},
        control=bool(getattr(plugin, "control", False)),
        remark=plugin.remark(),
    )


def ended_by(error: SystemExit) -> PluginError:
    """What to say of a plugin that ended the process, which could pass for a success, instead of raising an error."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return PluginError(
        f"{_running_plugin(frames)} ended the process (exit code {error.code}) instead of raising an error; "
        "report it to its authors."
    )


def _running_plugin(frames: Sequence[FrameType]) -> str:
    """The plugin that was running, by the innermost method of one; else by its package."""
    entries = [(kind, entry) for kind in CONTRACTS for entry in installed(kind)]
    for frame in reversed(frames):
        bases = type(frame.f_locals.get("self")).__mro__
        for kind, entry in entries:
            if getattr(sys.modules.get(entry.module), entry.attr, None) in bases[:-1]:
                return f"{words(kind)} '{entry.name}' of {distribution(entry)}"
    packages = {str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame in frames} - {"deidkit"}
    found = [entry for _, entry in entries if entry.module.partition(".")[0] in packages]
    return f"a plugin of {distribution(found[0])}" if found else "a plugin"


def _missing(kind: str, entry: EntryPoint, error: ModuleNotFoundError) -> PluginError:
    """What to say where a plugin's module, or one that it needs, is not there."""
    named, missing = f"{words(kind)} '{entry.name}'", (error.name or "").partition(".")[0]
    if missing == entry.module.partition(".")[0]:
        return PluginError(f"{named} of {distribution(entry)} is broken: {error}.")
    needed = _requirements(entry, missing)
    builds = {name: build for name in needed if (build := _special_build(name))}
    requirements = [f"{name}=={builds[name]}" if name in builds else asked for name, asked in needed.items()]
    command = "pip install " + " ".join(f"'{requirement}'" for requirement in requirements)
    if builds:  # another index's build of what depends on it would replace it, or not import with it
        command += " --extra-index-url URL, with the index that " + " and ".join(builds) + " came from as URL"
    return MissingPackage(f"{named} needs '{missing}'. Install it with: {command}")


def _special_build(name: str) -> str | None:
    """The version of an installed package that is a local build, such as 2.13.0+cpu."""
    try:
        found = version(name)
    except PackageNotFoundError:
        return None
    return found if "+" in found else None


def _requirements(entry: EntryPoint, missing: str) -> dict[str, str]:
    """What to install: package -> requirement, of the extra that brings what is missing.

    The extra is the one named after the plugin or its folder, or the smallest that brings the package.
    """
    if entry.dist is None:
        return {missing: missing}
    extras = entry.dist.metadata.get_all("Provides-Extra") or []
    candidates = [entry.name, *entry.module.split(".")[1:]]
    lines = [
        (m["name"], m["requirement"].strip(), m["extra"])
        for r in entry.dist.requires or []
        if (m := _OF_EXTRA.match(r))
    ]
    size = Counter(extra for _, _, extra in lines)
    brings = sorted((extra for name, _, extra in lines if name == missing), key=lambda extra: (size[extra], extra))
    extra = next((name for name in [*candidates, *brings] if name in extras), None)
    needed = {name: requirement for name, requirement, of in lines if of == extra and name != entry.dist.name}
    return needed or {missing: missing}


_OF_EXTRA = re.compile(r"(?P<requirement>(?P<name>[\w.-]+)[^;]*);.*\bextra\s*==\s*[\"'](?P<extra>[\w.-]+)[\"']")
"""A requirement of an extra, as a package's metadata hold it."""
