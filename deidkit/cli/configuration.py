"""``--config FILE``: every option of a command can stand in a TOML file."""

from __future__ import annotations

import importlib
import re
import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from deidkit.errors import UsageError

DEFAULT_FILE = Path("deidkit.toml")

READERS = ("audit", "ablate", "deidentify", "synthesize", "train")
"""Commands that read a configuration file."""


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--config`` to a command; `deidkit.toml` in the working directory is found by itself.

    What stands on the command line wins over the environment, that over the file, that over the default.
    """
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=_read,
        help=f"TOML file with options of this command, e.g. engine = ['blur']. Default: {DEFAULT_FILE}, if there.",
    )(command)


def _read(ctx: click.Context, _parameter: click.Parameter, given: Path | None) -> None:
    path = given or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    if path is None:
        return
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the configuration file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the configuration file {path} is not valid TOML: {error}.") from error
    known = _names(ctx.command)
    defaults: dict[str, Any] = {}
    for key, value in values.items():
        name = known.get(key.replace("-", "_"))
        if name is None and key.replace("-", "_") in _of_others():
            continue  # one file serves several commands
        if name is None:
            near = get_close_matches(key.replace("-", "_"), known, n=1)
            meant = f" Did you mean '{near[0]}'?" if near else ""
            raise UsageError(f"{path}: there is no option '{key}'.{meant} Options: {', '.join(sorted(known))}.")
        plain = _plain(value, path, key)
        several = any(parameter.name == name and parameter.multiple for parameter in _options(ctx.command))
        defaults[name] = [plain] if several and not isinstance(plain, list) else plain
    ctx.default_map = {**(ctx.default_map or {}), **defaults}


def _of_others() -> set[str]:
    """Options of every command that reads such a file."""
    commands = (getattr(importlib.import_module(f"deidkit.cli.{name}"), name) for name in READERS)
    return {option for command in commands for option in _names(command)}


def _options(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def _names(command: click.Command) -> dict[str, str]:
    """Option as written, underscored -> parameter name."""
    return {
        text.lstrip("-").replace("-", "_"): parameter.name
        for parameter in _options(command)
        if parameter.name and parameter.name != "config"
        for text in parameter.opts
        if text.startswith("--")
    }


def _plain(value: Any, path: Path, key: str) -> Any:
    """A plugin may stand as a table: ``{name = "pixelate", block = 16}`` means ``pixelate:block=16``."""
    if isinstance(value, list):
        return [_plain(item, path, key) for item in value]
    if isinstance(value, dict):
        options = dict(value)
        name = options.pop("name", None)
        if not isinstance(name, str):
            raise UsageError(f"{path}: a table under '{key}' needs a name, e.g. {{name = \"pixelate\", block = 16}}.")
        text = ",".join(f"{option}={_setting(setting, path, key)}" for option, setting in options.items())
        return f"{name}:{text}" if text else name
    return value


def _setting(value: Any, path: Path, key: str) -> str:
    """The value of a plugin's option as text; several are joined by +."""
    if isinstance(value, list):
        return "+".join(_setting(item, path, key) for item in value)
    if isinstance(value, str) and re.search(r",[^,]*=", value):  # behind a comma it would be taken for an option
        raise UsageError(f"{path}: '{value}' under '{key}' has an equals sign behind a comma, which cannot be told "
                         "from a further option; rename it.")  # fmt: skip
    return str(value)
