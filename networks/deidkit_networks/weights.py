"""Weight files: safetensors with a description of what they are. Pickles are refused: loading one runs its code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from deidkit.atomic import replacing
from deidkit.errors import MissingModel, UsageError, os_errors_as
from deidkit_networks.pickled import is_pickled

Network = TypeVar("Network", bound=nn.Module)

FORMAT = "deidkit-1"
"""Of the description."""

LARGEST_SETTING = 16_384
"""No width, depth or side of a network is larger; a damaged file may claim any."""


@dataclass(frozen=True)
class Weights:
    """The tensors of a network and what they are.

    Attributes:
        architecture: Which network, e.g. ``ccnet``.
        settings: What the network is built from; ready for JSON.
        trained_on: The training data in a few words, as reports print it.
        card: Everything else that is known: data fingerprint, length, held-out error rates; ready for JSON.
    """

    architecture: str
    settings: dict[str, Any]
    trained_on: str
    tensors: dict[str, Tensor]
    card: dict[str, Any] = field(default_factory=dict)


def load(path: Path, architecture: str) -> Weights:
    """Read a weight file, made by ``deidkit train``, of a network of this architecture.

    Raises:
        MissingModel: It is not there, not a safetensors file, cut off, or of another network.
    """
    if not path.is_file():
        raise MissingModel(f"there is no weight file {path}; give one made by: deidkit train {architecture}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except OSError as error:
        raise MissingModel(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        raise MissingModel(_not_safetensors(path)) from error
    return _described(path, architecture, metadata, tensors)


def _described(path: Path, architecture: str, metadata: dict[str, str], tensors: dict[str, Tensor]) -> Weights:
    if metadata.get("format") != FORMAT:
        raise MissingModel(
            f"{path} does not say which network its weights are of; give a file made by: deidkit train {architecture}"
        )
    for name in ("architecture", "settings", "trained_on", "card"):
        if name not in metadata:
            raise MissingModel(f"{path}: its description is damaged, '{name}' is absent; {_REMEDY}")
    if metadata["architecture"] != architecture:
        raise MissingModel(f"{path} holds weights of '{metadata['architecture']}', not of '{architecture}'.")
    settings, card = (_mapping(metadata[name], name, path) for name in ("settings", "card"))
    if not isinstance(held_out := card.get("held_out", {}), dict) or not all(map(_is_number, held_out.values())):
        raise MissingModel(
            f"{path}: its description is damaged, 'held_out' in its card is not a table of numbers; {_REMEDY}"
        )
    return Weights(architecture, settings, metadata["trained_on"], tensors, card)


_REMEDY = "copy or make the file again."


def _mapping(text: str, name: str, path: Path) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MissingModel(f"{path}: its description is damaged, '{name}' is not JSON; {_REMEDY}") from error
    if not isinstance(values, dict):
        raise MissingModel(f"{path}: its description is damaged, '{name}' is not a JSON object; {_REMEDY}")
    return values


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _not_safetensors(path: Path) -> str:
    if is_pickled(path):
        return (
            f"{path} is a pickled checkpoint, which can run code when it is loaded; convert it to safetensors on a "
            "machine that may run it."
        )
    return f"{path} is not a safetensors file, or is cut off; fetch or copy it again."


def save(path: Path, weights: Weights, *, half: bool = True) -> None:
    """Write a weight file, whole or not at all. Raises UsageError where it cannot be written."""
    tensors = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for name, tensor in weights.tensors.items()
    }
    metadata = {
        "format": FORMAT,
        "architecture": weights.architecture,
        "settings": json.dumps(weights.settings, sort_keys=True),
        "trained_on": weights.trained_on,
        "card": json.dumps(weights.card, sort_keys=True),
    }
    unwritable = f"{path} cannot be written"
    with os_errors_as(UsageError, unwritable), replacing(path, partial=f".{path.name}.part") as partial:
        safetensors.torch.save_file(tensors, partial, metadata)


def build(make: Callable[[Mapping[str, Any]], Network], weights: Weights, path: Path) -> Network:
    """The network that weights are of, filled with them as float32 and set to evaluation.

    It is laid out without memory at first and compared with the tensors, so that a damaged description costs nothing.

    Raises:
        MissingModel: The settings do not describe a network, or not the one of the tensors.
    """
    large = next((n for n in _numbers(weights.settings) if not abs(n) <= LARGEST_SETTING), None)
    if large is not None:
        raise MissingModel(f"{path}: its settings hold {large:g}, larger than any network's; {_REMEDY}")
    try:
        with torch.device("meta"):
            planned = make(weights.settings)
    except (KeyError, TypeError, ValueError, ArithmeticError, LookupError, RuntimeError, AssertionError) as error:
        raise MissingModel(
            f"{path}: its settings do not describe a network of {weights.architecture}; {_REMEDY}"
        ) from error
    _check(planned, weights, path)
    network = make(weights.settings)
    fill(network, weights, path)
    return network


def _numbers(values: object) -> Iterator[float]:
    """Every number among settings, however deep."""
    if isinstance(values, dict | list):
        for value in values.values() if isinstance(values, dict) else values:
            yield from _numbers(value)
    elif isinstance(values, int | float):
        yield values


def fill(module: nn.Module, weights: Weights, path: Path) -> None:
    """Put weights into a network, as float32, and set it to evaluation.

    Raises:
        MissingModel: A tensor is missing, unknown, or of another shape.
    """
    _check(module, weights, path)
    expected = module.state_dict()
    module.load_state_dict({name: tensor.to(expected[name].dtype) for name, tensor in weights.tensors.items()})
    module.eval()


def _check(module: nn.Module, weights: Weights, path: Path) -> None:
    """Raises MissingModel where the tensors are not those of a network."""
    expected = module.state_dict()
    for name in sorted(expected.keys() ^ weights.tensors.keys()):
        what = "lacks" if name in expected else "has an unknown"
        raise MissingModel(f"{path} {what} tensor '{name}': it was made for another version of {weights.architecture}.")
    for name, tensor in weights.tensors.items():
        if tensor.shape != expected[name].shape:
            raise MissingModel(
                f"{path}: tensor '{name}' has shape {tuple(tensor.shape)}, the network needs "
                f"{tuple(expected[name].shape)}."
            )
    if not all(torch.isfinite(tensor).all() for tensor in weights.tensors.values() if tensor.is_floating_point()):
        raise MissingModel(f"{path} holds values that are not finite; train or fetch it again.")
