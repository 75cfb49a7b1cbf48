"""Thumbnails as data URIs, within a size budget and only from the report's folder."""

from __future__ import annotations

import base64
from pathlib import Path

_KINDS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp"}


class Gallery:
    """Embeds thumbnails.

    Args:
        folder: The report's folder.
        budget: Maximum characters that each engine's pictures add to the page.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self._folder, self._budget = folder.resolve(), budget
        self._used: dict[str, int] = {}

    def uri(self, engine: str, name: str) -> str:
        """Data URI of a thumbnail; empty if its file is missing, not a picture, or exceeds the budget."""
        data = self._read(name)
        kind = next((kind for magic, kind in _KINDS.items() if data.startswith(magic)), None)
        if kind is None:
            return ""
        uri = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
        used = self._used.get(engine, 0) + len(uri)
        if used > self._budget:
            return ""
        self._used[engine] = used
        return uri

    def _read(self, name: str) -> bytes:
        try:
            path = (self._folder / name).resolve()
            return path.read_bytes() if path.is_relative_to(self._folder) else b""
        except (OSError, ValueError):  # ValueError: an invalid file name
            return b""
