"""A user's mistake is one sentence and exit code 2, whatever the command."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from PIL import Image as Pillow

from deidkit.cli import main


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def told(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two people with two pictures each."""
    root = tmp_path / "people"
    for number, name in enumerate(("ann/1.png", "ann/2.png", "bob/1.png", "bob/2.png")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(number // 2)  # a person's pictures differ in light
        coarse = rng.integers(60, 196, (30, 30, 3), dtype=np.uint8)
        picture = Pillow.fromarray(coarse).resize((150, 150), Pillow.Resampling.BICUBIC)
        picture.point(lambda value, number=number: value + number).save(root / name)
    monkeypatch.chdir(tmp_path)
    return root


def checked(root: Path) -> dict[str, Any]:
    result = call("datasets", "check", root, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.mark.slow
def test_copies_and_reports_inside_of_a_data_set_are_not_taken_for_pictures_of_it(people: Path) -> None:
    before = checked(people)
    assert call("deidentify", people, people / "out", "--engine", "mask", "--kind", "roi").exit_code == 0
    fixed = ["--dataset", f"folders:{people},kind=roi", "--engine", "mask", "--recognizer", "compcode", "--quiet"]
    formats = ("html", "json", "csv", "latex", "ablation")
    for number, name in enumerate(formats):
        output = people / "ann" / name if number % 2 else people / "audits" / name
        done = call("audit", *fixed, "--format", name, "--output", output)
        assert done.exit_code == 0 and list(output.glob("gallery/*.webp")), done.output
    (people / "audits" / "html" / ".deidkit-report.json").unlink()  # as a copy of what is not hidden lacks it
    after = checked(people)
    assert (after["samples"], after["fingerprint"]) == (4, before["fingerprint"])
    assert after["left_out"] == {"folder of copies that deidkit made": 1, "folder of an audit's report": len(formats)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["html", "json", "csv", "latex", "ablation"])
def test_a_report_in_the_root_of_a_data_set_adds_no_subject_to_it(people: Path, name: str) -> None:
    before = checked(people)
    fixed = ["--dataset", f"folders:{people},kind=roi", "--engine", "mask", "--recognizer", "compcode", "--quiet"]
    done = call("audit", *fixed, "--format", name, "--output", people)
    assert done.exit_code == 0 and list(people.glob("gallery/*.webp")), done.output
    after = checked(people)
    assert (after["samples"], after["fingerprint"]) == (4, before["fingerprint"])
    assert after["left_out"]["folder of an audit's report"] == 1


def test_a_name_that_is_not_unicode_is_left_out_and_counted(people: Path) -> None:
    odd = os.fsencode(people) + b"/ann/caf\xe9.png"
    try:
        Path(os.fsdecode(people / "ann" / "1.png")).rename(os.fsdecode(odd))
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    after = checked(people)
    assert after["samples"] == 3
    assert after["left_out"] == {"name that is not valid Unicode; rename it": 1}


@pytest.mark.parametrize(
    ("engine", "wanted"),
    [
        ("blur:sigma=nan", "option 'sigma' must be a finite number, not 'nan'"),
        ("blur:sigma=inf", "option 'sigma' must be a finite number, not 'inf'"),
        ("mask:fill=pink", "option 'fill' must be one of black, grey, mean, not 'pink'"),
    ],
)
def test_options_say_what_they_take(people: Path, engine: str, wanted: str) -> None:
    assert wanted in told(call("audit", "--dataset", people, "--engine", engine, "--recognizer", "mtcc"))


def audit_from(text: str, people: Path) -> Result:
    Path("audit.toml").write_text(text)
    fixed = ["--dataset", f"folders:{people},kind=roi", "--recognizer", "compcode", "--quiet"]
    return call("audit", "--config", "audit.toml", "--format", "json", "--output", "out", "--overwrite", *fixed)


@pytest.mark.slow
def test_one_engine_in_a_configuration_needs_no_list(people: Path) -> None:
    assert audit_from('engine = "blur"', people).exit_code == 0
    assert audit_from('engine = {name = "blur", sigma = 3}', people).exit_code == 0
    components = [engine["component"] for engine in json.loads(Path("out/report.json").read_text())["engines"]]
    assert [component["options"]["sigma"] for component in components] == [3.0]


def test_values_in_a_configuration_stay_one_value(people: Path) -> None:
    assert "option 'sigma' must be a number" in told(audit_from('engine = [{name = "blur", sigma = [1, 2]}]', people))
    text = 'engine = [{name = "folder", path = "a,manifest=b"}]'
    assert "an equals sign behind a comma" in told(audit_from(text, people))


@pytest.mark.slow
def test_a_place_that_cannot_be_written_to_is_named(people: Path) -> None:
    assert audit_from('engine = "blur"', people).exit_code == 0
    Path("file").touch()
    assert "file/report cannot be made" in told(call("report", "latest", "--output", "file/report"))
    assert "file/out" in told(call("audit", "--engine", "blur", "--recognizer", "mtcc", "--output", "file/out"))
    work = [
        "--dataset",
        f"folders:{people},kind=roi",
        "--engine",
        "blur",
        "--recognizer",
        "compcode",
        "--work",
        "file/w",
    ]
    assert "file/w cannot be made" in told(call("audit", *work))


def test_training_into_a_place_that_cannot_be_written_to_is_refused(people: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")
    Path("file").touch()
    train = ["train", "ccnet", "--dataset", "synthetic:4", "--output", "file/t", "--epochs", 1]
    assert "output folder file/t cannot be written to" in told(call(*train))


def test_a_damaged_score_file_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"no archive")
    assert "is not an npz file" in told(call("metrics", tmp_path / "x.npz"))
    np.savez(tmp_path / "o.npz", genuine=np.array([{}], dtype=object), impostor=np.zeros(2))
    said = told(call("metrics", tmp_path / "o.npz"))
    assert "not of numbers" in said and "pickle" not in said
    assert "there is no file" in told(call("metrics", tmp_path / "absent.npz"))


def test_a_database_of_something_else_is_not_called_empty(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("create table cats (name text)")
    other.close()
    for command in ("current", "upgrade", "list"):
        assert "not a score store of deidkit" in told(call("db", command, "--db", tmp_path / "other.db"))


@pytest.mark.slow
def test_one_configuration_serves_every_command(people: Path) -> None:
    Path("deidkit.toml").write_text(
        'dataset = "folders:people,kind=roi"\nrecognizer = ["compcode"]\nquiet = true\ndb = "my.db"\n'
        'require = ["ssim >= 0 on point"]\nvary = ["sigma=2,3"]\nkind = "roi"\noutput = "audit"\noverwrite = true\n'
        'engine = ["identity", {name = "blur", sigma = 2}]\nformat = ["json", "html"]\nwork = "kept"\nseeds = 1\n'
    )
    for command in (
        ["audit", "--quiet"],
        ["ablate", "--engine=blur", "--compare", "none"],
        ["deidentify", "people", "copies", "--engine", "blur"],
        ["synthesize", "drawn", "--subjects", 1, "--samples", 1],
        ["report", "--output=again"],
        ["db", "list"],
        ["db", "current"],
        ["db", "upgrade"],
    ):
        result = call(*command[:1], *command[1:2], "--config", "deidkit.toml", *command[2:])
        assert result.exit_code in (0, 1), (command, result.output)  # 1: a leak is found, whatever the file says
    components = [engine["component"] for engine in json.loads(Path("audit/report.json").read_text())["engines"]]
    assert [component["options"]["sigma"] for component in components] == [2.0, 3.0]  # the ablation's
    assert sorted(path.name for path in Path("again").iterdir()) == [
        ".deidkit-report.json",
        "report.html",
    ]  # the store alone is read there
    assert not Path("deidkit.db").exists()
    missing = told(call("deidentify", "people", "others"))  # a list says nothing to a command that takes one engine
    assert "Missing option '--engine'" in missing
    Path("deidkit.toml").write_text("requires = []\n")
    for command in (["audit"], ["report"], ["db", "list"]):
        assert "there is no option 'requires'. Did you mean 'require'?" in told(call(*command))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('engine = "program:touch ran {input} {output}"', "'program', which runs a program or sends pictures"),
        ('analyzer = "wilor:python=./ran.sh"', "'wilor', which runs a program or sends pictures"),
        ('engine = ["blur", " service:https://example.org/a"]', "'service', which runs"),
        ('engine = {name = "service", url = "https://example.org/a"}', "'service', which runs"),
        ('engine = "./evil.py:Evil"', "'./evil.py', which runs"),
        ('engine = "evil.inner:Evil"', "'evil.inner', which runs"),
        ('recognizer = "evil:Evil"', "'evil', which runs"),
        ('engine = "compcode:Evil"', "'compcode', which runs"),  # the name of a plugin of another kind
        ('db = "postgresql://me:secret@host/x"', "the database 'postgresql://me:***@host/x'"),
        ('db = "there.db"', "the database 'there.db'"),
    ],
)
def test_a_file_that_nobody_named_runs_nothing_and_opens_no_database(people: Path, line: str, what: str) -> None:
    evil = "from pathlib import Path\nPath('ran').touch()\nclass Evil: pass\n"
    Path("evil.py").write_text(evil)
    Path("compcode.py").write_text(evil)
    Path("evil").mkdir()
    Path("evil/__init__.py").write_text(evil)
    Path("deidkit.toml").write_text(f"{line}\n")
    options = {"engine": ["--engine", "blur"], "recognizer": ["--recognizer", "compcode"], "db": ["--db", "mine.db"]}
    options["analyzer"] = ["--analyzer", "mediapipe"]
    fixed = ["--dataset", "folders:people,kind=roi", "--quiet", "--output", "out", "--overwrite"]
    others = [word for key, words in options.items() if not line.startswith(key) for word in words]
    result = call("audit", *fixed, *others)
    said = told(result)
    assert f"deidkit.toml in this folder asks for {what}" in said and "--config deidkit.toml" in said
    assert not Path("ran").exists() and not Path("there.db").exists() and "secret" not in said
    every = [word for words in options.values() for word in words]
    result = call("audit", *fixed, *every)  # what the command line says is not asked of the file
    assert result.exit_code == 0 and "Options are read from deidkit.toml" in result.output, result.output


def test_the_shell_completes_words_whatever_a_file_of_options_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deidkit.toml").write_text('db = "there.db"\n')
    complete = ShellComplete(main, {}, "deidkit", "_DEIDKIT_COMPLETE").get_completions
    assert "--format" in [item.value for item in complete(["report"], "--f")]
    assert complete(["report"], "2") is not None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("seeds = [1]", "'seeds' takes one value, not a list"),
        ("[audit]", "'audit' is a table; options stand at the top of the file, without a heading"),
        ("seeds = " + "9" * 5000, "is not valid TOML: it holds an integer of more than 64 bits"),
        (r'engine = "a\u0000b"', "'engine' contains a null character"),
        ("seeds = 2026-01-01", "'seeds' holds a date or time; put it in quotes if text is meant"),
        ("seeds = true", "'true' is not a valid integer"),
        ("seeds = 1.5", "'1.5' is not a valid integer"),
        ('engine = [["blur"]]', "'engine' holds a list in a list"),
        ("engine = [2026-01-01]", "'engine' holds a date or time"),
        ('work = ""', "'work' is empty; give it a value or leave the line out"),
        ('engine = ["blur", " "]', "'engine' is empty"),
        ("db = ['a.db']", "'db' takes one value, not a list"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(people: Path, line: str, sentence: str) -> None:
    Path("deidkit.toml").write_text(f"{line}\n")
    assert sentence in told(call("audit", "--dataset", "folders:people,kind=roi", "--recognizer", "compcode"))
    assert not list(Path().glob("*.npz")) and not Path("deidkit.db").exists()


def test_an_empty_list_of_data_sets_is_no_data_set(people: Path) -> None:
    Path("audit.toml").write_text('dataset = []\nengine = ["blur"]\nrecognizer = ["compcode"]\n')
    result = call("audit", "--config", "audit.toml")
    assert result.exit_code == 2 and "there is no data set; name one with --dataset" in told(result)


def test_a_name_that_no_file_can_have_is_named(people: Path) -> None:
    for command in (["audit", "--engine", "blur", "--recognizer", "compcode", "--dataset"], ["verify"]):
        result = call(*command, "9" * 5000)
        assert result.exit_code == 2 and told(result).startswith("Error: a file's name is too long: 999")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--db", ""], "--db is empty; name a file or a URL"),
        (["--db", "sqlite://"], "would be in memory only and lost; name a file with --db"),
        (["--db", ":memory:"], "would be in memory only and lost; name a file with --db"),
        (["--work", ""], "Invalid value for '--work': it is empty"),
        (["--output", ""], "Invalid value for '--output': it is empty"),
        (["--dataset", ""], "the data set is empty"),
    ],
)
def test_an_empty_value_is_no_place(people: Path, options: list[str], sentence: str) -> None:
    fixed = ["--engine", "blur", "--recognizer", "compcode", "--quiet"]
    if options[0] != "--dataset":
        fixed += ["--dataset", f"folders:{people},kind=roi"]
    assert sentence in told(call("audit", *fixed, *options))
    assert sorted(path.name for path in Path().iterdir()) == ["people"]


@pytest.mark.slow
def test_the_environment_takes_one_value_a_line(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDKIT_AUDIT_REQUIRE", "ssim >= 0 on point\n\n  psnr >= 0 on point\n")
    monkeypatch.setenv("DEIDKIT_AUDIT_ENGINE", "blur:sigma=2\nmask")
    fixed = ["--dataset", f"folders:{people},kind=roi", "--recognizer", "compcode", "--quiet"]
    result = call("audit", *fixed, "--output", "out", "--format", "json")
    assert result.exit_code in (0, 1), result.output  # 1: a leak is found
    told = json.loads(Path("out/report.json").read_text())
    assert [requirement["text"] for requirement in told["verdict"]["requirements"]] == [
        *["ssim >= 0 on point", "psnr >= 0 on point"] * 2,
    ]


@pytest.mark.parametrize("command", [["compare"], ["paper"], ["dossier"]])
def test_a_report_that_is_nested_without_end_is_no_report(tmp_path: Path, command: list[str]) -> None:
    report = tmp_path / "report.json"
    report.write_text(f'{{"nested": {"[" * 100_000}')
    files = [report] * (2 if command == ["compare"] else 1)
    result = call(*command, *files)
    assert "report.json is not a report.json of this deidkit: it is nested too deep." in told(result)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("name = " + "[" * 100_000, "nested too deep"),
        ("minimum = {subjects = " + "9" * 6000 + "}", "more than 64 bits"),
    ],
)
def test_a_policy_that_no_reader_takes_is_named(people: Path, line: str, reason: str) -> None:
    policy = people.parent / "ours.toml"
    policy.write_text(line)
    said = told(call("audit", "--dataset", people, "--engine", "blur", "--recognizer", "mtcc", "--policy", policy))
    assert f"{policy}: the policy cannot be read: it" in said and reason in said


@pytest.mark.parametrize("words", [["audit"], ["db"], ["db", "list"], ["service", "token", "create"]])
def test_both_options_for_help_work_everywhere(words: list[str]) -> None:
    short, long = (CliRunner().invoke(main, [*words, option]) for option in ("-h", "--help"))
    assert short.exit_code == long.exit_code == 0
    assert short.output == long.output and short.output.startswith("Usage:")


@pytest.mark.parametrize("group", ["datasets", "models", "db", "key", "service"])
def test_lists_of_commands_end_no_sentence_early(group: str) -> None:
    assert "..." not in CliRunner().invoke(main, [group, "--help"]).output.partition("Commands:")[2]
