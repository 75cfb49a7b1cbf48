"""What the copies of an engine show of the originals, as findings with their sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from deidkit.findings import FINDING_TYPES
from deidkit.leakage.copies import CopyRecord
from deidkit.leakage.population import Pictures, blank, donors, false_palms, pattern, same_outputs, skipped
from deidkit.result import CoverageFinding


def findings(
    originals: Pictures,
    copies: Pictures,
    records: Sequence[CopyRecord],
    advance: Callable[[int], None] = lambda count: None,
) -> list[CoverageFinding]:
    """Everything that the copies of one engine show, in the order of `deidkit.findings`.

    Args:
        originals: All originals that can be read.
        copies: The engine's copies, one row each.
        records: What `deidkit.leakage.examine` found of each copy, in the same order.
        advance: Told how many more copies have been compared with all originals, which takes longest.
    """
    counts: Counter[str] = Counter()
    details: dict[str, str] = {}
    others = set(donors(originals, copies, records, advance).tolist())
    for position, record in enumerate(records):
        if not (record.shows_original and position in others):
            counts.update(record.changes)
        if record.size:
            counts[record.size] += 1
    counts["another original"] = len(others)
    counts["same output"] = len(same_outputs(originals, copies))
    counts["blank"] = len(blank(copies))
    few = skipped(copies, records)
    counts["skipped"], details["skipped"] = len(few), pattern(copies, few) if len(few) else ""
    palms = false_palms(originals, copies, records)
    if palms is not None:
        counts["pseudonym"] = palms.copies if palms.pseudonym else 0
        counts["same palm"] = palms.copies if palms.same else 0
    return [kind.found(counts[name], details.get(name, "")) for name, kind in FINDING_TYPES.items() if counts[name]]
