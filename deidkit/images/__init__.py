"""Reading and writing pictures: a file becomes an upright RGB array, or one clear reason why not."""

from deidkit.images.encoding import file_encoding
from deidkit.images.files import MAX_PIXELS, file_bytes
from deidkit.images.forensics import file_findings, hidden_pictures
from deidkit.images.layouts import FileFinding
from deidkit.images.layouts.record import DAMAGED
from deidkit.images.reading import PICTURE_SUFFIXES, decode_image, image_size, is_picture, read_image
from deidkit.images.writing import WRITABLE_SUFFIXES, thumbnail, write_image

__all__ = [
    "DAMAGED",
    "MAX_PIXELS",
    "PICTURE_SUFFIXES",
    "WRITABLE_SUFFIXES",
    "FileFinding",
    "decode_image",
    "file_bytes",
    "file_encoding",
    "file_findings",
    "hidden_pictures",
    "image_size",
    "is_picture",
    "read_image",
    "thumbnail",
    "write_image",
]
