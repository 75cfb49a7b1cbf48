"""Runs one program and ends all that it started, in whatever session, also where it ended well.

Started by `processes` as ``python -c SOURCE STATUS MEMORY SIZE PROCESSES FOLDER WORD...``, it imports only the standard
library. On Linux it adopts every orphan of the program's (PR_SET_CHILD_SUBREAPER), so that none can leave its reach,
and ends all where together they are over a limit; elsewhere it ends the program's process group. STATUS is a file
descriptor to which it writes ``exit N``, ``error N`` (an errno) or ``limit NAME``. Where its own parent is killed, it
removes FOLDER, which holds an original.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_PARENT_DIED = signal.SIGUSR1
"""The signal arrives when the parent's thread dies; the parent process may still exist, so its id tells nothing."""

_SECONDS_BETWEEN_LOOKS = 0.25
_RESIDENT = 21
"""Index of the resident pages among the fields of ``/proc/N/stat`` after the name."""

_DEEPEST = 200
"""Deepest nesting of folders that is measured; paths of deeper files are too long to open."""


class _Ended(Exception):
    """It was asked to end the program."""


class _Orphaned(Exception):
    """Its parent was killed."""


def _die_with_parent(number: int) -> None:
    """Have this process sent a signal when its parent dies; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def _adopt_orphans() -> bool:
    """Whether every orphan below this process becomes its child; it is ended when its own parent dies."""
    if sys.platform != "linux":
        return False
    _die_with_parent(_PARENT_DIED)
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def _start(words: list[str], memory: int, size: int) -> int:
    """Start the program in a session of its own; its process id. Raises OSError where it cannot be run."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _die_with_parent(signal.SIGKILL)  # should the program end its supervisor, it ends itself
            os.setsid()
            for signal_number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
                signal.signal(signal_number, signal.SIG_DFL)
            for limit, value in (
                (resource.RLIMIT_CORE, 0),
                (resource.RLIMIT_DATA, memory),
                (resource.RLIMIT_FSIZE, size),
            ):
                hard = resource.getrlimit(limit)[1]
                value = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.setrlimit(limit, (value, value))
            os.execv(words[0], words)
        except OSError as error:
            os.write(writing, str(error.errno or 1).encode())
        finally:
            os._exit(127)
    os.close(writing)
    failed = os.read(reading, 16)
    os.close(reading)
    if failed:
        os.waitpid(child, 0)
        raise OSError(int(failed), os.strerror(int(failed)))
    return child


def _processes() -> dict[int, tuple[int, int]]:
    """Parent and bytes in memory of every process that can be seen, by its id."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                words = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                found[int(folder.name)] = int(words[1]), int(words[_RESIDENT]) * resource.getpagesize()
    return found


def _children() -> list[int]:
    """All child processes of this one."""
    return [process for process, (parent, _) in _processes().items() if parent == os.getpid()]


def _over(memory: int, size: int, count: int, folder: str) -> str:
    """The limit that the program and its descendants exceed together; an empty text if none."""
    processes = _processes()
    below, reached = [], [os.getpid()]
    while reached:
        parent = reached.pop()
        found = [process for process, (of, _) in processes.items() if of == parent]
        below += found
        reached += found
    if len(below) > count:
        return "processes"
    if sum(processes[process][1] for process in below) > memory:
        return "memory"
    return "output" if _written(folder) > size else ""


def _written(folder: str) -> int:
    """Total bytes of the files in a folder and below it; the largest integer if nested too deeply."""
    written, places = 0, [(folder, 0)]
    while places:
        place, depth = places.pop()
        if depth > _DEEPEST:
            return sys.maxsize
        with contextlib.suppress(OSError):
            for entry in os.scandir(place):
                written += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    places.append((entry.path, depth + 1))
    return written


def _wait(program: int, watch: bool, limits: tuple[int, int, int, str]) -> str:
    """The program's exit status, or the limit that it exceeded."""
    while True:
        ended, status = os.waitpid(program, os.WNOHANG if watch else 0)
        if ended:
            return f"exit {os.waitstatus_to_exitcode(status)}"
        if over := _over(*limits):
            return f"limit {over}"
        signal.sigtimedwait([signal.SIGCHLD], _SECONDS_BETWEEN_LOOKS)


def _end_all(program: int, adopts: bool) -> None:
    """Kill the program's process group, then adopted orphans, until none is left."""
    with contextlib.suppress(OSError):
        os.killpg(program, signal.SIGKILL)
    while adopts:
        for child in _children():
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)  # the children of one that ends become ours, to be ended in the next round
        except ChildProcessError:
            return


def _end(number: int, frame: object) -> None:
    raise _Orphaned if number == _PARENT_DIED else _Ended


def main(words: list[str]) -> None:
    """Run the program that the words name, and write how it ended."""
    status, memory, size, count = (int(word) for word in words[:4])
    folder, command = words[4], words[5:]
    os.set_inheritable(status, False)
    program, adopts, outcome = 0, False, ""
    try:
        for number in (signal.SIGTERM, _PARENT_DIED):
            signal.signal(number, _end)
        adopts = _adopt_orphans()
        program = _start(command, memory, size)
        if adopts:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        outcome = _wait(program, adopts, (memory, size, count, folder))
    except OSError as error:
        outcome = f"error {error.errno}"
    except _Ended:
        outcome = "ended"
    except _Orphaned:
        pass
    for number in (signal.SIGTERM, _PARENT_DIED):
        signal.signal(number, signal.SIG_IGN)
    if program:
        _end_all(program, adopts)
    if outcome:
        os.write(status, outcome.encode())
    else:
        import shutil  # which takes a while, and every picture waits for what is imported above

        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
