"""Findings about all copies of an engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from deidkit.findings import FINDING_TYPES
from deidkit.leakage import marks
from deidkit.leakage.chosen import chosen_traits
from deidkit.leakage.copies import CopyRecord
from deidkit.leakage.fingerprints import Fingerprints
from deidkit.leakage.grain import grain_kept
from deidkit.leakage.levels import levels_kept
from deidkit.leakage.placement import PLACEMENT, placements
from deidkit.leakage.population import (
    Pictures,
    blank,
    compare_replacement_palms,
    copies_of_others,
    original_rows,
    pattern,
    replaced,
    same_outputs,
    skipped,
)
from deidkit.leakage.spectra import LEAST_COPIES, SAME_ON_AVERAGE, SAME_STRENGTHS
from deidkit.leakage.statistics import OF_NO_HAND, PLACED, STATISTICS
from deidkit.leakage.sums import preserved_sums
from deidkit.leakage.tone import chosen_tones
from deidkit.leakage.writing import written_count
from deidkit.result import CoverageFinding

_REACH = "how far the palm is treated"


def findings(
    originals: Pictures,
    copies: Pictures,
    records: Sequence[CopyRecord],
    advance: Callable[[int], None] = lambda count: None,
    encoding_of: Callable[[int], str] = lambda number: "",
) -> list[CoverageFinding]:
    """All findings about the copies of one engine, in the order of `deidkit.findings`.

    Args:
        originals: All originals that can be read.
        copies: The engine's copies, one row each.
        records: Result of `deidkit.leakage.examine` for each copy, in the same order.
        advance: Called with the number of further copies that were compared with all originals, the slowest step.
        encoding_of: Returns the encoding of the original file of a number, see `deidkit.images.file_encoding`; empty if
            unknown. Called only if the copies' encodings differ by person.
    """
    counts: Counter[str] = Counter()
    details: dict[str, str] = {}
    belonging = copies_of_others(originals, copies, records, advance)
    others = set(belonging.originals.tolist())
    for position, record in enumerate(records):
        if not (record.shows_original and position in others):
            counts.update(record.changes)
        if record.size:
            counts[record.size] += 1
    counts["another original"], counts["misnamed"] = len(others), len(belonging.misnamed)
    counts["spectrum kept"] = _spectrum_count(records)
    counts["statistic kept"], details["statistic kept"] = _statistics_kept(originals, copies, records)
    beside = [row for row, record in enumerate(records) if not (record.shows_original or record.size)]
    counts["written beside"] = written_count(
        [records[row].beside for row in beside], copies.identities[beside].tolist()
    )
    counts["same output"] = len(same_outputs(originals, copies))
    counts["blank"] = len(blank(copies))
    few = skipped(copies, records)
    counts["skipped"], details["skipped"] = len(few), pattern(copies, few) if len(few) else ""
    other_palm = replaced(originals, copies, records)
    palms = compare_replacement_palms(copies, other_palm)
    if palms is not None:
        counts["pseudonym"] = palms.copies if palms.pseudonym else palms.repeated
        counts["same palm"] = palms.copies if palms.same else 0
    same = palms is not None and palms.same
    for name, found in (
        ("hidden code", _hidden_codes(originals, copies, other_palm, same_palm=same)),
        ("marked", _person_marks(originals, copies, records, encoding_of)),
    ):
        if found:
            counts[name], details[name] = len(copies.numbers), ", ".join(mark.name for mark in found[:3])
    return [kind.found(counts[name], details.get(name, "")) for name, kind in FINDING_TYPES.items() if counts[name]]


def _spectrum_count(records: Sequence[CopyRecord]) -> int:
    """Number of copies with the spectral magnitudes of their original, individually or on average."""
    found = [record.strengths for record in records if not record.changes]
    if len(found) >= LEAST_COPIES and sum(found) >= SAME_ON_AVERAGE * len(found):
        return len(found)
    return sum(value >= SAME_STRENGTHS for value in found)


def _statistics_kept(originals: Pictures, copies: Pictures, records: Sequence[CopyRecord]) -> tuple[int, str]:
    """Number of copies without other findings that preserve statistics of their original, and which ones."""
    rows = np.array([row for row, record in enumerate(records) if not record.changes], np.int64)
    if not len(rows):
        return 0, ""
    summed = rows[[records[row].sums is not None for row in rows]]
    names = preserved_sums(
        [sums for row in summed if (sums := records[row].sums) is not None], copies.identities[summed]
    )
    own = Fingerprints(originals.fingerprints[original_rows(originals, copies)[rows]])
    if levels_kept(own.levels(), Fingerprints(copies.fingerprints[rows]).levels()):
        names.append("how often each level occurs")
    count = len(rows) if names else 0
    if grained := grain_kept([records[row].grain for row in rows]):
        names.append("finest grain")
    return max(count, grained), ", ".join(names)


def _hidden_codes(
    originals: Pictures, copies: Pictures, rows: NDArray[np.int64], *, same_palm: bool
) -> list[marks.Mark]:
    """Codes in the noise of copies whose palm was replaced."""
    rows = rows[np.sort(np.unique(copies.numbers[rows], return_index=True)[1])]  # one copy of each original
    prints = Fingerprints(copies.fingerprints)
    before = Fingerprints(originals.fingerprints[original_rows(originals, copies)[rows]])
    return [
        *marks.codes(prints, rows, copies.identities, same_palm=same_palm),
        *marks.follows(before, prints, rows, copies.identities),
    ]


def _person_marks(
    originals: Pictures, copies: Pictures, records: Sequence[CopyRecord], encoding_of: Callable[[int], str]
) -> list[marks.Mark]:
    """Properties chosen per person in copies that do not show their original, the best separated first."""
    kept = np.array([i for i, record in enumerate(records) if not record.shows_original], dtype=np.int64)
    kept = kept[marks.compared(copies.identities[kept])]
    if not len(kept):
        return []
    own = original_rows(originals, copies)[kept]
    before, after = Fingerprints(originals.fingerprints[own]), Fingerprints(copies.fingerprints[kept])
    people = copies.identities[kept]
    of_originals, of_copies, first = before.statistics(), after.statistics(), len(OF_NO_HAND)
    height, width = (STATISTICS.index(side) for side in ("height", "width"))
    found = []
    # Cropping to a multiple of 8 depends on the original's size, which may differ by person.
    whole = np.flatnonzero([records[row].size is None for row in kept])
    if len(whole):
        rows = originals.fingerprints[own[whole]], copies.fingerprints[kept[whole]]
        lies = placements(*map(Fingerprints, rows))
        sides = of_originals[whole][:, [width, height, height, width]]
        found += marks.properties(sides, lies, people[whole], PLACEMENT)
    found += _reach_marks(kept, records, of_originals[:, [height, width]], before.masks(), people)
    found += chosen_tones([records[row].tone for row in kept], people)
    second = first + len(PLACED)
    for part in (slice(first), slice(first, second), slice(second, None)):
        found += marks.properties(of_originals[:, part], of_copies[:, part], people, STATISTICS[part])
    found += chosen_traits(before.traits(), after.traits(), people)
    if copies.encodings:
        sizes = of_originals[:, [height, width]].tolist()

        def source(row: int) -> str:
            encoding = encoding_of(int(copies.numbers[kept[row]]))
            return f"{encoding} {sizes[row]}" if encoding else ""

        found += marks.encodings([copies.encodings[row] for row in kept], people, source)
    return sorted(found, key=lambda mark: -mark.auc)


def _reach_marks(
    kept: NDArray[np.int64],
    records: Sequence[CopyRecord],
    sides: NDArray[np.float32],
    palms: NDArray[np.float32],
    people: NDArray[np.int64],
) -> list[marks.Mark]:
    """Test whether the extent of the treated area was chosen per person, in pixels and in parts of the palm.

    An extent that is constant in one unit differs by person in the other, since hands differ in size.
    """
    reached = [records[row].reach for row in kept]
    there = np.flatnonzero([value is not None for value in reached])
    if not len(there):
        return []
    pixels = np.array([value for value in reached if value is not None], np.float32)
    lengths = np.sqrt(palms[there].mean(axis=(1, 2)) * np.exp(sides[there].sum(axis=1)))
    measured = np.column_stack([pixels, pixels / np.maximum(lengths, 1)]).astype(np.float32)
    both = marks.properties(sides[there], measured, people[there], (_REACH, _REACH))
    return both[:1] if len(both) == measured.shape[1] else []
