"""Weight files of PyTorch that others published, as state dictionaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deidkit.errors import MissingModel
from deidkit_networks.programs import refuse_program


def fill(network: nn.Module, path: Path, prefix: str = "") -> Any:
    """Give a network its weights from a file, of which nothing is run.

    Args:
        network: What is filled; tensors of the file that it has no place for are left out, none of its own may lack.
        path: A ``.pth`` file.
        prefix: Of the names in the file that are meant.

    Returns:
        The network, ready to be asked.

    Raises:
        MissingModel: The file cannot be read, or is of another network.
    """
    try:
        refuse_program(path)
        given = torch.load(path, map_location="cpu", weights_only=True)
    except MissingModel:
        raise
    except Exception as error:  # whatever a damaged file makes of unpickling
        raise MissingModel(f"{path} cannot be read as weights of PyTorch; fetch it again.") from error
    own = network.state_dict()
    optional = {name for name in own if name.endswith("num_batches_tracked")}  # not in files of before 2018
    state = {name: given[prefix + name] for name in own if isinstance(given, dict) and prefix + name in given}
    for name in own.keys() - optional:
        if name not in state or not isinstance(state[name], Tensor) or state[name].shape != own[name].shape:
            raise MissingModel(f"{path} is of another network: it has no {prefix + name} of the right shape.")
    network.load_state_dict(state, strict=False)
    return network.eval().requires_grad_(False)
