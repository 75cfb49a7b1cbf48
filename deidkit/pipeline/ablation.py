"""Engine settings of an ablation, in the ``NAME:options`` form of an audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

from deidkit import options, plugins, toml
from deidkit.defaults import ABLATION_BASELINES
from deidkit.errors import UsageError

Axes = Mapping[str, Sequence[str]]
"""Option -> values; the settings are all combinations."""


def settings(engine: str, grid: Sequence[Axes], compared: Sequence[str] = ABLATION_BASELINES) -> tuple[str, ...]:
    """The engines of an ablation's audit.

    Args:
        engine: ``NAME[:options]`` of the ablated engine; its options apply to every setting.
        grid: One or more sets of axes.
        compared: ``NAME[:options]`` of the baselines; one that equals a setting is left out.

    Returns:
        ``NAME:options`` of every setting in grid order, then of the baselines.

    Raises:
        PluginError: An engine is unknown.
        UsageError: An option is unknown, cannot have a value, or is both varied and fixed; a setting stands twice.
    """
    ablated = plugins.chosen("engine", engine)
    fields = options.declared(ablated.cls)
    made: dict[str, str] = {}
    for axes in grid:
        _check_axes(ablated, axes, list(fields))
        for values in product(*axes.values()):
            varied = ",".join(f"{key}={value}" for key, value in zip(axes, values, strict=True))
            rest = f"{ablated.rest},{varied}" if ablated.rest else varied
            text = f"{ablated.named}:{rest}"
            label = ablated.label(rest, f"engine '{ablated.named}'")
            if label in made:
                raise UsageError(f"two settings of the grid mean the same thing: {made[label]} and {text}.")
            made[label] = text
    for text in compared:
        made.setdefault(_label(text), text)
    return tuple(made.values())


def published(engine: str) -> tuple[Axes, ...]:
    """The published grid of an engine.

    Raises:
        PluginError: The engine is unknown.
        UsageError: It has none.
    """
    ablated = plugins.chosen("engine", engine)
    name = ablated.named
    if grid := ablated.cls.ablation_grid():
        return tuple(grid)
    fields = options.declared(ablated.cls)
    if not fields:
        raise UsageError(f"engine '{name}' has no options to vary.")
    raise UsageError(
        f"engine '{name}' has no published grid: say what to vary, e.g. --vary {next(iter(fields))}=VALUE,VALUE. "
        f"Its options: {', '.join(fields)}."
    )


def parse_vary(texts: Sequence[str]) -> Axes:
    """Axes from ``OPTION=VALUE,VALUE`` items.

    Raises:
        UsageError: One is not of that form, or an option stands twice.
    """
    axes: dict[str, tuple[str, ...]] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        parts = tuple(value.strip() for value in values.split(","))
        if not (key.strip() and equals and all(parts)):
            raise UsageError(f"--vary {text} must have the form OPTION=VALUE,VALUE.")
        if key.strip() in axes:
            raise UsageError(f"--vary {key.strip()} is given twice; put all its values into one.")
        axes[key.strip()] = parts
    return axes


def read_grid(path: Path) -> tuple[Axes, ...]:
    """A grid from a TOML file: ``option = [values]``, or several such sets as tables ``[[grid]]``.

    Raises:
        UsageError: It cannot be read or has another form.
    """
    content = toml.read(path, "the grid")
    tables = content.get("grid", [content])
    if "grid" in content and len(content) > 1:
        other = next(key for key in content if key != "grid")
        raise UsageError(f"{path}: '{other}' is outside of [[grid]]; put it into each [[grid]] it belongs to.")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) and table for table in tables):
        raise UsageError(f"{path} must hold options with lists of values, or tables [[grid]] of them.")
    return tuple({key: _values(path, key, given) for key, given in table.items()} for table in tables)


def _values(path: Path, key: str, given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not given:
        raise UsageError(f"{path}: '{key}' must be a list of values, e.g. {key} = [1, 2].")
    texts = tuple(_text(value) for value in given)
    bad = next((text for text in texts if "," in text), None)
    if bad is not None:
        raise UsageError(f"{path}: the value '{bad}' of '{key}' holds a comma, which ends a value.")
    return texts


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "+".join(_text(item) for item in value) if isinstance(value, list) else str(value)


def _check_axes(ablated: plugins.Choice, axes: Axes, known: Sequence[str]) -> None:
    for key in axes:
        if key not in known:
            raise UsageError(
                f"engine '{ablated.named}' has no option '{key}'. Its options: {', '.join(known) or 'none'}."
            )
        if any(part.partition("=")[0].strip() == key for part in ablated.rest.split(",")):
            raise UsageError(f"option '{key}' is varied and also fixed in {ablated.named}:{ablated.rest}.")


def _label(text: str) -> str:
    found = plugins.chosen("engine", text)
    return found.label(found.rest, f"engine '{found.named}'")
