"""Comparison of one copy with its original: whether the palm is in place, elsewhere in the picture, or hidden."""

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
from deidkit.leakage.parts import LEAST_SHARE, share_left
from deidkit.leakage.pasted import pasted_palm
from deidkit.leakage.reach import reach
from deidkit.leakage.reference import Reference
from deidkit.leakage.sampling import Pyramid, grey
from deidkit.leakage.scattered import scattered
from deidkit.leakage.searching import (
    Candidate,
    Geometry,
    geometry_of,
    rotated_candidates,
    searched_candidates,
    turned_candidates,
)
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
"""Possible findings about one copy; `deidkit.leakage.findings` says what each means."""

SHARP = 0.85
"""Least ratio of detail gain to shading gain of a copy that only adds noise; smoothing lowers it."""

CRUSHED_GAIN, CRUSHED_SHARP = 0.5, 0.6
"""Largest shading gain, and least ratio as above, of a copy with reduced contrast: rounding of grey levels makes
`SHARP` unattainable."""

FLAT_TEXTURE, HARDLY_CHANGED_LEVELS = 0.75, 2.0
"""Standard deviation of the detail, in grey levels, below which a palm has nothing to correlate; for such a palm, mean
absolute difference, in grey levels, below which the copy is hardly changed."""

_CERTAIN = 0.9
"""Correlation in place above which no other place is searched."""

_COMPLEXITY_MARGIN = 0.03
"""Margin in correlation by which a more complex geometry must exceed a simpler one."""

_IN_PLACE = 0.1
"""Largest displacement of a palm that counts as in place, in parts of its length."""

_CLOSE_COMPARISONS = 3

_BY_COMPLEXITY: tuple[Geometry, ...] = ("in place", "turned", "mirrored", "moved", "rotated")


@dataclass(frozen=True, kw_only=True)
class CopyRecord:
    """What one copy shows of its original.

    Attributes:
        changes: The findings; empty if the palm was not found.
        size: How the size differs: ``"resized"``, ``"swapped"`` (width and height), ``"reshaped"``; None if equal.
        turn: Rotation of the whole copy if width and height are swapped, as a sentence; None otherwise.
        geometry: Placement in which the palm correlates best.
        detail: Correlation of the palm's detail in place, -1..1.
        found: The same in the best placement.
        chance: Correlation that this palm, or the part of it shown there, may reach by chance.
        strengths: Correlation of spectral magnitudes, see `deidkit.leakage.spectra`; 0 if the palm itself was found.
        sums: Row, column and diagonal sums of the palm region, see `deidkit.leakage.sums`; None if not compared.
        grain: Correlation of the region's finest grain, see `deidkit.leakage.grain`; 0 if not compared.
        reach: Pixels by which the treatment extends beyond the palm's outline, see `deidkit.leakage.reach`.
        beside: Marks beside the palm, see `deidkit.leakage.beside`; None if not judged.
        tone: Change of the lighting of the whole picture, see `deidkit.leakage.tone`.
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
        """Whether the copy is a disguised original: any change but ``"detail left"``."""
        return any(change != "detail left" for change in self.changes)


def examine_copy(original: Image, copy: Image, palm: Mask | None) -> CopyRecord:
    """Compare a copy with its original; `examine` with one `Reference` is cheaper for several copies.

    Args:
        original: (h, w, 3) uint8.
        copy: (any height, any width, 3) uint8, as the engine returned it.
        palm: (h, w) bool; None if unknown: the whole picture is then judged by its least similar parts. All True for a
            region of interest.
    """
    return examine(Reference(original, palm), copy)


def examine(reference: Reference, copy: Image) -> CopyRecord:
    """Compare a copy with a prepared original: its palm (see `examine_palm`), its spectrum, and its surroundings."""
    record = examine_palm(reference, copy)
    if record.shows_original:
        return record
    record = replace(record, strengths=0.0 if record.changes else reference.strengths_kept(copy))
    original, palm = reference.original, reference.palm
    if palm is None or copy.shape != original.shape:  # the surroundings are unknown or not aligned
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
            Placement("in place", 1.0, Likeness(_UPRIGHT, 1.0, reference.measured)),
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
            if share_left(reference, picture, copy.shape[:2]) >= LEAST_SHARE:
                changes = ("part left",)
            elif hidden := hidden_original(reference, copy):
                changes = (*changes, hidden)
            elif pasted := pasted_palm(reference, turned_back(reference.original, copy).image):
                how = geometry_of(pasted.affine, mirrored=pasted.mirrored)
                changes = (how, "inverted") if pasted.likeness.detail < 0 else (how,)
                best = Placement(how, pasted.likeness.detail, pasted.likeness)
    return _record(reference, copy, changes, best, here.likeness.detail)


def examine_region(
    record: CopyRecord, original: GreyImage, copy: GreyImage, palm: Mask | None = None, side: float = 128
) -> CopyRecord:
    """Examine the region of a copy without findings: for a rearranged palm, or preserved spectra and statistics.

    Args:
        record: Result of `examine`.
        original: (128, 128) uint8 palm region.
        copy: (128, 128) uint8, the same region of the copy.
        palm: (128, 128) bool, palm mask of the region; None for all of it.
        side: Shorter side of the region in the original's picture, in pixels.
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
class Placement:
    """A placement at which the palm was compared.

    Attributes:
        geometry: Kind of placement.
        score: Absolute correlation in the search.
        likeness: Result of the close comparison.
    """

    geometry: Geometry
    score: float
    likeness: Likeness


