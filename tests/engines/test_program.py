"""A program that is not a plugin as an anonymizer: a real one on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import deidkit
from deidkit import plugins
from deidkit.cli import main
from deidkit.errors import UsageError
from deidkit.images import decode_image
from deidkit.protocols import Failure, Image
from deidkit.testing import EngineConformance, hand_images

ALONE = "not in a sandbox: it could reach the network and all files of its user"


PROGRAM = """
import os, sys, time
from PIL import Image, ImageFilter, ImageOps
given, made, mode, seed = sys.argv[1:5]
picture = Image.open(given)
assert os.stat(os.path.dirname(given)).st_mode & 0o077 == 0, "others may look"
assert not picture.info, "metadata"
if mode == "fail": sys.exit(3)
if mode == "nothing": sys.exit(0)
if mode == "slow": time.sleep(60)
if mode == "damaged": open(made, "wb").write(b"no picture"); sys.exit(0)
turned = ImageOps.invert(picture)
if mode == "seed": turned = turned.point(lambda value: (value + 9 * int(seed)) % 256)
if mode == "half": turned = turned.resize((turned.width // 2, turned.height // 2))
if mode == "cut": turned = turned.crop((0, 0, turned.width, turned.height - 30))
if mode == "blur": turned = picture.filter(ImageFilter.GaussianBlur(2))
if mode == "comment": picture.filter(ImageFilter.GaussianBlur(2)).save(made, "JPEG", comment=b"who it is"); sys.exit(0)
turned.save(made, "JPEG" if mode == "jpeg" else "PNG")
"""


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("vendor tools") / "anonymize.py"
    file.write_text(PROGRAM)
    return file


def command(script: Path, mode: str = "plain", seed: str = "0") -> str:
    return f"program:'{sys.executable}' '{script}' {{input}} {{output}} {mode} {seed}"


@pytest.mark.slow
class TestProgram(EngineConformance):
    @pytest.fixture
    def spec(self, script: Path) -> str:
        return command(script, "seed", "{seed}")


def test_a_program_gets_the_picture_and_its_result_is_taken(script: Path) -> None:
    engine, component = plugins.create("engine", command(script))
    image = hand_images()[0]
    assert not engine.diverse
    ((output,),) = engine.deidentify([image], [0])
    assert np.array_equal(output, 255 - image.pixels)
    assert "anonymize.py" in component.weights, "what ran is on record"
    jpeg, _ = plugins.create("engine", command(script, "jpeg"))
    ((output,),) = jpeg.deidentify([image], [0])
    assert np.abs(output.astype(int) - (255 - image.pixels)).mean() < 10


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("fail", "ended with exit code 3"),
        ("nothing", "wrote no picture"),
        ("damaged", "picture cannot be used"),
        ("slow,timeout=0.5", "took longer than 0.5 seconds"),
    ],
)
def test_a_program_that_fails_fails_for_that_picture(script: Path, mode: str, why: str) -> None:
    name, _, options = mode.partition(",")
    engine, _ = plugins.create("engine", command(script, name) + (f",{options}" if options else ""))
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    assert isinstance(output, Failure)
    assert why in output.reason


def test_every_file_that_a_command_names_is_on_record(script: Path, tmp_path: Path) -> None:
    for name in ("one/model.bin", "two/model.bin", "strength.cfg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    first, second, settings = tmp_path / "one" / "model.bin", tmp_path / "two" / "model.bin", tmp_path / "strength.cfg"
    words = f"--model '{first}' --other='{second}' --cfg='{settings}' --same '{settings}' --text=a=b --dir {tmp_path}"
    _, component = plugins.create("engine", f"{command(script)} {words}")
    python, tool = Path(sys.executable), Path(script)
    named = {python.name: python, tool.name: tool, str(first): first, str(second): second, "strength.cfg": settings}
    assert component.weights == {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in named.items()}
    assert component.remark == ALONE


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Nobody in particular, where the tests are run by root, who may read everything."""
    if os.name != "posix" or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        if not os.access(deidkit.__file__, os.R_OK, effective_ids=True):
            pytest.skip("nobody but root can read where deidkit is installed")
        if not os.access(sys.executable, os.X_OK, effective_ids=True):
            pytest.skip("nobody but root can run this Python")
        yield
    finally:
        os.seteuid(0)


def test_what_cannot_be_read_is_said_to_have_no_hash(unprivileged: None) -> None:
    with TemporaryDirectory() as name:
        tool, secret, closed = Path(name, "tool"), Path(name, "secret.key"), Path(name, "closed")
        shutil.copy("/bin/cp", tool)
        tool.chmod(0o111)
        secret.touch()
        secret.chmod(0)
        closed.mkdir()
        (closed / "model").touch()
        closed.chmod(0)
        engine, component = plugins.create("engine", f"program:{tool} {{input}} {{output}}")
        assert component.weights == {}
        assert component.remark == f"{ALONE}; not readable, so that no hash says what ran: tool"
        ((output,),) = engine.deidentify(hand_images()[:1], [0])
        assert np.array_equal(output, hand_images()[0].pixels)
        spec = f"program:/bin/cp {{input}} {{output}} --key={secret} {closed / 'model'}"
        _, component = plugins.create("engine", spec)
        assert list(component.weights) == ["cp"]
        assert component.remark == f"{ALONE}; not readable, so that no hash says what ran: secret.key, model"
        closed.chmod(0o700)


def test_a_program_can_stand_on_the_command_line(script: Path) -> None:
    code = f"import shutil, sys; shutil.copy(*sys.argv[1:])  # {'x' * 300}"
    engine, _ = plugins.create("engine", f"program:'{sys.executable}' -c '{code}' {{input}} {{output}}")
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    assert np.array_equal(output, hand_images()[0].pixels)


@pytest.mark.slow
def test_what_a_program_writes_too_late_is_nobodys(script: Path, tmp_path: Path) -> None:
    """As the client of a queue, which returns at once and whose worker writes when it is done."""
    images = hand_images()[:2] * 2
    late = tmp_path / "late.sh"
    late.write_text('cp "$1" "$3/$$"; (sleep 0.3; cp "$3/$$" "$2") >/dev/null 2>&1 &\nsleep "$4"\n')
    engine, _ = plugins.create("engine", f"program:/bin/sh {late} {{input}} {{output}} {tmp_path} 0.{{seed}}")
    (on_time,) = engine.deidentify(images[:1], [9])
    assert np.array_equal(on_time[0], images[0].pixels)
    for image, items in zip(images, engine.deidentify(images, [0, 2]), strict=True):
        for item in items:
            assert isinstance(item, Failure) or np.array_equal(item, image.pixels), "another's copy"


def ran(tool: str, tmp_path: Path, more: str = "") -> tuple[Image | Failure, dict[str, str]]:
    """What a Python program made of a picture, and what it wrote to the file that its third argument names."""
    (tmp_path / "tool.py").write_text(tool)
    words = f"program:'{sys.executable}' '{tmp_path / 'tool.py'}' {{input}} {{output}} '{tmp_path / 'seen.json'}'{more}"
    engine, _ = plugins.create("engine", words)
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    seen = tmp_path / "seen.json"
    return output, json.loads(seen.read_text()) if seen.exists() else {}


def test_a_program_sees_little_of_its_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_LICENCE", "given")
    monkeypatch.setenv("SECRET_TOKEN", "not given")
    tool = """
import json, os, shutil, sys
shutil.copy(sys.argv[1], sys.argv[2])
json.dump({**os.environ, "cwd": os.getcwd(), "in": sys.argv[1], "out": sys.argv[2]}, open(sys.argv[3], "w"))
"""
    output, seen = ran(tool, tmp_path, ",env=VENDOR_LICENCE")
    assert not isinstance(output, Failure)
    ours = {"cwd", "in", "out", "HOME", "TMPDIR", "TEMP", "TMP", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "VENDOR_LICENCE"}
    assert set(seen) <= ours and seen["VENDOR_LICENCE"] == "given"
    folder = Path(seen["cwd"])
    assert {folder} == {Path(seen["HOME"]), Path(seen["TMPDIR"]), Path(seen["in"]).parent, Path(seen["out"]).parent}
    assert not any(word in seen[name].lower() for word in ("deidkit", "audit", "input") for name in ("in", "out"))
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt the orphans below it")
@pytest.mark.parametrize("ending", ["exit 0", "exit 3", "time-out"])
def test_nothing_that_a_program_started_outlives_it(tmp_path: Path, ending: str) -> None:
    """A child in a session of its own, whose parent is gone: no process group and no parent leads to it."""
    tool = """
import json, os, shutil, sys, time
shutil.copy(sys.argv[1], sys.argv[2])
reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        os.write(writing, str(os.getpid()).encode())
        time.sleep(600)
    os._exit(0)
json.dump({"pid": os.read(reading, 20).decode()}, open(sys.argv[3], "w"))
ending = sys.argv[4]
time.sleep(600) if ending == "time-out" else sys.exit(int(ending.split()[1]))
"""
    output, seen = ran(tool, tmp_path, f" '{ending}',timeout=2")
    assert isinstance(output, Failure) is (ending != "exit 0")
    with pytest.raises(ProcessLookupError):
        os.kill(int(seen["pid"]), 0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent was killed")
def test_no_original_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    for folder in ("hands", "temporary"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "hands" / "1.png"), np.zeros((40, 40, 3), np.uint8))
    (tmp_path / "tool.py").write_text("import time; open('begun', 'w').close(); time.sleep(600)")
    engine = f"program:'{Path(sys.executable).resolve()}' {tmp_path}/tool.py {{input}} {{output}}"
    words = [
        sys.executable,
        "-P",
        "-m",
        "deidkit",
        "deidentify",
        "hands",
        "copies",
        "--engine",
        engine,
        "--kind",
        "roi",
    ]
    with subprocess.Popen(words, cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path / "temporary")}) as process:
        until(lambda: any((tmp_path / "temporary").glob("*/begun")))
        process.kill()
    until(lambda: not any((tmp_path / "temporary").iterdir()))


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
@pytest.mark.parametrize(
    "tool",
    [
        "import sys\nwith open(sys.argv[2], 'wb') as file:\n    file.truncate(500_000_000)",
        "import shutil, sys\nkept = bytearray(1_000_000_000)\nshutil.copy(sys.argv[1], sys.argv[2])",
    ],
)
def test_a_program_has_limits(tmp_path: Path, tool: str) -> None:
    output, _ = ran(tool, tmp_path, ",memory=0.5")
    assert isinstance(output, Failure) and "ended with exit code" in output.reason


