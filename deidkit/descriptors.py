"""Standard input, output and errors of the process: what a plugin closes or exchanges of them is put back."""

from __future__ import annotations

import io
import os
import stat
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

STANDARD = range(3)
"""Numbers of standard input, output and errors."""

_LOOKED_AT = 256
"""Descriptors beyond are not looked after: an audit has far fewer, and looking at each takes time at every call."""

_inside = threading.local()
_under_way: list[Held] = []
_entry = threading.Lock()

_exchange = threading.Lock()
"""Held while standard errors lead nowhere, and while it is looked at where they lead: others would see a change."""


@dataclass(frozen=True)
class _Identity:
    device: int
    number: int
    special: int
    regular: bool

    @classmethod
    def of(cls, descriptor: int) -> _Identity | None:
        try:
            found = os.fstat(descriptor)
        except OSError:
            return None
        return cls(found.st_dev, found.st_ino, found.st_rdev, stat.S_ISREG(found.st_mode))


@dataclass(frozen=True)
class _Text:
    """A text stream of Python, and how it is made anew where a plugin closed it."""

    stream: Any
    descriptor: int | None
    encoding: str
    errors: str

    @classmethod
    def of(cls, stream: Any) -> _Text:
        descriptor = None
        with suppress(AttributeError, OSError, ValueError):
            descriptor = stream.fileno()
        encoding = getattr(stream, "encoding", None) or "utf-8"
        return cls(stream, descriptor, encoding, getattr(stream, "errors", None) or "backslashreplace")

    def opened(self) -> bool:
        """Open the stream again; whether that was needed."""
        if self.stream is None or self.descriptor is None or not isinstance(self.stream, io.TextIOWrapper):
            return False
        with suppress(ValueError):  # it is detached
            if not self.stream.closed:
                return False
        try:
            beneath = open(self.descriptor, "wb", closefd=False)  # noqa: SIM115 (the stream closes it)
        except OSError:  # it was the descriptor's owner
            return True
        # the same object, because others than sys.stdout and sys.stderr refer to it
        self.stream.__init__(beneath, encoding=self.encoding, errors=self.errors, line_buffering=True)  # type: ignore[misc]
        return True


class Standard:
    """Standard input, output and errors as they are now, with duplicates from which they can be put back.

    A descriptor that is closed would be given to the next file that is opened, and that file be printed to.
    """

    def __init__(self) -> None:
        self._streams = (sys.stdout, sys.stderr)
        self._texts = [_Text.of(stream) for stream in (*self._streams, sys.__stdout__, sys.__stderr__)]
        self._identities = [_Identity.of(number) for number in STANDARD]
        self._duplicates = [_duplicate(number) for number in STANDARD]
        weakref.finalize(self, _close, [number for number in self._duplicates if number is not None])

    def restored(self) -> bool:
        """Put back what was changed; whether that was needed."""
        changed = (sys.stdout, sys.stderr) != self._streams
        sys.stdout, sys.stderr = self._streams
        with _exchange:
            changed |= self._descriptors_restored()
        for text in self._texts:
            changed |= text.opened()
        return changed

    def _descriptors_restored(self) -> bool:
        changed = False
        for number, identity, duplicate in zip(STANDARD, self._identities, self._duplicates, strict=True):
            now = _Identity.of(number)
            if now is not None and now == identity:
                continue
            changed |= now != identity
            if identity is not None and duplicate is not None and _Identity.of(duplicate) == identity:
                os.dup2(duplicate, number)
            elif now is None:
                _to_nowhere(number)
        return changed


@contextmanager
def errors_silenced() -> Iterator[None]:
    """Standard errors lead nowhere within the block, for a library that prints and has no switch for it."""
    with _exchange:
        if sys.stderr is not None:
            sys.stderr.flush()
        kept = _duplicate(2)
        try:
            _to_nowhere(2)
            yield
        finally:
            if kept is not None:
                os.dup2(kept, 2)
                os.close(kept)


class Held:
    """Files that are open as a call of a plugin begins: within it, the functions of `closes_refused` leave them open.

    Attributes:
        touched: Whether the plugin wanted to close one.
    """

    def __init__(self) -> None:
        found = ((number, _Identity.of(number)) for number in _perhaps_open())
        self._open: dict[int, _Identity] = {number: identity for number, identity in found if identity is not None}
        self.touched = False

    @contextmanager
    def looked_after(self) -> Iterator[None]:
        """Look after them until the block ends."""
        _inside.files = self
        with _entry:
            _under_way.append(self)
        try:
            yield
        finally:
            _inside.files = None
            with _entry:
                _under_way.remove(self)

    def forget(self, descriptor: int) -> None:
        """Look after one no longer: whoever opened it closes it."""
        self._open.pop(descriptor, None)

    def spares(self, descriptor: int, *, pipes: bool) -> bool:
        """Whether one is not the plugin's to close.

        Args:
            descriptor: Which.
            pipes: Whether pipes and sockets are spared, too: a plugin may have opened one in an earlier call.
        """
        known = self._open.get(descriptor)
        if known is None or known != _Identity.of(descriptor):
            return False
        spared = pipes or descriptor in STANDARD or known.regular
        self.touched |= spared
        return spared


def sparing(close: Callable[[int], None], *, pipes: bool = False) -> Callable[[int], None]:
    """``os.close`` that leaves open, in a call of a plugin, what is not the plugin's.

    Args:
        close: The real one.
        pipes: As `Held.spares`.
    """
    process = os.getpid()

    def closed(fd: int) -> None:
        if os.getpid() != process:
            close(fd)
            return
        files = _of_this_call(fd, pipes)
        if files is None or not files.spares(fd, pipes=pipes):
            with _entry:
                for call in _under_way:
                    call.forget(fd)  # the number may be given to the next file
            close(fd)

    return closed


def sparing_range(closerange: Callable[[int, int], None], close: Callable[[int], None]) -> Callable[[int, int], None]:
    """``os.closerange`` that leaves open, in a call of a plugin, what was open before.

    Args:
        closerange: The real one.
        close: The real ``os.close``.
    """
    process, one = os.getpid(), sparing(close, pipes=True)

    def closed(fd_low: int, fd_high: int) -> None:
        if not _under_way or os.getpid() != process:
            closerange(fd_low, fd_high)
            return
        for number in range(max(fd_low, 0), min(fd_high, _LOOKED_AT)):
            with suppress(OSError):
                one(number)
        closerange(max(fd_low, _LOOKED_AT), fd_high)

    return closed


def _of_this_call(descriptor: int, pipes: bool) -> Held | None:
    """The files of the call in this thread.

    A plugin's own threads, and those that call it for a comparison, have none: what they want to close is held against
    those of any call under way, if no other than a plugin would close it.
    """
    files: Held | None = getattr(_inside, "files", None)
    if files is None and (pipes or descriptor in STANDARD):
        with _entry:
            return _under_way[-1] if _under_way else None
    return files


def _perhaps_open() -> Iterable[int]:
    """Descriptors among which are all open ones that are looked after."""
    try:
        listed = [int(name) for name in os.listdir("/dev/fd")]  # noqa: PTH208 (a Path for each costs more than the rest)
    except (OSError, ValueError):  # a system without that folder, or none left to open it with
        return range(_LOOKED_AT)
    return (number for number in listed if number < _LOOKED_AT)


def _duplicate(number: int) -> int | None:
    try:
        return os.dup(number)
    except OSError:  # it is closed
        return None


def _close(numbers: list[int]) -> None:
    for number in numbers:
        with suppress(OSError):
            os.close(number)


def _to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
