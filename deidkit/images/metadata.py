"""Finds what a picture's file says beyond its pixels: the classic leak is a thumbnail of the original."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, ImageFile, IptcImagePlugin
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngImageFile

from deidkit.errors import SampleError
from deidkit.images.opening import MAX_PIXELS, damage, file_bytes, open_picture

_TIFF_STRUCTURE = {254, 255, *range(256, 260), 262, 263, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 292,
                   293, 296, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 338, 339, 347, 512, 513, 514, 515, 519,
                   520, 521, 529, 530, 531, 532}  # fmt: skip
"""Tags that say how a TIFF's pixels are stored; all others are about the picture."""

_PHOTOSHOP_THUMBNAILS = (1033, 1036)
_XMP_THUMBNAIL = (b"xmpGImg:", b"xmp:Thumbnails")
_IFD1_THUMBNAIL = 513
_PNG_END = b"IEND\xaeB`\x82"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def metadata_findings(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> list[str]:
    """What a file holds beside the pixels that a viewer shows.

    Looked for: EXIF, its position (GPS) and its thumbnail; XMP and IPTC, with thumbnails; comments and texts;
    application data (maker's, content credentials); further pictures; bytes after the picture's end; and colours
    hidden under transparency, which whoever removes the transparency sees. Colour profiles are no finding.

    Args:
        path: The file.
        max_pixels: Width times height that is still accepted.

    Returns:
        Names of what was found, e.g. ``EXIF thumbnail``; empty for a clean file.

    Raises:
        SampleError: The file cannot be read as a picture.
    """
    data = file_bytes(Path(path), max_pixels)
    picture = open_picture(io.BytesIO(data), max_pixels)
    try:
        if picture.format == "TIFF":  # whose tags cannot be followed once the pixels are loaded
            found = list(_exif(picture))
            picture.load()
        else:  # a PNG may have its texts after the pixels
            picture.load()
            found = list(_exif(picture))
        found += [*_texts(picture), *_containers(picture, data)]
        if picture.has_transparency_data and _hides_colours(picture):
            found.append("colours under transparency")
    except Exception as error:  # a decoder may raise anything on damaged bytes
        raise SampleError(damage(error)) from error
    return list(dict.fromkeys(found))


def _exif(picture: Pillow.Image) -> Iterator[str]:
    exif = picture.getexif()
    tags = set(exif) - _TIFF_STRUCTURE if picture.format == "TIFF" else set(exif)
    if tags - {700, 33723, 34377, 34675}:  # in a TIFF, XMP, IPTC, Photoshop and the colour profile are tags too
        yield "EXIF"
    if exif.get_ifd(ExifTags.IFD.GPSInfo):
        yield "GPS position"
    if _IFD1_THUMBNAIL in exif.get_ifd(ExifTags.IFD.IFD1):
        yield "EXIF thumbnail"


def _texts(picture: Pillow.Image) -> Iterator[str]:
    xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    if xmp:
        yield "XMP"
        if any(mark in (xmp.encode() if isinstance(xmp, str) else bytes(xmp)) for mark in _XMP_THUMBNAIL):
            yield "XMP thumbnail"
    photoshop = picture.info.get("photoshop", {})
    if any(number in photoshop for number in _PHOTOSHOP_THUMBNAILS):
        yield "Photoshop thumbnail"
    if photoshop or (isinstance(picture, ImageFile.ImageFile) and IptcImagePlugin.getiptcinfo(picture)):
        yield "IPTC"
    texts = getattr(picture, "text", {})
    if picture.info.get("comment") or any(key != "XML:com.adobe.xmp" for key in texts):
        yield "comment"


def _containers(picture: Pillow.Image, data: bytes) -> Iterator[str]:
    if picture.format == "MPO":
        yield "second picture"
    for marker, content in getattr(picture, "applist", []):
        jfif = marker == "APP0" and content.startswith(b"JFIF\0")
        if marker == "APP0" and (len(content) > 14 if jfif else content.startswith(b"JFXX\0")):
            yield "JFIF thumbnail"
        elif not _is_known(marker, content):
            yield f"application data ({marker})"
    if isinstance(picture, PngImageFile) and getattr(picture, "private_chunks", []):
        yield "application data (private chunk)"
    if len(data) > _end(picture, data):
        yield "bytes after the picture's end"


def _is_known(marker: str, content: bytes) -> bool:
    known = {
        "APP0": (b"JFIF\0", b"JFXX\0"),
        "APP1": (b"Exif\0", b"http://ns.adobe.com/x"),
        "APP2": (b"ICC_PROFILE\0", b"MPF\0"),
        "APP13": (b"Photoshop 3.0\0",),
        "APP14": (b"Adobe",),
        "COM": (b"",),
    }
    return content.startswith(known.get(marker, ()))


def _end(picture: Pillow.Image, data: bytes) -> int:
    """Where the picture's last byte is, for formats that say so; else the file's end."""
    if picture.format == "PNG":
        return data.index(_PNG_END) + len(_PNG_END) if _PNG_END in data else len(data)
    if picture.format == "JPEG":
        return _end_of_jpeg(data)
    if picture.format == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8
    return len(data)


def _end_of_jpeg(data: bytes) -> int:
    """Walk the segments (ITU-T T.81, annex B) to the end-of-image marker."""
    position = 2
    while found := _MARKER.search(data, position):
        marker, position = data[found.start() + 1], found.end()
        if marker == 0xD9:
            return position
        position += int.from_bytes(data[position : position + 2], "big")
    return len(data)


def _hides_colours(picture: Pillow.Image) -> bool:
    pixels = np.asarray(picture.convert("RGBA"))
    hidden = pixels[pixels[:, :, 3] == 0][:, :3]
    return bool(hidden.size) and bool((hidden != hidden[0]).any())
