"""A small U-Net and its training. Needs torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

LEVELS = (12, 24, 48)
"""Channels at half, a quarter and an eighth of a picture's size."""

BATCH = 16
LEARNING_RATE = 3e-3
_GROUPS = 4


class UNet(nn.Module):
    """U-Net (Ronneberger et al., MICCAI 2015) of three levels with group normalisation and global spatial mixing."""

    def __init__(self, side: int) -> None:
        super().__init__()
        fine, middle, coarse = LEVELS
        self.down1, self.down2 = _convolutions(4, fine), _convolutions(fine, middle)
        self.bottom1, self.bottom2 = _convolutions(middle, coarse), _convolutions(coarse, coarse)
        self.mixing = nn.Linear((side // 8) ** 2, (side // 8) ** 2)
        self.up2, self.up1 = _convolutions(coarse + middle, middle), _convolutions(middle + fine, fine)
        self.last = nn.Conv2d(fine, 4, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, 1, side, side) -> the same shape; side is a multiple of 8."""
        fine = self.down1(F.pixel_unshuffle(pictures, 2))
        middle = self.down2(F.avg_pool2d(fine, 2))
        bottom = self.bottom1(F.avg_pool2d(middle, 2))
        # Convolutions are local; content that was moved far needs a connection between any two places.
        bottom = self.bottom2(bottom + self.mixing(bottom.flatten(2)).reshape(bottom.shape))
        middle = self.up2(torch.cat([F.interpolate(bottom, scale_factor=2.0), middle], dim=1))
        fine = self.up1(torch.cat([F.interpolate(middle, scale_factor=2.0), fine], dim=1))
        return F.pixel_shuffle(self.last(fine), 2)


def train(copies: Tensor, originals: Tensor, steps: int, seed: int, check: Callable[[], None]) -> UNet:
    """Train a U-Net to map copies to originals, by least squares.

    Args:
        copies: (n, 1, side, side) float32.
        originals: The same shape.
        steps: AdamW steps, each on 16 pairs, with cosine decay of the learning rate to 0.
        seed: Of the initial weights and of the order of the pairs.
        check: Called before each step; an exception it raises ends the training.
    """
    draw = torch.Generator().manual_seed(seed)
    network = UNet(copies.shape[-1])
    _initialise(network, draw)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        check()
        rows = torch.randint(len(copies), (BATCH,), generator=draw)
        loss = F.mse_loss(network(copies[rows]), originals[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return network.eval()


def restore(network: UNet, copies: Tensor) -> Tensor:
    """Apply a network to (n, 1, side, side) copies."""
    with torch.inference_mode():
        return torch.cat([network(part) for part in torch.split(copies, BATCH)])


def _convolutions(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(_GROUPS, outputs), nn.SiLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.GroupNorm(_GROUPS, outputs), nn.SiLU(),
    )  # fmt: skip


def _initialise(network: nn.Module, draw: torch.Generator) -> None:
    """Draw the weights from a given generator, since torch's global one is shared by all threads."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu", generator=draw)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    assert isinstance(network, UNet)
    nn.init.zeros_(network.mixing.weight)
