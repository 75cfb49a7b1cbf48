"""Output of commands: tables and progress for people, JSON for programs."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from deidkit.cli.streams import redirect_to_null
from deidkit.errors import UsageError
from deidkit.printing import printable, printable_json
from deidkit.progress import Progress, Silent, Stage

LINE_INTERVAL_SECONDS = 5.0
"""Seconds between two lines about a running stage in a log without a terminal."""

SHORTEST_STAGE_SECONDS = 1.0
"""A shorter stage prints no line."""


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a text; control characters in it, such as those of file names, are written out.

    Raises:
        OSError: Standard output cannot be written to; lines for standard error are lost then.
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
    """Print a document, or write it to the file that ``--output`` names and say so.

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
    """Send whatever plugins print on standard output to standard error, to leave that to JSON, if any follows."""
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
    """Print one JSON document on standard output, of plain values or records."""
    import msgspec

    document = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2, default=msgspec.to_builtins)
    click.echo(printable_json(document))


def echo_table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table that wraps to the terminal; nothing is cut off where there is none."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=printable(title) or None, title_justify="left", header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    terminal, text = sys.stdout.isatty(), io.StringIO()  # rich itself would end the process if the reader has gone
    width = None if terminal else 160
    Console(file=text, force_terminal=terminal, width=width, highlight=False, markup=False).print(table)
    click.echo(text.getvalue(), nl=False)


def progress(quiet: bool = False) -> Progress:
    """Bars on a terminal, plain lines elsewhere, none of either when quiet. Always on standard error."""
    if quiet:
        return Quiet()
    return Bars() if sys.stderr.isatty() else Lines()


class _Count:
    """Counts from any thread and prints a line now and then."""

    def __init__(self, name: str, total: int | None, *, silent: bool = False) -> None:
        self._name, self._total, self._silent, self._done = name, total, silent, 0
        self._printed: int | None = None
        self._started = self._printed_at = time.monotonic()
        self._lock = threading.Lock()

    def advance(self, items: int = 1) -> None:
        with self._lock:
            self._done += items
            now = time.monotonic()
            if not self._silent and now - self._printed_at >= LINE_INTERVAL_SECONDS:
                self._printed_at = now
                self._echo()

    def close(self) -> None:
        """Print the last line, if the stage took long enough to be worth one."""
        if time.monotonic() - self._started >= SHORTEST_STAGE_SECONDS and self._printed != self._done:
            self._echo()

    def _echo(self) -> None:
        self._printed = self._done
        of = f"/{self._total}" if self._total is not None else ""
        echo(f"{self._name}: {self._done}{of} in {time.monotonic() - self._started:.1f} s", err=True)


class Lines:
    """Plain lines on standard error."""

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Stage]:
        """Report a stage every few seconds, and its end unless it took no time."""
        count = _Count(name, total)
        yield count
        count.close()

    def note(self, sentence: str) -> None:
        """Show one sentence."""
        echo(sentence, err=True)


class Quiet(Silent):
    """No progress; a sentence, such as where originals are sent, is said all the same."""

    def note(self, sentence: str) -> None:
        """Show one sentence."""
        echo(sentence, err=True)


class Bars(Lines):
    """Progress bars on a terminal; a finished one leaves the same line that a log gets."""

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
        count = _Count(name, total, silent=True)
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(name, total=total)

            class Both:
                def advance(self, items: int = 1) -> None:
                    count.advance(items)
                    bar.advance(task, items)

            yield Both()
        count.close()
