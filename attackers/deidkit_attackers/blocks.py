"""T3, learned: undoes a permutation, rotation, mirroring or inversion of blocks that is the same in every picture."""

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
"""Block sides that are tried, in pixels."""

_ORIENTATIONS: tuple[Callable[[NDArray[np.float32]], NDArray[np.float32]], ...] = (
    lambda blocks: blocks,
    lambda blocks: blocks[..., ::-1],
    lambda blocks: blocks[..., ::-1, :],
    lambda blocks: blocks[..., ::-1, ::-1],
    lambda blocks: blocks.swapaxes(-1, -2),
    lambda blocks: blocks.swapaxes(-1, -2)[..., ::-1],
    lambda blocks: blocks.swapaxes(-1, -2)[..., ::-1, :],
    lambda blocks: blocks.swapaxes(-1, -2)[..., ::-1, ::-1],
)
"""The eight symmetries of a square, applied to the last two axes."""


@dataclass(frozen=True)
class Blocks(LearnedRestoration):
    """Learns which block of a copy shows which block of the original, and in which orientation.

    Blocks are matched by their correlation over the training pairs, with one optimal assignment for all blocks (Kuhn
    1955). This undoes a permutation with a fixed key, inverted zones and local mirroring. It corresponds to the learned
    part of the permutation solvers of Fantomas (Todt et al., PETS 2024).
    """

    weak: ClassVar[str] = "permuted"

    def learn(self, originals: NDArray[np.float32], copies: NDArray[np.float32], material: AttackMaterial) -> Restore:
        """Learn the assignment for each block size; see `LearnedRestoration.learn`."""
        shared = copies.mean(axis=0)
        maps = {side: _assignment(originals - originals.mean(axis=0), copies - shared, side) for side in _SIDES}

        def restore(pictures: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
            return {f"blocks of {side}": _rearrange(pictures - shared, *maps[side]) for side in _SIDES}

        return restore


def _assignment(
    originals: NDArray[np.float32], copies: NDArray[np.float32], side: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each block of the original: index of the copy's block, index into `_ORIENTATIONS`, and sign."""
    from scipy.optimize import linear_sum_assignment

    wanted = _normalised(_split(originals, side))
    shown = _normalised(_split(copies, side))
    count = wanted.shape[1]
    flat = wanted.transpose(1, 0, 2, 3).reshape(count, -1)
    correlations = np.stack(
        [flat @ turn(shown).transpose(1, 0, 2, 3).reshape(count, -1).T / len(originals) for turn in _ORIENTATIONS]
    )
    turns = np.abs(correlations).argmax(axis=0)
    strongest = np.take_along_axis(correlations, turns[None], axis=0)[0]
    own, partner = linear_sum_assignment(-np.abs(strongest))
    return partner, turns[own, partner], np.sign(strongest[own, partner]).astype(np.float32)


def _rearrange(
    pictures: NDArray[np.float32], partner: NDArray[np.intp], turns: NDArray[np.intp], signs: NDArray[np.float32]
) -> NDArray[np.float32]:
    across = int(len(partner) ** 0.5)
    side = ROI_SIZE // across
    shown = _split(pictures, side)
    result = np.empty_like(shown)
    for place, (block, turn, sign) in enumerate(zip(partner, turns, signs, strict=True)):
        result[:, place] = sign * _ORIENTATIONS[turn](shown[:, block])
    return (
        result.reshape(len(pictures), across, across, side, side)
        .swapaxes(2, 3)
        .reshape(len(pictures), ROI_SIZE, ROI_SIZE)
    )


def _split(pictures: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(n, 128, 128) -> (n, blocks, side, side), blocks in row-major order."""
    across = ROI_SIZE // side
    return (
        pictures.reshape(len(pictures), across, side, across, side)
        .swapaxes(2, 3)
        .reshape(len(pictures), across**2, side, side)
    )


def _normalised(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Normalise each block to mean 0 and norm 1; flat blocks become 0."""
    centred = blocks - blocks.mean(axis=(2, 3), keepdims=True)
    sizes = np.linalg.norm(centred, axis=(2, 3), keepdims=True)
    return np.asarray(np.divide(centred, sizes, out=np.zeros_like(centred), where=sizes > 1e-3), np.float32)
