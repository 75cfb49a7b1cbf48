"""The process of one engine: ``python -m deidkit.pipeline.remote.process DESCRIPTOR`` answers requests of the audit."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Sequence
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

import numpy as np

from deidkit import plugins
from deidkit.errors import DeidkitError, SampleError
from deidkit.options import declared
from deidkit.pipeline.isolation import copied_hand
from deidkit.pipeline.remote import messages
from deidkit.plugins import Loaded
from deidkit.processors import limit_library_threads
from deidkit.protocols import Engine, Failure, Hand, Image, Mask, PalmVariant, Sample


class _RemoteImage:
    """A picture whose hand analysis the audit computes on request."""

    def __init__(self, picture: messages.Picture, number: int, connection: Connection) -> None:
        self._picture, self._number, self._connection = picture, number, connection

    @property
    def sample(self) -> Sample:
        return self._picture.sample

    @property
    def pixels(self) -> Image:
        return self._picture.pixels

    @cached_property
    def hands(self) -> Sequence[Hand]:
        return tuple(map(copied_hand, self._picture.hands))

    @property
    def palm(self) -> PalmVariant:
        return self._picture.palm

    @property
    def unread_palms(self) -> int:
        return self._picture.unread_palms

    def hand_mask(self) -> Mask:
        return self._fetch(messages.AnalysisRequest(self._number, "hand_mask"))[0]

    def palm_mask(self) -> Mask:
        return self._fetch(messages.AnalysisRequest(self._number, "palm_mask"))[0]

    def palm_masks(self) -> Sequence[Mask]:
        return self._fetch(messages.AnalysisRequest(self._number, "palm_masks"))

    def roi_corners(self, hand: Hand) -> np.ndarray:
        number = next((at for at, own in enumerate(self.hands) if np.array_equal(own.keypoints, hand.keypoints)), -1)
        return self._fetch(messages.AnalysisRequest(self._number, "roi_corners", number))[0]

    def _fetch(self, request: messages.AnalysisRequest) -> list[np.ndarray]:
        messages.send(self._connection, request)
        reply = messages.receive_request(self._connection)
        if not isinstance(reply, messages.AnalysisReply):
            raise EOFError
        if reply.reason is not None:
            raise SampleError(reply.reason)
        return reply.arrays


class _Responder:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._loaded: Loaded[Engine] | None = None

    def reply_to(self, request: messages.Request) -> messages.Reply:
        if isinstance(request, messages.CreateEngine):
            return self._create_engine(request.choice)
        assert self._loaded is not None
        engine = self._loaded.plugin
        if isinstance(request, messages.ExpectSamples):
            engine.expect(request.samples)
            return messages.ExpectSamplesReply(engine.diverse)
        if isinstance(request, messages.InputDigest):
            return messages.InputDigestReply(engine.input_digest(request.sample))
        if isinstance(request, messages.Coverage):
            return messages.CoverageReply(list(engine.coverage(request.samples)))
        if isinstance(request, messages.DeliveredFile):
            return messages.DeliveredFileReply(engine.delivered_file(request.sample, request.seed))
        if isinstance(request, messages.Delivers):
            return messages.DeliversReply(bool(engine.delivers(request.sample, request.seed)))
        assert isinstance(request, messages.DeIdentify)
        images = [_RemoteImage(picture, at, self._connection) for at, picture in enumerate(request.pictures)]
        returned = itertools.islice(iter(engine.deidentify(images, request.seeds)), len(images) + 1)
        return messages.DeIdentifyReply(
            [[_item(item) for item in itertools.islice(items, len(request.seeds) + 1)] for items in returned]
        )

    def _create_engine(self, choice: str) -> messages.CreateEngineReply:
        self._loaded = plugins.create(
            "engine", choice, note=lambda sentence: messages.send(self._connection, messages.Note(sentence))
        )
        limit_library_threads()
        engine = self._loaded.plugin
        values = [getattr(engine, name) for name in declared(type(engine))]
        return messages.CreateEngineReply(
            component=self._loaded.component,
            deterministic=engine.deterministic,
            diverse=engine.diverse,
            batch_size=engine.batch_size,
            control=engine.control,
            reusable=engine.reusable,
            any_size=engine.any_size,
            finished=engine.finished,
            stand_in=engine.stand_in(),
            packages=list(engine.packages()),
            paths=[str(value) for value in values if isinstance(value, Path)],
        )


def _item(item: object) -> messages.Copy | messages.Failed | messages.NotAnOutput:
    if isinstance(item, Failure):
        return messages.Failed(item.stage, item.reason)
    return messages.Copy(item) if isinstance(item, np.ndarray) and item.dtype.kind in "biuf" else messages.NotAnOutput()


def main(descriptor: int) -> None:
    """Answer requests until the audit closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the audit decides when this process ends
    os.dup2(2, 1)  # what an engine prints is not part of the audit's output
    connection = Connection(descriptor)
    responder = _Responder(connection)
    while True:
        try:
            request = messages.receive_request(connection)
        except (EOFError, OSError):
            return
        try:
            reply = responder.reply_to(request)
        except BaseException as error:  # report every exception of an engine, and go on
            reply = messages.Raised(type(error).__name__, str(error), _origin(error))
        messages.send(connection, reply)


def _origin(error: BaseException) -> Literal["sample", "deidkit", "other"]:
    return "sample" if isinstance(error, SampleError) else "deidkit" if isinstance(error, DeidkitError) else "other"


if __name__ == "__main__":
    main(int(sys.argv[1]))
