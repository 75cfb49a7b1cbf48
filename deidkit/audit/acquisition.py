"""From a picture to templates: what an attacker has to do with each one, failures included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.audit.heard import Note, raised
from deidkit.errors import PluginError, SampleError
from deidkit.hand import AnalyzedImage, HandAnalysis
from deidkit.protocols import Failure, GreyImage, Recognizer
from deidkit.result import Component


@dataclass
class Acquired:
    """Templates of a batch for one recognizer.

    Attributes:
        rows: Position in the batch of each template.
        templates: (k, ...) templates; None where there is none at all.
        failures: Position -> why there is no template.
    """

    rows: list[int] = field(default_factory=list)
    templates: NDArray[Any] | None = None
    failures: dict[int, Failure] = field(default_factory=dict)


def roi(analysis: HandAnalysis, image: AnalyzedImage) -> GreyImage | Failure:
    """The palm ROI of a picture, or why there is none."""
    try:
        return analysis.roi(image)
    except SampleError as error:
        return Failure("roi" if image.hands or image.sample.kind == "roi" else "hand", str(error))


def acquire(
    recognizer: Recognizer,
    component: Component,
    images: Sequence[AnalyzedImage | Failure],
    palm_rois: Sequence[GreyImage | Failure],
    note: Note,
) -> Acquired:
    """Extract the templates of a batch; one picture that fails does not take the others with it."""
    inputs = palm_rois if recognizer.input == "roi" else images
    acquired = Acquired()
    usable: list[Any] = []
    for row, item in enumerate(inputs):
        if isinstance(item, Failure):
            acquired.failures[row] = item
        else:
            acquired.rows.append(row)
            usable.append(item)
    if not usable:
        return acquired
    try:
        acquired.templates = _checked(recognizer.extract(usable), len(usable), component)
    except PluginError:
        raise
    except (Exception, SystemExit):
        _one_by_one(recognizer, component, usable, acquired, note)
    return acquired


def _one_by_one(
    recognizer: Recognizer, component: Component, usable: list[Any], acquired: Acquired, note: Note
) -> None:
    rows, templates = [], []
    for row, item in zip(acquired.rows, usable, strict=True):
        try:
            templates.append(_checked(recognizer.extract([item]), 1, component))
            rows.append(row)
        except SampleError as error:
            acquired.failures[row] = Failure("template", str(error))
        except PluginError:
            raise
        except (Exception, SystemExit) as error:
            raised("recognizer", component.name, error, note)
            acquired.failures[row] = Failure("template", f"the recognizer raised {type(error).__name__}")
    acquired.rows = rows
    acquired.templates = np.concatenate(templates) if templates else None


def _checked(templates: Any, count: int, component: Component) -> NDArray[Any]:
    array = np.asarray(templates)
    if array.ndim < 2 or array.shape[0] != count or array.dtype == object:
        raise PluginError(
            f"recognizer '{component.name}' of {component.distribution} breaks its contract: extract() gave "
            f"{array.dtype} of shape {array.shape} for {count} pictures."
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise PluginError(
            f"recognizer '{component.name}' of {component.distribution} breaks its contract: a template holds "
            "values that are not finite."
        )
    return array


def integers(values: Sequence[int]) -> NDArray[np.int32]:
    """(n,) int32, also when empty."""
    return np.asarray(values, dtype=np.int32)
