"""Settings of one training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from deidkit.result import Component
from deidkit.training.examples import Examples


@dataclass(frozen=True)
class TrainingJob:
    """Training data, duration and output of one training run.

    Attributes:
        trainer: What is trained, as a report names it.
        output: Folder of the weights, the checkpoint and the model card; made when missing.
        resume: Go on from the checkpoint in the folder, if there is one.
        epochs: How often each training picture is shown, or None for the trainer's own number. Exclusive with
            `minutes`.
        minutes: Length of the training proper in minutes, over all its sessions, or None.
        batch: Pictures a step, or None for the trainer's own number.
        seed: Seed of all random numbers.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: Of the arithmetic; ``auto``: float32 on a CPU, bfloat16 on a GPU. Weights are float32 always.
        held_out: Share of the identities that is kept from training and measured on, 0..1.
        first: If not None, the split is by picture instead: the first so many of each identity are trained on, the
            others are measured on.
        description: What the data is, in a few words, for the weights' card and every report that uses them.
        components: Data set and hand analysis, as a report names them.
    """

    trainer: Component
    examples: Examples
    output: Path
    resume: bool = False
    epochs: float | None = None
    minutes: float | None = None
    batch: int | None = None
    seed: int = 0
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    held_out: float = 0.1
    first: int | None = None
    description: str = ""
    licence: str = "not stated"
    components: list[Component] = field(default_factory=list)
