"""``deidkit report``: write the report of a stored audit again."""

from __future__ import annotations

from pathlib import Path

import click

from deidkit.cli.configuration import store_options
from deidkit.cli.output import echo
from deidkit.cli.shared import FOLDER, TEXTS, complete_audit


@click.command()
@click.argument("audit", default="latest", shell_complete=complete_audit)
@click.option("--format", "formats", multiple=True, type=TEXTS, default=["html"], show_default=True,
              help="Format: html, json, csv, latex, markdown, junit, pdf. May be given several times.")  # fmt: skip
@click.option("--output", type=FOLDER, default=Path(), metavar="DIR",
              help="Folder for the report. Default: the working directory.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace what is there and is not this audit's.")
@store_options
def report(audit: str, formats: tuple[str, ...], output: Path, overwrite: bool, db: str) -> None:
    """Write the report of AUDIT (an id, the beginning of one, or 'latest') again from the score store.

    Gallery pictures are not in the store: they appear again only where DIR or the audit's own folder still holds them.
    Reports that deidkit wrote there of this audit are replaced; those of another audit, and files of your own, are not
    unless you allow it.
    """
    from deidkit.errors import UsageError
    from deidkit.pipeline import lock, reports
    from deidkit.store import find_audit, load_result, opened_store

    with opened_store(db, "read") as store:
        result = load_result(store, audit)
        home = Path(find_audit(store, result.audit_id).output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the folder {output} cannot be made: {error.strerror}; name another with --output."
        ) from error
    with lock.exclusive(output):
        reports.check_folder(output, result.audit_id, overwrite=overwrite)
        for path in reports.write_reports(result, output, formats, overwrite=overwrite, home=home):
            echo(path)
