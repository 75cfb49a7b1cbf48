"""The engine `program`: runs a third party's program on each picture."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from deidkit.errors import SampleError, UsageError
from deidkit.images import decode_image, file_bytes, write_image
from deidkit.protocols import Failure, HandImage, Image, Sample, option
from deidkit_engines import sandbox
from deidkit_engines.processes import OverLimit, Processes, Surroundings, own_folder

INPUT, OUTPUT, SEED = "{input}", "{output}", "{seed}"
"""Placeholders of the command."""

PASSED = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")
"""Environment variables passed on to programs; the last is needed by all programs on Windows."""

MAX_FILE_BYTES = 400_000_000
"""Limit, in bytes, of all files that a program writes for a picture; more than one of 80 million pixels needs."""

_OVER = {
    "processes": "the program started too many processes at a time",
    "memory": "the program and what it started used too much memory",
    "output": "the program wrote too much",
}


@dataclass(frozen=True)
class Program:
    """Runs a program on each picture: a command with {input}, {output} and, if it can make several copies, {seed}.

    Pictures go in as PNG files without metadata in a folder that only you can read, which is the program's working
    directory, home and place for temporary files, and is removed afterwards; the result may be of any format, its name
    ends with .png. No shell is involved, and of the environment the program gets PATH, LANG and LC_ALL only. All that
    it started is ended when it ends. With ``sandbox=yes`` it sees no network and no other files than its own and the
    system's, by bubblewrap. An exit code other than 0, no picture or one that cannot be read is a failure of
    that picture.
    """

    command: str = option(help="The command, e.g. 'anonymize --in {input} --out {output}'", primary=True)
    timeout: float = option(300.0, "Seconds that one picture may take", minimum=0.1, maximum=86_400)

    memory: float = option(16.0, "Gigabytes of memory that all of its processes may use", minimum=0.1, maximum=4096)
    processes: int = option(256, "Processes that it may have at a time", minimum=1, maximum=100_000)
    sandbox: bool = option(False, "Keep it from the network and from all files but its own and the system's")
    reads: str = option("", "Further files and folders that it may read in a sandbox, separated by blanks")
    env: str = option("", "Names of environment variables that it gets as well, separated by blanks")

    _processes: Processes = field(default_factory=Processes, init=False, repr=False, compare=False)
    _files: dict[tuple[str, int], bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    version: ClassVar[str] = "2"
    external: ClassVar[bool] = True
    deterministic: ClassVar[bool] = False
    batch_size: ClassVar[int] = 4
    reusable: ClassVar[bool] = False
    any_size: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for place in (INPUT, OUTPUT):
            if place not in self.command:
                raise UsageError(f"engine 'program': the command has no {place}: '{self.command}'.")

    @property
    def diverse(self) -> bool:
        """Whether the command takes a seed."""
        return SEED in self.command

    def prepare(self, note: Callable[[str], None]) -> None:
        """Check that the program and the variables passed to it exist. Raises UsageError if not."""
        if shutil.which(self._words[0]) is None:
            if _is_file(self._words[0]):
                raise UsageError(
                    f"engine 'program': {self._words[0]} is not executable; make it so (chmod +x), or name the program "
                    "that runs it first, e.g. sh or python."
                )
            raise UsageError(f"engine 'program': there is no program '{self._words[0]}' to run; give its full path.")
        for name in self.env.split():
            if name not in os.environ:
                raise UsageError(f"engine 'program': there is no environment variable {name}, which env= names.")
        if self.sandbox and (why := sandbox.problem()):
            raise UsageError(f"engine 'program': no sandbox is available: {why}.")

    def weight_files(self) -> dict[str, Path]:
        """The program and the files its command names, for their hashes: they are what was audited.

        Returns:
            Name of each file, or its path where two have one name, -> the file. A file is a word of the command or what
            stands behind a word's first equals sign; what cannot be read is left out, and `remark` says so.
        """
        return {self._called(path): path for path in self._named_files if _readable(path)}

    def remark(self) -> str:
        """A remark for reports: whether there was a sandbox, and which of the files named could not be hashed."""
        unknown = ", ".join(self._called(path) for path in self._named_files if not _readable(path))
        unprotected = "" if self.sandbox else "not in a sandbox: it could reach the network and all files of its user"
        missing = f"not readable, so that no hash says what ran: {unknown}" if unknown else ""
        return "; ".join(filter(None, (unprotected, missing)))

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Run the program once for each picture and seed; see `deidkit.protocols.Engine.deidentify`."""
        self._files.clear()
        return [[self._run(image, seed) for seed in seeds] for image in images]

    def delivered_file(self, sample: Sample, seed: int) -> bytes | None:
        """The file that the program wrote for a copy of the last `deidentify`; None where there is none."""
        return self._files.get((sample.key, seed))

    def stop(self) -> None:
        """End all running programs and their descendants, and start no more."""
        self._processes.stop()

    def _run(self, image: HandImage, seed: int) -> Image | Failure:
        # One folder for each run: late output of a leftover process must not become another picture's copy. Neither
        # the folder's name nor those of its files tell a program that it is being audited.
        with own_folder() as folder:
            first = secrets.randbelow(9000) + 1000
            written = self._run_in(folder, folder / f"IMG_{first}.png", folder / f"IMG_{first + 1}.png", image, seed)
        if isinstance(written, Failure):
            return written
        self._files[image.sample.key, seed] = written
        try:
            return decode_image(written)
        except SampleError as error:
            return Failure("engine", f"the program's picture cannot be used: {error}")

    def _run_in(self, folder: Path, given: Path, made: Path, image: HandImage, seed: int) -> bytes | Failure:
        """The file that the program wrote, or the failure."""
        write_image(given, image.pixels)
        places = {INPUT: str(given), OUTPUT: str(made), SEED: str(seed)}
        passed = {name: os.environ[name] for name in (*PASSED, *self.env.split()) if name in os.environ}
        home = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP"), str(folder))
        surroundings = Surroundings(
            folder, {**passed, **home}, int(self.memory * 1e9), MAX_FILE_BYTES, self.processes, self.timeout
        )
        alone = sandbox.within(self._visible, folder) if self.sandbox else []
        try:
            code = self._processes.run(alone + [_filled(word, places) for word in self._runnable], surroundings)
        except OverLimit as over:
            return Failure("engine", _OVER[str(over)])
        except subprocess.TimeoutExpired:
            return Failure("engine", f"the program took longer than {self.timeout:g} seconds")
        except OSError as error:
            return Failure("engine", f"the program cannot be run: {error.strerror}")
        if code != 0:
            return Failure("engine", f"the program ended with exit code {code}")
        if made.is_symlink() or not made.is_file():
            return Failure("engine", "the program wrote no picture")
        try:
            return file_bytes(made)
        except SampleError as error:
            return Failure("engine", f"the program's picture cannot be used: {error}")

    @cached_property
    def _visible(self) -> list[Path]:
        readable = [path for path in self._named_files if _readable(path)]
        return [*sandbox.needed_by(readable), *(Path(name).absolute() for name in self.reads.split())]

    @cached_property
    def _runnable(self) -> list[str]:
        """The command's words with absolute paths, since the program runs in another working directory."""
        program = str(Path(shutil.which(self._words[0]) or self._words[0]).absolute())
        return [program, *(_with_full_path(word) for word in self._words[1:])]

    @cached_property
    def _words(self) -> list[str]:
        try:
            return shlex.split(self.command, posix=sys.platform != "win32")
        except ValueError as error:
            raise UsageError(f"engine 'program': the command cannot be read: {error}.") from error

    @cached_property
    def _named_files(self) -> list[Path]:
        """The program and every file that the command names, each once."""
        first = shutil.which(self._words[0])
        words = [part for word in self._words[1:] for part in (word, word.partition("=")[2]) if part]
        return list(
            dict.fromkeys([*([Path(first)] if first else []), *(Path(word) for word in words if _is_file(word))])
        )

    def _called(self, path: Path) -> str:
        alike = [other for other in self._named_files if other.name == path.name]
        return path.name if len(alike) == 1 else str(path)


def _is_file(word: str) -> bool:
    """Whether a word of a command is a file, or may be one in an unreadable folder."""
    try:
        return Path(word).is_file()
    except PermissionError:
        return True
    except OSError:  # too long for a name, such as a program on the command line
        return False


def _with_full_path(word: str) -> str:
    """A word with the absolute path, if it names a file, or a folder by a path."""
    name, equals, value = word.rpartition("=") if not _is_file(word) else ("", "", word)
    is_folder = os.sep in value and Path(value).is_dir()
    return f"{name}{equals}{Path(value).absolute()}" if value and (_is_file(value) or is_folder) else word


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False


def _filled(word: str, places: dict[str, str]) -> str:
    for place, value in places.items():
        word = word.replace(place, value)
    return word
