"""Runs an engine on a batch and holds what comes back against the contract."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from deidkit.audit.heard import Note, raised
from deidkit.errors import DeidkitError, PluginError, SampleError
from deidkit.hand import AnalyzedImage
from deidkit.protocols import Engine, Failure, Image
from deidkit.result import Component


def seeds_of(engine: Engine, wanted: int) -> list[int]:
    """The seeds an engine is run with: one where others would give the same picture again."""
    return list(range(wanted if engine.diverse else 1))


def turns(plugin: object) -> AbstractContextManager[object]:
    """Lets through one caller of a plugin at a time, or all at once where it says that it is thread-safe."""
    return nullcontext() if getattr(plugin, "thread_safe", False) else Lock()


def reusable(engine: Engine) -> bool:
    """Whether an engine's copies may serve another audit than the one that made them."""
    return bool(getattr(engine, "reusable", True))


def ask(engine: Engine, component: Component, method: str, *given: object) -> Any:
    """Call what an engine may offer beside its contract; None where it does not offer it.

    Args:
        engine: The engine.
        component: Its description.
        method: ``expect``, ``input_digest`` or ``coverage``.
        given: Arguments.

    Raises:
        DeidkitError: What it raises, if that is one; a PluginError that names it, else.
    """
    call = getattr(engine, method, None)
    if call is None:
        return None
    try:
        return call(*given)
    except DeidkitError:
        raise
    except Exception as error:
        raise PluginError(
            f"engine '{component.label}' of {component.distribution} raised {error!r} when asked for its {method}; "
            "tell its authors."
        ) from error


def stop(engine: Engine) -> None:
    """Have an engine end what is under way, where it can; whatever it raises at that must not keep others from it."""
    with suppress(Exception):
        getattr(engine, "stop", lambda: None)()


def run(
    engine: Engine,
    component: Component,
    images: Sequence[AnalyzedImage],
    seeds: Sequence[int],
    note: Note,
) -> list[list[Image | Failure]]:
    """De-identify pictures, as many at a time as the engine wants; one that fails does not take others with it.

    Returns:
        For each picture one item per seed: a picture or why there is none. Of an engine with ``any_size`` it may be of
        another size than the original.
    """
    if len(images) > engine.batch_size:
        parts = (images[start : start + engine.batch_size] for start in range(0, len(images), engine.batch_size))
        return [result for part in parts for result in run(engine, component, part, seeds, note)]
    try:
        outputs = [list(items) for items in engine.deidentify(images, seeds)]
        if len(outputs) != len(images):
            raise ValueError(f"{len(outputs)} results for {len(images)} pictures")
    except (Exception, SystemExit) as error:  # an engine that ends the process must not end the audit as a success
        if isinstance(error, DeidkitError) and not isinstance(error, SampleError):
            raise  # a sentence for the user: the service does not answer, a model is gone
        if len(images) > 1:
            return [run(engine, component, [image], seeds, note)[0] for image in images]
        if isinstance(error, SampleError):
            failure = Failure("engine", str(error))
        else:
            raised("engine", component.name, error, note)
            failure = Failure("engine", f"the engine raised {type(error).__name__}")
        return [[failure] * len(seeds)]
    any_size = bool(getattr(engine, "any_size", False))
    checked = [_checked(items, image, len(seeds), any_size) for items, image in zip(outputs, images, strict=True)]
    for reason in sorted({item.reason for of_one in checked for item in of_one if isinstance(item, _Breach)}):
        note(f"engine '{component.name}' breaks its contract: {reason}")
    return [[Failure(item.stage, item.reason) if isinstance(item, _Breach) else item for item in c] for c in checked]


@dataclass(frozen=True, slots=True)
class _Breach:
    """Something an engine returned that its contract does not allow."""

    reason: str
    stage: str = "engine"


def _checked(
    items: list[Image | Failure], image: AnalyzedImage, count: int, any_size: bool
) -> list[Image | Failure | _Breach]:
    if len(items) != count:
        return [_Breach(f"the engine returned {len(items)} pictures for {count} seeds")] * count
    return [item if isinstance(item, Failure) else _checked_picture(item, image.pixels, any_size) for item in items]


def _checked_picture(output: Image, original: Image, any_size: bool) -> Image | _Breach:
    is_picture = getattr(output, "dtype", None) == np.uint8 and output.shape[2:] == (3,) and output.size
    if not is_picture:
        return _Breach("the engine returned something that is not an RGB uint8 picture")
    if output.shape != original.shape and not any_size:
        return _Breach("the engine returned a picture of another size")
    return output
