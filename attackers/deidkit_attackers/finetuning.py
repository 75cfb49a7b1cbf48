"""Training of a network's head on copies of other people. Needs torch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from deidkit.errors import NotComputable
from deidkit_attackers.deep import in_one_thread
from deidkit_attackers.selection import by_row, splits

if TYPE_CHECKING:
    from deidkit.attacks import AttackMaterial

DECAY = 1e-2
"""Of the distance of weights from what they were: few people teach little."""

_EMBEDDED_AT_ONCE = 64


@dataclass(frozen=True)
class Course:
    """How long and how fast something is trained.

    Attributes:
        steps: Of the training.
        batch: Copies in each step.
        rate: Of Adam.
    """

    steps: int
    batch: int
    rate: float


Seen = NDArray[np.float32] | NDArray[np.uint8]
"""What a head or a whole network takes: features or regions."""


@dataclass(frozen=True)
class Pairs:
    """What is learned from.

    Attributes:
        copies: (n, d) features of copies, or (n, 128, 128) regions.
        of_copies: (n,) whose they are.
        originals: (m, d) features of originals, or (m, 128, 128) regions.
        of_originals: (m,) whose they are.
    """

    copies: Seen
    of_copies: NDArray[np.int32]
    originals: Seen
    of_originals: NDArray[np.int32]


def distances(
    network: nn.Module, course: Course, ours: Seen, theirs: Seen, material: AttackMaterial
) -> NDArray[np.float32]:
    """Copies of each fold, embedded by what was trained on the other folds, against originals embedded as ever.

    Args:
        network: A head or a whole network.
        course: Of the training.
        ours: What it takes of the copies of `material`.
        theirs: What it takes of the originals.
        material: Whose they are.

    Returns:
        (copies, originals) float32 as `by_row` gives them.

    Raises:
        NotComputable: Fewer than 3 other people can be learned from.
    """
    copies, originals = material.copies.labels, material.originals.labels
    gallery = embedded(network, theirs)
    found = np.zeros((len(copies), len(originals)), np.float32)
    for attacked, learned, known in splits(copies, originals, material.folds):
        if len(np.unique(copies.identities[learned])) < 3:
            raise NotComputable("Fewer than 3 other people can be learned from.", "Use more subjects.")
        pairs = Pairs(ours[learned], copies.identities[learned], theirs[known], originals.identities[known])
        trained = in_one_thread(tuned, network, pairs, course, material.seed, material.check)
        found[attacked] = by_row(-in_one_thread(embedded, trained, ours[attacked]) @ gallery.T)
    return found


def tuned(network: nn.Module, pairs: Pairs, course: Course, seed: int, check: Callable[[], None]) -> nn.Module:
    """A head or network that embeds copies where the given one embeds originals of the same people.

    The given one stays what it is and embeds originals; learned is the angle between some copies at a time and the
    originals of their people, with Adam and a pull back to the given weights. Nobody is pushed away from others: those
    who are not learned from would be the only ones whom nothing pushed away, and so be found by that alone.

    Args:
        network: As it was trained before.
        pairs: Copies and originals of other people.
        course: How long, and how fast.
        seed: Of the order of the copies.
        check: Called before each step; what it raises ends the training.
    """
    draw = torch.Generator().manual_seed(seed)
    start = {name: part.detach() for name, part in network.named_parameters()}
    learned = copy.deepcopy(network)
    seen = torch.from_numpy(pairs.copies)
    targets = torch.from_numpy(embedded(network, pairs.originals))
    same = torch.from_numpy(pairs.of_copies[:, None] == pairs.of_originals[None])
    optimizer = torch.optim.Adam(learned.parameters(), course.rate)
    for _ in range(course.steps):
        check()
        rows = torch.randperm(len(seen), generator=draw)[: course.batch]
        cosines = _unit(learned(seen[rows])) @ targets.T
        own = same[rows]
        loss = 1 - (cosines * own).sum(dim=1) / own.sum(dim=1).clamp(min=1)
        pull = sum((part - start[name]).square().sum() for name, part in learned.named_parameters())
        optimizer.zero_grad()
        (loss.mean() + DECAY * pull).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return learned


def embedded(network: nn.Module, seen: Seen) -> NDArray[np.float32]:
    """Features or regions -> (n, k) templates of length 1, of length 0 where a network says nothing."""
    with torch.inference_mode():
        parts = torch.split(torch.tensor(seen), _EMBEDDED_AT_ONCE)
        return np.asarray(torch.cat([_unit(network(part)) for part in parts]).numpy(), np.float32)


def _unit(templates: Tensor) -> Tensor:
    return F.normalize(templates, dim=1)
