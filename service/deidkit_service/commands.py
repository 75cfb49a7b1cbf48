"""Commands of the service's operator; quick to import, as heavy modules are imported on use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deidkit import defaults
from deidkit.cli import output
from deidkit.cli.groups import Group
from deidkit.cli.shared import FOLDER, TEXTS, AttackSet
from deidkit.errors import StoreError
from deidkit_service.environment import DB_VARIABLE, HOME_VARIABLE

if TYPE_CHECKING:
    from deidkit_service.home import Home

Command = Callable[..., None]

DEFAULT_HOME = Path("deidkit-service")


def home_options(command: Command) -> Command:
    """Add the options that select a service: ``--home`` and ``--db``."""
    for option in (
        click.option("--db", default="", metavar="URL", envvar=DB_VARIABLE,
                     help="Database: a SQLAlchemy URL, e.g. of PostgreSQL. Default: SQLite in the home."),
        click.option("--home", type=FOLDER, default=DEFAULT_HOME, show_default=True, metavar="DIR",
                     envvar=HOME_VARIABLE, help="Folder of the service, shared by all its workers."),
    ):  # fmt: skip
        command = option(command)
    return command


def _home(options: dict[str, Any]) -> Home:
    from deidkit_service.home import Home

    home = Home.at(options.pop("home"), options.pop("db"))
    click.get_current_context().call_on_close(home.close)
    return home


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0 for any free one."
)
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True,
              help="Workers besides the server; 0 where they run elsewhere.")  # fmt: skip
@click.option("--check", is_flag=True, help="Say what is missing or unsafe, and end.")
@home_options
def serve(**options: Any) -> None:
    r"""Offer audits as a service: pages and API on loopback, with a worker.

    \b
    Examples:
        deidkit serve --home service/
        deidkit serve --home service/ --check
        deidkit serve --home shared/ --db postgresql+psycopg://user@host/deidkit --workers 0
    """
    from deidkit_service.extra import check_extra, check_system

    check_system("deidkit serve")
    check_extra("deidkit serve")
    from deidkit_service import serving

    host, port, workers = options.pop("host"), options.pop("port"), options.pop("workers")
    if options.pop("check"):
        missing = serving.check(_home(options), host)
        for sentence in missing:
            output.echo(f"missing: {sentence}")
        if missing:
            raise click.exceptions.Exit(1)
        click.echo("nothing is missing")
        return
    serving.serve(_home(options), host, port, workers)


@click.command()
@click.option("--until-empty", is_flag=True, help="End when nothing waits.")
@click.option("--parent", type=int, hidden=True, help="Process with which this one ends.")
@home_options
def worker(**options: Any) -> None:
    """Audit what waits in the queue of a service, one submission after another, until stopped.

    Any number may run, on any machine that sees home and database; data sets have the same path on each.
    """
    from deidkit_service.extra import check_system

    check_system("deidkit worker")
    from deidkit_service import worker as working
    from deidkit_service.logs import log_to_stderr

    log_to_stderr()
    parent, until_empty = options.pop("parent"), options.pop("until_empty")
    working.work(_home(options), parent=parent, until_empty=until_empty)


class _DatabaseGroup(Group):
    """Commands on the service's database; reports an unusable database as a StoreError, not as a defect."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            from deidkit_service.database import unusable

            if (sentence := unusable(error)) is None:
                raise
            raise StoreError(sentence) from error


@click.group(cls=_DatabaseGroup)
def service() -> None:
    """Manage a service: its tokens and benchmarks."""


@service.group(cls=Group)
def token() -> None:
    """Manage tokens, by which people use the service."""


@token.command(name="create")
@click.option("--name", required=True, help="Whose token it is.")
@click.option("--organisation", required=True, help="Whose submissions it sees.")
@click.option("--role", type=click.Choice(["operator", "submitter", "viewer"]), default="submitter", show_default=True,
              help="Manage the service; submit; read only.")  # fmt: skip
@click.option("--days", type=click.FloatRange(0, min_open=True), help="After which it expires. Default: never.")
@click.option("--benchmark", "benchmarks", multiple=True, type=TEXTS,
              help="Benchmark that it is for. May be given several times. Default: all.")  # fmt: skip
