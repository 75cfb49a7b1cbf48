"""Checks of a recognizer's declarations and results against its contract."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.pairs import Block
from deidkit.errors import DeidkitError, PluginError
from deidkit.protocols import Recognizer
from deidkit.result import Component


def checked_templates(recognizer: Component, templates: NDArray[Any], pictures: int) -> NDArray[Any]:
    """Return a recognizer's templates after checking them.

    Raises:
        PluginError: They are not an array with one row per picture, or contain numbers that are not finite.
    """
    if templates.ndim < 2 or templates.shape[0] != pictures or templates.dtype == object:
        raise PluginError(
            f"recognizer '{recognizer.name}' of {recognizer.distribution} breaks its contract: extract() gave "
            f"{templates.dtype} of shape {templates.shape} for {pictures} picture{'s' if pictures != 1 else ''}."
        )
    if templates.dtype.kind == "f" and not np.isfinite(templates).all():
        raise PluginError(
            f"recognizer '{recognizer.name}' of {recognizer.distribution} breaks its contract: a template holds values "
            "that are not finite."
        )
    return templates


def compared(recognizer: Recognizer, probes: Block, references: Block) -> NDArray[np.floating]:
    """Distances of pictures, float32 or float64; the minimum over hands for pictures of several."""
    scores = _compared(recognizer, "compare", np.floating, probes, references)
    dtype = np.float32 if scores.dtype == np.float32 else np.float64  # the kernels are compiled for these
    return np.require(scores, dtype, ["C", "W"])


def compared_in_steps(recognizer: Recognizer, probes: Block, references: Block) -> NDArray[np.uint16]:
    """Distances as whole steps, of a recognizer that declares `distance_steps`."""
    return _compared(recognizer, "compare_in_steps", np.uint16, probes, references)


def _compared(recognizer: Recognizer, how: str, kind: Any, probes: Block, references: Block) -> NDArray[Any]:
    try:
        returned = getattr(recognizer, how)(probes.data, references.data)
        scores = np.asarray(np.ma.filled(returned, np.nan) if np.ma.is_masked(returned) else returned)
    except (DeidkitError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginError(
            f"recognizer {type(recognizer).__name__} raised {error!r} when asked to compare; report it to its authors."
        ) from error
    expected = (len(probes.data), len(references.data))
    if scores.shape != expected or not np.issubdtype(scores.dtype, kind):
        raise PluginError(
            f"recognizer {type(recognizer).__name__} breaks its contract: {how}() gave {scores.dtype} of shape "
            f"{scores.shape}, wanted {'floats' if kind is np.floating else kind.__name__} of shape {expected}."
        )
    for axis, block in enumerate((probes, references)):
        if block.starts is not None:
            scores = np.minimum.reduceat(scores, block.starts, axis=axis)
    return np.require(scores, None, ["C", "W"])


def rounding(low: float, high: float) -> float:
    """Tolerance for scores outside of a range, due to rounding."""
    return 1e-6 * max(1.0, high - low)


def out_of_range(recognizer: Recognizer) -> str:
    """Error message for scores outside of a recognizer's range."""
    low, high = recognizer.score_range
    return (
        f"recognizer {type(recognizer).__name__} breaks its contract: compare() gave scores that are not finite or "
        f"lie outside of its score_range {low:g} to {high:g}."
    )


def steps_of(recognizer: Recognizer) -> int | None:
    """Number of distance steps, None if it declares none. Raises PluginError if the declaration is invalid."""
    steps = getattr(recognizer, "distance_steps", None)
    if steps is not None and (not isinstance(steps, int) or not 1 <= steps < 2**16 - 1):
        raise PluginError(
            f"recognizer {type(recognizer).__name__} breaks its contract: its distance_steps are {steps!r}, not None "
            "or a whole number from 1 to 65534."
        )
    return steps


def check_range(recognizer: Recognizer) -> None:
    """Raise PluginError if the declared range of scores is empty or not finite."""
    low, high = recognizer.score_range
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise PluginError(
            f"recognizer {type(recognizer).__name__} breaks its contract: its score_range {low:g} to {high:g} must be "
            "finite and ascending."
        )
