"""Fine-tuning of a network, or of its head, on copies of other people. Needs torch."""

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
"""Weight of the squared distance from the initial weights, which limits overfitting to few people."""

_EMBEDDING_BATCH = 64


@dataclass(frozen=True)
class Course:
    """Training schedule.

    Attributes:
        steps: Number of optimizer steps.
        batch: Copies per step.
        rate: Learning rate of Adam.
    """

    steps: int
    batch: int
    rate: float


Seen = NDArray[np.float32] | NDArray[np.uint8]
"""Input of a head (features) or of a whole network (regions)."""


@dataclass(frozen=True)
class Pairs:
    """Training data.

    Attributes:
        copies: (n, d) features of copies, or (n, 128, 128) regions.
        of_copies: (n,) identity of each copy.
        originals: (m, d) features of originals, or (m, 128, 128) regions.
        of_originals: (m,) identity of each original.
    """

    copies: Seen
    of_copies: NDArray[np.int32]
    originals: Seen
    of_originals: NDArray[np.int32]


def distances(
    network: nn.Module, course: Course, ours: Seen, theirs: Seen, material: AttackMaterial
) -> NDArray[np.float32]:
    """Compare copies, embedded by a network trained on the other folds, with originals embedded by the given network.

    Args:
        network: A head or a whole network.
        course: Training schedule.
        ours: Network inputs of the copies of `material`.
        theirs: Network inputs of its originals.
        material: Supplies labels, folds and seed.

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
        trained = in_one_thread(fine_tune, network, pairs, course, material.seed, material.check)
        found[attacked] = by_row(-in_one_thread(embedded, trained, ours[attacked]) @ gallery.T)
    return found


def fine_tune(network: nn.Module, pairs: Pairs, course: Course, seed: int, check: Callable[[], None]) -> nn.Module:
    """Train a head or network to embed copies close to the originals of the same people.

    Originals are embedded by the given network, which is not changed. The loss is one minus the cosine between a copy
    and its person's originals, plus a penalty on the distance from the initial weights. No term pushes people apart:
    people outside the training set would be the only ones not pushed away, and would be recognizable by that.

    Args:
        network: The pretrained head or network.
        pairs: Copies and originals of other people.
        course: Training schedule.
        seed: Of the order of the copies.
        check: Called before each step; an exception it raises ends the training.
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
    """Features or regions -> (n, k) templates of norm 1, or of norm 0 where the network's output is zero."""
    with torch.inference_mode():
        parts = torch.split(torch.tensor(seen), _EMBEDDING_BATCH)
        return np.asarray(torch.cat([_unit(network(part)) for part in parts]).numpy(), np.float32)


def _unit(templates: Tensor) -> Tensor:
    return F.normalize(templates, dim=1)
