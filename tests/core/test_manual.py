"""The pages of the manual: what they tell people to type is understood."""

from __future__ import annotations

import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement

from deidkit.cli import main

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")])


def commands_of(page: Path) -> list[list[str]]:
    """The commands in a page's blocks of code, and in its sentences but where these tell what is gone; words apart."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^(?: {4,}(?:.*&& )?|\$ )(?:\$ )?(deidkit .*)$", text, re.MULTILINE)
    within = [] if page.name == "CHANGELOG.md" else re.findall(r"`(deidkit [^`]+)`", text)
    return [shlex.split(line, comments=True) for line in [*lines, *within]]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands_of(page)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_command_and_option_exists(page: Path) -> None:
    assert_known(commands_of(page))


def test_every_example_of_the_help_exists() -> None:
    def texts(command: click.Command) -> Iterator[str]:
        yield command.help or ""
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                yield from texts(found)

    context = click.Context(main)
    lines = re.findall(r"^ *(deidkit .*)$", "\n".join(texts(main)).replace("\\\n", " "), re.MULTILINE)
    assert len(lines) > 30
    assert_known([shlex.split(line, comments=True) for line in lines])


def assert_known(commands: list[list[str]]) -> None:
    for words in commands:
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
