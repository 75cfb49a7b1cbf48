"""An engine that runs in a separate process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import msgspec
import numpy as np

from deidkit.errors import DeidkitError, Interruption, PluginError, SampleError, UsageError
from deidkit.models.cache import VARIABLE as MODELS_VARIABLE
from deidkit.pipeline.remote import messages
from deidkit.plugins import Loaded
from deidkit.processors import has_process_groups
from deidkit.protocols import Engine, Failure, HandImage, Image, Sample
from deidkit.redaction import environment_of_others
from deidkit.result import CoverageFinding

_Reply = TypeVar("_Reply", bound=messages.Reply)

MAX_DEATHS = 3
"""How often in succession the process may end before it gets no more pictures."""

_SECONDS_TO_END = 5.0


class ProcessEnded(Exception):
    """The process of an engine ended, or said something that is not an answer."""


def create(choice: object, note: Callable[[str], None]) -> Loaded[Engine]:
    """Make an engine in a separate process.

    Raises:
        DeidkitError: It cannot be made, such as an object of this process.
        UsageError: The system has no groups of processes, by which all that an engine starts is ended.
    """
    if not has_process_groups():
        raise UsageError("engines can be isolated on Linux and macOS only; leave out --isolate.")
    if not isinstance(choice, str):
        raise PluginError("an engine that is an object or a function cannot be isolated; give its name.")
    engine = RemoteEngine(choice, note)
    return Loaded(engine, engine.made.component)


class RemoteEngine(Engine):
    """Asks the process of an engine; starts it again where it ended."""

    thread_safe = False

    def __init__(self, choice: str, note: Callable[[str], None]) -> None:
        self._choice, self._note = choice, note
        self._asking, self._ending = Lock(), Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._expected: list[Sample] = []
        self._deaths = 0
        self._stopped = False
        try:
            with self._asking:
                self.made = self._start()
        except ProcessEnded as error:
            raise PluginError(f"engine '{choice}' cannot be made in a separate process: {error}.") from None
        self.version = self.made.component.version
        self.deterministic, self.diverse = self.made.deterministic, self.made.diverse
        self.batch_size, self.control = self.made.batch_size, self.made.control
        self.reusable, self.any_size = self.made.reusable, self.made.any_size
        self.finished = self.made.finished

    def stand_in(self) -> str:
        """As the engine says."""
        return self.made.stand_in

    def packages(self) -> tuple[str, ...]:
        """As the engine says."""
        return tuple(self.made.packages)

    def expect(self, samples: Sequence[Sample]) -> None:
        """As `Engine.expect`; a process that is started again learns it, too."""
        self._expected = [_sample(sample) for sample in samples]
        self.diverse = self._ask(messages.Expect(self._expected), messages.Diverse).value

    def input_digest(self, sample: Sample) -> str | None:
        """As `Engine.input_digest`."""
        return self._ask(messages.Digest(_sample(sample)), messages.Text).value

    def coverage(self, samples: Sequence[Sample]) -> Sequence[CoverageFinding]:
        """As `Engine.coverage`."""
        return self._ask(messages.Cover([_sample(sample) for sample in samples]), messages.Findings).found

    def delivered_file(self, sample: Sample, seed: int) -> bytes | None:
        """As `Engine.delivered_file`."""
        return self._ask(messages.Deliver(_sample(sample), seed), messages.File).data

    def delivers(self, sample: Sample, seed: int) -> bool:
        """As `Engine.delivers`."""
        return self._ask(messages.Has(_sample(sample), seed), messages.Delivers).value

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> Sequence[Sequence[Image | Failure]]:
        """As `Engine.deidentify`. Raises what the engine raises, and `ProcessEnded`."""
        pictures = [_picture(image) for image in images]
        reply = self._ask(messages.DeIdentify(pictures, list(seeds)), messages.Copies, images)
        return [[_item(item) for item in items] for items in reply.items]

    def stop(self) -> None:
        """End the process, and start no more."""
        self._stopped = True
        self._end()

    def __del__(self) -> None:
        if "_ending" in self.__dict__:
            self._end()

    def _ask(self, request: messages.Request, kind: type[_Reply], images: Sequence[HandImage] = ()) -> _Reply:
        with self._asking:
            if self._deaths >= MAX_DEATHS and isinstance(request, messages.DeIdentify):
                raise ProcessEnded(f"its process ended {MAX_DEATHS} times in succession and gets no more pictures")
            if self._connection is None:
                self._start()
                if self._expected:
                    self._exchange(messages.Expect(self._expected), messages.Diverse, ())
            reply = self._exchange(request, kind, images)
            self._deaths = 0 if isinstance(request, messages.DeIdentify) else self._deaths
            return reply

    def _start(self) -> messages.Made:
        if self._stopped:
            raise Interruption("the work was interrupted.")
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "deidkit.pipeline.remote.process", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env={**environment_of_others(MODELS_VARIABLE), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        with self._ending:
            self._process, self._connection = process, Connection(ours.detach())
        return self._exchange(messages.Make(self._choice), messages.Made, ())

    def _exchange(self, request: messages.Request, kind: type[_Reply], images: Sequence[HandImage]) -> _Reply:
        """Ask and wait, giving what the engine needs meanwhile."""
        connection = self._connection
        assert connection is not None
        try:
            messages.send(connection, request)
            while True:
                reply = messages.receive_reply(connection)
                if isinstance(reply, messages.Note):
                    self._note(reply.sentence)
                elif isinstance(reply, messages.Needs) and 0 <= reply.picture < len(images):
                    messages.send(connection, _reply_to_needs(reply, images[reply.picture]))
                elif isinstance(reply, kind):
                    return reply
                elif isinstance(reply, messages.Raised):
                    break
                else:
                    raise ValueError("an unexpected reply")
        except (OSError, EOFError, ValueError, msgspec.MsgspecError) as error:
            self._deaths += len(images) <= 1  # of a batch, each picture is tried alone next
            code = self._end()
            if self._stopped:
                raise Interruption("the work was interrupted.") from None
            ended = isinstance(error, OSError | EOFError) and code is not None
            raise ProcessEnded(
                f"its process ended ({_exit_reason(code)})" if ended else f"its process sent {error}"
            ) from None
        except BaseException:  # an interruption between question and answer
            self._end()
            raise
        raise _as_exception(reply)

    def _end(self) -> int | None:
        """End the process with its group; how it ended where it did so by itself."""
        with self._ending:
            process, connection = self._process, self._connection
            self._process = self._connection = None
        if process is None or connection is None:
            return None
        code = None
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(0 if self._stopped else 0.5)
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_END)
        connection.close()
        return code


def paths_of(engine: Engine) -> Sequence[Path]:
    """The files and folders that the options of an engine in a separate process name; none for any other."""
    return [Path(path) for path in engine.made.paths] if isinstance(engine, RemoteEngine) else []


def _exit_reason(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _as_exception(reply: messages.Raised) -> Exception:
    if reply.origin == "sample":
        return SampleError(reply.text)
    if reply.origin == "deidkit":
        return DeidkitError(reply.text)
    named: type[Exception] = type(reply.name if reply.name.isidentifier() else "Exception", (Exception,), {})
    return named(reply.text)


def _sample(sample: Sample) -> Sample:
    """It without what a data set's own class adds, whatever type its traits have."""
    traits = tuple((str(name), str(value)) for name, value in sample.traits)
    return Sample(sample.key, sample.subject, sample.hand, sample.session, sample.kind, sample.path, traits)


def _picture(image: HandImage) -> messages.Picture:
    return messages.Picture(
        sample=_sample(image.sample),
        palm=image.palm,
        pixels=image.pixels,
        hands=list(image.hands),
        unread_palms=int(getattr(image, "unread_palms", 0)),
    )


def _reply_to_needs(needs: messages.Needs, image: Any) -> messages.Given:
    try:
        if needs.what == "palm_masks":
            return messages.Given([np.asarray(mask) for mask in image.palm_masks()])
        if needs.what == "roi_corners":
            if not 0 <= needs.hand < len(image.hands):
                raise SampleError("there is no such hand")
            return messages.Given([np.asarray(image.roi_corners(image.hands[needs.hand]))])
        return messages.Given([np.asarray(getattr(image, needs.what)())])
    except SampleError as error:
        return messages.Given(reason=str(error))


def _item(item: messages.Copy | messages.Failed | object) -> Any:
    if isinstance(item, messages.Copy):
        return item.pixels
    return Failure(item.stage, item.reason) if isinstance(item, messages.Failed) else None
