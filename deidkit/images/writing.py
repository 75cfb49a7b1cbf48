"""Atomic writing of pictures without metadata."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from deidkit.atomic import replacing
from deidkit.errors import SampleError
from deidkit.protocols import GreyImage, Image

_JPEG = (
    cv2.IMWRITE_JPEG_QUALITY,
    95,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)
_LOSSLESS_JPEG2000 = (cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000)
_LOSSLESS_AVIF = (cv2.IMWRITE_AVIF_QUALITY, 100)
_LOSSLESS_WEBP = (cv2.IMWRITE_WEBP_QUALITY, 101)
_ENCODERS: dict[str, tuple[str, tuple[int, ...]]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), (".jpg", _JPEG)),
    ".png": (".png", ()),
    **dict.fromkeys((".bmp", ".dib"), (".bmp", ())),
    **dict.fromkeys((".tif", ".tiff"), (".tif", ())),
    ".webp": (".webp", _LOSSLESS_WEBP),
    **dict.fromkeys((".ppm", ".pnm"), (".ppm", ())),
    ".jp2": (".jp2", _LOSSLESS_JPEG2000),
    ".avif": (".avif", _LOSSLESS_AVIF),
}

WRITABLE_SUFFIXES = frozenset(_ENCODERS)
"""File-name suffixes that `write_image` supports, in lower case."""

THUMBNAIL_QUALITY = 80


def write_image(path: Path | str, image: Image | GreyImage) -> None:
    """Write a picture in the format of its suffix, without any metadata.

    JPEG is written at quality 95 without colour subsampling; every other format is lossless. The file appears under
    its name when it is complete; what was there before is replaced.

    Args:
        path: The file; its folder exists.
        image: (height, width, 3) RGB or (height, width) grey, uint8.

    Raises:
        SampleError: The format cannot be written, not at this size, or the disk refuses. The message does not name
            the file.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _ENCODERS:
        raise SampleError(f"pictures cannot be written as '{suffix}'; use one of {', '.join(sorted(_ENCODERS))}")
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"not an RGB or grey uint8 picture: {image.dtype} {image.shape}")
    data = _encode(image, *_ENCODERS[suffix])
    try:
        with replacing(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise SampleError(f"the file cannot be written ({(error.strerror or 'unknown reason').lower()})") from error


def thumbnail(image: Image, side: int) -> bytes:
    """A small WebP of an RGB picture, its longer side at most `side` pixels."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return _encode(image, ".webp", (cv2.IMWRITE_WEBP_QUALITY, THUMBNAIL_QUALITY))


def _encode(image: Image | GreyImage, suffix: str, parameters: tuple[int, ...]) -> bytes:
    stored = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    try:
        done, data = cv2.imencode(suffix, stored, parameters)
    except cv2.error as error:
        raise SampleError(f"a picture of this size cannot be written as '{suffix}'") from error
    if not done:
        raise SampleError(f"a picture of this size cannot be written as '{suffix}'")
    return bytes(data)
