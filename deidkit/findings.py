"""Types of findings about an engine's outputs: each declared once, with its weight in the verdict.

A *leak* shows identity in the copies: an engine with one fails. A *hole* is something that the evidence lacks: an
engine with one cannot pass. A *note* is worth knowing and decides nothing. Every type is a count that a requirement can
name, e.g. ``unchanged_count <= 0``.
"""

from __future__ import annotations

from dataclasses import dataclass

from deidkit.result import CoverageFinding, EngineResult, Weight


@dataclass(frozen=True)
class FindingType:
    """Type of finding.

    Attributes:
        name: Name in reports.
        weight: Effect on the verdict.
        explanation: One clause that follows ``N copies:``.
        tier: Of the attacks that it belongs to, ``T0`` to ``T9``, where it shows what an adversary could use.
    """

    name: str
    weight: Weight
    explanation: str
    tier: str = ""

    @property
    def metric(self) -> str:
        """Name of its count in a requirement, e.g. ``hardly_changed_count``."""
        return f"{self.name.replace(' ', '_')}_count"

    def found(self, count: int, detail: str = "") -> CoverageFinding:
        """A finding of this type.

        Args:
            count: How many pictures or files.
            detail: What exactly, where a type has several kinds; names no file and no person.
        """
        return CoverageFinding(
            finding=self.name, count=count, explanation=self.explanation, weight=self.weight, detail=detail
        )


UNCHANGED = FindingType("unchanged", "leak", "the copy is the original, pixel for pixel", "T0")
HARDLY_CHANGED = FindingType(
    "hardly changed", "leak", "the palm is that of the original but for noise, compression, light or a shift", "T0"
)
PART_LEFT = FindingType("part left", "leak", "a tenth of the palm or more stands in the copy as it was", "T0")
TURNED = FindingType("turned", "leak", "the palm of the original is in the copy, turned by quarter turns", "T2")
MIRRORED = FindingType("mirrored", "leak", "the palm of the original is in the copy, mirrored", "T2")
ROTATED = FindingType("rotated", "leak", "the palm of the original is in the copy, rotated", "T2")
MOVED = FindingType("moved", "leak", "the palm of the original is in the copy, at another place or scale", "T2")
INVERTED = FindingType(
    "inverted", "leak", "the palm of the original is in the copy, inverted or inverted in parts", "T2"
)
CRUSHED = FindingType("contrast crushed", "leak", "the palm of the original is in the copy, with little contrast", "T2")
SWAPPED_CHANNELS = FindingType("channels swapped", "leak", "the copy is the original with its colours exchanged", "T2")
SHUFFLED = FindingType(
    "shuffled", "leak", "the copy's pixels, or blocks of them, are the original's, at other places", "T2"
)
HIDDEN_CHANNEL = FindingType(
    "hidden channel",
    "leak",
    "the palm of the original is in a channel of the copy, or in differences of channels or of neighbouring pixels",
    "T8",
)
SPECTRUM_KEPT = FindingType(
    "spectrum kept",
    "leak",
    "the strength of every frequency of the palm is the original's, whatever became of its phases",
    "T8",
)
STATISTIC_KEPT = FindingType(
    "statistic kept",
    "leak",
    "sums along lines of the palm, the strength of its detail by places, how often each level occurs in it, or its "
    "finest grain are those of the original, whose lines are not shown",
    "T8",
)
LOW_BITS = FindingType("low bits", "leak", "the palm of the original is in the lowest bits of the copy's pixels", "T8")
ANOTHER_ORIGINAL = FindingType("another original", "leak", "the copy is the original of another sample", "T9")
PSEUDONYM = FindingType(
    "pseudonym", "leak", "the copies of a person show the same false palm, by which they can be linked", "T9"
)
HIDDEN_CODE = FindingType(
    "hidden code",
    "leak",
    "the copies of a person share noise or low bits, pixel by pixel, by which they can be linked",
    "T9",
)
MARKED = FindingType(
    "marked", "leak", "a property of the copies, which their originals do not explain, was chosen for each person", "T9"
)
SKIPPED = FindingType(
    "skipped", "leak", "the copy is far more like its original than the engine's other copies are", "T9"
)
UNTREATED_HAND = FindingType("untreated hand", "leak", "a hand of the original stands in the copy as it was", "T0")
SHOWN_AGAIN = FindingType(
    "shown when repeated",
    "leak",
    "the engine, given the picture again, with another seed or mirrored, returned one that shows it",
    "T9",
)
ORIGINAL_IN_FILE = FindingType(
    "original in file",
    "leak",
    "the file holds the original besides the pixels: as a thumbnail, a further page or after its end",
    "T8",
)

