"""Model files: fetching, taking from disk, verifying, and every way it can go wrong."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from deidkit import models
from deidkit.cli import main
from deidkit.errors import MissingModel, UsageError

FILES = models.find("hands").files
REMEDY = "deidkit models fetch hands"


@pytest.fixture(scope="module")
def originals() -> Path:
    """The real files, from the user's own cache."""
    try:
        return models.ensure("hands", print)
    except MissingModel as error:
        pytest.skip(str(error))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pip that knows no index."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


def wheel_of(folder: Path, destination: Path, name: str = "mediapipe-0.10.21-py3-none-any.whl") -> Path:
    with zipfile.ZipFile(destination / name, "w") as archive:
        for file in FILES:
            archive.write(folder / file.name, file.origin)
    return destination / name


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["models", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_an_absent_model_is_one_sentence_with_its_remedy(cache: Path) -> None:
    with pytest.raises(MissingModel, match=f"'hands' is not in .*{REMEDY}$") as caught:
        models.path("hands")
    assert "\n" not in str(caught.value)
    assert not cache.exists()  # asking writes nothing


def test_an_unknown_name_is_told_from_a_near_one(cache: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'hands'"):
        models.path("hand")


def test_the_default_place_is_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEIDKIT_MODELS", raising=False)
    assert "deidkit" in models.folder().parts


@pytest.mark.parametrize("form", ["wheel", "folder of wheels", "unpacked wheel", "loose files"])
def test_files_are_taken_from_disk(form: str, originals: Path, cache: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    if form == "loose files":
        for file in FILES:
            shutil.copy(originals / file.name, given)
    else:
        wheel = wheel_of(originals, given)
        if form == "wheel":
            given = wheel
        elif form == "unpacked wheel":
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(given)
            wheel.unlink()
    place = models.take("hands", given)
    assert place == models.path("hands") == cache / "hands"
    assert sorted(path.name for path in place.iterdir()) == sorted(file.name for file in FILES)  # nothing else stays


def test_a_truncated_file_is_refused_and_mended(originals: Path, cache: Path) -> None:
    models.take("hands", originals)
    file = cache / "hands" / FILES[1].name
    file.write_bytes(file.read_bytes()[:-1])
    for use in (models.path, models.verify, lambda name: models.ensure(name, pytest.fail)):
        with pytest.raises(MissingModel, match=f"damaged: .*{FILES[1].name} .*{REMEDY}$"):
            use("hands")
    models.take("hands", originals)
    models.verify("hands")


def test_a_changed_byte_is_refused(originals: Path, cache: Path) -> None:
    models.take("hands", originals)
    file = cache / "hands" / FILES[0].name
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    with pytest.raises(MissingModel, match="damaged"):
        models.path("hands")


@pytest.mark.parametrize("content", ["not a zip", "a zip without the files", "a zip with other files"])
def test_a_wrong_wheel_is_refused_and_leaves_nothing(content: str, cache: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "mediapipe-0.10.35-py3-none-any.whl"
    if content == "not a zip":
        wheel.write_bytes(b"hello")
    else:
        with zipfile.ZipFile(wheel, "w") as archive:
            for file in FILES:
                archive.writestr(file.origin if "other" in content else file.origin + ".md5", b"x" * 100)
    with pytest.raises(MissingModel, match=r"(?s)cannot be fetched: .*--from WHEEL'$"):
        models.take("hands", wheel)
    assert not list((cache / "hands").iterdir())


def test_an_empty_folder_is_refused(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingModel, match=r"holds neither palm_detection_full\.tflite nor the wheel mediapipe"):
        models.take("hands", tmp_path / "empty")


@pytest.mark.usefixtures("offline")
def test_offline_the_reason_and_the_way_round_are_said(cache: Path) -> None:
    said: list[str] = []
    with pytest.raises(MissingModel, match=r"pip says '.*pip download --no-deps mediapipe==0\.10\.21 .*--from WHEEL'"):
        models.ensure("hands", said.append)
    assert len(said) == 1
    assert "hands" in said[0]


def test_without_pip_the_way_round_is_said(cache: Path, tmp_path: Path) -> None:
    # A Python that cannot see site-packages has no pip either.
    code = (
        f"import sys; sys.path[:0] = [p for p in {sys.path!r} if p]\n"
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'pip' else find(name, *rest)\n"
        "from deidkit import models\n"
        "try:\n    models.fetch('hands')\nexcept Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MissingModel model 'hands' cannot be fetched: this Python environment has no pip;")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path / "file"))
    with pytest.raises(MissingModel, match=r"cannot be (read|written)"):
        models.take("hands", tmp_path)


def test_processes_may_fetch_at_the_same_time(originals: Path, cache: Path) -> None:
    code = f"from pathlib import Path; from deidkit import models; models.take('hands', Path({str(originals)!r}))"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    models.verify("hands")
    assert len(list((cache / "hands").iterdir())) == len(FILES)


def test_the_commands(originals: Path, cache: Path, tmp_path: Path) -> None:
    code, output = run("list", "--json")
    (entry,) = [model for model in json.loads(output)["models"] if model["name"] == "hands"]
    assert (code, entry["state"], entry["licence"]) == (0, "absent", "Apache-2.0")
    assert run("verify")[0] == 0
    assert run("verify", "hands")[0] == 1
    assert run("path", "hands")[0] == 2
    code, output = run("fetch", "hands", "--from", str(originals))
    assert (code, output.count("\n")) == (0, 1)
    assert run("path", "hands") == (0, f"{cache / 'hands'}\n")
    assert run("verify")[1].count(": ok") == len(FILES)
    (cache / "hands" / FILES[0].name).write_bytes(b"")
    assert run("verify")[0] == 1
    assert "damaged" in run("list")[1]
    assert run("fetch", "hands", "--from", str(tmp_path / "nowhere"))[0] == 2


def test_a_record_that_cannot_be_read_hides_no_other_model(originals: Path, cache: Path) -> None:
    assert run("fetch", "hands", "--from", str(originals))[0] == 0
    (cache / "vgg16").mkdir()
    (cache / "vgg16" / "fetched.json").write_text("{")
    states = {model["name"]: model["state"] for model in json.loads(run("list", "--json")[1])["models"]}
    assert (states["hands"], states["vgg16"]) == ("ok", "unreadable")
    code, output = run("verify")
    assert (code, output.count(": ok")) == (1, len(FILES))


def test_what_a_kill_left_of_a_fetch_goes_with_a_later_one(originals: Path, cache: Path) -> None:
    left, recent = (cache / "hands" / f".incoming-{name}" for name in ("old", "new"))
    for folder in (left, recent):
        folder.mkdir(parents=True)
        (folder / "part").write_bytes(b"x")
    long_ago = time.time() - 48 * 3600
    os.utime(left, (long_ago, long_ago))
    assert run("fetch", "hands", "--from", str(originals))[0] == 0
    assert not left.exists() and recent.exists()  # another process may be at work in the recent one


def test_recorded_hashes_are_those_of_the_files(originals: Path) -> None:
    for file in FILES:
        content = (originals / file.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)


def test_a_model_is_removed_with_its_record_and_nothing_else(cache: Path) -> None:
    for name in ("vgg16", "sam2-tiny"):
        (cache / name / "inner").mkdir(parents=True)
        (cache / name / "inner" / "weights").write_bytes(b"x" * 1_500_000)
    result = CliRunner().invoke(main, ["models", "remove", "vgg16"])
    assert result.exit_code == 0 and "1.5 MB" in result.output
    assert [path.name for path in cache.iterdir()] == ["sam2-tiny"]
    again = CliRunner().invoke(main, ["models", "remove", "vgg16"])
    assert again.exit_code == 2 and "there is nothing to remove" in again.output
    other = CliRunner().invoke(main, ["models", "remove", "../sam2-tiny"])
    assert other.exit_code == 2 and (cache / "sam2-tiny").is_dir()
