"""What recognizers built on a network have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deidkit.errors import SampleError
from deidkit_networks.weights import Weights

CHUNK = 16
"""Pictures a network sees at a time, always: kernels may round differently for another number."""


def embed(run: Callable[[Tensor], Tensor], pictures: NDArray[Any], device: torch.device) -> NDArray[np.float32]:
    """Embeddings of length 1, each the same whatever else is in the batch.

    Args:
        run: The network: (CHUNK, ...) -> (CHUNK, d).
        pictures: (n, ...) of any dtype that torch has.
        device: Where the network is.

    Returns:
        (n, d) float32.

    Raises:
        SampleError: An embedding has length zero or is not finite.
    """
    parts = []
    with torch.inference_mode():
        for start in range(0, len(pictures), CHUNK):
            part = pictures[start : start + CHUNK]
            padded = np.zeros((CHUNK, *part.shape[1:]), part.dtype)
            padded[: len(part)] = part
            embedded = run(torch.from_numpy(padded).to(device))
            parts.append(embedded[: len(part)].float().cpu().numpy())
    embeddings = np.concatenate(parts)
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise SampleError("the network gave an embedding of length zero or with values that are not finite")
    return np.asarray(embeddings / lengths, np.float32)


def remark(weights: Weights, *, embedded: bool) -> str:
    """What a reader must know about the weights: one sentence, for the log and the report.

    Args:
        weights: As loaded.
        embedded: Whether they are the ones that deidkit brings.
    """
    sentence = f"{'the embedded' if embedded else 'given'} weights, trained on {weights.trained_on}"
    rate = weights.card.get("held_out", {}).get("eer_percent")
    return f"{sentence}; EER {rate:.2g} % on held-out identities of the same kind" if rate is not None else sentence
