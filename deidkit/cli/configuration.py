"""``--config FILE``: every option of a command can be set in a TOML file.

A file that is merely in the working directory may have come with somebody's data. It is read as well, and named, but
decides nothing that runs a program, sends pictures or templates or opens a database: that takes ``--config``.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from deidkit import toml
from deidkit.cli import output
from deidkit.cli.shared import PluginText, db_option
from deidkit.errors import PluginError, UsageError, did_you_mean

DEFAULT_FILE = Path("deidkit.toml")

_CODE = re.compile(r"(?P<where>.+\.py|[A-Za-z_][\w.]*):[A-Za-z_]\w*(:.*)?", re.DOTALL)
"""Matches a plugin given by module or file; a name with an option may match, too."""

READERS = ("audit", "ablate", "deidentify", "synthesize", "train")
"""Commands that read a configuration file."""


Command = Callable[..., Any]

Setting = str | list[str]
"""Value of an option in a configuration file."""


def config_option(command: Command) -> Command:
    """Add ``--config`` to a command; without it, a `deidkit.toml` in the working directory is read, less what is risky.

    What stands on the command line wins over the environment, that over the file, that over the default.
    """
    help_text = (
        f"TOML file with options of this command, e.g. engine = ['blur']. Default: {DEFAULT_FILE}, if there, from "
        "which nothing that runs a program, sends pictures or opens a database is taken."
    )
    return _config_option(command, lambda ctx: _names(ctx.command), help_text)


def store_options(command: Command) -> Command:
    """Add ``--db`` to a command, and ``--config`` to take that, and nothing else, from a configuration file.

    What else stands there is meant for the commands that measure: the folder of an audit's report, for example.
    """
    help_text = f"TOML file to take the score store from, e.g. db = 'my.db'. A {DEFAULT_FILE} has to be named, too."
    return db_option(_config_option(command, lambda _: {"db": "db"}, help_text))


def _config_option(command: Command, known: Callable[[click.Context], dict[str, str]], help_text: str) -> Command:
    def read(ctx: click.Context, _parameter: click.Parameter, given: Path | None) -> None:
        path = given or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
        if path is None or ctx.resilient_parsing:  # shell completion
            return
        values = _read(path, ctx.command, known(ctx))
        if given is None and values:
            output.echo(f"Options are read from {path} in this folder.", err=True)
        use = _unless_risky if given is None else _as_given
        options = {option.name: option for option in _options(ctx.command)}
        found = {name: use(options[name], value) for name, value in values.items()}
        ctx.default_map = {**(ctx.default_map or {}), **found}

    return click.option(
        "--config", type=click.Path(path_type=Path), is_eager=True, expose_value=False, callback=read, help=help_text
    )(command)


def _read(path: Path, command: click.Command, known: dict[str, str]) -> dict[str, Setting]:
    """Read the values of a command's options from a file: parameter name -> value."""
    values = toml.read(path, "the configuration file")
    several = {parameter.name for parameter in _options(command) if parameter.multiple}
    found: dict[str, Setting] = {}
    for key, value in values.items():
        option = key.replace("-", "_")
        name = known.get(option)
        if name is None and isinstance(value, dict):
            raise UsageError(f"{path}: '{key}' is a table; options stand at the top of the file, without a heading.")
        if name is None and option not in _options_of_readers():
            hint = did_you_mean(option, {**known, **_options_of_readers()}) or f" Options: {', '.join(sorted(known))}."
            raise UsageError(f"{path}: there is no option '{key}'.{hint}")
        listed = isinstance(value, list)
        if listed and name not in several and not _options_of_readers()[option]:
            raise UsageError(f"{path}: '{key}' takes one value, not a list.")
        if name is None or (listed and name not in several):
            continue  # an option of another command, as commands share the file
        plain = [_on_command_line(item, path, key) for item in (value if listed else [value])]
        found[name] = plain if name in several else plain[0]
    return found


