"""Limits of an audit: attacks that were not tried, and questions that its numbers do not answer."""

from __future__ import annotations

from dataclasses import dataclass

from deidkit.measures.planning import people_to_exclude, unseen_share
from deidkit.result import AuditResult


@dataclass(frozen=True)
class AttackClass:
    """A class of attacks, and whether the audit ran it.

    Attributes:
        run: Attacks of this class that were run, as a clause; empty if none.
    """

    name: str
    attacker_has: str
    run: str


_BY_TIER = {
    "T1": ("Gallery de-identified by the adversary", "the engine or its released copies"),
    "T2": ("Geometry and colours undone", "a guess of what the engine does: turned, mirrored, moved, inverted"),
    "T3": ("Restoration", "a guess of what the engine does, or pairs of originals and copies of others to learn from"),
    "T4": ("Matcher trained on copies", "pairs of originals and copies of others to learn from"),
    "T5": ("Several copies of one hand together", "several releases"),
    "T6": ("Recognition by what lies outside of the palm", "background, sleeve, jewellery, shape of the hand"),
    "T7": ("All attacks combined", "everything above"),
}
"""Tier of attackers -> class of attacks in words, and the adversary's knowledge."""

OUT_OF_REACH = (
    AttackClass("Inference of attributes", "pictures with known sex, age, skin tone or jewellery", ""),
    AttackClass("A key that is kept elsewhere", "what the engine's operator stores besides the pictures", ""),
    AttackClass("An engine that knows that it is audited", "an engine that works otherwise elsewhere", ""),
    AttackClass("Steganography of unknown kinds", "a channel that only the sender knows", ""),
    AttackClass("Knowledge from outside of the pictures", "when, where and by whom a picture was taken", ""),
)
"""Attacks that an audit of pictures cannot run."""


def attack_classes(result: AuditResult) -> list[AttackClass]:
    """All classes of attacks, with what this audit ran of each."""
    found = [
        AttackClass("Untouched pictures", "the copies", "see coverage"),
        AttackClass(
            "Recognition of copies (singling out)",
            "originals and recognizers as they are; does not know that the pictures are copies",
            "verification and identification, with and without a copy's own original",
        ),
        AttackClass(
            "Linkage among copies",
            "two releases of copies",
            "where a hand has two pictures or more, with recognizers as they are",
        ),
    ]
    found += [AttackClass(name, has, _run(result, tier)) for tier, (name, has) in _BY_TIER.items()]
    return [*found, *OUT_OF_REACH]


def _run(result: AuditResult, tier: str) -> str:
    """Attackers of a tier with a result on some engine, or that none of those run had a result."""
    rows = [row for attacked in result.attacks for row in attacked.attacks if row.tier == tier]
    done = dict.fromkeys(row.component.label for row in rows if row.status in ("succeeded", "resisted"))
    tried = dict.fromkeys(row.component.label for row in rows if row.status == "inconclusive")
    if done:
        return f"see attacks ({', '.join(done)})"
    return f"without a result, see attacks ({', '.join(tried)})" if tried else ""


def limits(result: AuditResult) -> list[str]:
    """Limits of an audit, one sentence each."""
    people = result.dataset.subjects
    found = [
        "An engine that resists these recognizers and attacks has resisted these only. Better ones exist and will come."
    ]
    if people:
        found.append(
            f"With {people} subject{'s' * (people != 1)}, what never happened may still happen to up to "
            f"{100 * unseen_share(people):.1f} % of people, as the 95 % intervals say. To show that it happens to less "
            f"than 1 % takes {people_to_exclude(0.01)} subjects, less than 0.1 % {people_to_exclude(0.001)}."
        )
    if result.dataset.component.name == "synthetic":
        found.append(
            "The hands are drawn by a program and belong to no one: nothing here is evidence about real people."
        )
    return [
        *found,
        "The numbers describe these data. Other cameras, lights, people and distances give others.",
        "The De-identification Ratio moves with the scale of the scores and with their spread: 98 % of it can come "
        "from a narrow curve that lies a third of the way to another person. Its two factors and its form by ranks "
        "stand among all numbers of a cell.",
        "D_sys is biased upwards at few scores. SSIM and PSNR reward leaving the palm as it is. LPIPS and FID are "
        "given only where the networks that define them are at hand, and FID is biased upwards on fewer pictures than "
        "a few thousand.",
        "Originals and copies share background and framing, which helps recognizers that see more than the palm.",
        "The audit is informed by ISO/IEC 19795-1 and is not a test under it: that standard leaves out people who try "
        "to subvert a system.",
    ]
