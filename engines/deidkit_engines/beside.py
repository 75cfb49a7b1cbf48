"""Originals that a folder of finished pictures holds besides the copies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deidkit.errors import SampleError
from deidkit.images import decode_image, file_bytes
from deidkit.leakage import pixel_hash
from deidkit.protocols import Sample


def originals_among(files: Sequence[Path], samples: Sequence[Sample]) -> list[Path]:
    """Which files show an original pixel for pixel, under any name and in any format.

    Args:
        files: Those that are no copy.
        samples: The originals. Where they lie in the same folder themselves, that is no copy of theirs.
    """
    places = [sample.path for sample in samples if sample.path is not None]
    own = {place.resolve() for place in places} if files else set()
    shown = {file: found for file in files if file.resolve() not in own and (found := _pixels(file))}
    if not shown:
        return []
    originals = {_pixels(place) for place in places}
    return [file for file, found in shown.items() if found in originals]


def _pixels(file: Path) -> str | None:
    try:
        return pixel_hash(decode_image(file_bytes(file)))
    except SampleError:
        return None
