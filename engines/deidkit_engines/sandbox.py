"""Sandbox for programs, without network and other files, by bubblewrap where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/etc")
"""System folders that programs need; none holds users' data."""

_REMEDY = "install bubblewrap (Debian, Ubuntu, Fedora: package bubblewrap), or leave sandbox=yes out"
_ALONE = ("--unshare-all", "--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev")

MOST_IN_MEMORY = 400_000_000
"""Size limit, in bytes, of each in-memory folder of a program."""


def problem() -> str:
    """Why no sandbox is available, with the remedy; an empty text if one is."""
    if shutil.which("bwrap") is None:
        return f"there is no bwrap; {_REMEDY}"
    tried = subprocess.run(
        [*within([], Path("/tmp")), shutil.which("true") or "/usr/bin/true"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return f"bwrap fails: {tried.stderr.decode(errors='replace').strip()}; {_REMEDY}" if tried.returncode else ""


def within(visible: Iterable[Path], folder: Path) -> list[str]:
    """The prefix of a command that runs it in the sandbox.

    Args:
        visible: Files and folders that it may read, in addition to `SYSTEM`.
        folder: Its working directory, the only place where it may write.
    """
    words = [shutil.which("bwrap") or "bwrap", *_ALONE]
    for in_memory in ("/tmp", "/dev/shm"):
        words += [*(["--size", str(MOST_IN_MEMORY)] if _knows_size() else []), "--tmpfs", in_memory]
    for place in (*map(Path, SYSTEM), *visible):
        if place.is_symlink() and place.is_dir() and place.parent == Path("/"):  # as /bin is on merged systems
            words += ["--symlink", str(place.readlink()), str(place)]
        elif place.exists():
            words += ["--ro-bind", str(place), str(place)]
    return [*words, "--bind", str(folder), str(folder), "--chdir", str(folder)]


@cache
def _knows_size() -> bool:
    """Whether this bubblewrap can limit the size of an in-memory folder (0.8 or later)."""
    usage = subprocess.run(["bwrap", "--help"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return b"--size" in usage.stdout + usage.stderr


def needed_by(named: Sequence[Path]) -> list[Path]:
    """The files that a command names, and the installations of Python that they belong to."""
    found: list[Path] = []
    for path in named:
        for place in (path.absolute(), path.resolve()):
            prefix = place.parent.parent
            is_python = (prefix / "pyvenv.cfg").is_file() or any((prefix / "lib").glob("python3*"))
            found.append(prefix if place.parent.name == "bin" and is_python else place)
    return [place for place in dict.fromkeys(found) if not str(place).startswith(tuple(f"{one}/" for one in SYSTEM))]
