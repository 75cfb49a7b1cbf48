"""Runs commands as from the command line."""

from __future__ import annotations

from click.testing import CliRunner

from deidkit.cli import main


def run(*arguments: object) -> tuple[int, str]:
    """Exit code and output of a command; an unexpected exception is raised."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output