@click.option("--submissions-a-day", type=click.IntRange(0), help="Its quota. Default: that of service.toml.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@home_options
def create_token(**options: Any) -> None:
    """Create a token and show it, once."""
    from deidkit_service.accounts import create_token as create

    home = _home(options)
    as_json = options.pop("as_json")
    names = [options.pop(key) for key in ("name", "organisation", "role")]
    identifier, secret = create(home.database, *names, **options)
    if as_json:
        output.echo_json({"id": identifier, "token": secret})
    else:
        click.echo(secret)
        click.echo(f"token {identifier}; it cannot be shown again", err=True)


@token.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@home_options
def list_tokens(**options: Any) -> None:
    """List tokens, without their secrets."""
    from deidkit_service.accounts import tokens_and_states

    as_json = options.pop("as_json")
    rows = tokens_and_states(_home(options).database)
    if as_json:
        shown = ("id", "name", "organisation", "role", "created", "expires", "revoked", "used")
        output.echo_json([{name: getattr(row, name) for name in shown} for row, _ in rows])
    else:
        header = ["id", "name", "organisation", "role", "state"]
        cells = [[row.id, row.name, row.organisation, row.role, state] for row, state in rows]
        output.echo_table(header, cells)


@token.command(name="revoke")
@click.argument("identifier", metavar="ID")
@home_options
def revoke_token(identifier: str, **options: Any) -> None:
    """End a token at once, and the sessions of browsers that showed it."""
    from deidkit_service.accounts import revoke_token as revoke

    revoke(_home(options).database, identifier)
    click.echo(f"token {identifier} is revoked")


@service.group(cls=Group)
def benchmark() -> None:
    """Manage benchmarks, by which submissions are measured."""


@benchmark.command(name="create")
@click.argument("name")
@click.option("--dataset", required=True, metavar="PATH|NAME[:PATH]", help="As for deidkit audit.")
@click.option("--recognizer", multiple=True, required=True, type=TEXTS, metavar="NAME[:OPTIONS]",
              help="As for deidkit audit. May be given several times.")  # fmt: skip
@click.option("--attack", type=AttackSet(), default=defaults.ATTACK,
              show_default=True, help="Set of attackers.")  # fmt: skip
@click.option("--attacker", multiple=True, type=TEXTS, metavar="NAME[:OPTIONS]",
              help="Further attacker. May be given several times.")  # fmt: skip
@click.option("--policy", default="", metavar="NAME|FILE", help="Requirements; a file is copied into the home.")
@click.option("--require", multiple=True, type=TEXTS, metavar="'METRIC >= NUMBER'", help="Further requirement.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Copies of each picture.")
@click.option("--title", default="", help="Heading of its page. Default: the name.")
@click.option("--description", default="", help="What it is for, shown to everybody.")
@click.option("--accept", multiple=True, type=click.Choice(["pictures", "service", "engine", "scores"]),
              default=["pictures"], show_default=True,
              help="Kind of submission; service sends originals to its host. May be given several times.")  # fmt: skip
@click.option("--hand-out", is_flag=True,
              help="Let submitters download the pictures: without it no original leaves this machine.")  # fmt: skip
@home_options
def create_benchmark(name: str, **options: Any) -> None:
    """Create a benchmark: inspect the data set, then freeze and fingerprint everything that decides the numbers."""
    from deidkit_service.freezing import Definition
    from deidkit_service.freezing import create_benchmark as create

    home = _home(options)
    definition = Definition(
        name=name,
        dataset=options["dataset"],
        recognizers=options["recognizer"],
        attack=options["attack"],
        attackers=options["attacker"],
        policy=options["policy"],
        requirements=options["require"],
        seeds=options["seeds"],
        title=options["title"],
        description=options["description"],
        accepts=options["accept"],
        handed_out=options["hand_out"],
    )
    made = create(home, definition, output.progress())
    click.echo(f"benchmark {made.name}: fingerprint {made.fingerprint}")


@benchmark.command(name="list")
@home_options
def list_benchmarks(**options: Any) -> None:
    """List benchmarks."""
    from deidkit_service.benchmarks import all_benchmarks

    rows = all_benchmarks(_home(options))
    header = ["name", "fingerprint", "takes", "pictures handed out", "state"]
    cells = [
        [
            r.name,
            r.fingerprint[:16],
            ", ".join(r.accepts),
            "yes" if r.handed_out else "no",
            "closed" if r.closed else "open",
        ]
        for r in rows
    ]
    output.echo_table(header, cells)


@benchmark.command(name="close")
@click.argument("name")
@home_options
def close_benchmark(name: str, **options: Any) -> None:
    """Close a benchmark to further submissions; those it has stay."""
    from deidkit_service.benchmarks import close_benchmark as close

    close(_home(options), name)
    click.echo(f"benchmark {name} is closed")


@benchmark.command(name="remove")
@click.argument("name")
@home_options
def remove_benchmark(name: str, **options: Any) -> None:
    """Remove a benchmark with its numbered pictures and its submissions, their scores and reports.

    The data set itself is not touched; copies that were handed out, and backups, are elsewhere.
    """
    from deidkit_service.removal import count
    from deidkit_service.removal import remove_benchmark as remove

    home = _home(options)
    removed = remove(home, name)
    click.echo(f"benchmark {name} is removed, with {count(removed.submissions)}")
    if not removed.is_wiped:
        click.echo(
            f"but the journal of the database {home.database} still holds what was removed, because another process "
            "reads it; a running service wipes it within minutes, otherwise end every process that has it open.",
            err=True,
        )


@benchmark.command(name="challenge")
@click.argument("name")
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.zip")
@home_options
def export_challenge(name: str, target: Path, **options: Any) -> None:
    """Write the pictures of a benchmark under numbers, to give to submitters: they are originals."""
    from deidkit_service.freezing import export_challenge as export

    export(_home(options), name, target)
    click.echo(f"challenge: {target}")