def _as_given(_option: click.Option, value: Setting) -> Setting:
    return value


def _unless_risky(option: click.Option, value: Setting) -> Setting | Callable[[], NoReturn]:
    """Guard a value from an implicitly read file: a risky one raises UsageError when it is used."""
    name = option.name
    if name == "db":
        from deidkit.store import hide_password

        what = f"the database '{hide_password(str(value))}'"
    elif name == "cluster" and not str(value).startswith("local:"):
        what = f"the cluster {value}, which is sent code to run"
    elif name == "work" and "://" in str(value):
        what = f"templates to be sent to {value}"
    elif isinstance(option.type, PluginText):
        texts, kind = value if isinstance(value, list) else [value], option.type.kind
        text = next((text for text in texts if _executes(text, kind)), None)
        if text is None:
            return value
        what = f"'{text.strip().partition(':')[0]}', which runs a program or sends pictures"
    else:
        return value

    def refuse() -> NoReturn:
        raise UsageError(
            f"{DEFAULT_FILE} in this folder asks for {what}; if you trust that file, name it: --config {DEFAULT_FILE}"
        )

    return refuse  # called by click only if neither command line nor environment sets the option


def _executes(text: str, kind: str) -> bool:
    """Whether a text names a plugin that runs programs or sends data, or one by its file or module."""
    from deidkit import plugins
    from deidkit.options import Spec

    name = Spec.parse(text).name
    if all(entry.name != name for entry in plugins.installed(kind)):
        return _CODE.fullmatch(text.strip()) is not None
    with suppress(PluginError):  # one that cannot be loaded runs nothing, and is refused on use
        return bool(plugins.load(kind, name).external)
    return False


def _options_of_readers() -> dict[str, bool]:
    """Options of all commands that read configuration files -> whether they take several values."""
    found: dict[str, bool] = {}
    for command in (getattr(importlib.import_module(f"deidkit.cli.{name}"), name) for name in READERS):
        several = {parameter.name for parameter in _options(command) if parameter.multiple}
        for text, name in _names(command).items():
            found[text] = found.get(text, False) or name in several
    return found


def _options(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def _names(command: click.Command) -> dict[str, str]:
    """Option names, with underscores -> parameter names."""
    return {
        text.lstrip("-").replace("-", "_"): parameter.name
        for parameter in _options(command)
        if parameter.name and parameter.name != "config"
        for text in parameter.opts
        if text.startswith("--")
    }


def _on_command_line(value: object, path: Path, key: str) -> str:
    """Convert a value to command line form: ``{name = "pixelate", block = 16}`` to ``pixelate:block=16``."""
    if isinstance(value, dict):
        options = dict(value)
        name = options.pop("name", None)
        if not isinstance(name, str):
            raise UsageError(f"{path}: a table under '{key}' needs a name, e.g. {{name = \"pixelate\", block = 16}}.")
        text = ",".join(f"{option}={_option_text(setting, path, key)}" for option, setting in options.items())
        return f"{name}:{text}" if text else name
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        kind = "a list in a list" if isinstance(value, list) else "a date or time; put it in quotes if text is meant"
        raise UsageError(f"{path}: '{key}' holds {kind}.")
    if "\0" in str(value):
        raise UsageError(f"{path}: '{key}' contains a null character.")
    if not str(value).strip():
        raise UsageError(f"{path}: '{key}' is empty; give it a value or leave the line out.")
    return str(value)


def _option_text(value: object, path: Path, key: str) -> str:
    """Convert a plugin option's value to text; several values are joined by +."""
    if isinstance(value, list):
        return "+".join(_option_text(item, path, key) for item in value)
    if isinstance(value, str) and re.search(r",[^,]*=", value):  # would be parsed as an option after the comma
        raise UsageError(f"{path}: '{value}' under '{key}' has an equals sign behind a comma, which cannot be told "
                         "from a further option; rename it.")  # fmt: skip
    return str(value)
