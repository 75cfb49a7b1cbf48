"""What a recognizer declares and returns, held against its contract."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.pairs import Block
from deidkit.errors import DeidkitError, PluginError
from deidkit.protocols import Recognizer


def compared(recognizer: Recognizer, probes: Block, references: Block) -> NDArray[np.floating]:
    """Distances of pictures, float32 or float64: for several hands, those of the two that are most alike."""
    scores = _compared(recognizer, "compare", np.floating, probes, references)
    kept = np.float32 if scores.dtype == np.float32 else np.float64  # what the loops are compiled for
    return np.require(scores, kept, ["C", "W"])


def compared_in_steps(recognizer: Recognizer, probes: Block, references: Block) -> NDArray[np.uint16]:
    """Distances as whole steps, of a recognizer that declares `distance_steps`."""
    return _compared(recognizer, "compare_in_steps", np.uint16, probes, references)


def _compared(recognizer: Recognizer, how: str, kind: Any, probes: Block, references: Block) -> NDArray[Any]:
    try:
        scores = np.asarray(getattr(recognizer, how)(probes.data, references.data))
    except (DeidkitError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginError(
            f"recognizer {type(recognizer).__name__} raised {error!r} when asked to compare; tell its authors."
        ) from error
    wanted = (len(probes.data), len(references.data))
    if scores.shape != wanted or not np.issubdtype(scores.dtype, kind):
        raise PluginError(
            f"recognizer {type(recognizer).__name__} breaks its contract: {how}() gave {scores.dtype} of shape "
            f"{scores.shape}, wanted {'floats' if kind is np.floating else kind.__name__} of shape {wanted}."
        )
    for axis, block in enumerate((probes, references)):
        if block.starts is not None:
            scores = np.minimum.reduceat(scores, block.starts, axis=axis)
    return np.require(scores, None, ["C", "W"])


def out_of_range(recognizer: Recognizer) -> str:
    """What is said of a recognizer whose scores leave its range."""
    low, high = recognizer.score_range
    return (
        f"recognizer {type(recognizer).__name__} breaks its contract: compare() gave scores that are not finite or "
        f"lie outside of its score_range {low:g} to {high:g}."
    )


def steps_of(recognizer: Recognizer) -> int | None:
    """Whole steps of its distances, None where it declares none. Raises PluginError where they are no such number."""
    steps = getattr(recognizer, "distance_steps", None)
    if steps is not None and (not isinstance(steps, int) or not 1 <= steps < 2**16 - 1):
        raise PluginError(
            f"recognizer {type(recognizer).__name__} breaks its contract: its distance_steps are {steps!r}, not None "
            "or a whole number from 1 to 65534."
        )
    return steps


def check_range(recognizer: Recognizer) -> None:
    """Raise PluginError where the range of scores that a recognizer declares is none."""
    low, high = recognizer.score_range
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise PluginError(
            f"recognizer {type(recognizer).__name__} breaks its contract: its score_range {low:g} to {high:g} must be "
            "finite and ascending."
        )
