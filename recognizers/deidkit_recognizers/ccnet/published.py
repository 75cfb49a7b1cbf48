"""Import of weights from the authors' program: a state dictionary with the names of their classes."""

from __future__ import annotations

import math
import re
from pathlib import Path

import torch
from torch import Tensor

from deidkit.errors import MissingModel
from deidkit_networks.pickled import state_dict
from deidkit_networks.weights import Weights
from deidkit_recognizers.ccnet.network import CCNetShape

CLASSIFIER = "arclayer_.weight"
"""Classifier weights, needed for training only; its rows are the palms of the training set."""

BLOCKS = 3
ORDERS = {"first": ("gabor_conv2d", "se1", "conv1_1"), "second": ("gabor_conv2d2", "se2", "conv2_1")}
"""Orders of a block -> names of their parts in the authors' program."""


def read(path: Path, architecture: str) -> Weights:
    """The weights in a ``.pth`` file of the authors' program.

    Fixed orientations and phases of the filters are compared with the published values. The weight of the competition
    across channels is not in the file: 0.8 is the program's.

    Raises:
        MissingModel: It is not a state dictionary of CCNet, or of one with other filters; the message names a tensor.
    """
    tensors = state_dict(path)
    classes = len(tensors.pop(CLASSIFIER, ()))
    _check_filters(tensors, path)
    names = {theirs: ours for ours, theirs in _names().items()}
    if unknown := sorted(tensors.keys() - names.keys()):
        raise MissingModel(f"{path} is not a state dictionary of CCNet: it has an unknown tensor '{unknown[0]}'.")
    if missing := sorted(names.keys() - tensors.keys()):
        raise MissingModel(f"{path} is not a state dictionary of CCNet: it has no tensor '{missing[0]}'.")
    first, second, third = (len(tensors[f"cb{block}.se1.fc.0.weight"]) for block in range(1, BLOCKS + 1))
    shape = CCNetShape((first, second, third), len(tensors["fc.bias"]), len(tensors["fc1.bias"]))
    palms = f"{classes} palms, of which" if classes else "palms of which"
    return Weights(
        architecture=architecture,
        settings=shape.values(),
        trained_on=f"{palms} their file does not say the data set",
        tensors={names[name]: tensor for name, tensor in tensors.items()},
    )


def _names() -> dict[str, str]:
    """Our name of each learned tensor -> the authors' name."""
    names: dict[str, str] = {}
    for block in range(BLOCKS):
        for order, (gabor, squeeze, convolution) in ORDERS.items():
            ours, theirs = f"blocks.{block}.{order}", f"cb{block + 1}"
            names |= {
                f"{ours}_gabor.gamma": f"{theirs}.{gabor}.gamma",
                f"{ours}_gabor.sigma": f"{theirs}.{gabor}.sigma",
                f"{ours}_gabor.frequency": f"{theirs}.{gabor}.f",
                f"{ours}.squeeze.weight": f"{theirs}.{squeeze}.fc.0.weight",
                f"{ours}.excite.weight": f"{theirs}.{squeeze}.fc.2.weight",
                f"{ours}.convolution.weight": f"{theirs}.{convolution}.weight",
                f"{ours}.convolution.bias": f"{theirs}.{convolution}.bias",
            }
    for ours, theirs in (("hidden", "fc"), ("embedding", "fc1")):
        names |= {f"{ours}.{kind}": f"{theirs}.{kind}" for kind in ("weight", "bias")}
    return names


_FIXED = re.compile(r"cb\d\.gabor_conv2d2?\.(theta|psi)")


def _check_filters(tensors: dict[str, Tensor], path: Path) -> None:
    """Remove fixed tensors, and reject values that differ from the published ones."""
    for name in [name for name in tensors if _FIXED.fullmatch(name)]:
        values = tensors.pop(name).float()
        right = torch.zeros_like(values)
        if name.endswith("theta"):
            right = torch.arange(len(values), dtype=torch.float32) * math.pi / len(values)
        if not torch.allclose(values, right, atol=1e-5):
            raise MissingModel(f"{path} holds another network than the published CCNet: '{name}' has other values.")
