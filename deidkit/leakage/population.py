"""Comparison of all copies of an engine: originals of others, repeated outputs, pseudonyms, skipped pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import gcd

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.copies import CopyRecord
from deidkit.leakage.draws import sample_rows
from deidkit.leakage.fingerprints import PALM_SIDE, RELIEF_REACH, Fingerprints, search_keys, unit_rows
from deidkit.leakage.relief import blurred, likeness
from deidkit.leakage.turns import TURNS

DONOR = 0.9
"""Least correlation of the palm with another original's, in place, for a copy that is that original."""

PASTED, PASTED_LEAD = 0.8, 0.2
"""Least correlation of a pasted palm with another original's palm, and margin over the copy's own: the palm is compared
alone, since the rim of the region stays. Palms of two people correlate up to 0.58, a pasted one 0.7 to 0.95 with its
source."""

SAME_PALM = 0.7
"""Least median correlation of replacement palms that are the same."""

UNRELATED, LINKED = 0.4, 0.97
"""For pseudonyms: largest median correlation of replacement palms of different people (palms after a blur share their
shading), and least probability that two of one person are more similar than two of different people."""

REPEATED, _QUANTILE = 0.85, 0.999
"""Correlation of repeated replacement palms of one person, which different people must not reach; quantile of the
correlations between people that must not exceed `SAME_PALM`. Fresh palms reach 0.62, and what mosaics and fills share
is shared by all."""

REMAINDER, REPLACED = 0.6, 0.8
"""Correlation with the best-fitting blur of the own original above which a palm was not replaced; least share of
replaced palms: the remainder of a wide blur is not a pseudonym."""

_BLURS = (0.0, 1.0, 2.0, 4.0)
"""Standard deviations, in pixels of a fingerprint's palm, of the blurs that an engine may have applied."""

DONOR_LEAD = 0.05
"""Margin of the correlation with another's palm over that with its own."""

SURROUNDINGS, SURROUNDINGS_LEAD = 0.9, 0.2
"""Least correlation of the surroundings with another person's original for a copy that was made from it, and margin
over the own original, since hands in one pose are similar. Strangers reach 0.67 among synthetic hands and 0.79 among
photographs of hands held by pegs."""

KEPT, KEPT_EXACTLY = (0.9, 0.8), (0.94, 0.75)
"""Least correlation of surroundings, and least share of copies that reach it, for an engine that keeps surroundings:
with the own original, and with any original (if names were exchanged). If an engine replaces surroundings, they say
nothing about the source: the more people there are, the more similar the best match is."""

OUTLYING = 8.0
"""Robust standard deviations above the median for a copy that resembles its original, anywhere, more than the other
copies do; it must also exceed chance."""

OUTLYING_IN_PLACE, LEAST_RAISE, CHANCE_SHARE = 6.0, 0.35, 0.4
"""The same for the palm in place, where no search was involved: robust standard deviations, least difference on
Fisher's z scale, and required share of the z that chance may reach in a search."""

_MOSTLY_PALM = 0.9
"""Share of a picture covered by the palm and its vicinity above which there are no surroundings."""

_BLOCK = 2048
_PAIRED = 3000
"""Largest number of copies whose replacement palms are compared, drawn with a fixed seed."""


@dataclass(frozen=True)
class Pictures:
    """Originals, or the copies of one engine.

    Attributes:
        numbers: (n,) int: the sample's number in the data set; for a copy, that of its original.
        identities: (n,) int: identity of the hand.
        hashes: Hash of each picture's pixels; for a copy, as the engine returned it.
        fingerprints: (n, `LENGTH`) uint8; for a copy, at its original's size and with its original's palm mask.
        encodings: Encoding of each copy's file, see `deidkit.images.file_encoding`; empty without files.
    """

    numbers: NDArray[np.int64]
    identities: NDArray[np.int64]
    hashes: Sequence[str]
    fingerprints: NDArray[np.uint8]
    encodings: Sequence[str] = ()


@dataclass(frozen=True)
class CopiesOfOthers:
    """Positions of copies that belong to other originals than their names say.

    Attributes:
        originals: Copies that are the original of another sample.
        misnamed: Copies that were made from another person's original.
    """

    originals: NDArray[np.int64]
    misnamed: NDArray[np.int64]


