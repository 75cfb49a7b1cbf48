"""``deidkit doctor``: what this installation has, what it lacks, and what would help."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import click

from deidkit.cli import output


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes:
        what: Name of what was checked.
        state: ``ok``, ``optional`` (something is not installed that an audit does not need) or ``broken``.
        remedy: Remedy; empty if none is needed.
    """

    what: str
    state: Literal["ok", "optional", "broken"]
    about: str
    remedy: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Say what this installation has, what it lacks and what would help; its output suits a report of a defect.

    Nothing is downloaded or changed. Exit codes: 0 audits can run, 1 something is broken.
    """
    found = [*_program(), *_models(), *_plugins(), *_extras()]
    if as_json:
        output.echo_json([asdict(one) for one in found])
    else:
        rows = [[one.what, one.state, one.about, one.remedy] for one in found]
        output.echo_table(["what", "state", "found", "what helps"], rows)
    raise click.exceptions.Exit(1 if any(one.state == "broken" for one in found) else 0)


def _program() -> Iterator[Finding]:
    import platform
    from pathlib import Path

    import deidkit
    from deidkit.processors import available

    yield Finding("deidkit", "ok", f"{deidkit.__version__} in {Path(deidkit.__file__).parent}")
    yield Finding("Python", "ok", f"{platform.python_version()}, {platform.platform()}")
    yield Finding("processors", "ok", f"{available()} for this process")


def _models() -> Iterator[Finding]:
    import os

    from deidkit import models
    from deidkit.errors import MissingModel

    folder = models.folder()
    there = next(place for place in (folder, *folder.parents) if os.access(place, os.F_OK))
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        fault = f"{folder} cannot be written" if there.is_dir() else f"{there} is no folder"
        yield Finding("folder of models", "broken", fault, "set DEIDKIT_MODELS to a folder that can be written")
        if not os.access(folder, os.R_OK | os.X_OK) or not folder.is_dir():
            return
    for model in models.installed():
        try:
            states = {*models.state(model.name, contents=False).values()}
        except MissingModel as error:
            yield Finding(f"model {model.name}", "broken", str(error), f"deidkit models remove {model.name}")
            continue
        if states == {"ok"}:
            yield Finding(f"model {model.name}", "ok", f"in {folder}")
        elif "damaged" in states:
            yield Finding(f"model {model.name}", "broken", "damaged", f"deidkit models fetch {model.name}")
        else:
            yield Finding(f"model {model.name}", "optional", "not here", f"deidkit models fetch {model.name}")


def _plugins() -> Iterator[Finding]:
    from deidkit import plugins
    from deidkit.errors import DeidkitError, MissingPackage

    working, lacking = 0, 0
    for kind in plugins.CONTRACTS:
        for entry in plugins.installed(kind):
            try:
                plugins.check_class(kind, entry.name, plugins.load(kind, entry.name))
                working += 1
            except MissingPackage:
                lacking += 1
            except DeidkitError as error:
                yield Finding(f"{kind} {entry.name}", "broken", str(error))
    yield Finding("plugins", "ok", f"{working} can be used")
    if lacking:
        yield Finding("plugins", "optional", f"{lacking} need packages that are not here", "see: deidkit plugins")


def _extras() -> Iterator[Finding]:
    """Check which optional requirements are missing, by extra; versions are not compared."""
    import re
    from importlib.metadata import PackageNotFoundError, version

    from deidkit import extras

    listed = extras.requirements()
    for extra in sorted({*listed} - FOR_DEVELOPERS):
        missing = []
        for requirement in listed[extra]:
            try:
                version(re.split(r"[\[<>=!~ ]", requirement)[0])
            except PackageNotFoundError:
                missing.append(requirement)
        if missing:
            install = " ".join(f"'{requirement}'" for requirement in missing)
            yield Finding(f"extra {extra}", "optional", "not installed", f"pip install {install}")
        else:
            yield Finding(f"extra {extra}", "ok", "installed")


FOR_DEVELOPERS = frozenset({"all", "docs", "lint", "test"})
"""Extras that are not needed to run audits."""
