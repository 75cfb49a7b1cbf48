"""Plugins that are not registered by a package: classes in modules or files, objects, and functions."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from deidkit import contracts, options
from deidkit.errors import PluginError
from deidkit.protocols import Engine, Failure, HandImage, Image, Plugin

_REFERENCE = re.compile(r"(?P<where>.+?\.py|[A-Za-z_][\w.]*):(?P<name>[A-Za-z_]\w*)(:(?P<options>.*))?", re.DOTALL)


@dataclass(frozen=True)
class Origin:
    """Origin of a plugin.

    Attributes:
        distribution: The package and version, or the module or file.
        files: Source files by name, whose SHA-256 is recorded with the model files.
    """

    distribution: str
    files: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class LocalPlugin:
    """A plugin with its name."""

    name: str
    plugin: Any
    origin: Origin


@dataclass(frozen=True)
class Named:
    """A class, an object or a function in a module or file.

    Attributes:
        where: The module, or the path of the file.
        options: The options, as written.
    """

    where: str
    name: str
    options: str
    module: ModuleType
    named: object

    @property
    def reference(self) -> str:
        """As a user writes it, without options."""
        return f"{self.where}:{self.name}"


def is_reference(text: str) -> bool:
    """Whether a text names a class by its module or file: ``mymodule:Class``, ``./file.py:Class``."""
    match = _REFERENCE.fullmatch(text.strip())
    if match is None:
        return False
    if match["where"].endswith(".py"):
        return True
    with _working_directory_importable():
        try:
            return importlib.util.find_spec(match["where"]) is not None
        except (ImportError, ValueError):
            return False


def of_reference(text: str, contract: type[Plugin]) -> LocalPlugin:
    """Make the plugin that ``module:Class[:options]`` or ``file.py:Class[:options]`` names.

    Raises:
        PluginError: The module or class cannot be used.
        UsageError: An option is wrong.
    """
    found = named(text)
    origin = _origin(found.module)
    if isinstance(found.named, type):
        cls = contracts.completed(found.named, contract)
        plugin = options.build(cls, found.options, what=f"'{found.reference}'")
        return LocalPlugin(found.name, plugin, origin)
    return LocalPlugin(found.name, _as_plugin(found.named, contract), origin)


def named(text: str) -> Named:
    """What ``module:Class[:options]`` or ``file.py:Class[:options]`` names, before a plugin is made of it.

    Raises:
        PluginError: The module cannot be imported, or has nothing of that name.
    """
    match = _REFERENCE.fullmatch(text.strip())
    if match is None:
        raise PluginError(f"'{text}' names no class; write module:Class or ./file.py:Class.")
    module = _imported(match["where"])
    found = getattr(module, match["name"], None)
    if found is None:
        raise PluginError(f"{match['where']} has no '{match['name']}'.")
    return Named(match["where"], match["name"], match["options"] or "", module, found)


def of_object(made: object, contract: type[Plugin]) -> LocalPlugin:
    """A plugin from an object, a class without required options, or a function.

    Raises:
        PluginError: It is none of these.
    """
    if isinstance(made, type):
        made = contracts.completed(made, contract)()
    inner = _wrapped(made)
    name = getattr(inner, "__name__", type(inner).__name__)
    name = "function" if name == "<lambda>" else name
    module = sys.modules.get(getattr(inner, "__module__", "") or type(inner).__module__)
    origin = _origin(module) if module else Origin("this program")
    return LocalPlugin(name, _as_plugin(made, contract), origin)


def _wrapped(made: object) -> object:
    """The function that a partial one, a decorated one or one of `numpy.vectorize` calls: it is what is audited."""
    for name in ("func", "__wrapped__", "pyfunc"):
        if inspect.isroutine(found := getattr(made, name, None)) or isinstance(found, partial):
            return _wrapped(found)
    return made


def _as_plugin(made: object, contract: type[Plugin]) -> Plugin:
    if inspect.isfunction(made) or inspect.isbuiltin(made) or inspect.ismethod(made):
        if contract is not Engine:
            raise PluginError(f"a function can be an engine, not a {contract.__name__}; write a class.")
        return FunctionEngine(made)
    if isinstance(made, contract):
        return made
    if contract is Engine and callable(made) and not hasattr(made, "deidentify"):
        return FunctionEngine(made)
    if not isinstance(made, Path) and type(made).__module__ not in ("builtins", "numpy"):
        try:
            made.__class__ = contracts.completed(type(made), contract)
        except TypeError as error:
            raise PluginError(
                f"{type(made).__name__} cannot be used ({error}); let it inherit from "
                f"deidkit.protocols.{contract.__name__}."
            ) from error
    if not isinstance(made, contract):
        raise PluginError(
            f"an object of type {type(made).__name__} is not a plugin of the kind {contract.__name__}; give a name, "
            f"'./file.py:Class' or an object like deidkit.protocols.{contract.__name__}."
        )
    return made


class FunctionEngine(Engine):
    """An engine made of a function from an RGB uint8 picture to one of the same size; seeds are not passed on."""

    version = "1"
    deterministic = False
    diverse = False
    reusable = False

    def __init__(self, function: Callable[[Image], Image]) -> None:
        self._function = function

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Call the function once for each picture, on a copy into which it may write."""
        return [[np.asarray(self._function(image.pixels.copy()))] * len(seeds) for image in images]


def _imported(where: str) -> ModuleType:
    try:
        if not where.endswith(".py"):
            with _working_directory_importable():
                return importlib.import_module(where)
        path = Path(where).expanduser().resolve()
        if not path.is_file():
            raise PluginError(f"there is no file {where}.")
        name = f"deidkit_local_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None, "a name that ends with .py has a loader"
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look up their module
        spec.loader.exec_module(module)
        return module
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{where} failed to import: {error!r}.") from error


def _origin(module: ModuleType) -> Origin:
    """A module's file with the hash of its content; what is typed into a session has none."""
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).is_file():
        return Origin(module.__name__)
    return Origin(Path(file).name, {Path(file).name: Path(file)})


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """What ``python -m`` does and an installed command does not: modules in the working directory are found."""
    here = str(Path.cwd())
    if here in sys.path or "" in sys.path:
        yield
        return
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
