"""Embeddings of pictures by a network: functions that recognizers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deidkit.errors import SampleError
from deidkit_networks.weights import Weights

GPU_CHUNK = 64
"""Pictures a network sees at a time on a GPU, always; kernels may round differently for another number. On a CPU, which
gains little from more, it sees one."""


def embed(run: Callable[..., Tensor], device: torch.device, *inputs: NDArray[Any]) -> NDArray[np.float32]:
    """Embeddings of length 1, each the same whatever else is in the batch: bit for bit on a CPU, to rounding on a GPU.

    Args:
        run: The network: one (k, ...) tensor for each input -> (k, d).
        device: Where the network is.
        inputs: (n, ...) each, of any dtype that torch has.

    Returns:
        (n, d) float32.

    Raises:
        SampleError: An embedding has length zero or is not finite.
    """
    parts = []
    chunk = 1 if device.type == "cpu" else GPU_CHUNK
    with torch.inference_mode():
        for start in range(0, len(inputs[0]), chunk):
            taken = [each[start : start + chunk] for each in inputs]
            count = len(taken[0])
            padded = [np.concatenate([each, np.repeat(each[-1:], chunk - count, axis=0)]) for each in taken]
            embedded = run(*(torch.from_numpy(each).to(device) for each in padded))
            parts.append(embedded[:count].float().cpu().numpy())
    embeddings = np.concatenate(parts)
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise SampleError("the network gave an embedding of length zero or with values that are not finite")
    return np.asarray(embeddings / lengths, np.float32)


def features_of(run: Callable[[Tensor], Tensor], device: torch.device, pictures: NDArray[Any]) -> NDArray[np.float32]:
    """(n, d) float32 that a network says of pictures, each the same whatever else is in the batch; as `embed` else."""
    chunk = 1 if device.type == "cpu" else GPU_CHUNK
    parts = [np.empty((0, 0), np.float32)] if not len(pictures) else []
    with torch.inference_mode():
        for start in range(0, len(pictures), chunk):
            taken = pictures[start : start + chunk]
            padded = np.concatenate([taken, np.repeat(taken[-1:], chunk - len(taken), axis=0)])
            parts.append(run(torch.from_numpy(padded).to(device))[: len(taken)].float().cpu().numpy())
    return np.concatenate(parts)


def remark(weights: Weights, *, embedded: bool) -> str:
    """What a reader must know about the weights: one sentence, for the log and the report."""
    sentence = f"{'the embedded' if embedded else 'given'} weights, trained on {weights.trained_on}"
    rate = weights.card.get("held_out", {}).get("eer_percent")
    return f"{sentence}; EER {rate:.2g} % on held-out identities of the same kind" if rate is not None else sentence
