"""The ``deidkit`` command; each subcommand is a module that is imported only when called."""

from __future__ import annotations

import errno
import gc
import importlib
import select
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, NoReturn

import click

import deidkit
from deidkit.cli import output
from deidkit.cli.exits import block_exits_at_exit, exits_blocked
from deidkit.cli.groups import Group
from deidkit.cli.signals import end_process, end_process_later, termination_as_interrupt
from deidkit.cli.streams import is_from_printing, open_closed_streams, redirect_to_null
from deidkit.errors import DeidkitError, PluginError, UsageError
from deidkit.memory import keep_freed_memory
from deidkit.printing import printable

SECTIONS = {
    "Audits": {
        "audit": "Audit anonymizers on a data set: identity left, quality, usability, report.",
        "ablate": "Audit one engine under many settings: three tables and what privacy costs.",
        "compare": "Compare audits: better, worse or within the noise.",
        "plan": "Compute in advance how many people a requirement needs.",
    },
    "Reports and dossiers": {
        "report": "Write the report of a stored audit again, in any format.",
        "paper": "Write the tables of the published layout over several data sets, as LaTeX.",
        "dossier": "Write an audit as a signed folder and file that can be filed.",
        "verify": "Verify who signed a dossier, and that nothing in it was changed.",
        "key": "Make and show the keys with which dossiers are signed.",
    },
    "Pictures and scores": {
        "deidentify": "De-identify pictures with an engine.",
        "match": "Compare pictures with a recognizer and print their distances.",
        "metrics": "Compute every score metric from scores alone.",
        "synthesize": "Write a data set of procedural hands.",
        "train": "Train a network on a data set.",
    },
    "Installation and store": {
        "datasets": "Show which data sets are supported, and check one.",
        "plugins": "List installed plugins and what is broken about them.",
        "models": "Fetch, list, verify and remove model files.",
        "db": "Manage the score store.",
        "doctor": "Say what this installation has, what it lacks and what would help.",
    },
}
"""Built-in commands by section of ``deidkit --help``: heading -> name -> one-line help."""

OTHERS = "More"
"""Heading of commands from other packages."""

COMMANDS = {name: line for section in SECTIONS.values() for name, line in section.items()}
"""Built-in commands: name -> one-line help."""

GROUP = "deidkit.commands"
"""Entry-point group of commands from other packages: each a `click.Command` in a module that is quick to import."""

_COLLECTED = 20_000
"""Threshold of the garbage collector; at the default of 700, an audit spends 2 % of its time in it."""

BROKEN_PIPE = 128 + 13
"""Exit code that a shell reports for a process ended by SIGPIPE."""


