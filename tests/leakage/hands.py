"""Drawn hands with palms, and what engines do to them: leaks by name, and honest treatments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.hand import palm_region
from deidkit.leakage import Pictures, fingerprint, pixel_hash, turned_back
from deidkit.protocols import GreyImage, Hand, Image, Mask
from deidkit.synthesis import HandGenerator

SUBJECTS, SAMPLES = 6, 3


@dataclass(frozen=True)
class Drawn:
    """One picture of a hand: whose, its pixels, its palm, and the corners of its region of interest, which is
    mirrored for a left one."""

    subject: int
    pixels: Image
    palm: Mask
    corners: NDArray[np.float32]
    left: bool = False

    @property
    def unit(self) -> float:
        """Pixels in one 128th of the palm's size."""
        return float(np.sqrt(self.palm.sum())) / 128


@cache
def hands(seed: int = 77, subjects: int = SUBJECTS, samples: int = SAMPLES) -> list[Drawn]:
    """18 pictures of six people, 360 x 480 pixels."""
    generator = HandGenerator(seed=seed, width=360, height=480)
    drawn = []
    for subject in range(subjects):
        identity = generator.identity(subject)
        for number in range(samples):
            hand = generator.sample(identity, number)
            truth = Hand(
                box=np.zeros(4, np.float32),
                score=1.0,
                keypoints=hand.keypoints,
                keypoints_3d=None,
                handedness=hand.handedness,
            )
            palm = palm_region(truth, "paper", hand.mask.shape) & hand.mask
            drawn.append(Drawn(subject, hand.pixels, palm, hand.roi_corners))
    return drawn


def jpeg(picture: Image, quality: int) -> Image:
    """Saved as JPEG and read again."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def resized(picture: Image, scale: float) -> Image:
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def noisy(picture: Image, levels: float) -> Image:
    noise = np.random.default_rng(1).normal(0, levels, picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)


def rotated(picture: Image, degrees: float) -> Image:
    """About the middle, on a canvas that holds all of it."""
    height, width = picture.shape[:2]
    side = int(np.hypot(height, width))
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1)
    matrix[:, 2] += [(side - width) / 2, (side - height) / 2]
    return np.asarray(cv2.warpAffine(picture, matrix, (side, side)), np.uint8)


def rotated_palm(hand: Drawn, degrees: float, *, mirrored: bool = False) -> Image:
    """The palm alone rotated about its middle, within its outline."""
    rows, columns = np.nonzero(hand.palm)
    middle = float(columns.mean()), float(rows.mean())
    matrix = cv2.getRotationMatrix2D(middle, degrees, 1)
    if mirrored:
        matrix = matrix @ np.array([[-1, 0, 2 * middle[0]], [0, 1, 0], [0, 0, 1]])
    return into_palm(hand, np.asarray(cv2.warpAffine(hand.pixels, matrix, hand.palm.shape[::-1]), np.uint8))


def into_palm(hand: Drawn, treated: NDArray[np.uint8]) -> Image:
    """The picture with its palm taken from another of the same size."""
    copy = hand.pixels.copy()
    copy[hand.palm] = treated[hand.palm]
    return copy


def blurred(hand: Drawn, sigma: float) -> Image:
    return into_palm(hand, np.asarray(cv2.GaussianBlur(hand.pixels, (0, 0), sigma * hand.unit), np.uint8))


def pixelated(hand: Drawn, block: float) -> Image:
    height, width = hand.palm.shape
    size = max(1, round(width / (block * hand.unit))), max(1, round(height / (block * hand.unit)))
    means = cv2.resize(hand.pixels, size, interpolation=cv2.INTER_AREA)
    return into_palm(hand, np.asarray(cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8))


def filled(hand: Drawn) -> Image:
    return into_palm(hand, np.zeros_like(hand.pixels))


def false_palm(hand: Drawn, seed: int) -> Image:
    """A palm of noise, laid into the region of interest as an engine would."""
    noise = np.random.default_rng(seed).normal(0, 1, (192, 192, 3))
    texture = np.clip(150 + 150 * cv2.GaussianBlur(noise, (0, 0), 3), 0, 255).astype(np.uint8)
    square = np.array([[32, 32], [160, 32], [160, 160], [32, 160]], np.float32)
    matrix = cv2.getPerspectiveTransform(square, hand.corners)
    laid = cv2.warpPerspective(texture, matrix, hand.palm.shape[::-1], borderMode=cv2.BORDER_REFLECT)
    return into_palm(hand, np.asarray(laid, np.uint8))


def random_pixels(hand: Drawn) -> Image:
    return into_palm(hand, np.random.default_rng(3).integers(0, 256, hand.pixels.shape, dtype=np.uint8))


def in_low_bits(hand: Drawn, bits: int) -> Image:
    """The palm's upper bits in the lower ones of random pixels."""
    mask = (1 << bits) - 1
    return into_palm(hand, (random_pixels(hand) & (255 - mask)) | (hand.pixels >> (8 - bits)))


