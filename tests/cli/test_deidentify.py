from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as Pillow

from deidkit import models
from deidkit.cli import main
from deidkit.errors import MissingModel
from deidkit.images import file_findings, read_image
from deidkit.synthesis import HandGenerator

ENGINE = '''
import time
from dataclasses import dataclass
from threading import Lock
import numpy as np
from deidkit.errors import SampleError
from deidkit.protocols import Failure

BUSY = Lock()

@dataclass(frozen=True)
class Noise:
    """Replaces a picture by noise."""

    strength: int = 255
    version = "1"
    deterministic, diverse, batch_size, control = True, True, 3, False

    def deidentify(self, images, seeds):
        if not BUSY.acquire(blocking=False):
            raise RuntimeError("called by two threads at a time")
        time.sleep(0.01)
        BUSY.release()
        return [[self.one(image.pixels, seed) for seed in seeds] for image in images]

    def one(self, pixels, seed):
        if pixels.shape[1] == 13:
            raise RuntimeError("thirteen")
        if pixels.shape[1] == 14:
            return Failure("engine", "fourteen is too wide")
        return np.random.default_rng(seed).integers(0, self.strength, pixels.shape, dtype=np.uint8)
'''


@pytest.fixture
def noise(install: Callable[..., Path]) -> str:
    """Somebody's engine, installed: it gives another picture for every seed."""
    install("noise_engine", ENGINE, "[deidkit.engines]\nnoise = noise_engine:Noise\n")
    return "noise"


def save(path: Path, size: tuple[int, int] = (40, 30), **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(size[0]).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Pillow.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    save(root / "a.png")
    save(root / "Anne é" / "b 1.JPG")
    save(root / "Anne é" / "c.bmp")
    (root / "readme.txt").touch()
    return root


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["deidentify", *map(str, arguments), "--kind", "roi"])


def report(*arguments: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(call(*arguments, "--json", "--quiet").stdout)
    return loaded


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name[0] != "."}


def test_names_and_formats_are_kept(photos: Path, tmp_path: Path) -> None:
    result = call(photos, tmp_path / "out", "--engine", "blur")
    assert result.exit_code == 0, result.output
    assert result.stdout == "blur: 3 written, 0 already there, 0 failed, 1 other files left alone\n"
    assert files(tmp_path / "out") == {"a.png", "Anne é/b 1.JPG", "Anne é/c.bmp"}
    for name, kind in (("a.png", "PNG"), ("Anne é/b 1.JPG", "JPEG"), ("Anne é/c.bmp", "BMP")):
        with Pillow.open(tmp_path / "out" / name) as copy:
            assert (copy.format, copy.size) == (kind, (40, 30))
        assert (read_image(tmp_path / "out" / name) != read_image(photos / name)).any()


