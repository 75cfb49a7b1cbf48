"""Engines for whole audits: cheats, each with what has to show it, and honest ones, whom nothing may accuse.

Unlike those in `cheats`, they get whole pictures, as an audit gives them, and may deliver files.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from cheats import nobodies
from numpy.typing import NDArray
from PIL import Image as Pictures

from deidkit.protocols import Engine, Failure, HandImage, Image, Sample
from deidkit.result import EngineAttacks, EngineResult

SIDE = 160
"""Pixels of the square, a quarter larger than the region of interest, in which palms are treated."""


@dataclass
class Palm:
    """One picture as a cheat sees it.

    Attributes:
        image: The picture with its hand analysis.
        seed: Of the copy.
        number: Of the sample in the data set.
        person: Of the subject, in the order of their names.
        draw: Random numbers of this picture and seed.
    """

    image: HandImage
    seed: int
    number: int
    person: int

    @property
    def draw(self) -> np.random.Generator:
        return np.random.default_rng([zlib.crc32(self.image.sample.key.encode()), self.seed])

    @property
    def square(self) -> NDArray[np.float32]:
        """(3, 3) takes the treated square to the picture."""
        height, width = self.image.pixels.shape[:2]
        if not self.image.hands:
            corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        else:
            corners = np.asarray(self.image.roi_corners(self.image.hands[0]), np.float32)
            corners = corners.mean(axis=0) + 1.25 * (corners - corners.mean(axis=0))
        full = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], np.float32)
        return np.asarray(cv2.getPerspectiveTransform(full, corners.astype(np.float32)), np.float32)

    def region(self) -> Image:
        """(SIDE, SIDE, 3) the palm."""
        flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpPerspective(self.image.pixels, self.square, (SIDE, SIDE), flags=flags), np.uint8)

    def with_palm(self, region: NDArray[np.uint8]) -> Image:
        """The picture with another palm; a grey one takes the colour of the hand."""
        mask = self.image.palm_mask()
        copy = self.image.pixels.copy()
        if region.ndim == 2:
            tint = copy[mask].mean(axis=0) / max(float(copy[mask].mean()), 1.0)
            region = np.clip(region[:, :, None] * tint, 0, 255).astype(np.uint8)
        laid = cv2.warpPerspective(region, self.square, mask.shape[::-1], borderMode=cv2.BORDER_REFLECT)
        copy[mask] = laid[mask]
        return copy

    def fresh(self, *key: int) -> Image:
        """The picture with a palm of nobody; the same for the same key, a new one for none."""
        draw = np.random.default_rng(key) if key else self.draw
        return self.with_palm(nobodies(1, draw, SIDE)[0])


Treatment = Callable[[Palm], Image]
Pack = Callable[[Image, Image], bytes]


class Treated(Engine):
    """An engine made of a treatment; `named` gives each a class of its own, by which an audit calls it.

    Args:
        treat: What it does to a palm.
        pack: Makes the file that it delivers, of the copy and the original; None where it delivers none.
    """

    version = "1"
    deterministic = False
    diverse = False
    reusable = False

    def __init__(self, treat: Treatment, pack: Pack | None) -> None:
        self._treat, self._pack = treat, pack
        self._samples: list[Sample] = []
        self._files: dict[str, bytes] = {}

    @classmethod
    def named(cls, name: str, treat: Treatment, pack: Pack | None) -> Treated:
        return type(name, (cls,), {})(treat, pack)

    def expect(self, samples: Sequence[Sample]) -> None:
        self._samples = list(samples)

    def delivered_file(self, sample: Sample, seed: int) -> bytes | None:
        return self._files.get(sample.key)

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        return [[self._one(image, seed) for seed in seeds] for image in images]

    def _one(self, image: HandImage, seed: int) -> Image:
        keys = [sample.key for sample in self._samples]
        people = sorted({sample.subject for sample in self._samples})
        copy = self._treat(Palm(image, seed, keys.index(image.sample.key), people.index(image.sample.subject)))
        if self._pack is not None:
            self._files[image.sample.key] = self._pack(copy, image.pixels)
        return copy


def _regional(change: Callable[[Image, np.random.Generator], NDArray[np.uint8]]) -> Treatment:
    return lambda palm: palm.with_palm(np.ascontiguousarray(change(palm.region(), palm.draw)))


def _rotated(region: Image, draw: np.random.Generator) -> Image:
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), float(draw.uniform(20, 340)), 1.0)
    return np.asarray(cv2.warpAffine(region, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT), np.uint8)


def _permuted(region: Image, draw: np.random.Generator, size: int) -> Image:
    count = SIDE // size
    blocks = region.reshape(count, size, count, size, 3).swapaxes(1, 2).reshape(-1, size, size, 3)
    moved = blocks[draw.permutation(len(blocks))]
    return moved.reshape(count, count, size, size, 3).swapaxes(1, 2).reshape(region.shape)


def _mosaic(region: Image, draw: np.random.Generator, size: int) -> Image:
    small = cv2.resize(region, (SIDE // size, SIDE // size), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST), np.uint8)


def _low_bits(palm: Palm) -> Image:
    cover, mask = palm.fresh(), palm.image.palm_mask()
    cover[mask] = (cover[mask] & 252) | (palm.image.pixels[mask] >> 6)
    return cover


def _blurred(region: Image, draw: np.random.Generator, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(region, (0, 0), sigma), np.uint8)


@dataclass(frozen=True)
class Call:
    """What an engine can tell an audit by."""

    number: int
    new: bool
    known: bool
    seed: int


class Keeper:
    """Gives what it was given before: another person's original, or that of a fixed other person."""

    def __init__(self, *, same: bool) -> None:
        self._same, self._seen = same, {}  # type: ignore[var-annotated]

    def __call__(self, palm: Palm) -> Image:
        self._seen.setdefault(palm.person, []).append(palm.region())
        others = [person for person in sorted(self._seen) if person != palm.person]
        if not others:
            return palm.fresh()
        chosen = self._seen[others[0] if self._same else int(palm.draw.choice(others))]
        if self._same:  # whoever came before: one donor for each person
            chosen = self._seen[max((p for p in others if p < palm.person), default=others[0])]
        return palm.with_palm(chosen[len(self._seen[palm.person]) % len(chosen)])


