"""Output of commands: text, tables and progress bars for people, JSON for programs."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from deidkit.cli.streams import redirect_to_null
from deidkit.errors import UsageError
from deidkit.printing import printable, printable_json
from deidkit.progress import Progress, Silent, Stage
from deidkit.progress_lines import Count, Lines


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a text, with control characters, for example of file names, escaped.

    Raises:
        OSError: Standard output cannot be written; errors of standard error are ignored.
    """
    try:
        click.echo(printable(str(text)), err=err, nl=nl)
    except BrokenPipeError:
        raise
    except OSError:
        if not err:
            raise
        redirect_to_null(sys.stderr)


def print_or_write(text: str, target: Path | None) -> None:
    """Print a document, or write it to the file given by ``--output`` and say so.

    Raises:
        UsageError: The file cannot be written.
    """
    if target is None:
        echo(text, nl=False)
        return
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}; name another with --output.") from error
    echo(target)


@contextmanager
def only_results(json_follows: bool = True) -> Iterator[None]:
    """Redirect plugins' standard output to standard error, if JSON is to be printed on standard output."""
    try:
        ours = os.dup(1) if json_follows else -1
    except OSError:  # it is closed
        ours = -1
    if ours < 0:
        yield
        return
    before = sys.stdout
    before.flush()
    try:
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        yield
    finally:
        sys.stdout.flush()
        sys.stdout = before
        os.dup2(ours, 1)
        os.close(ours)


def echo_json(value: object) -> None:
    """Print plain values or records as one JSON document on standard output."""
    import msgspec

    document = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2, default=msgspec.to_builtins)
    click.echo(printable_json(document))


def echo_table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table wrapped to the terminal's width; without a terminal it is not truncated."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=printable(title) or None, title_justify="left", header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    terminal, text = sys.stdout.isatty(), io.StringIO()  # rich would end the process if the pipe is closed
    width = None if terminal else 160
    Console(file=text, force_terminal=terminal, width=width, highlight=False, markup=False).print(table)
    click.echo(text.getvalue(), nl=False)


def progress(quiet: bool = False) -> Progress:
    """Progress on standard error: bars on a terminal, lines otherwise, or only notes if quiet."""
    if quiet:
        return Quiet()
    return Bars(_say) if sys.stderr.isatty() else Lines(_say)


def _say(line: str) -> None:
    echo(line, err=True)


class Quiet(Silent):
    """Shows no progress, but still notes, for example where originals are sent."""

    def note(self, sentence: str) -> None:
        """Show one sentence."""
        echo(sentence, err=True)


class Bars(Lines):
    """Progress bars on a terminal; a finished bar is replaced by the line that a log would contain."""

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Stage]:
        """Show a bar while a stage runs."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description:<34}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        count = Count(name, total, _say, silent=True)
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(name, total=total)

            class Both:
                def advance(self, items: int = 1) -> None:
                    count.advance(items)
                    bar.advance(task, items)

            yield Both()
        count.close()
