"""One copy against its original: whether the palm is still there, in place, elsewhere in the picture or hidden."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.beside import written_beside
from deidkit.leakage.grain import grain
from deidkit.leakage.hidden import hidden_original
from deidkit.leakage.measuring import Likeness
from deidkit.leakage.parts import LEFT, share_left
from deidkit.leakage.reach import reach
from deidkit.leakage.reference import Reference
from deidkit.leakage.sampling import Pyramid, grey
from deidkit.leakage.scattered import scattered
from deidkit.leakage.searching import Candidate, Geometry, rotated_in_outline, searched, turned
from deidkit.leakage.shuffled import has_the_same_pixels
from deidkit.leakage.spectra import LEAST_SIDE, strengths
from deidkit.leakage.sums import LEAST_SIDE as LEAST_SUMMED
from deidkit.leakage.sums import Sums, sums
from deidkit.leakage.tone import Tone, tone
from deidkit.leakage.turns import Turn, size_finding, turned_back
from deidkit.leakage.writing import Writing
from deidkit.protocols import GreyImage, Image, Mask

Change = Literal[
    "unchanged",
    "hardly changed",
    "part left",
    "turned",
    "mirrored",
    "rotated",
    "moved",
    "inverted",
    "contrast crushed",
    "channels swapped",
    "shuffled",
    "hidden channel",
    "low bits",
    "detail left",
]
"""What a copy can be found to be; `deidkit.leakage.findings` says what each means."""

SHARP = 0.85
"""Least ratio of the factors on detail and on shading of a copy that only adds noise; smoothing lowers it."""

CRUSHED, CRUSHED_SHARP = 0.5, 0.6
"""Largest factor on the shading, and least ratio as above, of a copy whose contrast was taken away: `SHARP` is too much
to ask, since grey levels are rounded."""

FLAT_TEXTURE, HARDLY_CHANGED_LEVELS = 0.75, 2.0
"""A palm whose detail has a smaller standard deviation, in grey levels, has nothing to correlate: there a mean absolute
difference below so many levels is hardly a change."""

_CERTAIN = 0.9
"""Correlation in place from which no other place is searched."""

_SIMPLER = 0.03
"""By how much a more involved geometry must correlate better than a simpler one to be believed."""

_IN_PLACE = 0.1
"""How far the palm may have moved and still be in place, in parts of its length."""

_COMPARED_CLOSELY = 3

_ORDER: tuple[Geometry, ...] = ("in place", "turned", "mirrored", "moved", "rotated")


@dataclass(frozen=True, kw_only=True)
class CopyRecord:
    """What one copy shows of its original.

    Attributes:
        changes: What was found, none where the palm is not there.
        size: How the size differs: ``"resized"``, ``"swapped"`` (width and height), ``"reshaped"``; None: it does not.
        turn: How the whole copy had been turned where width and height are swapped, as a sentence; None otherwise.
        geometry: Where the palm is shown best.
        detail: Correlation of the palm's detail in place, -1..1.
        found: The same where the palm is shown best.
        chance: Correlation that this palm, or the part of it that is shown there, may reach by chance.
        strengths: Correlation of the strengths of frequencies, see `deidkit.leakage.spectra`; 0 where more is shown.
        sums: Those of the palm region; None where they were not compared.
        grain: Correlation of the region's finest grain, see `deidkit.leakage.grain`; 0 where it was not compared.
        reach: Pixels by which the palm was treated beyond its outline, see `deidkit.leakage.reach`.
        beside: What was written beside the palm, see `deidkit.leakage.beside`; None where it was not judged.
        tone: How the light of the whole picture was changed, see `deidkit.leakage.tone`.
    """

    changes: tuple[Change, ...]
    size: Literal["resized", "swapped", "reshaped"] | None
    turn: str | None
    geometry: Geometry
    detail: float
    found: float
    chance: float
    strengths: float = 0.0
    sums: Sums | None = None
    grain: float = 0.0
    reach: int | None = None
    beside: Writing | None = None
    tone: Tone | None = None

    @property
    def shows_original(self) -> bool:
        """Whether the copy is the original in some disguise: any change but ``"detail left"``."""
        return any(change != "detail left" for change in self.changes)


def examine_copy(original: Image, copy: Image, palm: Mask | None) -> CopyRecord:
    """Compare a copy with its original; `examine` with one `Reference` is cheaper for several copies.

    Args:
        original: (h, w, 3) uint8.
        copy: (any height, any width, 3) uint8, as the engine returned it.
        palm: (h, w) bool; None where it is not known: the whole picture is judged then, by its least similar parts.
            All True for a ready region of interest.
    """
    return examine(Reference(original, palm), copy)


def examine(reference: Reference, copy: Image) -> CopyRecord:
    """Compare a copy with a prepared original: its palm, see `examine_palm`, its frequencies, and what is beside it."""
    record = examine_palm(reference, copy)
    if record.shows_original:
        return record
    record = replace(record, strengths=0.0 if record.changes else reference.strengths_kept(copy))
    original, palm = reference.original, reference.palm
    if palm is None or copy.shape != original.shape:  # nothing is known to lie beside it, or in its place
        return record
    return replace(
        record,
        beside=written_beside(original, copy, palm),
        reach=reach(original, copy, palm),
        tone=tone(original, copy, palm),
    )


def examine_palm(reference: Reference, copy: Image) -> CopyRecord:
    """Whether and how a copy shows the palm of a prepared original; see `examine_copy` for the arguments."""
    size = size_finding(reference.original, copy)
    if size is None and not cv2.absdiff(reference.original, copy).any():
        return _record(
            reference,
            copy,
            ("unchanged",),
            Placed("in place", 1.0, Likeness(_UPRIGHT, 1.0, reference.measured)),
        )
    picture = Pyramid(grey(copy))
    here, best = find_palm(reference, picture, copy.shape[:2])
    changes = _changes(reference, copy, best)
    if not changes or changes == ("detail left",):
        if _hardly_different(reference, copy):
            changes = ("hardly changed",)
        elif has_the_same_pixels(reference.original, copy):
            changes = ("shuffled",)
        elif reference.palm is not None and size in (None, "resized"):
            if share_left(reference, picture, copy.shape[:2]) >= LEFT:
                changes = ("part left",)
            elif hidden := hidden_original(reference, copy):
                changes = (*changes, hidden)
    return _record(reference, copy, changes, best, here.likeness.detail)


def examine_region(
    record: CopyRecord, original: GreyImage, copy: GreyImage, palm: Mask | None = None, side: float = 128
) -> CopyRecord:
    """Look further where a copy shows nothing: for a palm cut up, exchanged phases, or statistics that were kept.

    Args:
        record: What `examine` found.
        original: (128, 128) uint8 palm region.
        copy: (128, 128) uint8, the same place of the copy.
        palm: (128, 128) bool, what of the region is palm; None for all of it.
        side: Pixels of the region's shorter side in the original's picture.
    """
    if record.shows_original:
        return record
    if found := scattered(original, copy):
        return replace(record, changes=(found,))
    if record.changes or side < LEAST_SUMMED:
        return record
    record = replace(record, sums=sums(original, copy, palm), grain=grain(original, copy, palm))
    if side < LEAST_SIDE:
        return record
    return replace(record, strengths=max(record.strengths, strengths(original).alike(strengths(copy, palm))))


_UPRIGHT = np.eye(2, 3)


@dataclass(frozen=True)
class Placed:
    """A place where the palm was compared.

    Attributes:
        geometry: How it lies there.
        score: Correlation when it was first compared, without sign.
        likeness: How alike it is.
    """

    geometry: Geometry
    score: float
    likeness: Likeness


def find_palm(reference: Reference, picture: Pyramid, size: tuple[int, int]) -> tuple[Placed, Placed]:
    """The palm in place, and where it is shown best, in a picture of `size` (height, width)."""
    upright, *turns = turned(reference, size)
    here = _compared(reference, picture, upright)
    if abs(here.likeness.detail) >= _CERTAIN:
        return here, here
    places = _closest(reference, picture, turns)
    if max(abs(place.likeness.detail) for place in places) < _CERTAIN:
        places += _closest(reference, picture, searched(reference, picture, size))
        places += _rotated(reference, picture, size)
    return here, _best(reference, [here, *places])


def _closest(reference: Reference, picture: Pyramid, candidates: list[Candidate]) -> list[Placed]:
    """The most promising candidates, compared closely."""
    scored = []
    for candidate in candidates:
        score, affine = reference.placed(picture, candidate.affine)
        scored.append((abs(score), candidate.geometry, affine))
    scored.sort(key=lambda item: -item[0])
    return [
        Placed(geometry, score, reference.likeness(picture, affine))
        for score, geometry, affine in scored[:_COMPARED_CLOSELY]
    ]


def _rotated(reference: Reference, picture: Pyramid, size: tuple[int, int]) -> list[Placed]:
    """The palm rotated where it was; what its outline cut off is not compared."""
    places = []
    for candidate in rotated_in_outline(reference, picture, size) if reference.palm is not None else ():
        likeness = reference.likeness_in_outline(picture, size, candidate.affine)
        if likeness is not None:
            places.append(Placed(candidate.geometry, abs(likeness.detail), likeness))
    return places


def _compared(reference: Reference, picture: Pyramid, candidate: Candidate) -> Placed:
    score, affine = reference.placed(picture, candidate.affine)
    return Placed(candidate.geometry, abs(score), reference.likeness(picture, affine))


def _best(reference: Reference, places: list[Placed]) -> Placed:
    highest = places[0].likeness.margin
    for place in places[1:]:
        if place.likeness.highest_margin > highest:
            highest = max(highest, place.likeness.margin)
    good = [
        place
        for place in places
        if place.likeness.highest_margin >= highest - _SIMPLER and place.likeness.margin >= highest - _SIMPLER
    ]
    return min(good, key=lambda place: (_ORDER.index(place.geometry), -place.likeness.margin))


def _changes(reference: Reference, copy: Image, best: Placed) -> tuple[Change, ...]:
    """What the best place says; nothing where the palm could be as alike by chance."""
    likeness = best.likeness
    if likeness.margin < 0:
        return ()
    detail_gain, shading_gain = likeness.detail_gain, likeness.shading_gain
    sharpness = detail_gain / shading_gain if shading_gain else 0.0
    found: list[Change] = []
    if best.geometry != "in place":
        found.append(best.geometry)
    elif _distance_moved(reference, copy, likeness) > _IN_PLACE:
        found.append("moved")
    if likeness.detail < 0:
        found.append("inverted")
    if abs(shading_gain) < CRUSHED and sharpness >= CRUSHED_SHARP:
        found.append("contrast crushed")
    if sharpness >= SHARP and _channels_swapped(reference, copy, likeness):
        found.append("channels swapped")
    if found:
        return tuple(found)
    return ("hardly changed",) if sharpness >= SHARP else ("detail left",)


def _distance_moved(reference: Reference, copy: Image, likeness: Likeness) -> float:
    """How far the palm's corners are from their place, in parts of its length."""
    left, top, right, bottom = reference.box
    corners = np.array([[left, top, 1], [right, top, 1], [left, bottom, 1], [right, bottom, 1]], dtype=float)
    upright = Turn().affine(reference.shape, copy.shape[:2])
    offsets = corners @ (likeness.affine - upright).T
    scale = np.sqrt(abs(np.linalg.det(upright[:, :2])))
    return float(np.linalg.norm(offsets, axis=1).max() / scale / reference.length)