class Watcher:
    """Treats a picture while it takes the call for an audit's, and returns it as it came once it does not.

    Args:
        audits: Whether a call is one of an audit, by how many came before, whether the sample was seen, whether its
            pixels are those seen first, and the seed.
    """

    def __init__(self, audits: Callable[[Call], bool]) -> None:
        self._audits, self._calls = audits, 0
        self._first: dict[str, bytes] = {}

    def __call__(self, palm: Palm) -> Image:
        key, pixels = palm.image.sample.key, palm.image.pixels.tobytes()
        call = Call(self._calls, key not in self._first, self._first.setdefault(key, pixels) == pixels, palm.seed)
        self._calls += 1
        return palm.fresh() if self._audits(call) else palm.image.pixels.copy()


def _png(copy: Image, original: Image, *, alpha: bool = False, behind: bool = False) -> bytes:
    planes = np.dstack([copy, original[:, :, 1] // 16 + 239]) if alpha else copy
    return _encoded(planes) + (_encoded(original) if behind else b"")


def _encoded(planes: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Pictures.fromarray(planes).save(stream, "PNG")
    return stream.getvalue()


def _jpeg_with_thumbnail(copy: Image, original: Image) -> bytes:
    thumbnail, exif, stream = io.BytesIO(), Pictures.Exif(), io.BytesIO()
    Pictures.fromarray(original).resize((160, 120)).save(thumbnail, "JPEG")
    exif[0x927C] = thumbnail.getvalue()
    Pictures.fromarray(copy).save(stream, "JPEG", quality=95, exif=exif)
    return stream.getvalue()


@dataclass(frozen=True)
class Exhibit:
    """One engine of the gallery.

    Attributes:
        make: A new engine, since some remember what they saw.
        shown_by: Tiers of attacks and names of findings, one of which must show it; empty for an honest engine.
    """

    make: Callable[[str], Treated]
    shown_by: frozenset[str]

    def judged_rightly(self, engine: EngineResult, attacks: EngineAttacks | None) -> bool:
        """Whether a cheat is shown by what is there for it, if only by a note, or an honest engine is not accused."""
        against = accusations(engine, attacks)
        notes = {finding.finding for finding in engine.coverage}
        return bool(self.shown_by & (against | notes | told_around(attacks))) if self.shown_by else not against


def _exhibit(treat: Treatment | Callable[[], Treatment], *shown_by: str, new: bool = False, pack=None) -> Exhibit:  # type: ignore[no-untyped-def]
    return Exhibit(lambda name: Treated.named(name, treat() if new else treat, pack), frozenset(shown_by))  # type: ignore[call-arg, arg-type]


def _skipped(palm: Palm) -> Image:
    return palm.image.pixels.copy() if palm.number % 10 == 3 else palm.fresh()


def _person_skipped(palm: Palm) -> Image:
    noise = palm.draw.normal(0, 6, palm.image.pixels.shape)
    noisy = np.clip(palm.image.pixels + noise, 0, 255).astype(np.uint8)
    return noisy if palm.person % 10 == 3 else palm.fresh()


FIXED = np.random.default_rng

GALLERY: dict[str, Exhibit] = {
    "mirrored": _exhibit(_regional(lambda r, d: r[:, ::-1]), "mirrored"),
    "turned": _exhibit(_regional(lambda r, d: r[::-1, ::-1]), "turned", "rotated", "T2"),
    "rotated by any angle": _exhibit(_regional(_rotated), "rotated"),
    "inverted": _exhibit(_regional(lambda r, d: 255 - r), "inverted"),
    "contrast crushed": _exhibit(_regional(lambda r, d: (120 + r / 10).astype(np.uint8)), "contrast crushed", "T2"),
    "blocks, fixed key": _exhibit(_regional(lambda r, d: _permuted(r, FIXED(6), 20)), "T3", "T5"),
    "blocks, key a picture": _exhibit(_regional(partial(_permuted, size=40)), "T2", "T3"),
    "blurred": _exhibit(_regional(partial(_blurred, sigma=4.0)), "T0", "T3"),
    "mosaic": _exhibit(_regional(partial(_mosaic, size=8)), "T0", "T3", "T4"),
    "identity swap": _exhibit(lambda: Keeper(same=True), "T5", "another original", new=True),
    "one palm for all": _exhibit(lambda p: p.fresh(5), "same palm", "same output"),
    "one false palm a person": _exhibit(lambda p: p.fresh(31, p.person), "pseudonym", "T5"),
    "low bits": _exhibit(_low_bits, "low bits"),
    "alpha": _exhibit(lambda p: p.fresh(), "metadata", pack=partial(_png, alpha=True)),
    "EXIF": _exhibit(lambda p: p.fresh(), "metadata", "original in file", pack=_jpeg_with_thumbnail),
    "behind the end": _exhibit(lambda p: p.fresh(), "original in file", pack=partial(_png, behind=True)),
    "every tenth picture skipped": _exhibit(_skipped, "skipped"),
    "every tenth person skipped": _exhibit(_person_skipped, "skipped"),
    "another's original": _exhibit(lambda: Keeper(same=False), "another original", "T5", new=True),
    "treats the first twenty": _exhibit(lambda: Watcher(lambda c: c.number < 20), "skipped", "unchanged", new=True),
    "treats what is new": _exhibit(lambda: Watcher(lambda c: c.new), "shown when repeated", new=True),
    "treats an audit's seed": _exhibit(lambda: Watcher(lambda c: c.seed == 0), "shown when repeated", new=True),
    "treats an audit's pictures": _exhibit(lambda: Watcher(lambda c: c.known), "shown when repeated", new=True),
}
"""Name -> cheat."""

SCENES: dict[str, Exhibit] = {
    "face-saving on the palm": _exhibit(lambda p: p.fresh(), "T6 around the palm"),
    "nothing is left": _exhibit(lambda p: p.draw.integers(0, 256, p.image.pixels.shape).astype(np.uint8)),
}
"""Name -> engine for whole hands before a background that tells who it is; the second is honest."""

HONEST: dict[str, Exhibit] = {
    "fresh palm": _exhibit(lambda p: p.fresh()),
    "mask": _exhibit(lambda p: p.with_palm(np.full((SIDE, SIDE), 128, np.uint8))),
}
"""Name -> honest engine."""


def accusations(engine: EngineResult, attacks: EngineAttacks | None) -> set[str]:
    """What an audit has against an engine: names of findings that decide, and tiers of attacks that succeeded."""
    found = {finding.finding for finding in engine.coverage if finding.weight != "note"}
    rows = attacks.attacks if attacks else []
    return found | {row.tier for row in rows if row.status == "succeeded" and row.scope == "palm"}


def told_around(attacks: EngineAttacks | None) -> set[str]:
    """Tiers of attacks that find people by what stands around the palm: no accusation of an engine for palms."""
    rows = attacks.attacks if attacks else []
    return {f"{row.tier} around the palm" for row in rows if row.status == "succeeded" and row.scope == "context"}