def test_files_of_a_command_are_found_from_where_it_was_given(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(script.parent)
    engine, _ = plugins.create("engine", f"program:'{sys.executable}' {script.name} {{input}} {{output}} plain 0")
    image = hand_images()[0]
    ((output,),) = engine.deidentify([image], [0])
    assert np.array_equal(output, 255 - image.pixels)
    delivered = engine.delivered_file(image.sample, 0)
    assert delivered is not None and np.array_equal(decode_image(delivered), output)


def test_commands_that_cannot_work_are_refused(tmp_path: Path) -> None:
    (tmp_path / "tool.sh").write_text("#!/bin/sh\n")
    for spec, why in (
        (f"program:{tmp_path}/tool.sh {{input}} {{output}}", "tool.sh is not executable; make it so"),
        ("program:tool {input}", "has no {output}"),
        ("program:no-such-tool {input} {output}", "no program 'no-such-tool'"),
        ("program:'tool {input} {output}", "cannot be read"),
        ("program:/bin/cp {input} {output},env=NOT_THERE", "no environment variable NOT_THERE"),
    ):
        with pytest.raises(UsageError, match=why.replace("{", r"\{")):
            plugins.create("engine", spec)


def audited(engine: str, folder: Path) -> dict[str, Any]:
    """What the report of an audit says of the engine."""
    given = ["--dataset", "synthetic:2,pictures=2,width=150,height=200", "--recognizer", "compcode", "--quiet"]
    output = ["--output", str(folder / "out"), "--format", "json", "--db", str(folder / "s.db")]
    result = CliRunner().invoke(main, ["audit", "--engine", engine, *given, *output])
    assert "breaks its contract" not in result.output
    (found,) = json.loads((folder / "out" / "report.json").read_text())["engines"]
    assert found["produced"] == found["expected"] == 4
    return found


@pytest.mark.slow
def test_a_program_is_audited(script: Path, tmp_path: Path) -> None:
    engine = audited(command(script, "blur"), tmp_path)
    assert list(engine["component"]["weights"]) == [Path(sys.executable).name, "anonymize.py"]


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "finding"), [("half", "resized"), ("cut", "reshaped"), ("comment", "metadata")])
def test_what_is_wrong_with_pictures_is_counted(script: Path, tmp_path: Path, mode: str, finding: str) -> None:
    counts = {found["finding"]: found["count"] for found in audited(command(script, mode), tmp_path)["coverage"]}
    assert counts.pop(finding) == 4
    assert set(counts) <= {"inverted", "rotated", "moved", "detail left"}  # what the tool does to a picture
