"""Pictures in and out: whatever a folder holds becomes an upright RGB array, or one clear reason why not."""

from deidkit.images.metadata import metadata_findings
from deidkit.images.opening import MAX_PIXELS
from deidkit.images.reading import PICTURE_SUFFIXES, decode_image, image_size, read_image
from deidkit.images.writing import WRITABLE_SUFFIXES, thumbnail, write_image

__all__ = [
    "MAX_PIXELS",
    "PICTURE_SUFFIXES",
    "WRITABLE_SUFFIXES",
    "decode_image",
    "image_size",
    "metadata_findings",
    "read_image",
    "thumbnail",
    "write_image",
]
