"""Options that several commands share."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from deidkit import defaults
from deidkit.attack_sets import set_names
from deidkit.errors import DeidkitError
from deidkit.processors import available

DEFAULT_DB = "deidkit.db"

db_option = click.option(
    "--db",
    default=DEFAULT_DB,
    show_default=True,
    metavar="URL",
    help="Score store: a SQLAlchemy URL or the path of an SQLite file.",
)


class Folder(click.Path):
    """Path of a folder; refuses empty texts, e.g. from an unset variable, which would mean the working directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty text."""
        if value == "":
            self.fail("it is empty; name a folder, or leave the option out.", param, ctx)
        return super().convert(value, param, ctx)


FOLDER = Folder(path_type=Path, file_okay=False)


class Location(Folder):
    """Path of a folder, or a URL such as ``s3://bucket/folder``, which stays a text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return URLs unchanged."""
        return value if "://" in str(value) else super().convert(value, param, ctx)


LOCATION = Location(path_type=Path, file_okay=False)


class Texts(click.types.StringParamType):
    """Text of a repeatable option; an environment variable holds one value per line."""

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Split at line ends, as values may contain blanks."""
        return [line.strip() for line in rv.splitlines() if line.strip()]


TEXTS = Texts()


class PluginText(Texts):
    """Text that names a plugin, with shell completion.

    Args:
        kind: Kind of plugin.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete names of installed plugins, or files for the beginning of a path."""
        from deidkit.plugins import installed

        return _beginning(incomplete, sorted({entry.name for entry in installed(self.kind)}))


def complete_policy(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete built-in policies, or else files."""
    from deidkit.verdict import built_in_policies

    return _beginning(incomplete, built_in_policies())


def complete_audit(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete audits in the score store, newest first, or else files."""
    from deidkit.store import audit_rows, opened_store

    try:
        with opened_store(ctx.params.get("db") or DEFAULT_DB, "read") as store:
            stored = [row.id for row in audit_rows(store)]
    except DeidkitError:
        stored = []
    return _beginning(incomplete, ["latest", *stored] if stored else [])


def _beginning(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


analyzer_option = click.option(
    "--analyzer",
    type=PluginText("hand_analyzer"),
    default=defaults.HAND_ANALYZER,
    show_default=True,
    help="Hand analyzer.",
)
segmenter_option = click.option(
    "--segmenter", type=PluginText("segmenter"), default=defaults.SEGMENTER, show_default=True, help="Hand segmenter."
)
roi_rule_option = click.option(
    "--roi-rule",
    type=PluginText("roi_rule"),
    default=defaults.ROI_RULE,
    show_default=True,
    help="Rule that places the palm's region of interest.",
)
palm_option = click.option(
    "--palm",
    type=click.Choice(["paper", "program", "region"]),
    default="paper",
    show_default=True,
    help="Palm polygon: as published, as in the authors' program, or with all that recognizers read.",
)
threads_option = click.option(
    "--threads", type=click.IntRange(1), default=available(), help="Worker threads. Default: one for each processor."
)
quiet_option = click.option("--quiet", is_flag=True, help="No progress.")


class AttackSet(click.types.StringParamType):
    """Name of a registered attack set."""

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """The sets that are installed."""
        return f"[{'|'.join(set_names())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse sets that are not installed."""
        return click.Choice(set_names()).convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The sets that are installed."""
        return click.Choice(set_names()).shell_complete(ctx, param, incomplete)


def options_of(record: type[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Select the options of a command that are fields of a record, such as a plan."""
    return {field.name: options[field.name] for field in fields(record) if field.name in options}


def command_line() -> str:
    """Command line for the audit's record, without database passwords."""
    from deidkit.store import hide_password

    words = sys.argv[1:]
    for position, word in enumerate(words):
        if position and words[position - 1] == "--db":
            words[position] = hide_password(word)
        elif word.startswith("--db="):
            words[position] = f"--db={hide_password(word.removeprefix('--db='))}"
    return shlex.join(["deidkit", *words])
