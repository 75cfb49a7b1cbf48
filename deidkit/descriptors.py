"""Restores standard input, output and error of the process after a plugin has closed or replaced them."""

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

_STANDARD = range(3)
"""Descriptors of standard input, output and error."""

_PROTECTED = 256
"""Number of descriptors that are protected, from 0: an audit has far fewer open, and each costs time at every call."""

_real_close = os.close
"""Original `os.close`, which `guarded_close` replaces."""

_inside = threading.local()
_calls: list[OpenFiles] = []
_calls_lock = threading.Lock()

_stderr_lock = threading.Lock()
"""Held while standard error is redirected and while it is checked, which would take the redirection for a change."""


@dataclass(frozen=True)
class _Identity:
    device: int
    number: int
    special: int
    regular: bool

    @classmethod
    def of(cls, descriptor: int) -> _Identity | None:
        try:
            status = os.fstat(descriptor)
        except OSError:
            return None
        return cls(status.st_dev, status.st_ino, status.st_rdev, stat.S_ISREG(status.st_mode))


@dataclass(frozen=True)
class _TextStream:
    """A text stream of Python, and how it is opened again if a plugin closed it."""

    stream: Any
    descriptor: int | None
    encoding: str
    errors: str

    @classmethod
    def of(cls, stream: Any) -> _TextStream:
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


class StandardStreams:
    """Standard input, output and error as they are now, with duplicates from which they can be restored.

    The number of a closed descriptor goes to the next file that is opened, which would then be printed to.
    """

    def __init__(self) -> None:
        self._streams = (sys.stdout, sys.stderr)
        self._texts = [_TextStream.of(stream) for stream in (*self._streams, sys.__stdout__, sys.__stderr__)]
        with _stderr_lock:
            self._identities = [_Identity.of(number) for number in _STANDARD]
            self._duplicates = [_duplicate(number) for number in _STANDARD]
        weakref.finalize(self, _close, [number for number in self._duplicates if number is not None])

    def restored(self) -> bool:
        """Restore what was changed; whether anything was."""
        changed = (sys.stdout, sys.stderr) != self._streams
        sys.stdout, sys.stderr = self._streams
        with _stderr_lock:
            changed |= self._descriptors_restored()
        for text in self._texts:
            changed |= text.opened()
        return changed

    def _descriptors_restored(self) -> bool:
        changed = False
        for number, identity, duplicate in zip(_STANDARD, self._identities, self._duplicates, strict=True):
            now = _Identity.of(number)
            if now is not None and now == identity:
                continue
            changed |= now != identity
            if identity is not None and duplicate is not None and _Identity.of(duplicate) == identity:
                os.dup2(duplicate, number)
            elif now is None:
                _open_null(number)
        return changed


@contextmanager
def stderr_silenced() -> Iterator[None]:
    """Discard standard error within the block, for a library that always prints."""
    with _stderr_lock:
        if sys.stderr is not None:
            sys.stderr.flush()
        kept = _duplicate(2)
        try:
            _open_null(2)
            yield
        finally:
            if kept is not None:
                os.dup2(kept, 2)
                os.close(kept)


class OpenFiles:
    """The files that are open when a call of a plugin begins: `guarded_close` leaves them open during the call.

    Attributes:
        close_attempted: Whether the plugin tried to close one.
    """

    def __init__(self) -> None:
        found = ((number, _Identity.of(number)) for number in _candidates())
        self._open: dict[int, _Identity] = {number: identity for number, identity in found if identity is not None}
        self.close_attempted = False

    @contextmanager
    def protected(self) -> Iterator[None]:
        """Protect them until the block ends."""
        _inside.files = self
        with _calls_lock:
            _calls.append(self)
        try:
            yield
        finally:
            _inside.files = None
            with _calls_lock:
                _calls.remove(self)

    def forget(self, descriptor: int) -> None:
        """Stop protecting one, which its owner has closed."""
        self._open.pop(descriptor, None)

    def protects(self, descriptor: int, *, pipes: bool) -> bool:
        """Whether a descriptor was open before the plugin was called, so that it is not the plugin's to close.

        Args:
            descriptor: Which.
            pipes: Whether this includes pipes and sockets, which a plugin may have opened in an earlier call.
        """
        opened = self._open.get(descriptor)
        if opened is None or opened != _Identity.of(descriptor):
            return False
        protected = pipes or descriptor in _STANDARD or opened.regular
        self.close_attempted |= protected
        return protected


def guarded_close(close: Callable[[int], None], *, pipes: bool = False) -> Callable[[int], None]:
    """``os.close`` that, in a call of a plugin, leaves open what is not the plugin's."""
    process = os.getpid()

    def closed(fd: int) -> None:
        if os.getpid() != process:
            close(fd)
            return
        files = _of_this_call(fd, pipes)
        if files is None or not files.protects(fd, pipes=pipes):
            with _calls_lock:
                for call in _calls:
                    call.forget(fd)  # the number may be given to the next file
            close(fd)

    return closed


def guarded_closerange(
    closerange: Callable[[int, int], None], close: Callable[[int], None]
) -> Callable[[int, int], None]:
    """``os.closerange`` that, in a call of a plugin, leaves open what was open before."""
    process, one = os.getpid(), guarded_close(close, pipes=True)

    def closed(fd_low: int, fd_high: int) -> None:
        if not _calls or os.getpid() != process:
            closerange(fd_low, fd_high)
            return
        for number in range(max(fd_low, 0), min(fd_high, _PROTECTED)):
            with suppress(OSError):
                one(number)
        closerange(max(fd_low, _PROTECTED), fd_high)

    return closed


def _of_this_call(descriptor: int, pipes: bool) -> OpenFiles | None:
    """The files of the call in this thread.

    A plugin's own threads, and those that call it for a comparison, have none: what they close is checked
    against those of any running call, if only a plugin would close it.
    """
    files: OpenFiles | None = getattr(_inside, "files", None)
    if files is None and (pipes or descriptor in _STANDARD):
        with _calls_lock:
            return _calls[-1] if _calls else None
    return files


def _candidates() -> Iterable[int]:
    """Descriptors among which are all that are open and below `_PROTECTED`."""
    try:
        listed = [int(name) for name in os.listdir("/dev/fd")]  # noqa: PTH208 (a Path for each costs more than the rest)
    except (OSError, ValueError):  # a system without that folder, or none left to open it with
        return range(_PROTECTED)
    return (number for number in listed if number < _PROTECTED)


def _duplicate(number: int) -> int | None:
    try:
        return os.dup(number)
    except OSError:  # it is closed
        return None


def _close(numbers: list[int]) -> None:
    """Close what is deidkit's own; Python may collect it during a call of a plugin, who has nothing to do with it."""
    for number in numbers:
        for call in list(_calls):  # without the lock, which the interrupted thread may hold
            call.forget(number)
        with suppress(OSError):
            _real_close(number)


def _open_null(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