NOT_EXAMINED = FindingType(
    "not examined",
    "hole",
    "further copies of the original were delivered than were examined; a larger --seeds examines them",
)
ORIGINAL_BESIDE = FindingType(
    "original beside",
    "hole",
    "the folder holds the original itself, besides copies; move it out, or whoever gets the folder has it",
    "T8",
)
MISSING = FindingType("missing", "hole", "there is no copy of the original; what became of it is not known")
AMBIGUOUS = FindingType("ambiguous", "hole", "names do not tell which copy belongs to the original; a manifest does")
DAMAGED = FindingType("damaged", "hole", "the file of the copy is damaged; what a decoder shows of it is not a picture")
UNREADABLE = FindingType("unreadable", "hole", "the copy cannot be read")
OUTSIDE = FindingType("outside", "hole", "a link, or a name that leads out of the folder; what it names was not opened")
SAME_OUTPUT = FindingType(
    "same output", "hole", "the copy equals that of another original, so it says nothing about the engine", "T9"
)
MISNAMED = FindingType(
    "misnamed",
    "hole",
    "the copy is that of another person's original, by all that was not changed; compared with the one whose name it "
    "bears, it looks de-identified",
    "T9",
)
RESHAPED = FindingType(
    "reshaped", "hole", "the copy is cut or padded, so that its places are not those of the original"
)
METADATA = FindingType(
    "metadata", "hole", "the file carries this besides the pixels; it can name the person or show the original", "T8"
)
WRITTEN_BESIDE = FindingType(
    "written beside",
    "hole",
    "beside the palm, a few pixels or levels were changed, which no smoothing explains: they can name the person",
    "T8",
)
UNCERTAIN_HAND = FindingType(
    "uncertain hand", "hole", "it could not be decided whether a hand of the original was treated"
)
NOT_REPEATABLE = FindingType(
    "not repeatable",
    "hole",
    "the engine says that it always gives the same and gave another picture, so what was audited is not what it gives",
    "T9",
)

DETAIL_LEFT = FindingType(
    "detail left", "note", "what is left of the palm's detail is the original's; recognizers measure it"
)
SAME_PALM = FindingType("same palm", "note", "all copies show the same palm, a fill or a false one", "T9")
BLANK = FindingType("blank", "note", "the copy is of one colour all over: it holds neither a palm nor a hand")
SWAPPED = FindingType("swapped", "note", "the copy has width and height exchanged and was compared turned back")
RESIZED = FindingType(
    "resized", "note", "the copy has another size than the original and was brought to it for the audit"
)
CHANGING = FindingType(
    "changes between runs",
    "note",
    "given the picture again, the engine returned another copy; several can be pooled",
    "T9",
)
RESCALED = FindingType("rescaled", "note", "the file stores fewer bits than its format allows and was scaled to 8 bits")
EXTRA = FindingType("extra", "note", "the picture belongs to no sample of the data set")

FINDING_TYPES = {kind.name: kind for kind in list(globals().values()) if isinstance(kind, FindingType)}
"""All types by name, in order of declaration."""

FINDING_COUNTS = {kind.metric: kind for kind in FINDING_TYPES.values()}
"""Name of the count in a requirement -> type."""


def weight_of(finding: CoverageFinding) -> Weight:
    """What a finding does to a verdict: a plugin that reports a known type cannot make it lighter than it is."""
    known = FINDING_TYPES.get(finding.finding)
    return known.weight if known else finding.weight


def count_of(kind: FindingType, engine: EngineResult) -> int:
    """Count an engine's findings of one type.

    Copies that were expected and not made are missing, whoever noticed: those that are there, but not usable, are
    findings of their own.
    """
    counted = sum(finding.count for finding in engine.coverage if finding.finding == kind.name)
    if kind is MISSING:
        accounted = sum(count_of(other, engine) for other in (AMBIGUOUS, DAMAGED, UNREADABLE))
        return max(counted, engine.expected - engine.produced - accounted)
    return counted
