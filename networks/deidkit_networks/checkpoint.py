"""The state of a running training; a kill leaves the last one whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from deidkit.atomic import replacing
from deidkit.errors import UsageError
from deidkit_networks.programs import refuse_program


def write(path: Path, state: dict[str, Any]) -> None:
    """Replace a checkpoint. Raises UsageError where it cannot be written; the one before is kept."""
    try:
        with replacing(path, partial=f".{path.name}.part") as partial, partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{path} cannot be written: {error}. The previous checkpoint is kept.") from error


def read(path: Path) -> dict[str, Any]:
    """A checkpoint; nothing in it is executed. Raises UsageError where it is damaged."""
    try:
        refuse_program(path)
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UsageError(f"{path} is damaged: delete it to start again, or choose another output folder.") from error
    return state
