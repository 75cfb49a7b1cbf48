"""Inspects a data set before an audit.

Duplicates and aliases. Files with identical bytes are one picture. Within an identity the first is used and the
others are left out: compared with each other they would be genuine pairs that no second capture stands behind. If two
identities share a picture, at least one label is wrong, and most often it is one hand under two numbers (the COEP
palms, as passed around, have a dozen). Kept apart they would be impostor pairs that look alike; that moves the
threshold towards rejection, and every anonymizer would look safer than it is. So the first of them by name is used
and the others are left out, counted and reported, until the user says which it is: a list of aliases joins them, an
exclusion list removes the shared picture and leaves both.

Hands that are not told. A picture of no known hand shows one of its subject's hands, perhaps one that is known from
other pictures: as an identity of its own it would be an impostor of itself, and a copy that is found would count as
missed. It is left out where other pictures of the subject tell the hand.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from deidkit.datasets.files import PictureFiles
from deidkit.datasets.lists import read_exclusions
from deidkit.errors import DatasetError, SampleError, UsageError
from deidkit.images import MAX_PIXELS, image_size
from deidkit.printing import shortened
from deidkit.processors import available
from deidkit.progress import Progress, Silent
from deidkit.protocols import Dataset, Sample, Skipped
from deidkit.result import Exclusion
from deidkit.subjects import MISSING_VALUES, similar_names_note

MOST_SAMPLES = 5_000_000
"""Maximum number of samples of a data set, as an iterator of a broken adapter may never end."""

EXCLUDED = "on the exclusion list"
DUPLICATE = "identical to another picture of the same identity"
UNKNOWN_HAND = "of no known hand, of a subject of whom other pictures tell it"
ALIAS = "of an identity that shares a picture with another one"


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """Result of the inspection of a data set.

    Attributes:
        samples: Samples to use, in the data set's order.
        digests: SHA-256 of each sample.
        sizes: Width and height of each sample; None for generated ones.
        excluded: Files and samples that are not used, with reasons.
        exclusions: Number of excluded ones by reason.
        aliases: Groups of identities that share pictures; the first of each group is used.
        single: Identities with a single sample, which give impostor comparisons only.
        fingerprint: SHA-256 over every used sample's key, identity and digest.
        notes: What a reader of the audit must know, one sentence each; names nobody.
    """

    samples: list[Sample]
    digests: list[str]
    sizes: list[tuple[int, int] | None]
    excluded: list[Skipped] = field(default_factory=list)
    exclusions: list[Exclusion] = field(default_factory=list)
    aliases: list[tuple[str, ...]] = field(default_factory=list)
    single: list[str] = field(default_factory=list)
    fingerprint: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def problem(self) -> str:
        """Why the data set cannot be audited; empty if it can."""
        identities = Counter(sample.identity for sample in self.samples)
        if len(self.samples) < 2:
            usable = counted(len(self.samples), "usable sample", "usable samples")
            problem = f"{usable}; an audit needs at least two"
        elif len(identities) < 2:
            problem = "only one identity; an audit needs impostors"
        elif max(identities.values()) < 2:
            problem = "no identity has two samples; an audit needs genuine pairs"
        else:
            return ""
        if not self.exclusions:
            return problem
        most, others = self.exclusions[0], len(self.excluded) - self.exclusions[0].count
        more = f"; {others} for other reasons" if others else ""
        return f"{problem} ({most.count} left out: {most.reason}{more})"


@dataclass(frozen=True)
class _Inspected:
    """Result of the inspection of one sample."""

    sample: Sample
    digest: str = ""
    size: tuple[int, int] | None = None
    failure: str = ""


def inspect_dataset(
    dataset: Dataset, *, exclude: Path | None = None, progress: Progress | None = None, decode: bool = False
) -> Inspection:
    """Inspect a data set: find usable samples, unusable ones with reasons, and duplicates.

    Args:
        dataset: The data set.
        exclude: CSV of samples to leave out, see `read_exclusions`.
        progress: Receives the progress of the work.
        decode: Whether to decode every picture; otherwise its header is opened, which finds most but not all that
            cannot be read.

    Raises:
        DatasetError: The data set as a whole cannot be used.
        UsageError: The exclusion list cannot be used.
    """
    samples = list(islice(dataset.samples(), MOST_SAMPLES + 1))
    if len(samples) > MOST_SAMPLES:
        raise DatasetError(f"the data set names more than {MOST_SAMPLES} samples, or never ends; audit it in parts.")
    unused: Callable[[], Sequence[Skipped]] = getattr(dataset, "skipped", list)
    excluded = list(unused())
    notes: list[str] = []
    if not isinstance(dataset, PictureFiles):  # PictureFiles checks names and resolves aliases itself
        samples = [_checked_sample(sample) for sample in samples]
        note = similar_names_note({sample.subject for sample in samples}, with_names=False)
        notes += [f"{note}."] if note else []
    if exclude:
        samples, left_out, unmatched = _apply_exclusions(read_exclusions(exclude), samples, exclude)
        excluded += left_out
        notes += unmatched
    inspected = _inspect_samples(dataset, samples, progress or Silent(), decode)
    excluded += [Skipped(item.sample.key, f"unreadable: {item.failure}") for item in inspected if item.failure]
    inspected = [item for item in inspected if not item.failure]
    inspected, unknown = _without_unknown_hands(inspected)
    inspected, duplicates = _without_duplicates(inspected)
    inspected, aliases, others = _without_aliases(inspected)
    excluded += unknown + duplicates + others
    counts = Counter(item.sample.identity for item in inspected)
    single = sorted(identity for identity, count in counts.items() if count == 1)
    return Inspection(
        samples=[item.sample for item in inspected],
        digests=[item.digest for item in inspected],
        sizes=[item.size for item in inspected],
        excluded=excluded,
        exclusions=[Exclusion(reason=reason, count=count) for reason, count in _counts_by_reason(excluded)],
        aliases=aliases,
        single=single,
        fingerprint=fingerprint([item.sample for item in inspected], [item.digest for item in inspected]),
        notes=notes + _notes(len(unknown), len(duplicates), aliases, len(others), len(single)),
    )


def _checked_sample(sample: object) -> Sample:
    """Validate a sample of a third-party adapter and convert its subject to text."""
    key: object = getattr(sample, "key", None)
    if not isinstance(sample, Sample) or not isinstance(key, str) or not key:
        raise DatasetError(f"the data set gave {shortened(sample)} where a Sample with a text for a key is needed.")
    subject: object = sample.subject
    if isinstance(subject, int | np.integer) and not isinstance(subject, bool):
        return replace(sample, subject=str(subject))
    if not isinstance(subject, str) or not subject.strip() or subject in MISSING_VALUES:
        raise DatasetError(
            f"sample '{key}' has no subject ({shortened(subject)}); the data set must say whose it is, or leave it out."
        )
    return sample


def fingerprint(samples: Iterable[Sample], digests: Iterable[str]) -> str:
    """SHA-256, in hex, over key, identity and content of every sample, in the order of the keys."""
    lines = sorted(f"{s.key}\0{s.identity}\0{digest}\n" for s, digest in zip(samples, digests, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _apply_exclusions(
    listed: Set[str], samples: Sequence[Sample], path: Path
) -> tuple[list[Sample], list[Skipped], list[str]]:
    keys = {sample.key for sample in samples}
    unknown = len(listed - keys)
    if listed and unknown == len(listed):
        raise UsageError(f"the exclusion list {path} names no sample of this data set.")
    unmatched = f"{unknown} entries of the exclusion list name no sample of this data set." if unknown else ""
    return (
        [sample for sample in samples if sample.key not in listed],
        [Skipped(key, EXCLUDED) for key in sorted(keys & listed)],
        [unmatched] if unmatched else [],
    )


def _inspect_samples(dataset: Dataset, samples: Sequence[Sample], progress: Progress, decode: bool) -> list[_Inspected]:
    limit: Any = getattr(dataset, "max_pixels", MAX_PIXELS)
    with progress.stage("looking over the data set", len(samples)) as stage, ThreadPoolExecutor(available()) as pool:

        def inspected_sample(sample: Sample) -> _Inspected:
            try:
                size = None
                if decode:
                    height, width = dataset.read(sample).shape[:2]
                    size = (width, height)
                elif sample.path is not None:
                    size = image_size(sample.path, max_pixels=limit)
                return _Inspected(sample, dataset.digest(sample), size)
            except SampleError as error:
                return _Inspected(sample, failure=str(error))
            finally:
                stage.advance()

        return list(pool.map(inspected_sample, samples))


def _without_unknown_hands(inspected: Sequence[_Inspected]) -> tuple[list[_Inspected], list[Skipped]]:
    known = {item.sample.subject for item in inspected if item.sample.hand}
    unknown = [item.sample.key for item in inspected if not item.sample.hand and item.sample.subject in known]
    retained = [item for item in inspected if item.sample.hand or item.sample.subject not in known]
    return retained, [Skipped(key, UNKNOWN_HAND) for key in unknown]


def _without_duplicates(inspected: Sequence[_Inspected]) -> tuple[list[_Inspected], list[Skipped]]:
    seen: set[tuple[str, str]] = set()
    retained, left_out = [], []
    for item in inspected:
        content = (item.sample.identity, item.digest)
        if content in seen:
            left_out.append(Skipped(item.sample.key, DUPLICATE))
        else:
            retained.append(item)
        seen.add(content)
    return retained, left_out


def _without_aliases(
    inspected: Sequence[_Inspected],
) -> tuple[list[_Inspected], list[tuple[str, ...]], list[Skipped]]:
    holders: dict[str, set[str]] = defaultdict(set)
    for item in inspected:
        holders[item.digest].add(item.sample.identity)
    first = _connected(identities for identities in holders.values() if len(identities) > 1)
    groups: dict[str, list[str]] = defaultdict(list)
    for identity in sorted(first):
        groups[first[identity]].append(identity)
    retained, left_out = [], []
    for item in inspected:
        if first.get(item.sample.identity, item.sample.identity) == item.sample.identity:
            retained.append(item)
        else:
            left_out.append(Skipped(item.sample.key, ALIAS))
    return retained, [tuple(group) for group in groups.values()], left_out


def _connected(sets: Iterable[set[str]]) -> dict[str, str]:
    """Map each member to the first, by name, of its connected component."""
    first: dict[str, str] = {}
    for members in sets:
        everyone = set(members)
        for member in members:
            everyone |= {other for other, its in first.items() if its == first.get(member)}
        first |= dict.fromkeys(everyone, min(everyone))
    return first


def _counts_by_reason(excluded: Iterable[Skipped]) -> list[tuple[str, int]]:
    return sorted(Counter(item.reason for item in excluded).items(), key=lambda item: (-item[1], item[0]))


def counted(count: int, one: str, many: str) -> str:
    """Format a count with its singular or plural noun."""
    return f"{count} {one if count == 1 else many}"


def _notes(unknown: int, duplicates: int, aliases: Sequence[tuple[str, ...]], left_out: int, single: int) -> list[str]:
    notes = []
    if unknown:
        notes.append(
            f"{counted(unknown, 'picture does', 'pictures do')} not tell the hand, while others of the same subject "
            "do; such pictures are left out, because nothing says whether both show one hand. Fill in the hand, or "
            "leave it out for all pictures of a subject."
        )
    if duplicates:
        repeating = counted(duplicates, "picture repeats", "pictures repeat")
        notes.append(f"{repeating} another one of the same identity; each is used once.")
    if aliases:
        sharing = counted(sum(len(group) - 1 for group in aliases), "identity shares", "identities share")
        notes.append(
            f"{sharing} a picture with another one: probably one hand under two names; "
            f"{counted(left_out, 'picture is', 'pictures are')} left out. Join them with the data set's option "
            "'aliases', or exclude the shared pictures; see: deidkit datasets check"
        )
    if single:
        alone = counted(single, "identity has", "identities have")
        notes.append(f"{alone} one sample only, for impostors, never for genuine pairs.")
    return notes
