"""T3, learned: blocks that were moved, turned, mirrored or inverted, the same way in every picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial
from deidkit.protocols import ROI_SIZE
from deidkit_attackers.learned import LearnedRestoration, Restore

_SIDES = (8, 16, 32)
"""Sides of blocks in pixels."""

_TURNS: tuple[Callable[[NDArray[np.float32]], NDArray[np.float32]], ...] = (
    lambda blocks: blocks,
    lambda blocks: blocks[..., ::-1],
    lambda blocks: blocks[..., ::-1, :],
    lambda blocks: blocks[..., ::-1, ::-1],
    lambda blocks: blocks.swapaxes(-1, -2),
    lambda blocks: blocks.swapaxes(-1, -2)[..., ::-1],
    lambda blocks: blocks.swapaxes(-1, -2)[..., ::-1, :],
    lambda blocks: blocks.swapaxes(-1, -2)[..., ::-1, ::-1],
)
"""The eight ways to lay down a square."""


@dataclass(frozen=True)
class Blocks(LearnedRestoration):
    """Learns which block of a copy shows which block of the original, and how it lies.

    Two blocks belong together where they correlate over the pairs; the best assignment of all is found at once (Kuhn
    1955). It undoes a permutation with a fixed key, inversion of zones, and local mirroring. The learned part of the
    permutation solvers of Fantomas (Todt et al., PETS 2024).
    """

    weak: ClassVar[str] = "permuted"

    def learn(self, originals: NDArray[np.float32], copies: NDArray[np.float32], material: AttackMaterial) -> Restore:
        """The assignment for each size of block; see `LearnedRestoration.learn`."""
        shared = copies.mean(axis=0)
        maps = {side: _assignment(originals - originals.mean(axis=0), copies - shared, side) for side in _SIDES}

        def restore(pictures: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
            return {f"blocks of {side}": _rearranged(pictures - shared, *maps[side]) for side in _SIDES}

        return restore


def _assignment(
    originals: NDArray[np.float32], copies: NDArray[np.float32], side: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each block of the original the block of the copy, the way it lies, and its sign."""
    from scipy.optimize import linear_sum_assignment

    wanted = _unit(_cut(originals, side))
    shown = _unit(_cut(copies, side))
    count = wanted.shape[1]
    flat = wanted.transpose(1, 0, 2, 3).reshape(count, -1)
    correlations = np.stack(
        [flat @ turn(shown).transpose(1, 0, 2, 3).reshape(count, -1).T / len(originals) for turn in _TURNS]
    )
    turns = np.abs(correlations).argmax(axis=0)
    strongest = np.take_along_axis(correlations, turns[None], axis=0)[0]
    own, partner = linear_sum_assignment(-np.abs(strongest))
    return partner, turns[own, partner], np.sign(strongest[own, partner]).astype(np.float32)


def _rearranged(
    pictures: NDArray[np.float32], partner: NDArray[np.intp], turns: NDArray[np.intp], signs: NDArray[np.float32]
) -> NDArray[np.float32]:
    across = int(len(partner) ** 0.5)
    side = ROI_SIZE // across
    shown = _cut(pictures, side)
    result = np.empty_like(shown)
    for place, (block, turn, sign) in enumerate(zip(partner, turns, signs, strict=True)):
        result[:, place] = sign * _TURNS[turn](shown[:, block])
    return (
        result.reshape(len(pictures), across, across, side, side)
        .swapaxes(2, 3)
        .reshape(len(pictures), ROI_SIZE, ROI_SIZE)
    )


def _cut(pictures: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(n, 128, 128) -> (n, blocks, side, side), row by row."""
    across = ROI_SIZE // side
    return (
        pictures.reshape(len(pictures), across, side, across, side)
        .swapaxes(2, 3)
        .reshape(len(pictures), across**2, side, side)
    )


def _unit(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blocks of mean 0 and norm 1; flat ones are 0."""
    centred = blocks - blocks.mean(axis=(2, 3), keepdims=True)
    sizes = np.linalg.norm(centred, axis=(2, 3), keepdims=True)
    return np.asarray(np.divide(centred, sizes, out=np.zeros_like(centred), where=sizes > 1e-3), np.float32)
