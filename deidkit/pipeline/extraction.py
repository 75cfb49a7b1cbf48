"""Extraction of templates from pictures, including failures to acquire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.contract import checked_templates
from deidkit.errors import PluginError, SampleError
from deidkit.hand import AnalyzedImage
from deidkit.pipeline.isolation import PrivateImage
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.process_state import ProcessState
from deidkit.plugins import Loaded
from deidkit.protocols import Failure, GreyImage, Recognizer


@dataclass
class ExtractedTemplates:
    """Templates of some pictures by one recognizer.

    Attributes:
        rows: Picture index of each template, ascending; one per hand with a template.
        templates: (k, ...) templates; None if there are none.
        failures: Picture index -> reason why none of its hands has a template.
    """

    rows: list[int] = field(default_factory=list)
    templates: NDArray[Any] | None = None
    failures: dict[int, Failure] = field(default_factory=dict)


@dataclass(frozen=True)
class TemplateExtraction:
    """Extracts templates with one recognizer; a failure does not affect other pictures."""

    recognizer: Loaded[Recognizer]
    warnings: PluginWarnings
    state: ProcessState

    def run(
        self, images: Sequence[AnalyzedImage | Failure], rois: Sequence[Sequence[GreyImage | Failure]]
    ) -> ExtractedTemplates:
        """Extract templates from pictures, or from the palm ROIs of all hands, depending on the recognizer's input.

        Raises:
            PluginError: The recognizer breaks its contract.
        """
        extracted = ExtractedTemplates()
        usable: list[Any] = []
        by_hand = self.recognizer.plugin.input == "roi"
        for row, (image, regions) in enumerate(zip(images, rois, strict=True)):
            for item in regions if by_hand else [image]:
                if isinstance(item, Failure):
                    extracted.failures.setdefault(row, item)
                else:
                    extracted.rows.append(row)
                    usable.append(item)
        if not usable:
            return extracted
        try:
            extracted.templates = self._extracted(usable)
        except (KeyboardInterrupt, PluginError):
            raise
        except BaseException:
            self._one_by_one(usable, extracted)
        for row in extracted.rows:  # one hand with a template is enough
            extracted.failures.pop(row, None)
        return extracted

    def _one_by_one(self, usable: list[Any], extracted: ExtractedTemplates) -> None:
        rows, templates = [], []
        for row, item in zip(extracted.rows, usable, strict=True):
            try:
                templates.append(self._extracted([item]))
                rows.append(row)
            except SampleError as error:
                extracted.failures.setdefault(row, Failure("template", str(error)))
            except (KeyboardInterrupt, PluginError):
                raise
            except BaseException as error:  # a recognizer that exits must not end the audit as a success
                self.warnings.raised("recognizer", self.recognizer.component.name, error)
                extracted.failures.setdefault(row, Failure("template", f"the recognizer raised {type(error).__name__}"))
        extracted.rows = rows
        extracted.templates = np.concatenate(templates) if templates else None

    def _extracted(self, usable: Sequence[Any]) -> NDArray[Any]:
        inputs = [PrivateImage(item) if isinstance(item, AnalyzedImage) else item.copy() for item in usable]
        plugin, component = self.recognizer
        with self.state.restored_after(f"recognizer '{component.name}'", self.warnings, thread_safe=plugin.thread_safe):
            array = np.array(plugin.extract(inputs))
        return checked_templates(component, array, len(usable))