def copies_of_others(
    originals: Pictures,
    copies: Pictures,
    records: Sequence[CopyRecord],
    advance: Callable[[int], None] = lambda count: None,
) -> CopiesOfOthers:
    """Find copies that are the original of another sample, or were made from another person's original.

    Another original may be unchanged, saved again, resized, rotated by quarter turns or mirrored. Each copy is compared
    with every original by the whole picture; if another one is more similar than its own, by the palm in place. Its
    palm is also compared alone, since it may be pasted into the own hand. A copy that equals another original bit by
    bit is that original, however similar its own is, as for two pictures of one person.

    A copy with the surroundings of another person's original, and not of its own, was made from that one; if pictures
    show nothing but a palm, the surroundings are the whole picture.

    Args:
        originals: All originals.
        copies: The copies of one engine.
        records: Result of `deidkit.leakage.examine` for each copy.
        advance: Called with the number of further copies that are done.
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
        candidates = _most_similar_originals(theirs.whole(searched), keys)
        for position, own_row, pasted_here, (row, turn) in zip(unknown, owns.tolist(), pasted, candidates, strict=True):
            rows = np.array([row, own_row])
            inside = prints.masks(rows) > 0
            whole, copy = prints.whole(rows), theirs.whole(np.array([position]))
            other = _masked_likeness(whole[0], _turned_back(copy, turn)[0], inside[0])
            own = _masked_likeness(whole[1], copy[0], inside[1])
            if pasted_here or (row != own_row and other >= max(DONOR, own + DONOR_LEAD)):
                found.append(position)
            else:
                of_own = of_other = _masked_likeness(whole[1], copy[0], _surroundings(inside[1]))
                if originals.identities[row] != originals.identities[own_row]:
                    of_other = _masked_likeness(whole[0], _turned_back(copy, turn)[0], _surroundings(inside[0]))
                seen.append(_SurroundingsLikeness(position, of_own, of_other))
        advance(len(block))
    return CopiesOfOthers(*(np.sort(np.asarray(positions, dtype=np.int64)) for positions in (found, _misnamed(seen))))


@dataclass(frozen=True)
class _SurroundingsLikeness:
    """Correlation of a copy's surroundings with those of its own and of the most similar original."""

    position: int
    of_own: float
    of_other: float


def _misnamed(seen: Sequence[_SurroundingsLikeness]) -> list[int]:
    """Positions of copies with the surroundings of another person's original, if the engine keeps surroundings."""
    kept = sum(one.of_own >= KEPT[0] for one in seen) >= KEPT[1] * len(seen)
    exactly = sum(max(one.of_own, one.of_other) >= KEPT_EXACTLY[0] for one in seen) >= KEPT_EXACTLY[1] * len(seen)
    if not kept and not exactly:
        return []
    least = SURROUNDINGS if kept else KEPT_EXACTLY[0]
    return [one.position for one in seen if one.of_other >= max(least, one.of_own + SURROUNDINGS_LEAD)]


