"""Whatever carries a picture beside the one that is shown is found, or the file is refused as damaged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deidkit.errors import SampleError
from deidkit.images import decode_image, file_findings, hidden_pictures

from .carriers import CARRIERS, HEIGHT, WIDTH

REFUSED = {
    "bmp_after_the_end_of_runs",
    "bmp_palette_too_long",
    "gif_after_the_end_code",
    "gif_frame_larger_than_its_screen",
    "jp2_in_a_tile",
    "jpeg_rest_of_a_scan",
    "jpeg_scan_sent_twice",
    "progressive_rest_of_a_scan",
    "trailing_bytes of a lossless WebP",
    "trailing_bytes of a lossy WebP",
    "tiff_above_its_maximum",
    "tiff_larger_jpeg",
    "tiff_tag_twice",
    "webp_trailing_of_the_modes",
}
NOT_SHOWN = {"jp2_second_stream", "ppm_plain_long_words", "ppm_plain_trailing", "tiff_strip_too_many",
             "webp_alpha_unannounced"}  # fmt: skip


def texture(seed: int, width: float) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return np.asarray(cv2.normalize(cv2.GaussianBlur(noise, (0, 0), width), None, 0, 255, cv2.NORM_MINMAX))  # type: ignore[call-overload]


SHOWN, HIDDEN = texture(1, 3), texture(2, 2)


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    grey = [np.asarray(picture).astype(float).mean(axis=2).ravel() for picture in (first, second)]
    return abs(float(np.corrcoef(*grey)[0, 1]))


def shows_hidden(picture: np.ndarray) -> bool:
    tops = range(0, picture.shape[0] - HEIGHT + 1, HEIGHT)
    return any(likeness(picture[top : top + HEIGHT, :WIDTH], HIDDEN) > 0.85 for top in tops)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CARRIERS))
def test_no_carrier_is_overlooked(name: str) -> None:
    data = CARRIERS[name](SHOWN, HIDDEN)
    if name in REFUSED:
        with pytest.raises(SampleError):
            file_findings(data)
            decode_image(data)
        return
    decode_image(data)
    assert file_findings(data)
    assert any(shows_hidden(picture) for picture in hidden_pictures(data)) == (name not in NOT_SHOWN)
