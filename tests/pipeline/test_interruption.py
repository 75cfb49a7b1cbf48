"""Ctrl-C, SIGTERM and SIGHUP while an engine that can be stopped is at work, in a separate process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from deidkit import api
from deidkit.cli import main
from deidkit.store import audit_rows, open_store

if sys.platform == "win32":
    pytest.skip("signals of another kind", allow_module_level=True)
import pty

TOOL = """
import os, pathlib, subprocess, sys, time
from PIL import Image, ImageFilter
os.chdir(pathlib.Path(__file__).resolve().parent)  # a program has a working directory of its own
done = pathlib.Path("done")
done.open("a").write("x")
if not pathlib.Path("go").exists() and len(done.read_text()) > 10:
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path("pids").write_text(f"{os.getpid()} {helper.pid}")
    time.sleep(600)
Image.open(sys.argv[1]).filter(ImageFilter.GaussianBlur(2)).save(sys.argv[2])
"""

# Where tests are run in a shell's background or under nohup, signals are ignored unless somebody sets them right.
START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from deidkit.cli import main
main()
"""


@pytest.fixture
def tool(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A program that stays at its eleventh picture, with a helper of its own, until a file says go."""
    (elsewhere / "tool.py").write_text(TOOL)
    (elsewhere / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere / "temporary"))
    return f"program:'{sys.executable}' tool.py {{input}} {{output}}"


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 100
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def interrupted(command: list[str], number: signal.Signals, started: Callable[[], bool]) -> tuple[int, str]:
    """Exit code and standard error of a command that gets a signal once it has started."""
    with subprocess.Popen([sys.executable, "-P", "-c", START, *command], stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: started() or process.poll() is not None)
        process.send_signal(number)
        _, told = process.communicate(timeout=100)
    return process.returncode, told


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def assert_nothing_is_left(elsewhere: Path) -> None:
    """No program runs on, and no folder with an original lies about."""
    wait_for(lambda: not any(is_alive(int(pid)) for pid in (elsewhere / "pids").read_text().split()))
    assert list((elsewhere / "temporary").glob("deidkit-*")) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, pytest.param(signal.SIGHUP, marks=pytest.mark.nightly)]
)
def test_an_audit_that_is_interrupted_ends_its_programs_and_goes_on_later(
    palms: Path, elsewhere: Path, tool: str, number: signal.Signals
) -> None:
    dataset = f"numbered:{palms},kind=roi"
    command = ["audit", "--dataset", dataset, "--engine", tool, "--recognizer", "compcode"]
    command += ["--format", "json", "--db", "s.db", "--threads", "3"]
    code, told = interrupted([*command, "--output", "out"], number, (elsewhere / "pids").exists)
    assert code == 2
    assert "Interrupted." in told and "--resume" in told and "Traceback" not in told
    assert_nothing_is_left(elsewhere)
    (elsewhere / "go").touch()
    resumed = CliRunner().invoke(main, [*command, "--resume"])
    assert resumed.exit_code == 0, resumed.output
    report = json.loads((elsewhere / "out" / "report.json").read_text())
    assert (report["engines"][0]["produced"], report["failures"]) == (36, [])
    assert len((elsewhere / "done").read_text()) < 11 + 36, "what was finished was not done again"


SLOW = """
import pathlib, time

def slow(picture):
    first = not pathlib.Path("asked").exists()
    pathlib.Path("asked").open("a").write("x")
    time.sleep(4 if first else 0)
    pathlib.Path("answered").open("a").write("x")
    return picture
"""


@pytest.mark.slow
def test_further_ctrl_c_shows_no_traceback(palms: Path, elsewhere: Path) -> None:
    (elsewhere / "slow.py").write_text(SLOW)
    command = ["audit", "--dataset", f"numbered:{palms},kind=roi", "--engine", "./slow.py:slow", "--recognizer", "edm"]
    command += ["--threads", "1"]  # whose wait the second one cuts short
    start = [sys.executable, "-u", "-P", "-c", START, *command]
    with subprocess.Popen(start, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        wait_for((elsewhere / "asked").exists)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)  # it does not wait for the pictures in hand
        told = line = process.stderr.readline()
        while line and "Interrupted." not in told:
            line = process.stderr.readline()
            told += line
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)  # nor does Python, for the thread that has them
        told += process.stderr.read()
    assert process.returncode == 2
    assert told.index("Stopping: ") < told.index("Interrupted.")
    assert "Traceback" not in told and "changed" not in told, "nothing is blamed on what goes on meanwhile"
    assert (elsewhere / "answered").exists(), "the process waits for threads that no longer count as running"
    assert (elsewhere / "answered").read_text() == (elsewhere / "asked").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_deidentify_that_is_interrupted_ends_its_programs_and_goes_on_later(
    palms: Path, elsewhere: Path, tool: str, number: signal.Signals
) -> None:
    command = ["deidentify", str(palms), "copies", "--engine", tool, "--kind", "roi", "--threads", "2"]
    code, told = interrupted(command, number, (elsewhere / "pids").exists)
    assert code == 2
    assert "Interrupted." in told and "Traceback" not in told
    assert_nothing_is_left(elsewhere)
    (elsewhere / "go").touch()
    gone_on = CliRunner().invoke(main, command)
    assert gone_on.exit_code == 0, gone_on.output
    assert "28 written, 8 already there, 0 failed" in gone_on.output


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_says_nothing_keeps_nobody_from_ending(
    palms: Path, elsewhere: Path, number: signal.Signals
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(100)
        lines: list[socket.socket] = []

        def asked() -> bool:
            lines.append(server.accept()[0])
            return bool(lines[0].recv(1))

        address = f"service:http://127.0.0.1:{server.getsockname()[1]}/x,timeout=600"
        command = ["audit", "--dataset", f"numbered:{palms},kind=roi", "--engine", address, "--recognizer", "compcode"]
        code, told = interrupted(command, number, asked)
        for line in lines:
            line.close()
    assert code == 2
    assert "Interrupted." in told and "Traceback" not in told


@pytest.mark.slow
def test_a_terminal_that_is_closed_leaves_no_original_and_no_program(palms: Path, elsewhere: Path, tool: str) -> None:
    command = ["deidentify", str(palms), "copies", "--engine", tool, "--kind", "roi", "--threads", "2"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-P", "-c", START, *command])
    wait_for(lambda: (elsewhere / "pids").exists() or not is_alive(pid))
    os.close(terminal)  # with everything that is printed from then on
    wait_for(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)
    assert_nothing_is_left(elsewhere)


def test_sighup_is_ignored_where_it_was_and_counts_once_where_not() -> None:
    script = """
import os, signal, sys
import deidkit.cli.plugins as command
from deidkit.cli import main
def work(**_):
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        print("worked on")
    finally:
        os.kill(os.getpid(), signal.SIGHUP)
        print("cleaned up")
signal.signal(signal.SIGHUP, getattr(signal, sys.argv.pop()))
command.plugins.callback = work
main(["plugins"])
"""
    for handler, expected in {"SIG_IGN": (0, "worked on\ncleaned up\n"), "SIG_DFL": (2, "cleaned up\n")}.items():
        command = [sys.executable, "-P", "-c", script, handler]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == expected, done.stderr


@pytest.mark.parametrize("handler", ["signal.SIG_IGN", "signal.default_int_handler", "lambda *_: raise_it()"])
def test_sigterm_does_what_ctrl_c_does_and_ends_what_ignores_it(handler: str) -> None:
    script = f"""
import os, signal, time
import deidkit.cli.plugins as command
from deidkit.cli import main
def raise_it():
    print("held back first")
    raise KeyboardInterrupt
def work(**_):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
signal.signal(signal.SIGINT, {handler})
command.plugins.callback = work
main(["plugins"])
"""
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "Interrupted.")
    assert ("Stopping: " in done.stderr) == ("default" in handler)
    assert ("held back first" in done.stdout) == ("raise_it" in handler)


ENGINE = '''
import signal
import threading
from pathlib import Path
from deidkit.protocols import Failure

class Waiting:
    """Has the audit interrupted at its third batch, waits until it is stopped, and says that it failed."""
    version = "1"
    deterministic, diverse, batch_size, control = True, False, 4, False
    calls, stopped = 0, threading.Event()

    def deidentify(self, images, seeds):
        Waiting.calls += 1
        if Waiting.calls == 5 and not Path("go").exists():
            signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
            assert self.stopped.wait(100)
            return [[Failure("engine", "stopped")] for _ in images]
        import numpy as np
        noise = lambda image: np.random.default_rng(int(image.pixels.sum())).integers(0, 256, image.pixels.shape, np.uint8)
        return [[noise(image)] for image in images]

    def stop(self):
        self.stopped.set()
'''


@pytest.mark.slow
def test_what_an_engine_says_of_a_picture_when_it_was_stopped_does_not_count(
    palms: Path, elsewhere: Path, install: Callable[..., Path]
) -> None:
    install("waiting_engine", ENGINE, "[deidkit.engines]\nwaiting = waiting_engine:Waiting\n")
    command = ["audit", "--dataset", f"numbered:{palms},kind=roi", "--engine", "waiting", "--recognizer", "compcode"]
    command += ["--format", "json", "--db", "s.db", "--threads", "1"]
    before = signal.getsignal(signal.SIGTERM)
    stopped = CliRunner().invoke(main, [*command, "--output", "out"])
    assert stopped.exit_code == 2 and "Interrupted." in stopped.output
    assert signal.getsignal(signal.SIGTERM) == before
    (elsewhere / "go").touch()
    resumed = CliRunner().invoke(main, [*command, "--resume"])
    assert resumed.exit_code == 0, resumed.output
    assert json.loads((elsewhere / "out" / "report.json").read_text())["failures"] == []


@pytest.mark.slow
def test_resume_goes_on_in_the_folder_that_is_named(palms: Path, elsewhere: Path) -> None:
    def stubborn(picture: np.ndarray) -> np.ndarray:
        if not Path("go").exists():
            raise KeyboardInterrupt
        return 255 - picture[::-1]

    def audit(folder: str, **more: bool) -> api.Audit:
        return api.audit(
            f"numbered:{palms},kind=roi", stubborn, "compcode", output=folder, db="s.db", attack="none", **more
        )

    for folder in ("a", "b"):
        with pytest.raises(KeyboardInterrupt):
            audit(folder)
    Path("go").touch()
    assert audit("a", resume=True).folder == elsewhere / "a"
    assert audit("b", resume=True).folder == elsewhere / "b"
    assert {row.status for row in audit_rows(open_store("s.db", "read"))} == {"done"}
