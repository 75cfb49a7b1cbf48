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
    """A picture whose hand analysis the audit computes when it is asked for."""

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
        return self._fetch(messages.Needs(self._number, "hand_mask"))[0]

    def palm_mask(self) -> Mask:
        return self._fetch(messages.Needs(self._number, "palm_mask"))[0]

    def palm_masks(self) -> Sequence[Mask]:
        return self._fetch(messages.Needs(self._number, "palm_masks"))

    def roi_corners(self, hand: Hand) -> np.ndarray:
        number = next((at for at, own in enumerate(self.hands) if np.array_equal(own.keypoints, hand.keypoints)), -1)
        return self._fetch(messages.Needs(self._number, "roi_corners", number))[0]

    def _fetch(self, needs: messages.Needs) -> list[np.ndarray]:
        messages.send(self._connection, needs)
        reply = messages.receive_request(self._connection)
        if not isinstance(reply, messages.Given):
            raise EOFError
        if reply.reason is not None:
            raise SampleError(reply.reason)
        return reply.arrays


class _Responder:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._loaded: Loaded[Engine] | None = None

    def reply_to(self, request: messages.Request) -> messages.Reply:
        if isinstance(request, messages.Make):
            return self._make_engine(request.choice)
        assert self._loaded is not None
        engine = self._loaded.plugin
        if isinstance(request, messages.Expect):
            engine.expect(request.samples)
            return messages.Diverse(engine.diverse)
        if isinstance(request, messages.Digest):
            return messages.Text(engine.input_digest(request.sample))
        if isinstance(request, messages.Cover):
            return messages.Findings(list(engine.coverage(request.samples)))
        if isinstance(request, messages.Deliver):
            return messages.File(engine.delivered_file(request.sample, request.seed))
        if isinstance(request, messages.Has):
            return messages.Delivers(bool(engine.delivers(request.sample, request.seed)))
        assert isinstance(request, messages.DeIdentify)
        images = [_RemoteImage(picture, at, self._connection) for at, picture in enumerate(request.pictures)]
        returned = itertools.islice(iter(engine.deidentify(images, request.seeds)), len(images) + 1)
        return messages.Copies(
            [[_item(item) for item in itertools.islice(items, len(request.seeds) + 1)] for items in returned]
        )

    def _make_engine(self, choice: str) -> messages.Made:
        self._loaded = plugins.create(
            "engine", choice, note=lambda sentence: messages.send(self._connection, messages.Note(sentence))
        )
        limit_library_threads()
        engine = self._loaded.plugin
        values = [getattr(engine, name) for name in declared(type(engine))]
        return messages.Made(
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


def _item(item: object) -> messages.Copy | messages.Failed | messages.Nothing:
    if isinstance(item, Failure):
        return messages.Failed(item.stage, item.reason)
    return messages.Copy(item) if isinstance(item, np.ndarray) and item.dtype.kind in "biuf" else messages.Nothing()


def main(descriptor: int) -> None:
    """Answer requests until the audit closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the audit decides when it ends
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
        except BaseException as error:  # whatever an engine raises is its own failure
            reply = messages.Raised(type(error).__name__, str(error), _origin(error))
        messages.send(connection, reply)


def _origin(error: BaseException) -> Literal["sample", "deidkit", "other"]:
    return "sample" if isinstance(error, SampleError) else "deidkit" if isinstance(error, DeidkitError) else "other"


if __name__ == "__main__":
    main(int(sys.argv[1]))
