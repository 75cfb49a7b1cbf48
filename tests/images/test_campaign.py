"""Pictures of every format, damaged at random: each is read or refused, at a bounded cost, and never anything else.

A campaign is repeatable: ``DEIDKIT_MUTATIONS=100000 DEIDKIT_SEED=7 pytest tests/images/test_campaign.py -s`` tries so
many files of that seed and prints one line; a failure names the seed and the number of its file.
"""

from __future__ import annotations

import io
import os
import random
import time
from collections import Counter
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from deidkit.errors import SampleError
from deidkit.images import decode_image, file_findings, hidden_pictures

from .carriers import CARRIERS, HEIGHT, WIDTH

COUNT = int(os.environ.get("DEIDKIT_MUTATIONS", "400"))
SEED = int(os.environ.get("DEIDKIT_SEED", "0"))
CPU_SECONDS = 5.0


def texture() -> np.ndarray:
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2))


def encoded(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(texture()).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def sources() -> list[bytes]:
    """Sound files of every format and way of coding, and every carrier of a second picture."""
    made = [
        *(encoded(kind) for kind in ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")),
        *(
            encoded("JPEG", progressive=True),
            encoded("JPEG", "L"),
            encoded("JPEG", "CMYK"),
            encoded("WEBP", lossless=True),
        ),
        *(encoded("TIFF", compression=name) for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")),
        *(encoded("PNG", "P"), encoded("PNG", "LA"), encoded("TIFF", "CMYK"), encoded("WEBP", "RGBA")),
    ]
    try:
        import pillow_heif

        buffer = io.BytesIO()
        pillow_heif.from_pillow(Pillow.fromarray(texture())).save(buffer)
        made.append(buffer.getvalue())
    except ImportError:
        pass
    return made + [build(texture(), texture()[::-1]) for build in CARRIERS.values()]


def mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = min(int(rng.expovariate(1 / 60)) if rng.random() < 0.6 else rng.randrange(len(changed)), len(changed) - 1)
        kind = rng.randrange(6)
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at : at + 4] = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", rng.randbytes(4)))
        elif kind == 2:
            del changed[at : at + rng.choice((1, 2, 8, 64))]
        elif kind == 3:
            changed[at:at] = rng.randbytes(rng.choice((1, 4, 40)))
        elif kind == 4:
            changed[at:at] = changed[at : at + rng.choice((8, 80))]
        else:
            del changed[rng.randrange(len(changed)) :]
        changed = changed or bytearray(b"\0")
    return bytes(changed)


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_picture_is_read_or_refused(capfd: pytest.CaptureFixture[str]) -> None:
    files, failures, worst, outcomes = sources(), [], (0.0, 0), Counter[str]()
    for number in range(COUNT):
        rng = random.Random(f"{SEED} {number}")
        data = mutated(rng.choice(files), rng)
        started = time.process_time()
        try:
            decode_image(data)
            file_findings(data)
            hidden_pictures(data)
            outcomes["read"] += 1
        except SampleError as error:
            assert str(error)
            outcomes["refused"] += 1
        except Exception as error:
            failures.append(f"{number}: {type(error).__name__}: {error}")
        taken = time.process_time() - started
        worst = max(worst, (taken, number))
        if taken > CPU_SECONDS and number:  # the first compiles loops
            failures.append(f"{number}: {taken:.1f} s")
    printed = capfd.readouterr()
    with capfd.disabled():
        print(
            f"\npictures: seed {SEED}, {COUNT} files, {outcomes['read']} read, {outcomes['refused']} refused, "
            f"{len(failures)} failures, worst {worst[0]:.2f} s (file {worst[1]})"
        )
    assert not failures, failures[:20]
    assert not printed.out and not printed.err
