"""Commands of submitters; quick to import, as heavy modules are imported on use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from deidkit.cli import output
from deidkit.cli.groups import Group

Command = Callable[..., None]

server_option = click.option(
    "--server", metavar="URL", envvar="DEIDKIT_SERVER", help="Address of the service, e.g. http://127.0.0.1:8765"
)
benchmark_option = click.option("--benchmark", metavar="NAME", help="Benchmark of that service.")
token_option = click.option(
    "--token", envvar="DEIDKIT_TOKEN", help="Token; better in the environment variable DEIDKIT_TOKEN."
)


def with_server(command: Command) -> Command:
    """Add the options that select a service, a benchmark and a token."""
    return server_option(benchmark_option(token_option(command)))


@click.group(cls=Group)
def submission() -> None:
    """Prepare submissions to a service, and follow, cancel or remove them."""


@submission.command(name="check")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--challenge", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.zip",
              help="The challenge: the zip of the benchmark's pictures. Default: that of --server.")  # fmt: skip
@with_server
def check_submission(folder: Path, challenge: Path | None, **where: Any) -> None:
    """Check a folder of finished pictures exactly as the server does.

    Exit codes: 0 it would be accepted, 1 it would be refused, 2 could not check.
    """
    from deidkit_service.client import checked

    found = checked(folder, challenge, **where)
    for sentence in found.problems:
        click.echo(f"problem: {sentence}")
    for sentence in found.notes:
        click.echo(f"note: {sentence}")
    if found.problems:
        raise click.exceptions.Exit(1)
    click.echo(f"in order: {len(found.files)} pictures")


@submission.command(name="list")
@with_server
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_submissions(server: str | None, benchmark: str | None, token: str | None, as_json: bool) -> None:
    """List your organisation's submissions, the newest first."""
    from deidkit_service.client import Server, submissions_of

    found = submissions_of(Server.of(server, token), benchmark)
    if as_json:
        output.echo_json(found)
    else:
        shown = ("id", "benchmark", "organisation", "title", "state", "verdict")
        output.echo_table(shown, [[str(one[name]) for name in shown] for one in found])


def one_submission(command: Command) -> Command:
    """Add the argument, an id or URL, and the options of a command about one submission."""
    return click.argument("identifier", metavar="ID")(server_option(token_option(command)))


@submission.command(name="show")
@one_submission
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_submission(identifier: str, server: str | None, token: str | None, as_json: bool) -> None:
    """Show the state of a submission, its result or why it failed, and the end of its log."""
    from deidkit_service.client import Server, ask_about, told

    found = ask_about(Server.of(server, token), "GET", identifier)
    if as_json:
        output.echo_json(found)
    else:
        output.echo("\n".join([*found["log"], told(found)]))


@submission.command(name="cancel")
@one_submission
def cancel_submission(identifier: str, server: str | None, token: str | None) -> None:
    """Cancel a submission that waits or runs."""
    from deidkit_service.client import Server, ask_about

    found = ask_about(Server.of(server, token), "POST", identifier, "/cancel")
    output.echo("its worker is stopping" if found["stopping"] else found["state"])


@submission.command(name="remove")
@one_submission
def remove_submission(identifier: str, server: str | None, token: str | None) -> None:
    """Remove a submission with its pictures, scores and report."""
    from deidkit_service.client import Server, ask_about

    found = ask_about(Server.of(server, token), "DELETE", identifier)
    output.echo("removed" if found["removed"] else "it is removed as soon as its worker has stopped")


@click.command()
@click.argument("what", metavar="DIR|FILE|ADDRESS|ENGINE")
@click.option("--kind", type=click.Choice(["pictures", "scores", "service", "engine"]), default="pictures",
              show_default=True, help="What is submitted.")  # fmt: skip
@click.option("--title", help="Name on the leaderboard. Default: the name of what is submitted.")
@click.option("--wait", is_flag=True, help="Wait until it has ended, and report the outcome.")
@click.option("--quiet", is_flag=True, help="No progress.")
@with_server
def submit(what: str, **options: Any) -> None:
    r"""Submit to a service; the same command resumes a broken upload.

    \b
    Examples:
        deidkit submit copies/ --server http://127.0.0.1:8765 --benchmark palms --title 'Blur 8' --wait
        deidkit submit scores.csv --kind scores --server http://127.0.0.1:8765 --benchmark palms
        deidkit submit https://vendor.example/anonymize --kind service --server http://... --benchmark palms

    Exit codes: 0 submitted (with --wait: and done), 1 it failed or was cancelled, 2 could not submit.
    """
    from deidkit_service import client

    server = client.Server.of(options["server"], options["token"])
    say = output.progress(options["quiet"])
    title = options["title"] or Path(what.rstrip("/")).name or what
    found = client.submit(server, options["benchmark"], options["kind"], what, title, say)
    click.echo(f"submission {found['id']}: {found['state']}; {server.address}/submissions/{found['id']}")
    if options["wait"]:
        found = client.wait_for(server, found["id"], say)
        output.echo(client.told(found))
        if found["state"] != "done":
            raise click.exceptions.Exit(1)
