"""Process-wide state that plugins may change: restored and reported after each call."""

from __future__ import annotations

import builtins
import math
import operator
import os
import signal
import threading
import warnings as filters
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from deidkit.descriptors import OpenFiles, StandardStreams
from deidkit.errors import UsageError
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.process_settings import Setting, generators, settings

_WATCHED: Sequence[ModuleType] = (builtins, math, np, np.linalg, np.fft, cv2)
"""Modules whose functions no plugin may replace."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP, signal.SIGALRM] if hasattr(signal, "SIGHUP") else []))

_unsafe_call = threading.RLock()
"""Held during the call of a plugin that is not thread-safe: concurrent calls would share random numbers."""

_calls_lock = threading.Lock()
_calls: list[_Call] = []
_inside = threading.local()


def is_in_plugin_call() -> bool:
    """Whether this thread is calling a plugin."""
    return getattr(_inside, "call", False)


def working_directory() -> Path:
    """Current working directory. Raises UsageError if it no longer exists."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the working directory no longer exists; change to another.") from error


@dataclass(eq=False)
class _Call:
    """A running call of a plugin.

    Attributes:
        exclusive: Whether it excludes other plugins that are not thread-safe.
        numpy_errors: NumPy's floating-point error settings in this thread.
        files: Files that were open at its start.
        concurrent: Plugins whose calls overlapped with it.
    """

    who: str
    exclusive: bool
    numpy_errors: Mapping[str, Any] = field(default_factory=np.geterr)
    files: OpenFiles = field(default_factory=OpenFiles)
    concurrent: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class ProcessState:
    """Process-wide state at the start of the work.

    Attributes:
        environment: Environment variables. Added ones are left alone, since libraries add some for their own use.
        randomness: States of the global random number generators of Python, NumPy and, if loaded, torch.
        settings: All other settings, see `deidkit.pipeline.process_settings`.
        streams: Standard streams.
        functions: Functions of the watched modules.
        strict: Filters that turn warnings into errors.
        process: This process, to distinguish children that a plugin forks.
    """

    directory: Path
    environment: Mapping[str, str]
    randomness: Sequence[Setting]
    settings: Sequence[Setting]
    streams: StandardStreams
    handlers: Mapping[int, Any]
    functions: Sequence[Mapping[str, Any]]
    strict: Sequence[Any]
    process: int

    @classmethod
    def now(cls, *, shared: bool = False) -> ProcessState:
        """Capture the current state.

        Args:
            shared: Whether other code uses Python's global generator meanwhile, as Dask does in cluster processes: then
                its state is restored before each call, and no plugin is blamed for it.
        """
        return cls(
            directory=working_directory(),
            environment=dict(os.environ),
            randomness=generators(shared=shared),
            settings=settings(),
            streams=StandardStreams(),
            handlers={number: signal.getsignal(number) for number in _SIGNALS},
            functions=[{n: f for n, f in vars(module).items() if callable(f)} for module in _WATCHED],
            strict=_strict_filters(),
            process=os.getpid(),
        )

    @contextmanager
    def restored_after(self, who: str, warnings: PluginWarnings, *, thread_safe: bool = False) -> Iterator[None]:
        """Context of a plugin call: restores the state afterwards, and reports changes in a note.

        Calls of plugins that are not thread-safe exclude one another, so that each finds the same random numbers.
        Nested calls are not watched. If calls overlapped, the note names all of them.

        Args:
            who: Name of the plugin in the note.
            warnings: Receives the note.
            thread_safe: Whether the plugin allows concurrent calls.

        Raises:
            Exception: What the plugin raises; a BaseException other than KeyboardInterrupt under its own name, so that
                it counts as the plugin's failure.
        """
        if is_in_plugin_call():
            yield
            return
        with nullcontext() if thread_safe else _unsafe_call:
            call = _begin_call(who, exclusive=not thread_safe)
            _inside.call = True
            for generator in self.randomness:
                if generator.shared and not thread_safe:
                    generator.restored()
            try:
                with call.files.protected():
                    yield
            except (Exception, KeyboardInterrupt):
                raise
            except BaseException as error:
                raise _as_exception(error) from error
            finally:
                if os.getpid() != self.process:
                    os._exit(1)  # a forked child must not continue as the audit
                _inside.call = False
                self._end_call(call, warnings)

    def restored_now(self, warnings: PluginWarnings) -> None:
        """Restore changes by plugins whose calls are not watched individually."""
        with self.restored_after("a plugin", warnings):
            pass

    def _end_call(self, call: _Call, warnings: PluginWarnings) -> None:
        with _calls_lock:
            _calls.remove(call)
            if not call.exclusive and any(other.exclusive for other in _calls):
                return  # the overlapping call restores the state, and names both
            changed, stuck = self._restored(randomness=call.exclusive or not call.concurrent)
            replaced = self._functions_restored()
            if np.seterr(**call.numpy_errors) != call.numpy_errors:
                changed.append("NumPy's error state")
            if call.files.close_attempted:
                changed.append("which files are open")
        others = sorted(call.concurrent - {call.who})
        who = f"{call.who} or, at the same time, {' or '.join(others)}" if others else call.who
        if changed:
            warnings.add_note(f"{who} changed {_joined(changed)} of the process, which was restored")
        if stuck:
            warnings.add(f"{who} changed {_joined(stuck)} of the process permanently; run it with --isolate")
        if replaced:  # concurrent calls may have been affected
            warnings.add(f"{who} replaced functions of Python, NumPy or OpenCV; run it with --isolate")

    def _restored(self, *, randomness: bool) -> tuple[list[str], list[str]]:
        """Restore the state; returns the changes in words, and those that could not be restored."""
        changed = [name for name, restored in self._checks() if restored()]
        moved = [setting for setting in self.settings if setting.restored()]
        drawn = [one for one in self.randomness if one.restored() and not one.shared] if randomness else []
        names = [setting.name for setting in (*moved, *drawn)]
        return changed + names, [setting.name for setting in moved if not setting.is_unchanged()]

    def _checks(self) -> Iterator[tuple[str, Callable[[], bool]]]:
        """State other than `Setting`s, each with a function that restores it and returns whether it had changed."""
        yield "the working directory", self._directory_restored
        yield "environment variables", self._environment_restored
        yield "the output streams", self.streams.restored
        yield "signal handlers", self._handlers_restored
        yield "warning filters", self._warnings_restored

    def _directory_restored(self) -> bool:
        try:
            same = Path.cwd() == self.directory
        except FileNotFoundError:  # it was removed
            same = False
        if not same:
            with suppress(OSError):
                os.chdir(self.directory)
        return not same

    def _environment_restored(self) -> bool:
        lost = {name: value for name, value in self.environment.items() if os.environ.get(name) != value}
        os.environ.update(lost)
        return bool(lost)

    def _handlers_restored(self) -> bool:
        others = {n: handler for n, handler in self.handlers.items() if signal.getsignal(n) is not handler}
        if threading.current_thread() is not threading.main_thread():
            return False  # only the main thread can set them, and does so at its next call
        for number, handler in others.items():
            if handler is not None:
                signal.signal(number, handler)
        return bool(others)

    def _functions_restored(self) -> bool:
        changed = False
        for module, functions in zip(_WATCHED, self.functions, strict=True):
            if all(map(operator.is_, map(vars(module).get, functions), functions.values())):
                continue  # avoids a Python loop over some 1,500 functions per call
            changed = True
            for name, function in functions.items():
                setattr(module, name, function)
        return changed

    def _warnings_restored(self) -> bool:
        added = [entry for entry in _strict_filters() if entry not in self.strict]
        if added:
            remaining = [entry for entry in filters.filters if entry not in added]
            filters.resetwarnings()  # also invalidates the interpreter's cache
            filters.filters.extend(remaining)  # type: ignore[attr-defined]
        return bool(added)


def _strict_filters() -> list[Any]:
    return [entry for entry in filters.filters if entry[0] == "error"]


def _begin_call(who: str, *, exclusive: bool) -> _Call:
    call = _Call(who, exclusive)
    with _calls_lock:
        for other in _calls:
            other.concurrent.add(who)
            call.concurrent.add(other.who)
        _calls.append(call)
    return call


def _as_exception(error: BaseException) -> Exception:
    """Convert to an exception of the same name that counts as a plugin's failure."""
    named: type[Exception] = type(type(error).__name__, (Exception,), {})
    return named(*error.args)


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
