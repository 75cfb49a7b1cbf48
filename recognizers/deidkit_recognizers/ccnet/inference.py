"""CCNet's blocks on a CPU, prepared once for many pictures; results equal the network's up to rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from deidkit_recognizers.ccnet.competition_kernels import FEATURES, features_of
from deidkit_recognizers.ccnet.filter_kernels import TOGETHER, filter_symmetric
from deidkit_recognizers.ccnet.network import CHANNEL_WEIGHT, CCNet, Competition, CompetitiveBlock, LearnableGabor


class Folded(NamedTuple):
    """Weights of a bank of symmetric filters, as `filter_symmetric` takes them.

    Attributes:
        half: The filters' side is 2 half + 1.
        even: (groups, taps, TOGETHER) float32.
        odd: (groups, taps, TOGETHER) float32.
    """

    half: int
    even: NDArray[np.float32]
    odd: NDArray[np.float32]


def folded(filters: NDArray[np.float64]) -> Folded:
    """Weights for the sums and differences of four mirrored pixels.

    Args:
        filters: (n, side, side) at angles of i pi / n: each the same after half a turn, filter n - i the mirror image
            of filter i. What rounding has left of a difference between the halves is averaged.
    """
    half = filters.shape[1] // 2
    turned = (filters + filters[:, ::-1, ::-1]) / 2
    right, left = turned[:, half:, half:], turned[:, half:, half::-1]
    share = np.ones((half + 1, half + 1))  # on an axis two of the four pixels are one, in the centre all
    share[0] /= 2
    share[:, 0] /= 2
    count = len(filters)
    even, odd = (right + left) / 2 * share, (right - left) / 2
    return Folded(half, _grouped(even[: count // 2 + 1]), _grouped(odd[1 : (count - 1) // 2 + 1]))


def _grouped(weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """(n, y, x) -> (groups, taps, TOGETHER), the last group filled up with zeros."""
    count, taps = len(weights), weights.shape[1] * weights.shape[2]
    groups = -(-count // TOGETHER)
    filled = np.zeros((groups * TOGETHER, taps), np.float32)
    filled[:count] = weights.reshape(count, taps)
    return np.ascontiguousarray(filled.reshape(groups, TOGETHER, taps).transpose(0, 2, 1))


@dataclass(frozen=True)
class _Order:
    """A filter bank and its subsequent layers; see `filter_symmetric` and `features_of`."""

    filters: int
    bank: Folded
    squeeze: NDArray[np.float32]
    excite: NDArray[np.float32]
    convolution: NDArray[np.float32]
    bias: NDArray[np.float32]

    @classmethod
    def of(cls, gabor: LearnableGabor, competition: Competition) -> _Order:
        bias = competition.convolution.bias
        assert bias is not None
        weights = _array(competition.convolution.weight)  # (FEATURES, n, 5, 5)
        return cls(
            weights.shape[1],
            folded(_array(gabor.kernels()[:, 0]).astype(np.float64)),
            _array(competition.squeeze.weight),
            _array(competition.excite.weight),
            np.ascontiguousarray(weights.reshape(*weights.shape[:2], -1).transpose(1, 2, 0)),
            _array(bias),
        )

    def responses(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        found = np.empty((self.filters, len(picture) // 2, len(picture) // 2), np.float32)
        filter_symmetric(picture, *self.bank, found)
        return found

    def features(self, responses: NDArray[np.float32], features: NDArray[np.float32]) -> None:
        side = (responses.shape[1] - 3) // 4
        found = features.reshape(FEATURES, side, side)
        features_of(responses, CHANNEL_WEIGHT, self.squeeze, self.excite, self.convolution, self.bias, found)


class Blocks:
    """The three competitive blocks of a network.

    Args:
        network: On a CPU, in single precision.
    """

    FIRST_ORDER = FEATURES * 15 * 15
    """Features of a block that are of its first order."""

    def __init__(self, network: CCNet) -> None:
        self._blocks: list[tuple[_Order, _Order]] = []
        for block in network.blocks:
            assert isinstance(block, CompetitiveBlock)
            first = _Order.of(block.first_gabor, block.first)
            self._blocks.append((first, _Order.of(block.second_gabor, block.second)))

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """See `CCNet.features`: (n, 1, 128, 128) -> (n, 13152); independent of the batch."""
        found = np.empty((len(pictures), CCNet.FEATURES), np.float32)
        for picture, of_picture in zip(pictures[:, 0].numpy(), found, strict=True):
            for (first, second), of_block in zip(self._blocks, of_picture.reshape(len(self._blocks), -1), strict=True):
                responses = first.responses(picture)
                again = second.responses(responses.sum(axis=0))  # all responses are filtered by the same bank
                first.features(responses, of_block[: self.FIRST_ORDER])
                second.features(again, of_block[self.FIRST_ORDER :])
        return torch.from_numpy(found)


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.detach().float().numpy())
