"""Hash of a picture's pixels."""

from __future__ import annotations

import hashlib

import numpy as np

from deidkit.protocols import Image


def pixel_hash(picture: Image) -> str:
    """SHA-256, in hex, of a picture's size and pixels, whatever file they came from."""
    digest = hashlib.sha256(repr(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture).data)
    return digest.hexdigest()