def test_copies_stand_upright_without_metadata(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[274], exif[271] = 6, "Maker"
    save(tmp_path / "in" / "a.jpg", exif=exif)
    assert call(tmp_path / "in", tmp_path / "out", "--engine", "blur").exit_code == 0
    assert read_image(tmp_path / "out" / "a.jpg").shape == (40, 30, 3)
    assert file_findings((tmp_path / "out" / "a.jpg").read_bytes()) == []


def test_one_file(tmp_path: Path) -> None:
    photo = save(tmp_path / "a.png")
    assert call(photo, tmp_path / "b.png", "--engine", "mask").exit_code == 0
    assert call(photo, tmp_path / "folder", "--engine", "mask").exit_code == 0
    assert files(tmp_path) == {"a.png", "b.png", "folder/a.png"}
    again = call(photo, tmp_path / "b.png", "--engine", "mask")
    assert again.exit_code == 2 and "already exists" in again.stderr
    assert call(photo, tmp_path / "b.png", "--engine", "blur", "--overwrite").exit_code == 0


@pytest.mark.slow
def test_an_engine_in_a_process_of_its_own(photos: Path, tmp_path: Path) -> None:
    for folder, more in (("here", []), ("there", ["--isolate"])):
        assert call(photos, tmp_path / folder, "--engine", "blur", *more).exit_code == 0
    assert files(tmp_path / "here") == files(tmp_path / "there")
    assert (read_image(tmp_path / "here" / "a.png") == read_image(tmp_path / "there" / "a.png")).all()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone cuts the name of a process, after 15 bytes")
def test_a_program_whose_name_is_cut_within_a_letter_can_use_deidkit(tmp_path: Path) -> None:
    program = tmp_path / "0123456789abcdé"
    program.symlink_to(sys.executable)
    photo = save(tmp_path / "a.png")
    words = [program, "-P", "-m", "deidkit", "deidentify", photo, tmp_path / "out", "--engine", "identity"]
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(words, env=paths, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_engine_is_isolated_where_its_process_could_not_be_ended_whole(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows."""
    monkeypatch.delattr(os, "killpg")
    done = call(photos, tmp_path / "out", "--engine", "blur", "--isolate")
    assert done.exit_code == 2
    assert "engines can be isolated on Linux and macOS only; leave out --isolate." in done.stderr


@pytest.mark.slow
def test_an_engine_that_ends_its_process_fails_its_pictures(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text(
        "import os, signal\n"
        "class Ends:\n"
        "    version, deterministic, diverse, batch_size, control = '1', True, False, 1, False\n"
        "    def deidentify(self, images, seeds):\n"
        "        if images[0].sample.key == 'a.png':\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return [[255 - image.pixels] for image in images]\n"
    )
    done = call(photos, tmp_path / "out", "--engine", f"{tmp_path}/ends.py:Ends", "--isolate", "--quiet")
    assert done.exit_code == 2 and "a.png: the engine raised ProcessEnded" in done.stderr
    assert files(tmp_path / "out") == {"Anne é/b 1.JPG", "Anne é/c.bmp"}


def test_several_seeds(photos: Path, tmp_path: Path, noise: str) -> None:
    out = tmp_path / "out"
    found = report(photos, out, "--engine", noise, "--seeds", 2)
    assert found["seeds"] == [0, 1] and found["written"] == 6
    assert files(out) == {f"{name}_de-id_{k}.{suffix}" for name, suffix in
                          (("a", "png"), ("Anne é/b 1", "JPG"), ("Anne é/c", "bmp")) for k in (1, 2)}  # fmt: skip
    assert (read_image(out / "a_de-id_1.png") != read_image(out / "a_de-id_2.png")).any()


def test_an_engine_with_one_result_says_so(photos: Path, tmp_path: Path) -> None:
    result = call(photos, tmp_path / "out", "--engine", "blur", "--seeds", 3)
    assert "one copy" in result.stderr and files(tmp_path / "out") >= {"a.png"}


def test_the_control_says_so(photos: Path, tmp_path: Path) -> None:
    assert "not de-identified" in call(photos, tmp_path / "out", "--engine", "identity").stderr


def test_an_original_is_no_copy(photos: Path, tmp_path: Path) -> None:
    """A black box that hands its input back would have it published."""
    out = tmp_path / "out"
    back = f"program:{sys.executable} -c 'import shutil, sys; shutil.copy(*sys.argv[1:])' {{input}} {{output}}"
    result = call(photos, out, "--engine", back)
    assert result.exit_code == 2 and "the engine left the palm as it was" in result.stderr
    assert not {name for name in files(out) if name.endswith(".png")}
    assert call(photos, out, "--engine", "identity", "--overwrite").exit_code == 0


def test_a_second_run_goes_on(photos: Path, tmp_path: Path, noise: str) -> None:
    out = tmp_path / "out"
    call(photos, out, "--engine", noise, "--seeds", 2)
    before = (out / "a_de-id_1.png").stat().st_mtime_ns
    (out / "a_de-id_2.png").unlink()
    found = report(photos, out, "--engine", noise, "--seeds", 2)
    assert (found["written"], found["already_there"]) == (1, 5)
    assert (out / "a_de-id_1.png").stat().st_mtime_ns == before
    assert report(photos, out, "--engine", noise, "--seeds", 2, "--overwrite")["written"] == 6


def test_copies_of_two_engines_are_not_mixed(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    call(photos, out, "--engine", "blur")
    for engine in ("mask", "blur:sigma=9"):
        result = call(photos, out, "--engine", engine)
        assert result.exit_code == 2 and "made by another engine" in result.stderr
    assert report(photos, out, "--engine", "mask", "--overwrite")["written"] == 3
    assert report(photos, out, "--engine", "mask")["already_there"] == 3


def test_originals_are_never_overwritten(photos: Path) -> None:
    before = (photos / "a.png").read_bytes()
    for target in (photos, photos / ".", photos / "Anne é" / ".."):
        result = call(photos, target, "--engine", "blur", "--overwrite")
        assert result.exit_code == 2 and "overwrite the originals" in result.stderr
    assert call(photos / "a.png", photos, "--engine", "blur", "--overwrite").exit_code == 2
    assert (photos / "a.png").read_bytes() == before


def test_an_output_folder_inside_is_not_an_input(photos: Path) -> None:
    assert report(photos, photos / "out", "--engine", "blur")["written"] == 3
    assert report(photos, photos / "out", "--engine", "blur")["already_there"] == 3


def test_failures_are_counted_and_the_others_go_on(photos: Path, tmp_path: Path, noise: str) -> None:
    save(photos / "raises.png", (13, 9))
    save(photos / "fails.png", (14, 9))
    save(photos / "old.gif")
    (photos / "empty.png").touch()
    result = call(photos, tmp_path / "out", "--engine", noise)
    assert result.exit_code == 2
    assert "3 written, 0 already there, 4 failed" in result.stdout
    for line in ("raises.png: the engine raised RuntimeError", "fails.png: fourteen is too wide",
                 "old.gif: copies cannot be written as '.gif'", "empty.png: the file is empty"):  # fmt: skip
        assert line in result.stderr
    assert "Traceback" not in result.output
    failed = report(photos, tmp_path / "out", "--engine", noise)["failed"]
    assert {(one["file"], one["stage"]) for one in failed} == {
        ("raises.png", "engine"), ("fails.png", "engine"), ("old.gif", "write"), ("empty.png", "read")
    }  # fmt: skip


def test_heic_fails_by_name_in_a_folder_and_alone_gets_the_format_of_its_copys_name(tmp_path: Path, noise: str) -> None:
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    save(tmp_path / "in" / "b.png")
    picture = tmp_path / "in" / "a.heic"
    heif.from_bytes("RGB", (160, 128), bytes(160 * 128 * 3)).save(picture)
    result = call(tmp_path / "in", tmp_path / "out", "--engine", noise)
    assert (result.exit_code, [path.name for path in (tmp_path / "out").glob("[!.]*")]) == (2, ["b.png"])
    assert "a.heic: copies cannot be written as '.heic'; convert it to PNG first" in result.stderr
    assert "name its copy" not in result.stderr
    assert "PNG first, or name its copy OUT.png" in call(picture, tmp_path / "alone", "--engine", noise).stderr
    assert report(picture, tmp_path / "a.png", "--engine", noise)["written"] == 1
    assert read_image(tmp_path / "a.png").shape == (128, 160, 3)


def test_one_sentence_for_a_mistake(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "file").touch()
    for arguments, said in [
        ((tmp_path / "nothing", tmp_path / "out", "--engine", "blur"), "there is no picture in"),
        ((photos, tmp_path / "out", "--engine", "blurr"), "Did you mean 'blur'?"),
        ((photos, tmp_path / "file", "--engine", "blur"), "cannot be used"),
        ((tmp_path / "none", tmp_path / "out", "--engine", "blur"), "does not exist"),
    ]:
        result = call(*arguments)
        assert result.exit_code == 2 and said in result.stderr, result.output


@pytest.mark.slow
def test_the_installed_command(photos: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("deidkit")), "deidentify", str(photos), str(tmp_path / "out")]
    done = subprocess.run(
        [*command, "--engine", "pixelate", "--kind", "roi", "--quiet"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert files(tmp_path / "out") == {"a.png", "Anne é/b 1.JPG", "Anne é/c.bmp"}


def test_real_hands(tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parents[2] / "../shared/data/tierB_local_only/coep_whole_hand"
    if not folder.is_dir():
        pytest.skip(f"no photographs in {folder}")
    try:
        models.ensure("hands", lambda sentence: None)
    except MissingModel as error:
        pytest.skip(str(error))
    for name in ("001_1.jpg", "012_1.jpg"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes((folder / name).read_bytes())
    blank = np.full((300, 300, 3), 255, np.uint8)
    Pillow.fromarray(blank).save(tmp_path / "in" / "blank.png")
    result = CliRunner().invoke(
        main, ["deidentify", str(tmp_path / "in"), str(tmp_path / "out"), "--engine", "mask", "--json", "--quiet"]
    )
    found = json.loads(result.stdout)
    assert result.exit_code == 2 and found["written"] == 2
    assert [(one["file"], one["reason"]) for one in found["failed"]] == [("blank.png", "no hand found")]
    changed = (read_image(tmp_path / "out" / "001_1.jpg").astype(int) - read_image(folder / "001_1.jpg")).any(axis=2)
    assert changed.mean() > 0.02
    blank_alone = [str(tmp_path / "in" / "blank.png"), str(tmp_path / "blank.png")]
    result = CliRunner().invoke(main, ["deidentify", *blank_alone, "--engine", "mask", "--quiet"])
    assert result.exit_code == 2 and "regions already cut out, add --kind roi" in result.stderr


@pytest.mark.slow
def test_every_hand_of_a_picture_is_masked(tmp_path: Path) -> None:
    try:
        models.ensure("hands", lambda sentence: None)
    except MissingModel as error:
        pytest.skip(str(error))
    generator = HandGenerator(17, 240, 320)
    hands = [generator.sample(generator.identity(number), 0) for number in (1, 2, 3)]
    Pillow.fromarray(np.hstack([hand.pixels for hand in hands])).save(tmp_path / "three.png")
    arguments = ["deidentify", str(tmp_path / "three.png"), str(tmp_path / "copy.png"), "--engine", "mask"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    copy = read_image(tmp_path / "copy.png")
    for number, hand in enumerate(hands):
        x, y = hand.keypoints[[0, 5, 9, 13, 17]].mean(axis=0).astype(int) + np.array([240 * number, 0])
        assert (copy[y - 10 : y + 10, x - 10 : x + 10] == 0).all()


def test_an_engine_that_is_not_thread_safe_is_called_by_one_thread_at_a_time(tmp_path: Path, noise: str) -> None:
    for number in range(12):
        save(tmp_path / "in" / f"{number}.png")
    told = report(tmp_path / "in", tmp_path / "out", "--engine", noise, "--threads", 4)
    assert (told["written"], told["failed"]) == (12, [])


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that keeps both spellings")
def test_a_picture_that_is_left_out_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("\u00e9.png", "e\u0301.png"):
        Pillow.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / "in" / name)
    (tmp_path / "in" / "link.png").symlink_to("nowhere.png")
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    result = call(tmp_path / "in", tmp_path / "out", "--engine", "blur")
    assert "1 written, 0 already there, 2 failed, 1 other files left alone" in result.output
    assert "\u00e9.png: same name as another file but for the spelling of accents" in result.output
    assert "link.png: broken link or no file" in result.output
