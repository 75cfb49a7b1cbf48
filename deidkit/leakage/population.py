"""All copies of an engine together: originals of others, one output for many, pseudonyms, skipped pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import gcd

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.copies import CopyRecord
from deidkit.leakage.draws import drawn
from deidkit.leakage.fingerprints import PALM_SIDE, RELIEF_REACH, Fingerprints, search_keys, unit_rows
from deidkit.leakage.relief import blurred, likeness
from deidkit.leakage.turns import TURNS

DONOR = 0.9
"""Least correlation of the palm with another original's, at its place, in a copy that is that original."""

PASTED, PASTED_LEAD = 0.8, 0.2
"""The same for the palm alone, laid into the own hand, of which the region's rim is left: palms of two people correlate
by up to 0.58, such a copy by 0.7 to 0.95; and by how much more than with the own palm."""

SAME_PALM = 0.7
"""Least median correlation of false palms that are one and the same."""

UNRELATED, LINKED = 0.4, 0.97
"""Largest median correlation of the false palms of two people where each person has one, since what a blur leaves of
palms shares their shading; and least probability that two of one person are more alike than two of two people."""

REPEATED, _USUAL = 0.85, 0.999
"""Correlation of two false palms of one person that are the same, where those of two people reach none so high, and
most of them none of `SAME_PALM`: fresh ones reach 0.62, and what mosaics and fills share is shared by all."""

LEFT_OVER, REPLACED = 0.6, 0.8
"""Correlation with the own original, blurred as fits best, from which a palm is no false one; and least share of false
ones: what a wide blur leaves of each person is no pseudonym."""

_SMOOTHED = (0.0, 1.0, 2.0, 4.0)
"""Standard deviations, in pixels of a fingerprint's palm, of the blurs that an engine may have applied."""

DONOR_LEAD = 0.05
"""By how much more a copy must correlate with another's palm than with its own."""

SURROUNDINGS, SURROUNDINGS_LEAD = 0.9, 0.2
"""Least correlation, well outside of the palm, with another person's original in a copy that was made from it; and by
how much more than with its own, since hands in one pose are all alike. Strangers reach 0.67 among drawn hands and 0.79
among photographs of hands held by pegs."""

KEPT, KEPT_EXACTLY = (0.9, 0.8), (0.94, 0.75)
"""Least correlation with the own original's surroundings, and in which share of the copies, from which an engine keeps
them; and the same with any original's, where copies bear other names. Where an engine replaces them, a copy's
surroundings tell nothing of whose they are: the more people there are, the more alike is one of them."""

OUTLYING = 8.0
"""Robust standard deviations above the median from which a copy is more like its source, wherever it shows it, than the
rest; and it must be more alike than chance explains."""

OUTLYING_IN_PLACE, RAISED, NARROW = 6.0, 0.35, 0.4
"""The same for the palm in place, where nothing was searched and so less is needed: robust standard deviations, least
difference as Fisher's z, and share of the z that chance may reach anywhere."""

_MOSTLY_PALM = 0.9
"""Share of a picture, the palm and what is near to it, from which there are no surroundings to speak of."""

_BLOCK = 2048
_PAIRED = 3000
"""Copies, drawn with a fixed seed, whose false palms are compared in pairs."""


@dataclass(frozen=True)
class Pictures:
    """Originals, or the copies of one engine.

    Attributes:
        numbers: (n,) int: the sample's number in the data set, for a copy that of its original.
        identities: (n,) int: whose hand it is.
        hashes: Hash of each picture's pixels; a copy's as the engine returned it.
        fingerprints: (n, `LENGTH`) uint8; a copy's at its original's size and with its original's palm mask.
        encodings: How each copy's file was written, see `deidkit.images.file_encoding`; none where there are no files.
    """

    numbers: NDArray[np.int64]
    identities: NDArray[np.int64]
    hashes: Sequence[str]
    fingerprints: NDArray[np.uint8]
    encodings: Sequence[str] = ()


@dataclass(frozen=True)
class OfOthers:
    """Positions of copies that belong to other originals than those whose names they bear.

    Attributes:
        originals: Copies that are the original of another sample.
        misnamed: Copies that were made from another person's original.
    """

    originals: NDArray[np.int64]
    misnamed: NDArray[np.int64]