def find_palm(reference: Reference, picture: Pyramid, size: tuple[int, int]) -> tuple[Placement, Placement]:
    """Return the palm in place and in its best placement, in a picture of `size` (height, width)."""
    upright, *turns = turned_candidates(reference, size)
    here = _compare(reference, picture, upright)
    if abs(here.likeness.detail) >= _CERTAIN:
        return here, here
    places = _compare_best(reference, picture, turns)
    if max(abs(place.likeness.detail) for place in places) < _CERTAIN:
        places += _compare_best(reference, picture, searched_candidates(reference, picture, size))
        places += _compare_rotated(reference, picture, size)
    return here, _best(reference, [here, *places])


def _compare_best(reference: Reference, picture: Pyramid, candidates: list[Candidate]) -> list[Placement]:
    """Compare the most promising candidates closely."""
    scored = []
    for candidate in candidates:
        score, affine = reference.best_placement(picture, candidate.affine)
        scored.append((abs(score), candidate.geometry, affine))
    scored.sort(key=lambda item: -item[0])
    return [
        Placement(geometry, score, reference.likeness(picture, affine))
        for score, geometry, affine in scored[:_CLOSE_COMPARISONS]
    ]


def _compare_rotated(reference: Reference, picture: Pyramid, size: tuple[int, int]) -> list[Placement]:
    """Compare the palm rotated within its outline; what the outline cuts off is not compared."""
    places = []
    for candidate in rotated_candidates(reference, picture, size) if reference.palm is not None else ():
        likeness = reference.likeness_in_outline(picture, size, candidate.affine)
        if likeness is not None:
            places.append(Placement(candidate.geometry, abs(likeness.detail), likeness))
    return places


def _compare(reference: Reference, picture: Pyramid, candidate: Candidate) -> Placement:
    score, affine = reference.best_placement(picture, candidate.affine)
    return Placement(candidate.geometry, abs(score), reference.likeness(picture, affine))


def _best(reference: Reference, places: list[Placement]) -> Placement:
    highest = places[0].likeness.margin
    for place in places[1:]:
        if place.likeness.highest_margin > highest:
            highest = max(highest, place.likeness.margin)
    good = [
        place
        for place in places
        if place.likeness.highest_margin >= highest - _COMPLEXITY_MARGIN
        and place.likeness.margin >= highest - _COMPLEXITY_MARGIN
    ]
    return min(good, key=lambda place: (_BY_COMPLEXITY.index(place.geometry), -place.likeness.margin))


def _changes(reference: Reference, copy: Image, best: Placement) -> tuple[Change, ...]:
    """Findings from the best placement; none if the correlation may be chance."""
    likeness = best.likeness
    if likeness.margin < 0:
        return ()
    detail_gain, shading_gain = likeness.detail_gain, likeness.shading_gain
    sharpness = detail_gain / shading_gain if shading_gain else 0.0
    found: list[Change] = []
    if best.geometry != "in place":
        found.append(best.geometry)
    elif _displacement(reference, copy, likeness) > _IN_PLACE:
        found.append("moved")
    if likeness.detail < 0:
        found.append("inverted")
    if abs(shading_gain) < CRUSHED_GAIN and sharpness >= CRUSHED_SHARP:
        found.append("contrast crushed")
    if sharpness >= SHARP and _channels_swapped(reference, copy, likeness):
        found.append("channels swapped")
    if found:
        return tuple(found)
    return ("hardly changed",) if sharpness >= SHARP else ("detail left",)


def _displacement(reference: Reference, copy: Image, likeness: Likeness) -> float:
    """Largest displacement of the palm's corners, in parts of its length."""
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
"""Mean difference of colour, in grey levels, above which swapped channels can be recognized."""


def _hardly_different(reference: Reference, copy: Image) -> bool:
    """Whether a copy of a palm without detail differs by less than camera noise."""
    template = reference.frame
    if reference.palm is None or float(template.relief[template.region.mask].std()) >= FLAT_TEXTURE:
        return False
    back = turned_back(reference.original, copy).image
    difference = cv2.absdiff(reference.original, back)
    levels = cv2.mean(difference, reference.palm.astype(np.uint8))[:3]
    return sum(levels) / 3 < HARDLY_CHANGED_LEVELS


def _record(
    reference: Reference, copy: Image, changes: tuple[Change, ...], best: Placement, detail: float = 1.0
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
