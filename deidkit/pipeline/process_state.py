"""State of the process that plugins may change: restored after each call, and the change is named."""

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
"""Modules that everybody computes with, whose functions no plugin may replace."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP, signal.SIGALRM] if hasattr(signal, "SIGHUP") else []))

_unsafe_call = threading.RLock()
"""Held by the one call of a plugin that is not thread-safe: two would share the process's random numbers."""

_calls_lock = threading.Lock()
_calls: list[_Call] = []
_inside = threading.local()


def is_in_plugin_call() -> bool:
    """Whether this thread is in a call of a plugin."""
    return getattr(_inside, "call", False)


def working_directory() -> Path:
    """Where this process is. Raises UsageError where that folder is not there any more."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the working directory no longer exists; change to another.") from error


@dataclass(eq=False)
class _Call:
    """A running call of a plugin.

    Attributes:
        exclusive: Whether no other plugin that is not thread-safe runs meanwhile.
        numpy_errors: What NumPy did, in this thread, at a division by zero and the like.
        files: Those that were open when it began.
        concurrent: Plugins whose calls ran at the same time for some while.
    """

    who: str
    exclusive: bool
    numpy_errors: Mapping[str, Any] = field(default_factory=np.geterr)
    files: OpenFiles = field(default_factory=OpenFiles)
    concurrent: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class ProcessState:
    """What a plugin may change of the whole process, as it was when the work began.

    Attributes:
        environment: Environment variables. Those that are added are left alone: libraries add some for their own use.
        randomness: States of the global random numbers of Python and NumPy, and of torch where it is loaded.
        settings: All else, see `deidkit.pipeline.process_settings`.
        streams: Where this process reads and prints.
        functions: Those of the modules that everybody computes with.
        strict: Filters that turn warnings into errors.
        process: This process: a child that a plugin forks, and that continues as the plugin's caller, is another one.
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
        """Take the state as it is.

        Args:
            shared: Whether others draw Python's random numbers meanwhile, as Dask does in the processes of a cluster:
                then no plugin is named for that, and each finds them as they were.
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
        """Call a plugin within this block: what it changes of the process is restored, and a note names it.

        Calls of plugins that are not thread-safe wait for one another, so that each finds the random numbers as they
        were. Within a call, another one is that plugin's own affair. Where calls ran at the same time, the note names
        all of them.

        Args:
            who: The plugin as the note names it.
            warnings: Where the note is added.
            thread_safe: Whether the plugin says that others may run meanwhile.

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
                    os._exit(1)  # a child that the plugin forked and forgot would do the audit a second time
                _inside.call = False
                self._end_call(call, warnings)

    def restored_now(self, warnings: PluginWarnings) -> None:
        """Restore now what plugins changed whose calls are not watched one by one."""
        with self.restored_after("a plugin", warnings):
            pass

    def _end_call(self, call: _Call, warnings: PluginWarnings) -> None:
        with _calls_lock:
            _calls.remove(call)
            if not call.exclusive and any(other.exclusive for other in _calls):
                return  # that one restores, and names both
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
        if replaced:  # numbers of whatever ran meanwhile may have moved
            warnings.add(f"{who} replaced functions of Python, NumPy or OpenCV; run it with --isolate")

    def _restored(self, *, randomness: bool) -> tuple[list[str], list[str]]:
        """What was changed, in words, now that it is as it was, and which settings among it cannot be restored."""
        changed = [name for name, restored in self._checks() if restored()]
        moved = [setting for setting in self.settings if setting.restored()]
        drawn = [one for one in self.randomness if one.restored() and not one.shared] if randomness else []
        names = [setting.name for setting in (*moved, *drawn)]
        return changed + names, [setting.name for setting in moved if not setting.is_unchanged()]

    def _checks(self) -> Iterator[tuple[str, Callable[[], bool]]]:
        """What is no `Setting`, each with what restores it and says whether that was needed."""
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
                continue  # without a Python loop over some 1,500 functions at every call of a plugin
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
    """An exception of the same name that counts as a plugin's failure."""
    named: type[Exception] = type(type(error).__name__, (Exception,), {})
    return named(*error.args)


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
