"""``deidkit paper``: the published tables over several data sets."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from deidkit.cli.configuration import store_options
from deidkit.cli.output import print_or_write
from deidkit.cli.shared import complete_audit


@click.command()
@click.argument("audits", nargs=-1, required=True, metavar="AUDIT ...", shell_complete=complete_audit)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="File to write. Default: standard output.")  # fmt: skip
@store_options
def paper(audits: tuple[str, ...], output: Path | None, db: str) -> None:
    r"""Write the published tables of several audits as LaTeX, each number with its interval.

    Tables II to IV (identity, quality, usability) have a row for each data set; V to VII, the same, a row for each
    setting of an engine that was audited with several. AUDIT is an id, the beginning of one, 'latest', or the path of
    a report.json.

    \b
    Example:
        deidkit audit --dataset iitd:IITD/ --dataset polyu:PolyU/ --engine diffusion \
            --recognizer mtcc:preset=paper
        deidkit paper 20261130-120000 20261130-150000 --output tables.tex
    """
    from deidkit import plugins
    from deidkit.audit_comparison import load_sides

    results = [side.result for side in load_sides(audits, db)]
    writer = plugins.create("report", "paper").plugin
    with TemporaryDirectory() as folder:
        text = Path(writer.write_several(results, Path(folder))[0]).read_text(encoding="utf-8")
    print_or_write(text, output)