def in_blue(hand: Drawn) -> Image:
    """The palm in the blue channel, a false one in the others."""
    copy = false_palm(hand, 9)
    copy[:, :, 2] = hand.pixels[:, :, 2]
    return copy


def region(hand: Drawn, picture: Image) -> GreyImage:
    """The region of interest of a picture that lies as the hand's."""
    square = np.array([[0, 0], [128, 0], [128, 128], [0, 128]], np.float32)
    matrix = cv2.getPerspectiveTransform(hand.corners, square)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    seen = np.asarray(cv2.warpPerspective(grey, matrix, (128, 128)), np.uint8)
    return np.asarray(cv2.flip(seen, 1), np.uint8) if hand.left else seen


def mirrored(hand: Drawn) -> Drawn:
    """The other hand."""
    corners = (np.float32([hand.palm.shape[1], 0]) + np.float32([-1, 1]) * hand.corners)[[1, 0, 3, 2]]
    return Drawn(
        hand.subject, np.ascontiguousarray(hand.pixels[:, ::-1]), hand.palm[:, ::-1].copy(), corners, not hand.left
    )


def pictures(treated: list[Image], own: list[Drawn] | None = None) -> Pictures:
    """The records of many pictures, originals or copies, one for each of `hands`, or of other hands."""
    own = own or hands()
    rows = []
    for hand, picture in zip(own, treated, strict=True):
        upright = turned_back(hand.pixels, picture).image
        size = picture.shape[0], picture.shape[1]
        rows.append(fingerprint(upright, hand.palm, region(hand, upright), size, mirrored=hand.left))
    return Pictures(
        numbers=np.arange(len(treated)),
        identities=np.array([hand.subject for hand in own]),
        hashes=[pixel_hash(picture) for picture in treated],
        fingerprints=np.stack(rows),
    )


Treatment = Callable[[Image], Image]

FILES: dict[str, Treatment] = {
    "as it is": lambda picture: picture,
    "JPEG 95": lambda picture: jpeg(picture, 95),
    "JPEG 60": lambda picture: jpeg(picture, 60),
    "JPEG 30": lambda picture: jpeg(picture, 30),
    "three quarters": lambda picture: resized(picture, 0.75),
    "half, JPEG 80": lambda picture: jpeg(resized(picture, 0.5), 80),
    "noise of 8 levels": lambda picture: noisy(picture, 8),
}
"""How a copy is stored."""

COLOURS: dict[str, Treatment] = {
    "": lambda picture: picture,
    "inverted": lambda picture: np.asarray(255 - picture, np.uint8),
    "channels exchanged": lambda picture: np.ascontiguousarray(picture[:, :, ::-1]),
    "at a third of the contrast": lambda picture: np.asarray(90 + picture // 3, np.uint8),
    "brighter": lambda picture: np.asarray(cv2.convertScaleAbs(picture, alpha=0.8, beta=40), np.uint8),
}


def written(hand: Drawn, levels: int, text: str, *, at: tuple[int, int] = (6, 24)) -> Image:
    """A false palm, and a text of a few levels beside it."""
    copy = false_palm(hand, len(text) + hand.subject)
    glyphs = cv2.putText(np.zeros(hand.palm.shape, np.uint8), text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255)
    return np.asarray(np.clip(copy.astype(int) + levels * (glyphs[:, :, None] > 127), 0, 255), np.uint8)


def with_fresh_phases(hand: Drawn, seed: int) -> Image:
    """The palm's box with the strengths of its frequencies and phases of noise."""
    rows, columns = (np.flatnonzero(hand.palm.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    plane = hand.pixels[box].mean(axis=2)
    noise = np.random.default_rng(seed).normal(size=plane.shape)
    waves = np.abs(np.fft.fft2(plane - plane.mean())) * np.exp(1j * np.angle(np.fft.fft2(noise)))
    treated = hand.pixels.astype(np.float64)
    treated[box] = (np.fft.ifft2(waves).real + plane.mean())[:, :, None]
    return into_palm(hand, np.clip(treated, 0, 255).astype(np.uint8))
