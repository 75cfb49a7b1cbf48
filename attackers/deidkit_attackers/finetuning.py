"""Training of a network's head on copies of other people. Needs torch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

BATCH = 64
LEARNING_RATE = 3e-4
DECAY = 1e-2
"""Of the head's distance from what it was: few people teach little."""


@dataclass(frozen=True)
class Pairs:
    """What is learned from.

    Attributes:
        copies: (n, d) features of copies.
        of_copies: (n,) whose they are.
        originals: (m, d) features of originals.
        of_originals: (m,) whose they are.
    """

    copies: NDArray[np.float32]
    of_copies: NDArray[np.int32]
    originals: NDArray[np.float32]
    of_originals: NDArray[np.int32]


def tuned(head: nn.Module, pairs: Pairs, steps: int, seed: int, check: Callable[[], None]) -> nn.Module:
    """A head that embeds copies where the given one embeds originals of the same people.

    The given head stays what it is and embeds originals; learned is the angle between 64 copies at a time and the
    originals of their people, with Adam and a pull back to the given weights. Nobody is pushed away from others: those
    who are not learned from would be the only ones whom nothing pushed away, and so be found by that alone.

    Args:
        head: As it was trained before.
        pairs: Copies and originals of other people.
        steps: Of the training.
        seed: Of the order of the copies.
        check: Called before each step; what it raises ends the training.
    """
    draw = torch.Generator().manual_seed(seed)
    start = dict(head.named_parameters())
    learned = copy.deepcopy(head)
    features = torch.from_numpy(pairs.copies)
    targets = torch.from_numpy(embedded(head, pairs.originals))
    same = torch.from_numpy(pairs.of_copies[:, None] == pairs.of_originals[None])
    optimizer = torch.optim.Adam(learned.parameters(), LEARNING_RATE)
    for _ in range(steps):
        check()
        rows = torch.randperm(len(features), generator=draw)[:BATCH]
        cosines = _unit(learned(features[rows])) @ targets.T
        own = same[rows]
        loss = 1 - (cosines * own).sum(dim=1) / own.sum(dim=1).clamp(min=1)
        pull = sum((part - start[name].detach()).square().sum() for name, part in learned.named_parameters())
        optimizer.zero_grad()
        (loss.mean() + DECAY * pull).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return learned


def embedded(head: nn.Module, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, d) features -> (n, k) templates of length 1, of length 0 where a head says nothing."""
    with torch.inference_mode():
        return np.asarray(_unit(head(torch.from_numpy(features))).numpy(), np.float32)


def _unit(templates: Tensor) -> Tensor:
    return F.normalize(templates, dim=1)
