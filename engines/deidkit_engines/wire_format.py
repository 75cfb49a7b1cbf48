"""How a picture is encoded in a request to a web service, and in its answer."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Literal

from deidkit.errors import SampleError

Form = Literal["picture", "json", "multipart"]

MOST_VALUES = 100_000
"""Most values in a JSON answer: a parsed value takes twenty times the memory of its text, and a picture is only one."""


@dataclass(frozen=True, slots=True)
class WireFormat:
    """Encoding of requests, and the position of the picture in a JSON answer.

    Attributes:
        form: The body is the picture, a JSON object, or a form with files.
        member: Name of the member or part with the picture.
        answer: Path of names and numbers, parted by dots, to the picture in a JSON answer.
    """

    form: Form
    member: str
    answer: str

    def headers(self) -> dict[str, str]:
        """Content headers of a request; httpx sets those of JSON and forms."""
        return {"Content-Type": "image/png"} if self.form == "picture" else {}

    def body(self, picture: bytes) -> dict[str, Any]:
        """The body in httpx's terms, for a PNG file."""
        if self.form == "json":
            return {"json": {self.member: base64.b64encode(picture).decode()}}
        if self.form == "multipart":
            return {"files": {self.member: ("picture.png", picture, "image/png")}}
        return {"content": picture}

    def picture(self, body: bytes) -> bytes:
        """The picture's file in an answer, which is that file or JSON with it in base64 or as a data: URL.

        Raises:
            SampleError: The JSON holds none.
        """
        if body.lstrip()[:1] != b"{":
            return body
        if sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
            raise SampleError(f"the JSON that was answered holds more than {MOST_VALUES} values")
        try:
            found: Any = json.loads(body)
            for name in self.answer.split("."):
                found = found[int(name)] if isinstance(found, list) else found[name]
            return base64.b64decode(found.partition("base64,")[2] or found, validate=True)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise SampleError(f"the JSON that was answered holds no picture in base64 at '{self.answer}'") from error