def of_others(
    originals: Pictures,
    copies: Pictures,
    records: Sequence[CopyRecord],
    advance: Callable[[int], None] = lambda count: None,
) -> OfOthers:
    """Which copies are the original of another sample, or were made from another person's.

    Such an original may be saved again, resized, turned or mirrored or as it was. A copy is compared with every
    original by its whole picture, and where another's is more like it than its own by the palm of that other original,
    in the place where it was; and by its palm alone, which may lie in the own hand. One that equals another original to
    the pixel is that original, however like its own it is, as two of one person are.

    A copy whose surroundings of the palm are those of another person's original, and not of its own, was made from that
    one; where a picture is nothing but a palm, that is the whole of it.

    Args:
        originals: All originals.
        copies: The copies of one engine.
        records: What was found of each copy alone.
        advance: Told of how many more copies this is known.
    """
    of_hash: dict[str, set[int]] = defaultdict(set)
    for sha, number in zip(originals.hashes, originals.numbers, strict=True):
        of_hash[sha].add(int(number))
    prints, theirs = Fingerprints(originals.fingerprints), Fingerprints(copies.fingerprints)
    keys = prints.search_keys()
    row_of = {int(number): row for row, number in enumerate(originals.numbers)}
    found, seen = [], []
    for start in range(0, len(theirs), _BLOCK):
        block = range(start, min(start + _BLOCK, len(theirs)))
        unknown = []
        for position in block:
            exact = of_hash.get(copies.hashes[position])
            if exact is not None and int(copies.numbers[position]) not in exact:
                found.append(position)
            elif exact is None and not records[position].shows_original:
                unknown.append(position)
        searched = np.asarray(unknown, dtype=np.int64)
        owns = np.array([row_of[int(number)] for number in copies.numbers[searched]], dtype=np.int64)
        pasted = _palm_of_another(theirs.palms(searched), prints, owns)
        candidates = _candidates(theirs.whole(searched), keys)
        for position, own_row, pasted_here, (row, turn) in zip(unknown, owns.tolist(), pasted, candidates, strict=True):
            rows = np.array([row, own_row])
            inside = prints.masks(rows) > 0
            whole, copy = prints.whole(rows), theirs.whole(np.array([position]))
            other = _in_place(whole[0], _laid_back(copy, turn)[0], inside[0])
            own = _in_place(whole[1], copy[0], inside[1])
            if pasted_here or (row != own_row and other >= max(DONOR, own + DONOR_LEAD)):
                found.append(position)
            else:
                of_own = of_other = _in_place(whole[1], copy[0], _surroundings(inside[1]))
                if originals.identities[row] != originals.identities[own_row]:
                    of_other = _in_place(whole[0], _laid_back(copy, turn)[0], _surroundings(inside[0]))
                seen.append(_Surroundings(position, of_own, of_other))
        advance(len(block))
    return OfOthers(*(np.sort(np.asarray(positions, dtype=np.int64)) for positions in (found, _misnamed(seen))))


@dataclass(frozen=True)
class _Surroundings:
    """How much a copy shows of what surrounds the palm of its own and of the most similar original."""

    position: int
    of_own: float
    of_other: float


def _misnamed(seen: Sequence[_Surroundings]) -> list[int]:
    """Positions of copies with the surroundings of another person's original, where the engine keeps surroundings."""
    kept = sum(one.of_own >= KEPT[0] for one in seen) >= KEPT[1] * len(seen)
    exactly = sum(max(one.of_own, one.of_other) >= KEPT_EXACTLY[0] for one in seen) >= KEPT_EXACTLY[1] * len(seen)
    if not kept and not exactly:
        return []
    least = SURROUNDINGS if kept else KEPT_EXACTLY[0]
    return [one.position for one in seen if one.of_other >= max(least, one.of_own + SURROUNDINGS_LEAD)]


def _candidates(whole: NDArray[np.float32], keys: NDArray[np.float32]) -> list[tuple[int, int]]:
    """For each copy the original, and the turn, that is most like it."""
    best, row, turn = (np.zeros(len(whole), dtype) for dtype in (np.float32, np.int64, np.int64))
    for index in range(len(TURNS)):
        small = search_keys(_laid_back(whole, index))
        for start in range(0, len(keys), _BLOCK):
            scores = small @ keys[start : start + _BLOCK].T
            here = scores.argmax(axis=1)
            value = scores[np.arange(len(whole)), here]
            better = value > best
            best[better], row[better], turn[better] = value[better], here[better] + start, index
    return list(zip(row.tolist(), turn.tolist(), strict=True))


