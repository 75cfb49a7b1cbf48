"""What the copies of an engine show of the originals, as findings with their sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deidkit.leakage.copies import CopyRecord
from deidkit.leakage.population import Pictures, blank, donors, false_palms, pattern, same_outputs, skipped
from deidkit.result import CoverageFinding

Weight = Literal["leak", "hole", "note"]
"""A leak shows identity; a hole is something the evidence lacks; a note decides nothing."""


@dataclass(frozen=True)
class Kind:
    """One kind of finding.

    Attributes:
        name: As the report prints it.
        weight: What it means for a verdict.
        explanation: One clause that follows ``N copies:``.
    """

    name: str
    weight: Weight
    explanation: str


KINDS = {
    kind.name: kind
    for kind in (
        Kind("unchanged", "leak", "the copy is the original, pixel for pixel"),
        Kind("hardly changed", "leak", "the palm is that of the original but for noise, compression, light or a shift"),
        Kind("turned", "leak", "the palm of the original is in the copy, turned by quarter turns"),
        Kind("mirrored", "leak", "the palm of the original is in the copy, mirrored"),
        Kind("rotated", "leak", "the palm of the original is in the copy, rotated"),
        Kind("moved", "leak", "the palm of the original is in the copy, at another place or scale"),
        Kind("inverted", "leak", "the palm of the original is in the copy, inverted"),
        Kind("contrast crushed", "leak", "the palm of the original is in the copy, with little contrast"),
        Kind("channels swapped", "leak", "the copy is the original with its colours exchanged"),
        Kind(
            "hidden channel", "leak", "the palm of the original is in a channel of the copy, or in a difference of two"
        ),
        Kind("low bits", "leak", "the palm of the original is in the lowest bits of the copy's pixels"),
        Kind("another original", "leak", "the copy is the original of another sample"),
        Kind("pseudonym", "leak", "the copies of a person show the same false palm, by which they can be linked"),
        Kind("skipped", "leak", "the copy is far more like its original than the engine's other copies are"),
        Kind("same output", "hole", "the copy equals that of another original, so it says nothing about the engine"),
        Kind("reshaped", "hole", "the copy is cut or padded, so that its places are not those of the original"),
        Kind(
            "detail left",
            "note",
            "what is left of the palm's detail is the original's; recognizers measure it",
        ),
        Kind("same palm", "note", "all copies show the same palm, a fill or a false one"),
        Kind("blank", "note", "the copy is of one colour all over: it holds neither a palm nor a hand"),
        Kind("swapped", "note", "the copy has width and height exchanged and was compared turned back"),
        Kind("resized", "note", "the copy has another size than the original and was brought to it for the audit"),
    )
}
"""Every kind by name."""


@dataclass(frozen=True)
class Leakage:
    """A finding with what it means.

    Attributes:
        kind: Which.
        count: Of how many copies.
        detail: More about these copies, e.g. ``every 10th``; names no file and no person.
    """

    kind: Kind
    count: int
    detail: str = ""

    def as_coverage(self, control: bool) -> CoverageFinding:
        """As a record of a result; nothing is serious in a control, which is meant to leave pictures as they are."""
        explanation = f"{self.kind.explanation} ({self.detail})" if self.detail else self.kind.explanation
        return CoverageFinding(
            finding=self.kind.name,
            count=self.count,
            explanation=explanation,
            serious=self.kind.weight != "note" and not control,
        )


def findings(originals: Pictures, copies: Pictures, records: Sequence[CopyRecord]) -> list[Leakage]:
    """Everything that the copies of one engine show, in the order of `KINDS`.

    Args:
        originals: All originals that can be read.
        copies: The engine's copies, one row each.
        records: What `deidkit.leakage.examine` found of each copy, in the same order.
    """
    counts: Counter[str] = Counter()
    details: dict[str, str] = {}
    for record in records:
        counts.update(record.changes)
        if record.size:
            counts[record.size] += 1
    counts["another original"] = len(donors(originals, copies, records))
    counts["same output"] = len(same_outputs(originals, copies))
    counts["blank"] = len(blank(copies))
    few = skipped(copies, records)
    counts["skipped"], details["skipped"] = len(few), pattern(copies, few) if len(few) else ""
    palms = false_palms(originals, copies, records)
    if palms is not None:
        counts["pseudonym"] = palms.copies if palms.pseudonym else 0
        counts["same palm"] = palms.copies if palms.same else 0
    return [Leakage(kind, counts[name], details.get(name, "")) for name, kind in KINDS.items() if counts[name]]
