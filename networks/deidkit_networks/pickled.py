"""State dictionaries that others have pickled with PyTorch: their tensors are read, nothing in them is run."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from deidkit.errors import MissingModel
from deidkit_networks.programs import refuse_program

BEGINNINGS = (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""First bytes of an archive of PyTorch, and of a pickle."""


def is_pickled(path: Path) -> bool:
    """Whether a file that is there begins like a checkpoint of PyTorch. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return file.read(2) in BEGINNINGS


def state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dictionary, by name.

    Args:
        path: Made by ``torch.save(network.state_dict(), ...)``, of one network or of one spread over several GPUs.

    Raises:
        MissingModel: It cannot be read, holds something other than tensors, or is a program.
    """
    try:
        refuse_program(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except MissingModel:
        raise
    except OSError as error:
        raise MissingModel(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # whatever a damaged file, or one that asks for other objects, makes of unpickling
        raise MissingModel(
            f"{path} is damaged, or holds other things than tensors, which are not loaded; give the network's state "
            "dictionary alone, or copy the file again."
        ) from error
    if not isinstance(loaded, dict) or not loaded or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise MissingModel(f"{path} is a checkpoint of PyTorch, but not a state dictionary of named tensors.")
    return {str(name).removeprefix("module."): value for name, value in loaded.items()}
