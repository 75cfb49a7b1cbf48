"""Files that PyTorch would run rather than read."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.serialization import _is_zipfile

from deidkit.errors import MissingModel


def refuse_program(path: Path) -> None:
    """Refuse what `torch.load` would hand to TorchScript, which runs what a file says at its loading.

    No unpickler keeps from it, and ``weights_only`` only does since PyTorch 2.6. Such a file is known by the record
    that `torch.load` looks for, with the reader that it uses.

    Raises:
        MissingModel: It is one.
        RuntimeError: It is an archive that is damaged.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        if _is_zipfile(file) and "constants.pkl" in torch._C.PyTorchFileReader(file).get_all_records():
            raise MissingModel(
                f"{path} is a TorchScript program, which would run when loaded; give the model's tensors alone, "
                "as a state dictionary or as safetensors."
            )
