"""What a third party's program may take and see, with real programs on this machine."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deidkit.errors import UsageError
from deidkit.plugins import create
from deidkit.protocols import Failure, Sample
from deidkit.testing.examples import ExampleImage
from deidkit_engines import sandbox

if sys.platform != "linux":
    pytest.skip("limits of all processes together, and sandboxes, are of Linux", allow_module_level=True)

TOOL = """
import os, shutil, socket, subprocess, sys, time
given, made, mode, more = sys.argv[1:5]
if mode == "many":
    for _ in range(40):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    time.sleep(60)
if mode == "memory":
    fill = "kept = bytearray(b'1') * 120_000_000; import time; time.sleep(60)"
    for _ in range(3):
        subprocess.Popen([sys.executable, "-c", fill])
    time.sleep(60)
if mode == "output":
    for number in range(6):
        open(f"{number}.bin", "wb").write(b"1" * 100_000_000)
    time.sleep(60)
if mode == "tmpfs":
    for number in range(6):
        open(f"/tmp/{number}.bin", "wb").write(b"1" * 100_000_000)
if mode == "rebels":
    above = os.getppid()
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
    os.kill(above, 9)
    time.sleep(60)
if mode == "deep":
    for _ in range(3000):
        os.mkdir("d")
        os.chdir("d")
    time.sleep(60)
if mode == "looks" and os.path.exists(more):
    sys.exit(3)
if mode == "writes":
    try:
        open(more, "w").write("1")
    except OSError:
        pass
if mode == "calls":
    try:
        socket.create_connection(("127.0.0.1", int(more)), 2)
        sys.exit(4)
    except OSError:
        pass
shutil.copy(given, made)
"""


def ran(folder: Path, mode: str, more: object = "-", options: str = "") -> Any:
    (folder / "tool.py").write_text(TOOL)
    command = f"'{Path(sys.executable).resolve()}' {folder}/tool.py {{input}} {{output}} {mode} {more}"
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    engine = create("engine", f"program:{command}{options}").plugin
    return engine.deidentify([ExampleImage(Sample("a.png", "1", kind="roi"), pixels)], [0])[0][0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "options", "reason"),
    [
        ("many", ",processes=10", "the program started too many processes at a time"),
        ("memory", ",memory=0.3", "the program and what it started used too much memory"),
        ("output", "", "the program wrote too much"),
    ],
)
def test_a_program_is_ended_at_its_limits(tmp_path: Path, mode: str, options: str, reason: str) -> None:
    assert ran(tmp_path, mode, "-", options) == Failure("engine", reason)


def test_a_program_that_ends_who_watches_it_is_ended_with_all_it_started(tmp_path: Path) -> None:
    made = ran(tmp_path, "rebels", "-")
    assert isinstance(made, Failure) and "exit code -9" in made.reason
    tool = str(tmp_path / "tool.py").encode()
    end = time.monotonic() + 30  # a kill takes effect when the machine has time for it
    while any(tool in read(place / "cmdline") for place in Path("/proc").glob("[0-9]*")):
        assert time.monotonic() < end, "it goes on"
        time.sleep(0.02)


def read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def test_folders_nested_by_the_thousand_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "t"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    assert ran(tmp_path, "deep") == Failure("engine", "the program wrote too much")
    assert not list(place.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(bool(sandbox.problem()), reason="there is no sandbox on this machine")
def test_a_program_in_a_sandbox_fills_no_memory_with_files(tmp_path: Path) -> None:
    made = ran(tmp_path, "tmpfs", options=",sandbox=yes")
    assert isinstance(made, Failure) and made.reason == "the program ended with exit code 1"


@pytest.mark.slow
@pytest.mark.skipif(bool(sandbox.problem()), reason="there is no sandbox on this machine")
def test_a_program_in_a_sandbox_sees_nothing_else(tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    other.touch()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert isinstance(ran(tmp_path, "looks", other), Failure)
        assert isinstance(ran(tmp_path, "calls", port), Failure)
        assert isinstance(ran(tmp_path, "calls", port, ",sandbox=yes"), np.ndarray)
    hidden = tmp_path / "pictures"
    hidden.mkdir()
    (hidden / "other.png").touch()
    assert isinstance(ran(tmp_path, "looks", hidden), Failure)
    assert isinstance(ran(tmp_path, "looks", hidden, ",sandbox=yes"), np.ndarray)  # a file that is named may be read
    ran(tmp_path, "writes", tmp_path / "written", ",sandbox=yes")
    assert not (tmp_path / "written").exists()


def test_a_report_says_that_there_was_no_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tool.py").write_text(TOOL)
    command = f"program:'{sys.executable}' {tmp_path}/tool.py {{input}} {{output}} copy -"
    assert "not in a sandbox" in create("engine", command).component.remark
    if not sandbox.problem():
        assert create("engine", f"{command},sandbox=yes").component.remark == ""
    find = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "bwrap" else find(name))
    with pytest.raises(UsageError, match="there is no bwrap; install bubblewrap"):
        create("engine", f"{command},sandbox=yes")
