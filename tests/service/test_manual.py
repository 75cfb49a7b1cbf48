"""docs/service.md and deployment/: their commands are those that exist, and lead where they say."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from deidkit.cli import main
from deidkit_service.home import Home
from deidkit_service.settings import Settings, read_settings

from .helpers import command

ROOT = Path(__file__).resolve().parents[2]
MANUAL = ROOT / "docs" / "service.md"

pytestmark = pytest.mark.skipif(not MANUAL.is_file(), reason="needs the checkout's docs")


def lines() -> Iterator[str]:
    """Every deidkit command of the manual and of the deployment files."""
    for line in MANUAL.read_text(encoding="utf-8").splitlines():
        if line.startswith("    deidkit "):
            yield line.strip()
    for part in re.findall(r"`(deidkit [^`\n]+(?:\n[^`]*)?)`", MANUAL.read_text(encoding="utf-8")):
        yield " ".join(part.split())
    for path in (ROOT / "deployment").iterdir():
        text = path.read_text(encoding="utf-8")
        for words in re.findall(r'(?:CMD|command:) (\["deidkit".*\])', text):
            yield shlex.join(json.loads(words))
        for words in re.findall(r"ExecStart=\S*/(deidkit .*)", text):
            yield words


@pytest.mark.parametrize("line", sorted(set(lines())))
def test_every_command_can_be_given(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "challenge").mkdir()
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)[1:]
    context, found = click.Context(main), main
    while words and isinstance(found, click.Group):
        inner = found.get_command(context, words[0])
        assert inner is not None, line
        found, words = inner, words[1:]
    if words and not isinstance(found, click.Group):
        given = [word for word in words if word.startswith("--")]
        known = {name for parameter in found.params for name in parameter.opts}
        assert set(given) <= known, line
        if not any(word in ("...", "TARGET") for word in words):
            found.make_context(found.name, list(words), resilient_parsing=False)


def test_the_settings_of_the_manual_are_all_settings_with_their_defaults(tmp_path: Path) -> None:
    shown = re.search(r"```toml\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    (tmp_path / "service.toml").write_text(shown[1])
    found = read_settings(tmp_path)
    for name in Settings.__struct_fields__:
        assert name in shown[1]
        if name != "engines":
            assert getattr(found, name) == getattr(Settings(), name), name


@pytest.mark.parametrize("text", ["nonsense = 1\n", "max_files = 'many'\n", "lease_seconds = 0\n", "= 3\n"])
def test_a_wrong_setting_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "service.toml").write_text(text)
    done = CliRunner().invoke(main, ["serve", "--check", "--home", str(tmp_path)])
    assert done.exit_code == 2
    assert "service.toml" in done.output and "Traceback" not in done.output


def test_check_says_what_is_missing_until_nothing_is(data: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"

    def check(*more: str) -> str:
        return CliRunner().invoke(main, ["serve", "--check", "--home", str(home), *more]).output

    assert [line.partition(":")[2].split(":")[0].strip() for line in check().splitlines()] == [
        "an operator's token", "a submitter's token", "a benchmark",
    ]  # fmt: skip
    assert check().count(f" --home {home}") == 3, "else another service would get them"
    for role in ("operator", "submitter"):
        command("service", "token", "create", "--home", home, "--name", "A", "--organisation", "B", "--role", role)
    words = ["--dataset", f"numbered:{data},kind=roi", "--recognizer", "compcode", "--attack", "none"]
    command("service", "benchmark", "create", "palms", "--home", home, *words)
    assert check() == "nothing is missing\n"
    assert "TLS" in check("--host", "0.0.0.0")
    home.chmod(0o755)
    assert "chmod 700" in check()


def test_mistakes_of_an_operator_get_one_sentence(data: Path, tmp_path: Path) -> None:
    home = ["--home", str(tmp_path / "home")]
    dataset = ["--dataset", f"numbered:{data},kind=roi", "--recognizer", "compcode", "--attack", "none"]
    for words, told in (
        (["benchmark", "create", "A b", *dataset, *home], "1 to 59 letters"),
        (
            ["benchmark", "create", "palms", "--dataset", "nowhere/", "--recognizer", "compcode", *home],
            "no file or folder",
        ),
        (["benchmark", "create", "palms", *dataset, "--policy", "screning", *home], "Did you mean 'screening'"),
        (["benchmark", "create", "palms", *dataset[:2], "--recognizer", "mtc", "--attack", "none", *home], "mtcc"),
        (["benchmark", "close", "palms", *home], "no benchmark 'palms'"),
        (["token", "revoke", "nobody", *home], "no token in use"),
        (["token", "create", "--name", " ", "--organisation", "x", *home], "1 to 100"),
    ):
        done = CliRunner().invoke(main, ["service", *words])
        assert done.exit_code == 2, (words, done.output)
        assert told in done.output and "Traceback" not in done.output
    assert list((tmp_path / "home" / "benchmarks").iterdir()) == []
    command("service", "benchmark", "create", "palms", *dataset, *home)
    again = CliRunner().invoke(main, ["service", "benchmark", "create", "palms", *dataset, *home])
    assert again.exit_code == 2 and "take another name" in again.output


@pytest.mark.slow
def test_a_data_set_that_has_changed_is_refused(service, data: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(data, changed)
    command("service", "benchmark", "create", "moving", "--home", service.home.folder, "--dataset",
            f"numbered:{changed},kind=roi", "--recognizer", "compcode", "--attack", "none", "--accept", "engine")  # fmt: skip
    (service.home.folder / "service.toml").write_text('[engines]\nblur = "blur"\n')
    (changed / "0001_0001.png").unlink()
    submitter = service.token()
    made = service.client.post(
        "/api/v1/benchmarks/moving/submissions",
        json={"title": "Blur", "kind": "engine", "engine": "blur"},
        headers=submitter,
    ).json()
    service.check()
    service.audit()
    found = service.state(submitter, made["id"])
    assert found["state"] == "failed" and "has changed since the benchmark was made" in found["sentence"]
    assert str(changed) not in found["sentence"]
    export = CliRunner().invoke(
        main,
        ["service", "benchmark", "challenge", "moving", str(tmp_path / "c.zip"), "--home", str(service.home.folder)],
    )
    assert export.exit_code == 2 and not (tmp_path / "c.zip").exists()


def test_a_backup_is_restored_by_the_manual(service, blurred, tmp_path: Path) -> None:
    submitter = service.token()
    made = service.hand_in(submitter, blurred(2))["id"]
    service.check()
    service.home.database.close()
    for line in ("tar -C home -cf backup.tar .", "mkdir restored && tar -C restored -xf backup.tar"):
        assert line.replace("home", "service") in MANUAL.read_text(encoding="utf-8")
        subprocess.run(line, shell=True, check=True, cwd=tmp_path)
    from deidkit_service.accounts import by_secret
    from deidkit_service.submissions import get

    restored = Home.at(tmp_path / "restored")
    person = by_secret(restored.database, submitter["Authorization"].split()[1])
    assert get(restored, person, made).state == "queued"
    restored.database.close()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_unit_is_understood_by_systemd(tmp_path: Path) -> None:
    unit = tmp_path / "deidkit.service"
    text = (ROOT / "deployment" / "deidkit.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/deidkit/bin/deidkit", shutil.which("true") or "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert "deidkit.service" not in done.stderr, done.stderr


def test_the_compose_file_has_two_workers_that_share_home_and_database() -> None:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    found = yaml.safe_load((ROOT / "deployment" / "compose.yaml").read_text(encoding="utf-8"))
    server, worker = found["services"]["server"], found["services"]["worker"]
    assert worker["deploy"]["replicas"] == 2
    assert server["volumes"] == worker["volumes"] and server["environment"] == worker["environment"]
    assert server["ports"] == ["127.0.0.1:8765:8765"], "published on loopback only"
    for one in (server, worker):
        assert one["read_only"] and one["cap_drop"] == ["ALL"] and "/tmp" in one["volumes"]
    assert worker["healthcheck"] == {"disable": True}, "the image's asks the server"
    known = {parameter.envvar for parameter in main.get_command(click.Context(main), "serve").params}
    assert set(server["environment"]) <= known


def test_the_image_writes_into_its_volume_only() -> None:
    text = (ROOT / "deployment" / "Containerfile").read_text(encoding="utf-8")
    volume = re.search(r"^VOLUME (\S+)$", text, re.MULTILINE)
    written = dict(re.findall(r"(\w+)=(/\S+)", text))
    assert volume is not None and text.index("\nUSER deidkit") < text.index("\nCMD")
    assert {name for name, path in written.items() if not path.startswith((volume[1], "/tmp"))} == set()
    assert {"DEIDKIT_SERVICE_HOME", "DEIDKIT_MODELS", "NUMBA_CACHE_DIR"} <= {*written}
