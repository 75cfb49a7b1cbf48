"""What a third party's program may take and see, with real programs on this machine."""

from __future__ import annotations

import shutil
import socket
import sys
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
