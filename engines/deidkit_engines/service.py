"""A third party's web service: one picture a request."""

from __future__ import annotations

import io
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import ClassVar
from urllib.parse import urlsplit

from PIL import Image as Pillow

from deidkit.errors import DeidkitError, SampleError, UsageError
from deidkit.images import decode_image
from deidkit.protocols import Failure, HandImage, Image, option

WAITS = (1.0, 5.0, 20.0)
"""Seconds before each further try of a service that is busy or does not answer."""

BUSY = (429, 500, 502, 503, 504)
"""Answers after which another try makes sense."""

LARGEST = 1 << 28
"""Bytes of an answer that are read at most."""


@dataclass(frozen=True)
class Service:
    """Sends each picture to a web service: POST of a PNG without metadata, answered with the de-identified picture.

    With ``seeds=true`` the address gets ``seed=N`` as a query. Originals leave this machine: use it only with a service
    that may see them.
    """

    url: str = option(help="Address that takes the pictures, e.g. https://host/anonymize", primary=True)
    seeds: bool = option(False, "Whether the service takes a seed and so makes several copies")
    token: str = option("", "Name of the environment variable that holds a bearer token; empty for none")
    timeout: float = option(60.0, "Seconds that one answer may take", minimum=0.1, maximum=86_400)

    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = False
    batch_size: ClassVar[int] = 4
    control: ClassVar[bool] = False
    reusable: ClassVar[bool] = False
    any_size: ClassVar[bool] = True

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"engine 'service': '{self.url}' is no web address, e.g. https://host/anonymize.")
        if parts.username or parts.password:
            raise UsageError("engine 'service': name and password do not belong into the address; use token=VARIABLE.")

    @property
    def diverse(self) -> bool:
        """Whether the service takes a seed."""
        return self.seeds

    def prepare(self, note: Callable[[str], None]) -> None:
        """Say where pictures go. Raises UsageError where the token is not in the environment."""
        if self.token and not os.environ.get(self.token):
            raise UsageError(f"engine 'service': there is no environment variable {self.token} with the token.")
        parts = urlsplit(self.url)
        note(f"service: originals are sent to {parts.hostname}{', unencrypted' * (parts.scheme == 'http')}.")

    def remark(self) -> str:
        """What cannot be known of it."""
        return "a web service, which may change unseen: what answered during the audit was audited"

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Ask once for each picture and seed; see `deidkit.protocols.Engine.deidentify`.

        Raises:
            DeidkitError: The service does not answer; the audit stops, and goes on with ``--resume``.
        """
        return [[self._ask(_png(image.pixels), seed) for seed in seeds] for image in images]

    def _ask(self, picture: bytes, seed: int) -> Image | Failure:
        headers = {"Content-Type": "image/png", "Accept": "image/*", "User-Agent": "deidkit"}
        if self.token:
            headers["Authorization"] = f"Bearer {os.environ.get(self.token, '')}"
        query = "&" if urlsplit(self.url).query else "?"
        address = f"{self.url}{query}seed={seed}" if self.seeds else self.url
        told = ""
        for wait in (*WAITS, None):
            request = urllib.request.Request(address, data=picture, headers=headers, method="POST")
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                    return decode_image(answer.read(LARGEST))
            except SampleError as error:
                return Failure("engine", f"the service's picture cannot be used: {error}")
            except urllib.error.HTTPError as error:
                error.close()
                if error.code not in BUSY:
                    return Failure("engine", f"the service answered {error.code}")
                told = f"answers {error.code}"
            except (OSError, HTTPException) as error:
                reason = getattr(error, "reason", None) or error
                told = f"cannot be reached: {getattr(reason, 'strerror', None) or reason}".rstrip(".")
            if wait is not None:
                time.sleep(wait)
        raise DeidkitError(
            f"engine 'service': {urlsplit(self.url).hostname} {told}, after {1 + len(WAITS)} tries. What is finished "
            "is kept: the same command with --resume goes on."
        )


def _png(pixels: Image) -> bytes:
    with io.BytesIO() as file:
        Pillow.fromarray(pixels).save(file, "PNG")
        return file.getvalue()
