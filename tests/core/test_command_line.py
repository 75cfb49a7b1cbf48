"""The command line: quick to start, documented to the last option, and never a traceback for a mistake."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from deidkit.cli import COMMANDS, SECTIONS, main

README = Path(__file__).resolve().parents[2] / "README.md"
HEAVY = ("numpy", "cv2", "numba", "sqlalchemy", "scipy", "jinja2", "torch", "PIL", "rich")


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", found) for sub, found in command.commands.items())


def test_help_starts_without_anything_heavy() -> None:
    code = f"import sys; sys.argv = ['deidkit', '--help']\nimport deidkit.cli\ntry:\n  deidkit.cli.main()\nexcept SystemExit: pass\nimport json; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_and_option_has_help(name: str, command: click.Command) -> None:
    assert command.help, f"{name} has no help"
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.multiple:  # so that values may hold blanks
            assert parameter.type.split_envvar_value("a b\nc d") == ["a b", "c d"], parameter.name
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name} has no help"
    result = CliRunner().invoke(main, [*name.split(), "--help"])
    assert result.exit_code == 0


@pytest.mark.skipif(not README.is_file(), reason="needs the checkout's README")
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    text = README.read_text(encoding="utf-8")
    assert f"deidkit {name}" in text or f"`{name}`" in text


def test_help_has_every_command_under_one_heading() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    for name in COMMANDS:
        assert len(re.findall(rf"^  {name}  ", shown, re.MULTILINE)) == 1, name
    assert [line for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")] == [
        "Options:", *(f"{heading}:" for heading in SECTIONS), "More:",
    ]  # fmt: skip


def test_version_is_that_of_the_package() -> None:
    from deidkit import __version__

    result = CliRunner().invoke(main, ["--version"])
    assert __version__ in result.output


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell with pipes")
@pytest.mark.parametrize("options", [[], ["--options"], ["--json"]])
def test_a_reader_that_goes_away_ends_it_quietly(options: list[str]) -> None:
    command = [sys.executable, "-P", "-m", "deidkit", "plugins", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        process.stdout.close()  # as head does, only sooner
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_command_that_does_not_exist_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["audti"])
    assert result.exit_code == 2
    assert "No such command 'audti'. Did you mean 'audit'?" in result.output
    inner = CliRunner().invoke(main, ["datasets", "chek"])
    assert inner.exit_code == 2 and "Did you mean 'check'?" in inner.output
    other = CliRunner().invoke(main, ["xyz"])
    assert other.exit_code == 2 and "The commands: audit, ablate" in other.output


def test_a_package_brings_a_command_and_a_broken_one_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(name: str, value: str) -> EntryPoint:
        return EntryPoint(name, value, "deidkit.commands")

    brought = [entry("audit", "json:dumps"), entry("good", "deidkit.cli.plugins:plugins"), entry("odd", "json:dumps")]
    brought += [entry("lost", "no_such_module:command"), *[entry("both", "deidkit.cli.plugins:plugins")] * 2]

    def entry_points(group: str, name: str | None = None) -> list[EntryPoint]:
        return [found for found in brought if name in (None, found.name)]

    monkeypatch.setattr("deidkit.cli.entry_points", entry_points)
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0 and "good" in shown.output and "cannot be imported" in shown.output
    assert CliRunner().invoke(main, ["good", "--help"]).exit_code == 0
    assert "Audit anonymizers" in CliRunner().invoke(main, ["audit", "--help"]).output, (
        "nobody takes a core command's place"
    )
    for name, told in (("odd", "not a click command"), ("lost", "no_such_module"), ("both", "claimed by")):
        done = CliRunner().invoke(main, [name])
        assert done.exit_code == 2 and told in done.output and "Traceback" not in done.output


def test_an_option_of_one_value_is_not_given_twice() -> None:
    for words in (
        ["audit", "--seeds", "2", "--seeds=3", "--engine", "blur", "--engine", "mask", "--recognizer", "mtcc"],
        ["db", "list", "--db", "a.db", "--db", "b.db"],
    ):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 2
        assert "is given 2 times and takes one value" in result.output and "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (("audit", "--engine", "pix"), ["pixelate"]),
        (("audit", "--recognizer", "palmc"), ["palmcode"]),
        (("audit", "--attack", "qu"), ["quick"]),
        (("deidentify", "--engine", "resy"), ["resynth"]),
        (("audit", "--policy", "scr"), ["screening"]),
    ],
)
def test_the_shell_completes_values(words: tuple[str, ...], completed: list[str]) -> None:
    *before, incomplete = words
    found = ShellComplete(main, {}, "deidkit", "_DEIDKIT_COMPLETE").get_completions(before, incomplete)
    assert [item.value for item in found] == completed


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_streams_may_be_closed(closed: str) -> None:
    words = "plan 'rank_1_percent <= 10'"
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m deidkit {words} {closed}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_standard_output_is_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "deidkit", "plugins"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    said = "Error: standard output cannot be written to: No space left on device.\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("words", ["--version", "--help", "audit --help", "audit --nosuch"])
def test_help_and_errors_that_cannot_be_printed_end_with_2(words: str) -> None:
    command = f"{sys.executable} -m deidkit {words} {'2' if 'nosuch' in words else ''}>/dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    said = "" if "nosuch" in words else "Error: standard output cannot be written to: No space left on device.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
