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
"""Number of consecutive times that the process may end before it gets no more pictures."""

_SECONDS_TO_END = 5.0


class ProcessEnded(Exception):
    """The process of an engine ended, or sent an invalid reply."""


def create(choice: object, note: Callable[[str], None]) -> Loaded[Engine]:
    """Create an engine in a separate process.

    Raises:
        DeidkitError: The engine cannot be created, for example because it is an object of this process.
        UsageError: The system has no process groups, which are needed to end everything that an engine starts.
    """
    if not has_process_groups():
        raise UsageError("engines can be isolated on Linux and macOS only; leave out --isolate.")
    if not isinstance(choice, str):
        raise PluginError("an engine that is an object or a function cannot be isolated; give its name.")
    engine = RemoteEngine(choice, note)
    return Loaded(engine, engine.made.component)


class RemoteEngine(Engine):
    """Forwards calls to the process of an engine, and restarts a process that ended."""

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
        """See `Engine.stand_in`."""
        return self.made.stand_in

    def packages(self) -> tuple[str, ...]:
        """See `Engine.packages`."""
        return tuple(self.made.packages)

    def expect(self, samples: Sequence[Sample]) -> None:
        """See `Engine.expect`; the samples are sent again to a process that is restarted."""
        self._expected = [_sample(sample) for sample in samples]
        self.diverse = self._ask(messages.ExpectSamples(self._expected), messages.ExpectSamplesReply).value

    def input_digest(self, sample: Sample) -> str | None:
        """See `Engine.input_digest`."""
        return self._ask(messages.InputDigest(_sample(sample)), messages.InputDigestReply).value

    def coverage(self, samples: Sequence[Sample]) -> Sequence[CoverageFinding]:
        """See `Engine.coverage`."""
        return self._ask(messages.Coverage([_sample(sample) for sample in samples]), messages.CoverageReply).found

    def delivered_file(self, sample: Sample, seed: int) -> bytes | None:
        """See `Engine.delivered_file`."""
        return self._ask(messages.DeliveredFile(_sample(sample), seed), messages.DeliveredFileReply).data

    def delivers(self, sample: Sample, seed: int) -> bool:
        """See `Engine.delivers`."""
        return self._ask(messages.Delivers(_sample(sample), seed), messages.DeliversReply).value

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> Sequence[Sequence[Image | Failure]]:
        """See `Engine.deidentify`. Raises what the engine raises, and `ProcessEnded`."""
        pictures = [_picture(image) for image in images]
        reply = self._ask(messages.DeIdentify(pictures, list(seeds)), messages.DeIdentifyReply, images)
        return [[_item(item) for item in items] for items in reply.items]

    def stop(self) -> None:
        """End the process and do not restart it."""
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
                    self._exchange(messages.ExpectSamples(self._expected), messages.ExpectSamplesReply, ())
            reply = self._exchange(request, kind, images)
            self._deaths = 0 if isinstance(request, messages.DeIdentify) else self._deaths
            return reply

    def _start(self) -> messages.CreateEngineReply:
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
        return self._exchange(messages.CreateEngine(self._choice), messages.CreateEngineReply, ())

    def _exchange(self, request: messages.Request, kind: type[_Reply], images: Sequence[HandImage]) -> _Reply:
        """Send a request and wait for the reply; answer the engine's own requests in the meantime."""
        connection = self._connection
        assert connection is not None
        try:
            messages.send(connection, request)
            while True:
                reply = messages.receive_reply(connection)
                if isinstance(reply, messages.Note):
                    self._note(reply.sentence)
                elif isinstance(reply, messages.AnalysisRequest) and 0 <= reply.picture < len(images):
                    messages.send(connection, _analysis_reply(reply, images[reply.picture]))
                elif isinstance(reply, kind):
                    return reply
                elif isinstance(reply, messages.Raised):
                    break
                else:
                    raise ValueError("an unexpected reply")
        except (OSError, EOFError, ValueError, msgspec.MsgspecError) as error:
            self._deaths += len(images) <= 1  # the pictures of a batch are tried one by one next
            code = self._end()
            if self._stopped:
                raise Interruption("the work was interrupted.") from None
            ended = isinstance(error, OSError | EOFError) and code is not None
            raise ProcessEnded(
                f"its process ended ({_exit_reason(code)})" if ended else f"its process sent {error}"
            ) from None
        except BaseException:  # interrupted between request and reply
            self._end()
            raise
        raise _as_exception(reply)

    def _end(self) -> int | None:
        """End the process and its group; return its exit code, or None if it was still running."""
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
    """Files and folders named by the options of an engine in a separate process; empty for other engines."""
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
    """A plain `Sample`, without additions of a data set's own class, and with traits as text."""
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


def _analysis_reply(request: messages.AnalysisRequest, image: Any) -> messages.AnalysisReply:
    try:
        if request.what == "palm_masks":
            return messages.AnalysisReply([np.asarray(mask) for mask in image.palm_masks()])
        if request.what == "roi_corners":
            if not 0 <= request.hand < len(image.hands):
                raise SampleError("there is no such hand")
            return messages.AnalysisReply([np.asarray(image.roi_corners(image.hands[request.hand]))])
        return messages.AnalysisReply([np.asarray(getattr(image, request.what)())])
    except SampleError as error:
        return messages.AnalysisReply(reason=str(error))


def _item(item: messages.Copy | messages.Failed | object) -> Any:
    if isinstance(item, messages.Copy):
        return item.pixels
    return Failure(item.stage, item.reason) if isinstance(item, messages.Failed) else None
