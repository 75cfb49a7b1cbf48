"""The pages of the manual: what they tell people to type is understood."""

from __future__ import annotations

import importlib
import re
import shlex
import tomllib
from itertools import chain
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement

from deidkit.cli import main

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")])


def commands_of(page: Path) -> list[list[str]]:
    """The commands in a page's blocks of code, words apart."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^(?: {4,}|\$ )(?:\$ )?(deidkit .*)$", text, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands_of(page)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_command_and_option_exists(page: Path) -> None:
    for words in commands_of(page):
        command, context = main, click.Context(main)
        rest = words[1:]
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            found = command.get_command(context, rest[0])
            assert found is not None, f"{shlex.join(words)}: there is no command '{rest[0]}'"
            command, rest = found, rest[1:]
        known = {text for parameter in command.params for text in (*parameter.opts, *parameter.secondary_opts)}
        known |= set(command.get_help_option_names(context)) | {"--help"}
        for word in rest:
            if word in ("|", "&&", ";", ">"):
                break
            if word.startswith("--"):
                assert word.partition("=")[0] in known, f"{shlex.join(words)}: there is no {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_to_be_installed_is_as_new_as_the_package_requires(page: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    lowest = {Requirement(text).name: text for text in named}
    for text in re.findall(r"'([a-z][\w-]+(?:\[\w+\])?>=[^'\s]*)'", page.read_text(encoding="utf-8")):
        name = Requirement(text).name
        if name in lowest:
            assert text == lowest[name], page


def test_every_module_of_the_reference_exists() -> None:
    for name in re.findall(r"^::: (deidkit\S*)", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.MULTILINE):
        assert importlib.import_module(name).__doc__
