"""Runs third-party programs with a minimal environment, time and size limits, and cancellation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Lock

from deidkit.errors import Interruption

SUPERVISED = sys.platform != "win32"
"""Whether a program runs below a supervisor that ends all that it started."""

_SECONDS_TO_END = 10.0
"""Seconds that the supervisor has to end all processes before it is killed."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A program's working directory, environment and limits.

    Attributes:
        folder: Its working directory, home and place for temporary files.
        memory: Bytes of data that each of its processes may have, and bytes in memory of all of them; POSIX only, the
            latter on Linux only.
        file_size: Bytes that each file which it writes may have, and all files in its folder; as `memory`.
        processes: How many processes there may be at a time; Linux only.
        seconds: What it may take.
    """

    folder: Path
    environment: Mapping[str, str]
    memory: int
    file_size: int
    processes: int
    seconds: float


@contextmanager
def own_folder() -> Iterator[Path]:
    """Context manager: a temporary folder that only the user can read, removed with its contents at the end."""
    folder = Path(mkdtemp()).resolve()
    try:
        yield folder
    finally:
        try:
            rmtree(folder, ignore_errors=True)
        except RecursionError:  # folders nested by the thousand; this program takes them one by one
            subprocess.run(["rm", "-rf", "--", str(folder)], stderr=subprocess.DEVNULL, check=False)


class OverLimit(Exception):
    """A program and its descendants exceeded the limit that the text names."""


class Processes:
    """Runs programs and can end all of them from another thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, words: Sequence[str], surroundings: Surroundings) -> int:
        """Exit code of a program, negative for a signal; all that it started is ended when it ends, or takes too long.

        Raises:
            Interruption: It was ended by `stop`, or not started after that.
            OSError: It cannot be run.
            OverLimit: It took too much.
            subprocess.TimeoutExpired: It took too long.
        """
        reading, writing = os.pipe()
        try:
            process = self._start(words, surroundings, writing)
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        try:
            code = process.wait(surroundings.seconds)
        except BaseException:
            _end(process)
            _end_those_at_home_in(surroundings.folder)
            raise
        finally:
            with self._lock:
                self._running.discard(process)
            with os.fdopen(reading, "rb") as status:
                kind, _, number = status.read().decode().partition(" ") if SUPERVISED else ("", "", "")
        if SUPERVISED and not kind:  # the supervisor was ended, by the program or with a program that would not end
            _end_those_at_home_in(surroundings.folder)
        self._check()
        if kind == "error":
            raise OSError(int(number), os.strerror(int(number)))
        if kind == "limit":
            raise OverLimit(number)
        return int(number) if kind == "exit" else code

    def stop(self) -> None:
        """End all programs and their descendants, and refuse to start new ones."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                with suppress(OSError):
                    process.terminate()

    def _start(self, words: Sequence[str], surroundings: Surroundings, status: int) -> subprocess.Popen[bytes]:
        command = list(words)
        if SUPERVISED:
            source = files("deidkit_engines").joinpath("supervisor.py").read_text(encoding="utf-8")
            limits = [status, surroundings.memory, surroundings.file_size, surroundings.processes]
            watched = [*map(str, limits), str(surroundings.folder)]
            command = [sys.executable, "-I", "-S", "-c", source, *watched, *words]
        quiet = subprocess.DEVNULL
        with self._lock:
            self._check()
            process = subprocess.Popen(
                command,
                stdin=quiet,
                stdout=quiet,
                stderr=quiet,
                cwd=surroundings.folder,
                env=dict(surroundings.environment),
                start_new_session=SUPERVISED,
                pass_fds=(status,) if SUPERVISED else (),
            )
            self._running.add(process)
        return process

    def _check(self) -> None:
        if self._stopped:
            raise Interruption("the program was stopped.")


def _end_those_at_home_in(folder: Path) -> None:
    """End every process whose working directory or environment is a program's; Linux only."""
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            inside = (place / "cwd").readlink().is_relative_to(folder)
            at_home = inside or os.fsencode(folder) in (place / "environ").read_bytes()
            if at_home and int(place.name) != os.getpid():
                os.kill(int(place.name), signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and its descendants through its supervisor, which is killed if it hangs."""
    with suppress(OSError):  # it may have ended
        process.terminate()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL) if SUPERVISED else process.kill()
        process.wait()