class Commands(Group):
    """Command group that imports commands on use and reports expected errors in one sentence."""

    _interrupted = False

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line; without arguments, as called by the program, it ends the process."""
        whole = not args and options.get("args") is None
        code: object = 0
        if whole:
            open_closed_streams()
            keep_freed_memory()
            gc.set_threshold(_COLLECTED, 50, 100)
        try:
            return super().main(*args, **options)
        except SystemExit as error:
            code = error.code
            raise
        except OSError as error:
            if not (whole and is_from_printing(error)):
                raise
            redirect_to_null(sys.stdout)
            output.echo(f"Error: standard output cannot be written to: {error.strerror}.", err=True)
            code = 2
            raise SystemExit(code) from None
        finally:
            if whole and self._interrupted:
                end_process(2)
            elif whole:
                block_exits_at_exit()
                gc.freeze()  # skip a garbage collection at exit, which takes most of a second
                end_process_later(code if isinstance(code, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List built-in commands in the order in which a newcomer needs them, then those of other packages."""
        return [*COMMANDS, *sorted({entry.name for entry in entry_points(group=GROUP)} - {*COMMANDS})]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module and return the command."""
        if cmd_name in COMMANDS:
            module = importlib.import_module(f"deidkit.cli.{cmd_name}")
            command: click.Command = getattr(module, cmd_name)
        else:
            found = list(entry_points(group=GROUP, name=cmd_name))
            if not found:
                return None
            command = plugin_command(found)
        keep_examples(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section, without importing the built-in ones."""
        sections = {heading: [*lines.items()] for heading, lines in SECTIONS.items()}
        others = sections[OTHERS] = []
        for name in self.list_commands(ctx)[len(COMMANDS) :]:
            try:
                command = self.get_command(ctx, name)
                others.append((name, command.get_short_help_str(limit=500) if command else ""))
            except DeidkitError as error:
                others.append((name, str(error)))
        for heading, rows in sections.items():
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse arguments and working directories that are not valid Unicode, which reports and stores cannot hold."""
        try:
            here = str(Path.cwd())
        except FileNotFoundError as error:
            raise UsageError("the working directory no longer exists; change to another.") from error
        for word, what in [*((word, "") for word in args), (here, "the working directory ")]:
            try:
                word.encode()
            except UnicodeEncodeError as error:
                raise UsageError(f"{what}{word} is not valid Unicode; rename it.") from error
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an expected error becomes one sentence and exit code 2."""
        try:
            with exits_blocked(), termination_as_interrupt():
                return super().invoke(ctx)
        except DeidkitError as error:
            output.echo(f"Error: {error}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            resumable = sys.argv[1:2] in (["audit"], ["ablate"], ["train"])
            hint = " What is finished is kept: the same command with --resume continues." if resumable else ""
            self._interrupted = True
            output.echo(f"Interrupted.{hint}", err=True)
            ctx.exit(2)
        except click.ClickException as error:
            # it may quote the name of an untrusted file
            error.message = printable(error.message)  # type: ignore[misc]
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except SystemExit as error:  # raised by a plugin, as commands exit as above; its exit code might mean success
            from deidkit.plugins import ended_by

            output.echo(f"Error: {ended_by(error)}", err=True)
            ctx.exit(2)
        except BaseException as error:  # exit code 1 would mean that a requirement failed
            if isinstance(error, BrokenPipeError) and is_output_closed():
                exit_quietly()
            if isinstance(error, OSError) and is_from_printing(error):
                raise  # handled by `main`
            if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # from any option or argument
                output.echo(f"Error: a file's name is too long: {str(error.filename)[:60]}...", err=True)
                ctx.exit(2)
            output.echo(traceback.format_exc(), err=True, nl=False)  # may contain untrusted text
            output.echo("This is a defect of deidkit or of a plugin; please report it with the lines above.", err=True)
            ctx.exit(2)


def plugin_command(found: Sequence[EntryPoint]) -> click.Command:
    """Load a command of another package.

    Raises:
        PluginError: Several packages define a command of this name, or it cannot be imported.
    """
    name, packages = found[0].name, " and ".join(entry.dist.name if entry.dist else entry.value for entry in found)
    if len(found) > 1:
        raise PluginError(f"the command '{name}' is claimed by {packages}; uninstall one of them.")
    try:
        command = found[0].load()
    except (Exception, SystemExit) as error:
        raise PluginError(f"the command '{name}' of {packages} cannot be imported: {error}.") from error
    if not isinstance(command, click.Command):
        raise PluginError(f"the command '{name}' of {packages} is broken: {found[0].value} is not a click command.")
    return command


def is_output_closed() -> bool:
    """Whether the reader of standard output or error has closed it, like ``| head``; True where unknown (Windows)."""
    if not hasattr(select, "poll"):  # on Windows
        return True
    watched = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            watched.register(stream.fileno(), select.POLLERR)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in watched.poll(0))


def exit_quietly() -> NoReturn:
    """Exit as if ended by SIGPIPE, like other tools whose reader has closed the pipe."""
    redirect_to_null(sys.stdout, sys.stderr)
    raise click.exceptions.Exit(BROKEN_PIPE)


def keep_examples(command: click.Command) -> None:
    r"""Replace the characters ``\b`` of a raw docstring by click's marker for preformatted paragraphs."""
    command.help = (command.help or "").replace("\\b\n", "\b\n") or None
    for inner in getattr(command, "commands", {}).values():
        keep_examples(inner)


@click.group(cls=Commands, context_settings={"auto_envvar_prefix": "DEIDKIT", "help_option_names": ["-h", "--help"]})
@click.version_option(deidkit.__version__, prog_name="deidkit")
def main() -> None:
    r"""Measure how much identity an anonymizer leaves in palm and hand photographs.

    Start with an audit on the embedded data set; it needs nothing but this command:

    \b
        deidkit audit --engine pixelate --recognizer mtcc

    Exit codes: 0 done, 1 an engine fails or a requirement is not met, 2 could not evaluate.
    """


keep_examples(main)