def _most_similar_originals(whole: NDArray[np.float32], keys: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Most similar original of each copy, and the index in `TURNS` at which it is most similar."""
    best, row, turn = (np.zeros(len(whole), dtype) for dtype in (np.float32, np.int64, np.int64))
    for index in range(len(TURNS)):
        small = search_keys(_turned_back(whole, index))
        for start in range(0, len(keys), _BLOCK):
            scores = small @ keys[start : start + _BLOCK].T
            here = scores.argmax(axis=1)
            value = scores[np.arange(len(whole)), here]
            better = value > best
            best[better], row[better], turn[better] = value[better], here[better] + start, index
    return list(zip(row.tolist(), turn.tolist(), strict=True))


def _palm_of_another(palms: NDArray[np.float32], originals: Fingerprints, owns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(k,) whether a palm is that of another original than its own, by a clear margin.

    It may be rotated by quarter turns or mirrored.
    """
    squares = palms.reshape(-1, PALM_SIDE, PALM_SIDE)
    best = np.zeros(len(palms), np.float32)
    own = np.zeros(len(palms), np.float32)
    for start in range(0, len(originals), _BLOCK):
        theirs = originals.palms(slice(start, start + _BLOCK)).T
        here = np.flatnonzero((owns >= start) & (owns < start + theirs.shape[1]))
        for index in range(len(TURNS)):
            scores = _turned_back(squares, index).reshape(len(palms), PALM_SIDE**2) @ theirs
            if index == 0:
                own[here] = scores[here, owns[here] - start]
            scores[here, owns[here] - start] = 0
            best = np.maximum(best, scores.max(axis=1))
    return np.asarray(best >= np.maximum(PASTED, own + PASTED_LEAD))


def _turned_back(whole: NDArray[np.float32], index: int) -> NDArray[np.float32]:
    turn = TURNS[index]
    back = np.rot90(whole, -turn.quarters, axes=(1, 2))
    return np.ascontiguousarray(back[:, :, ::-1] if turn.mirrored else back)


def _surroundings(palm: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mask of the pixels of a relief that no change of the palm reaches; all True if hardly any are left."""
    reached = cv2.dilate(palm.astype(np.uint8), np.ones((2 * RELIEF_REACH + 1,) * 2, np.uint8)) > 0
    return ~reached if np.mean(reached) < _MOSTLY_PALM else np.ones_like(palm)


def _masked_likeness(one: NDArray[np.float32], other: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Correlation of two reliefs within a mask."""
    return likeness(one[inside], other[inside])


def blank(copies: Pictures) -> NDArray[np.int64]:
    """Positions of copies of uniform colour."""
    return np.flatnonzero(~Fingerprints(copies.fingerprints).search_keys().any(axis=1))


def same_outputs(originals: Pictures, copies: Pictures) -> NDArray[np.int64]:
    """Positions of non-blank copies that equal, bit by bit, the copy of a different original picture."""
    pixels = {int(number): sha for number, sha in zip(originals.numbers, originals.hashes, strict=True)}
    sources: dict[str, set[str]] = defaultdict(set)
    for sha, number in zip(copies.hashes, copies.numbers, strict=True):
        sources[sha].add(pixels[int(number)])
    shared = [i for i, sha in enumerate(copies.hashes) if len(sources[sha]) > 1]
    return np.setdiff1d(np.array(shared, dtype=np.int64), blank(copies))


@dataclass(frozen=True)
class ReplacementPalms:
    """Similarity of the palms that an engine put in place of the real ones.

    Attributes:
        copies: Number of copies with such a palm.
        of_person: Median correlation of two pictures of one person.
        of_people: Median correlation of two pictures of different people.
        linked: Probability that the former is higher; None if no person has two pictures.
        repeated: Number of copies that repeat another copy's palm of the same person, if no two people share one.
    """

    copies: int
    of_person: float | None
    of_people: float
    linked: float | None
    repeated: int

    @property
    def pseudonym(self) -> bool:
        """Whether each person has their own replacement palm, by which their copies can be linked."""
        if self.of_person is None or self.linked is None:
            return False
        return self.of_person >= SAME_PALM and self.of_people <= UNRELATED and self.linked >= LINKED

    @property
    def same(self) -> bool:
        """Whether everybody has the same replacement palm."""
        return self.of_people >= SAME_PALM


def replaced(originals: Pictures, copies: Pictures, records: Sequence[CopyRecord]) -> NDArray[np.int64]:
    """Positions of copies whose palm was replaced: neither the original's palm, nor a blur of it, nor flat."""
    rows = original_rows(originals, copies)
    kept = sample_rows(np.array([i for i, record in enumerate(records) if not record.changes], dtype=np.int64), _PAIRED)
    if not len(kept):
        return kept
    palms = Fingerprints(copies.fingerprints).palms(kept)
    own = Fingerprints(originals.fingerprints).palms(rows[kept])
    left = np.max([(palms * _blurred(own, sigma)).sum(axis=1) for sigma in _BLURS], axis=0)
    false = np.flatnonzero((left < REMAINDER) & (np.linalg.norm(palms, axis=1) > 0))
    return kept[false] if len(false) >= REPLACED * len(kept) else kept[:0]


def original_rows(originals: Pictures, copies: Pictures) -> NDArray[np.int64]:
    """(copies,) row of each copy's original."""
    row_of = {int(number): row for row, number in enumerate(originals.numbers)}
    return np.array([row_of[int(number)] for number in copies.numbers], dtype=np.int64)


def compare_replacement_palms(copies: Pictures, kept: NDArray[np.int64]) -> ReplacementPalms | None:
    """Compare the palms of the copies whose palm was `replaced`; None if there are fewer than two."""
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
    if float(nonmated.max()) < REPEATED and float(np.quantile(nonmated, _QUANTILE)) <= SAME_PALM:
        again = upper & (people[:, None] == people) & (scores >= REPEATED)
        repeated = int(np.count_nonzero(again.any(axis=0) | again.any(axis=1)))
    return ReplacementPalms(len(kept), median, float(np.median(nonmated)), linked, repeated)


def _blurred(palms: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    if sigma == 0:
        return palms
    return unit_rows(np.stack([blurred(palm.reshape(PALM_SIDE, PALM_SIDE), sigma).ravel() for palm in palms]))


def _probability_higher(values: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Probability that a value exceeds one of the others, which are sorted; ties count half."""
    below = np.searchsorted(others, values) + np.searchsorted(others, values, side="right")
    return float(below.mean()) / 2 / len(others)


def skipped(copies: Pictures, records: Sequence[CopyRecord]) -> NDArray[np.int64]:
    """Positions of copies that show their original although most do not; none if most, or none, do."""
    shown = np.array([record.shows_original for record in records], dtype=bool)
    if np.count_nonzero(~shown) < max(3, len(records) / 2):
        return np.array([], dtype=np.int64)
    chance = _fisher([record.chance for record in records])
    anywhere = _fisher([abs(record.found) for record in records])
    in_place = _fisher([abs(record.detail) for record in records])
    outlying = (anywhere > _outlier_limit(anywhere[~shown], OUTLYING, OUTLYING * 0.05)) & (anywhere > chance)
    outlying |= (in_place > _outlier_limit(in_place[~shown], OUTLYING_IN_PLACE, LEAST_RAISE)) & (
        in_place > CHANCE_SHARE * chance
    )
    return np.flatnonzero(shown | outlying)


def _fisher(correlations: Sequence[float]) -> NDArray[np.float64]:
    """Fisher's z transform of correlations, clipped to 0..0.999."""
    return np.asarray(np.arctanh(np.clip(correlations, 0, 0.999)))


def _outlier_limit(values: NDArray[np.float64], deviations: float, least: float) -> float:
    """Median plus `deviations` robust standard deviations, at least `least` above the median."""
    middle = float(np.median(values))
    return middle + max(deviations * 1.4826 * float(np.median(np.abs(values - middle))), least)


def pattern(copies: Pictures, positions: NDArray[np.int64]) -> str:
    """Describe a pattern of the given copies: ``one in 10``, ``all pictures of 2 people``; empty if there is none."""
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