def _palm_of_another(palms: NDArray[np.float32], originals: Fingerprints, owns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(k,) whether a palm is that of an original in another row than its own, and clearly not the own one.

    It may be turned by quarters or mirrored.
    """
    squares = palms.reshape(-1, PALM_SIDE, PALM_SIDE)
    best = np.zeros(len(palms), np.float32)
    own = np.zeros(len(palms), np.float32)
    for start in range(0, len(originals), _BLOCK):
        theirs = originals.palms(slice(start, start + _BLOCK)).T
        here = np.flatnonzero((owns >= start) & (owns < start + theirs.shape[1]))
        for index in range(len(TURNS)):
            scores = _laid_back(squares, index).reshape(len(palms), PALM_SIDE**2) @ theirs
            if index == 0:
                own[here] = scores[here, owns[here] - start]
            scores[here, owns[here] - start] = 0
            best = np.maximum(best, scores.max(axis=1))
    return np.asarray(best >= np.maximum(PASTED, own + PASTED_LEAD))


def _laid_back(whole: NDArray[np.float32], index: int) -> NDArray[np.float32]:
    turn = TURNS[index]
    back = np.rot90(whole, -turn.quarters, axes=(1, 2))
    return np.ascontiguousarray(back[:, :, ::-1] if turn.mirrored else back)


def _surroundings(palm: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What a relief shows that no change of the palm can reach; everything where next to nothing else is shown."""
    reached = cv2.dilate(palm.astype(np.uint8), np.ones((2 * RELIEF_REACH + 1,) * 2, np.uint8)) > 0
    return ~reached if np.mean(reached) < _MOSTLY_PALM else np.ones_like(palm)


def _in_place(one: NDArray[np.float32], other: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Correlation of two reliefs within a palm."""
    return likeness(one[inside], other[inside])


def blank(copies: Pictures) -> NDArray[np.int64]:
    """Positions of copies that are of one colour all over: there is nothing in them."""
    return np.flatnonzero(~Fingerprints(copies.fingerprints).search_keys().any(axis=1))


def same_outputs(originals: Pictures, copies: Pictures) -> NDArray[np.int64]:
    """Positions of copies, not blank, that equal to the pixel the copy of an original that looked different."""
    pixels = {int(number): sha for number, sha in zip(originals.numbers, originals.hashes, strict=True)}
    sources: dict[str, set[str]] = defaultdict(set)
    for sha, number in zip(copies.hashes, copies.numbers, strict=True):
        sources[sha].add(pixels[int(number)])
    shared = [i for i, sha in enumerate(copies.hashes) if len(sources[sha]) > 1]
    return np.setdiff1d(np.array(shared, dtype=np.int64), blank(copies))


@dataclass(frozen=True)
class FalsePalms:
    """How alike the palms are that an engine put in the place of the real ones.

    Attributes:
        copies: How many have such a palm.
        of_person: Median correlation of two pictures of one person.
        of_people: The same of two people.
        linked: Probability that the former is the higher; None where no person has two pictures.
        repeated: How many copies show the very palm of another copy of their person, where no two people share one.
    """

    copies: int
    of_person: float | None
    of_people: float
    linked: float | None
    repeated: int

    @property
    def pseudonym(self) -> bool:
        """Whether each person has a false palm of their own, by which their copies can be linked."""
        if self.of_person is None or self.linked is None:
            return False
        return self.of_person >= SAME_PALM and self.of_people <= UNRELATED and self.linked >= LINKED

    @property
    def same(self) -> bool:
        """Whether everybody has the same false palm."""
        return self.of_people >= SAME_PALM


def replaced(originals: Pictures, copies: Pictures, records: Sequence[CopyRecord]) -> NDArray[np.int64]:
    """Positions of copies that do not show the original's palm, nor a smooth remainder of it; a flat palm is none."""
    rows = original_rows(originals, copies)
    kept = drawn(np.array([i for i, record in enumerate(records) if not record.changes], dtype=np.int64), _PAIRED)
    if not len(kept):
        return kept
    palms = Fingerprints(copies.fingerprints).palms(kept)
    own = Fingerprints(originals.fingerprints).palms(rows[kept])
    left = np.max([(palms * _blurred(own, sigma)).sum(axis=1) for sigma in _SMOOTHED], axis=0)
    false = np.flatnonzero((left < LEFT_OVER) & (np.linalg.norm(palms, axis=1) > 0))
    return kept[false] if len(false) >= REPLACED * len(kept) else kept[:0]


def original_rows(originals: Pictures, copies: Pictures) -> NDArray[np.int64]:
    """(copies,) row of each copy's original."""
    row_of = {int(number): row for row, number in enumerate(originals.numbers)}
    return np.array([row_of[int(number)] for number in copies.numbers], dtype=np.int64)


def false_palms(copies: Pictures, kept: NDArray[np.int64]) -> FalsePalms | None:
    """Compare the palms of the copies whose palm was `replaced`; None without two."""
    if len(kept) < 2:
        return None
    palms = Fingerprints(copies.fingerprints).palms(kept)
    scores = palms @ palms.T
    numbers, people = copies.numbers[kept], copies.identities[kept]
    upper = np.triu(np.ones(scores.shape, bool), 1) & (numbers[:, None] != numbers)
    mated = scores[upper & (people[:, None] == people)]
    nonmated = scores[upper & (people[:, None] != people)]
    if not len(nonmated):
        return None
    linked = _probability_higher(mated, np.sort(nonmated)) if len(mated) else None
    median = float(np.median(mated)) if len(mated) else None
    repeated = 0
    if float(nonmated.max()) < REPEATED and float(np.quantile(nonmated, _USUAL)) <= SAME_PALM:
        again = upper & (people[:, None] == people) & (scores >= REPEATED)
        repeated = int(np.count_nonzero(again.any(axis=0) | again.any(axis=1)))
    return FalsePalms(len(kept), median, float(np.median(nonmated)), linked, repeated)


def _blurred(palms: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    if sigma == 0:
        return palms
    return unit_rows(np.stack([blurred(palm.reshape(PALM_SIDE, PALM_SIDE), sigma).ravel() for palm in palms]))


def _probability_higher(values: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Probability that a value exceeds one of the others, which are sorted; ties count half."""
    below = np.searchsorted(others, values) + np.searchsorted(others, values, side="right")
    return float(below.mean()) / 2 / len(others)


def skipped(copies: Pictures, records: Sequence[CopyRecord]) -> NDArray[np.int64]:
    """Positions of copies that show their original while most do not; none where most, or none, do."""
    shown = np.array([record.shows_original for record in records], dtype=bool)
    if np.count_nonzero(~shown) < max(3, len(records) / 2):
        return np.array([], dtype=np.int64)
    chance = _fisher([record.chance for record in records])
    anywhere = _fisher([abs(record.found) for record in records])
    in_place = _fisher([abs(record.detail) for record in records])
    outlying = (anywhere > _beyond(anywhere[~shown], OUTLYING, OUTLYING * 0.05)) & (anywhere > chance)
    outlying |= (in_place > _beyond(in_place[~shown], OUTLYING_IN_PLACE, RAISED)) & (in_place > NARROW * chance)
    return np.flatnonzero(shown | outlying)


def _fisher(correlations: Sequence[float]) -> NDArray[np.float64]:
    """Correlations on the scale where their spread does not depend on their size."""
    return np.asarray(np.arctanh(np.clip(correlations, 0, 0.999)))


def _beyond(values: NDArray[np.float64], deviations: float, least: float) -> float:
    """The median and so many robust standard deviations, but `least` at least."""
    middle = float(np.median(values))
    return middle + max(deviations * 1.4826 * float(np.median(np.abs(values - middle))), least)


def pattern(copies: Pictures, positions: NDArray[np.int64]) -> str:
    """How the given copies lie in the data set: ``one in 10``, ``all pictures of 2 people``; empty for no rule."""
    numbers = np.unique(copies.numbers[positions])
    everything = np.unique(copies.numbers)
    ranks = np.searchsorted(everything, numbers)
    step = gcd(*(int(d) for d in np.diff(ranks))) if len(ranks) > 2 else 1
    if step > 1 and len(ranks) == len(range(int(ranks[0]) % step, len(everything), step)):
        return f"one in {step}"
    people = np.unique(copies.identities[positions])
    if np.isin(copies.identities, people).sum() == len(positions):
        return f"all pictures of {len(people)} {'person' if len(people) == 1 else 'people'}"
    return ""