def _channels_swapped(reference: Reference, copy: Image, likeness: Likeness) -> bool:
    template = reference.coarse
    place = np.vstack([template.to_original, [0, 0, 1]])
    inside = template.region.mask

    def channels(picture: Image, affine: NDArray[np.float64]) -> NDArray[np.float32]:
        planes = np.moveaxis(picture, 2, 0)
        return np.stack([Pyramid(np.ascontiguousarray(p)).sampled(affine, template.size)[inside] for p in planes])

    ours, theirs = channels(reference.original, template.to_original), channels(copy, likeness.affine @ place)
    errors = {order: float(np.abs(theirs - ours[list(order)]).mean()) for order in permutations(range(3))}
    straight = errors.pop((0, 1, 2))
    return straight > _COLOUR_LEVELS and min(errors.values()) < straight / 2


_COLOUR_LEVELS = 4.0
"""Mean difference of colour, in levels, from which channels can be told apart."""


def _hardly_different(reference: Reference, copy: Image) -> bool:
    """For palms without detail: whether the copy differs by less than a camera's noise."""
    template = reference.frame
    if reference.palm is None or float(template.relief[template.region.mask].std()) >= FLAT_TEXTURE:
        return False
    back = turned_back(reference.original, copy).image
    difference = cv2.absdiff(reference.original, back)
    levels = cv2.mean(difference, reference.palm.astype(np.uint8))[:3]
    return sum(levels) / 3 < HARDLY_CHANGED_LEVELS


def _record(
    reference: Reference, copy: Image, changes: tuple[Change, ...], best: Placed, detail: float = 1.0
) -> CopyRecord:
    size = size_finding(reference.original, copy)
    turn = str(turned_back(reference.original, copy).turn) if size == "swapped" else None
    return CopyRecord(
        changes=changes,
        size=size,
        turn=turn,
        geometry=best.geometry,
        detail=detail,
        found=best.likeness.detail,
        chance=best.likeness.chance,
    )
