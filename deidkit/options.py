"""Turns ``name:key=value,key=value`` into a plugin with its options set and checked.

Not by msgspec or pydantic, which convert and check as well: their messages name a place in JSON and a type of Python
(``Expected `int`, got `str` - at `$.steps` ``), where a user needs the option and what it wants, and neither reads
``a+b`` as several values.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from deidkit.errors import UsageError, did_you_mean

MISSPELT = 0.8
"""Likeness, as `difflib` counts it, from which a word before an equals sign is an option's name with a slip in it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Spec:
    """A plugin as the user named it.

    Attributes:
        rest: What stood after the first colon, untouched.
    """

    name: str
    rest: str = ""

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Split at the first colon."""
        name, _, rest = text.strip().partition(":")
        return cls(name, rest)


def declared(plugin: type) -> dict[str, dataclasses.Field[object]]:
    """Options declared by a plugin class, by name."""
    if not dataclasses.is_dataclass(plugin):
        return {}
    return {field.name: field for field in dataclasses.fields(plugin) if field.init}


def is_required(field: dataclasses.Field[object]) -> bool:
    """Whether an option is required, i.e. has no default."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def default(field: dataclasses.Field[object]) -> object:
    """Default of an option; None if it has none."""
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else None


def build(plugin: type, rest: str, *, what: str, extra: Mapping[str, object] | None = None) -> Any:
    """Make a plugin from its options as text.

    Args:
        plugin: The plugin's class.
        rest: ``value`` for the primary option and ``key=value`` items, separated by commas.
        what: How to call the plugin in an error, e.g. ``engine 'pixelate'``.
        extra: Values that are already typed, by option name; text wins over them.

    Raises:
        UsageError: An option is unknown, missing, of the wrong type or out of range.
    """
    fields = declared(plugin)
    values: dict[str, object] = dict(extra or {})
    items = _items(rest, fields, what)
    for key, text in items:
        if [name for name, _ in items].count(key) > 1:
            raise UsageError(f"{what}: option '{key}' is given twice.")
        values[key] = text
    kinds = typing.get_type_hints(plugin)
    converted = {key: _convert(fields[key], values[key], kinds[key], what) for key in values if key in fields}
    unknown = [key for key in values if key not in fields]
    if unknown:
        raise UsageError(_unknown(unknown[0], fields, what))
    missing = [name for name, field in fields.items() if name not in converted and is_required(field)]
    if missing:
        raise UsageError(f"{what} needs its option '{missing[0]}': {fields[missing[0]].metadata.get('help', '')}.")
    return plugin(**converted)


def values(plugin: object) -> dict[str, object]:
    """Values of all options of a plugin as plain JSON values; paths as text."""
    return {name: _plain(getattr(plugin, name)) for name in declared(type(plugin))}


def label(name: str, plugin: object) -> str:
    """The plugin's name with the options that differ from their defaults."""
    changed = []
    for key, field in declared(type(plugin)).items():
        value = getattr(plugin, key)
        if value == default(field):
            continue
        shown = value.name if isinstance(value, Path) else _plain(value)
        changed.append(str(shown) if field.metadata.get("primary") else f"{key}={shown}")
    return f"{name} ({', '.join(changed)})" if changed else name


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _items(rest: str, fields: Mapping[str, dataclasses.Field[object]], what: str) -> list[tuple[str, str]]:
    primary = next((name for name, field in fields.items() if field.metadata.get("primary")), None)
    items: list[tuple[str, str]] = []
    for part in rest.split(",") if rest else []:
        key, equals, value = part.partition("=")
        if equals and key.strip() in fields:
            items.append((key.strip(), value))
        elif items and items[-1][0] == primary:  # a comma inside a path, unless what follows is an option misspelt
            if equals and _misspelt(key.strip(), fields):
                raise UsageError(_unknown(key.strip(), fields, what))
            items[-1] = (items[-1][0], f"{items[-1][1]},{part}")
        elif primary and not items:
            items.append((primary, part))
        else:
            raise UsageError(_unknown(key.strip(), fields, what))
    return items


def _misspelt(key: str, fields: Mapping[str, object]) -> bool:
    word = key.lower().replace("-", "_")
    return word.replace("_", "").isalpha() and bool(get_close_matches(word, fields, n=1, cutoff=MISSPELT))


def _unknown(key: str, fields: Mapping[str, object], what: str) -> str:
    if not fields:
        return f"{what} has no options, but '{key}' was given."
    return f"{what} has no option '{key}'.{did_you_mean(key, fields)} Its options: {', '.join(fields)}."


def _convert(field: dataclasses.Field[object], value: object, kind: object, what: str) -> Any:
    name = field.name
    try:
        result = _typed(value, kind)
    except (TypeError, ValueError, KeyError):
        raise UsageError(f"{what}: option '{name}' must be {_type_in_words(kind)}, not '{value}'.") from None
    if isinstance(result, float) and not math.isfinite(result):
        raise UsageError(f"{what}: option '{name}' must be a finite number, not '{value}'.")
    limits = field.metadata
    if limits.get("choices") is not None and result not in limits["choices"]:
        allowed = ", ".join(str(choice) for choice in limits["choices"])
        raise UsageError(f"{what}: option '{name}' must be one of {allowed}, not '{value}'.")
    if limits.get("minimum") is not None and result is not None and result < limits["minimum"]:
        raise UsageError(f"{what}: option '{name}' must be at least {limits['minimum']}, not {value}.")
    if limits.get("maximum") is not None and result is not None and result > limits["maximum"]:
        raise UsageError(f"{what}: option '{name}' must be at most {limits['maximum']}, not {value}.")
    return result


def _type_in_words(kind: object) -> str:
    """Name of a type for messages."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return "one of " + ", ".join(str(choice) for choice in inner)
    if origin in (types.UnionType, typing.Union):
        return f"{_type_in_words(next(item for item in inner if item is not type(None)))} or none"
    if origin is tuple:
        return f"{_type_in_words(inner[0])}, or several joined by +"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}
    return names[kind] if isinstance(kind, type) and kind in names else f"a {getattr(kind, '__name__', kind)}"


def _typed(value: Any, kind: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None or (isinstance(value, str) and value.lower() in ("none", "")):
            return None
        (inner,) = [item for item in typing.get_args(kind) if item is not type(None)]
        return _typed(value, inner)
    if origin is typing.Literal:
        kinds = {type(choice) for choice in typing.get_args(kind)}
        typed = _typed(value, kinds.pop()) if len(kinds) == 1 else value
        if typed not in typing.get_args(kind):
            raise ValueError
        return typed
    if origin is tuple:
        (inner, *_) = typing.get_args(kind)
        parts = value.split("+") if isinstance(value, str) else list(value)
        return tuple(_typed(part, inner) for part in parts)
    if kind is bool:
        if isinstance(value, bool):
            return value
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[str(value).lower()]
    if kind is int and isinstance(value, float) and not value.is_integer():
        raise ValueError
    if kind is Path:
        return Path(value).expanduser()
    return kind(value)
